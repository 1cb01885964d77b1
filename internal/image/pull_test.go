package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
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

func TestBadLayers(t *testing.T) {
	good := gzipLayer(t, entry{name: "good", body: "fine"})
	body := archive(t, entry{name: "f", body: strings.Repeat("content ", 5000)})
	with := func(blob []byte, id v1.Hash) stored { return stored{blob, id, good.mediaType} }
	flipped := gz(t, body)
	flipped[len(flipped)/2] ^= 0x40
	garbage := append(gz(t, body), "hidden"...)
	half := body[:700]
	for _, tt := range []struct {
		name  string
		layer stored
		want  string
	}{
		{"truncated_gzip", with(gz(t, body)[:60], digestOf(body)), "unexpected EOF"},
		{"flipped_bit_in_gzip", with(flipped, digestOf(body)), "read archive"},
		{"garbage_after_gzip", with(garbage, digestOf(body)), "read archive"},
		{"truncated_zstd", with(zst(t, body)[:40], digestOf(body)), "unexpected EOF"},
		{"truncated_archive", with(gz(t, half), digestOf(half)), "unexpected EOF"},
		{"no_archive", with([]byte(strings.Repeat("not an archive ", 100)), digestOf([]byte(strings.Repeat("not an archive ", 100)))), "tar"},
		{"wrong_diff_id", with(gz(t, body), digestOf([]byte("other"))), "promises diff ID"},
		{"xz", with([]byte("\xfd7zXZ\x00rest of the file"), digestOf(body)), "xz"},
		{"bzip2", with([]byte("BZh91AY&SY"), digestOf(body)), "bzip2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			m := hold(good, tt.layer)
			img, err := Pull(t.Context(), m, input(t, good, tt.layer), Options{TempDir: dir})
			if err == nil {
				img.Close()
				t.Fatal("Pull succeeded")
			}
			digest := digestOf(tt.layer.blob).String()
			if got := err.Error(); !strings.Contains(got, tt.want) || !strings.Contains(got, "layer 1 ("+digest+")") {
				t.Errorf("error %q does not name layer 1, its digest and %q", got, tt.want)
			}
			if got := fault.CodeOf(err); got != fault.Unavailable || fault.HintOf(err) == "" {
				t.Errorf("code %d with hint %q, want %d and a hint", got, fault.HintOf(err), fault.Unavailable)
			}
			wantEmpty(t, dir)
			if m.open != 0 {
				t.Errorf("%d streams were left open", m.open)
			}
		})
	}
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("%v is left in the temporary directory (%v)", left, err)
	}
}

func TestBlobThatIsNotItsDigest(t *testing.T) {
	l := gzipLayer(t, entry{name: "f", body: "x"})
	in := input(t, l)
	m := hold()
	for _, blob := range [][]byte{
		gz(t, archive(t, entry{name: "f", body: "y"})), // a well-formed archive, but another
		[]byte("<html>captive portal</html>"),
	} {
		m.blobs[in.Manifest.Layers[0].Digest] = blob
		_, err := Pull(t.Context(), m, in, Options{TempDir: t.TempDir()})
		if !errors.Is(err, errDigest) {
			t.Errorf("error %v, want the stream's own: %v", err, errDigest)
		}
	}
}

func TestBadManifests(t *testing.T) {
	l := gzipLayer(t, entry{name: "f", body: "x"})
	for _, tt := range []struct {
		name string
		make func() Input
		want string
	}{
		{"fewer_diff_ids", func() Input {
			in := input(t, l, l)
			in.Config.RootFS.DiffIDs = in.Config.RootFS.DiffIDs[:1]
			return seal(t, in.Manifest, in.Config)
		}, "2 layers, and the configuration 1 diff IDs"},
		{"other_configuration", func() Input {
			in := input(t, l)
			in.ConfigRaw = append(in.ConfigRaw, ' ')
			return in
		}, "the manifest promises"},
		{"not_an_image", func() Input {
			in := input(t, l)
			in.Manifest.Layers[0].MediaType = "application/vnd.in-toto+json"
			return in
		}, "not a file system layer"},
		{"encrypted", func() Input {
			in := input(t, l)
			in.Manifest.Layers[0].MediaType += "+encrypted"
			return in
		}, "encrypted"},
		{"unknown_algorithm", func() Input {
			in := input(t, l)
			in.Config.RootFS.DiffIDs[0] = v1.Hash{Algorithm: "md5", Hex: "00"}
			return seal(t, in.Manifest, in.Config)
		}, "only sha256"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := hold(l)
			_, err := Pull(t.Context(), m, tt.make(), Options{TempDir: t.TempDir()})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one with %q", err, tt.want)
			}
			if got := fault.CodeOf(err); got != fault.Unavailable {
				t.Errorf("code %d, want %d", got, fault.Unavailable)
			}
			if len(m.asked) != 0 {
				t.Error("a layer was asked for all the same")
			}
		})
	}
}

