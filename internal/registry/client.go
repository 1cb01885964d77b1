package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
)

// maxRedirects bounds how often one request is sent elsewhere. Blob stores need one.
const maxRedirects = 5

// repository is one repository of one registry, spoken to over HTTP (OCI
// distribution spec v1.1).
type repository struct {
	place    place
	repo     name.Repository
	rt       http.RoundTripper
	opt      *Options
	log      *slog.Logger
	deadline time.Time
	secrets  *scrubber

	mu     sync.Mutex
	scheme string // decided by connect; empty before
	logins map[string]*login
}

func newRepository(repo name.Repository, rt http.RoundTripper, opt *Options, deadline time.Time) *repository {
	r := &repository{place: placeOf(repo), repo: repo, rt: rt, opt: opt, log: opt.Logger, deadline: deadline, logins: map[string]*login{}}
	r.secrets = r.place.secrets
	r.secrets.addLogin(opt.Username, opt.Password)
	return r
}

// url is an address below the repository. Its scheme is for connect to decide.
func (r *repository) url(path string) *url.URL {
	return &url.URL{Host: r.repo.RegistryStr(), Path: "/v2/" + r.repo.RepositoryStr() + "/" + path}
}

// connect decides, once, between HTTPS and HTTP, and learns how the registry wants
// to be logged in to. HTTP is used when it was asked for, and on a loopback host that
// does not answer HTTPS; a bad certificate is an answer.
func (r *repository) connect(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.scheme != "" {
		return nil
	}
	host := r.repo.RegistryStr()
	schemes := []string{"https"}
	switch {
	case r.opt.PlainHTTP:
		schemes = []string{"http"}
	case isLoopback(hostOnly(host)):
		schemes = []string{"https", "http"}
	}
	var err error
	for _, scheme := range schemes {
		if err = r.retry(ctx, func() error { return r.ping(ctx, scheme, host) }); err == nil {
			r.scheme = scheme
			return nil
		}
		if !errors.Is(err, errNotTLS) {
			return err
		}
	}
	return err
}

// errNotTLS marks a ping that failed because the server does not speak TLS.
var errNotTLS = errors.New("no HTTPS here")

// ping asks for the API root. Only a challenge is of interest: whatever else the
// server says, the request that matters will say it better.
func (r *repository) ping(ctx context.Context, scheme, host string) error {
	u := &url.URL{Scheme: scheme, Host: host, Path: "/v2/"}
	resp, err := r.raw(ctx, http.MethodGet, u, nil, nil)
	if err != nil {
		if scheme == "https" && speaksNoTLS(err) {
			if isLoopback(hostOnly(host)) {
				return fmt.Errorf("%w: %w", errNotTLS, notRetried{err})
			}
			return notRetried{err}
		}
		if isRefused(err) {
			return notRetried{err} // a wrong name or port, far more often than a restart
		}
		return err
	}
	defer drain(resp)
	if resp.StatusCode == http.StatusUnauthorized {
		r.loginLocked(u).challenged(resp.Header)
	}
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500 {
		return statusError(resp.Request, resp, r.secrets)
	}
	return nil
}

// speaksNoTLS says that a TLS handshake was answered with something else.
func speaksNoTLS(err error) bool {
	var record tls.RecordHeaderError
	return errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch)
}

// notRetried marks an error that another try will not mend, or that was tried again
// already.
type notRetried struct{ error }

func (e notRetried) Unwrap() error { return e.error }

func isRefused(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" && strings.Contains(err.Error(), "refused")
}

// get sends one GET, logs in when challenged, and follows redirects. Each hop to
// another origin goes without the registry's credentials. The answer may be of any
// status; its body must be closed.
func (r *repository) get(ctx context.Context, u *url.URL, header http.Header) (*http.Response, error) {
	for range maxRedirects + 1 {
		resp, err := r.authorized(ctx, u, header)
		if err != nil {
			return nil, err
		}
		switch resp.StatusCode {
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		default:
			return resp, nil
		}
		drain(resp)
		next, err := u.Parse(resp.Header.Get("Location"))
		if err != nil {
			return nil, fmt.Errorf("GET %s: redirect to an address that is none", bareURL(u))
		}
		if err := r.mayFollow(u, next); err != nil {
			return nil, err
		}
		r.log.Debug("redirected", "from", bareURL(u), "to", bareURL(next))
		u = next
	}
	return nil, fmt.Errorf("GET %s: more than %d redirects", bareURL(u), maxRedirects)
}

