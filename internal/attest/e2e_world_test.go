package attest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

var hex64 = regexp.MustCompile(`[0-9a-f]{64}`)

// world is a real registry (distribution) with a real cosign beside it. It is also the
// store: distribution has no Referrers API, so the tag schema is exercised.
type world struct {
	t      *testing.T
	bin    string
	dir    string // keys, signing configuration
	host   string
	path   string
	config string
	// spoiled is the attestation manifest that a case changed or borrowed.
	spoiled v1.Hash
}

// newWorld starts the registry and makes two keys, a and b. It skips the test unless
// IMAGEGATE_E2E is set, and when the programs are not there.
func newWorld(t *testing.T) *world {
	t.Helper()
	if os.Getenv("IMAGEGATE_E2E") == "" {
		t.Skip("set IMAGEGATE_E2E=1 to run against the real cosign and registry")
	}
	cosign, err := exec.LookPath("cosign")
	if err != nil {
		t.Skipf("the real cosign is not here: %v", err)
	}
	registry, err := exec.LookPath("registry")
	if err != nil {
		t.Skipf("the real registry is not here: %v", err)
	}
	w := &world{t: t, bin: cosign, dir: t.TempDir()}
	w.serve(registry)
	for _, key := range []string{"a", "b"} {
		w.cosign("generate-key-pair", "--output-key-prefix", key)
	}
	w.config = filepath.Join(w.dir, "signing-config.json")
	w.cosign("signing-config", "create", "--out", w.config)
	return w
}

