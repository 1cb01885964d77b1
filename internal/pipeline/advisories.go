package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/feed"
	"github.com/imagegate/imagegate/internal/fetch"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/vuln"
	"github.com/imagegate/imagegate/internal/vuln/advisory"
)

// lazyAdvisories are advisories that are downloaded, and whose signatures are verified, in
// the background from the start of the run. Nil means that there are none.
type lazyAdvisories struct {
	feed *advisory.Feed
	// remote has the places in sources of those that are URLs; feed is nil until they are
	// downloaded.
	sources []advisory.Source
	remote  []int
	done    chan struct{}
	err     error
}

// start downloads and verifies, by the keys that sign for the vendor's images and by those
// of the user. The advisories are Docker's whatever image is gated, so its row decides.
func (l *lazyAdvisories) start(ctx context.Context, r *run, in *inputs) {
	if l == nil {
		return
	}
	opt := in.attestOptions(r.cfg, r.deps)
	row, _ := opt.Table.For(dhiRegistry+"advisories", true)
	opt.Keys, opt.Identities, opt.Log = slices.Concat(opt.Keys, row.Keys), slices.Concat(opt.Identities, row.Identities), cmp.Or(opt.Log, row.Log)
	client := r.webClient(in)
	go func() {
		defer close(l.done)
		defer r.timings.start("advisories", "")()
		if l.err = l.download(ctx, client); l.err == nil {
			l.err = l.verify(ctx, opt)
		}
	}()
}

// download fetches the sources that are URLs and reads all.
func (l *lazyAdvisories) download(ctx context.Context, client *fetch.Client) (err error) {
	if len(l.remote) == 0 {
		return nil
	}
	for _, i := range l.remote {
		archive, err := feed.Download(ctx, l.sources[i].Name, feed.Options{Client: client})
		if err != nil {
			return err
		}
		l.sources[i] = advisory.Source{Name: archive.Name, Commit: archive.Commit, Signed: archive.Commit != "",
			Files: []advisory.File{{Name: archive.Name, Data: archive.Data}}}
	}
	l.feed, err = advisory.Read(l.sources, advisory.Options{})
	l.sources = nil
	return err
}

func (l *lazyAdvisories) verify(ctx context.Context, opt attest.Options) error {
	if len(opt.Roots) == 0 { // parsed once, and not for each of thousands of records
		root, err := trust.Embedded()
		if err != nil {
			return fault.New(fault.Internal, "verify the advisories' signatures", "", err)
		}
		opt.Roots = []*trust.Root{root}
	}
	return l.feed.Verify(ctx, func(ctx context.Context, f advisory.File) (string, error) {
		signed, err := checkSigned(ctx, f.Name, f.Data, f.Signature, opt)
		return signed.signer, err
	})
}

// wait returns the advisories once their signatures are known to be good. The error has
// code Unavailable.
func (l *lazyAdvisories) wait(ctx context.Context) (*advisory.Feed, error) {
	select {
	case <-l.done:
		return l.feed, l.err
	case <-ctx.Done():
		return nil, fault.New(fault.Unavailable, "read the advisories", "raise timeout, or give a checkout of them", context.Cause(ctx))
	}
}

// readAdvisories reads what the option advisories names; nil when it names nothing.
func (r *run) readAdvisories() (*lazyAdvisories, error) {
	if len(r.cfg.Advisories) == 0 || !r.want.Vulnerabilities {
		return nil, nil
	}
	l := &lazyAdvisories{done: make(chan struct{})}
	for i, pattern := range r.cfg.Advisories {
		if strings.Contains(pattern, "://") {
			l.sources, l.remote = append(l.sources, advisory.Source{Name: pattern}), append(l.remote, i)
			continue
		}
		s, err := r.advisorySource(pattern)
		if err != nil {
			return nil, err
		}
		l.sources = append(l.sources, s)
	}
	if len(l.remote) > 0 {
		return l, nil
	}
	var err error
	if l.feed, err = advisory.Read(l.sources, advisory.Options{}); err != nil {
		return nil, err
	}
	l.sources = nil
	return l, nil
}

// advisorySource reads one source, with the signatures beside its files. A checkout of
// the vendor's repository is read by its folder osv alone, since it has examples for
// scanners too, and there every record has to be signed. Anything else counts on the
// user's word, and signatures that lie there have to be good.
func (r *run) advisorySource(pattern string) (advisory.Source, error) {
	s := advisory.Source{Name: pattern, Commit: feed.CommitOf(pattern, r.deps.ReadFile)}
	there := func(name string) bool {
		names, err := r.deps.Glob(filepath.Join(pattern, name))
		return err == nil && len(names) > 0
	}
	read := pattern
	switch s.Signed = r.isCheckout(pattern); {
	case there("osv") && (s.Signed || there("vex")):
		read = filepath.Join(pattern, "osv")
	case s.Signed: // a repository of the user's own
		s.Signed = false
	default:
		s.Commit = feed.CommitOf(filepath.Dir(filepath.Clean(pattern)), r.deps.ReadFile)
	}
	files, err := r.readNamed("advisories", read)
	if err != nil {
		return s, err
	}
	for _, f := range files {
		sig, err := r.deps.ReadFile(f.name + sigSuffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return s, fault.New(fault.Usage, "read the signature "+f.name+sigSuffix, "", err)
		}
		s.Files = append(s.Files, advisory.File{Name: f.name, Data: f.data, Signature: sig})
	}
	return s, nil
}

// sigSuffix is what the name of a detached signature ends with, beside the file's own.
const sigSuffix = ".sig"

// isCheckout reports whether git keeps a folder; in a worktree .git is a file.
func (r *run) isCheckout(folder string) bool {
	git := filepath.Join(folder, ".git")
	if _, err := r.deps.ReadFile(filepath.Join(git, "HEAD")); err == nil {
		return true
	}
	_, err := r.deps.ReadFile(git)
	return err == nil
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
			m.Notes = append(m.Notes, fmt.Sprintf("%d of %s in %s signed by %s", s.Signed, count(s.Records, "advisory record"), name, strings.Join(s.Signers, ", ")))
		}
		if rest := s.Records - s.Signed; rest > 0 {
			m.Notes = append(m.Notes, fmt.Sprintf("%s in %s taken on your word: no signature lies beside them", count(rest, "advisory record"), name))
		}
	}
}
