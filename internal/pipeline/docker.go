package pipeline

import (
	"context"
	"path/filepath"
	"slices"
	"sync"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/feed"
)

// dockerAdvisories is where Docker publishes its advisories and VEX documents.
const dockerAdvisories = "https://github.com/docker-hardened-images/advisories"

// dockerRepository is Docker's repository at its newest commit, which the value auto of
// advisories and vex-feed reads. It is asked for once, and only when somebody needs it.
type dockerRepository struct {
	location string
	opt      feed.Options

	once   sync.Once
	cancel context.CancelFunc
	done   chan struct{}
	repo   *feed.Repository
	err    error
}

// docker is the repository that auto stands for; nil when nothing is to be asked.
func (r *run) docker(in *inputs) *dockerRepository {
	d := &dockerRepository{location: r.deps.Advisories, done: make(chan struct{})}
	switch d.location {
	case config.None:
		return nil
	case "":
		d.location = dockerAdvisories
	}
	d.opt = feed.Options{Client: r.webClient(in), TempDir: r.deps.TempDir, Now: r.deps.Now}
	if r.cfg.Cache && r.cfg.CacheDir != "" {
		d.opt.CacheDir = filepath.Join(r.cfg.CacheDir, "advisories")
	}
	return d
}

// start asks for it in the background.
func (d *dockerRepository) start(ctx context.Context) {
	d.once.Do(func() {
		ctx, d.cancel = context.WithCancel(ctx)
		go func() {
			defer close(d.done)
			d.repo, d.err = feed.Newest(ctx, d.location, d.opt)
		}()
	})
}

// wait returns the repository once it is there. The error has code Unavailable.
func (d *dockerRepository) wait(ctx context.Context) (*feed.Repository, error) {
	d.start(ctx)
	select {
	case <-d.done:
		return d.repo, d.err
	case <-ctx.Done():
		return nil, fault.New(fault.Unavailable, "read the repository "+d.location, "raise timeout", context.Cause(ctx))
	}
}

// close ends a download that nobody waits for any more, and removes what is not kept.
func (d *dockerRepository) close() {
	if d == nil || d.cancel == nil {
		return
	}
	d.cancel()
	<-d.done
	if d.repo != nil {
		_ = d.repo.Close()
	}
}

// isAuto reports whether a list of sources is left to the program.
func isAuto(sources []string) bool { return slices.Equal(sources, []string{config.Auto}) }
