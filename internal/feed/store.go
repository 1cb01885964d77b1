package feed

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

const (
	// maxObject bounds one object of a repository, in bytes.
	maxObject = 64 << 20
	// maxAlternates bounds the object stores that one repository borrows from.
	maxAlternates = 10
)

// errMissing is the error of an object that a repository does not hold, errDamaged of
// one whose bytes are not those that its name is the hash of.
var (
	errMissing = errors.New("the repository does not hold this object, as in a partial or damaged clone")
	errDamaged = errors.New("the object is damaged")
)

// store reads objects from the folders where git keeps them. Each is compared with its
// name.
type store struct {
	storer.EncodedObjectStorer // the first of parts; only reading is used
	parts                      []*filesystem.Storage
	// again fetches all objects anew when one cannot be read; nil when they were fetched
	// just now, or cannot be.
	again func() (*store, error)
}

// openStore opens the objects of a repository, and those that it borrows from others
// (gitrepository-layout, "objects/info/alternates").
func openStore(dir string) *store {
	s := &store{}
	objects := cache.NewObjectLRUDefault()
	todo := []string{dir}
	for i := 0; i < len(todo) && i <= maxAlternates; i++ {
		s.parts = append(s.parts, filesystem.NewStorageWithOptions(osfs.New(todo[i]), objects, filesystem.Options{LargeObjectThreshold: maxObject}))
		// What is not there is missed where it is needed.
		data, _ := os.ReadFile(filepath.Join(todo[i], "objects", "info", "alternates"))
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			if !filepath.IsAbs(line) {
				line = filepath.Join(todo[i], "objects", filepath.FromSlash(line))
			}
			todo = append(todo, filepath.Dir(filepath.Clean(line)))
		}
	}
	s.EncodedObjectStorer = s.parts[0]
	return s
}

// EncodedObject returns an object whose bytes were compared with its name.
func (s *store) EncodedObject(t plumbing.ObjectType, h plumbing.Hash) (plumbing.EncodedObject, error) {
	data, err := s.bytes(t, h)
	if err != nil {
		return nil, err
	}
	o := &plumbing.MemoryObject{}
	o.SetType(t)
	_, err = o.Write(data)
	return o, err
}

func (s *store) bytes(t plumbing.ObjectType, h plumbing.Hash) ([]byte, error) {
	data, err := s.find(t, h)
	if err == nil || s.again == nil {
		return data, err
	}
	fresh, failed := s.again()
	if s.again = nil; failed != nil {
		return nil, fmt.Errorf("%w; %v", err, failed)
	}
	s.parts = fresh.parts
	return s.find(t, h)
}

func (s *store) find(t plumbing.ObjectType, h plumbing.Hash) ([]byte, error) {
	var wrong error
	for _, part := range s.parts {
		data, err := readObject(part, t, h)
		if err == nil {
			return data, nil
		}
		if !errors.Is(err, plumbing.ErrObjectNotFound) && wrong == nil {
			wrong = err
		}
	}
	if wrong != nil {
		return nil, fmt.Errorf("object %s: %v", h, wrong) // a file of git's that is not there is not a file of the commit
	}
	return nil, fmt.Errorf("object %s: %w", h, errMissing)
}

func readObject(part *filesystem.Storage, t plumbing.ObjectType, h plumbing.Hash) (data []byte, err error) {
	defer func() {
		if p := recover(); p != nil { // a pack that nothing wrote as it is
			data, err = nil, fmt.Errorf("%w: %v", errDamaged, p)
		}
	}()
	o, err := part.EncodedObject(t, h)
	if err != nil {
		return nil, err
	}
	if o.Size() > maxObject { // it is not in memory yet
		return nil, fmt.Errorf("%d bytes, at most %d are read", o.Size(), maxObject)
	}
	in, err := o.Reader()
	if err != nil {
		return nil, err
	}
	data, err = io.ReadAll(io.LimitReader(in, maxObject+1))
	if err := errors.Join(err, in.Close()); err != nil {
		return nil, err
	}
	if plumbing.ComputeHash(t, data) != h {
		return nil, errDamaged
	}
	return data, nil
}
