package attest

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	rekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tlog"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/report"
)

// promised adds the log's promise that it had the entry at a time.
func (l ownLog) promised(t testing.TB, entry *rekor.TransparencyLogEntry, at time.Time) *rekor.TransparencyLogEntry {
	t.Helper()
	entry.IntegratedTime = at.Unix()
	entry.InclusionPromise = &rekor.InclusionPromise{SignedEntryTimestamp: l.key.sign(t, marshal(t, map[string]any{
		"body": entry.CanonicalizedBody, "integratedTime": at.Unix(), "logID": hex.EncodeToString(l.id(t)), "logIndex": entry.LogIndex,
	}))}
	return entry
}

// oldEntry is the body of an intoto 0.0.1 entry: it holds hashes of payload and envelope,
// and no signature.
func oldEntry(t testing.TB, payloadHash, envelopeHash, keyPEM []byte) []byte {
	t.Helper()
	hash := func(sum []byte) map[string]any {
		return map[string]any{"algorithm": "sha256", "value": hex.EncodeToString(sum)}
	}
	return marshal(t, map[string]any{"apiVersion": "0.0.1", "kind": "intoto", "spec": map[string]any{
		"content": map[string]any{"hash": hash(envelopeHash), "payloadHash": hash(payloadHash)}, "publicKey": keyPEM,
	}})
}

// TestOldEntriesBoundHere: an entry of intoto 0.0.1 counts for the payload, the envelope
// and the signer that it holds, and for no other.
func TestOldEntriesBoundHere(t *testing.T) {
	s, other := newSigner(t, "test"), newSigner(t, "other")
	l := ownLog{newInstance(t, "test instance"), newSigner(t, "log")}
	payload, envelope := statementBytes(t, vexType, imageDigest("a")), []byte("an envelope")
	sum := func(data []byte) []byte { d := sha256.Sum256(data); return d[:] }
	for _, tt := range []struct {
		name   string
		body   []byte
		reason string
	}{
		{"good", oldEntry(t, sum(payload), sum(envelope), s.pem(t)), ""},
		{"another_payload", oldEntry(t, sum([]byte("x")), sum(envelope), s.pem(t)), "of another payload"},
		{"another_envelope", oldEntry(t, sum(payload), sum([]byte("x")), s.pem(t)), "of another envelope"},
		{"another_signer", oldEntry(t, sum(payload), sum(envelope), other.pem(t)), "of another signer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			entry, err := tlog.ParseTransparencyLogEntry(l.entry(t, "intoto", "0.0.1", tt.body))
			if err != nil {
				t.Fatal(err)
			}
			e := &entity{
				payload: payload, payloadType: mediaStatement, envelope: digestOf(envelope), sig: s.sign(t, dsse.PAE(mediaStatement, payload)),
				entries: []*tlog.Entry{entry}, version: "v0.1",
			}
			c, err := newChecker(trust.Row{Keys: []trust.Key{s.key}}, []*trust.Root{trust.NewRoot("own log", l)}, trust.LogRequire, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			if out := c.check(e); (out.grade == good) != (tt.reason == "") || !strings.Contains(out.reason, tt.reason) {
				t.Errorf("grade %d, %q; want %q", out.grade, out.reason, tt.reason)
			}
		})
	}
}