func (w *world) serve(registry string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.host = l.Addr().String()
	if err := l.Close(); err != nil {
		w.t.Fatal(err)
	}
	config := filepath.Join(w.dir, "registry.yml")
	text := "version: 0.1\nlog:\n  level: error\nstorage:\n  inmemory: {}\nhttp:\n  addr: " + w.host + "\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(registry, "serve", config)
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for range 100 {
		if res, err := http.Get("http://" + w.host + "/v2/"); err == nil {
			_ = res.Body.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	w.t.Fatal("the registry does not answer")
}

// in is the same world with another repository.
func (w *world) in(t *testing.T, path string) *world {
	c := *w
	c.t, c.path = t, path
	return &c
}

func (w *world) repo() string              { return w.host + "/" + w.path }
func (w *world) ref(digest v1.Hash) string { return w.repo() + "@" + digest.String() }

func (w *world) repository() name.Repository {
	r, err := name.NewRepository(w.repo(), name.Insecure)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// rawManifest is a manifest for remote.Put.
type rawManifest struct {
	raw       []byte
	mediaType types.MediaType
}

func (m rawManifest) RawManifest() ([]byte, error)        { return m.raw, nil }
func (m rawManifest) MediaType() (types.MediaType, error) { return m.mediaType, nil }

func (w *world) put(ref name.Reference, m any) v1.Hash {
	w.t.Helper()
	raw := marshal(w.t, m)
	mediaType := types.MediaType(ociType)
	if _, ok := m.(*v1.IndexManifest); ok {
		mediaType = types.OCIImageIndex
	}
	if ref == nil {
		ref = w.repository().Digest(digestOf(raw).String())
	}
	if err := remote.Put(ref, rawManifest{raw, mediaType}); err != nil {
		w.t.Fatal(err)
	}
	return digestOf(raw)
}

func (w *world) upload(mediaType string, data []byte, annotations map[string]string) v1.Descriptor {
	w.t.Helper()
	if err := remote.WriteLayer(w.repository(), static.NewLayer(data, types.MediaType(mediaType))); err != nil {
		w.t.Fatal(err)
	}
	return v1.Descriptor{MediaType: types.MediaType(mediaType), Digest: digestOf(data), Size: int64(len(data)), Annotations: annotations}
}

// image pushes a small image; equal names give equal digests.
func (w *world) image(text string) v1.Hash {
	config := w.upload("application/vnd.oci.image.config.v1+json", []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`), nil)
	layer := w.upload("application/vnd.oci.image.layer.v1.tar", []byte(text), nil)
	return w.put(nil, &v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: config, Layers: []v1.Descriptor{layer}})
}

// attestation pushes the image's attestation manifest in the layout of Docker Hardened
// Images and lists it, and returns its digest.
func (w *world) attestation(image v1.Hash) v1.Hash {
	pt := map[string]string{annoPredicateType: vexType}
	return w.attach(image, statementBytes(w.t, vexType, image), pt)
}

// attach lists a bare statement as a referrer of at.
func (w *world) attach(at v1.Hash, statement []byte, annotations map[string]string) v1.Hash {
	m := &v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: mediaStatement, Annotations: annotations,
		Config:  w.upload("application/vnd.oci.empty.v1+json", []byte("{}"), nil),
		Layers:  []v1.Descriptor{w.upload(mediaStatement, statement, annotations)},
		Subject: &v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: at, Size: int64(len(w.manifestBytes(at)))},
	}
	h := w.put(nil, m)
	w.list(at, h, m)
	return h
}

// list adds a manifest to the referrers tag of its subject, as clients do.
func (w *world) list(subject, h v1.Hash, m *v1.Manifest) {
	idx := w.referrers(subject)
	for _, d := range idx.Manifests {
		if d.Digest == h {
			return
		}
	}
	idx.Manifests = append(idx.Manifests, v1.Descriptor{
		MediaType: m.MediaType, Digest: h, Size: int64(len(marshal(w.t, m))), ArtifactType: m.ArtifactType, Annotations: m.Annotations,
	})
	w.put(w.repository().Tag(subject.Algorithm+"-"+subject.Hex), idx)
}

func (w *world) referrers(subject v1.Hash) *v1.IndexManifest {
	idx := &v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	if d, err := remote.Get(w.repository().Tag(subject.Algorithm + "-" + subject.Hex)); err == nil {
		if err := json.Unmarshal(d.Manifest, idx); err != nil {
			w.t.Fatal(err)
		}
	}
	return idx
}

func (w *world) manifestBytes(h v1.Hash) []byte {
	d, err := remote.Get(w.repository().Digest(h.String()))
	if err != nil {
		w.t.Fatal(err)
	}
	return d.Manifest
}

func (w *world) blobBytes(d v1.Descriptor) []byte {
	w.t.Helper()
	data, err := w.Blob(w.t.Context(), d, 1<<20)
	if err != nil {
		w.t.Fatal(err)
	}
	return data
}

func (w *world) replaceBlob(layer *v1.Descriptor, data []byte) {
	*layer = w.upload(string(layer.MediaType), data, layer.Annotations)
}

// editTag rewrites the manifest behind a tag.
func (w *world) editTag(tag string, edit func(*v1.Manifest)) {
	w.t.Helper()
	d, err := remote.Get(w.repository().Tag(tag))
	if err != nil {
		w.t.Fatal(err)
	}
	var m v1.Manifest
	if err := json.Unmarshal(d.Manifest, &m); err != nil {
		w.t.Fatal(err)
	}
	edit(&m)
	w.put(w.repository().Tag(tag), &m)
}

// editReferrers rewrites every referrer of a digest.
func (w *world) editReferrers(subject v1.Hash, edit func(*v1.Manifest)) {
	w.t.Helper()
	idx := w.referrers(subject)
	if len(idx.Manifests) == 0 {
		w.t.Fatalf("nothing refers to %s", subject)
	}
	fresh := &v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	w.put(w.repository().Tag(subject.Algorithm+"-"+subject.Hex), fresh)
	for _, d := range idx.Manifests {
		var m v1.Manifest
		if err := json.Unmarshal(w.manifestBytes(d.Digest), &m); err != nil {
			w.t.Fatal(err)
		}
		edit(&m)
		w.list(subject, w.put(nil, &m), &m)
	}
}

// move offers the signature of one image as that of another.
func (w *world) move(f e2eForm, from, to v1.Hash) {
	if f.tag != nil {
		d, err := remote.Get(w.repository().Tag(f.tag(from)))
		if err != nil {
			w.t.Fatal(err)
		}
		if err := remote.Put(w.repository().Tag(f.tag(to)), d); err != nil {
			w.t.Fatal(err)
		}
		return
	}
	if f.name == "dhi" { // the manifest itself says what it is attached to
		w.put(w.repository().Tag(to.Algorithm+"-"+to.Hex), w.referrers(from))
		w.spoiled = w.referrers(from).Manifests[0].Digest
		return
	}
	for _, d := range w.referrers(from).Manifests {
		var m v1.Manifest
		if err := json.Unmarshal(w.manifestBytes(d.Digest), &m); err != nil {
			w.t.Fatal(err)
		}
		m.Subject.Digest = to
		w.list(to, w.put(nil, &m), &m)
	}
}

// spoilDHI changes the statement under a signed attestation manifest and hangs the
// signature on the changed one, or takes the signature away.
func (w *world) spoilDHI(image v1.Hash, c e2eCase) {
	old := w.attestation(image)
	if c.unsign {
		w.editReferrers(old, func(m *v1.Manifest) { delete(m.Layers[0].Annotations, annoSignature) })
		return
	}
	var m v1.Manifest
	if err := json.Unmarshal(w.manifestBytes(old), &m); err != nil {
		w.t.Fatal(err)
	}
	w.replaceBlob(&m.Layers[0], []byte(c.change(string(w.blobBytes(m.Layers[0])))))
	changed := w.put(nil, &m)
	w.put(w.repository().Tag(image.Algorithm+"-"+image.Hex), &v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex})
	w.list(image, changed, &m)
	w.move(e2eForm{}, old, changed)
	w.spoiled = changed
}

// Name implements Store.
func (w *world) Name() string { return w.repo() }

// Referrers implements Store.
func (w *world) Referrers(_ context.Context, subject v1.Hash) ([]v1.Descriptor, string, error) {
	idx, err := remote.Referrers(w.repository().Digest(subject.String()))
	if err != nil {
		return nil, "", absent(err)
	}
	m, err := idx.IndexManifest()
	if err != nil {
		return nil, "", err
	}
	return m.Manifests, "referrers-tag", nil
}

// Manifest implements Store.
func (w *world) Manifest(_ context.Context, ref string) (v1.Descriptor, []byte, error) {
	var r name.Reference = w.repository().Tag(ref)
	if strings.Contains(ref, ":") {
		r = w.repository().Digest(ref)
	}
	d, err := remote.Get(r)
	if err != nil {
		return v1.Descriptor{}, nil, absent(err)
	}
	return d.Descriptor, d.Manifest, nil
}

// Blob implements Store.
func (w *world) Blob(_ context.Context, d v1.Descriptor, limit int64) ([]byte, error) {
	l, err := remote.Layer(w.repository().Digest(d.Digest.String()))
	if err != nil {
		return nil, absent(err)
	}
	rc, err := l.Compressed()
	if err != nil {
		return nil, absent(err)
	}
	defer rc.Close() //nolint:errcheck // only read
	return io.ReadAll(io.LimitReader(rc, limit+1))
}

func absent(err error) error {
	var te *transport.Error
	if errors.As(err, &te) && te.StatusCode == http.StatusNotFound {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}

// predicate is a file with an OpenVEX document.
func (w *world) predicate() string {
	p := filepath.Join(w.dir, "vex.json")
	text := `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.org/vex/1","author":"test","timestamp":"2026-01-01T00:00:00Z","version":1,"statements":[{"vulnerability":{"name":"CVE-2020-0001"},"products":[{"@id":"pkg:oci/app"}],"status":"fixed"}]}`
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return p
}
