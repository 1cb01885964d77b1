package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/feed"
	"github.com/imagegate/imagegate/internal/fetch"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/vuln/advisory"
)

// folderOSV is the folder of the vendor's repository that has the advisories.
const folderOSV = "osv"

// sigSuffix is what the name of a detached signature ends with, beside the file's own.
const sigSuffix = ".sig"

// readAdvisories reads what the option advisories names; nil when it names nothing.
func (r *run) readAdvisories(in *inputs) (*lazyAdvisories, error) {
	auto := isAuto(r.cfg.Advisories)
	if len(r.cfg.Advisories) == 0 || !r.want.Vulnerabilities || auto && in.docker == nil {
		return nil, nil
	}
	l := &lazyAdvisories{done: make(chan struct{}), sources: make([]advisory.Source, len(r.cfg.Advisories)),
		later: map[int]func(context.Context, *fetch.Client) (advisory.Source, error){}}
	if auto {
		l.docker = in.docker
		l.later[0] = func(ctx context.Context, _ *fetch.Client) (advisory.Source, error) { return fromDocker(ctx, in.docker) }
		return l, nil
	}
	var err error
	for i, pattern := range r.cfg.Advisories {
		if strings.Contains(pattern, "://") {
			l.later[i] = func(ctx context.Context, client *fetch.Client) (advisory.Source, error) {
				return download(ctx, client, pattern)
			}
		} else if folder, read := r.checkoutOf(pattern); folder != "" {
			l.later[i] = func(ctx context.Context, _ *fetch.Client) (advisory.Source, error) {
				return r.fromCheckout(ctx, l, pattern, folder, read)
			}
		} else if l.sources[i], err = r.fromFiles(pattern); err != nil {
			return nil, err
		}
	}
	if len(l.later) > 0 {
		return l, nil
	}
	l.feed, err = advisory.Read(l.sources, advisory.Options{})
	l.sources = nil
	return l, err
}

// download fetches a source that is a URL.
func download(ctx context.Context, client *fetch.Client, location string) (advisory.Source, error) {
	archive, err := feed.Download(ctx, location, feed.Options{Client: client})
	return advisory.Source{Name: archive.Name, Commit: archive.Commit, Signed: archive.Commit != "",
		Files: []advisory.File{{Name: archive.Name, Data: archive.Data}}}, err
}

// fromFiles reads a file, an archive, a glob, or a folder that is no checkout, with the
// signatures beside its files. Of a copy of the vendor's repository the folder osv alone
// counts, since it has examples for scanners too. It counts on the user's word, and
// signatures that lie there have to be good.
func (r *run) fromFiles(pattern string) (advisory.Source, error) {
	s := advisory.Source{Name: pattern}
	read := pattern
	if r.there(pattern, folderOSV) && r.there(pattern, "vex") {
		read = filepath.Join(pattern, folderOSV)
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

func (r *run) there(folder, name string) bool {
	names, err := r.deps.Glob(filepath.Join(folder, name))
	return err == nil && len(names) > 0
}

// checkoutOf is the checkout that a pattern names, and which folder of it is read: the
// whole, or osv when that is named and it is the vendor's. It is "" for anything else: a
// folder that happens to lie in the user's own repository is a folder.
func (r *run) checkoutOf(pattern string) (folder, read string) {
	if feed.IsCheckout(pattern) {
		return pattern, "."
	}
	parent := filepath.Dir(filepath.Clean(pattern))
	if filepath.Base(pattern) == folderOSV && feed.IsCheckout(parent) && r.there(parent, "vex") {
		return parent, folderOSV
	}
	return "", ""
}

// fromCheckout reads what the commit of a checkout holds, whatever became of its files.
// In the vendor's repository, which has the folder osv, that folder alone is read, and
// every record has to be signed. Another is the user's own and counts on their word.
func (r *run) fromCheckout(ctx context.Context, l *lazyAdvisories, pattern, folder, read string) (advisory.Source, error) {
	repo, err := feed.Checkout(folder)
	if err != nil {
		return advisory.Source{}, err
	}
	vendors := repo.Has(folderOSV)
	if vendors {
		read = folderOSV
	}
	s, err := fromCommit(ctx, repo, read)
	if err != nil {
		return s, fault.New(fault.Unavailable, "read the checkout "+folder, "clone it anew, without --filter", err)
	}
	s.Name, s.Signed = pattern, vendors
	if differ := r.differing(folder, read, s.Files); differ > 0 {
		l.seen = append(l.seen, report.Observation{Stage: report.StageVuln, Kind: report.LeftOut, Count: differ,
			Message: fmt.Sprintf("%s of the work tree of %s not read: the commit %s has other bytes or none there, and it was read; commit them, or give a folder without .git",
				count(differ, "file"), folder, s.Commit)})
	}
	return s, nil
}

// fromDocker reads the advisories in Docker's own repository. Every record has to be
// signed.
func fromDocker(ctx context.Context, d *dockerRepository) (advisory.Source, error) {
	repo, err := d.wait(ctx)
	if err != nil {
		return advisory.Source{}, err
	}
	s, err := fromCommit(ctx, repo, folderOSV)
	if err != nil {
		return s, fault.New(fault.Unavailable, "read the repository "+d.location, "", fmt.Errorf("%s at %s: %w", folderOSV, repo.Commit(), err))
	}
	s.Name, s.Signed = d.location, true
	return s, nil
}

// maxAdvisories bounds the advisories of one commit together, in bytes.
const maxAdvisories = 1 << 30

// fromCommit reads the advisories below a folder of a commit, with their signatures.
func fromCommit(ctx context.Context, repo *feed.Repository, folder string) (advisory.Source, error) {
	total := 0
	s := advisory.Source{Commit: repo.Commit(), Made: repo.Made()}
	names, err := repo.List(ctx, folder)
	if err != nil {
		return s, err
	}
	for _, name := range names {
		if path.Ext(name) != ".json" {
			continue
		}
		f := advisory.File{Name: name}
		if f.Data, err = repo.Read(name); err != nil {
			return s, err
		}
		if f.Signature, err = repo.Read(name + sigSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return s, err
		}
		if total += len(f.Data) + len(f.Signature); total > maxAdvisories {
			return s, fmt.Errorf("the files of %s are larger than %d bytes together", folder, maxAdvisories)
		}
		s.Files = append(s.Files, f)
	}
	return s, nil
}

// differing counts the files of the work tree that the commit does not have or has with
// other bytes. Those that the work tree lacks are none of them: they were read.
func (r *run) differing(checkout, read string, files []advisory.File) int {
	names, err := r.deps.Glob(filepath.Join(checkout, filepath.FromSlash(read)))
	if err != nil {
		return 0
	}
	known := make(map[string][]byte, len(files))
	for _, f := range files {
		known[f.Name] = f.Data
	}
	n := 0
	for _, name := range names {
		rel, err := filepath.Rel(checkout, name)
		if rel = filepath.ToSlash(rel); err != nil || strings.HasPrefix(rel, ".git/") {
			continue
		}
		data, err := r.deps.ReadFile(name)
		was, ok := known[rel]
		if err == nil && (!ok || !bytes.Equal(was, data) && !bytes.Equal(was, bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")))) {
			n++
		}
	}
	return n
}
