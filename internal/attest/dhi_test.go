package attest

import (
	"bytes"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/report"
)

func TestVerifyDHILayout(t *testing.T) {
	s, store, img := newSigner(t, "test"), newStore(repoName), imageDigest("a")
	att := newChain(store, s, img, vexType, map[string]any{"@id": "x", "statements": []any{}}).push(t)
	newChain(store, s, img, "https://slsa.dev/provenance/v1", map[string]any{"buildDefinition": map[string]any{}}).push(t)

	res := mustVerify(t, Subject{Repository: repoName, Digest: img}, Options{Keys: []trust.Key{s.key}}, store)
	if len(res.Attestations) != 2 || len(res.Verified) != 2 || len(res.Unverified) != 0 {
		t.Fatalf("%d attestations, %d verified, want 2 and 2: %+v", len(res.Attestations), len(res.Verified), res.Attestations)
	}
	var vex Verified
	for _, v := range res.Verified {
		if v.Family() == FamilyVEX {
			vex = v
		}
	}
	if got, want := string(vex.Predicate()), `{"@id":"x","statements":[]}`; got != want {
		t.Errorf("Predicate() = %s, want %s", got, want)
	}
	if got, want := vex.Digest(), att.String(); got != want {
		t.Errorf("Digest() = %s, want %s", got, want)
	}
	if got, want := vex.Subject(), img.String(); got != want {
		t.Errorf("Subject() = %s, want %s", got, want)
	}
	if got, want := vex.Signer(), s.key.String(); got != want {
		t.Errorf("Signer() = %s, want %s", got, want)
	}
	vex.Predicate()[0] = 'X'
	if got := vex.Predicate()[0]; got != '{' {
		t.Errorf("a caller changed the predicate: it starts with %q", got)
	}
	if (Verified{}).OK() || !vex.OK() {
		t.Errorf("OK() = %t for the zero value and %t for a real one", Verified{}.OK(), vex.OK())
	}
	for _, a := range res.Attestations {
		if a.State != report.Verified || a.Store != repoName || a.SignatureDigest == "" || a.Size == 0 {
			t.Errorf("attestation %+v is not complete", a)
		}
		want := "cosign verify --key test --experimental-oci11 --new-bundle-format=false --insecure-ignore-tlog=true " + repoName + "@" + a.Digest
		if a.Command != want {
			t.Errorf("Command = %s, want %s", a.Command, want)
		}
	}
	for _, f := range res.Files {
		if f.MediaType == "application/json" { // the record of the run
			continue
		}
		stored := store.blobs[digestOf(f.Data).String()]
		if stored == nil {
			stored = store.manifests[digestOf(f.Data).String()]
		}
		if !bytes.Equal(stored, f.Data) {
			t.Errorf("file %s is not what was fetched", f.Path)
		}
	}
	if got := len(res.Files); got != 9 {
		t.Errorf("%d files, want manifest, statement, signature manifest and payload of two attestations, and the record", got)
	}
}

