package runcheck

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/imagegate/imagegate/internal/fault"
)

// errTakesNoMore ends the writing of an archive that the engine stopped reading.
var errTakesNoMore = errors.New("the engine takes no more")

// load gives the engine the image of an archive (Engine API, "Import images") under a
// name that is nobody else's, and returns it.
func (e *engine) load(ctx context.Context, image string, archive func(ctx context.Context, w io.Writer, name string) error) (string, error) {
	var unique [8]byte
	if _, err := rand.Read(unique[:]); err != nil {
		return "", fault.New(fault.Internal, "name the image", "", err)
	}
	name := "imagegate.invalid/run-check:" + hex.EncodeToString(unique[:])
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := archive(ctx, w, name)
		w.CloseWithError(err)
		written <- err
	}()
	err := e.send(ctx, "/images/load?quiet=1", r)
	r.CloseWithError(errTakesNoMore)
	if failed := <-written; failed != nil && err != nil && !errors.Is(failed, errTakesNoMore) {
		err = failed // the engine's own complaint only repeats it
	}
	switch {
	case ctx.Err() != nil:
		return name, ctx.Err()
	case err != nil:
		return name, fault.New(fault.Unavailable, "give the engine "+image, "load it by hand to see more: docker load", err)
	}
	return name, nil
}

// send posts an archive and reads the answer's stream for an error.
func (e *engine) send(ctx context.Context, path string, body io.Reader) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.base+api+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-tar")
	resp, err := e.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(io.LimitReader(resp.Body, maxBody))
	for lines.Scan() {
		var m struct{ Error, Message string }
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue
		}
		if resp.StatusCode >= http.StatusBadRequest && m.Message != "" {
			return &apiError{resp.StatusCode, m.Message}
		}
		if m.Error != "" {
			return errors.New(m.Error)
		}
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return &apiError{resp.StatusCode, resp.Status}
	}
	return lines.Err()
}

// unload takes the image away again. Another name of the same image stays.
func (e *engine) unload(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), firstWait)
	defer cancel()
	_, err := e.do(ctx, http.MethodDelete, "/images/"+name, url.Values{"force": {"1"}}, nil)
	if err != nil && !isNotFound(err) {
		return fault.New(fault.Internal, "remove the image "+name, fmt.Sprintf("remove it by hand: docker rmi %s", name), err)
	}
	return nil
}
