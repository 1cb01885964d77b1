package advisory

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
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

// unpacking is an archive while it is read.
type unpacking struct {
	*loader
	archive string
	files   []File
	// signatures are those in the archive, by the name of the file that they are for.
	signatures map[string][]byte
	// commit is what git wrote into an archive of a repository; "" when nothing did.
	commit string
}

// archive reads the .json files of an archive, with the signatures that lie beside them
// in it. Nothing is written to disk, so the names in it only serve to tell which file is
// meant, and which belong to the folder osv of the vendor's repository.
func (l *loader) archive(f File, signed bool, info *SourceInfo) error {
	u := &unpacking{loader: l, archive: f.Name, signatures: map[string][]byte{}}
	if err := u.read(f.Data); err != nil {
		return err
	}
	if info.Commit == "" {
		info.Commit = u.commit
	}
	signed = (signed || u.commit != "") && f.Signature == nil
	for _, d := range u.ofRepository() {
		d.Signature = u.signatures[d.Name]
		d.Name = f.Name + "!" + d.Name
		l.document(d, signed, info)
	}
	return nil
}

func (u *unpacking) read(data []byte) error {
	var in io.Reader = bytes.NewReader(data)
	switch kind(data) {
	case "zip":
		return u.zip(data)
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
	limit := &io.LimitedReader{R: in, N: 4*u.opt.MaxTotal + 1}
	t := tar.NewReader(limit)
	for entries := 0; ; entries++ {
		h, err := t.Next()
		switch {
		case limit.N <= 0:
			return fmt.Errorf("larger than %d bytes unpacked", 4*u.opt.MaxTotal)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case entries > 4*u.opt.MaxFiles:
			return fmt.Errorf("more than %d entries", 4*u.opt.MaxFiles)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			u.commit = commitID(h.PAXRecords["comment"])
		}
		if h.Typeflag != tar.TypeReg || !wanted(h.Name) {
			continue
		}
		if err := u.entry(h.Name, h.Size, t); err != nil {
			return err
		}
	}
}

func (u *unpacking) zip(data []byte) error {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	if len(z.File) > 4*u.opt.MaxFiles {
		return fmt.Errorf("more than %d entries", 4*u.opt.MaxFiles)
	}
	u.commit = commitID(z.Comment)
	for _, e := range z.File {
		if !e.Mode().IsRegular() || !wanted(e.Name) {
			continue
		}
		in, err := e.Open()
		if err != nil {
			return err
		}
		err = u.entry(e.Name, int64(min(e.UncompressedSize64, 1<<62)), in)
		if err := errors.Join(err, in.Close()); err != nil {
			return err
		}
	}
	return nil
}

// sigSuffix is what the name of a detached signature ends with, beside the file's own.
const sigSuffix = ".sig"

// wanted passes over what is neither advisory nor signature by its name: checksums,
// texts.
func wanted(name string) bool {
	return strings.HasSuffix(strings.TrimSuffix(name, sigSuffix), ".json") && !strings.HasPrefix(path.Base(name), "._")
}

// entry reads one file of an archive. The size that the archive states is a claim: what
// is read is bounded by itself. An error ends the archive.
func (u *unpacking) entry(name string, size int64, in io.Reader) error {
	if err := u.count(max(size, 0)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	data, err := io.ReadAll(io.LimitReader(in, u.opt.MaxFile+1))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case int64(len(data)) > u.opt.MaxFile:
		return fmt.Errorf("%s: larger than %d bytes", name, u.opt.MaxFile)
	}
	if of, ok := strings.CutSuffix(name, sigSuffix); ok {
		u.signatures[of] = data
	} else {
		u.files = append(u.files, File{Name: name, Data: data})
	}
	return nil
}

// ofRepository are the files of the folder osv, when the archive is one of the vendor's
// repository: there lie examples for scanners too, and they are no advisories.
func (u *unpacking) ofRepository() []File {
	inside := func(folder string) []File {
		var out []File
		for _, f := range u.files {
			parts := strings.Split(path.Clean(f.Name), "/")
			if len(parts) > 1 && parts[0] == folder || len(parts) > 2 && parts[1] == folder {
				out = append(out, f)
			}
		}
		return out
	}
	if osv := inside("osv"); len(osv) > 0 && (u.commit != "" || len(inside("vex")) > 0) {
		return osv
	}
	return u.files
}

// commitID is text when it is the name of a commit (SHA-1 or SHA-256, in hex), else "".
func commitID(text string) string {
	if (len(text) == 40 || len(text) == 64) && strings.Trim(text, "0123456789abcdef") == "" {
		return text
	}
	return ""
}
