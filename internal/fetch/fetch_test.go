package fetch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// serve answers the requests one after the other with these handlers, the last of them
// for ever, and returns the server's URL and the number of requests so far.
func serve(t *testing.T, answers ...http.HandlerFunc) (*url.URL, func() int) {
	t.Helper()
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		answer := answers[min(n, len(answers)-1)]
		n++
		answer(w, req)
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL + "/file?token=hunter2")
	if err != nil {
		t.Fatal(err)
	}
	return u, func() int { return n }
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(s)) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func broken(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "40")
	_, _ = w.Write([]byte("half"))
}

// hangs sends a part of an answer, or nothing at all, and then waits for the client to go.
func hangs(part string) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if part != "" {
			w.Header().Set("Content-Length", "40")
			_, _ = w.Write([]byte(part))
			_ = http.NewResponseController(w).Flush()
		}
		<-req.Context().Done()
	}
}

// TestStalledDownloadIsTriedAgain: a server that falls silent is given up like one that is
// overloaded, and the user is not said to have interrupted anything.
func TestStalledDownloadIsTriedAgain(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers []http.HandlerFunc
		asked   int
		want    string
	}{
		{"before_the_answer", []http.HandlerFunc{hangs(""), text("content")}, 2, "content"},
		{"within_the_answer", []http.HandlerFunc{hangs("con"), text("content")}, 2, "content"},
		{"twice", []http.HandlerFunc{hangs(""), hangs("con"), text("content")}, 3, "content"},
		{"for_ever", []http.HandlerFunc{hangs("con")}, attempts, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u, asked := serve(t, tt.answers...)
			got, err := New(Options{RetryWait: time.Microsecond, IdleTimeout: 50 * time.Millisecond}).Bytes(t.Context(), u, 50)
			if string(got) != tt.want || asked() != tt.asked {
				t.Errorf("got %q, %v, asked %d times; want %q, %d", got, err, asked(), tt.want, tt.asked)
			}
			if tt.want == "" && (!errors.Is(err, ErrStalled) || errors.Is(err, context.Canceled)) {
				t.Errorf("err = %v, want that it stalled", err)
			}
		})
	}
}

// TestInterruptIsNoStall: whoever ends the run is not answered by another attempt.
func TestInterruptIsNoStall(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	u, asked := serve(t, func(w http.ResponseWriter, req *http.Request) {
		cancel()
		hangs("")(w, req)
	})
	_, err := New(Options{RetryWait: time.Microsecond}).Bytes(ctx, u, 50)
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrStalled) || asked() != 1 {
		t.Errorf("err = %v, asked %d times", err, asked())
	}
}

func TestBytes(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers []http.HandlerFunc
		want    string
		code    int // of a StatusError, 0 for another error or none
		large   bool
		asked   int
	}{
		{"first_try", []http.HandlerFunc{text("content")}, "content", 0, false, 1},
		{"overloaded_once", []http.HandlerFunc{status(503), text("content")}, "content", 0, false, 2},
		{"rate_limited_once", []http.HandlerFunc{status(429), text("content")}, "content", 0, false, 2},
		{"connection_breaks_once", []http.HandlerFunc{broken, text("content")}, "content", 0, false, 2},
		{"too_early_once", []http.HandlerFunc{status(425), text("content")}, "content", 0, false, 2},
		{"timed_out_once", []http.HandlerFunc{status(408), text("content")}, "content", 0, false, 2},
		{"proxy_without_an_origin_once", []http.HandlerFunc{status(522), text("content")}, "content", 0, false, 2},
		{"proxy_without_an_origin", []http.HandlerFunc{status(527)}, "", 527, false, attempts},
		{"overloaded", []http.HandlerFunc{status(500)}, "", 500, false, attempts},
		{"not_there", []http.HandlerFunc{status(404)}, "", 404, false, 1},
		{"refused", []http.HandlerFunc{status(403)}, "", 403, false, 1},
		{"as_large_as_allowed", []http.HandlerFunc{text(strings.Repeat("x", 50))}, strings.Repeat("x", 50), 0, false, 1},
		{"announced_too_large", []http.HandlerFunc{text(strings.Repeat("x", 51))}, "", 0, true, 1},
		{"too_large_in_pieces", []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
			for range 100 {
				_, _ = w.Write([]byte("piece"))
				_ = http.NewResponseController(w).Flush()
			}
		}}, "", 0, true, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u, asked := serve(t, tt.answers...)
			got, err := New(Options{RetryWait: time.Microsecond}).Bytes(t.Context(), u, 50)
			var s *StatusError
			switch {
			case errors.As(err, &s) != (tt.code != 0) || s != nil && s.Code != tt.code,
				errors.Is(err, ErrTooLarge) != tt.large, (err == nil) != (tt.want != ""):
				t.Errorf("err = %v", err)
			case string(got) != tt.want:
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if asked() != tt.asked {
				t.Errorf("asked %d times, want %d", asked(), tt.asked)
			}
		})
	}
}

func TestErrorsKeepSecrets(t *testing.T) {
	u, _ := serve(t, text(""))
	u.Host, u.User = "127.0.0.1:1", url.UserPassword("me", "hunter2")
	_, err := New(Options{RetryWait: time.Microsecond}).Bytes(t.Context(), u, 10)
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("err = %v", err)
	}
	if got := Redact(u); got != "http://127.0.0.1:1/file" {
		t.Errorf("Redact = %q", got)
	}
}

func TestNoRedirectToHTTP(t *testing.T) {
	plain, asked := serve(t, text("content"))
	s := httptest.NewTLSServer(http.RedirectHandler(plain.String(), http.StatusFound))
	defer s.Close()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(Options{Transport: s.Client().Transport, RetryWait: time.Microsecond}).Bytes(t.Context(), u, 10)
	if err == nil || !strings.Contains(err.Error(), "from https to http") || asked() != 0 {
		t.Errorf("err = %v, the other server was asked %d times", err, asked())
	}
}

// TestPostIsSentAgain: the body of a question is there in each attempt.
func TestPostIsSentAgain(t *testing.T) {
	var bodies []string
	answer := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			body, err := io.ReadAll(req.Body)
			if err != nil || req.Method != http.MethodPost || req.Header.Get("Content-Type") != "text/x-question" {
				t.Errorf("%s %q, %v", req.Method, req.Header, err)
			}
			bodies = append(bodies, string(body))
			w.WriteHeader(code)
			_, _ = w.Write([]byte("content"))
		}
	}
	u, _ := serve(t, answer(503), answer(200))
	var got bytes.Buffer
	err := New(Options{RetryWait: time.Microsecond}).Post(t.Context(), u, "text/x-question", []byte("what?"), 50, func() (io.Writer, error) {
		got.Reset()
		return &got, nil
	})
	if err != nil || got.String() != "content" || strings.Join(bodies, " ") != "what? what?" {
		t.Errorf("got %q after %q, %v", got.String(), bodies, err)
	}
}