// TestKeyOfABoundEntry: a key signs within its window, as the log's promise proves.
func TestKeyOfABoundEntry(t *testing.T) {
	l := ownLog{newInstance(t, "test instance"), newSigner(t, "log")}
	payload := statementBytes(t, vexType, imageDigest("a"))
	at := testTime.Add(48 * time.Hour)
	for _, tt := range []struct {
		name          string
		before, after time.Time
		good          bool
	}{
		{"within", at.Add(-time.Hour), at.Add(time.Hour), true},
		{"not_yet", at.Add(time.Hour), at.Add(2 * time.Hour), false},
		{"no_longer", at.Add(-2 * time.Hour), at.Add(-time.Hour), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSigner(t, "test")
			s.key.NotBefore, s.key.NotAfter = tt.before, tt.after
			sig := s.sign(t, dsse.PAE(mediaStatement, payload))
			entry, err := tlog.ParseTransparencyLogEntry(l.promised(t, l.entry(t, "dsse", "0.0.1", dsseEntry(t, payload, sig, s.pem(t))), at))
			if err != nil {
				t.Fatal(err)
			}
			c, err := newChecker(trust.Row{Keys: []trust.Key{s.key}}, []*trust.Root{trust.NewRoot("own log", l)}, trust.LogAuto, tt.before.Add(time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			out := c.check(&entity{payload: payload, payloadType: mediaStatement, sig: sig, entries: []*tlog.Entry{entry}, version: "v0.3"})
			switch {
			case tt.good && (out.grade != good || !out.signedAt.Equal(at)):
				t.Errorf("grade %d, signed at %v: %s", out.grade, out.signedAt, out.reason)
			case !tt.good && (out.grade != bad || !strings.Contains(out.reason, "when the key was not valid")):
				t.Errorf("grade %d: %s", out.grade, out.reason)
			}
		})
	}
}

// withCT is an instance that runs a certificate transparency log.
type withCT struct {
	root.TrustedMaterial
	key *signer
}

func (w withCT) CTLogs() map[string]*root.TransparencyLog {
	return map[string]*root.TransparencyLog{strings.Repeat("00", 32): {
		ID: make([]byte, 32), ValidityPeriodStart: testTime, HashFunc: crypto.SHA256, PublicKey: w.key.private.Public(), SignatureHashFunc: crypto.SHA256,
	}}
}

// TestCertificateOfABoundEntry: a certificate counts at the time that the log promises,
// and with a timestamp of the certificate transparency log where the instance runs one.
func TestCertificateOfABoundEntry(t *testing.T) {
	v := newInstance(t, "test instance")
	const who = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"
	cert, key, certPEM := leaf(t, v, who, githubIssuer)
	payload := statementBytes(t, vexType, imageDigest("a"))
	s := &signer{private: key}
	sig := s.sign(t, dsse.PAE(mediaStatement, payload))
	for _, tt := range []struct {
		name     string
		material root.TrustedMaterial
		at       time.Time
		reason   string
	}{
		{"good", withoutCT{v}, cert.NotBefore.Add(time.Minute), ""},
		{"logged_after_it_expired", withoutCT{v}, cert.NotAfter.Add(time.Hour), "certificate at "},
		{"logged_before_it_was_issued", withoutCT{v}, cert.NotBefore.Add(-time.Hour), "certificate at "},
		{"without_certificate_transparency", withCT{v, newSigner(t, "ct")}, cert.NotBefore.Add(time.Minute), "certificate transparency: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := ownLog{tt.material, newSigner(t, "log")}
			entry, err := tlog.ParseTransparencyLogEntry(l.promised(t, l.entry(t, "dsse", "0.0.1", dsseEntry(t, payload, sig, certPEM)), tt.at))
			if err != nil {
				t.Fatal(err)
			}
			c, err := newChecker(trust.Row{Identities: []trust.Identity{{Subject: who, Issuer: githubIssuer}}}, []*trust.Root{trust.NewRoot("own log", l)}, trust.LogAuto, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			out := c.check(&entity{payload: payload, payloadType: mediaStatement, sig: sig, cert: cert, entries: []*tlog.Entry{entry}, version: "v0.3"})
			if (out.grade == good) != (tt.reason == "") || !strings.Contains(out.reason, tt.reason) {
				t.Errorf("grade %d, %q; want %q", out.grade, out.reason, tt.reason)
			}
		})
	}
}

// TestIgnoredLogIsNotNamed: with the log ignored no entry is named as verified, and
// cosign is told the same.
func TestIgnoredLogIsNotNamed(t *testing.T) {
	v, img, store := newInstance(t, "test instance"), imageDigest("a"), newStore("example.org/app")
	const who = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"
	pushLayer(t, store, bundleV03, bundleV03, keylessBundle(t, v, who, githubIssuer, statementBytes(t, vexType, img)), nil, &img)
	for log, named := range map[trust.LogPolicy]bool{trust.LogAuto: true, trust.LogIgnore: false} {
		opt := Options{Identities: []trust.Identity{{Subject: who, Issuer: githubIssuer}}, Roots: []*trust.Root{v.root}, Log: log}
		a := only(t, mustVerify(t, Subject{Digest: img}, opt, store))
		if a.State != report.Verified || (a.Log != "") != named || strings.Contains(a.Command, "--insecure-ignore-tlog") == named {
			t.Errorf("%s: %s, log %q, %s", log, a.State, a.Log, a.Command)
		}
	}
}

// TestDescribes: a listing counts when it describes the manifest as it is.
func TestDescribes(t *testing.T) {
	img, other := imageDigest("a"), imageDigest("b")
	raw := bytes.Repeat([]byte("x"), 100)
	man := &v1.Manifest{
		MediaType: types.OCIManifestSchema1, ArtifactType: mediaStatement, Annotations: map[string]string{annoPredicateType: vexType},
		Config: v1.Descriptor{MediaType: "application/vnd.oci.empty.v1+json"},
	}
	right := sighting{subject: img, desc: v1.Descriptor{
		MediaType: types.OCIManifestSchema1, Size: 100, ArtifactType: mediaStatement, Annotations: map[string]string{annoPredicateType: vexType},
	}}
	for _, tt := range []struct {
		name string
		edit func(s *sighting)
		want string
	}{
		{"right", func(*sighting) {}, ""},
		{"bare", func(s *sighting) { s.desc = v1.Descriptor{Size: 100} }, ""},
		{"type_of_the_config", func(s *sighting) { s.desc.ArtifactType = "application/vnd.oci.empty.v1+json" }, ""},
		{"tag", func(s *sighting) { s.tag, s.subject, s.desc = "sha256-x.att", other, v1.Descriptor{} }, ""},
		{"another_subject", func(s *sighting) { s.subject = other }, "listed as a referrer of"},
		{"another_size", func(s *sighting) { s.desc.Size++ }, "the listing says 101 bytes"},
		{"another_media_type", func(s *sighting) { s.desc.MediaType = types.DockerManifestSchema2 }, "media type"},
		{"another_artifact_type", func(s *sighting) { s.desc.ArtifactType = mediaEnvelope }, "artifact type"},
		{"another_predicate_type", func(s *sighting) { s.desc.Annotations = map[string]string{annoPredicateType: "x"} }, "predicate type"},
		{"another_predicate_type_in_the_index", func(s *sighting) {
			s.inIndex, s.desc.Annotations = true, map[string]string{annoPredicateType: "x"}
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := right
			tt.edit(&s)
			err := describes(s, &object{raw: raw, man: man}, img)
			if (err == nil) != (tt.want == "") || err != nil && (!errors.Is(err, errBinding) || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// TestAttachedToTheIndex: an attestation of the index that lists the platform is one of
// the platform's; of another index it is none.
func TestAttachedToTheIndex(t *testing.T) {
	s, store, img := newSigner(t, "test"), newStore(repoName), imageDigest("a")
	raw := marshal(t, map[string]any{"schemaVersion": 2, "manifests": []any{map[string]any{"mediaType": ociType, "digest": img.String(), "size": 1}}})
	index := digestOf(raw)
	newChain(store, s, index, vexType, map[string]any{}).push(t)
	subject, opt := Subject{Digest: img, Index: index, IndexRaw: raw}, Options{Keys: []trust.Key{s.key}}
	if a := only(t, mustVerify(t, subject, opt, store)); a.State != report.Verified || a.Subject != index.String() {
		t.Errorf("%s of %s: %s", a.State, a.Subject, a.Reason)
	}
	foreign := newStore(repoName)
	newChain(foreign, s, imageDigest("b"), vexType, map[string]any{}).push(t)
	foreign.subjects[img.String()] = foreign.subjects[imageDigest("b").String()]
	if a := only(t, mustVerify(t, subject, opt, foreign)); a.State != report.Invalid || !strings.Contains(a.Reason, "subject is "+imageDigest("b").String()) {
		t.Errorf("of another image: %s: %s", a.State, a.Reason)
	}
}

// TestSignatureAttachedElsewhere: a signature over our manifest in a signature manifest
// that is attached to another one is not one that ours has.
func TestSignatureAttachedElsewhere(t *testing.T) {
	for name, subject := range map[string]any{
		"another": map[string]any{"mediaType": ociType, "digest": imageDigest("b").String(), "size": 1}, "none": nil,
	} {
		t.Run(name, func(t *testing.T) {
			s, store, img := newSigner(t, "test"), newStore(repoName), imageDigest("a")
			c := newChain(store, s, img, vexType, map[string]any{})
			c.unsigned = true
			att := c.push(t)
			c.onSigMan = func(m map[string]any) {
				delete(m, "subject")
				if subject != nil {
					m["subject"] = subject
				}
			}
			sig := c.sign(t, att)
			store.subjects[att.String()] = []v1.Descriptor{{MediaType: types.OCIManifestSchema1, Digest: sig, Size: int64(len(store.manifests[sig.String()])), ArtifactType: artifactSignature}}
			if a := only(t, mustVerify(t, Subject{Digest: img}, Options{Keys: []trust.Key{s.key}}, store)); a.State != report.Unverified || !strings.Contains(a.Reason, "attached to another manifest") {
				t.Errorf("%s: %s", a.State, a.Reason)
			}
		})
	}
}

// TestUnusableManifestIsInvalid: bytes that are those of their digest and no manifest
// are nobody's attestation.
func TestUnusableManifestIsInvalid(t *testing.T) {
	img := imageDigest("a")
	layer := `{"mediaType":"` + mediaStatement + `","size":1,"digest":"sha512:` + strings.Repeat("ab", 64) + `"}`
	for name, raw := range map[string]string{
		"no_json":      "hello",
		"repeated_key": `{"schemaVersion":2,"schemaVersion":2}`,
		"sha512_layer": `{"schemaVersion":2,"layers":[` + layer + `]}`,
		"sha512_image": `{"schemaVersion":2,"layers":[],"subject":` + layer + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			store := newStore(repoName)
			d := digestOf([]byte(raw))
			store.manifests[d.String()] = []byte(raw)
			store.subjects[img.String()] = []v1.Descriptor{{
				Digest: d, Size: int64(len(raw)), ArtifactType: mediaStatement, Annotations: map[string]string{annoPredicateType: vexType},
			}}
			if a := only(t, mustVerify(t, Subject{Digest: img}, Options{}, store)); a.State != report.Invalid || a.Family != FamilyVEX || !strings.Contains(a.Reason, "not a usable manifest") {
				t.Errorf("%s %s: %s", a.State, a.Family, a.Reason)
			}
		})
	}
}

// TestUnusableStatementIsInvalid: the same for what the manifest holds.
func TestUnusableStatementIsInvalid(t *testing.T) {
	s, store, img := newSigner(t, "test"), newStore(repoName), imageDigest("a")
	c := newChain(store, s, img, vexType, map[string]any{})
	c.onState = func([]byte) []byte { return []byte(base64.StdEncoding.EncodeToString([]byte("x"))) }
	c.push(t)
	if a := only(t, mustVerify(t, Subject{Digest: img}, Options{Keys: []trust.Key{s.key}}, store)); a.State != report.Invalid || a.Family != FamilyVEX {
		t.Errorf("%s %s: %s", a.State, a.Family, a.Reason)
	}
}
