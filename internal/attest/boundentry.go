package attest

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	_ "github.com/sigstore/rekor/pkg/types/intoto/v0.0.1" // so that the log's older entries can be read

	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/imagegate/imagegate/internal/attest/trust"
)

// treeID ends the origin of a checkpoint of Sigstore's own Rekor v1. sigstore-go takes a
// log whose origin has none for a Rekor v2.
var treeID = regexp.MustCompile(` - [0-9]+$`)

// boundHere reports whether the one log entry of a signature is of a sort that sigstore-go
// does not bind to it, so that it is bound here, by what it holds:
//
//   - intoto 0.0.1, which cosign 1 and early cosign 2 made: the hash of the payload, the
//     hash of the whole envelope (which has the signature in it), and the signer;
//   - hashedrekord 0.0.1 for a DSSE envelope: signature, signer, and the hash of the
//     pre-authentication encoding, which is what was signed;
//   - any other entry of Rekor v1 in a log whose checkpoints name no tree.
func boundHere(e *entity) bool {
	if len(e.entries) != 1 {
		return false
	}
	entry := e.entries[0]
	switch kindOfEntry(entry) {
	case "intoto 0.0.1":
		return e.payloadType != ""
	case "hashedrekord 0.0.1":
		return e.payloadType != "" || treeless(entry)
	case "dsse 0.0.1", "intoto 0.0.2":
		return treeless(entry)
	}
	return false
}

// kindOfEntry is kind and version of a log entry: "intoto 0.0.1".
func kindOfEntry(entry *tlog.Entry) string {
	kv := entry.TransparencyLogEntry().GetKindVersion()
	return kv.GetKind() + " " + kv.GetVersion()
}

// treeless reports whether the entry's proof is of a log whose checkpoints name no tree.
func treeless(entry *tlog.Entry) bool {
	origin, _, _ := strings.Cut(entry.TransparencyLogEntry().GetInclusionProof().GetCheckpoint().GetEnvelope(), "\n")
	return entry.HasInclusionProof() && !treeID.MatchString(origin)
}

// verifyLogged verifies the log's promise and its proof, as far as they are there, and
// the entry's bonds to the signature. It returns the time at which it was logged, which
// only a promise proves; zero without one.
func verifyLogged(e *entity, r *trust.Root, isSigner func(public any) bool) (time.Time, error) {
	entry := e.entries[0]
	err := included(entry, r.Material())
	switch {
	case err != nil:
	case kindOfEntry(entry) == "intoto 0.0.1":
		err = bondOfIntoto001(e, entry, isSigner)
	default:
		err = bondOf(e, entry, isSigner)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("log entry: %w", err)
	}
	if !entry.HasInclusionPromise() {
		return time.Time{}, nil
	}
	return entry.IntegratedTime().UTC(), nil
}

// included verifies that a log of the instance has the entry.
func included(entry *tlog.Entry, material root.TrustedMaterial) error {
	l, ok := material.RekorLogs()[hex.EncodeToString([]byte(entry.LogKeyID()))]
	switch {
	case !ok:
		return errors.New("it is of a log that the trusted root does not know")
	case !entry.HasInclusionPromise() && !entry.HasInclusionProof():
		return errors.New("it has neither a promise of the log nor a proof")
	}
	if entry.HasInclusionPromise() {
		if err := tlog.VerifySET(entry, material.RekorLogs()); err != nil {
			return err
		}
	}
	if entry.HasInclusionProof() {
		v, err := signature.LoadVerifier(l.PublicKey, l.SignatureHashFunc)
		if err != nil {
			return err
		}
		return tlog.VerifyInclusion(entry, v)
	}
	return nil
}

// bondOf holds an entry of Rekor v1 to the signature that it is said to log.
func bondOf(e *entity, entry *tlog.Entry, isSigner func(public any) bool) error {
	if err := tlog.ValidateEntry(entry); err != nil {
		return err
	}
	switch {
	case !logsDigest(e, entry):
		return errors.New("it is of another payload")
	case !bytes.Equal(entry.Signature(), e.sig):
		return errors.New("it is of another signature")
	case !isSigner(entry.PublicKey()):
		return errors.New("it is of another signer")
	}
	return nil
}

