package testkit_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/testkit"
)

// TestLayout reads a pushed image back with a foreign client and checks every field of
// DHI's physical layout, with the standard library for the signatures.
func TestLayout(t *testing.T) {
	for _, tt := range []struct {
		name     string
		opt      testkit.RegistryOptions
		overHTTP bool
	}{
		{"referrers_api", testkit.RegistryOptions{}, false},
		{"tag_schema", testkit.RegistryOptions{NoReferrers: true}, false},
		{"basic_login", testkit.RegistryOptions{Username: "u", Password: "p"}, true},
		{"bearer_login_tag_schema", testkit.RegistryOptions{Username: "u", Password: "p", Auth: testkit.Bearer, NoReferrers: true}, true},
		{"tls_shuffled_bare", testkit.RegistryOptions{TLS: true, Shuffle: true, BareReferrers: true}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reg := start(t, tt.opt)
			repo, err := name.NewRepository(reg.Host() + "/dhi/sample")
			if err != nil {
				t.Fatal(err)
			}
			opts := []remote.Option{remote.WithContext(t.Context())}
			if tt.opt.Username != "" {
				opts = append(opts, remote.WithAuth(&authn.Basic{Username: "u", Password: "p"}))
			}
			if tt.opt.TLS {
				tr := http.DefaultTransport.(*http.Transport).Clone()
				tr.TLSClientConfig = &tls.Config{RootCAs: reg.RootCAs(), MinVersion: tls.VersionTLS12}
				opts = append(opts, remote.WithTransport(tr))
			}
			target := reg.Repository("dhi/sample")
			if tt.overHTTP {
				target = testkit.Remote(repo, opts...)
			}
			img := sample(t)
			built, err := img.Push(t.Context(), target)
			if err != nil {
				t.Fatal(err)
			}
			(&reader{t: t, repo: repo, opts: opts, key: img.Key, bare: tt.opt.BareReferrers}).check(built)
		})
	}
}

// reader checks an image with nothing of testkit but the expected digests.
type reader struct {
	t    *testing.T
	repo name.Repository
	opts []remote.Option
	key  *testkit.Key
	bare bool
}

func (r *reader) check(built *testkit.Built) {
	r.t.Helper()
	for _, tag := range []string{"1", "1.2"} {
		d, err := remote.Get(r.repo.Tag(tag), r.opts...)
		if err != nil {
			r.t.Fatal(err)
		}
		if d.Digest != built.Root.Digest() || d.MediaType != types.OCIImageIndex {
			r.t.Errorf("tag %s is %s %s, want %s", tag, d.MediaType, d.Digest, built.Root.Digest())
		}
	}
	index := unmarshal[v1.IndexManifest](r.t, r.manifest(built.Root.Digest()))
	if got := index.Annotations["org.opencontainers.image.title"]; got != "dhi/sample" {
		r.t.Errorf("index title = %q", got)
	}
	if len(index.Manifests) != 2 {
		r.t.Fatalf("index has %d manifests, want 2", len(index.Manifests))
	}
	r.signature(built.Root.Digest(), "null", 1)
	for i, d := range index.Manifests {
		if d.Annotations["com.docker.dhi.build.id"] == "" {
			r.t.Errorf("%s has no build id", d.Platform)
		}
		if got, want := d.Platform.String(), []string{"linux/amd64", "linux/arm64"}[i]; got != want {
			r.t.Errorf("platform %d = %s, want %s", i, got, want)
		}
		r.platform(d, built.Platforms[i])
	}
}

