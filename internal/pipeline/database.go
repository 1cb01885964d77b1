package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/vuln"
)

// lazyDB is the database, opened in the background from the start of the run.
type lazyDB struct {
	cancel context.CancelFunc
	done   chan struct{}
	db     *vuln.DB
	err    error
}

func openDB(ctx context.Context, r *run) *lazyDB {
	ctx, cancel := context.WithCancel(ctx)
	l := &lazyDB{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		defer r.timings.start("database", "")()
		in, err := r.dbOptions()
		if err != nil {
			l.err = err
			return
		}
		l.db, l.err = vuln.Open(ctx, in)
	}()
	return l
}

// wait returns the database once it is open.
func (l *lazyDB) wait(ctx context.Context) (*vuln.DB, error) {
	select {
	case <-l.done:
		return l.db, l.err
	case <-ctx.Done():
		const op = "open the vulnerability database"
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, fmt.Errorf("%s: %w", op, ctx.Err())
		}
		return nil, fault.New(fault.Unavailable, op, "raise timeout, or name a database that is here with db", context.Cause(ctx))
	}
}

// close ends a download that nobody waits for any more.
func (l *lazyDB) close() {
	l.cancel()
	<-l.done
	if l.db != nil {
		_ = l.db.Close()
	}
}
