package policy

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// integrity looks for attestations that contradict themselves or their signature. In
// a family on which the verdict rests that is a failure, even beside a good one: a newer
// statement may have been broken to let an older one stand. One of unknown family, because
// other bytes were served for it, may be of any.
func integrity(r *report.Report, p Policy, _ time.Time) []report.Rule {
	families := deciding(r, p)
	var out []report.Rule
	for _, a := range r.Attestations {
		if a.State != report.Invalid {
			continue
		}
		result := report.Warn
		if mayBe(a.Family, families) {
			result = report.Fail
		}
		out = append(out, report.Rule{Name: "integrity", Result: result,
			Message: fmt.Sprintf("the %s attestation %s is invalid: %s", a.Family, a.Digest, a.Reason)})
	}
	return out
}

// required wants each family to be there, verified and read as what it says it is.
// "Looked and found none" is the policy's no; "could not look" decides nothing.
func required(r *report.Report, p Policy, _ time.Time) []report.Rule {
	blind := blindness(r)
	var out []report.Rule
	var verified []string
	for _, family := range p.Require {
		result, why := met(r, family, blind)
		if result == report.Pass {
			verified = append(verified, family)
			continue
		}
		out = append(out, report.Rule{Name: "require " + family, Result: result,
			Message: fmt.Sprintf("a verified %s attestation is required%s", family, why)})
	}
	if len(verified) > 0 {
		out = append(out, report.Rule{Name: "require", Result: report.Pass, Message: "verified: " + strings.Join(verified, ", ")})
	}
	return out
}

// met judges what is there of one required family. A verified attestation that says
// nothing does not meet it; with one that may say what is wanted and was not read, nothing
// is decided.
func met(r *report.Report, family, blind string) (report.Result, string) {
	var unread, hollow, unverified, invalid string
	for _, a := range r.Attestations {
		unknown := a.State == report.Unreadable && a.Family == report.FamilyUnknown
		if a.Family != family && !unknown {
			continue
		}
		switch {
		case a.State == report.Verified && a.Defect == "":
			return report.Pass, ""
		case a.State == report.Verified:
			hollow = cmp.Or(hollow, a.Defect)
		case a.State == report.Unreadable:
			unread = cmp.Or(unread, a.Reason)
		case a.State == report.Invalid:
			invalid = cmp.Or(invalid, "; the one found is invalid")
		default:
			unverified = cmp.Or(unverified, "; the one found is not verified: "+a.Reason)
		}
	}
	switch {
	case unread != "":
		return report.Error, "; one was listed and could not be read: " + unread
	case blind != "":
		return report.Error, ", and attestations could not be looked for: " + blind
	case hollow != "":
		return report.Error, "; the one found is verified and could not be read as one: " + hollow
	default:
		return report.Fail, cmp.Or(invalid, unverified, "; none was found")
	}
}

// blindness says why attestations could not, or not everywhere, be looked for; "" when
// every store answered.
func blindness(r *report.Report) string {
	if s := stage(r, report.StageAttest); s.State == report.Failed || s.State == report.Skipped {
		return s.Reason
	}
	for _, p := range r.Discovery {
		if p.State == report.ProbeFailed {
			return p.Store + ": " + p.Reason
		}
	}
	return ""
}

// packages says so where an image without packages is accepted.
func packages(r *report.Report, p Policy, _ time.Time) []report.Rule {
	if stage(r, report.StageSBOM).State == report.Missing && p.AllowEmptySBOM {
		return one("sbom", report.Pass, "no package was found, which this policy accepts")
	}
	return nil
}

// endOfLife compares the end of life that the image states with the time.
func endOfLife(r *report.Report, p Policy, now time.Time) []report.Rule {
	eol := r.Subject.EndOfLife
	switch {
	case eol == nil && p.FailOnEOL:
		return one("end of life", report.Warn, "the image does not state an end of life, so it is not known whether it is past it")
	case eol == nil:
		return nil
	case r.Subject.PastEndOfLife(now):
		result := report.Warn
		if p.FailOnEOL {
			result = report.Fail
		}
		return one("end of life", result, "the image is past its end of life, "+eol.UTC().Format(time.DateOnly))
	default:
		return one("end of life", report.Pass, "its end of life is "+eol.UTC().Format(time.DateOnly))
	}
}

// age compares the date of creation with the limit.
func age(r *report.Report, p Policy, now time.Time) []report.Rule {
	if p.MaxAge <= 0 {
		return nil
	}
	limit := days(p.MaxAge)
	switch old, why := r.Subject.Age(now); {
	case why != "":
		return one("max-age", report.Error, why+", so the limit of "+limit+" could not be checked")
	case old > p.MaxAge:
		return one("max-age", report.Fail, fmt.Sprintf("the image is %s old, more than %s", days(old), limit))
	default:
		return one("max-age", report.Pass, fmt.Sprintf("the image is %s old, less than %s", days(old), limit))
	}
}

// days writes a duration the way people say ages.
func days(d time.Duration) string {
	if d < 48*time.Hour {
		return d.Round(time.Minute).String()
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
