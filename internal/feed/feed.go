// Package feed reads a vendor's repository of advisories: VEX documents, one for each
// image and one for each package, each with a detached signature beside it, and an index
// of those of packages (VEX Repository Specification, with Docker's additions).
//
// It reads a checkout on disk, or the repository itself over HTTPS, always at one
// commit, so that a document and its signature are of the same version. Of a checkout it
// reads the objects of the commit and not the files of the work tree. Every read is
// bounded, and no path leads out of the repository. It verifies no signature and reads
// no document: the bytes it hands out are nobody's word yet.
//
// Start reading at [Open]; [Download] takes the repository as a whole, and [Checkout]
// and [Newest] open one with everything in it, on disk and behind a URL.
package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/fetch"
)

// Options configure [Open]. ReadFile is needed for a folder, Client for a URL.
type Options struct {
	// ReadFile reads a file of a folder that is no checkout.
	ReadFile func(string) ([]byte, error)
	// Client downloads from a URL.
	Client *fetch.Client
	// MaxFile is the largest file read, in bytes. 0 means 64 MiB.
	MaxFile int64
	// MaxTotal bounds all documents of the feed together, in bytes. 0 means 256 MiB.
	MaxTotal int64
	// Parallel is the number of files read at once. 0 means 8.
	Parallel int
	// CacheDir is where [Newest] keeps what it fetched; "" means a folder of its own in
	// TempDir, which it removes. An empty TempDir is the system's.
	CacheDir, TempDir string
	// Now is the present, by which [Newest] removes what nobody reads any more.
	Now time.Time
}

// Feed is a repository of advisories. Its methods are for one goroutine at a time.
type Feed struct {
	opt      Options
	location string
	commit   string
	source   source
	index    []entry
	files    map[string]File // by path, what was read
	total    atomic.Int64    // bytes of documents read
}

// source is where the files are.
type source interface {
	// pin finds the commit that is read; "" when nothing tells it.
	pin(ctx context.Context) (string, error)
	// read returns a file. The error wraps fs.ErrNotExist when there is none.
	read(ctx context.Context, name string) ([]byte, error)
}

// Open takes the location of a feed: the folder of a checkout, the URL of a repository
// on GitHub with the branch, tag or commit wanted (https://github.com/OWNER/NAME@main,
// without one the default branch), or the URL under which any other server has the
// files. It asks nobody yet; [Feed.Pin] does.
//
// The error is a *[fault.Error] with code Usage: no such folder, or a URL that cannot be
// one.
func Open(location string, opt Options) (*Feed, error) {
	f := newFeed(location, opt)
	opt = f.opt
	const op = "open the feed "
	if scheme, _, ok := strings.Cut(location, "://"); ok {
		u, err := url.Parse(location)
		if err != nil {
			return nil, fault.New(fault.Usage, op+scheme+"://…", "check the URL", fetch.WithoutURL(err))
		}
		f.location = fetch.Redact(u)
		if f.source, err = newRemote(u, opt); err != nil {
			return nil, fault.New(fault.Usage, op+f.location, "give the folder of a checkout, or a URL such as https://github.com/OWNER/NAME@BRANCH", err)
		}
		return f, nil
	}
	if _, err := opt.ReadFile(location); errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Usage, op+location, "give the folder of a checkout of the vendor's repository, or its URL", err)
	}
	if IsCheckout(location) {
		f.source = &checkout{root: location}
	} else {
		f.source = &folder{root: location, readFile: opt.ReadFile, limit: opt.MaxFile}
	}
	return f, nil
}

// Of takes a repository that is open already. Pin asks nobody then.
func Of(repo *Repository, location string, opt Options) *Feed {
	f := newFeed(location, opt)
	f.source = &checkout{repo: repo}
	return f
}

func newFeed(location string, opt Options) *Feed {
	opt.MaxFile, opt.MaxTotal = cmp.Or(opt.MaxFile, 64<<20), cmp.Or(opt.MaxTotal, 256<<20)
	opt.Parallel = cmp.Or(opt.Parallel, 8)
	return &Feed{opt: opt, location: location, files: map[string]File{}}
}

