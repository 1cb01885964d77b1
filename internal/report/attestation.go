package report

import "time"

// Probe is one look into one place where attestations may be kept.
type Probe struct {
	Store string `json:"store"`
	// Asked is what was asked for: a digest, a tag, a path.
	Asked string `json:"asked"`
	// State is found, none, unsupported or failed. "none" means the store answered
	// and had nothing; "failed" means that it could not be asked.
	State  string `json:"state"`
	Found  int    `json:"found"`
	Reason string `json:"reason,omitempty"`
	// Partial is set where the store answered a question that failed, and what it lists was
	// not read to its end: something is there.
	Partial  bool   `json:"partial,omitempty"`
	Platform string `json:"platform,omitempty"`
}

// The states of a [Probe].
const (
	ProbeFound       = "found"
	ProbeNone        = "none"
	ProbeUnsupported = "unsupported"
	ProbeFailed      = "failed"
)

// AttestationState says whether an attestation may count.
type AttestationState string

// Verified counts as evidence. Unverified was read and has no signature that a known key
// made: it may be genuine. Unreadable was listed and could not be read to its end, it or
// its signatures: what it says is unknown. Invalid contradicts itself or its signature: it
// never counts.
const (
	Verified   AttestationState = "verified"
	Unverified AttestationState = "unverified"
	Unreadable AttestationState = "unreadable"
	Invalid    AttestationState = "invalid"
)

// FamilyUnknown is the family of an attestation that could not be read far enough to tell
// it: it may be any. What a listing says of it is the word of who lists, and is not taken.
const FamilyUnknown = "unknown"

// Attestation is one attestation as found and judged.
type Attestation struct {
	PredicateType string `json:"predicateType"`
	// Family is the kind of predicate whatever its version: vex, sbom, provenance,
	// vulnerabilities, secrets, virus, tests, stig, fips, source, vsa, …, "other", or
	// [FamilyUnknown].
	Family string `json:"family"`
	// Digest names the bytes that were judged: the attestation manifest's digest, or
	// the envelope's or bundle's.
	Digest string `json:"digest"`
	Store  string `json:"store"`
	// Form is how it is signed: cosign-simple-signing, dsse, sigstore-bundle or none.
	Form  string           `json:"form,omitempty"`
	State AttestationState `json:"state"`
	// Signer is the key ("key dhi-2 (sha256:118b…)") or identity that signed it, or
	// "" when nothing verified.
	Signer string `json:"signer"`
	// Reason says why the state is what it is.
	Reason string `json:"reason"`
	// Defect says why a verified attestation does not count as one of its family: its
	// predicate could not be read as what it says it is, or holds nothing. "" when it counts.
	Defect string `json:"defect,omitempty"`
	// Size is that of the statement or envelope in bytes.
	Size int64 `json:"size"`
	// Subject is the digest of the image that it speaks of.
	Subject       string `json:"subject"`
	PayloadDigest string `json:"payloadDigest,omitempty"`
	// SignatureDigest names the signature's own manifest or bundle.
	SignatureDigest string `json:"signatureDigest,omitempty"`
	// Log is the transparency-log entry that was verified, or "" when there was none.
	Log string `json:"log,omitempty"`
	// SignedAt is the verified time of the signature; nil when none was proven.
	SignedAt *time.Time `json:"signedAt,omitempty"`
	// Command checks the same with cosign.
	Command  string `json:"command,omitempty"`
	Path     string `json:"path,omitempty"`
	Platform string `json:"platform,omitempty"`
}