// logsDigest reports whether the entry holds the digest of the DSSE payload, or that of
// the message, which for DSSE is the pre-authentication encoding.
func logsDigest(e *entity, entry *tlog.Entry) bool {
	if have, ok := entry.GetDssePayloadHash(); ok {
		want := sha256.Sum256(e.payload)
		return e.payloadType != "" && bytes.Equal(have, want[:])
	}
	have, algorithm, ok := entry.GetHashedRekordDigest()
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		switch {
		case !ok || algorithm != hashName(h):
		case e.payload == nil:
			return e.digestAlgo == h && bytes.Equal(have, e.digest)
		default:
			w := h.New()
			w.Write(e.message())
			return bytes.Equal(have, w.Sum(nil))
		}
	}
	return false
}

// bondOfIntoto001 is bondOf for an entry of intoto 0.0.1.
func bondOfIntoto001(e *entity, entry *tlog.Entry, isSigner func(public any) bool) error {
	body, err := base64.StdEncoding.DecodeString(fmt.Sprint(entry.Body()))
	if err != nil {
		return err
	}
	var b struct {
		Spec struct {
			Content struct {
				Hash        struct{ Algorithm, Value string } `json:"hash"`
				PayloadHash struct{ Algorithm, Value string } `json:"payloadHash"`
			} `json:"content"`
			PublicKey []byte `json:"publicKey"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return err
	}
	payload := sha256.Sum256(e.payload)
	c := b.Spec.Content
	switch {
	case c.PayloadHash.Algorithm != "sha256" || c.PayloadHash.Value != hex.EncodeToString(payload[:]):
		return errors.New("it is of another payload")
	case c.Hash.Algorithm != "sha256" || c.Hash.Value != e.envelope.Hex:
		return errors.New("it is of another envelope")
	case !isSigner(publicOf(b.Spec.PublicKey)):
		return errors.New("it is of another signer")
	}
	return nil
}

// publicOf reads the PEM key or certificate of a log entry; nil when it is neither.
func publicOf(text []byte) any {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil
	}
	if c, err := x509.ParseCertificate(block.Bytes); err == nil {
		return c
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil
	}
	return public
}

// keylessLogged is byCertificate for an entry that is bound here, in the same order:
// time, chain, certificate transparency. stamped is the time that timestamps prove.
func keylessLogged(e *entity, r *trust.Root, stamped time.Time) (certificate.Summary, time.Time, error) {
	promised, err := verifyLogged(e, r, func(public any) bool {
		c, ok := public.(*x509.Certificate)
		return ok && c.Equal(e.cert)
	})
	at := earlier(promised, stamped)
	if err == nil && at.IsZero() {
		err = errors.New("nothing proves when it was signed")
	}
	if err != nil {
		return certificate.Summary{}, at, err
	}
	var chains [][]*x509.Certificate
	for _, t := range []time.Time{promised, stamped} {
		if t.IsZero() {
			continue
		}
		if chains, err = verify.VerifyLeafCertificate(t, readable(e.cert), r.Material()); err != nil {
			return certificate.Summary{}, at, fmt.Errorf("certificate at %s: %w", t.Format(time.RFC3339), err)
		}
	}
	if r.HasCT() {
		if err := verify.VerifySignedCertificateTimestamp(chains, 1, r.Material()); err != nil {
			return certificate.Summary{}, at, fmt.Errorf("certificate transparency: %w", err)
		}
	}
	s, err := certificate.SummarizeCertificate(e.cert)
	return s, at, err
}

// keyLogged is the log part of byKey for an entry that is bound here. A certificate
// around the key is the key.
func keyLogged(e *entity, r *trust.Root, k *keyVerifier) (time.Time, error) {
	at, err := verifyLogged(e, r, func(public any) bool { return sameKey(public, k.key.Public()) })
	if err == nil && !at.IsZero() && !k.ValidAtTime(at) {
		err = fmt.Errorf("it was signed at %s, when the key was not valid", at.Format(time.RFC3339))
	}
	return at, err
}

// earlier is the earlier of two times; zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
