package attest

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	rekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tlog"

	"github.com/imagegate/imagegate/internal/attest/trust"
)

// ownLog is a private transparency log that holds one entry and whose checkpoints name no
// tree.
type ownLog struct {
	root.TrustedMaterial
	key *signer
}

func (l ownLog) id(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(l.key.private.Public())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return sum[:]
}

func (l ownLog) RekorLogs() map[string]*root.TransparencyLog {
	der, err := x509.MarshalPKIXPublicKey(l.key.private.Public())
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(der)
	return map[string]*root.TransparencyLog{hex.EncodeToString(sum[:]): {
		BaseURL: "https://log.example", ID: sum[:], ValidityPeriodStart: testTime, HashFunc: crypto.SHA256,
		PublicKey: l.key.private.Public(), SignatureHashFunc: crypto.SHA256,
	}}
}

// entry is a body with the proof that the log holds it.
func (l ownLog) entry(t testing.TB, kind, version string, body []byte) *rekor.TransparencyLogEntry {
	t.Helper()
	leaf := sha256.Sum256(append([]byte{0}, body...))
	note := "log.example\n1\n" + base64.StdEncoding.EncodeToString(leaf[:]) + "\n"
	sig := append(append([]byte{}, l.id(t)[:4]...), l.key.sign(t, []byte(note))...)
	return &rekor.TransparencyLogEntry{
		LogId: &common.LogId{KeyId: l.id(t)}, KindVersion: &rekor.KindVersion{Kind: kind, Version: version}, CanonicalizedBody: body,
		InclusionProof: &rekor.InclusionProof{RootHash: leaf[:], TreeSize: 1, Checkpoint: &rekor.Checkpoint{
			Envelope: fmt.Sprintf("%s\n— log.example %s\n", note, base64.StdEncoding.EncodeToString(sig)),
		}},
	}
}

// dsseEntry is the body of a dsse 0.0.1 entry.
func dsseEntry(t testing.TB, payload, sig, keyPEM []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(payload)
	hash := map[string]any{"algorithm": "sha256", "value": hex.EncodeToString(sum[:])}
	return marshal(t, map[string]any{
		"apiVersion": "0.0.1", "kind": "dsse", "spec": map[string]any{
			"envelopeHash": hash, "payloadHash": hash, "signatures": []any{map[string]any{"signature": sig, "verifier": keyPEM}},
		},
	})
}

// intotoEntry is the body of an intoto 0.0.2 entry as a log keeps it, without the payload.
func intotoEntry(t testing.TB, payload, sig, keyPEM []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(payload)
	hash := map[string]any{"algorithm": "sha256", "value": hex.EncodeToString(sum[:])}
	return marshal(t, map[string]any{
		"apiVersion": "0.0.2", "kind": "intoto", "spec": map[string]any{"content": map[string]any{
			"hash": hash, "payloadHash": hash, "envelope": map[string]any{"payloadType": mediaStatement, "signatures": []any{
				map[string]any{"sig": []byte(base64.StdEncoding.EncodeToString(sig)), "publicKey": keyPEM},
			}},
		}},
	})
}

// TestEntriesBoundHere: the entries of Rekor v1 that sigstore-go does not bind to their
// signature count where log, payload, signature and signer are those of the entry.
func TestEntriesBoundHere(t *testing.T) {
	s, other := newSigner(t, "test"), newSigner(t, "other")
	l := ownLog{newInstance(t, "test instance"), newSigner(t, "log")}
	foreign := ownLog{l.TrustedMaterial, newSigner(t, "foreign log")}
	payload := statementBytes(t, vexType, imageDigest("a"))
	pae := dsse.PAE(mediaStatement, payload)
	sig, second := s.sign(t, pae), s.sign(t, pae)
	for _, tt := range []struct {
		name   string
		dsse   bool
		entry  *rekor.TransparencyLogEntry
		reason string
	}{
		{"hashedrekord_of_an_envelope", true, l.entry(t, "hashedrekord", "0.0.1", hashedRekord(t, pae, sig, s.pem(t))), ""},
		{"hashedrekord_of_a_message", false, l.entry(t, "hashedrekord", "0.0.1", hashedRekord(t, pae, sig, s.pem(t))), ""},
		{"dsse", true, l.entry(t, "dsse", "0.0.1", dsseEntry(t, payload, sig, s.pem(t))), ""},
		{"intoto", true, l.entry(t, "intoto", "0.0.2", intotoEntry(t, payload, sig, s.pem(t))), ""},
		{"hashedrekord_of_the_payload_alone", true, l.entry(t, "hashedrekord", "0.0.1", hashedRekord(t, payload, sig, s.pem(t))), "verifying signature"},
		{"dsse_of_a_message", false, l.entry(t, "dsse", "0.0.1", dsseEntry(t, payload, sig, s.pem(t))), "of another payload"},
		{"another_payload", true, l.entry(t, "dsse", "0.0.1", dsseEntry(t, append(payload, ' '), sig, s.pem(t))), "of another payload"},
		{"another_signature", true, l.entry(t, "dsse", "0.0.1", dsseEntry(t, payload, second, s.pem(t))), "of another signature"},
		{"another_signer", true, l.entry(t, "dsse", "0.0.1", dsseEntry(t, payload, sig, other.pem(t))), "of another signer"},
		{"another_payload_of_intoto", true, l.entry(t, "intoto", "0.0.2", intotoEntry(t, append(payload, ' '), sig, s.pem(t))), "of another payload"},
		{"another_signer_of_intoto", true, l.entry(t, "intoto", "0.0.2", intotoEntry(t, payload, sig, other.pem(t))), "of another signer"},
		{"another_log", true, foreign.entry(t, "dsse", "0.0.1", dsseEntry(t, payload, sig, s.pem(t))), "does not know"},
		{"checkpoint_of_another_log", true, func() *rekor.TransparencyLogEntry {
			e := foreign.entry(t, "dsse", "0.0.1", dsseEntry(t, payload, sig, s.pem(t)))
			e.LogId.KeyId = l.id(t)
			return e
		}(), "does not verify"},
		{"proof_of_another_entry", true, func() *rekor.TransparencyLogEntry {
			e := l.entry(t, "dsse", "0.0.1", dsseEntry(t, payload, second, s.pem(t)))
			e.CanonicalizedBody = dsseEntry(t, payload, sig, s.pem(t))
			return e
		}(), "does not verify"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			entry, err := tlog.ParseTransparencyLogEntry(tt.entry)
			if err != nil {
				if tt.reason == "" || !strings.Contains(err.Error(), tt.reason) {
					t.Fatal(err)
				}
				return // the library refuses it before
			}
			e := &entity{payload: pae, sig: sig, entries: []*tlog.Entry{entry}, version: "v0.3"}
			if tt.dsse {
				e.payload, e.payloadType = payload, mediaStatement
			}
			c, err := newChecker(trust.Row{Keys: []trust.Key{s.key}}, []*trust.Root{trust.NewRoot("own log", l)}, trust.LogRequire, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			out := c.check(e)
			if (out.grade == good) != (tt.reason == "") || !strings.Contains(out.reason, tt.reason) {
				t.Errorf("grade %d, %q; want %q", out.grade, out.reason, tt.reason)
			}
			if tt.reason == "" && (!out.logged || out.log != "log log.example entry 0" || !out.signedAt.IsZero()) {
				t.Errorf("log %q, signed at %v", out.log, out.signedAt)
			}
		})
	}
}

