package harden

import (
	"errors"
	"io/fs"
)

// regular is a file system in which only regular files and directories can be opened.
// Opening a pipe would wait for ever, and a device may never end.
type regular struct{ fs.FS }

// errIrregular is why a file was not opened.
var errIrregular = errors.New("it is not a regular file")

// Open implements [fs.FS].
func (r regular) Open(name string) (fs.File, error) {
	info, err := fs.Stat(r.FS, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() && !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errIrregular}
	}
	return r.FS.Open(name)
}

// Stat implements [fs.StatFS].
func (r regular) Stat(name string) (fs.FileInfo, error) { return fs.Stat(r.FS, name) }

// ReadDir implements [fs.ReadDirFS].
func (r regular) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(r.FS, name) }
