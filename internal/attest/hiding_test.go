package attest

import (
	"fmt"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/report"
)

// TestNothingHidesAGoodOne: whoever may push to a repository, or runs one of the stores,
// can put other manifests around the bytes of a good attestation. Wherever those stand in
// the order, the good one counts. Each case is made in several variants, so that some come
// before and some after it.
func TestNothingHidesAGoodOne(t *testing.T) {
	img, index := imageDigest("a"), []byte(`{"schemaVersion":2,"manifests":[{"digest":"`+imageDigest("a").String()+`","size":1}]}`)
	type where struct {
		one, two *memStore // the good attestation is in the second
		s        *signer
	}
	envelope := func(t *testing.T, w where, pt string) signedPayload {
		p := signedPayload{payload: statementBytes(t, pt, img), hint: w.s.key.Hint()}
		p.sigs = [][]byte{w.s.sign(t, dsse.PAE(mediaStatement, p.payload))}
		return p
	}
	around := func(t *testing.T, s *memStore, artifactType, layerType string, data []byte, n int, subject v1.Hash, annotations map[string]string) {
		s.push(t, map[string]any{
			"schemaVersion": 2, "mediaType": ociType, "artifactType": artifactType, "config": s.blob("application/vnd.oci.empty.v1+json", []byte("{}"), nil),
			"layers":  []any{s.blob(layerType, data, annotations)},
			"subject": map[string]any{"mediaType": ociType, "digest": subject.String(), "size": 1}, "annotations": map[string]string{"variant": fmt.Sprint(n)},
		})
	}
	for _, tt := range []struct {
		name string
		put  func(t *testing.T, w where, n int)
	}{
		{"envelope_with_a_broken_certificate_beside_it", func(t *testing.T, w where, n int) {
			env := envelope(t, w, vexType).envelope(t)
			pushLayer(t, w.two, mediaEnvelope, mediaEnvelope, env, nil, &img)
			around(t, w.two, mediaEnvelope, mediaEnvelope, env, n, img, map[string]string{annoCertificate: "none"})
		}},
		{"envelope_with_a_broken_log_entry_in_another_store", func(t *testing.T, w where, n int) {
			env := envelope(t, w, vexType).envelope(t)
			pushLayer(t, w.two, mediaEnvelope, mediaEnvelope, env, nil, &img)
			around(t, w.one, mediaEnvelope, mediaEnvelope, env, n, img, map[string]string{annoRekorBundle: "{}"})
		}},
		{"bundle_listed_as_a_statement", func(t *testing.T, w where, n int) {
			b := envelope(t, w, vexType).bundle(t)
			pushLayer(t, w.two, bundleV03, bundleV03, b, nil, &img)
			around(t, w.two, mediaStatement, mediaStatement, b, n, img, map[string]string{annoPredicateType: vexType})
		}},
		{"bundle_over_the_image_listed_for_the_index", func(t *testing.T, w where, n int) {
			sum, err := hexBytes(img)
			if err != nil {
				t.Fatal(err)
			}
			b := bundleJSON(t, &protobundle.Bundle{
				MediaType:            bundleV03,
				VerificationMaterial: &protobundle.VerificationMaterial{Content: &protobundle.VerificationMaterial_PublicKey{PublicKey: &common.PublicKeyIdentifier{Hint: w.s.key.Hint()}}},
				Content: &protobundle.Bundle_MessageSignature{MessageSignature: &common.MessageSignature{
					MessageDigest: &common.HashOutput{Algorithm: common.HashAlgorithm_SHA2_256, Digest: sum}, Signature: w.s.sign(t, []byte("image a")),
				}},
			})
			pushLayer(t, w.two, bundleV03, bundleV03, b, nil, &img)
			around(t, w.two, bundleV03, bundleV03, b, n, digestOf(index), nil)
		}},
		{"blob_listed_with_another_size", func(t *testing.T, w where, n int) {
			c := newChain(w.two, w.s, img, vexType, map[string]any{})
			c.push(t)
			c.unsigned = true
			c.onLayer = func(l map[string]any) { l["size"] = 3 + n }
			c.push(t)
		}},
		{"blob_listed_by_a_store_that_has_it_not", func(t *testing.T, w where, n int) {
			newChain(w.two, w.s, img, vexType, map[string]any{}).push(t)
			c := newChain(w.one, w.s, img, vexType, map[string]any{})
			c.unsigned = true
			c.onMan = func(m map[string]any) {
				m["annotations"] = map[string]string{annoPredicateType: vexType, "variant": fmt.Sprint(n)}
			}
			c.push(t)
			for d := range w.one.blobs {
				delete(w.one.blobs, d)
			}
		}},
		{"blob_with_other_bytes_in_its_descriptor", func(t *testing.T, w where, n int) {
			c := newChain(w.two, w.s, img, vexType, map[string]any{})
			c.push(t)
			c.unsigned = true
			c.onLayer = func(l map[string]any) { l["data"] = make([]byte, l["size"].(int)) }
			c.onMan = func(m map[string]any) {
				m["annotations"] = map[string]string{annoPredicateType: vexType, "variant": fmt.Sprint(n)}
			}
			c.push(t)
		}},
		{"manifest_listed_with_a_huge_size", func(t *testing.T, w where, _ int) {
			att := newChain(w.two, w.s, img, vexType, map[string]any{}).push(t)
			list := []v1.Descriptor{{MediaType: ociType, Digest: att, Size: 1 << 40, ArtifactType: mediaStatement}}
			w.one.subjects[img.String()] = list
		}},
		{"somebody_elses_signature_beside_a_tag", func(t *testing.T, w where, _ int) {
			c := newChain(w.two, w.s, img, vexType, map[string]any{})
			c.unsigned = true
			att := c.push(t)
			newChain(w.two, newSigner(t, "stranger"), img, vexType, nil).sign(t, att)
			c.onSigMan = func(m map[string]any) { delete(m, "subject") }
			w.one.tags[tagOf(att, ".sig")] = func() string { c.store = w.one; return c.sign(t, att).String() }()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for n := range 8 {
				w := where{newStore("one.example/app"), newStore("two.example/app"), newSigner(t, "test")}
				tt.put(t, w, n)
				res := mustVerify(t, Subject{Digest: img, Index: digestOf(index), IndexRaw: index}, Options{Keys: []trust.Key{w.s.key}}, w.one, w.two)
				if len(res.Verified) != 1 {
					for _, a := range res.Attestations {
						t.Logf("%s %s: %s", a.PredicateType, a.State, a.Reason)
					}
					t.Fatalf("variant %d: %d verified, want 1", n, len(res.Verified))
				}
				// What was kept shows the same again.
				again, err := VerifyDir(t.Context(), saved(res), Options{Keys: []trust.Key{w.s.key}})
				if err != nil || len(again) != 1 || len(again[0].Result.Verified) != 1 {
					t.Fatalf("variant %d: again %+v, %v", n, again, err)
				}
				for _, a := range again[0].Result.Attestations {
					if a.State == report.Unverified && a.Digest == res.Verified[0].Digest() {
						t.Errorf("variant %d: again %s: %s", n, a.State, a.Reason)
					}
				}
			}
		})
	}
}
