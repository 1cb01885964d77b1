package testkit_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/zstd"

	"github.com/imagegate/imagegate/internal/testkit"
)

var files = []testkit.File{
	{Path: "etc/passwd", Content: []byte("root:x:0:0::/root:/sbin/nologin\n")},
	{Path: "home/nonroot", Dir: true, Mode: 0o700, UID: 65532, GID: 65532},
	{Path: "usr/lib64", Symlink: "lib"},
	{Path: "etc/passwd-", Hardlink: "etc/passwd"},
	{Path: "var/cache/apt", Whiteout: true},
	{Path: "tmp", Opaque: true},
	{Path: "dev/null", Type: tar.TypeChar, Mode: 0o666},
	{Path: "../escape", Content: []byte("x")},
	{Path: "locked", Mode: -1},
}

const listing = `etc/ 5 0755 0:0 ""
etc/passwd 0 0644 0:0 ""
home/ 5 0755 0:0 ""
home/nonroot/ 5 0700 65532:65532 ""
usr/ 5 0755 0:0 ""
usr/lib64 2 0777 0:0 "lib"
etc/passwd- 1 0644 0:0 "etc/passwd"
var/ 5 0755 0:0 ""
var/cache/ 5 0755 0:0 ""
var/cache/.wh.apt 0 0644 0:0 ""
tmp/.wh..wh..opq 0 0644 0:0 ""
dev/ 5 0755 0:0 ""
dev/null 3 0666 0:0 ""
../escape 0 0644 0:0 ""
locked 0 0000 0:0 ""
`

func TestLayerPack(t *testing.T) {
	for _, tt := range []struct {
		name        string
		compression testkit.Compression
		mediaType   string
		open        func(io.Reader) (io.Reader, error)
	}{
		{"gzip", testkit.Gzip, "application/vnd.oci.image.layer.v1.tar+gzip", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
		{"zstd", testkit.Zstd, "application/vnd.oci.image.layer.v1.tar+zstd", func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) }},
		{"uncompressed", testkit.Uncompressed, "application/vnd.oci.image.layer.v1.tar", func(r io.Reader) (io.Reader, error) { return r, nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := testkit.Layer{Files: files, Compression: tt.compression}.Pack()
			if err != nil {
				t.Fatal(err)
			}
			if got := string(l.Descriptor.MediaType); got != tt.mediaType {
				t.Errorf("media type = %s, want %s", got, tt.mediaType)
			}
			r, err := tt.open(bytes.NewReader(l.Data))
			if err != nil {
				t.Fatal(err)
			}
			archive, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if diffID, _, _ := v1.SHA256(bytes.NewReader(archive)); diffID != l.DiffID {
				t.Errorf("diff ID = %s, want %s", l.DiffID, diffID)
			}
			if diff := cmp.Diff(listing, list(t, archive)); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

func list(t *testing.T, archive []byte) string {
	t.Helper()
	var b bytes.Buffer
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %c %04o %d:%d %q\n", h.Name, h.Typeflag, h.Mode, h.Uid, h.Gid, h.Linkname)
	}
}

func TestLayerThatLies(t *testing.T) {
	want := v1.Hash{Algorithm: "sha256", Hex: "00"}
	l, err := testkit.Layer{Raw: []byte("no archive"), DiffID: want, MediaType: "a/b"}.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if string(l.Data) != "no archive" || l.DiffID != want || l.Descriptor.MediaType != "a/b" {
		t.Errorf("layer = %+v", l)
	}
}
