package attest

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	_ "github.com/sigstore/rekor/pkg/types/intoto/v0.0.1" // so that the log's older entries can be read

	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/imagegate/imagegate/internal/attest/trust"
)

// isIntoto001 reports whether the signature was logged as an intoto entry of version
// 0.0.1, as cosign 1 and early cosign 2 did. sigstore-go knows only later ones, so the
// entry is bound here, by what it holds: the hash of the payload, the hash of the whole
// envelope (which has the signature in it) and the signer's key or certificate.
func isIntoto001(e *entity) bool {
	return len(e.entries) == 1 && e.payloadType != "" && entryIs(e.entries[0], "intoto", "0.0.1")
}

func entryIs(e *tlog.Entry, kind, version string) bool {
	kv := e.TransparencyLogEntry().GetKindVersion()
	return kv.GetKind() == kind && kv.GetVersion() == version
}

// loggedIntoto001 verifies the log's promise and the entry's bonds to the signature,
// and returns the time at which it was logged.
func loggedIntoto001(e *entity, r *trust.Root, sameSigner func(pemText []byte) bool) (time.Time, error) {
	entry := e.entries[0]
	if err := tlog.VerifySET(entry, r.Material().RekorLogs()); err != nil {
		return time.Time{}, fmt.Errorf("log entry: %w", err)
	}
	body, err := base64.StdEncoding.DecodeString(fmt.Sprint(entry.Body()))
	if err != nil {
		return time.Time{}, fmt.Errorf("log entry: %w", err)
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
		return time.Time{}, fmt.Errorf("log entry: %w", err)
	}
	payload := sha256.Sum256(e.payload)
	c := b.Spec.Content
	switch {
	case c.PayloadHash.Algorithm != "sha256" || c.PayloadHash.Value != hex.EncodeToString(payload[:]):
		return time.Time{}, errors.New("the log entry is of another payload")
	case c.Hash.Algorithm != "sha256" || c.Hash.Value != e.envelope.Hex:
		return time.Time{}, errors.New("the log entry is of another envelope")
	case !sameSigner(b.Spec.PublicKey):
		return time.Time{}, errors.New("the log entry is of another signer")
	}
	return entry.IntegratedTime().UTC(), nil
}

// keyless001 is byCertificate for such an entry, in the same order: time, chain,
// certificate transparency, identity.
func (c *checker) keyless001(e *entity, r *trust.Root) (certificate.Summary, time.Time, error) {
	at, err := loggedIntoto001(e, r, func(text []byte) bool {
		block, _ := pem.Decode(text)
		return block != nil && bytes.Equal(block.Bytes, e.cert.Raw)
	})
	if err != nil {
		return certificate.Summary{}, at, err
	}
	chains, err := verify.VerifyLeafCertificate(at, readable(e.cert), r.Material())
	if err != nil {
		return certificate.Summary{}, at, fmt.Errorf("certificate at %s: %w", at.Format(time.RFC3339), err)
	}
	if r.HasCT() {
		if err := verify.VerifySignedCertificateTimestamp(chains, 1, r.Material()); err != nil {
			return certificate.Summary{}, at, fmt.Errorf("certificate transparency: %w", err)
		}
	}
	s, err := certificate.SummarizeCertificate(e.cert)
	return s, at, err
}

// key001 is the log part of byKey for such an entry.
func key001(e *entity, r *trust.Root, k *keyVerifier) (time.Time, error) {
	return loggedIntoto001(e, r, func(text []byte) bool {
		block, _ := pem.Decode(text)
		if block == nil {
			return false
		}
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		return err == nil && sameKey(public, k.key.Public())
	})
}
