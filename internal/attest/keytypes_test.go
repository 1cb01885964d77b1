package attest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/report"
)

func TestKeyTypes(t *testing.T) {
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	for _, tt := range []struct {
		name string
		key  crypto.Signer
		hash crypto.Hash
	}{
		{"p256", p256, crypto.SHA256},
		{"p384_with_its_own_hash", p384, crypto.SHA384},
		{"p384_as_cosign_signs", p384, crypto.SHA256},
		{"p521", p521, crypto.SHA512},
		{"rsa", rsaKey, crypto.SHA256},
		{"ed25519", edKey, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k, err := trust.FromPublic("test", tt.key.Public())
			if err != nil {
				t.Fatal(err)
			}
			sign := func(message []byte) []byte {
				if tt.hash != 0 {
					h := tt.hash.New()
					h.Write(message)
					message = h.Sum(nil)
				}
				sig, err := tt.key.Sign(rand.Reader, message, tt.hash)
				if err != nil {
					t.Fatal(err)
				}
				return sig
			}
			img, store := imageDigest("a"), newStore("example.org/app")
			for i, f := range forms[:2] {
				p := signedPayload{payload: statementBytes(t, vexType+strings.Repeat("x", i), img)}
				p.sigs = [][]byte{sign(dsse.PAE(mediaStatement, p.payload))}
				f.put(t, store, img, vexType, p)
			}
			p := signedPayload{payload: statementBytes(t, "https://spdx.dev/Document", img), hint: k.Hint()}
			p.sigs = [][]byte{sign(dsse.PAE(mediaStatement, p.payload))}
			forms[2].put(t, store, img, vexType, p)
			res := mustVerify(t, Subject{Digest: img}, Options{Keys: []trust.Key{k}}, store)
			if len(res.Verified) != 3 {
				t.Errorf("%d verified, want 3: %+v", len(res.Verified), res.Attestations)
			}
		})
	}
}

// TestEd25519OverADigest: a signature over no bytes must not pass for one over a digest
// whose message is not at hand.
func TestEd25519OverADigest(t *testing.T) {
	public, private, _ := ed25519.GenerateKey(rand.Reader)
	k, err := trust.FromPublic("test", public)
	if err != nil {
		t.Fatal(err)
	}
	v, err := newKeyVerifier(k)
	if err != nil {
		t.Fatal(err)
	}
	sum, _ := hexBytes(imageDigest("a"))
	e := &entity{sig: ed25519.Sign(private, nil), digest: sum, digestAlgo: crypto.SHA256}
	if v.made(e) {
		t.Error("a signature over nothing is accepted for a digest")
	}
}

// TestCertificateAsKey: a PEM certificate stands for its key within its validity, as
// Iron Bank publishes its key.
func TestCertificateAsKey(t *testing.T) {
	s, img := newSigner(t, "x"), imageDigest("a")
	now := time.Now()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, s.private.Public(), s.private)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := trust.ParseKeys("cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	store := newStore("registry1.dso.mil/ironbank/app")
	newChain(store, s, img, vexType, map[string]any{}).push(t)
	for _, tt := range []struct {
		at   time.Time
		want report.AttestationState
	}{{now, report.Verified}, {now.Add(2 * time.Hour), report.Invalid}} {
		a := only(t, mustVerify(t, Subject{Digest: img}, Options{Keys: keys, Now: tt.at}, store))
		if a.State != tt.want {
			t.Errorf("at %v: state %s, want %s: %s", tt.at, a.State, tt.want, a.Reason)
		}
	}
}

