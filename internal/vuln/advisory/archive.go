package advisory

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// isArchive knows an archive by its first bytes; a tar has its mark at 257.
func isArchive(data []byte) bool {
	return kind(data) != ""
}

func kind(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")), bytes.HasPrefix(data, []byte("PK\x05\x06")):
		return "zip"
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b}):
		return "gzip"
	case bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return "zstd"
	case len(data) > 262 && string(data[257:262]) == "ustar":
		return "tar"
	default:
		return ""
	}
}

// archive reads the .json files of an archive. Nothing is written to disk, so the names
// in it only serve to tell which file is meant.
func (l *loader) archive(f File, info *SourceInfo) error {
	var in io.Reader = bytes.NewReader(f.Data)
	switch kind(f.Data) {
	case "zip":
		return l.zip(f, info)
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return err
		}
		in = z
	case "zstd":
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return err
		}
		defer z.Close()
		in = z
	}
	// What is skipped is decompressed too: bound the whole stream.
	limit := &io.LimitedReader{R: in, N: 4*l.opt.MaxTotal + 1}
	t := tar.NewReader(limit)
	for entries := 0; ; entries++ {
		h, err := t.Next()
		switch {
		case limit.N <= 0:
			return fmt.Errorf("larger than %d bytes unpacked", 4*l.opt.MaxTotal)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case entries > 4*l.opt.MaxFiles:
			return fmt.Errorf("more than %d entries", 4*l.opt.MaxFiles)
		}
		if h.Typeflag != tar.TypeReg || !wanted(h.Name) {
			continue
		}
		if err := l.entry(f.Name, h.Name, h.Size, t, info); err != nil {
			return err
		}
	}
}

func (l *loader) zip(f File, info *SourceInfo) error {
	z, err := zip.NewReader(bytes.NewReader(f.Data), int64(len(f.Data)))
	if err != nil {
		return err
	}
	if len(z.File) > 4*l.opt.MaxFiles {
		return fmt.Errorf("more than %d entries", 4*l.opt.MaxFiles)
	}
	for _, e := range z.File {
		if !e.Mode().IsRegular() || !wanted(e.Name) {
			continue
		}
		in, err := e.Open()
		if err != nil {
			return err
		}
		err = l.entry(f.Name, e.Name, int64(min(e.UncompressedSize64, 1<<62)), in, info)
		if err := errors.Join(err, in.Close()); err != nil {
			return err
		}
	}
	return nil
}

// wanted passes over what is no advisory by its name: signatures, checksums, texts.
func wanted(name string) bool {
	return strings.HasSuffix(name, ".json") && !strings.HasPrefix(name[strings.LastIndexByte(name, '/')+1:], "._")
}

// entry reads one file of an archive. The size that the archive states is a claim: what
// is read is bounded by itself. An error ends the archive.
func (l *loader) entry(archive, name string, size int64, in io.Reader, info *SourceInfo) error {
	if err := l.count(max(size, 0)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	data, err := io.ReadAll(io.LimitReader(in, l.opt.MaxFile+1))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case int64(len(data)) > l.opt.MaxFile:
		return fmt.Errorf("%s: larger than %d bytes", name, l.opt.MaxFile)
	}
	l.document(File{Name: archive + "!" + name, Data: data}, info)
	return nil
}
