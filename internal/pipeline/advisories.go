package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/fetch"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/vuln"
	"github.com/imagegate/imagegate/internal/vuln/advisory"
)

// lazyAdvisories are advisories that are read, and whose signatures are verified, in the
// background from the start of the run. Nil means that there are none.
type lazyAdvisories struct {
	feed *advisory.Feed
	// sources are read already but for those of later, which are downloaded or are the
	// objects of a checkout.
	sources []advisory.Source
	later   map[int]func(context.Context, *fetch.Client) (advisory.Source, error)
	// docker is set where nobody named a source: it is read when it is needed.
	docker  *dockerRepository
	signers attest.Options
	// seen is what was noticed of the sources besides.
	seen  []report.Observation
	begun sync.Once
	done  chan struct{}
	err   error
}

// auto reports whether nobody named a source.
func (l *lazyAdvisories) auto() bool { return l != nil && l.docker != nil }

// start downloads and verifies, once, by the keys that sign for the vendor's images and by
// those of the user. The advisories are Docker's whatever image is gated, so its row decides.
func (l *lazyAdvisories) start(ctx context.Context, r *run, in *inputs) {
	if l == nil {
		return
	}
	opt := in.attestOptions(r.cfg, r.deps)
	row, _ := opt.Table.For(dhiRegistry+"advisories", true)
	opt.Keys, opt.Identities, opt.Log = slices.Concat(opt.Keys, row.Keys), slices.Concat(opt.Identities, row.Identities), cmp.Or(opt.Log, row.Log)
	client := r.webClient(in)
	l.begun.Do(func() { go l.all(ctx, r, client, opt) })
}

// all does everything.
func (l *lazyAdvisories) all(ctx context.Context, r *run, client *fetch.Client, opt attest.Options) {
	defer close(l.done)
	defer r.timings.start("advisories", "")()
	l.signers = opt
	if l.err = l.read(ctx, client); l.err == nil && !l.auto() {
		l.err = l.verify(ctx, l.feed.Verify)
	}
	if l.err == nil {
		l.err = l.age(r.cfg.AdvisoriesMaxAge, r.deps.Now)
	}
}

// read fetches the sources that are not here yet, and reads all.
func (l *lazyAdvisories) read(ctx context.Context, client *fetch.Client) (err error) {
	if len(l.later) == 0 {
		return nil
	}
	for i := range l.sources {
		if load := l.later[i]; load != nil {
			if l.sources[i], err = load(ctx, client); err != nil {
				return err
			}
		}
	}
	l.feed, err = advisory.Read(l.sources, advisory.Options{})
	l.sources = nil
	return err
}

// age refuses advisories that are older than they may be: what was found since then is
// not in them. A source that no commit dates has no age that could be told.
func (l *lazyAdvisories) age(most time.Duration, now time.Time) error {
	for _, s := range l.feed.Sources() {
		switch age := now.Sub(s.Made); {
		case most == 0:
		case s.Made.IsZero():
			l.seen = append(l.seen, report.Observation{Stage: report.StageVuln, Kind: report.Information, Count: s.Records,
				Message: fmt.Sprintf("nothing tells how old the advisories in %s are: they are not from a commit", s.Name)})
		case age < -report.ClockSkew:
			l.seen = append(l.seen, report.Observation{Stage: report.StageVuln, Kind: report.Unread, Count: s.Records,
				Message: fmt.Sprintf("how old the advisories in %s are is not known: the commit %s says that it was made on %s", s.Name, s.Commit, s.Made.Format(time.DateOnly))})
		case age > most && l.auto(): // no newer one is known, so these decide
			l.seen = append(l.seen, report.Observation{Stage: report.StageVuln, Kind: report.Unread, Count: s.Records,
				Message: fmt.Sprintf("what was found since is not known: the newest commit of %s, %s, was made on %s, %d days ago; advisories-max-age accepts %s",
					s.Name, s.Commit, s.Made.Format(time.DateOnly), int(age.Hours()/24), most)})
		case age > most:
			return fault.Unavailablef("read the advisories "+s.Name, "take a newer commit, or raise advisories-max-age (0 accepts any age)",
				"the commit %s was made on %s, %d days ago; advisories-max-age accepts %s", s.Commit, s.Made.Format(time.DateOnly), int(age.Hours()/24), most)
		}
	}
	return nil
}

