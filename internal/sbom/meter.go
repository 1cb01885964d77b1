package sbom

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"regexp"
	"slices"

	"github.com/anchore/syft/syft/file"
	"github.com/klauspost/compress/zip"
)

// inMemory are the names of files in an archive that Syft reads whole.
var inMemory = regexp.MustCompile(`(?i)(^|/)meta-inf/manifest\.mf$|pom\.(properties|xml)$|^/?version\.properties$|^/?(meta-inf/)?[^/]*(licen[cs]e|copying|notice|copyright|al2\.0|[gm]pl|mit|bsd|apache)[^/]*$`)

const (
	// leastCost is what each archive is counted with at least, in bytes.
	leastCost = 64 << 10
	// ratioFloor is from where on the ratio of an archive is asked for, in bytes.
	ratioFloor = 256 << 20
	// smallArchive is up to what an archive in another is unpacked in memory, in bytes.
	smallArchive = 8 << 20
)

// limitError says which bound of [Options] an archive passed.
type limitError struct {
	option, what string
	max          int64
	unit         string
}

func (e *limitError) Error() string {
	return fmt.Sprintf("%s: more than %d %s (limit %s)", e.what, e.max, e.unit, e.option)
}

// meter counts what one archive of the image takes.
type meter struct {
	ctx         context.Context
	opt         Options
	size        int64 // of the archive itself
	spent, text int64
	problems    []string
}

// file measures a file of the image. What is no archive is Syft's to tell.
func (m *meter) file(files file.Resolver, l file.Location) error {
	in, size, err := open(files, l)
	if err != nil {
		return err
	}
	defer in.Close()
	m.size = size
	return m.archive(in, size, 0)
}

// content is a file that can be read at any place.
type content interface {
	io.ReadCloser
	io.ReaderAt
	io.Seeker
}

func open(files file.Resolver, l file.Location) (content, int64, error) {
	r, err := files.FileContentsByLocation(l)
	if err != nil {
		return nil, 0, err
	}
	in, ok := r.(content)
	if !ok {
		return nil, 0, errors.Join(errors.New("the content cannot be read at any place"), r.Close())
	}
	size, err := in.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, errors.Join(err, in.Close())
	}
	return in, size, nil
}

// spend counts bytes on disk.
func (m *meter) spend(n uint64) error {
	if n = max(n, leastCost); n > uint64(m.opt.MaxUnpacked-m.spent) {
		return &limitError{"MaxUnpacked", "unpacked with all archives in it", m.opt.MaxUnpacked, "bytes"}
	}
	m.spent += int64(n)
	if m.spent > ratioFloor && m.spent/m.opt.MaxRatio > m.size {
		return &limitError{"MaxRatio", "unpacked with all archives in it", m.opt.MaxRatio, "times its size"}
	}
	return nil
}

// archive counts a copy of the archive, what is unpacked from it, and then the same for
// each archive in it.
func (m *meter) archive(r io.ReaderAt, size int64, depth int) error {
	if err := m.ctx.Err(); err != nil {
		return err
	}
	if depth > m.opt.MaxNesting {
		return &limitError{"MaxNesting", "archives in one another", int64(m.opt.MaxNesting), "levels"}
	}
	if err := m.spend(uint64(size)); err != nil {
		return err
	}
	listed := &capped{ReaderAt: r, left: m.opt.MaxDirectory}
	z, err := zip.NewReader(listed, size)
	if listed.left < 0 {
		return &limitError{"MaxDirectory", "the list of what is in the archive", m.opt.MaxDirectory, "bytes"}
	}
	if err != nil {
		return err
	}
	listed.left = math.MaxInt64
	var in, texts []*zip.File
	for _, f := range z.File {
		switch {
		case f.FileInfo().IsDir():
		case slices.Contains(javaArchives, path.Ext(f.Name)):
			if err := m.spend(f.UncompressedSize64); err != nil {
				return err
			}
			in = append(in, f)
		case inMemory.MatchString(f.Name):
			if f.UncompressedSize64 > uint64(m.opt.MaxText-m.text) {
				return &limitError{"MaxText", "descriptions and licenses in the archive", m.opt.MaxText, "bytes"}
			}
			m.text += int64(f.UncompressedSize64)
			texts = append(texts, f)
		}
	}
	if depth > 0 { // of the outermost archive Syft tells it
		for _, f := range texts {
			if err := drain(f); err != nil {
				m.problems = append(m.problems, fmt.Sprintf("%s of an archive in it could not be read: %v", clip(f.Name), err))
			}
		}
	}
	for _, f := range in {
		err := m.member(r, f, depth)
		var passed *limitError
		if errors.As(err, &passed) {
			return err
		}
		if err != nil && f.UncompressedSize64 > 0 {
			m.problems = append(m.problems, fmt.Sprintf("the archive %s in it could not be read: %v", clip(f.Name), err))
		}
	}
	return nil
}

// drain reads a file of an archive to its end; the reader holds it to the size that was
// counted.
func drain(f *zip.File) error {
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = io.Copy(io.Discard, in)
	return err
}

// member measures an archive in an archive.
func (m *meter) member(r io.ReaderAt, f *zip.File, depth int) error {
	if f.Method == zip.Store {
		at, err := f.DataOffset()
		if err != nil {
			return err
		}
		return m.archive(io.NewSectionReader(r, at, int64(f.UncompressedSize64)), int64(f.UncompressedSize64), depth+1)
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	if f.UncompressedSize64 <= smallArchive { // the reader holds the content to this size
		data, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		return m.archive(bytes.NewReader(data), int64(len(data)), depth+1)
	}
	out, err := os.CreateTemp(m.opt.TempDir, "imagegate-archive-")
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(out.Close(), os.Remove(out.Name())) }()
	n, err := io.Copy(out, in)
	if err != nil {
		return err
	}
	return m.archive(out, n, depth+1)
}

// capped fails once more than left bytes were read.
type capped struct {
	io.ReaderAt
	left int64
}

func (c *capped) ReadAt(p []byte, off int64) (int, error) {
	if c.left -= int64(len(p)); c.left < 0 {
		return 0, errors.New("too long")
	}
	return c.ReaderAt.ReadAt(p, off)
}
