package vuln

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"
)

// fetcher downloads with a few retries, bounded in bytes.
type fetcher struct {
	client *http.Client
	opt    DBOptions
}

const (
	attempts      = 3
	maxRetryAfter = 30 * time.Second
)

func newFetcher(opt DBOptions) *fetcher {
	transport := opt.Transport
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: opt.RootCAs}
		transport = t
	}
	return &fetcher{opt: opt, client: &http.Client{
		Transport: transport,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) >= 10 {
				return errors.New("more than 10 redirects")
			}
			if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
				return errors.New("redirected from https to " + req.URL.Scheme)
			}
			return nil
		},
	}}
}

// statusError is an answer other than 200 and 304.
type statusError struct {
	code  int
	after time.Duration
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the server answered %d %s", e.code, http.StatusText(e.code))
}

func (e *statusError) retry() bool {
	return e.code == http.StatusTooManyRequests || e.code >= 500
}

// get copies the body at u, at most limit bytes of it, into the writer that open
// returns, once for each attempt. It returns the entity tag, and false when the server
// said that the entity with the tag known is still the newest.
func (f *fetcher) get(ctx context.Context, u *url.URL, known string, limit int64, open func() (io.Writer, error)) (tag string, fresh bool, err error) {
	for attempt := range attempts {
		tag, fresh, err = f.try(ctx, u, known, limit, open)
		var status *statusError
		switch {
		case err == nil, ctx.Err() != nil, errors.Is(err, errTooLarge), attempt == attempts-1:
			return tag, fresh, err
		case errors.As(err, &status) && !status.retry():
			return tag, fresh, err
		}
		wait := f.opt.RetryWait << attempt
		if status != nil && status.after > 0 {
			wait = min(status.after, maxRetryAfter)
		}
		f.opt.Logger.Debug("download failed, trying again", "url", redact(u), "error", err, "wait", wait)
		select {
		case <-ctx.Done():
			return "", false, err
		case <-time.After(wait):
		}
	}
	return tag, fresh, err
}

func (f *fetcher) try(ctx context.Context, u *url.URL, known string, limit int64, open func() (io.Writer, error)) (tag string, fresh bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", false, withoutURL(err)
	}
	req.Header.Set("User-Agent", f.opt.UserAgent)
	if known != "" {
		req.Header.Set("If-None-Match", known)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return "", false, withoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }() // what counts was read by then
	switch {
	case resp.StatusCode == http.StatusNotModified && known != "":
		return known, false, nil
	case resp.StatusCode != http.StatusOK:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // a date, or none, is 0
		return "", false, &statusError{code: resp.StatusCode, after: time.Duration(seconds) * time.Second}
	case resp.ContentLength > limit:
		return "", false, fmt.Errorf("%w: %d bytes, at most %d are accepted", errTooLarge, resp.ContentLength, limit)
	}
	w, err := open()
	if err != nil {
		return "", false, err
	}
	if _, err := io.Copy(w, &boundedReader{r: resp.Body, left: limit, limit: limit}); err != nil {
		return "", false, withoutURL(err)
	}
	return resp.Header.Get("ETag"), true, nil
}

// download writes the archive at u to the file name and returns its checksum.
func (f *fetcher) download(ctx context.Context, u *url.URL, known, name string) (checksum, tag string, fresh bool, err error) {
	out, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", "", false, err
	}
	sum := sha256.New()
	tag, fresh, err = f.get(ctx, u, known, f.opt.MaxArchive, func() (io.Writer, error) {
		sum.Reset() // a second attempt starts again
		if _, err := out.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		return io.MultiWriter(out, sum), out.Truncate(0)
	})
	if err = errors.Join(err, out.Close()); err != nil {
		return "", "", false, err
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), tag, fresh, nil
}

// withoutURL drops the URL from an error of net/http: its query may hold a secret.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// redact is a URL that can be shown: without user, query and fragment.
func redact(u *url.URL) string {
	c := *u
	c.User, c.RawQuery, c.Fragment, c.RawFragment = nil, "", "", ""
	return c.String()
}