func TestLimits(t *testing.T) {
	big := gzipLayer(t, entry{name: "dir/big", body: strings.Repeat("0", 64<<10)})
	small := gzipLayer(t, entry{name: "a/b/c/d", body: "x"}, entry{name: "a/b/c/e", body: "x"})
	bomb := zeroes(t, ratioFloor+1<<20)
	for _, tt := range []struct {
		name   string
		opt    Options
		layers []stored
		want   string
	}{
		{"layers", Options{MaxLayers: 1}, []stored{big, small}, "MaxLayers"},
		{"one_layer", Options{MaxLayer: 4 << 10}, []stored{big}, "MaxLayer"},
		{"all_layers", Options{MaxTotal: 66 << 10}, []stored{big, small}, "MaxTotal"},
		{"ratio", Options{}, []stored{bomb}, "MaxRatio"},
		{"entries_and_their_directories", Options{MaxEntries: 4}, []stored{small}, "MaxEntries"},
		{"entries_of_a_blob_used_twice", Options{MaxEntries: 9}, []stored{small, small}, "MaxEntries"},
		{"path", Options{MaxPath: 5}, []stored{small}, "MaxPath"},
		{"names", Options{MaxNames: 20}, []stored{small}, "MaxNames"},
		{"trees", Options{MaxTree: 11}, []stored{small, big}, "MaxTree"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.opt.TempDir = t.TempDir()
			img, err := Pull(t.Context(), hold(tt.layers...), input(t, tt.layers...), tt.opt)
			if err == nil {
				img.Close()
				t.Fatal("Pull succeeded")
			}
			var limited *LimitError
			if !errors.As(err, &limited) || limited.Option != tt.want || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want a *LimitError that names %s", err, tt.want)
			}
			if got := fault.CodeOf(err); got != fault.Unavailable || fault.HintOf(err) == "" {
				t.Errorf("code %d with hint %q, want %d and a hint", got, fault.HintOf(err), fault.Unavailable)
			}
			wantEmpty(t, tt.opt.TempDir)
		})
	}
	t.Run("at_the_limit", func(t *testing.T) {
		pull(t, Options{MaxLayers: 2, MaxLayer: int64(len(archive(t, entry{name: "dir/big", body: strings.Repeat("0", 64<<10)}))), MaxEntries: 7, MaxPath: 7, MaxTree: 12}, small, big)
	})
}

func TestFirstFailureCancelsTheRest(t *testing.T) {
	bad, slow := gzipLayer(t, entry{name: "bad"}), gzipLayer(t, entry{name: "slow"})
	in := input(t, bad, slow)
	m := hold(slow)
	cause := fault.New(fault.Unavailable, "get blob", "log in again", errors.New("401"))
	started := make(chan struct{})
	m.wait = func(ctx context.Context, d v1.Hash) error {
		if d == digestOf(bad.blob) {
			<-started
			return cause
		}
		close(started)
		<-ctx.Done() // hangs for ever unless the other failure cancels it
		return ctx.Err()
	}
	dir := t.TempDir()
	_, err := Pull(t.Context(), m, in, Options{TempDir: dir})
	if !errors.Is(err, cause) || fault.HintOf(err) != "log in again" || fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("error %v with hint %q, want the registry's own", err, fault.HintOf(err))
	}
	wantEmpty(t, dir)
}

func TestInterrupted(t *testing.T) {
	l := gzipLayer(t, entry{name: "f"})
	m := hold(l)
	ctx, cancel := context.WithCancel(t.Context())
	m.wait = func(ctx context.Context, _ v1.Hash) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	dir := t.TempDir()
	_, err := Pull(ctx, m, input(t, l), Options{TempDir: dir})
	if got := fault.CodeOf(err); got != fault.Interrupted {
		t.Errorf("code %d (%v), want %d", got, err, fault.Interrupted)
	}
	wantEmpty(t, dir)
}

func TestTimeout(t *testing.T) {
	l := gzipLayer(t, entry{name: "f"})
	m := hold(l)
	m.wait = func(ctx context.Context, _ v1.Hash) error { <-ctx.Done(); return ctx.Err() }
	ctx, cancel := context.WithTimeout(t.Context(), 1)
	defer cancel()
	_, err := Pull(ctx, m, input(t, l), Options{TempDir: t.TempDir()})
	if got := fault.CodeOf(err); got != fault.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("code %d (%v), want %d and a deadline", got, err, fault.Unavailable)
	}
}

func TestUnwritableTempDir(t *testing.T) {
	l := gzipLayer(t, entry{name: "f"})
	_, err := Pull(t.Context(), hold(l), input(t, l), Options{TempDir: filepath.Join(t.TempDir(), "gone")})
	if got := fault.CodeOf(err); got != fault.Internal || fault.HintOf(err) == "" {
		t.Errorf("code %d with hint %q (%v), want %d and a hint", got, fault.HintOf(err), err, fault.Internal)
	}
}

// An archive that the indexer refuses has passed every check of ours.
func TestArchiveThatCannotBeIndexed(t *testing.T) {
	l := gzipLayer(t, entry{name: "x", body: "file"}, entry{name: "x/"})
	dir := t.TempDir()
	_, err := Pull(t.Context(), hold(l), input(t, l), Options{TempDir: dir})
	if got := fault.CodeOf(err); got != fault.Unavailable || !strings.Contains(fmt.Sprint(err), "index") {
		t.Errorf("code %d (%v), want %d from the indexer", got, err, fault.Unavailable)
	}
	wantEmpty(t, dir)
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
