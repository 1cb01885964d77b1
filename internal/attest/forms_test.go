package attest

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	rekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/report"
)

const bundleV03 = "application/vnd.dev.sigstore.bundle.v0.3+json"

// form writes one signed statement about an image into a store.
type form struct {
	name string
	// put writes it; payload and sig may have been changed before.
	put func(t *testing.T, s *memStore, target v1.Hash, predicateType string, p signedPayload)
}

// signedPayload is a DSSE payload with its signatures.
type signedPayload struct {
	payload []byte
	sigs    [][]byte
	hint    string
}

func statementBytes(t testing.TB, predicateType string, image v1.Hash) []byte {
	return marshal(t, map[string]any{
		"_type": statementV1, "predicateType": predicateType, "predicate": map[string]any{"a": 1},
		"subject": []any{subjectOf("image", image)},
	})
}

func (p signedPayload) envelope(t testing.TB) []byte {
	env := map[string]any{"payloadType": mediaStatement, "payload": p.payload}
	var sigs []any
	for _, s := range p.sigs {
		sigs = append(sigs, map[string]any{"keyid": "", "sig": s})
	}
	env["signatures"] = sigs
	return marshal(t, env)
}

func (p signedPayload) bundle(t testing.TB) []byte {
	var sigs []*protodsse.Signature
	for _, s := range p.sigs {
		sigs = append(sigs, &protodsse.Signature{Sig: s})
	}
	return bundleJSON(t, &protobundle.Bundle{
		MediaType:            bundleV03,
		VerificationMaterial: &protobundle.VerificationMaterial{Content: &protobundle.VerificationMaterial_PublicKey{PublicKey: &common.PublicKeyIdentifier{Hint: p.hint}}},
		Content:              &protobundle.Bundle_DsseEnvelope{DsseEnvelope: &protodsse.Envelope{Payload: p.payload, PayloadType: mediaStatement, Signatures: sigs}},
	})
}

