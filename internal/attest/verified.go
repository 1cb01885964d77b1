package attest

import (
	"bytes"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// Verified is an attestation that was verified: its bytes, its signer and the image
// that it speaks of are bound together. Only [Verify], [VerifyDir] and the like make
// one; the zero value says nothing of anything and [Verified.OK] is false.
type Verified struct {
	predicateType string
	predicate     []byte
	digest        string
	payload       string
	subject       string
	signer        string
	identity      string
	issuer        string
	key           string
	store         string
	path          string
	signedAt      time.Time
}

// OK reports whether v came from a verification. A zero Verified does not.
func (v Verified) OK() bool { return v.digest != "" && v.signer != "" }

// PredicateType is the predicate type as the signed statement names it.
func (v Verified) PredicateType() string { return v.predicateType }

// Family is the kind of predicate, whatever its version; see [Family].
func (v Verified) Family() string { return Family(v.predicateType) }

// Predicate returns a copy of the predicate, byte for byte as it was signed. It is nil
// for a signature over the image, which claims nothing more.
func (v Verified) Predicate() []byte { return bytes.Clone(v.predicate) }

// Digest names the attestation: its manifest's digest, or its envelope's or bundle's.
func (v Verified) Digest() string { return v.digest }

// PayloadDigest is the digest of the statement.
func (v Verified) PayloadDigest() string { return v.payload }

// Subject is the digest of the image or index that the statement speaks of.
func (v Verified) Subject() string { return v.subject }

// Signer is the key or identity that signed it.
func (v Verified) Signer() string { return v.signer }

// Identity is the name and the issuer of a keyless signer; both are "" when a key
// signed.
func (v Verified) Identity() (subject, issuer string) { return v.identity, v.issuer }

// Key is the fingerprint ("sha256:…") of the key that signed; "" when an identity did.
func (v Verified) Key() string { return v.key }

// SignedAt is the proven time of the signature; zero when none was proven.
func (v Verified) SignedAt() time.Time { return v.signedAt }

// Store names the stores that it was found in.
func (v Verified) Store() string { return v.store }

// Path is where the statement lies in the report directory.
func (v Verified) Path() string { return v.path }

// Unverified is an attestation that was read and of which no good signature is known. It
// has fields and no methods on purpose: what wants a [Verified] asks for methods, so that
// one cannot pass for the other. Invalid attestations are not handed out at all.
type Unverified struct {
	PredicateType string
	Family        string
	Predicate     []byte
	Digest        string
	Subject       string
	Store         string
	Path          string
	Reason        string
}

// Result is what [Verify] found. Every list is in a deterministic order.
type Result struct {
	Attestations []report.Attestation
	Probes       []report.Probe
	Verified     []Verified
	Unverified   []Unverified
	Files        []report.File
	Evidence     []report.Evidence
	// Observations are what was seen beside attestations and probes. An attestation that is
	// unreadable and a probe that failed are not told here again.
	Observations []report.Observation
}
