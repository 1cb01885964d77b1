// Package fetch downloads files over HTTP for the stages that need one: the
// vulnerability database and a vendor's feed. Registries have a client of their own.
//
// Every download is bounded in bytes, tried again a few times when the server is
// overloaded, silent or gone, and never redirected from https to http. Errors
// hold no URL that net/http put there, since its query may hold a secret.
//
// Start reading at [Client.Get].
package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Options configure a [Client]. The zero value is ready to use.
type Options struct {
	// Transport makes the requests. Nil means TLS 1.2 or later through the proxy of the
	// environment, with RootCAs.
	Transport http.RoundTripper
	// RootCAs are the trusted certificate authorities. Nil means the system's.
	RootCAs *x509.CertPool
	// UserAgent is sent with each request.
	UserAgent string
	// RetryWait is the pause before the second try; it doubles. 0 means 1 s.
	RetryWait time.Duration
	// IdleTimeout is how long a server may send nothing, before its answer or within it,
	// until the attempt is given up. 0 means 60 s.
	IdleTimeout time.Duration
	// Logger gets debug records. Nil discards them.
	Logger *slog.Logger
}

// Client downloads files. It is safe for use by several goroutines.
type Client struct {
	http *http.Client
	opt  Options
}

const (
	attempts      = 3
	maxRetryAfter = 30 * time.Second
)

// New makes a client.
func New(opt Options) *Client {
	if opt.RetryWait == 0 {
		opt.RetryWait = time.Second
	}
	if opt.IdleTimeout == 0 {
		opt.IdleTimeout = time.Minute
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	transport := opt.Transport
	if transport == nil {
		transport = Transport(opt.RootCAs)
	}
	return &Client{opt: opt, http: &http.Client{
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

// Transport is net/http's default, with the proxy of the environment, TLS 1.2 or later
// and these certificate authorities; nil means the system's.
func Transport(roots *x509.CertPool) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	return t
}

// StatusError is an answer other than 200 and 304.
type StatusError struct {
	Code int
	// Elsewhere is the host that answered, when the one that was asked redirected to it.
	Elsewhere string
	after     time.Duration
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("the server answered %d %s", e.Code, http.StatusText(e.Code))
	if e.Elsewhere != "" {
		text += ", after a redirect to " + e.Elsewhere
	}
	return text
}

// retry reports whether the same request may have a better answer in a moment.
func (e *StatusError) retry() bool {
	switch e.Code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	default:
		return e.Code >= 500
	}
}

// Get copies the body at u, at most limit bytes of it, into the writer that open
// returns, once for each attempt. It returns the entity tag, and false when the server
// said that the entity with the tag known is still the newest.
//
// The error is a *[StatusError], or wraps [ErrTooLarge], [ErrStalled] or the transport's
// own.
func (c *Client) Get(ctx context.Context, u *url.URL, known string, limit int64, open func() (io.Writer, error)) (tag string, fresh bool, err error) {
	return c.ask(ctx, request{method: http.MethodGet, url: u, known: known}, limit, open)
}

// Post sends a body of a media type to u, and copies what is answered as [Client.Get]
// does. It is for questions that are too long for a URL: it may be sent several times.
func (c *Client) Post(ctx context.Context, u *url.URL, mediaType string, body []byte, limit int64, open func() (io.Writer, error)) error {
	_, _, err := c.ask(ctx, request{method: http.MethodPost, url: u, mediaType: mediaType, body: body}, limit, open)
	return err
}

// request is what is asked, as often as it takes.
type request struct {
	method    string
	url       *url.URL
	known     string
	mediaType string
	body      []byte
}

func (c *Client) ask(ctx context.Context, q request, limit int64, open func() (io.Writer, error)) (tag string, fresh bool, err error) {
	for attempt := range attempts {
		tag, fresh, err = c.try(ctx, q, limit, open)
		var status *StatusError
		switch {
		case err == nil, ctx.Err() != nil, errors.Is(err, ErrTooLarge), attempt == attempts-1:
			return tag, fresh, err
		case errors.As(err, &status) && !status.retry():
			return tag, fresh, err
		}
		wait := c.opt.RetryWait << attempt
		if status != nil && status.after > 0 {
			wait = min(status.after, maxRetryAfter)
		}
		c.opt.Logger.Debug("download failed, trying again", "url", Redact(q.url), "error", err, "wait", wait)
		select {
		case <-ctx.Done():
			return "", false, err
		case <-time.After(wait):
		}
	}
	return tag, fresh, err
}

// Bytes returns the body at u, which has at most limit bytes. Its errors are those of
// [Client.Get].
func (c *Client) Bytes(ctx context.Context, u *url.URL, limit int64) ([]byte, error) {
	var body bytes.Buffer
	_, _, err := c.Get(ctx, u, "", limit, func() (io.Writer, error) {
		body.Reset() // a second attempt starts again
		return &body, nil
	})
	if err != nil {
		return nil, err
	}
	return body.Bytes(), nil
}

func (c *Client) try(ctx context.Context, q request, limit int64, open func() (io.Writer, error)) (tag string, fresh bool, err error) {
	ctx, watch := watching(ctx, c.opt.IdleTimeout)
	defer watch.end()
	req, err := http.NewRequestWithContext(ctx, q.method, q.url.String(), bytes.NewReader(q.body))
	if err != nil {
		return "", false, WithoutURL(err)
	}
	req.Header.Set("User-Agent", c.opt.UserAgent)
	if q.mediaType != "" {
		req.Header.Set("Content-Type", q.mediaType)
	}
	if q.known != "" {
		req.Header.Set("If-None-Match", q.known)
	}
	var resp *http.Response
	if err := watch.wait(func() error { resp, err = c.http.Do(req); return err }); err != nil {
		return "", false, WithoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }() // what counts was read by then
	switch {
	case resp.StatusCode == http.StatusNotModified && q.known != "":
		return q.known, false, nil
	case resp.StatusCode != http.StatusOK:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // a date, or none, is 0
		status := &StatusError{Code: resp.StatusCode, after: time.Duration(seconds) * time.Second}
		if at := resp.Request.URL.Host; at != q.url.Host {
			status.Elsewhere = at
		}
		return "", false, status
	case resp.ContentLength > limit:
		return "", false, fmt.Errorf("%w: %d bytes, at most %d are accepted", ErrTooLarge, resp.ContentLength, limit)
	}
	w, err := open()
	if err != nil {
		return "", false, err
	}
	if _, err := io.Copy(w, Bounded(watched{resp.Body, watch}, limit)); err != nil {
		return "", false, WithoutURL(err)
	}
	return resp.Header.Get("ETag"), true, nil
}

// WithoutURL drops the URL from an error of net/http: its query may hold a secret.
func WithoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// Redact is a URL that can be shown: without user, query and fragment.
func Redact(u *url.URL) string {
	c := *u
	c.User, c.RawQuery, c.Fragment, c.RawFragment = nil, "", "", ""
	return c.String()
}

// Loopback reports whether a host, without its port, is this machine: there plain HTTP
// needs no protection.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// ErrTooLarge is the error of a read past its limit.
var ErrTooLarge = errors.New("too large")

// Bounded is a reader that fails at the first byte of r past limit, where io.LimitReader
// would end.
func Bounded(r io.Reader, limit int64) io.Reader {
	return &bounded{r: r, left: limit, limit: limit}
}

type bounded struct {
	r           io.Reader
	left, limit int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, b.limit)
	}
	return n, err
}
