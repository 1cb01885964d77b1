package registry

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/fault"
)

// failFirst answers the first n manifest requests with f.
func failFirst(n int, f http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	var asked atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") || asked.Add(1) > int64(n) {
			return false
		}
		f(w, r)
		return true
	}
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

// errAny stands for any error in a table.
var errAny = errors.New("any error")

func TestRetries(t *testing.T) {
	s := newServer(t)
	s.pushIndex(t, "app:1", newIndex(t, ""))
	raw := s.mustOpen(t, "app:1", options()).RootRaw
	part := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(raw[:len(raw)-1]) }
	for _, tt := range []struct {
		name     string
		fail     func(http.ResponseWriter, *http.Request) bool
		requests int
		want     error
	}{
		{"unavailable_twice", failFirst(2, status(503)), 3, nil},
		{"broken_gateway", failFirst(1, status(502)), 2, nil},
		{"connection_cut", failFirst(1, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), 2, nil},
		{"body_cut", failFirst(1, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"sch`)
		}), 2, nil},
		{"body_cut_and_its_length_too", failFirst(1, part), 2, nil},
		{"body_cut_with_the_digest_of_the_whole", failFirst(1, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Docker-Content-Digest", sum(raw).String())
			part(w, r)
		}), 2, nil},
		{"compressed_body_cut", failFirst(1, func(w http.ResponseWriter, _ *http.Request) {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = z.Write(raw)
			_ = z.Close()
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(b.Bytes()[:b.Len()/2])
		}), 2, nil},
		{"body_cut_for_ever", failFirst(99, part), 4, io.ErrUnexpectedEOF},
		{"too_early", failFirst(1, status(425)), 2, nil},
		{"proxy_without_its_origin", failFirst(1, status(522)), 2, nil},
		{"first_of_a_proxy", failFirst(1, status(520)), 2, nil},
		{"last_of_a_proxy", failFirst(1, status(527)), 2, nil},
		{"insufficient_storage_is_final", failFirst(99, status(507)), 1, errAny},
		{"too_many_for_ever", failFirst(99, status(429)), 4, ErrRateLimited},
		{"forbidden_is_final", failFirst(99, status(403)), 1, ErrForbidden},
		{"teapot_is_final", failFirst(99, status(418)), 1, errAny},
		{"web_page_is_final", failFirst(99, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }), 1, errAny},
		{"other_bytes_are_final", failFirst(99, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Docker-Content-Digest", sum(raw).String())
			_, _ = w.Write(page(0, 1))
		}), 1, errAny},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.interfere(tt.fail)
			_, err := s.open(t, "app:1", options())
			if (err == nil) != (tt.want == nil) || tt.want != errAny && !errors.Is(err, tt.want) {
				t.Errorf("err = %v, want %v", err, tt.want)
			}
			if got := s.count("/manifests/"); got != tt.requests {
				t.Errorf("%d requests, want %d", got, tt.requests)
			}
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	s := newServer(t)
	s.pushIndex(t, "app:1", newIndex(t, ""))
	at := time.Now().UTC()
	for _, tt := range []struct {
		name   string
		header []string
	}{
		{"seconds", []string{"Retry-After", "1"}},
		{"date", []string{"Retry-After", at.Add(time.Second).Format(http.TimeFormat), "Date", at.Format(http.TimeFormat)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.interfere(failFirst(1, status(429, tt.header...)))
			var log bytes.Buffer
			opt := options()
			opt.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			if _, err := s.open(t, "app:1", opt); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(log.String(), "wait=1s") {
				t.Errorf("it did not wait a second:\n%s", log.String())
			}
		})
	}
}

func TestRetryAfterPastTheBudget(t *testing.T) {
	s := newServer(t)
	s.interfere(failFirst(99, status(429, "Retry-After", "3600")))
	_, err := s.open(t, "app:1", options())
	if !errors.Is(err, ErrRateLimited) || !strings.Contains(err.Error(), "1h0m0s") || s.count("/manifests/") != 1 {
		t.Errorf("err = %v after %d requests, want ErrRateLimited with the time at once", err, s.count("/manifests/"))
	}
}

func TestTimeoutAndCancel(t *testing.T) {
	s := newServer(t)
	release := make(chan struct{})
	defer close(release)
	s.interfere(func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return true
	})
	opt := options()
	opt.Timeout = 100 * time.Millisecond
	_, err := s.open(t, "app:1", opt)
	if !errors.Is(err, ErrTimeout) || fault.CodeOf(err) != fault.Unavailable || !strings.Contains(fault.HintOf(err), "timeout") {
		t.Errorf("err = %v (hint %q), want ErrTimeout and Unavailable", err, fault.HintOf(err))
	}

	opt = options()
	opt.IdleTimeout, opt.Retries = 50*time.Millisecond, 1
	_, err = s.open(t, "app:1", opt)
	if !errors.Is(err, errStalled) || fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("err = %v, want errStalled", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err = Open(ctx, s.host+"/app:1", options())
	if fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("cancelled: err = %v with code %d, want Interrupted", err, fault.CodeOf(err))
	}
}

func TestRetryAfterParsing(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		want        time.Duration
	}{
		{"none", "", 0},
		{"seconds", "7", 7 * time.Second},
		{"negative", "-7", 0},
		{"huge", "999999999999", maxRetryAfter * time.Second},
		{"overflow", "99999999999999999999", 0},
		{"date_of_the_past", "Mon, 02 Jan 2006 15:04:05 GMT", 0},
		{"rubbish", "soon", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := retryAfter(&http.Response{Header: http.Header{"Retry-After": {tt.value}}}); got != tt.want {
				t.Errorf("retryAfter(%q) = %s, want %s", tt.value, got, tt.want)
			}
		})
	}
}
