package harden

import (
	"io"
	"io/fs"
	"path"
	"strings"
	"time"
)

// overlay is a file system with one file replaced.
type overlay struct {
	fs.FS
	name, text string
}

// Open implements [fs.FS].
func (o overlay) Open(name string) (fs.File, error) {
	if name == o.name {
		return &textFile{Reader: strings.NewReader(o.text), name: path.Base(name), size: int64(len(o.text))}, nil
	}
	return o.FS.Open(name)
}

// textFile is a file that is a string, and its own info.
type textFile struct {
	io.Reader
	name string
	size int64
}

func (t *textFile) Stat() (fs.FileInfo, error) { return t, nil }
func (t *textFile) Close() error               { return nil }
func (t *textFile) Name() string               { return t.name }
func (t *textFile) Size() int64                { return t.size }
func (t *textFile) Mode() fs.FileMode          { return 0o444 }
func (t *textFile) ModTime() time.Time         { return time.Time{} }
func (t *textFile) IsDir() bool                { return false }
func (t *textFile) Sys() any                   { return nil }
