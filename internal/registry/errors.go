package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/fault"
)

// What a registry's refusal means, for errors.Is. A 404 satisfies fs.ErrNotExist.
var (
	ErrUnauthorized = errors.New("the registry wants a login")           // 401
	ErrForbidden    = errors.New("the login may not read this")          // 403
	ErrRateLimited  = errors.New("the registry limits requests")         // 429
	ErrTimeout      = errors.New("the time allowed is used up")          // Options.Timeout
	errStalled      = errors.New("the server sent nothing for too long") // Options.IdleTimeout
	errBudget       = fmt.Errorf("%w (option timeout)", ErrTimeout)
	errSchema1      = errors.New("a Docker schema 1 manifest, which names no config and cannot be verified, is not supported")
)

// LimitError is a limit of [Options] that was passed.
type LimitError struct {
	Limit string // the field's name
	What  string // what was counted
	Max   int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: more than %d (limit %s)", e.What, e.Max, e.Limit)
}

// unfinishedError is an answer that came and was not taken in to its end: a list that is
// cut, that passes a limit or cannot be used, or something that is listed and not there.
// It is no refusal: something is there that was not seen.
type unfinishedError struct{ err error }

func (e *unfinishedError) Error() string { return e.err.Error() }
func (e *unfinishedError) Unwrap() error { return e.err }

// Unfinished tells the error from a refusal.
func (e *unfinishedError) Unfinished() bool { return true }

// unfinished marks an error as an [unfinishedError]. What is absent stays so.
func unfinished(err error) error {
	if err == nil || isAbsent(err) {
		return err
	}
	return &unfinishedError{err}
}

// StatusError is an answer of a registry that is no success.
type StatusError struct {
	// Method and URL are the request's; the URL has no query and no user.
	Method, URL string
	Status      int
	// Codes are the error codes of the answer (OCI distribution spec v1.1, "Error
	// Codes"), Message its text: cut to 300 bytes, control characters and secrets
	// taken out. Both are the server's word.
	Codes   []string
	Message string
	// RetryAfter is how long the server asks to wait; 0 when it does not.
	RetryAfter time.Duration
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s %s: %d %s", e.Method, e.URL, e.Status, http.StatusText(e.Status))
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.RetryAfter > 0 {
		text += fmt.Sprintf(" (retry after %s)", e.RetryAfter)
	}
	return text
}

// Is maps the status to the package's sentinels and to fs.ErrNotExist.
func (e *StatusError) Is(target error) bool {
	switch e.Status {
	case http.StatusUnauthorized:
		return target == ErrUnauthorized //nolint:errorlint // Is compares identity
	case http.StatusForbidden:
		return target == ErrForbidden //nolint:errorlint // as above
	case http.StatusNotFound:
		return target == fs.ErrNotExist //nolint:errorlint // as above
	case http.StatusTooManyRequests:
		return target == ErrRateLimited //nolint:errorlint // as above
	default:
		return false
	}
}

// statusError reads what is worth knowing of an answer that is no success.
func statusError(req *http.Request, resp *http.Response, secrets *scrubber) *StatusError {
	e := &StatusError{Method: req.Method, URL: bareURL(req.URL), Status: resp.StatusCode, RetryAfter: retryAfter(resp)}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // best effort: the status is the error
	var doc struct {
		Errors []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &doc) == nil {
		var texts []string
		for _, d := range doc.Errors[:min(len(doc.Errors), 5)] {
			e.Codes = append(e.Codes, d.Code)
			texts = append(texts, strings.TrimSuffix(d.Code+": "+d.Message, ": "))
		}
		e.Message = plain(secrets.scrub(strings.Join(texts, "; ")), 300)
	}
	return e
}

// transportError is a request that got no whole answer. It may be tried again.
type transportError struct {
	method, url string
	err         error
	secrets     *scrubber
}

func (e *transportError) Error() string {
	return fmt.Sprintf("%s %s: %s", e.method, e.url, e.secrets.scrub(e.err.Error()))
}

func (e *transportError) Unwrap() error { return e.err }

// bareURL prints a URL without what may be secret: user, query and fragment. Signed
// addresses of blob stores carry their signature in the query.
func bareURL(u *url.URL) string {
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if u.RawQuery != "" {
		return plain(bare.String(), 500) + "?..."
	}
	return plain(bare.String(), 500)
}

// plain makes a server's text safe for one line: control and other characters that do
// not print become spaces, and it is cut to limit bytes at a rune.
func plain(s string, limit int) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)), " ")
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "..." // a rune that the cut split is dropped
}

// explain turns an error into a fault for whoever reads it: what was being done, the
// cause, and the next step for this registry. A cancelled context stays one, so that
// an interrupt is told from a failure.
func (p place) explain(op string, err error) error {
	var f *fault.Error
	if err == nil || errors.As(err, &f) {
		return err
	}
	return p.fault(op, p.hint(err), err)
}

// fault is explain with a hint that is known already.
func (p place) fault(op, hint string, err error) error {
	if p.secrets != nil { // the last of several nets: whatever the text is made of
		if text := p.secrets.scrub(err.Error()); text != err.Error() {
			err = &scrubbed{text, err}
		}
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", op, err)
	}
	return fault.New(fault.Unavailable, op, hint, err)
}

// scrubbed is an error whose text held a secret.
type scrubbed struct {
	text string
	err  error
}

func (e *scrubbed) Error() string { return e.text }
func (e *scrubbed) Unwrap() error { return e.err }

func notAnImage(op, what string) error {
	return fault.Usagef(op, "name an image: artifacts such as charts, signatures and attestations have no file system to look at", "it is %s, not an image", what)
}

// isForeign recognises layers that their registry need not hold, in any compression.
func isForeign(t types.MediaType) bool {
	return !t.IsDistributable() || strings.Contains(string(t), ".nondistributable.") || strings.Contains(string(t), ".foreign.")
}

func foreignLayer(op string, d v1.Descriptor) error {
	return fault.Unavailablef(op, "foreign layers (mostly of Windows base images) cannot be gated: use an image whose layers are all in its registry",
		"layer %s has the non-distributable type %q", d.Digest, d.MediaType)
}
