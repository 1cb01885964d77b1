package testkit_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/testkit"
)

// verdict sums up which links of an attestation's chain hold.
type verdict struct {
	signatures                              int
	signed, bound, subject, alone, sameType bool
}

func judge(t *testing.T, a *testkit.BuiltAttestation, child v1.Hash, k *testkit.Key) verdict {
	t.Helper()
	v := verdict{signatures: len(a.Signatures)}
	for _, s := range a.Signatures {
		sig, err := base64.StdEncoding.DecodeString(s.Base64)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(s.Payload.Data)
		if ecdsa.VerifyASN1(k.Public(), sum[:], sig) {
			v.signed = true
			v.bound = unmarshal[testkit.Payload](t, s.Payload.Data).Critical.Image.DockerManifestDigest == a.Manifest.Digest().String()
		}
	}
	s := unmarshal[testkit.Statement](t, a.Statement.Data)
	for _, sub := range s.Subject {
		v.subject = v.subject || sub.Digest["sha256"] == child.Hex
	}
	v.alone = len(s.Subject) == 1
	v.sameType = unmarshal[v1.Manifest](t, a.Manifest.Data).Annotations[testkit.PredicateAnnotation] == s.PredicateType
	return v
}

func TestMutators(t *testing.T) {
	good := verdict{1, true, true, true, true, true}
	but := func(change func(*verdict)) verdict { v := good; change(&v); return v }
	other := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("ab", 32)}
	for _, tt := range []struct {
		name string
		m    testkit.Mutator
		want verdict
	}{
		{"honest", func(*testkit.Attestation) {}, good},
		{"wrong_key", testkit.SignedBy(seeded(t, "mallory")), but(func(v *verdict) { v.signed, v.bound = false, false })},
		{"unsigned", testkit.Unsigned(), but(func(v *verdict) { v.signatures, v.signed, v.bound = 0, false, false })},
		{"other_subject", testkit.OtherStatementSubject(other), but(func(v *verdict) { v.subject = false })},
		{"second_subject", testkit.SecondStatementSubject(other), but(func(v *verdict) { v.alone = false })},
		{"statement_type", testkit.StatementPredicateType("x:y"), but(func(v *verdict) { v.sameType = false })},
		{"annotated_type", testkit.AnnotatedPredicateType("x:y"), but(func(v *verdict) { v.sameType = false })},
		{"signed_digest", testkit.SignedDigest(other), but(func(v *verdict) { v.bound = false })},
		{"payload_byte", testkit.PayloadByte(-3), but(func(v *verdict) { v.signed, v.bound = false, false })},
		{"garbage_first", testkit.GarbageSignatureFirst(), but(func(v *verdict) { v.signatures = 2 })},
		{"other_reference", testkit.SignedReference("docker.io/x/y"), good},
	} {
		t.Run(tt.name, func(t *testing.T) {
			img := sample(t)
			b, err := img.Attest(testkit.PredicateOpenVEX, tt.m).Build()
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range b.Platforms {
				if got := judge(t, p.Attestation(testkit.PredicateOpenVEX), p.Manifest.Digest(), img.Key); got != tt.want {
					t.Errorf("%s VEX: %+v, want %+v", p.Platform, got, tt.want)
				}
				if got := judge(t, p.Attestation(testkit.PredicateProvenance), p.Manifest.Digest(), img.Key); got != good {
					t.Errorf("%s provenance was spoilt too: %+v", p.Platform, got)
				}
			}
			if b, err = img.Build(); err != nil {
				t.Fatal(err)
			}
			if got := judge(t, b.Platforms[0].Attestations[0], b.Platforms[0].Manifest.Digest(), img.Key); got != good {
				t.Errorf("the image itself was changed: %+v", got)
			}
		})
	}
}

func TestWithoutAndPlus(t *testing.T) {
	img := sample(t)
	b, err := img.Without(testkit.PredicateOpenVEX).Plus(testkit.Attestation{PredicateType: "a:b", Predicate: []byte("{not json")}).Build()
	if err != nil {
		t.Fatal(err)
	}
	p := b.Platform("linux/arm64")
	if len(p.Attestations) != 2 || p.Attestation(testkit.PredicateOpenVEX) != nil {
		t.Fatalf("attestations = %d", len(p.Attestations))
	}
	raw := p.Attestation("a:b").Statement.Data
	if json.Valid(raw) || !bytes.HasSuffix(raw, []byte(`"predicate":{not json}`)) {
		t.Errorf("a predicate that is not JSON became %s", raw)
	}
	if len(img.Platforms[0].Attestations) != 2 || img.Platforms[0].Attestations[0].PredicateType != testkit.PredicateOpenVEX {
		t.Error("the image itself was changed")
	}
}

func TestBundleAnnotation(t *testing.T) {
	img := sample(t).Attest(testkit.PredicateOpenVEX, testkit.Bundle(func(payload []byte, sig string) string {
		return `{"for":"` + sig + `"}`
	}))
	b, err := img.Build()
	if err != nil {
		t.Fatal(err)
	}
	s := b.Platforms[0].Attestations[0].Signatures[0]
	m := unmarshal[v1.Manifest](t, s.Manifest.Data)
	if got, want := m.Layers[0].Annotations[testkit.BundleAnnotation], `{"for":"`+s.Base64+`"}`; got != want {
		t.Errorf("bundle = %s, want %s", got, want)
	}
}

func TestLayoutTarget(t *testing.T) {
	dir := t.TempDir()
	b, err := sample(t).Push(t.Context(), testkit.Layout(dir))
	if err != nil {
		t.Fatal(err)
	}
	read := func(parts ...string) []byte {
		raw, err := os.ReadFile(filepath.Join(append([]string{dir}, parts...)...))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	index := unmarshal[v1.IndexManifest](t, read("index.json"))
	tags := map[string]v1.Hash{}
	for _, d := range index.Manifests {
		tags[d.Annotations["org.opencontainers.image.ref.name"]] = d.Digest
	}
	if tags["1"] != b.Root.Digest() || tags["1.2"] != b.Root.Digest() {
		t.Errorf("tags = %v, want %s", tags, b.Root.Digest())
	}
	child := b.Platforms[0].Manifest.Digest()
	refs := unmarshal[v1.IndexManifest](t, read("blobs", "sha256", tags["sha256-"+child.Hex].Hex))
	if len(refs.Manifests) != 2 || refs.Manifests[0].ArtifactType != testkit.InTotoMediaType {
		t.Errorf("referrers = %+v", refs.Manifests)
	}
	if got := read("blobs", "sha256", b.Platforms[0].Layers[0].Digest().Hex); !bytes.Equal(got, b.Platforms[0].Layers[0].Data) {
		t.Error("the layer differs")
	}
}

func TestKey(t *testing.T) {
	a, b := seeded(t, "one"), seeded(t, "one")
	if a.Fingerprint() != b.Fingerprint() || a.Fingerprint() == seeded(t, "two").Fingerprint() {
		t.Error("a seed does not decide the key")
	}
	fresh, err := testkit.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if fresh.Fingerprint() == a.Fingerprint() || len(fresh.Fingerprint()) != 64 {
		t.Errorf("fingerprint of a fresh key = %s", fresh.Fingerprint())
	}
	private, err := fresh.PrivatePEM()
	if err != nil || !bytes.HasPrefix(private, []byte("-----BEGIN PRIVATE KEY-----")) {
		t.Errorf("private key = %.40s, %v", private, err)
	}
}
