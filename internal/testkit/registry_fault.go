package testkit

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// Match picks the requests that a fault applies to.
type Match func(*http.Request) bool

// Any picks every request.
func Any(*http.Request) bool { return true }

// Asks picks the requests of one kind for one reference; an empty reference means all.
func Asks(kind Kind, reference string) Match {
	return func(req *http.Request) bool {
		_, k, ref := splitPath(req.URL.Path)
		return k == kind && (reference == "" || ref == reference)
	}
}

// AsksRepository picks the requests for one repository.
func AsksRepository(name string) Match {
	return func(req *http.Request) bool {
		repo, _, _ := splitPath(req.URL.Path)
		return repo == name
	}
}

// Effect answers a request wrongly. It calls next for the right answer, or not at all.
type Effect func(w http.ResponseWriter, req *http.Request, next http.Handler)

// Fault is an injected fault.
type Fault struct {
	r      *Registry
	match  Match
	effect Effect
	left   int // answers still to be spoilt; negative for ever
	hits   int
}

// Hits is how many answers the fault has spoilt.
func (f *Fault) Hits() int {
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	return f.hits
}

// Inject spoils the next times answers that match picks; 0 times means all of them.
// When several faults match, the one injected first that has answers left wins.
func (r *Registry) Inject(match Match, effect Effect, times int) *Fault {
	f := &Fault{r: r, match: match, effect: effect, left: times}
	if times <= 0 {
		f.left = -1
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, f)
	return f
}

// Heal removes all faults.
func (r *Registry) Heal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = nil
}

func (r *Registry) faulty(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if f := r.pick(req); f != nil {
			f.effect(w, req, next)
			return
		}
		next.ServeHTTP(w, req)
	})
}

func (r *Registry) pick(req *http.Request) *Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.faults, func(f *Fault) bool { return f.left != 0 && f.match(req) })
	if i < 0 {
		return nil
	}
	f := r.faults[i]
	f.left--
	f.hits++
	return f
}

// Status answers with a status and headers, such as 429 and Retry-After, instead.
func Status(status int, header http.Header) Effect {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		maps.Copy(w.Header(), header)
		writeError(w, status, "UNKNOWN", "injected by the test")
	}
}

// Body answers 200 with other content of a media type instead.
func Body(mediaType string, body []byte) Effect {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	}
}

// Delay waits before it answers rightly. It gives up when the client does.
func Delay(d time.Duration) Effect {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		select {
		case <-time.After(d):
			next.ServeHTTP(w, req)
		case <-req.Context().Done():
		}
	}
}

// Drop closes the connection without an answer.
func Drop() Effect {
	return func(http.ResponseWriter, *http.Request, http.Handler) { abort() }
}

// Truncate sends the right headers and the first n bytes, then closes the connection.
func Truncate(n int) Effect {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		a := record(req, next)
		a.send(w, a.body.Bytes()[:min(n, a.body.Len())], a.body.Len())
		abort()
	}
}

// Rewrite sends what edit makes of the right answer's body. The other headers, such as
// Docker-Content-Digest, stay those of the right answer. Answers other than 200 and
// 206, and answers to HEAD, pass unchanged.
func Rewrite(edit func([]byte) []byte) Effect {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		a := record(req, next)
		body := a.body.Bytes()
		if a.status < 300 && req.Method != http.MethodHead {
			body = edit(bytes.Clone(body))
		}
		a.send(w, body, len(body))
	}
}

// Flip changes the lowest bit of byte n of the answer; a negative n counts from the
// end. An answer too short for it stays as it is.
func Flip(n int) Effect {
	return Rewrite(func(body []byte) []byte { return flip(body, n) })
}

// flip changes the lowest bit of byte n of b in place; a negative n counts from the end.
func flip(b []byte, n int) []byte {
	if n < 0 {
		n += len(b)
	}
	if n >= 0 && n < len(b) {
		b[n] ^= 1
	}
	return b
}

// Throttle sends the right answer in pieces of chunk bytes, with a pause before each,
// so that a small blob takes as long as a large one would.
func Throttle(chunk int, pause time.Duration) Effect {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		a := record(req, next)
		a.send(w, nil, a.body.Len())
		flush := http.NewResponseController(w)
		for piece := range slices.Chunk(a.body.Bytes(), max(chunk, 1)) {
			select {
			case <-time.After(pause):
			case <-req.Context().Done():
				abort()
			}
			if _, err := w.Write(piece); err != nil {
				return
			}
			_ = flush.Flush()
		}
	}
}

// record takes the right answer into memory.
func record(req *http.Request, next http.Handler) *answer {
	a := &answer{header: http.Header{}}
	next.ServeHTTP(a, req)
	a.WriteHeader(http.StatusOK)
	return a
}

// send writes the recorded status and headers, announces size bytes when there is a
// body, and sends part of them.
func (a *answer) send(w http.ResponseWriter, part []byte, size int) {
	maps.Copy(w.Header(), a.header)
	if size > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(size))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(part)
	_ = http.NewResponseController(w).Flush()
}

// abort makes the server close the connection: the way that net/http documents for it.
func abort() { panic(http.ErrAbortHandler) }

// Gather holds the answer to the first request of each match until one of every match
// has come, so that on a machine of any speed all of them are in flight at one time. A
// client that asks for one only after another never brings them together, and gets its
// answers after patience. The function that is returned says whether they met.
func (r *Registry) Gather(patience time.Duration, matches ...Match) (met func() bool) {
	var came atomic.Int32
	var late atomic.Bool
	all := make(chan struct{})
	for _, m := range matches {
		r.Inject(m, func(w http.ResponseWriter, req *http.Request, next http.Handler) {
			if int(came.Add(1)) == len(matches) {
				close(all)
			}
			select {
			case <-all:
			case <-time.After(patience):
				late.Store(true)
			case <-req.Context().Done():
				late.Store(true)
				return
			}
			next.ServeHTTP(w, req)
		}, 1)
	}
	return func() bool { return int(came.Load()) == len(matches) && !late.Load() }
}
