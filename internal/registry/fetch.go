package registry

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// fetch reads a whole answer of status 200, at most limit bytes, with repetitions.
func (r *repository) fetch(ctx context.Context, u *url.URL, header http.Header, limit int64, limitName, what string) ([]byte, http.Header, error) {
	if err := r.connect(ctx); err != nil {
		return nil, nil, err
	}
	u = r.settle(u)
	var (
		body []byte
		got  http.Header
	)
	err := r.retry(ctx, func() error {
		resp, err := r.get(ctx, u, header)
		if err != nil {
			return err
		}
		defer resp.Body.Close() //nolint:errcheck // read to its end or given up
		if resp.StatusCode != http.StatusOK {
			return r.refusal(u, resp)
		}
		if resp.ContentLength > limit {
			return unfinished(&LimitError{Limit: limitName, What: "size in bytes of " + what, Max: limit})
		}
		body, err = r.document(resp, limit, limitName, what)
		got = resp.Header
		return unfinished(err)
	})
	return body, got, err
}

// document reads a whole answer. One that was cut short is a broken transport, whether
// its length says so or only its text does.
func (r *repository) document(resp *http.Response, limit int64, limitName, what string) ([]byte, error) {
	content, err := decoded(resp)
	var body []byte
	if err == nil {
		body, err = readLimited(content, limit, limitName, what)
	}
	if err == nil && isCut(body) {
		err = fmt.Errorf("%s ends too early: %w", what, io.ErrUnexpectedEOF)
	}
	var broken *transportError
	if errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &broken) {
		err = &transportError{method: resp.Request.Method, url: bareURL(resp.Request.URL), err: err, secrets: r.secrets}
	}
	return body, err
}

// decoded is the document in an answer. Some proxies compress it although identity was
// asked for.
func decoded(resp *http.Response) (io.Reader, error) {
	switch strings.ToLower(resp.Header.Get("Content-Encoding")) {
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(resp.Body)
		if err == io.EOF { //nolint:errorlint // a Reader returns io.EOF itself
			err = io.ErrUnexpectedEOF
		}
		return z, err
	}
	return resp.Body, nil
}

// refusal is the error for an answer to asked that is no success. A 401 also tells why
// configured credentials could not be read, if that is so.
func (r *repository) refusal(asked *url.URL, resp *http.Response) error {
	err := statusError(resp.Request, resp, r.secrets)
	if !sameQuestion(asked, resp.Request.URL) {
		return &elsewhereError{host: resp.Request.URL.Host, status: err}
	}
	if resp.StatusCode == http.StatusUnauthorized {
		if problem := r.login(resp.Request.URL).readProblem(); problem != nil {
			return fmt.Errorf("%w; %w", err, problem)
		}
	}
	return err
}

// settle gives an address that was made before connect the scheme that it decided.
func (r *repository) settle(u *url.URL) *url.URL {
	if u.Scheme != "" {
		return u
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	settled := *u
	settled.Scheme = r.scheme
	return &settled
}
