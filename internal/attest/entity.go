package attest

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

// entity is one signature over one message, with what came along to check it. It is
// the one form that the signature forms of all stores are brought to, and it is a
// sigstore-go SignedEntity, so that one verifier judges them all.
type entity struct {
	payload     []byte // the message, or the payload of a DSSE envelope
	payloadType string // set for a DSSE envelope
	sig         []byte
	cert        *x509.Certificate
	chain       []*x509.Certificate
	hint        string
	entries     []*tlog.Entry
	stamps      [][]byte
	version     string

	// digest is that of the message, for a message that is no DSSE payload. payload is
	// nil when only the digest is known.
	digest     []byte
	digestAlgo crypto.Hash

	// envelope is the digest of the whole DSSE envelope as stored, for old log entries.
	envelope v1.Hash
}

// message is what was signed: the payload, or for DSSE its pre-authentication encoding.
func (e *entity) message() []byte {
	if e.payloadType != "" {
		return dsse.PAE(e.payloadType, e.payload)
	}
	return e.payload
}

var _ verify.SignedEntity = (*entity)(nil)

func (e *entity) HasInclusionPromise() bool {
	for _, t := range e.entries {
		if t.HasInclusionPromise() {
			return true
		}
	}
	return false
}

func (e *entity) HasInclusionProof() bool {
	for _, t := range e.entries {
		if t.HasInclusionProof() {
			return true
		}
	}
	return false
}

func (e *entity) Timestamps() ([][]byte, error)       { return e.stamps, nil }
func (e *entity) TlogEntries() ([]*tlog.Entry, error) { return e.entries, nil }
func (e *entity) Version() (string, error)            { return e.version, nil }
func (e *entity) Certificate() *x509.Certificate      { return e.cert }
func (e *entity) Intermediates() []*x509.Certificate  { return e.chain }
func (e *entity) Hint() string                        { return e.hint }
func (e *entity) VerificationContent() (verify.VerificationContent, error) {
	return e, nil
}

// PublicKey is nil for a certificate: sigstore-go tells the two apart by that.
func (e *entity) PublicKey() verify.PublicKeyProvider {
	if e.cert != nil {
		return nil
	}
	return e
}

// CompareKey reports whether the key of a log entry is the one of this signature.
func (e *entity) CompareKey(key any, tm root.TrustedMaterial) bool {
	if e.cert != nil {
		c, ok := key.(*x509.Certificate)
		return ok && e.cert.Equal(c)
	}
	v, err := tm.PublicKeyVerifier(e.hint)
	if err != nil {
		return false
	}
	public, err := v.PublicKey()
	if err != nil {
		return false
	}
	return sameKey(key, public)
}

// sameKey compares what a log entry holds (a public key, or a certificate around one)
// with a public key.
func sameKey(logged any, public crypto.PublicKey) bool {
	if c, ok := logged.(*x509.Certificate); ok {
		logged = c.PublicKey
	}
	k, ok := logged.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(public)
}

// ValidAtTime reports whether certificate or key may sign at t.
func (e *entity) ValidAtTime(t time.Time, tm root.TrustedMaterial) bool {
	if e.cert != nil {
		return e.certificateValidAt(t)
	}
	v, err := tm.PublicKeyVerifier(e.hint)
	return err == nil && v.ValidAtTime(t)
}

// certificateValidAt reports whether t is within the life of the certificate.
func (e *entity) certificateValidAt(t time.Time) bool {
	return !t.Before(e.cert.NotBefore) && !t.After(e.cert.NotAfter)
}

func (e *entity) SignatureContent() (verify.SignatureContent, error) {
	if e.payloadType != "" {
		return &bundle.Envelope{Envelope: &dsse.Envelope{
			PayloadType: e.payloadType,
			Payload:     base64.StdEncoding.EncodeToString(e.payload),
			Signatures:  []dsse.Signature{{Sig: base64.StdEncoding.EncodeToString(e.sig)}},
		}}, nil
	}
	if e.digest != nil { // of another hash than SHA-256, or without the bytes
		return bundle.NewMessageSignature(e.digest, algorithmName(e.digestAlgo), e.sig), nil
	}
	sum := sha256.Sum256(e.payload)
	return bundle.NewMessageSignature(sum[:], algorithmName(crypto.SHA256), e.sig), nil
}

// algorithmName is a hash in the words of Sigstore's protobuf-specs.
func algorithmName(h crypto.Hash) string {
	switch h {
	case crypto.SHA384:
		return "SHA2_384"
	case crypto.SHA512:
		return "SHA2_512"
	default:
		return "SHA2_256"
	}
}