func bundleJSON(t testing.TB, b *protobundle.Bundle) []byte {
	t.Helper()
	raw, err := protojson.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func pushLayer(t testing.TB, s *memStore, artifactType, layerType string, data []byte, annotations map[string]string, subject *v1.Hash) v1.Hash {
	m := map[string]any{
		"schemaVersion": 2, "mediaType": ociType, "config": s.blob("application/vnd.oci.empty.v1+json", []byte("{}"), nil),
		"layers": []any{s.blob(layerType, data, annotations)},
	}
	if artifactType != "" {
		m["artifactType"] = artifactType
	}
	if subject != nil {
		m["subject"] = map[string]any{"mediaType": ociType, "digest": subject.String(), "size": 1}
	}
	return s.push(t, m)
}

var forms = []form{
	{"envelope_by_tag", func(t *testing.T, s *memStore, target v1.Hash, pt string, p signedPayload) {
		h := pushLayer(t, s, "", mediaEnvelope, p.envelope(t), map[string]string{annoSignature: "", "predicateType": pt}, nil)
		s.tags[tagOf(target, ".att")] = h.String()
	}},
	{"envelope_by_referrer", func(t *testing.T, s *memStore, target v1.Hash, _ string, p signedPayload) {
		pushLayer(t, s, mediaEnvelope, mediaEnvelope, p.envelope(t), nil, &target)
	}},
	{"bundle_by_referrer", func(t *testing.T, s *memStore, target v1.Hash, _ string, p signedPayload) {
		for _, sig := range p.sigs { // a bundle has one signature: each signer writes one
			one := p
			one.sigs = [][]byte{sig}
			pushLayer(t, s, bundleV03, bundleV03, one.bundle(t), nil, &target)
		}
		if len(p.sigs) == 0 {
			pushLayer(t, s, bundleV03, bundleV03, p.bundle(t), nil, &target)
		}
	}},
}

func TestForms(t *testing.T) {
	img, other := imageDigest("a"), imageDigest("b")
	for _, f := range forms {
		for _, tt := range []struct {
			name   string
			image  v1.Hash // in the statement
			change func(t *testing.T, p *signedPayload, stranger *signer)
			want   report.AttestationState
			reason string
		}{
			{"good", img, nil, report.Verified, "signed by key test"},
			{"wrong_key", img, func(t *testing.T, p *signedPayload, stranger *signer) {
				p.sigs = [][]byte{stranger.sign(t, dsse.PAE(mediaStatement, p.payload))}
				p.hint = stranger.key.Hint()
			}, report.Unverified, "no trusted key"},
			{"attestation_of_another_image", other, nil, report.Invalid, "the statement speaks of"},
			{"payload_changed", img, func(_ *testing.T, p *signedPayload, _ *signer) {
				p.payload = []byte(strings.Replace(string(p.payload), `{"a":1}`, `{"a":2}`, 1))
			}, "", ""},
			{"subject_changed", other, func(_ *testing.T, p *signedPayload, _ *signer) {
				p.payload = []byte(strings.Replace(string(p.payload), other.Hex, img.Hex, 1))
			}, "", ""},
			{"predicate_type_changed", img, func(_ *testing.T, p *signedPayload, _ *signer) {
				p.payload = []byte(strings.Replace(string(p.payload), "v0.2.0", "v0.2.9", 1))
			}, "", ""},
			{"signature_removed", img, func(_ *testing.T, p *signedPayload, _ *signer) { p.sigs = nil }, "", ""},
			{"signature_empty", img, func(_ *testing.T, p *signedPayload, _ *signer) { p.sigs = [][]byte{{}} }, report.Invalid, ""},
			{"two_signers_one_good", img, func(t *testing.T, p *signedPayload, stranger *signer) {
				p.sigs = append([][]byte{stranger.sign(t, dsse.PAE(mediaStatement, p.payload))}, p.sigs...)
			}, report.Verified, "signed by key test"},
			{"repeated_key", img, func(_ *testing.T, p *signedPayload, _ *signer) {
				p.payload = []byte(strings.Replace(string(p.payload), `{"_type"`, `{"_type":"x","_type"`, 1))
			}, report.Invalid, "repeated key"},
		} {
			t.Run(f.name+"/"+tt.name, func(t *testing.T) {
				s, stranger, store := newSigner(t, "test"), newSigner(t, "stranger"), newStore("example.org/app")
				p := signedPayload{payload: statementBytes(t, vexType, tt.image), hint: s.key.Hint()}
				p.sigs = [][]byte{s.sign(t, dsse.PAE(mediaStatement, p.payload))}
				if tt.change != nil {
					tt.change(t, &p, stranger)
				}
				f.put(t, store, img, vexType, p)
				res := mustVerify(t, Subject{Digest: img}, Options{Keys: []trust.Key{s.key}}, store)
				var best report.Attestation
				for _, a := range res.Attestations {
					if best.State == "" || a.State == report.Verified {
						best = a
					}
				}
				if tt.want == "" && best.State == report.Verified || tt.want != "" && best.State != tt.want || !strings.Contains(best.Reason, tt.reason) {
					t.Errorf("state %s, reason %q; want %s, %q", best.State, best.Reason, tt.want, tt.reason)
				}
				if best.State == report.Verified {
					v := res.Verified[0]
					if v.PredicateType() != vexType || string(v.Predicate()) != `{"a":1}` || v.Subject() != img.String() || v.PayloadDigest() != digestOf(p.payload).String() {
						t.Errorf("verified %+v", v)
					}
				}
			})
		}
	}
}

// keylessBundle signs a statement with a short-lived certificate of the instance.
func keylessBundle(t testing.TB, v *instance, identity, issuer string, payload []byte) []byte {
	t.Helper()
	e, err := v.AttestAtTime(identity, issuer, payload, time.Now().Add(time.Minute), true)
	if err != nil {
		t.Fatal(err)
	}
	content, _ := e.VerificationContent()
	sig, _ := e.SignatureContent()
	entries, _ := e.TlogEntries()
	stamps, _ := e.Timestamps()
	env := sig.EnvelopeContent().RawEnvelope()
	raw, err := base64.StdEncoding.DecodeString(env.Signatures[0].Sig)
	if err != nil {
		t.Fatal(err)
	}
	material := &protobundle.VerificationMaterial{
		Content:                   &protobundle.VerificationMaterial_Certificate{Certificate: &common.X509Certificate{RawBytes: content.Certificate().Raw}},
		TimestampVerificationData: &protobundle.TimestampVerificationData{},
	}
	for _, s := range stamps {
		material.TimestampVerificationData.Rfc3161Timestamps = append(material.TimestampVerificationData.Rfc3161Timestamps, &common.RFC3161SignedTimestamp{SignedTimestamp: s})
	}
	for _, entry := range entries {
		tle := entry.TransparencyLogEntry()
		material.TlogEntries = append(material.TlogEntries, tle)
		if tle.KindVersion == nil {
			tle.KindVersion = &rekor.KindVersion{Kind: "dsse", Version: "0.0.1"}
		}
	}
	return bundleJSON(t, &protobundle.Bundle{
		MediaType: bundleV03, VerificationMaterial: material,
		Content: &protobundle.Bundle_DsseEnvelope{DsseEnvelope: &protodsse.Envelope{
			Payload: payload, PayloadType: mediaStatement, Signatures: []*protodsse.Signature{{Sig: raw}},
		}},
	})
}

func TestKeyless(t *testing.T) {
	v, another := newInstance(t, "test instance"), newInstance(t, "another instance")
	const who, issuer = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main", githubIssuer
	img := imageDigest("a")
	store := newStore("example.org/app")
	pushLayer(t, store, bundleV03, bundleV03, keylessBundle(t, v, who, issuer, statementBytes(t, vexType, img)), nil, &img)
	exact := []trust.Identity{{Subject: who, Issuer: issuer}}
	for _, tt := range []struct {
		name   string
		opt    Options
		state  report.AttestationState
		reason string
	}{
		{"exact", Options{Identities: exact}, report.Verified, "signed by " + who + " (issuer " + issuer + ")"},
		{"regexp", Options{Identities: []trust.Identity{{SubjectRegexp: "^https://github.com/acme/.*$", IssuerRegexp: "^https://token.*$"}}}, report.Verified, who},
		{"second_identity", Options{Identities: append([]trust.Identity{{Subject: "x", Issuer: "y"}}, exact...)}, report.Verified, who},
		{"wrong_subject", Options{Identities: []trust.Identity{{Subject: who + "2", Issuer: issuer}}}, report.Unverified, "not a trusted identity"},
		{"wrong_issuer", Options{Identities: []trust.Identity{{Subject: who, Issuer: issuer + "2"}}}, report.Unverified, "not a trusted identity"},
		{"no_identity_named", Options{}, report.Unverified, "no identity is trusted for this repository"},
		{"key_named_instead", Options{Keys: []trust.Key{newSigner(t, "x").key}}, report.Unverified, "no identity is trusted"},
		{"another_instance", Options{Identities: exact, Roots: []*trust.Root{another.root}}, report.Unverified, "chains to no trusted root"},
		{"one_of_two_instances", Options{Identities: exact, Roots: []*trust.Root{another.root, v.root}}, report.Verified, who},
		{"certificate_transparency_wanted", Options{Identities: exact, Roots: []*trust.Root{trust.NewRoot("with CT", v.VirtualSigstore)}}, report.Invalid, "certificate timestamp"},
		{"log_required", Options{Identities: exact, Log: trust.LogRequire}, report.Verified, who},
		{"log_ignored", Options{Identities: exact, Log: trust.LogIgnore}, report.Verified, who},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.opt.Roots == nil {
				tt.opt.Roots = []*trust.Root{v.root}
			}
			a := only(t, mustVerify(t, Subject{Digest: img}, tt.opt, store))
			if a.State != tt.state || !strings.Contains(a.Reason, tt.reason) {
				t.Errorf("state %s, reason %q; want %s, %q", a.State, a.Reason, tt.state, tt.reason)
			}
			if a.State == report.Verified && a.SignedAt == nil {
				t.Error("no proven time")
			}
		})
	}
}