// TestKeylessEntryBoundHere: the same for a certificate, whose time a timestamp proves
// where the log promises none.
func TestKeylessEntryBoundHere(t *testing.T) {
	v := newInstance(t, "test instance")
	l := ownLog{withoutCT{v}, newSigner(t, "log")}
	const who = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"
	cert, key, certPEM := leaf(t, v, who, githubIssuer)
	_, _, otherPEM := leaf(t, v, who, githubIssuer)
	payload := statementBytes(t, vexType, imageDigest("a"))
	s := &signer{private: key}
	sig := s.sign(t, dsse.PAE(mediaStatement, payload))
	stamp, err := v.TimestampResponse(sig)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, reason string
		pem          []byte
		stamps       [][]byte
	}{
		{"good", "", certPEM, [][]byte{stamp}},
		{"nothing_proves_the_time", "nothing proves when it was signed", certPEM, nil},
		{"another_certificate", "of another signer", otherPEM, [][]byte{stamp}},
		{"key_instead_of_the_certificate", "of another signer", s.pem(t), [][]byte{stamp}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			entry, err := tlog.ParseTransparencyLogEntry(l.entry(t, "dsse", "0.0.1", dsseEntry(t, payload, sig, tt.pem)))
			if err != nil {
				t.Fatal(err)
			}
			c, err := newChecker(trust.Row{Identities: []trust.Identity{{Subject: who, Issuer: githubIssuer}}}, []*trust.Root{trust.NewRoot("own log", l)}, trust.LogAuto, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			out := c.check(&entity{payload: payload, payloadType: mediaStatement, sig: sig, cert: cert, stamps: tt.stamps, entries: []*tlog.Entry{entry}, version: "v0.3"})
			if (out.grade == good) != (tt.reason == "") || !strings.Contains(out.reason, tt.reason) {
				t.Errorf("grade %d, %q; want %q", out.grade, out.reason, tt.reason)
			}
		})
	}
}

// TestKindOfALogEntry: an entry is what its body says, and a bundle that says otherwise is
// refused.
func TestKindOfALogEntry(t *testing.T) {
	v := newInstance(t, "test instance")
	const who = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"
	img := imageDigest("a")
	opt := Options{Identities: []trust.Identity{{Subject: who, Issuer: githubIssuer}}, Roots: []*trust.Root{v.root}}
	for _, tt := range []struct{ kind, version, reason string }{
		{"dsse", "0.0.1", ""},
		{"intoto", "0.0.1", "the bundle calls it intoto 0.0.1, its body says dsse 0.0.1"},
		{"dsse", "0.0.2", "the bundle calls it dsse 0.0.2"},
		{"", "", "the bundle calls it"},
	} {
		var b map[string]any
		if err := json.Unmarshal(keylessBundle(t, v, who, githubIssuer, statementBytes(t, vexType, img)), &b); err != nil {
			t.Fatal(err)
		}
		entry := b["verificationMaterial"].(map[string]any)["tlogEntries"].([]any)[0].(map[string]any)
		entry["kindVersion"] = map[string]any{"kind": tt.kind, "version": tt.version}
		_, err := VerifyBundle(t.Context(), Artifact{Name: "image", Digest: img.String()}, marshal(t, b), opt)
		if (err == nil) != (tt.reason == "") || err != nil && !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%s %s: %v, want %q", tt.kind, tt.version, err, tt.reason)
		}
	}
}
