package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestPullReadsEveryCompression(t *testing.T) {
	layers := []stored{
		gzipLayer(t, entry{name: "etc/"}, entry{name: "etc/a", body: "gzip"}),
		zstdLayer(t, entry{name: "etc/b", body: "zstd"}),
		plainLayer(t, entry{name: "etc/c", body: "plain"}),
	}
	img := pull(t, Options{}, layers...)
	for name, want := range map[string]string{"etc/a": "gzip", "etc/b": "zstd", "etc/c": "plain"} {
		got, err := fs.ReadFile(img.RootFS(), name)
		if err != nil || string(got) != want {
			t.Errorf("ReadFile(%q) = %q, %v, want %q", name, got, err, want)
		}
	}
	for i, want := range []string{"gzip", "zstd", ""} {
		l := img.Layers()[i]
		if l.Index != i || l.Compression != want || l.DiffID != layers[i].diffID || l.Digest != digestOf(layers[i].blob) {
			t.Errorf("layer %d = %+v, want compression %q and its own digests", i, l, want)
		}
		if l.Size != int64(len(layers[i].blob)) || l.Uncompressed%512 != 0 || l.Uncompressed == 0 || l.Entries == 0 {
			t.Errorf("layer %d has sizes %d and %d with %d entries", i, l.Size, l.Uncompressed, l.Entries)
		}
	}
	if len(img.Warnings()) != 0 {
		t.Errorf("Warnings() = %q, want none", img.Warnings())
	}
	if err := fstest.TestFS(img.RootFS(), "etc/a", "etc/b", "etc/c"); err != nil {
		t.Error(err)
	}
}