// TestBundlesThatSignManifests: cosign 3 signs images with a statement, others with a
// message signature; both also sign attestation manifests.
func TestBundlesThatSignManifests(t *testing.T) {
	s, stranger, img := newSigner(t, "test"), newSigner(t, "stranger"), imageDigest("a")
	message := func(by *signer, raw []byte) []byte {
		sum := digestOf(raw)
		b, _ := hexBytes(sum)
		return bundleJSON(t, &protobundle.Bundle{
			MediaType:            bundleV03,
			VerificationMaterial: &protobundle.VerificationMaterial{Content: &protobundle.VerificationMaterial_PublicKey{PublicKey: &common.PublicKeyIdentifier{Hint: by.key.Hint()}}},
			Content: &protobundle.Bundle_MessageSignature{MessageSignature: &common.MessageSignature{
				MessageDigest: &common.HashOutput{Algorithm: common.HashAlgorithm_SHA2_256, Digest: b}, Signature: by.sign(t, raw),
			}},
		})
	}
	statement := func(by *signer, pt string, raw []byte) []byte {
		p := signedPayload{payload: statementBytes(t, pt, digestOf(raw)), hint: by.key.Hint()}
		p.sigs = [][]byte{by.sign(t, dsse.PAE(mediaStatement, p.payload))}
		return p.bundle(t)
	}
	for _, tt := range []struct {
		name   string
		bundle func(raw []byte) []byte
		want   report.AttestationState
	}{
		{"message", func(raw []byte) []byte { return message(s, raw) }, report.Verified},
		{"statement", func(raw []byte) []byte { return statement(s, predicateCosign, raw) }, report.Verified},
		{"message_by_another_key", func(raw []byte) []byte { return message(stranger, raw) }, report.Unverified},
		{"message_over_other_bytes", func(raw []byte) []byte { return message(s, append(raw, ' ')) }, report.Invalid},
		{"statement_over_other_bytes", func(raw []byte) []byte { return statement(s, predicateCosign, append(raw, ' ')) }, report.Invalid},
		{"statement_of_another_type_is_no_signature", func(raw []byte) []byte { return statement(s, "https://example.org/seen/v1", raw) }, report.Unverified},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := newStore("example.org/app")
			c := newChain(store, s, img, vexType, map[string]any{})
			c.unsigned = true
			att := c.push(t)
			raw := append([]byte{}, store.manifests[att.String()]...)
			pushLayer(t, store, bundleV03, bundleV03, tt.bundle(raw), nil, &att)
			a := only(t, mustVerify(t, Subject{Digest: img}, Options{Keys: []trust.Key{s.key}}, store))
			if a.State != tt.want || a.Family != FamilyVEX {
				t.Errorf("state %s, want %s: %s", a.State, tt.want, a.Reason)
			}
			if a.State == report.Verified && a.Form != "sigstore-bundle" {
				t.Errorf("form %s", a.Form)
			}
		})
	}
	t.Run("over_the_image", func(t *testing.T) {
		store := newStore("example.org/app")
		raw := []byte("image a")
		image := digestOf(raw)
		pushLayer(t, store, bundleV03, bundleV03, message(s, raw), nil, &image)
		pushLayer(t, store, bundleV03, bundleV03, statement(s, predicateCosign, raw), nil, &image)
		res := mustVerify(t, Subject{Digest: image}, Options{Keys: []trust.Key{s.key}}, store)
		for _, a := range res.Attestations {
			if a.State != report.Verified || a.Family != FamilySignature {
				t.Errorf("%+v", a)
			}
		}
		for _, v := range res.Verified {
			if v.Predicate() != nil {
				t.Errorf("a signature has a predicate: %s", v.Predicate())
			}
		}
		if len(res.Verified) != 2 {
			t.Errorf("%d verified, want 2", len(res.Verified))
		}
	})
}

// TestBuildKit: attestations that BuildKit puts into the index are signed by whoever
// signs the index, and by nobody else.
func TestBuildKit(t *testing.T) {
	s, stranger, img := newSigner(t, "test"), newSigner(t, "stranger"), imageDigest("a")
	for _, tt := range []struct {
		name   string
		signer *signer
		change func(layer map[string]any)
		want   report.AttestationState
		reason string
	}{
		{"signed_index", s, nil, report.Verified, "listed by the index"},
		{"unsigned_index", nil, nil, report.Unverified, "nobody signed it"},
		{"index_signed_by_a_stranger", stranger, nil, report.Unverified, "nobody signed it"},
		{"broken_chain_in_a_signed_index", s, func(l map[string]any) { l["annotations"] = map[string]string{annoPredicateType: "x"} }, report.Invalid, "the layer says"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := newStore("example.org/app")
			var layers []any
			for _, pt := range []string{"https://slsa.dev/provenance/v1", "https://spdx.dev/Document"} {
				l := store.blob(mediaStatement, statementBytes(t, pt, img), map[string]string{annoPredicateType: pt})
				if tt.change != nil {
					tt.change(l)
				}
				layers = append(layers, l)
			}
			att := store.push(t, map[string]any{
				"schemaVersion": 2, "mediaType": ociType, "layers": layers,
				"config": store.blob("application/vnd.oci.image.config.v1+json", []byte(`{}`), nil),
			})
			raw := marshal(t, map[string]any{"schemaVersion": 2, "manifests": []any{
				map[string]any{"mediaType": ociType, "digest": img.String(), "size": 1},
				map[string]any{"mediaType": ociType, "digest": att.String(), "size": len(store.manifests[att.String()]), "annotations": map[string]string{
					annoReferenceType: referenceAttest, annoReferenceOf: img.String(),
				}},
				map[string]any{"mediaType": ociType, "digest": imageDigest("arm").String(), "size": 1, "annotations": map[string]string{
					annoReferenceType: referenceAttest, annoReferenceOf: imageDigest("other platform").String(),
				}},
			}})
			index := digestOf(raw)
			if tt.signer != nil {
				newChain(store, tt.signer, img, vexType, nil).sign(t, index)
			}
			res := mustVerify(t, Subject{Digest: img, Index: index, IndexRaw: raw}, Options{Keys: []trust.Key{s.key}}, store)
			n := 0
			for _, a := range res.Attestations {
				if a.Family == FamilySignature {
					continue
				}
				n++
				if a.State != tt.want || !strings.Contains(a.Reason, tt.reason) {
					t.Errorf("%s: state %s, reason %q; want %s, %q", a.Family, a.State, a.Reason, tt.want, tt.reason)
				}
			}
			if n != 2 {
				t.Errorf("%d attestations, want 2", n)
			}
		})
	}
}

