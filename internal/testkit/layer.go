package testkit

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Compression is how a layer is packed.
type Compression int

// The compressions of the OCI image-spec, gzip being the usual one.
const (
	Gzip Compression = iota
	Zstd
	Uncompressed
)

// File is one entry of a layer. Directories above it that the layer does not list are
// added, owned by root, with mode 0755.
type File struct {
	// Path is relative to the root, without a leading slash. It is written as it is,
	// "../" and all: a hostile archive is asked for by its path.
	Path string
	// Mode are the permission bits. 0 means 0755 for directories, 0777 for symbolic
	// links and 0644 for anything else; -1 means no bits at all.
	Mode     int64
	UID, GID int
	// Content is the content of a regular file.
	Content []byte
	// Dir makes a directory, Symlink and Hardlink a link to what they say, Whiteout
	// removes Path of a lower layer, Opaque hides all that lower layers have below Path.
	Dir, Whiteout, Opaque bool
	Symlink, Hardlink     string
	// Type, when not 0, is the tar type flag: tar.TypeChar, tar.TypeFifo and so on.
	Type byte
	// ModTime is the time of the entry; zero means 2026-01-01T00:00:00Z.
	ModTime time.Time
}

// Layer is a layer to be packed. Equal layers give equal bytes.
type Layer struct {
	Files       []File
	Compression Compression
	// Raw, when not nil, is the blob as it is served, whatever it holds, and DiffID is
	// what the config says of it: for layers that lie.
	Raw []byte
	// MediaType overrides the media type of the compression.
	MediaType types.MediaType
	// DiffID overrides the digest of the uncompressed archive.
	DiffID v1.Hash
}

// LayerBlob is a packed layer.
type LayerBlob struct {
	Blob
	DiffID v1.Hash
}

// Pack makes the layer's blob.
func (l Layer) Pack() (*LayerBlob, error) {
	archive, data := l.Raw, l.Raw
	if l.Raw == nil {
		var err error
		if archive, err = tarOf(l.Files); err != nil {
			return nil, fmt.Errorf("pack a layer: %w", err)
		}
		if data, err = compress(archive, l.Compression); err != nil {
			return nil, fmt.Errorf("compress a layer: %w", err)
		}
	}
	mediaType := l.MediaType
	if mediaType == "" {
		mediaType = map[Compression]types.MediaType{
			Gzip: types.OCILayer, Zstd: types.OCILayerZStd, Uncompressed: types.OCIUncompressedLayer,
		}[l.Compression]
	}
	diffID := l.DiffID
	if diffID == (v1.Hash{}) {
		diffID = digestOf(archive)
	}
	return &LayerBlob{NewBlob(mediaType, data), diffID}, nil
}

func compress(archive []byte, c Compression) ([]byte, error) {
	var b bytes.Buffer
	var w io.WriteCloser
	switch c {
	case Gzip:
		w = gzip.NewWriter(&b)
	case Zstd:
		z, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		w = z
	case Uncompressed:
		return archive, nil
	default:
		return nil, fmt.Errorf("unknown compression %d", c)
	}
	if _, err := w.Write(archive); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// tarOf writes the archive, in the order of files, with missing parents before them.
func tarOf(files []File) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	made := map[string]bool{}
	for _, f := range files {
		made[clean(f.Path)] = made[clean(f.Path)] || f.Dir
	}
	for _, f := range files {
		for _, dir := range parents(f.Path) {
			if made[dir] {
				continue
			}
			made[dir] = true
			if err := addFile(w, File{Path: dir, Dir: true}); err != nil {
				return nil, err
			}
		}
		if err := addFile(w, f); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func clean(p string) string { return strings.TrimSuffix(p, "/") }

// parents lists the directories above p, outermost first. A path that leaves the root
// or starts at it has none: such a path is meant to stand alone.
func parents(p string) []string {
	p = clean(p)
	if path.IsAbs(p) || path.Clean(p) != p || strings.HasPrefix(p, "..") {
		return nil
	}
	var dirs []string
	for i, c := range p {
		if c == '/' {
			dirs = append(dirs, p[:i])
		}
	}
	return dirs
}

func addFile(w *tar.Writer, f File) error {
	h := &tar.Header{
		Name: f.Path, Mode: 0o644, Uid: f.UID, Gid: f.GID, Typeflag: tar.TypeReg,
		ModTime: f.ModTime, Format: tar.FormatPAX, Size: int64(len(f.Content)),
	}
	if h.ModTime.IsZero() {
		h.ModTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	switch { // the names of whiteouts: image-spec, layer.md, "Whiteouts"
	case f.Whiteout:
		h.Name = path.Join(path.Dir(f.Path), ".wh."+path.Base(f.Path))
	case f.Opaque:
		h.Name = path.Join(f.Path, ".wh..wh..opq")
	case f.Dir:
		h.Typeflag, h.Mode, h.Name = tar.TypeDir, 0o755, clean(f.Path)+"/"
	case f.Symlink != "":
		h.Typeflag, h.Mode, h.Linkname = tar.TypeSymlink, 0o777, f.Symlink
	case f.Hardlink != "":
		h.Typeflag, h.Linkname = tar.TypeLink, f.Hardlink
	}
	if f.Type != 0 {
		h.Typeflag = f.Type
	}
	if h.Typeflag != tar.TypeReg {
		h.Size = 0
	}
	if f.Mode != 0 {
		h.Mode = max(f.Mode, 0)
	}
	if err := w.WriteHeader(h); err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	if h.Size == 0 {
		return nil
	}
	if _, err := w.Write(f.Content); err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	return nil
}
