package registry

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// maxEntries bounds the entries of an archive. A layout has a few files per layer.
const maxEntries = 100_000

// files gives regular files by their slash-separated name. What is not there is
// fs.ErrNotExist.
type files interface {
	open(name string) (io.ReadCloser, int64, error)
}

// dirFiles are the files below a directory. No name and no symbolic link leads out
// of it, which os.Root sees to.
type dirFiles struct{ root *os.Root }

func (d dirFiles) open(name string) (io.ReadCloser, int64, error) {
	info, err := d.root.Stat(name)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for ever
		return nil, 0, fmt.Errorf("%s is not a regular file", name)
	}
	f, err := d.root.Open(name)
	if err != nil {
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// tarFiles are the files of a tar archive on disk, read in place.
type tarFiles struct {
	f       *os.File
	entries map[string]tarEntry
}

type tarEntry struct {
	offset, size int64
	link         string // another entry, for links
}

// openTar lists the entries of an archive. A file that occurs twice is refused when
// the two differ in place: which one counts would be up to the reader.
func openTar(f *os.File) (*tarFiles, error) {
	t := &tarFiles{f: f, entries: map[string]tarEntry{}}
	r := tar.NewReader(f)
	for n := 0; ; n++ {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, fmt.Errorf("tar archive: %w", err)
		}
		if n >= maxEntries {
			return nil, &LimitError{Limit: "maxEntries", What: "entries of an archive", Max: maxEntries}
		}
		name := path.Clean("/" + h.Name)[1:]
		entry := tarEntry{size: h.Size}
		switch h.Typeflag {
		case tar.TypeReg:
			// The tar reader reads whole blocks and nothing ahead: the file stands at the
			// content now.
			if entry.offset, err = f.Seek(0, io.SeekCurrent); err != nil {
				return nil, fmt.Errorf("tar archive: %w", err)
			}
		case tar.TypeSymlink:
			entry.link = path.Clean("/" + path.Join(path.Dir(name), h.Linkname))[1:]
		case tar.TypeLink:
			entry.link = path.Clean("/" + h.Linkname)[1:]
		default:
			continue
		}
		if _, twice := t.entries[name]; twice {
			return nil, fmt.Errorf("tar archive: the file %.100q occurs twice", name)
		}
		t.entries[name] = entry
	}
}

func (t *tarFiles) open(name string) (io.ReadCloser, int64, error) {
	for range 8 {
		e, ok := t.entries[path.Clean("/" + name)[1:]]
		if !ok {
			return nil, 0, fmt.Errorf("%.100q is not in the archive: %w", name, fs.ErrNotExist)
		}
		if e.link == "" {
			return io.NopCloser(io.NewSectionReader(t.f, e.offset, e.size)), e.size, nil
		}
		name = e.link
	}
	return nil, 0, fmt.Errorf("%.100q: too many links in the archive", name)
}

// readFile reads a small file whole.
func readFile(f files, name string, limit int64) ([]byte, error) {
	rc, _, err := f.open(name)
	if err != nil {
		return nil, err
	}
	defer rc.Close() //nolint:errcheck // only read
	return readLimited(rc, limit, "MaxManifest", name)
}

// unpacked returns f, or a temporary file with its content when f is compressed with
// gzip, and what removes that file.
func unpacked(f *os.File, opt *Options) (*os.File, func() error, error) {
	var magic [2]byte
	if _, err := io.ReadFull(f, magic[:]); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	if !bytes.Equal(magic[:], []byte{0x1f, 0x8b}) {
		return f, f.Close, nil
	}
	defer f.Close() //nolint:errcheck // only read
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, nil, err
	}
	return spool(z, opt)
}

// spool writes r to a temporary file, at most Options.MaxArchive bytes, and returns
// the file at its start with what removes it.
func spool(r io.Reader, opt *Options) (*os.File, func() error, error) {
	f, err := os.CreateTemp(opt.TempDir, "imagegate-*.tar")
	if err != nil {
		return nil, nil, fmt.Errorf("make a temporary file: %w", err)
	}
	remove := func() error { return errors.Join(f.Close(), os.Remove(f.Name())) }
	n, err := io.Copy(f, io.LimitReader(r, opt.MaxArchive+1))
	if err == nil && n > opt.MaxArchive {
		err = &LimitError{Limit: "MaxArchive", What: "bytes of an image archive", Max: opt.MaxArchive}
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	return f, remove, nil
}
