package testkit

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// Request is one request as the registry saw it.
type Request struct {
	Method, Path, Query string
	// Repository, Kind and Reference are what the path asks for; Reference is a tag, a
	// digest or "".
	Repository string
	Kind       Kind
	Reference  string
	// Authorization is the scheme of the credentials, "Basic" or "Bearer"; "" without.
	Authorization string
	UserAgent     string
	Range         string
	// Status is 0 when the connection was dropped without an answer.
	Status     int
	Start, End time.Time
	// Bytes is the size of the answer's body as far as it was given to the connection.
	Bytes int64
}

// Requests lists the requests since the start or the last ResetLog, in the order in
// which they arrived. One that is still being answered ends now.
func (r *Registry) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Request, 0, len(r.log))
	for _, q := range r.log {
		list = append(list, *q)
		if q.End.IsZero() {
			list[len(list)-1].End = r.opt.Now()
		}
	}
	return list
}

// ResetLog forgets the requests so far.
func (r *Registry) ResetLog() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = nil
}

// Count is the number of logged requests for which want is true.
func (r *Registry) Count(want func(Request) bool) int {
	n := 0
	for _, q := range r.Requests() {
		if want(q) {
			n++
		}
	}
	return n
}

// BlobGets counts, by digest, the GET requests for blobs that were answered with
// content: 200, or 206 for a part.
func (r *Registry) BlobGets() map[string]int {
	n := map[string]int{}
	for _, q := range r.Requests() {
		ok := q.Status == http.StatusOK || q.Status == http.StatusPartialContent
		if q.Kind == KindBlob && q.Method == http.MethodGet && ok {
			n[q.Reference]++
		}
	}
	return n
}

// logged writes the request log. A request is in it from its first moment, so that a
// client that has read its answer always finds itself counted.
func (r *Registry) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		repo, kind, ref := splitPath(req.URL.Path)
		q := &Request{
			Method: req.Method, Path: req.URL.Path, Query: req.URL.RawQuery,
			Repository: repo, Kind: kind, Reference: ref,
			Authorization: scheme(req.Header.Get("Authorization")),
			UserAgent:     req.UserAgent(),
			Range:         req.Header.Get("Range"),
			Start:         r.opt.Now(),
		}
		r.mu.Lock()
		r.log = append(r.log, q)
		r.mu.Unlock()
		defer func() { // also when a fault aborts the handler
			r.mu.Lock()
			q.End = r.opt.Now()
			r.mu.Unlock()
		}()
		next.ServeHTTP(&meter{ResponseWriter: w, mu: &r.mu, q: q}, req)
	})
}

func scheme(authorization string) string {
	name, _, _ := strings.Cut(authorization, " ")
	return name
}

// meter notes the status and the size of an answer in the log.
type meter struct {
	http.ResponseWriter
	mu *sync.Mutex
	q  *Request
}

func (m *meter) WriteHeader(status int) {
	m.note(status, 0)
	m.ResponseWriter.WriteHeader(status)
}

func (m *meter) Write(p []byte) (int, error) {
	m.note(http.StatusOK, int64(len(p)))
	return m.ResponseWriter.Write(p)
}

func (m *meter) note(status int, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.q.Status == 0 {
		m.q.Status = status
	}
	m.q.Bytes += bytes
}

// Unwrap lets http.ResponseController reach the connection.
func (m *meter) Unwrap() http.ResponseWriter { return m.ResponseWriter }
