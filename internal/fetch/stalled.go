package fetch

import (
	"context"
	"errors"
	"io"
	"time"
)

// ErrStalled is the error of an attempt in which nothing arrived for
// [Options.IdleTimeout].
var ErrStalled = errors.New("the server sent nothing for too long")

// watchdog ends an attempt that waits for too long. It runs only while something is
// waited for: a slow disk is no slow server.
type watchdog struct {
	ctx   context.Context //nolint:containedctx // lives as long as one attempt
	end   func()
	timer *time.Timer
	idle  time.Duration
}

// watching returns the context of an attempt and what watches over it.
func watching(ctx context.Context, idle time.Duration) (context.Context, *watchdog) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watchdog{ctx: ctx, idle: idle, timer: time.AfterFunc(idle, func() { cancel(ErrStalled) })}
	w.timer.Stop()
	w.end = func() { w.timer.Stop(); cancel(nil) }
	return ctx, w
}

// wait runs what waits for the server. When the watchdog ended it, the error says so, and
// not that something was canceled: that would be the user's doing.
func (w *watchdog) wait(f func() error) error {
	w.timer.Reset(w.idle)
	defer w.timer.Stop()
	err := f()
	if err != nil && errors.Is(context.Cause(w.ctx), ErrStalled) {
		return ErrStalled
	}
	return err
}

// watched is a body under a watchdog.
type watched struct {
	io.Reader
	*watchdog
}

func (r watched) Read(p []byte) (n int, err error) {
	err = r.wait(func() error { n, err = r.Reader.Read(p); return err })
	return n, err
}