// TestTamper changes the chain at each of its links. None may verify, and each says
// what is wrong.
func TestTamper(t *testing.T) {
	other := imageDigest("other")
	for _, tt := range []struct {
		name   string
		spoil  func(c *chain)
		after  func(s *memStore, att v1.Hash)
		state  report.AttestationState
		reason string
	}{
		{
			name:  "statement_of_another_image",
			spoil: func(c *chain) { c.statement["subject"] = []any{subjectOf("x", other)} },
			state: report.Invalid, reason: "the statement speaks of",
		},
		{
			name: "statement_with_a_second_subject",
			spoil: func(c *chain) {
				c.statement["subject"] = []any{subjectOf("x", c.image), subjectOf("y", other)}
			},
			state: report.Invalid, reason: "a second subject",
		},
		{
			name: "subject_without_sha256",
			spoil: func(c *chain) {
				c.statement["subject"] = []any{subjectOf("x", c.image), map[string]any{"name": "y", "digest": map[string]any{"sha512": strings.Repeat("0", 128)}}}
			},
			state: report.Invalid, reason: "without a sha256 digest",
		},
		{
			name:  "no_subject",
			spoil: func(c *chain) { c.statement["subject"] = []any{} },
			state: report.Invalid, reason: "no subject",
		},
		{
			name:  "statement_type_unknown",
			spoil: func(c *chain) { c.statement["_type"] = "https://in-toto.io/Statement/v9" },
			state: report.Invalid, reason: "_type is",
		},
		{
			name:  "predicate_type_of_the_statement",
			spoil: func(c *chain) { c.onState = replace(vexType, "https://spdx.dev/Document") },
			state: report.Invalid, reason: "the layer says predicate type",
		},
		{
			name: "predicate_type_of_the_layer",
			spoil: func(c *chain) {
				c.onLayer = func(l map[string]any) {
					l["annotations"] = map[string]string{annoPredicateType: "https://spdx.dev/Document"}
				}
			},
			state: report.Invalid, reason: "the layer says predicate type",
		},
		{
			name:  "predicate_type_of_the_layer_missing",
			spoil: func(c *chain) { c.onLayer = func(l map[string]any) { delete(l, "annotations") } },
			state: report.Invalid, reason: "the layer says predicate type",
		},
		{
			name: "predicate_type_of_the_manifest",
			spoil: func(c *chain) {
				c.onMan = func(m map[string]any) {
					m["annotations"] = map[string]string{annoPredicateType: "https://spdx.dev/Document"}
				}
			},
			state: report.Invalid, reason: "the manifest says predicate type",
		},
		{
			name:  "predicate_type_of_the_manifest_missing",
			spoil: func(c *chain) { c.onMan = func(m map[string]any) { delete(m, "annotations") } },
			state: report.Invalid, reason: "the manifest says predicate type",
		},
		{
			name:  "repeated_key_in_the_statement",
			spoil: func(c *chain) { c.onState = replace(`{"_type"`, `{"predicate":{},"_type"`) },
			state: report.Invalid, reason: "repeated key",
		},
		{
			name:  "field_in_another_case",
			spoil: func(c *chain) { c.onState = replace(`{"_type"`, `{"Subject":[],"_type"`) },
			state: report.Invalid, reason: "wrong case",
		},
		{
			name:  "statement_is_not_json",
			spoil: func(c *chain) { c.onState = func([]byte) []byte { return []byte("not json") } },
			state: report.Invalid, reason: "not valid JSON",
		},
		{
			name: "statement_is_nested_too_deeply",
			spoil: func(c *chain) {
				c.onState = replace(`"predicate":{}`, `"predicate":`+strings.Repeat("[", 500)+strings.Repeat("]", 500))
			},
			state: report.Invalid, reason: "nested too deeply",
		},
		{
			name: "statement_is_an_envelope",
			spoil: func(c *chain) {
				c.onState = func([]byte) []byte {
					return []byte(`{"payloadType":"application/vnd.in-toto+json","payload":"","signatures":[]}`)
				}
			},
			state: report.Invalid, reason: "DSSE envelope",
		},
		{
			name: "two_layers",
			spoil: func(c *chain) {
				c.onMan = func(m map[string]any) { m["layers"] = append(m["layers"].([]any), m["layers"].([]any)[0]) }
			},
			state: report.Invalid, reason: "has 2 layers",
		},
		{
			name:  "no_layer",
			spoil: func(c *chain) { c.onMan = func(m map[string]any) { m["layers"] = []any{} } },
			state: report.Invalid, reason: "has 0 layers",
		},
		{
			name:  "media_type_lies",
			spoil: func(c *chain) { c.onLayer = func(l map[string]any) { l["mediaType"] = "application/json" } },
			state: report.Invalid, reason: "the layer's media type",
		},
		{
			name:  "layer_size_lies",
			spoil: func(c *chain) { c.onLayer = func(l map[string]any) { l["size"] = l["size"].(int) + 1 } },
			state: report.Invalid, reason: "its descriptor says",
		},
		{
			name: "statement_replaced_in_the_store",
			after: func(s *memStore, _ v1.Hash) {
				s.onBlob = func(_ v1.Descriptor, raw []byte) ([]byte, error) {
					return bytes.Replace(raw, []byte("name"), []byte("nome"), 1), nil
				}
			},
			state: report.Invalid, reason: "the blob hashes to",
		},
		{
			name: "manifest_replaced_in_the_store",
			after: func(s *memStore, att v1.Hash) {
				s.onManifest = func(ref string, raw []byte) ([]byte, error) {
					if ref != att.String() {
						return raw, nil
					}
					return bytes.Replace(raw, []byte("2"), []byte("3"), 1), nil
				}
			},
			state: report.Invalid, reason: "the manifest hashes to",
		},
		{
			name:  "signature_over_another_manifest",
			spoil: func(c *chain) { c.onPayload = setDigest(other.String()) },
			state: report.Invalid, reason: "the signature is over manifest",
		},
		{
			name:  "payload_digest_not_a_digest",
			spoil: func(c *chain) { c.onPayload = setDigest("latest") },
			state: report.Invalid, reason: "not a sha256 digest",
		},
		{
			name: "payload_type",
			spoil: func(c *chain) {
				c.onPayload = func(p map[string]any) { p["critical"].(map[string]any)["type"] = "atomic container signature" }
			},
			state: report.Invalid, reason: "critical.type",
		},
		{
			name:  "payload_without_critical",
			spoil: func(c *chain) { c.onPayload = func(p map[string]any) { delete(p, "critical") } },
			state: report.Invalid, reason: "no critical section",
		},
		{
			name:  "signature_byte",
			spoil: func(c *chain) { c.onSig = func(b []byte) []byte { b[len(b)-1] ^= 1; return b } },
			state: report.Unverified, reason: "no trusted key made its signature",
		},
		{
			name:  "signature_empty",
			spoil: func(c *chain) { c.onSig = func([]byte) []byte { return nil } },
			state: report.Invalid, reason: "the signature is empty",
		},
		{
			name: "signature_not_base64",
			spoil: func(c *chain) {
				c.onSigLay = func(l map[string]any) { l["annotations"] = map[string]string{annoSignature: "%%%"} }
			},
			state: report.Invalid, reason: "signature annotation",
		},
		{
			name:  "signature_annotation_missing",
			spoil: func(c *chain) { c.onSigLay = func(l map[string]any) { delete(l, "annotations") } },
			state: report.Invalid, reason: "no signature annotation",
		},
		{
			name: "signature_media_type",
			spoil: func(c *chain) {
				c.onSigLay = func(l map[string]any) { l["mediaType"] = "application/json" }
			},
			state: report.Unverified, reason: "no signature of a known form",
		},
		{
			name: "log_entry_garbage",
			spoil: func(c *chain) {
				c.onSigLay = func(l map[string]any) { l["annotations"].(map[string]string)[annoRekorBundle] = "{}" }
			},
			state: report.Invalid, reason: "transparency-log annotation",
		},
		{
			name:  "unsigned",
			spoil: func(c *chain) { c.unsigned = true },
			state: report.Unverified, reason: "nobody signed it",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, store := newSigner(t, "test"), newStore(repoName)
			c := newChain(store, s, imageDigest("a"), vexType, map[string]any{})
			if tt.spoil != nil {
				tt.spoil(c)
			}
			att := c.push(t)
			if tt.after != nil {
				tt.after(store, att)
			}
			res := mustVerify(t, Subject{Repository: repoName, Digest: c.image}, Options{Keys: []trust.Key{s.key}}, store)
			a := only(t, res)
			if a.State != tt.state || !strings.Contains(a.Reason, tt.reason) {
				t.Errorf("state %s, reason %q; want %s, %q", a.State, a.Reason, tt.state, tt.reason)
			}
			if len(res.Verified) != 0 || a.Signer != "" || a.SignedAt != nil {
				t.Errorf("%d verified, signer %q: want none", len(res.Verified), a.Signer)
			}
			if a.State == report.Invalid && len(res.Unverified) != 0 {
				t.Errorf("an invalid attestation was handed out as unverified")
			}
		})
	}
}

func subjectOf(name string, d v1.Hash) map[string]any {
	return map[string]any{"name": name, "digest": map[string]any{"sha256": d.Hex}}
}

func replace(old, with string) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(with), 1) }
}

func setDigest(text string) func(map[string]any) {
	return func(p map[string]any) {
		p["critical"].(map[string]any)["image"] = map[string]any{"docker-manifest-digest": text}
	}
}
