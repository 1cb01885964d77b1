package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	ggcr "github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/fault"
)

// newLayout writes a layout with an index in it.
func newLayout(t testing.TB, idx v1.ImageIndex, annotations map[string]string) (string, ggcr.Path) {
	t.Helper()
	dir := t.TempDir()
	p, err := ggcr.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AppendIndex(idx, ggcr.WithAnnotations(annotations)); err != nil {
		t.Fatal(err)
	}
	return dir, p
}

// addManifest stores raw as a blob, with an entry in index.json.
func addManifest(t testing.TB, p ggcr.Path, mediaType types.MediaType, raw []byte, annotations map[string]string) v1.Hash {
	t.Helper()
	h := sum(raw)
	if err := p.WriteBlob(h, readCloser{bytes.NewReader(raw)}); err != nil {
		t.Fatal(err)
	}
	if err := p.AppendDescriptor(v1.Descriptor{MediaType: mediaType, Size: int64(len(raw)), Digest: h, Annotations: annotations}); err != nil {
		t.Fatal(err)
	}
	return h
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func mustOpen(t testing.TB, ref string, opt Options) *Image {
	t.Helper()
	img, err := Open(t.Context(), ref, opt)
	if err != nil {
		t.Fatalf("open %s: %v", ref, err)
	}
	t.Cleanup(func() {
		if err := img.Close(); err != nil {
			t.Error(err)
		}
	})
	return img
}

func TestLayout(t *testing.T) {
	idx := newIndex(t, "")
	dir, p := newLayout(t, idx, map[string]string{annotationRefName: "registry.example/app:1.0"})
	want, err := idx.Digest()
	if err != nil {
		t.Fatal(err)
	}
	m, err := idx.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	subject := m.Manifests[0]
	ref := addManifest(t, p, types.OCIManifestSchema1, referrer(t, subject, "application/vnd.in-toto+json", "vex"), nil)
	listed := addManifest(t, p, types.OCIImageIndex, page(0, 2), map[string]string{annotationRefName: referrersTagOf(subject.Digest)})

	for _, ref := range []string{"oci-dir:" + dir, "oci-dir:" + dir + ":1.0", "oci-dir:" + dir + ":registry.example/app:1.0", "oci-dir:" + dir + "@" + want.String()} {
		img := mustOpen(t, ref, options())
		if img.Root.Digest != want || img.Source != SourceOCIDir || len(platforms(t, img)) != 2 || img.Registry != "" {
			t.Errorf("%s: root = %v, source %q, platforms %v", ref, img.Root, img.Source, platforms(t, img))
		}
	}

	img := mustOpen(t, "oci-dir:"+dir, options())
	got, err := img.Manifest(t.Context(), amd64)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range got.Manifest.Layers {
		if b, err := readAll(t, img, d); err != nil || sum(b) != d.Digest {
			t.Errorf("layer %s: %d bytes, %v", d.Digest, len(b), err)
		}
	}
	stores := img.Stores(t.Context())
	if len(stores) != 1 || stores[0].Name() != "oci-dir:"+dir {
		t.Fatalf("stores = %q", names(stores))
	}
	list, via, err := stores[0].Referrers(t.Context(), subject.Digest)
	if err != nil || via != ViaLayout || len(list) != 3 || list[0].Digest != ref || list[0].ArtifactType != "application/vnd.in-toto+json" || list[0].Annotations["note"] != "vex" {
		t.Errorf("Referrers = %+v %q %v, want the one by its subject and two by the tag", list, via, err)
	}
	if list, _, err := stores[0].Referrers(t.Context(), want); err != nil || len(list) != 0 {
		t.Errorf("referrers of the index = %v %v, want none", list, err)
	}
	if d, _, err := stores[0].Manifest(t.Context(), referrersTagOf(subject.Digest)); err != nil || d.Digest != listed {
		t.Errorf("by the referrers tag: %v %v", d, err)
	}
	if _, _, err := stores[0].Manifest(t.Context(), "nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("by a name that is not there: %v, want fs.ErrNotExist", err)
	}
}

// What a layout lists and does not hold could not be looked at; what it does not list is
// not there.
func TestLayoutListsWhatIsGone(t *testing.T) {
	idx := newIndex(t, "")
	m, err := idx.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	subject := m.Manifests[0]
	tag := referrersTagOf(subject.Digest)
	for _, tt := range []struct {
		name      string
		mediaType types.MediaType
		raw       []byte
		ref       string
		asked     string // the tag that is there no more; "" for referrers alone
	}{
		{"a_referrer", types.OCIManifestSchema1, referrer(t, subject, "application/vnd.in-toto+json", "vex"), "", ""},
		{"the_referrers_tag", types.OCIImageIndex, page(0, 2), tag, tag},
		{"an_attestation_tag", types.OCIManifestSchema1, referrer(t, subject, "x", "y"), tag + ".att", tag + ".att"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, p := newLayout(t, idx, map[string]string{annotationRefName: "app"})
			annotations := map[string]string{}
			if tt.ref != "" {
				annotations[annotationRefName] = tt.ref
			}
			h := addManifest(t, p, tt.mediaType, tt.raw, annotations)
			other := v1.Descriptor{MediaType: types.OCIManifestSchema1, Size: 1, Digest: sum([]byte("x")), Platform: &arm64}
			if err := p.AppendDescriptor(other); err != nil {
				t.Fatal(err)
			}
			store := func() *Store { return mustOpen(t, "oci-dir:"+dir+":app", options()).Stores(t.Context())[0] }
			if _, _, err := store().Referrers(t.Context(), subject.Digest); err != nil {
				t.Errorf("beside a platform that is not there, which is no referrer: %v", err)
			}
			if err := os.Remove(filepath.Join(dir, "blobs", h.Algorithm, h.Hex)); err != nil {
				t.Fatal(err)
			}
			list, _, err := store().Referrers(t.Context(), subject.Digest)
			if err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), h.String()) {
				t.Errorf("Referrers = %v %v, want an error that names what is gone and is not fs.ErrNotExist", list, err)
			}
			if _, _, err := store().Manifest(t.Context(), tt.asked); tt.asked != "" && (err == nil || errors.Is(err, fs.ErrNotExist)) {
				t.Errorf("Manifest(%s) = %v, want an error that is not fs.ErrNotExist", tt.asked, err)
			}
			if _, _, err := store().Manifest(t.Context(), tag+".sig"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a tag that is not listed: %v, want fs.ErrNotExist", err)
			}
		})
	}
}