func TestSyftSeesTheImage(t *testing.T) {
	layers := []stored{gzipLayer(t, entry{name: "a", body: "1"}), gzipLayer(t, entry{name: "b", body: "2"})}
	in := input(t, layers...)
	in.RepoDigests = []string{"registry.test/app@" + digestOf(in.ManifestRaw).String()}
	img, err := Pull(t.Context(), hold(layers...), in, Options{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	m := img.Stereoscope().Metadata
	if got, want := m.ManifestDigest, digestOf(in.ManifestRaw).String(); got != want {
		t.Errorf("manifest digest %s, want %s", got, want)
	}
	if got, want := m.ID, in.Manifest.Config.Digest.String(); got != want {
		t.Errorf("id %s, want %s", got, want)
	}
	if got := len(m.Tags); got != 1 || m.Tags[0].String() != "registry.test/app:1" {
		t.Errorf("tags %v", m.Tags)
	}
	if diff := cmp.Diff(in.RepoDigests, m.RepoDigests); diff != "" {
		t.Errorf("repo digests (-want +got):\n%s", diff)
	}
	if m.OS != "linux" || m.Architecture != "amd64" || !bytes.Equal(m.RawManifest, in.ManifestRaw) || !bytes.Equal(m.RawConfig, in.ConfigRaw) {
		t.Errorf("metadata %+v does not describe the image", m)
	}
	if diff := cmp.Diff(in.Config.RootFS.DiffIDs, m.Config.RootFS.DiffIDs); diff != "" {
		t.Errorf("diff IDs (-want +got):\n%s", diff)
	}
	for i, l := range img.Stereoscope().Layers {
		if got, want := l.Metadata.Digest, layers[i].diffID.String(); got != want {
			t.Errorf("layer %d has digest %s, want %s", i, got, want)
		}
	}
}

// One copy on disk, and each blob asked for once, is what makes the gate no slower
// than Syft alone.
func TestNoSecondCopyAndNoSecondDownload(t *testing.T) {
	same := gzipLayer(t, entry{name: "same", body: "twice"})
	layers := []stored{same, gzipLayer(t, entry{name: "other", body: "x"}), same}
	dir := t.TempDir()
	m := hold(layers...)
	p := &puller{blobs: m, in: input(t, layers...), opt: Options{TempDir: dir}.withDefaults(), dir: dir}
	p.budget = &budget{opt: p.opt}
	if err := p.plan(); err != nil {
		t.Fatal(err)
	}
	img, err := p.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	if n := p.copies.Load(); n != 0 {
		t.Errorf("the indexer copied %d archives, want 0: does stereoscope name its cache differently now?", n)
	}
	for d, n := range m.asked {
		if n != 1 {
			t.Errorf("blob %s was asked for %d times, want once", d, n)
		}
	}
	var names []string
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		names = append(names, f.Name())
	}
	var want []string
	for i, l := range layers {
		want = append(want, fmt.Sprintf("%d-sha256-%s", i, l.diffID.Hex))
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files on disk (-want +got):\n%s", diff)
	}
}

func TestLayersComeAtTheSameTime(t *testing.T) {
	const n = 4
	var layers []stored
	for i := range n {
		layers = append(layers, gzipLayer(t, entry{name: fmt.Sprint("f", i), body: "x"}))
	}
	m := hold(layers...)
	var all sync.WaitGroup
	all.Add(n)
	m.wait = func(context.Context, v1.Hash) error {
		all.Done()
		all.Wait() // returns only when all four are under way
		return nil
	}
	img, err := Pull(t.Context(), m, input(t, layers...), Options{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	if got := len(img.Stereoscope().Layers); got != n {
		t.Errorf("%d layers, want %d", got, n)
	}
}

func TestProgress(t *testing.T) {
	layers := []stored{gzipLayer(t, entry{name: "a", body: strings.Repeat("a", 1000)}), plainLayer(t, entry{name: "b", body: strings.Repeat("b", 3<<20)})}
	var mu sync.Mutex
	calls, last := map[int]int{}, map[int]Progress{}
	pull(t, Options{Progress: func(p Progress) {
		mu.Lock()
		defer mu.Unlock()
		if p.Done < last[p.Layer].Done {
			t.Errorf("layer %d went back from %d to %d", p.Layer, last[p.Layer].Done, p.Done)
		}
		calls[p.Layer]++
		last[p.Layer] = p
	}}, layers...)
	for i, l := range layers {
		want := Progress{Layer: i, Digest: digestOf(l.blob), Done: int64(len(l.blob)), Total: int64(len(l.blob))}
		if diff := cmp.Diff(want, last[i]); diff != "" {
			t.Errorf("last progress of layer %d (-want +got):\n%s", i, diff)
		}
		if calls[i] < 2 || calls[i] > 100 {
			t.Errorf("layer %d was reported %d times", i, calls[i])
		}
	}
}

func TestMediaTypeThatLies(t *testing.T) {
	l := zstdLayer(t, entry{name: "f", body: "x"})
	l.mediaType = gzipLayer(t, entry{name: "g"}).mediaType
	img := pull(t, Options{}, l)
	if got, err := fs.ReadFile(img.RootFS(), "f"); string(got) != "x" {
		t.Errorf("ReadFile = %q, %v", got, err)
	}
	if w := img.Warnings(); len(w) != 1 || !strings.Contains(w[0], "tar+gzip") || !strings.Contains(w[0], "zstd") {
		t.Errorf("Warnings() = %q, want one that names both", w)
	}
}

func TestImageWithoutLayers(t *testing.T) {
	img := pull(t, Options{})
	if got, err := fs.ReadDir(img.RootFS(), "."); err != nil || len(got) != 0 {
		t.Errorf("ReadDir(.) = %v, %v, want nothing", got, err)
	}
	if _, ok := img.LayerOf("."); ok {
		t.Error("LayerOf(.) found a layer")
	}
}

func TestCloseRemovesTheLayers(t *testing.T) {
	dir := t.TempDir()
	l := gzipLayer(t, entry{name: "f", body: "x"})
	img, err := Pull(t.Context(), hold(l), input(t, l), Options{TempDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := img.Close(); err != nil {
			t.Error(err)
		}
	}
	wantEmpty(t, dir)
	if _, err := fs.ReadFile(img.RootFS(), "f"); err == nil {
		t.Error("a file can be read after Close")
	}
}

func TestChainIDs(t *testing.T) {
	a, b := digestOf([]byte("a")), digestOf([]byte("b"))
	got := ChainIDs([]v1.Hash{a, b, b})
	ab := digestOf([]byte(a.String() + " " + b.String()))
	want := []v1.Hash{a, ab, digestOf([]byte(ab.String() + " " + b.String()))}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ChainIDs (-want +got):\n%s", diff)
	}
	if got := ChainIDs(nil); len(got) != 0 {
		t.Errorf("ChainIDs(nil) = %v", got)
	}
}

func TestLayerOf(t *testing.T) {
	img := pull(t, Options{},
		gzipLayer(t, entry{name: "etc/"}, entry{name: "etc/a", body: "1"}, entry{name: "etc/b", body: "1"}),
		gzipLayer(t, entry{name: "etc/b", body: "2"}, entry{name: "opt/x", body: "2"}, entry{name: "link", kind: tar.TypeSymlink, link: "/etc/a"}))
	for name, want := range map[string]int{"etc/a": 0, "etc/b": 1, "opt/x": 1, "link": 0, "etc": 0} {
		if l, ok := img.LayerOf(name); !ok || l.Index != want {
			t.Errorf("LayerOf(%q) = %d, %t, want %d", name, l.Index, ok, want)
		}
	}
	for _, name := range []string{"opt", "etc/gone", "/etc/a"} {
		if l, ok := img.LayerOf(name); ok {
			t.Errorf("LayerOf(%q) = %d, want none", name, l.Index)
		}
	}
}

// atOnce hands out the error of a stream with its last bytes, as readers may.
type atOnce struct{ *memory }

func (a atOnce) Layer(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	rc, err := a.memory.Layer(ctx, d)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{iotest.DataErrReader(rc), rc}, nil
}

// A small layer whose bytes are others is told as that, and not as the archive that
// its bytes happen to make.
func TestStreamErrorExplainsTheArchive(t *testing.T) {
	good := gzipLayer(t, entry{name: "etc/a", body: "content"})
	spoilt := hold(good)
	other := bytes.Clone(good.blob)
	other[len(other)-6] ^= 1 // in the checksum
	spoilt.blobs[digestOf(good.blob)] = other
	for name, blobs := range map[string]Blobs{"apart": spoilt, "at_once": atOnce{spoilt}} {
		if _, err := Pull(t.Context(), blobs, input(t, good), Options{TempDir: t.TempDir()}); !errors.Is(err, errDigest) {
			t.Errorf("%s: err = %v, want that of the stream", name, err)
		}
	}
}
