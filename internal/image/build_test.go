package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// entry is one entry of a test layer.
type entry struct {
	name string
	body string
	kind byte   // 0 means a regular file, or a directory when the name ends in a slash
	link string // target of a link
	mode int64  // 0 means 0o644
	uid  int
	pax  map[string]string
}

// archive writes the entries as they are: the names are not cleaned.
func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Linkname: e.link, Mode: e.mode, Uid: e.uid, Gid: e.uid, PAXRecords: e.pax}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
			if e.name[len(e.name)-1] == '/' {
				h.Typeflag = tar.TypeDir
			}
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		h.Size = int64(len(e.body))
		if err := w.WriteHeader(h); err != nil {
			t.Fatalf("header of %q: %v", e.name, err)
		}
		if _, err := io.WriteString(w, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func gz(t testing.TB, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func zst(t testing.TB, b []byte) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	return e.EncodeAll(b, nil)
}

func digestOf(b []byte) v1.Hash {
	sum := sha256.Sum256(b)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}

// stored is a layer as a registry would hold it.
type stored struct {
	blob      []byte
	diffID    v1.Hash
	mediaType types.MediaType
}

func gzipLayer(t testing.TB, entries ...entry) stored {
	a := archive(t, entries...)
	return stored{gz(t, a), digestOf(a), types.OCILayer}
}

func zstdLayer(t testing.TB, entries ...entry) stored {
	a := archive(t, entries...)
	return stored{zst(t, a), digestOf(a), types.OCILayerZStd}
}

func plainLayer(t testing.TB, entries ...entry) stored {
	a := archive(t, entries...)
	return stored{a, digestOf(a), types.OCIUncompressedLayer}
}

// zeroes is a small layer that becomes n bytes of nothing.
func zeroes(t testing.TB, n int64) stored {
	t.Helper()
	var buf bytes.Buffer
	sum := sha256.New()
	enc, err := zstd.NewWriter(&buf, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(io.MultiWriter(enc, sum))
	if err := w.WriteHeader(&tar.Header{Name: "zeros", Typeflag: tar.TypeReg, Mode: 0o644, Size: n}); err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 1<<20); n > 0; n -= int64(len(block)) {
		if _, err := w.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), enc.Close()); err != nil {
		t.Fatal(err)
	}
	return stored{buf.Bytes(), v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}, types.OCILayerZStd}
}

// input makes manifest and configuration for the layers.
func input(t testing.TB, layers ...stored) Input {
	t.Helper()
	c := &v1.ConfigFile{Architecture: "amd64", OS: "linux", RootFS: v1.RootFS{Type: "layers"}}
	m := &v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1}
	for _, l := range layers {
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, l.diffID)
		m.Layers = append(m.Layers, v1.Descriptor{MediaType: l.mediaType, Digest: digestOf(l.blob), Size: int64(len(l.blob))})
	}
	return seal(t, m, c)
}

func seal(t testing.TB, m *v1.Manifest, c *v1.ConfigFile) Input {
	t.Helper()
	in := Input{Manifest: m, Config: c, Reference: "registry.test/app:1", Tags: []string{"registry.test/app:1"}}
	var err error
	if in.ConfigRaw, err = json.Marshal(c); err != nil {
		t.Fatal(err)
	}
	m.Config = v1.Descriptor{MediaType: types.OCIConfigJSON, Digest: digestOf(in.ConfigRaw), Size: int64(len(in.ConfigRaw))}
	if in.ManifestRaw, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	return in
}

// memory is a [Blobs] that checks digests as the registry's streams do, and counts.
type memory struct {
	mu    sync.Mutex
	blobs map[v1.Hash][]byte
	asked map[v1.Hash]int
	open  int
	// wait, when set, is called with the digest before a stream is handed out.
	wait func(context.Context, v1.Hash) error
}

func hold(layers ...stored) *memory {
	m := &memory{blobs: map[v1.Hash][]byte{}, asked: map[v1.Hash]int{}}
	for _, l := range layers {
		m.blobs[digestOf(l.blob)] = l.blob
	}
	return m
}

func (m *memory) Layer(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	m.mu.Lock()
	m.asked[d.Digest]++
	b, ok := m.blobs[d.Digest]
	m.mu.Unlock()
	if m.wait != nil {
		if err := m.wait(ctx, d.Digest); err != nil {
			return nil, err
		}
	}
	if !ok {
		return nil, fmt.Errorf("no blob %s", d.Digest)
	}
	m.mu.Lock()
	m.open++
	m.mu.Unlock()
	return &checked{m: m, ctx: ctx, r: bytes.NewReader(b), sum: digestOf(b), want: d.Digest}, nil
}

var errDigest = errors.New("the blob does not hash to its digest")

type checked struct {
	m         *memory
	ctx       context.Context
	r         *bytes.Reader
	sum, want v1.Hash
}

func (c *checked) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	if err == io.EOF && c.sum != c.want {
		err = errDigest
	}
	return n, err
}

func (c *checked) Close() error {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	c.m.open--
	return nil
}

// pull pulls the layers and closes the image with the test.
func pull(t testing.TB, opt Options, layers ...stored) *Image {
	t.Helper()
	if opt.TempDir == "" {
		opt.TempDir = t.TempDir()
	}
	img, err := Pull(t.Context(), hold(layers...), input(t, layers...), opt)
	if err != nil {
		t.Fatalf("Pull: %v", err)
	}
	t.Cleanup(func() {
		if err := img.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return img
}