func TestLayoutTampered(t *testing.T) {
	idx := newIndex(t, "")
	for _, tt := range []struct {
		name   string
		tamper func(t *testing.T, path string)
		want   string
	}{
		{"one_byte", func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)/2] ^= 1
			write(t, path, b)
		}, "does not match"},
		{"cut", func(t *testing.T, path string) { write(t, path, []byte("x")) }, "does not match"},
		{"gone", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, "no such file"},
		{"link_out_of_the_layout", func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			outside := filepath.Join(t.TempDir(), "outside") // the right bytes, in the wrong place
			write(t, outside, b)
			if err := errors.Join(os.Remove(path), os.Symlink(outside, path)); err != nil {
				t.Fatal(err)
			}
		}, "escapes"},
		{"directory", func(t *testing.T, path string) {
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o755)); err != nil {
				t.Fatal(err)
			}
		}, "not a regular file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, _ := newLayout(t, idx, nil)
			img := mustOpen(t, "oci-dir:"+dir, options())
			m, err := img.Manifest(t.Context(), amd64)
			if err != nil {
				t.Fatal(err)
			}
			layer := m.Manifest.Layers[0]
			blob := func(h v1.Hash) string { return filepath.Join(dir, "blobs", h.Algorithm, h.Hex) }
			tt.tamper(t, blob(layer.Digest))
			if _, err := readAll(t, img, layer); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), layer.Digest.String()) {
				t.Errorf("layer: err = %v, want one with %q that names the digest", err, tt.want)
			}
			tt.tamper(t, blob(img.Index.Manifests[1].Digest))
			if _, err := img.Manifest(t.Context(), arm64); err == nil || fault.CodeOf(err) != fault.Unavailable {
				t.Errorf("manifest: err = %v, want Unavailable", err)
			}
			if list, _, err := img.Stores(t.Context())[0].Referrers(t.Context(), img.Root.Digest); (err == nil) != (tt.name == "gone") {
				t.Errorf("referrers of a layout with a bad manifest = %v %v", list, err)
			}
		})
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLayoutOfCosignSave(t *testing.T) {
	idx := newIndex(t, "")
	dir, p := newLayout(t, idx, map[string]string{annotationKind: kindPrefix + "imageIndex"})
	root, err := idx.Digest()
	if err != nil {
		t.Fatal(err)
	}
	manifest := func(note string) []byte {
		return []byte(`{"schemaVersion":2,"config":` + descA + `,"layers":[],"annotations":{"n":"` + note + `"}}`)
	}
	sigs := addManifest(t, p, types.OCIManifestSchema1, manifest("sigs"), map[string]string{annotationKind: kindSigs})
	atts := addManifest(t, p, types.OCIManifestSchema1, manifest("atts"), map[string]string{annotationKind: kindAtts})
	img := mustOpen(t, "oci-dir:"+dir, options())
	if img.Root.Digest != root {
		t.Fatalf("root = %s, want %s", img.Root.Digest, root)
	}
	store := img.Stores(t.Context())[0]
	for tag, want := range map[string]v1.Hash{".sig": sigs, ".att": atts} {
		if d, _, err := store.Manifest(t.Context(), "sha256-"+root.Hex+tag); err != nil || d.Digest != want {
			t.Errorf("%s of the image = %v %v, want %s", tag, d, err, want)
		}
		child := img.Index.Manifests[0].Digest.Hex
		if d, _, err := store.Manifest(t.Context(), "sha256-"+child+tag); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of a platform = %v %v, want fs.ErrNotExist: it is the index that was signed", tag, d, err)
		}
	}
}

