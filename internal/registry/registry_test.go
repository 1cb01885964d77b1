package registry

import (
	"compress/gzip"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
)

func TestOpenResolvesByBytes(t *testing.T) {
	s := newServer(t)
	want := s.pushIndex(t, "org/app:1.0", newIndex(t, ""))
	s.interfere(nil)
	img := s.mustOpen(t, "org/app:1.0", options())
	if img.Root.Digest != want || img.Index == nil || len(img.Index.Manifests) != 3 {
		t.Fatalf("root = %v with index %v, want %v and three manifests", img.Root, img.Index, want)
	}
	if img.Registry != s.host || img.Repository != s.host+"/org/app" || img.Tag != "1.0" || img.Source != SourceRegistry {
		t.Errorf("names = %q %q %q %q", img.Registry, img.Repository, img.Tag, img.Source)
	}
	ps := platforms(t, img)
	if len(ps) != 2 || ps[0].String() != "linux/amd64" || ps[1].String() != "linux/arm64" {
		t.Errorf("platforms = %v, want linux/amd64 and linux/arm64", ps)
	}
	m, err := img.Manifest(t.Context(), v1.Platform{OS: "linux", Architecture: "arm64"})
	if err != nil {
		t.Fatal(err)
	}
	if m.Config.Architecture != "arm64" || m.Descriptor.Digest != img.Index.Manifests[1].Digest || len(m.Manifest.Layers) != 2 {
		t.Errorf("Manifest(arm64) = %+v", m.Descriptor)
	}
	if sum(m.Raw) != m.Descriptor.Digest || sum(m.ConfigRaw) != m.Manifest.Config.Digest {
		t.Error("raw bytes do not hash to their digests")
	}
	// One ping, the index, the platform's manifest and its config: nothing is asked twice.
	if _, err := img.Manifest(t.Context(), arm64); err != nil {
		t.Fatal(err)
	}
	if manifests, blobs, all := s.count("/manifests/"), s.count("/blobs/"), s.count(""); manifests != 2 || blobs != 1 || all != 4 {
		t.Errorf("requests: %d manifests, %d blobs, %d in all; want 2, 1, 4", manifests, blobs, all)
	}
	for _, d := range m.Manifest.Layers {
		b, err := readAll(t, img, d)
		if err != nil || sum(b) != d.Digest {
			t.Errorf("layer %s: %d bytes, %v", d.Digest, len(b), err)
		}
	}
}

// A proxy may compress documents although nobody asked it to. What they are is decided
// by the bytes within.
func TestCompressedManifest(t *testing.T) {
	s := newServer(t)
	s.pushIndex(t, "app:1", newIndex(t, ""))
	s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
		if got := r.Header.Get("Accept-Encoding"); got != "identity" {
			t.Errorf("%s %s accepts the coding %q", r.Method, r.URL.Path, got)
		}
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		answer := httptest.NewRecorder()
		s.backend.ServeHTTP(answer, r)
		maps.Copy(w.Header(), answer.Header())
		w.Header().Del("Content-Length")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write(answer.Body.Bytes())
		return z.Close() == nil
	})
	if _, err := s.mustOpen(t, "app:1", options()).Manifest(t.Context(), amd64); err != nil {
		t.Error(err)
	}
}

func TestOpenByDigestAndSingleManifest(t *testing.T) {
	s := newServer(t)
	h := s.pushImage(t, "app:1", newImage(t, arm64, 100, 1))
	img := s.mustOpen(t, "app@"+h.String(), options())
	if img.Tag != "" || img.Index != nil || img.Root.Digest != h {
		t.Errorf("img = %q %v %v", img.Tag, img.Index, img.Root)
	}
	if _, err := img.Manifest(t.Context(), v1.Platform{OS: "linux", Architecture: "arm64"}); err != nil {
		t.Errorf("arm64 is arm64/v8: %v", err)
	}
	_, err := img.Manifest(t.Context(), amd64)
	if fault.CodeOf(err) != fault.Usage || fault.HintOf(err) != "choose one of: linux/arm64" {
		t.Errorf("amd64 of an arm64 image: %v (hint %q), want Usage with the platforms", err, fault.HintOf(err))
	}
}

func TestReferrersBothWays(t *testing.T) {
	s := newServer(t)
	s.pushIndex(t, "app:1", newIndex(t, ""))
	img := s.mustOpen(t, "app:1", options())
	subject := img.Index.Manifests[0]
	a := s.pushReferrer(t, "app", subject, "application/vnd.in-toto+json", "a")
	b := s.pushReferrer(t, "app", subject, "application/vnd.in-toto+json", "b")
	store := img.Stores(t.Context())[0]
	list, via, err := store.Referrers(t.Context(), subject.Digest)
	if err != nil || via != ViaAPI || len(list) != 2 {
		t.Fatalf("Referrers = %v %q %v, want two by the API", list, via, err)
	}
	for _, d := range list {
		got, raw, err := store.Manifest(t.Context(), d.Digest.String())
		if err != nil || got.Digest != d.Digest || (got.Digest != a && got.Digest != b) {
			t.Errorf("Manifest(%s) = %v %v", d.Digest, got, err)
		}
		m, err := parseManifest(raw, 10)
		if err != nil {
			t.Fatal(err)
		}
		config, err := store.Blob(t.Context(), m.Config, 100)
		if err != nil || string(config) != "{}" {
			t.Errorf("Blob = %q %v", config, err)
		}
	}
	none, _, err := store.Referrers(t.Context(), img.Root.Digest)
	if err != nil || len(none) != 0 {
		t.Errorf("referrers of the index = %v %v, want none and no error", none, err)
	}
	if _, _, err := store.Manifest(t.Context(), "sha256-nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a tag that is not there: %v, want fs.ErrNotExist", err)
	}
}
