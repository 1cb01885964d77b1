package testkit

import (
	"cmp"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// Git is a repository with one commit.
type Git struct {
	// Files are what the commit holds, by path.
	Files map[string][]byte
	// Made is when the commit was made.
	Made time.Time
}

// Checkout writes the repository into a folder, work tree and all, as git clone does.
func (g Git) Checkout(dir string) (commit string, err error) {
	at := filepath.Join(dir, ".git")
	if err := os.MkdirAll(filepath.Join(at, "refs", "heads"), 0o755); err != nil {
		return "", err
	}
	h, err := g.write(filesystem.NewStorage(osfs.New(at), cache.NewObjectLRUDefault()))
	if err != nil {
		return "", err
	}
	files := maps.Clone(g.Files)
	maps.Copy(files, map[string][]byte{
		".git/HEAD": []byte("ref: refs/heads/main\n"), ".git/refs/heads/main": []byte(h.String() + "\n"),
		".git/config": []byte("[core]\n\trepositoryformatversion = 0\n\tbare = false\n"),
	})
	for name, data := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, data, 0o644)); err != nil {
			return "", err
		}
	}
	return h.String(), nil
}

// write puts the objects into a store and returns the name of the commit.
func (g Git) write(s storer.EncodedObjectStorer) (plumbing.Hash, error) {
	root, err := writeTree(s, g.Files)
	if err != nil {
		return root, err
	}
	who := object.Signature{Name: "A Vendor", Email: "vendor@example.invalid", When: g.Made.UTC().Truncate(time.Second)}
	return put(s, &object.Commit{Author: who, Committer: who, Message: "The newest\n", TreeHash: root})
}

func writeTree(s storer.EncodedObjectStorer, files map[string][]byte) (plumbing.Hash, error) {
	tree, folders := &object.Tree{}, map[string]map[string][]byte{}
	for name, data := range files {
		if folder, rest, ok := strings.Cut(name, "/"); ok {
			if folders[folder] == nil {
				folders[folder] = map[string][]byte{}
			}
			folders[folder][rest] = data
			continue
		}
		h, err := putBytes(s, plumbing.BlobObject, data)
		if err != nil {
			return h, err
		}
		tree.Entries = append(tree.Entries, object.TreeEntry{Name: name, Mode: filemode.Regular, Hash: h})
	}
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		h, err := writeTree(s, folders[folder])
		if err != nil {
			return h, err
		}
		tree.Entries = append(tree.Entries, object.TreeEntry{Name: folder, Mode: filemode.Dir, Hash: h})
	}
	sort.Sort(object.TreeEntrySorter(tree.Entries))
	return put(s, tree)
}

func put(s storer.EncodedObjectStorer, o interface {
	Encode(plumbing.EncodedObject) error
}) (plumbing.Hash, error) {
	e := s.NewEncodedObject()
	if err := o.Encode(e); err != nil {
		return plumbing.ZeroHash, err
	}
	return s.SetEncodedObject(e)
}

func putBytes(s storer.EncodedObjectStorer, t plumbing.ObjectType, data []byte) (plumbing.Hash, error) {
	e := s.NewEncodedObject()
	e.SetType(t)
	w, err := e.Writer()
	if err == nil {
		_, err = w.Write(data)
		err = cmp.Or(err, w.Close())
	}
	if err != nil {
		return plumbing.ZeroHash, err
	}
	return s.SetEncodedObject(e)
}