func (r *reader) platform(d v1.Descriptor, want *testkit.BuiltPlatform) {
	r.t.Helper()
	raw := r.manifest(d.Digest)
	m := unmarshal[v1.Manifest](r.t, raw)
	config := unmarshal[v1.ConfigFile](r.t, r.blob(m.Config.Digest))
	labels := config.Config.Labels
	if labels["com.docker.dhi.name"] != "dhi/sample" || config.Architecture != d.Platform.Architecture {
		r.t.Errorf("config of %s: labels %v, architecture %s", d.Platform, labels, config.Architecture)
	}
	chain := config.RootFS.DiffIDs[0].String() + " " + config.RootFS.DiffIDs[1].String()
	if got, want := labels["com.docker.dhi.chain-id"], fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(chain))); got != want {
		r.t.Errorf("chain id = %s, want %s", got, want)
	}
	for i, l := range m.Layers {
		if got := r.blob(l.Digest); !bytes.Equal(got, want.Layers[i].Data) {
			r.t.Errorf("layer %d differs", i)
		}
	}
	list := r.referrers(d.Digest)
	if len(list) != 2 {
		r.t.Fatalf("%s has %d referrers, want 2", d.Platform, len(list))
	}
	seen := map[string]bool{}
	for _, ref := range list {
		if ref.ArtifactType != "application/vnd.in-toto+json" {
			r.t.Errorf("artifact type in the list = %q", ref.ArtifactType)
		}
		seen[r.attestation(ref, v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: d.Digest, Size: int64(len(raw))})] = true
	}
	if !seen["https://openvex.dev/ns/v0.2.0"] || !seen["https://slsa.dev/provenance/v1"] {
		r.t.Errorf("predicate types = %v", seen)
	}
}

// attestation checks an attestation manifest whole, by comparing it with the JSON that
// the layout prescribes, and returns its predicate type.
func (r *reader) attestation(d v1.Descriptor, child v1.Descriptor) string {
	r.t.Helper()
	m := unmarshal[map[string]any](r.t, r.manifest(d.Digest))
	layer := m["layers"].([]any)[0].(map[string]any)
	digest, err := v1.NewHash(layer["digest"].(string))
	if err != nil {
		r.t.Fatal(err)
	}
	statement := r.blob(digest)
	s := unmarshal[map[string]any](r.t, statement)
	uri, _ := s["predicateType"].(string)
	want := map[string]any{
		"schemaVersion": float64(2),
		"mediaType":     "application/vnd.oci.image.manifest.v1+json",
		"artifactType":  "application/vnd.in-toto+json",
		"annotations":   map[string]any{"in-toto.io/predicate-type": uri},
		"config": map[string]any{
			"mediaType": "application/vnd.oci.empty.v1+json", "size": float64(2), "data": "e30=",
			"digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
		},
		"subject": map[string]any{
			"mediaType": "application/vnd.oci.image.manifest.v1+json",
			"digest":    child.Digest.String(), "size": float64(child.Size),
		},
		"layers": []any{map[string]any{
			"mediaType": "application/vnd.in-toto+json", "size": float64(len(statement)), "digest": digest.String(),
			"annotations": map[string]any{"in-toto.io/predicate-type": uri},
		}},
	}
	if diff := cmp.Diff(want, m); diff != "" {
		r.t.Errorf("attestation manifest (-want +got):\n%s", diff)
	}
	delete(s, "predicate")
	if diff := cmp.Diff(map[string]any{
		"_type": "https://in-toto.io/Statement/v0.1", "predicateType": uri,
		"subject": []any{map[string]any{"name": "dhi/sample", "digest": map[string]any{"sha256": child.Digest.Hex}}},
	}, s); diff != "" {
		r.t.Errorf("statement (-want +got):\n%s", diff)
	}
	if _, annotated := d.Annotations["in-toto.io/predicate-type"]; annotated == r.bare {
		r.t.Errorf("annotations in the list = %v", d.Annotations)
	}
	r.signature(d.Digest, fmt.Sprintf(
		`{"predicateType":%q,"subject":"dhi/sample@%s","type":"https://in-toto.io/Statement/v0.1"}`, uri, child.Digest), 1)
	return uri
}

// signature checks that subject has n referrers and that the last of them is a good
// cosign signature with that optional part.
func (r *reader) signature(subject v1.Hash, optional string, n int) {
	r.t.Helper()
	list := r.referrers(subject)
	if len(list) != n {
		r.t.Fatalf("%s has %d referrers, want %d", subject, len(list), n)
	}
	d := list[n-1]
	m := unmarshal[v1.Manifest](r.t, r.manifest(d.Digest))
	const artifact = "application/vnd.dev.cosign.artifact.sig.v1+json"
	if d.ArtifactType != artifact || m.ArtifactType != artifact || string(m.Config.MediaType) != artifact {
		r.t.Errorf("signature types: listed %q, manifest %q, config %q", d.ArtifactType, m.ArtifactType, m.Config.MediaType)
	}
	if m.Subject.Digest != subject || len(m.Layers) != 1 ||
		m.Layers[0].MediaType != "application/vnd.dev.cosign.simplesigning.v1+json" {
		r.t.Fatalf("signature manifest: subject %s, layers %v", m.Subject.Digest, m.Layers)
	}
	payload := r.blob(m.Layers[0].Digest)
	want := fmt.Sprintf(`{"critical":{"identity":{"docker-reference":"registry.scout.docker.com/dhi/sample"},`+
		`"image":{"docker-manifest-digest":%q},"type":"cosign container image signature"},"optional":%s}`, subject.String(), optional)
	if string(payload) != want {
		r.t.Errorf("payload\n got %s\nwant %s", payload, want)
	}
	block, _ := pem.Decode(r.key.PublicPEM())
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		r.t.Fatal(err)
	}
	sig, err := base64.StdEncoding.DecodeString(m.Layers[0].Annotations["dev.cosignproject.cosign/signature"])
	if err != nil {
		r.t.Fatal(err)
	}
	sum := sha256.Sum256(payload)
	if !ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), sum[:], sig) {
		r.t.Errorf("the signature of %s does not verify", subject)
	}
}

