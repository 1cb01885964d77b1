package advisory

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

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
	data  []byte
	files []File
	// signatures are those in the archive, by the name of the file that they are for.
	signatures map[string][]byte
	// commit is what git wrote into an archive of a repository; "" when nothing did. made
	// is the time that git gives everything in it, that of the commit.
	commit string
	made   time.Time
}

// visit is called with each entry of an archive that may matter. The size is what the
// archive states: a claim.
type visit func(name string, size int64, in io.Reader) error

// archive reads the .json files of an archive, with the signatures that lie beside them
// in it. Of the vendor's repository only the folder osv counts: there lie examples for
// scanners too. So the names are looked at first. Nothing is written to disk, and the
// names serve for nothing else.
func (l *loader) archive(f File, signed bool, info *SourceInfo) error {
	u := &unpacking{loader: l, data: f.Data, signatures: map[string][]byte{}}
	var osv, vex bool
	if err := u.walk(func(name string, _ int64, _ io.Reader) error {
		osv, vex = osv || within(name, "osv"), vex || within(name, "vex")
		return nil
	}); err != nil {
		return err
	}
	repository := osv && (vex || u.commit != "")
	if err := u.walk(func(name string, size int64, in io.Reader) error {
		if repository && !within(name, "osv") {
			return nil
		}
		return u.entry(name, size, in)
	}); err != nil {
		return err
	}
	if info.Commit != "" && u.commit != "" && info.Commit != u.commit {
		return fmt.Errorf("it is of commit %s, not of %s", u.commit, clip(info.Commit))
	}
	if info.Commit = cmp.Or(info.Commit, u.commit); u.commit != "" && u.made.Unix() > 0 {
		info.Made = u.made.UTC()
	}
	signed = (signed || u.commit != "") && f.Signature == nil
	for _, d := range u.files {
		d.Signature = u.signatures[d.Name]
		d.Name = f.Name + "!" + d.Name
		l.document(d, signed, info)
	}
	return nil
}

func (u *unpacking) walk(each visit) error {
	var in io.Reader = bytes.NewReader(u.data)
	switch kind(u.data) {
	case "zip":
		return u.walkZip(each)
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
		u.made = h.ModTime
		if err := each(h.Name, h.Size, t); err != nil {
			return err
		}
	}
}

func (u *unpacking) walkZip(each visit) error {
	z, err := zip.NewReader(bytes.NewReader(u.data), int64(len(u.data)))
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
		u.made = e.Modified
		in, err := e.Open()
		if err != nil {
			return err
		}
		err = each(e.Name, int64(min(e.UncompressedSize64, 1<<62)), in)
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

// within reports whether a file lies in a folder at the top, or below the one folder that
// archives of repositories have there.
func within(name, folder string) bool {
	parts := strings.Split(path.Clean(name), "/")
	return len(parts) > 1 && parts[0] == folder || len(parts) > 2 && parts[1] == folder
}

// commitID is text when it is the name of a commit (SHA-1 or SHA-256, in hex), else "".
func commitID(text string) string {
	if (len(text) == 40 || len(text) == 64) && strings.Trim(text, "0123456789abcdef") == "" {
		return text
	}
	return ""
}
