package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
)

// script makes the layers that a text describes: one entry a line, "---" between
// layers. The first byte is the type flag (f stands for a regular file), the rest a name
// and, after a tab, a link target. It keeps the fuzzer busy with names and order, which
// are not protected by the checksums of archive headers.
func script(text string) (layers [][]byte) {
	for part := range strings.SplitSeq(text, "---\n") {
		var buf bytes.Buffer
		w := tar.NewWriter(&buf)
		for line := range strings.SplitSeq(part, "\n") {
			if len(line) < 2 {
				continue
			}
			name, link, _ := strings.Cut(line[1:], "\t")
			h := &tar.Header{Typeflag: line[0], Name: name, Linkname: link, Mode: 0o644}
			body := ""
			if h.Typeflag == 'f' {
				h.Typeflag, body = tar.TypeReg, "x"
			}
			h.Size = int64(len(body))
			if w.WriteHeader(h) == nil { // what cannot be written is left out
				_, _ = io.WriteString(w, body)
			}
		}
		if w.Close() != nil {
			return nil
		}
		layers = append(layers, buf.Bytes())
	}
	return layers
}

// FuzzRootFS pulls images of whatever layers the fuzzer describes.
func FuzzRootFS(f *testing.F) {
	for _, seed := range []string{
		"5etc/\nfetc/a\n1b\tetc/a\n---\nfetc/a",
		"fusr/x\n---\nfusr/.wh..wh..opq\nf.wh.etc\nf.wh..wh..opq",
		"f../x\n2l\t../../l\n2m\tl/../m",
		"fa/b\n---\nf.wh..\nfa/.wh...\nf.wh.",
		"2a\tb\nfa/c\n---\n5b/\nfa/c\n1a\tb",
		"1d\td\n1e\t/\n2f\te\n---\n1d\tf",
		"3dev/null\n6pipe\ngpax\n---\nfdev",
		"2lib\tusr/lib\n5usr/\n---\nflib/x\n---\nf.wh.lib",
	} {
		f.Add(seed, "etc/a")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		if raw := script(text); len(raw) <= 8 {
			check(t, name, raw...)
		}
	})
}

// FuzzPull pulls an image with any bytes at all for a layer, in whatever compression
// they look like.
func FuzzPull(f *testing.F) {
	good := archive(f, entry{name: "etc/"}, entry{name: "etc/a", body: "a"})
	for _, seed := range [][]byte{good, gz(f, good), zst(f, good), good[:700], gz(f, good)[:40], nil, []byte("\x1f\x8b\x08"), []byte("not an archive")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, blob []byte) {
		check(t, "etc", blob)
	})
}

// check pulls an image of the given blobs. It must end in an error that leaves nothing
// behind, or in a file system in which every path that a walk finds can be asked for
// again, and which leads nowhere else.
func check(t *testing.T, name string, blobs ...[]byte) {
	t.Helper()
	var layers []stored
	for _, b := range blobs {
		id := digestOf(b)
		if raw, err := plainOf(b); err == nil {
			id = digestOf(raw)
		}
		layers = append(layers, stored{b, id, "application/vnd.oci.image.layer.v1.tar"})
	}
	dir := t.TempDir()
	img, err := Pull(t.Context(), hold(layers...), input(t, layers...), Options{TempDir: dir, MaxEntries: 500, MaxLayer: 1 << 20, MaxPath: 256})
	if err != nil {
		wantEmpty(t, dir)
		return
	}
	root := img.RootFS()
	err = fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := fs.Lstat(root, p)
		if err != nil || info.Mode().Type() != d.Type() {
			return fmt.Errorf("walk finds %q as %v, Lstat %v (%v)", p, d.Type(), info, err)
		}
		f, err := root.Open(p)
		if err != nil {
			if d.Type().IsRegular() {
				return err
			}
			return nil
		}
		_, _ = io.CopyN(io.Discard, f, 1<<16)
		img.LayerOf(p)
		return f.Close()
	})
	if err != nil {
		t.Error(err)
	}
	if info, err := fs.Stat(root, name); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		t.Errorf("Stat(%q) did not follow the link", name)
	}
	if err := img.Close(); err != nil {
		t.Error(err)
	}
	wantEmpty(t, dir)
}

// plainOf is the archive in b, at most a megabyte of it.
func plainOf(b []byte) ([]byte, error) {
	dec, _, _, err := open(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	return io.ReadAll(io.LimitReader(dec, 1<<20))
}