// Location is what [Open] was given, without secrets.
func (f *Feed) Location() string { return f.location }

// Name is the location of the feed, with the commit once that is known.
func (f *Feed) Name() string {
	if f.commit == "" {
		return f.location
	}
	if at := strings.LastIndexByte(f.location, '@'); at > strings.LastIndexByte(f.location, '/') {
		return f.location[:at] + "@" + f.commit
	}
	if strings.Contains(f.location, f.commit) {
		return f.location
	}
	return f.location + "@" + f.commit
}

// Commit is the commit that is read; "" before [Feed.Pin], and where nothing tells it.
func (f *Feed) Commit() string { return f.commit }

// Pin finds the commit and reads the index. It may be called once.
//
// The error is a *[fault.Error] with code Unavailable. A feed without an index has the
// documents of images only, and that is no error.
func (f *Feed) Pin(ctx context.Context) error {
	op := "read the feed " + f.location
	commit, err := f.source.pin(ctx)
	if err != nil {
		return fault.New(fault.Unavailable, op, "check that the repository can be reached from here, or give a checkout of it", err)
	}
	f.commit = commit
	data, err := f.source.read(ctx, "index.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		f.index, err = readIndex(data)
	}
	if err != nil {
		return fault.New(fault.Unavailable, op, "check that the repository is complete", fmt.Errorf("index.json: %w", err))
	}
	return nil
}

// File is a file of the feed and the detached signature beside it.
type File struct {
	Document
	Data      []byte
	Signature []byte
	// Err says why one of both is not there. [ErrNotThere] is among the reasons for what the
	// index lists only: other documents that are not there are left out.
	Err error
}

// ErrNotThere is the error of a document that the index lists and the repository does not
// have.
var ErrNotThere = errors.New("the index lists it, and it is not there")

// ErrTooMuch is the error of a file past [Options.MaxTotal].
var ErrTooMuch = errors.New("the documents of the feed are larger than all of them may be")

// Files reads documents with their signatures, several at a time, in the order given.
// Those that the repository does not have are left out, unless the index lists them. Each
// is read once, however often it is asked for.
func (f *Feed) Files(ctx context.Context, docs []Document) []File {
	out := make([]File, len(docs))
	var group errgroup.Group
	group.SetLimit(f.opt.Parallel)
	for i, d := range docs {
		if known, ok := f.files[d.Path]; ok {
			out[i] = known
			continue
		}
		group.Go(func() error {
			out[i] = f.file(ctx, d)
			return nil
		})
	}
	_ = group.Wait()           // each file has its own error
	there := map[string]bool{} // what the index lists, at one of the places where that may be
	for _, file := range out {
		if ctx.Err() == nil {
			f.files[file.Path] = file
		}
		if !errors.Is(file.Err, fs.ErrNotExist) {
			there[file.Listed] = true
		}
	}
	var found []File
	for _, file := range out {
		if errors.Is(file.Err, fs.ErrNotExist) {
			if file.Listed == "" || there[file.Listed] {
				continue
			}
			there[file.Listed] = true
			file.Err = ErrNotThere
		}
		found = append(found, file)
	}
	return found
}

func (f *Feed) file(ctx context.Context, d Document) File {
	out := File{Document: d}
	if out.Err = ctx.Err(); out.Err != nil {
		return out
	}
	if out.Data, out.Err = f.source.read(ctx, d.Path); out.Err != nil {
		return out
	}
	if f.total.Add(int64(len(out.Data))) > f.opt.MaxTotal {
		return File{Document: d, Err: fmt.Errorf("%w: %d bytes", ErrTooMuch, f.opt.MaxTotal)}
	}
	var err error
	if out.Signature, err = f.source.read(ctx, d.Path+".sig"); errors.Is(err, fs.ErrNotExist) {
		out.Err = errors.New("no signature lies beside it")
	} else if err != nil {
		out.Err = fmt.Errorf("the signature beside it: %w", err)
	}
	return out
}

// local reports whether a path stays inside the repository, on every system.
func local(name string) bool {
	return fs.ValidPath(name) && filepath.IsLocal(filepath.FromSlash(name)) && !strings.ContainsAny(name, "\\\x00")
}