func (r *reader) manifest(h v1.Hash) []byte {
	r.t.Helper()
	d, err := remote.Get(r.repo.Digest(h.String()), r.opts...) // verifies the digest
	if err != nil {
		r.t.Fatal(err)
	}
	return d.Manifest
}

func (r *reader) blob(h v1.Hash) []byte {
	r.t.Helper()
	l, err := remote.Layer(r.repo.Digest(h.String()), r.opts...)
	if err != nil {
		r.t.Fatal(err)
	}
	rc, err := l.Compressed() // verifies the digest
	if err != nil {
		r.t.Fatal(err)
	}
	defer rc.Close()
	raw, err := io.ReadAll(rc)
	if err != nil {
		r.t.Fatal(err)
	}
	return raw
}

func (r *reader) referrers(h v1.Hash) []v1.Descriptor {
	r.t.Helper()
	index, err := remote.Referrers(r.repo.Digest(h.String()), r.opts...)
	if err != nil {
		r.t.Fatal(err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		r.t.Fatal(err)
	}
	return m.Manifests
}

func TestBuildIsDeterministic(t *testing.T) {
	var roots []v1.Hash
	var sigs []string
	for range 2 {
		b, err := sample(t).Build()
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, b.Root.Digest())
		sigs = append(sigs, b.Platforms[1].Attestations[0].Signatures[0].Base64)
	}
	if roots[0] != roots[1] || sigs[0] != sigs[1] {
		t.Errorf("two builds differ: %v, %v", roots, sigs)
	}
}

func TestImageVariants(t *testing.T) {
	img := sample(t)
	img.BuildKit = true
	b, err := img.Build()
	if err != nil {
		t.Fatal(err)
	}
	index := unmarshal[v1.IndexManifest](t, b.Root.Data)
	if len(index.Manifests) != 4 || index.Manifests[2].Platform.String() != "unknown/unknown" ||
		index.Manifests[2].Annotations["vnd.docker.reference.digest"] != b.Platforms[0].Manifest.Digest().String() {
		t.Errorf("BuildKit index = %s", b.Root.Data)
	}

	img = sample(t)
	img.Single = true
	if _, err := img.Build(); err == nil {
		t.Error("Build made a single manifest of two platforms")
	}
	img.Platforms = img.Platforms[1:]
	img.Platforms[0].BaseLayers = 1
	if b, err = img.Build(); err != nil {
		t.Fatal(err)
	}
	config := unmarshal[v1.ConfigFile](t, b.Platforms[0].Config.Data)
	if got := config.Config.Labels[testkit.LabelChainID]; got != config.RootFS.DiffIDs[0].String() {
		t.Errorf("chain id of one base layer = %s, want its diff ID", got)
	}
	if b.Root.Digest() != b.Platforms[0].Manifest.Digest() {
		t.Error("the root of a single image is not its manifest")
	}

	img = sample(t)
	img.NotDHI, img.UnsignedIndex, img.Key = true, true, nil
	if b, err = img.Build(); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b.Root.Data, []byte("dhi")) || bytes.Contains(b.Platforms[0].Config.Data, []byte("docker.dhi")) {
		t.Errorf("an image that is not DHI has DHI's marks: %s", b.Root.Data)
	}
	if b.IndexSignature != nil || b.Platforms[0].Attestations[0].Signatures != nil {
		t.Error("signed without a key")
	}
}
