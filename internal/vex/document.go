package vex

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"time"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
)

// Attested is a document whose signature over a statement about Subject was verified.
// The verifier's own type has these methods; a caller that wraps one vouches for it.
type Attested interface {
	// OK reports whether it came from a verification at all.
	OK() bool
	// PredicateType is the in-toto predicate type, Predicate the predicate's bytes.
	PredicateType() string
	Predicate() []byte
	// Digest names what was verified, Signer who signed it, Subject the digest of the
	// image that it speaks of.
	Digest() string
	Signer() string
	Subject() string
	// SignedAt is the proven time of the signature; zero when none was proven.
	SignedAt() time.Time
}

// Signed is a file whose detached signature was verified: a vendor's feed.
type Signed interface {
	// OK reports whether the signature over Bytes was verified.
	OK() bool
	// Name says where it came from, with the commit that it was read at.
	Name() string
	Bytes() []byte
	Digest() string
	Signer() string
	SignedAt() time.Time
}

// authority orders documents by whose word counts more. The highest that has a
// statement about a finding decides; lower ones are not heard then.
type authority int

const (
	unverified authority = iota + 1 // no signature that a known key made; vex-policy any
	named                           // a file that the user named
	feed                            // a vendor's signed feed, bound to the repository
	baseImage                       // attached to and verified for the base image
	attached                        // attached to and verified for this very digest
)

// Document is one VEX document with the trust it came with. Only the functions below
// make one, so that none can claim more trust than its source gives it. The zero
// value holds nothing and decides nothing.
type Document struct{ d *document }

type document struct {
	meta
	statements []statement
	products   []product
	lines      []textID
	texts      []text
	rares      []rare
	census     census
	ambiguity  string // the first key that readers do not agree on

	authority authority
	source    string
	digest    string // of the bytes as they came, or of the attestation manifest
	signer    string
	signedAt  time.Time
	subjects  map[string]bool // digests of the images that an in-toto statement names; nil: any
	repos     map[string]bool // canonical repositories that a feed is bound to
}

// meta is what a document says of itself.
type meta struct {
	id, author, format string
	version            edition
	timestamp          time.Time
	updated            time.Time
}

// FromAttestation reads the predicate of a verified attestation. It has the authority
// of the image's own document when Subject is the image's digest, of the base's when
// it is the base's, and none otherwise.
//
// The error is a *[fault.Error] that says what the bytes are instead of VEX.
func FromAttestation(a Attested) (Document, error) {
	op := "read the VEX attestation " + a.Digest()
	if !a.OK() || a.Digest() == "" || a.Subject() == "" {
		return Document{}, fault.New(fault.Internal, op, "", errors.New("it was not verified"))
	}
	if !vexPredicate(a.PredicateType()) {
		return Document{}, fault.Usagef(op, "", "predicate type %q is not VEX", a.PredicateType())
	}
	d, err := parse(a.Predicate(), math.MaxInt)
	if err != nil {
		return Document{}, fault.New(fault.Usage, op, "report it to whoever signed it: "+a.Signer(), err)
	}
	d.authority, d.source, d.digest = attached, "attestation "+a.Digest(), a.Digest()
	d.signer, d.signedAt = a.Signer(), a.SignedAt()
	d.subjects = map[string]bool{lower(a.Subject()): true}
	return Document{d}, nil
}

// FromFeed reads a signed file of a vendor's feed. It has authority over the images
// of the given repositories, and over no others; with none it has none.
func FromFeed(f Signed, repositories []string) (Document, error) {
	if !f.OK() {
		return Document{}, fault.New(fault.Internal, "read the VEX feed "+f.Name(), "", errors.New("it was not verified"))
	}
	d, err := parse(f.Bytes(), math.MaxInt)
	if err != nil {
		return Document{}, fault.New(fault.Usage, "read the VEX feed "+f.Name(), "", err)
	}
	d.authority, d.source, d.digest = feed, f.Name(), f.Digest()
	d.signer, d.signedAt = f.Signer(), f.SignedAt()
	d.repos = map[string]bool{}
	for _, r := range repositories {
		if repo, _, _ := splitReference(r); repo != "" {
			d.repos[repo] = true
		}
	}
	return Document{d}, nil
}

// FromFile reads a file that the user named: their word counts, but less than that of
// a signed document. A whole in-toto statement is accepted too, and then speaks of
// its subjects only.
func FromFile(path string, data []byte) (Document, error) {
	d, err := parse(data, math.MaxInt)
	if err != nil {
		return Document{}, fault.New(fault.Usage, "read the VEX file "+path,
			"vex takes OpenVEX, CSAF VEX and CycloneDX VEX documents as JSON", err)
	}
	d.authority, d.source, d.digest = named, path, digestOf(data)
	return Document{d}, nil
}

// FromUnverified reads a document that nobody vouches for: an attestation without a
// valid signature. It suppresses only under the policy "any"; under every other it is
// read to say what it would have covered. The error is [ErrTooMuch] when more is in it than
// [MaxUnverifiedSize].
func FromUnverified(source, digest string, data []byte) (Document, error) {
	d, err := parse(data, MaxUnverifiedSize)
	if err != nil {
		return Document{}, fault.New(fault.Usage, "read the unverified VEX document "+source, "", err)
	}
	if digest == "" {
		digest = digestOf(data)
	}
	d.authority, d.source, d.digest = unverified, source, digest
	return Document{d}, nil
}

// Rejected is the report's row for a document that could not be read. trust is one of
// report.TrustVerified, TrustNamed, TrustUnverified.
func Rejected(source, digest, signer, trust string, err error) report.VEXDocument {
	return report.VEXDocument{Source: source, Digest: digest, Signer: signer, Trust: trust,
		State: report.DocumentRejected, Reason: err.Error()}
}

func (d *document) trust() string {
	switch d.authority {
	case attached, baseImage, feed:
		return report.TrustVerified
	case named:
		return report.TrustNamed
	default:
		return report.TrustUnverified
	}
}

// dated is the time of a statement. Zero when nothing tells, and when it is a date that
// nothing can have yet.
func (d *document) dated(s *statement, opt *Options) time.Time {
	at := d.issued(s)
	if opt.future(at) {
		return time.Time{}
	}
	return at
}

// issued is the time of a statement as written: its own, else its document's, else the
// proven time of the signature. Zero when nothing tells.
func (d *document) issued(s *statement) time.Time {
	switch {
	case !s.stated.IsZero():
		return s.stated
	case !d.timestamp.IsZero():
		return d.timestamp
	case !d.updated.IsZero():
		return d.updated
	default:
		return d.signedAt
	}
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}