func TestLayoutChoice(t *testing.T) {
	dir, p := newLayout(t, newIndex(t, ""), map[string]string{annotationRefName: "one"})
	if err := p.AppendIndex(newIndex(t, ""), ggcr.WithAnnotations(map[string]string{annotationRefName: "two"})); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), "oci-dir:"+dir, options())
	if fault.CodeOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), "one, two") {
		t.Errorf("two images: %v (hint %q), want Usage with the names", err, fault.HintOf(err))
	}
	_, err = Open(t.Context(), "oci-dir:"+dir+":three", options())
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(fault.HintOf(err), "one, two") {
		t.Errorf("a name that is not there: %v (hint %q)", err, fault.HintOf(err))
	}
	mustOpen(t, "oci-dir:"+dir+":two", options())

	for name, files := range map[string]map[string]string{
		"no_layout":     {},
		"no_index":      {"oci-layout": `{"imageLayoutVersion":"1.0.0"}`},
		"other_version": {"oci-layout": `{"imageLayoutVersion":"2.0.0"}`, "index.json": `{"manifests":[]}`},
		"empty_index":   {"oci-layout": `{"imageLayoutVersion":"1.0.0"}`, "index.json": `{"manifests":[]}`},
		"traversal":     {"oci-layout": `{"imageLayoutVersion":"1.0.0"}`, "index.json": `{"manifests":[{"digest":"sha256:../../../../etc/passwd","size":1}]}`},
		"no_json":       {"oci-layout": `{"imageLayoutVersion":"1.0.0"}`, "index.json": `<html>`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for f, content := range files {
				write(t, filepath.Join(dir, f), []byte(content))
			}
			if _, err := Open(t.Context(), "oci-dir:"+dir, options()); fault.CodeOf(err) != fault.Unavailable {
				t.Errorf("err = %v with code %d, want Unavailable", err, fault.CodeOf(err))
			}
		})
	}
	if _, err := Open(t.Context(), "oci-dir:"+filepath.Join(dir, "nothing"), options()); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a path that is not there: %v, want Usage", err)
	}
}

// TestLayoutNesting follows indexes within indexes as far as the limit and no further.
func TestLayoutNesting(t *testing.T) {
	dir, p := newLayout(t, newIndex(t, ""), map[string]string{annotationRefName: "app"})
	inner := v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: sum([]byte("x"))}
	for depth := range maxNesting + 2 {
		raw, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, Manifests: []v1.Descriptor{inner}})
		if err != nil {
			t.Fatal(err)
		}
		inner = v1.Descriptor{MediaType: types.OCIImageIndex, Size: int64(len(raw)), Digest: sum(raw)}
		if err := p.WriteBlob(inner.Digest, readCloser{bytes.NewReader(raw)}); err != nil {
			t.Fatal(err)
		}
		_ = depth
	}
	if err := p.AppendDescriptor(inner); err != nil {
		t.Fatal(err)
	}
	img := mustOpen(t, "oci-dir:"+dir+":app", options())
	var limit *LimitError
	if _, _, err := img.Stores(t.Context())[0].Referrers(t.Context(), img.Root.Digest); !errors.As(err, &limit) || limit.Limit != "maxNesting" {
		t.Errorf("err = %v, want the nesting limit", err)
	}
}

// TestRealLayouts opens images that others made, where they are at hand.
func TestRealLayouts(t *testing.T) {
	dirs, err := filepath.Glob("../../../shared/data/*images/*/index.json")
	if err != nil || len(dirs) == 0 {
		t.Skip("no real image layouts beside the repository")
	}
	for _, index := range dirs {
		dir := filepath.Dir(index)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			img := mustOpen(t, "oci-dir:"+dir, options())
			if len(platforms(t, img)) == 0 {
				t.Fatal("no platforms")
			}
			m, err := img.Manifest(t.Context(), platforms(t, img)[0])
			if errors.Is(err, fs.ErrNotExist) {
				t.Skip("the layout was stored without its layers")
			}
			if err != nil {
				t.Fatal(err)
			}
			store := img.Stores(t.Context())[0]
			if strings.Contains(dir, "signed-images") {
				if _, _, err := store.Manifest(t.Context(), "sha256-"+img.Root.Digest.Hex+".att"); err != nil {
					t.Errorf("the attestations: %v", err)
				}
				return
			}
			for _, d := range m.Manifest.Layers {
				if _, err := readAll(t, img, d); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
