package feed

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/imagegate/imagegate/internal/fault"
)

// Repository is a git repository at one commit, read from its objects. What it hands out
// is what that commit holds: every object is compared with its name, which is the hash of
// its bytes, so that neither a changed work tree nor a changed object store shows
// through. What is not there, as in a partial clone, is an error and never "no such file".
// Its methods may be called by several goroutines.
type Repository struct {
	commit string
	made   time.Time

	mu    sync.Mutex
	store *store
	root  plumbing.Hash
	trees map[plumbing.Hash]tree
	close func() error // nil when there is nothing to remove
}

// Checkout opens the repository that a folder is the top of, at the commit that is
// checked out: a clone, shallow or not, a worktree, a submodule.
//
// The error is a *[fault.Error] with code Unavailable: what the commit holds cannot be
// read.
func Checkout(folder string) (*Repository, error) {
	dir, err := gitDir(folder)
	if err != nil {
		return nil, unreadable(folder, err)
	}
	commit, err := dir.head()
	if err != nil {
		return nil, unreadable(folder, err)
	}
	r, err := openAt(openStore(dir.common), commit)
	if err != nil {
		return nil, unreadable(folder, err)
	}
	return r, nil
}

func unreadable(folder string, err error) error {
	return fault.New(fault.Unavailable, "read the checkout "+folder, hintClone, err)
}

const hintClone = "clone it anew, for example with git clone --depth 1 and without --filter, or give a folder without .git"

// openAt reads the commit and its tree.
func openAt(s *store, commit string) (*Repository, error) {
	if len(commit) != 2*len(plumbing.ZeroHash) {
		return nil, fmt.Errorf("commit %s: a repository whose objects are named by SHA-256 is not read", commit)
	}
	c, err := object.GetCommit(s, plumbing.NewHash(commit))
	if err != nil {
		return nil, fmt.Errorf("commit %s: %w", commit, err)
	}
	r := &Repository{commit: commit, made: c.Committer.When.UTC(), store: s, root: c.TreeHash, trees: map[plumbing.Hash]tree{}}
	_, err = r.tree(r.root)
	return r, err
}

// Commit is the commit that is read.
func (r *Repository) Commit() string { return r.commit }

// Made is when the commit was made, as it says.
func (r *Repository) Made() time.Time { return r.made }

// Close removes what was fetched and is not to be kept.
func (r *Repository) Close() error {
	if r.close == nil {
		return nil
	}
	return r.close()
}

// Has reports whether the commit has a file or a folder of that name.
func (r *Repository) Has(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := r.find(name)
	return err == nil
}

// Read returns a file. The error wraps fs.ErrNotExist when the commit has none of that
// name.
func (r *Repository) Read(name string) ([]byte, error) {
	if !local(name) {
		return nil, fmt.Errorf("%.200q is not a path in a repository", name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e, err := r.find(name)
	if err != nil {
		return nil, err
	}
	if e.Mode != filemode.Regular && e.Mode != filemode.Executable && e.Mode != filemode.Deprecated {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	data, err := r.store.bytes(plumbing.BlobObject, e.Hash)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, nil
}

// maxPaths bounds what [Repository.List] looks at, files and folders; the largest published
// repositories of advisories have some 100,000 files.
const maxPaths = 1_000_000

// List returns the paths of all that is not a folder, below a folder or, for ".", in the
// whole commit, in the order of git. The error wraps fs.ErrNotExist when there is no such
// folder.
func (r *Repository) List(ctx context.Context, folder string) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.root
	if folder != "." {
		e, err := r.find(folder)
		if err != nil {
			return nil, err
		}
		if e.Mode != filemode.Dir {
			return nil, fmt.Errorf("%s is not a folder", folder)
		}
		at = e.Hash
	}
	w := walk{repository: r}
	if err := w.below(ctx, at, folder); err != nil {
		return nil, err
	}
	return w.files, nil
}

// walk goes through a folder and those in it. One tree may be the content of many.
type walk struct {
	repository *Repository
	files      []string
	seen       int // files and folders
}

func (w *walk) below(ctx context.Context, at plumbing.Hash, folder string) error {
	t, err := w.repository.tree(at)
	if err := cmp.Or(ctx.Err(), err); err != nil {
		return fmt.Errorf("%s: %w", folder, err)
	}
	for _, e := range t.entries {
		name := path.Join(folder, e.Name)
		w.seen++
		switch {
		case !local(name) || strings.Contains(e.Name, "/"):
			return fmt.Errorf("%.200q is not a path in a repository", name)
		case w.seen > maxPaths || strings.Count(name, "/") > 100:
			return fmt.Errorf("%s: more than %d files and folders, or folders that lie too deep", folder, maxPaths)
		case e.Mode == filemode.Dir:
			if err := w.below(ctx, e.Hash, name); err != nil {
				return err
			}
		default:
			w.files = append(w.files, name)
		}
	}
	return nil
}

// find goes down the trees to a name.
func (r *Repository) find(name string) (object.TreeEntry, error) {
	at := object.TreeEntry{Mode: filemode.Dir, Hash: r.root}
	for part := range strings.SplitSeq(name, "/") {
		if at.Mode != filemode.Dir {
			return at, fs.ErrNotExist
		}
		t, err := r.tree(at.Hash)
		if err != nil {
			return at, fmt.Errorf("%s: %w", name, err)
		}
		i, ok := t.named[part]
		if !ok {
			return at, fs.ErrNotExist
		}
		at = t.entries[i]
	}
	return at, nil
}

// tree is a folder of a commit. Several thousand files of one are asked for by name.
type tree struct {
	entries []object.TreeEntry
	named   map[string]int // the place in entries
}

func (r *Repository) tree(h plumbing.Hash) (tree, error) {
	if t, ok := r.trees[h]; ok {
		return t, nil
	}
	read, err := object.GetTree(r.store, h)
	if err != nil {
		return tree{}, err
	}
	t := tree{entries: read.Entries, named: make(map[string]int, len(read.Entries))}
	for i, e := range t.entries {
		t.named[e.Name] = i
	}
	r.trees[h] = t
	return t, nil
}