func TestAttachedSBOM(t *testing.T) {
	s, store, img := newSigner(t, "test"), newStore("example.org/app"), imageDigest("a")
	h := pushLayer(t, store, "", "text/spdx+json", []byte(`{"spdxVersion":"SPDX-2.3"}`), nil, nil)
	store.tags[tagOf(img, ".sbom")] = h.String()
	a := only(t, mustVerify(t, Subject{Digest: img}, Options{Keys: []trust.Key{s.key}}, store))
	if a.State != report.Unverified || a.Family != FamilySBOM || !strings.Contains(a.Reason, "no attestation") {
		t.Errorf("%+v", a)
	}
}

// TestKeyBesideACertificate: cosign may attach a certificate to a signature that a
// named key made; the key decides, with and without a log entry.
func TestKeyBesideACertificate(t *testing.T) {
	v, s, img := newInstance(t, "test instance"), newSigner(t, "test"), imageDigest("a")
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, s.private.Public(), s.private)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for _, logged := range []bool{false, true} {
		store := newStore("registry1.dso.mil/ironbank/app")
		c := newChain(store, s, img, vexType, map[string]any{})
		c.onSigLay = func(l map[string]any) {
			a := l["annotations"].(map[string]string)
			a[annoCertificate] = string(cert)
			if logged {
				sig, _ := decodeBase64(a[annoSignature])
				a[annoRekorBundle] = v.promise(t, hashedRekord(t, store.blobs[l["digest"].(string)], sig, cert), time.Now())
			}
		}
		c.push(t)
		a := only(t, mustVerify(t, Subject{Digest: img}, Options{Keys: []trust.Key{s.key}, Roots: []*trust.Root{v.root}}, store))
		if a.State != report.Verified || (a.Log != "") != logged {
			t.Errorf("logged %t: state %s, log %q, %s", logged, a.State, a.Log, a.Reason)
		}
		a = only(t, mustVerify(t, Subject{Digest: img}, Options{Keys: []trust.Key{newSigner(t, "x").key}, Roots: []*trust.Root{v.root}}, store))
		if a.State == report.Verified {
			t.Errorf("logged %t: verified by a certificate of nobody: %s", logged, a.Reason)
		}
	}
}

// TestOneManifestUnderTwoTags: the same .sig manifest may be tagged for the platform
// and for the index; the payload says which of them it is about.
func TestOneManifestUnderTwoTags(t *testing.T) {
	s, store, img := newSigner(t, "test"), newStore("example.org/app"), imageDigest("a")
	raw := marshal(t, map[string]any{"schemaVersion": 2, "manifests": []any{map[string]any{"mediaType": ociType, "digest": img.String(), "size": 1}}})
	index := digestOf(raw)
	c := newChain(store, s, img, vexType, nil)
	c.onSigMan = func(m map[string]any) { delete(m, "subject") }
	h := c.sign(t, index)
	store.tags[tagOf(img, ".sig")], store.tags[tagOf(index, ".sig")] = h.String(), h.String()
	a := only(t, mustVerify(t, Subject{Digest: img, Index: index, IndexRaw: raw}, Options{Keys: []trust.Key{s.key}}, store))
	if a.State != report.Verified || a.Subject != index.String() {
		t.Errorf("%+v", a)
	}
}