// verify verifies signatures by all, or for some packages. The error has code Unavailable.
func (l *lazyAdvisories) verify(ctx context.Context, all func(context.Context, advisory.Verifier) error) error {
	opt := l.signers
	if len(opt.Roots) == 0 { // parsed once, and not for each of thousands of records
		root, err := trust.Embedded()
		if err != nil {
			return fault.New(fault.Internal, "verify the advisories' signatures", "", err)
		}
		opt.Roots = []*trust.Root{root}
	}
	return all(ctx, func(ctx context.Context, f advisory.File) (string, error) {
		signed, err := checkSigned(ctx, f.Name, f.Data, f.Signature, opt)
		return signed.signer, err
	})
}

// verifyFor verifies what may decide about these packages, where nobody named a source:
// there every run would pay for all the others.
func (l *lazyAdvisories) verifyFor(ctx context.Context, packages []report.Package, d *report.Distro) error {
	if !l.auto() {
		return nil
	}
	return l.verify(ctx, func(ctx context.Context, verify advisory.Verifier) error {
		return l.feed.VerifyFor(ctx, packages, d, verify)
	})
}

// wait returns the advisories, once their signatures are known to be good where the user
// named them. The error has code Unavailable.
func (l *lazyAdvisories) wait(ctx context.Context) (*advisory.Feed, error) {
	select {
	case <-l.done:
		return l.feed, l.err
	case <-ctx.Done():
		return nil, fault.New(fault.Unavailable, "read the advisories", "raise timeout, or give a checkout of them", context.Cause(ctx))
	}
}

// readNamed reads the files that a pattern names. One that leads to nothing is an error.
func (r *run) readNamed(option, pattern string) ([]vexFile, error) {
	names, err := r.deps.Glob(pattern)
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("nothing is there")
	}
	if err != nil {
		return nil, fault.New(fault.Usage, "find what "+option+" names: "+pattern, "give a file, a folder or a glob", err)
	}
	slices.Sort(names)
	out := make([]vexFile, 0, len(names))
	for _, name := range names {
		data, err := r.deps.ReadFile(name)
		if err != nil {
			return nil, fault.New(fault.Usage, "read what "+option+" names: "+name, "", err)
		}
		out = append(out, vexFile{name, data})
	}
	return out, nil
}

// adviseSources records what the packages were judged by, and on whose word.
func (p *platform) adviseSources(m *vuln.Matches, f *advisory.Feed) {
	m.Observations = append(m.Observations, p.inputs.advisories.seen...)
	for _, s := range f.Sources() {
		name := s.Name
		if s.Commit != "" {
			name += "@" + s.Commit
		}
		p.evidence(report.Evidence{Kind: "advisories", Name: name, Digest: s.Digest, Size: s.Size})
		p.report.Advisories = append(p.report.Advisories, report.Advisories{
			Name: s.Name, Digest: s.Digest, Commit: s.Commit, Records: s.Records, Signed: s.Signed, Signers: append([]string{}, s.Signers...),
		})
		if s.Signed > 0 {
			m.See(report.Information, 0, fmt.Sprintf("%d of %s in %s signed by %s", s.Signed, count(s.Records, "advisory record"), name, strings.Join(s.Signers, ", ")))
		}
		if rest := s.Records - s.Signed; rest > 0 && p.inputs.advisories.auto() {
			m.See(report.Information, 0, fmt.Sprintf("%s in %s about other packages, and not looked at", count(rest, "advisory record"), name))
		} else if rest > 0 {
			m.See(report.Information, 0, fmt.Sprintf("%s in %s taken on your word: no signature lies beside them", count(rest, "advisory record"), name))
		}
	}
}
