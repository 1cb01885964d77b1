package vex

import (
	"time"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
)

// Policy says whose statements may suppress at all.
type Policy string

// Verified is the default: signed documents and files that the user named. Any takes
// unsigned documents too, Off takes none.
const (
	PolicyVerified Policy = "verified"
	PolicyAny      Policy = "any"
	PolicyOff      Policy = "off"
)

// Unversioned says where a product without a version may suppress.
type Unversioned string

// Strict is the default: only in the image's own signed document, and only in a
// statement that names no version at all. OwnImage takes every one in the image's own
// document or under a product that is this image, Any every one.
const (
	UnversionedStrict   Unversioned = "strict"
	UnversionedOwnImage Unversioned = "own-image"
	UnversionedAny      Unversioned = "any"
)

// Options configure [Decide]. The zero value is the strict default.
type Options struct {
	// Policy is "verified" when empty.
	Policy Policy
	// Unversioned is "strict" when empty.
	Unversioned Unversioned
	// Now is the time of the run, for the age of statements. Zero: ages are not told.
	Now time.Time
	// Clock is the time at which the run really is, where Now is another. A date more than
	// a day after it is none. Zero: Now.
	Clock time.Time
	// MaxAge is the age from which a statement counts as stale, as one without a date then
	// does. 0: none does. A stale statement still decides; the policy may object to it.
	MaxAge time.Duration
	// VendorJudged tells the findings that come from the vendor's own advisories for its
	// own builds (the ID=dhi model): there the advisory already left out what does not
	// affect, so a statement that clears such a finding contradicts it. Both are told
	// and nothing is suppressed. Nil: none.
	VendorJudged func(report.Vulnerability) bool
	// Accept says which suppressing statements are accepted. Empty: all.
	Accept []AcceptRule
}

func (o *Options) policy() Policy {
	if o.Policy == "" {
		return PolicyVerified
	}
	return o.Policy
}

func (o *Options) unversioned() Unversioned {
	if o.Unversioned == "" {
		return UnversionedStrict
	}
	return o.Unversioned
}

// Validate refuses values that do not exist.
func (o *Options) Validate() error {
	switch o.policy() {
	case PolicyVerified, PolicyAny, PolicyOff:
	default:
		return fault.Usagef("read vex-policy", "use verified, any or off", "unknown value %q", o.Policy)
	}
	switch o.unversioned() {
	case UnversionedStrict, UnversionedOwnImage, UnversionedAny:
	default:
		return fault.Usagef("read vex-unversioned", "use strict, own-image or any", "unknown value %q", o.Unversioned)
	}
	return nil
}

// Result is what [Decide] found.
type Result struct {
	// Vulnerabilities are the findings as given, in the order given, each with its
	// Decision.
	Vulnerabilities []report.Vulnerability
	// Documents has one row for each document, in the order given.
	Documents []report.VEXDocument
	// Hygiene counts what is doubtful about the decisions.
	Hygiene report.VEXHygiene
	// Observations are contradictions between documents and the like, sorted and distinct.
	Observations []report.Observation
}

// The bounds on documents that may not suppress and are read to object and to explain: how
// many, of how many bytes together, and how many products, names, levels and bounds of
// versions are in each, which is what the work grows with.
const (
	MaxUnverifiedDocuments = 3
	MaxUnverifiedBytes     = 4 << 20
	MaxUnverifiedSize      = 100_000
)

// future reports whether a time is too late to be the date of anything.
func (o *Options) future(at time.Time) bool {
	clock := o.Clock
	if clock.IsZero() {
		clock = o.Now
	}
	return !clock.IsZero() && at.After(clock.Add(report.ClockSkew))
}

// The origins of a package in a derived image: report.Package.Origin.
const (
	OriginBase     = "base"
	OriginApp      = "app"
	OriginUnproven = "unproven"
)
