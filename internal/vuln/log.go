package vuln

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/anchore/go-logger"
	"github.com/anchore/grype/grype"
	"gorm.io/gorm"

	"github.com/imagegate/imagegate/internal/report"
)

// logs is what Grype writes to. Grype has one logger for the whole process, so its
// receiver is one for the process too; which problems belong to which run is settled
// by turns: one Match listens at a time.
var logs = &receiver{turn: make(chan struct{}, 1)}

type receiver struct {
	once   sync.Once
	turn   chan struct{}
	active atomic.Pointer[listener]
}

// install makes Grype write here. It happens once, before anything of Grype runs.
func (r *receiver) install() { r.once.Do(func() { grype.SetLogger(entry{to: r}) }) }

// listen waits for its turn and then hands l everything that Grype logs until the
// returned function is called.
func (r *receiver) listen(ctx context.Context, l *listener) (stop func(), err error) {
	r.install()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	r.active.Store(l)
	return func() {
		r.active.Store(nil)
		<-r.turn
	}, nil
}

// listener gathers what went wrong while one SBOM was matched. Grype logs what it
// survives and goes on, some of it at the debug level only; here it is kept.
type listener struct {
	log *slog.Logger

	mu sync.Mutex
	// about is the package being matched.
	about string
	seen  map[string]*told
	order []*told
	// heard counts the messages.
	heard int
	// absent are the kinds of data that the database holds none of.
	absent []string
}

// told is one message: the first package that it came up for, and how many there were.
type told struct {
	text, first, last string
	packages          int
}

func (l *listener) setPackage(name string) {
	l.mu.Lock()
	l.about = name
	l.mu.Unlock()
}

// problem notes one message; the same one about another package only counts.
func (l *listener) problem(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard++
	text = strings.Join(strings.Fields(text), " ") // some errors are lists of lines
	t := l.seen[text]
	if t == nil {
		t = &told{text: text, first: l.about, last: l.about, packages: 1}
		if l.seen == nil {
			l.seen = map[string]*told{}
		}
		l.seen[text] = t
		l.order = append(l.order, t)
		l.log.Debug("matching problem", "problem", text, "package", l.about)
	}
	if t.last != l.about {
		t.last = l.about
		t.packages++
	}
}

// count is how many messages there were so far.
func (l *listener) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.heard
}

// lacks notes that the database holds no data of a kind, which is no problem of the
// search.
func (l *listener) lacks(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.absent, text) {
		l.absent = append(l.absent, text)
	}
}

// problems returns at most limit observations in the order in which the messages came; the
// last one says how many more there are.
func (l *listener) problems(limit int) []report.Observation {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []report.Observation
	for i, t := range l.order {
		o := report.Observation{Stage: report.StageVuln, Kind: report.Unread, Count: t.packages, Message: t.text}
		switch {
		case i == limit:
			o.Count = len(l.order) - limit
			o.Message = count(o.Count, "more problem")
			return append(out, o)
		case t.first != "" && t.packages > 1:
			o.Message = fmt.Sprintf("%s and %s: %s", t.first, count(t.packages-1, "more package"), t.text)
		case t.first != "":
			o.Message = t.first + ": " + t.text
		}
		out = append(out, o)
	}
	return out
}

// entry is Grype's logger. It keeps warnings and errors, and of debug messages those
// that carry an error. Everything else is dropped before it is formatted.
type entry struct {
	to  *receiver
	err any
}

var _ logger.Logger = entry{}

func (e entry) keep(msg func() string) {
	l := e.to.active.Load()
	if l == nil {
		return
	}
	text := msg()
	if err, ok := e.err.(error); ok && errors.Is(err, gorm.ErrRecordNotFound) {
		l.lacks(fmt.Sprintf("no such data in the database: %s", text))
		return
	}
	if e.err != nil {
		text = fmt.Sprintf("%s: %v", text, e.err)
	}
	l.problem(text)
}

func (e entry) keepError(msg func() string) {
	if e.err != nil {
		e.keep(msg)
	}
}

func (e entry) Errorf(f string, a ...any) { e.keep(func() string { return fmt.Sprintf(f, a...) }) }
func (e entry) Error(a ...any)            { e.keep(func() string { return fmt.Sprint(a...) }) }
func (e entry) Warnf(f string, a ...any)  { e.keep(func() string { return fmt.Sprintf(f, a...) }) }
func (e entry) Warn(a ...any)             { e.keep(func() string { return fmt.Sprint(a...) }) }
func (e entry) Debugf(f string, a ...any) { e.keepError(func() string { return fmt.Sprintf(f, a...) }) }
func (e entry) Debug(a ...any)            { e.keepError(func() string { return fmt.Sprint(a...) }) }
func (e entry) Infof(string, ...any)      {}
func (e entry) Info(...any)               {}
func (e entry) Tracef(string, ...any)     {}
func (e entry) Trace(...any)              {}

func (e entry) Nested(fields ...any) logger.Logger { return e.with(fields) }

func (e entry) WithFields(fields ...any) logger.MessageLogger { return e.with(fields) }

// with keeps the error of the fields, which come as pairs or as one map.
func (e entry) with(fields []any) entry {
	for i := 0; i < len(fields); i++ {
		switch f := fields[i].(type) {
		case logger.Fields:
			if err, ok := f["error"]; ok {
				e.err = err
			}
		case string:
			if f == "error" && i+1 < len(fields) {
				e.err = fields[i+1]
			}
			i++ // its value
		}
	}
	return e
}