// mayFollow refuses redirects that give up HTTPS, that are no HTTP at all, or that
// point a registry elsewhere at this machine's own services.
func (r *repository) mayFollow(from, to *url.URL) error {
	host := to.Hostname()
	switch {
	case to.Scheme != "http" && to.Scheme != "https", host == "":
		return fmt.Errorf("GET %s: redirect to %s refused: not HTTP", bareURL(from), bareURL(to))
	case to.User != nil:
		return fmt.Errorf("GET %s: redirect to %s refused: it carries a login", bareURL(from), bareURL(to))
	case to.Scheme == "http" && from.Scheme == "https":
		return fmt.Errorf("GET %s: redirect to %s refused: it gives up HTTPS", bareURL(from), bareURL(to))
	case isLocalService(host) && !isLoopback(hostOnly(r.repo.RegistryStr())):
		return fmt.Errorf("GET %s: redirect to %s refused: it points at this machine", bareURL(from), bareURL(to))
	}
	return nil
}

// authorized sends one request with the login of its origin, and once more when that
// login had to be made or renewed.
func (r *repository) authorized(ctx context.Context, u *url.URL, header http.Header) (*http.Response, error) {
	l := r.login(u)
	authorization, err := l.header(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := r.raw(ctx, http.MethodGet, u, header, authorizationHeader(authorization))
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	renewed, err := l.answer(ctx, resp.Header, authorization)
	if err != nil {
		drain(resp)
		return nil, err
	}
	if renewed == "" || renewed == authorization {
		return resp, nil
	}
	drain(resp)
	return r.raw(ctx, http.MethodGet, u, header, authorizationHeader(renewed))
}

func authorizationHeader(value string) http.Header {
	if value == "" {
		return nil
	}
	return http.Header{"Authorization": {value}}
}

// raw sends one request and nothing more: no login, no redirect, no repetition. A
// server that sends nothing for Options.IdleTimeout counts as broken.
func (r *repository) raw(ctx context.Context, method string, u *url.URL, headers ...http.Header) (*http.Response, error) {
	attempt, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(attempt, method, u.String(), nil)
	if err != nil {
		cancel(nil)
		return nil, fmt.Errorf("%s %s: the address cannot be used", method, bareURL(u))
	}
	for _, h := range headers {
		for k, v := range h {
			req.Header[k] = v
		}
	}
	return r.send(ctx, req, attempt, cancel)
}

// send performs req, whose context is attempt, a child of ctx that cancel ends.
func (r *repository) send(ctx context.Context, req *http.Request, attempt context.Context, cancel context.CancelCauseFunc) (*http.Response, error) { //nolint:revive // both contexts are needed to tell who gave up
	req.Header.Set("User-Agent", r.opt.UserAgent)
	req.Header.Set("Accept-Encoding", "identity") // without it any coding may be sent (RFC 9110, section 12.5.3)
	watch := &watchdog{ctx: ctx, attempt: attempt, cancel: cancel, idle: r.opt.IdleTimeout}
	watch.timer = time.AfterFunc(watch.idle, func() { cancel(errStalled) })
	resp, err := r.rt.RoundTrip(req)
	watch.timer.Stop()
	if err != nil {
		err = &transportError{method: req.Method, url: bareURL(req.URL), err: watch.cause(err), secrets: r.secrets}
		cancel(nil)
		return nil, err
	}
	r.log.Debug("request", "method", req.Method, "url", bareURL(req.URL), "status", resp.StatusCode)
	resp.Request = req
	resp.Body = &watchedBody{ReadCloser: resp.Body, watchdog: watch, wrap: func(err error) error {
		return &transportError{method: req.Method, url: bareURL(req.URL), err: err, secrets: r.secrets}
	}}
	return resp, nil
}

// watchdog ends an attempt in which nothing arrives.
type watchdog struct {
	ctx, attempt context.Context //nolint:containedctx // lives as long as one request
	cancel       context.CancelCauseFunc
	idle         time.Duration
	timer        *time.Timer
}

// cause replaces a context's error by the reason for it.
func (w *watchdog) cause(err error) error {
	switch {
	case w.ctx.Err() != nil:
		return context.Cause(w.ctx)
	case w.attempt.Err() != nil:
		return context.Cause(w.attempt)
	default:
		return err
	}
}

// watchedBody runs the watchdog while a Read waits, and only then: a slow consumer is
// no slow server.
type watchedBody struct {
	io.ReadCloser
	*watchdog
	wrap func(error) error
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.idle)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if err != nil && err != io.EOF { //nolint:errorlint // a Reader returns io.EOF itself
		err = b.wrap(b.cause(err))
	}
	return n, err
}

func (b *watchedBody) Close() error {
	b.timer.Stop()
	defer b.cancel(nil)
	return b.ReadCloser.Close()
}

// drain reads the rest of a short answer, so that the connection can be used again.
func drain(resp *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // best effort
	_ = resp.Body.Close()
}

// hostOnly cuts the port off.
func hostOnly(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}

// isLoopback says whether a host is this machine: 127.0.0.0/8, ::1 or localhost.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// isLocalService says whether a host is this machine, or an address that only means
// something on its own link, as cloud metadata services do (169.254.169.254).
func isLocalService(host string) bool {
	ip := net.ParseIP(host)
	return isLoopback(host) || ip != nil && (ip.IsLinkLocalUnicast() || ip.IsUnspecified())
}

var _ source = (*repository)(nil)
