package policy

import (
	"fmt"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// readable wants the image itself: without it there is nothing to judge.
func readable(r *report.Report, _ Policy, _ time.Time) []report.Rule {
	if s := stage(r, report.StageResolve); s.State == report.Failed {
		return one("image", report.Error, "nothing was looked at: "+s.Reason)
	}
	if s := stage(r, report.StagePull); s.State == report.Failed {
		return one("image", report.Error, "the image could not be read: "+s.Reason)
	}
	return nil
}

// integrity looks for attestations that contradict themselves or their signature. In
// a family that is required that is a failure, even beside a good one: a newer
// statement may have been made unreadable to let an older one stand.
func integrity(r *report.Report, p Policy, _ time.Time) []report.Rule {
	var out []report.Rule
	for _, a := range r.Attestations {
		if a.State != report.Invalid {
			continue
		}
		result := report.Warn
		for _, f := range p.Require {
			if f == a.Family {
				result = report.Fail
			}
		}
		out = append(out, report.Rule{Name: "integrity", Result: result,
			Message: fmt.Sprintf("the %s attestation %s is invalid: %s", a.Family, a.Digest, a.Reason)})
	}
	return out
}

// required wants each family to be there and verified. "Looked and found none" is the
// policy's no; "could not look" decides nothing.
func required(r *report.Report, p Policy, _ time.Time) []report.Rule {
	blind := blindness(r)
	var out []report.Rule
	var verified []string
	for _, family := range p.Require {
		states := map[report.AttestationState]int{}
		reason := ""
		for _, a := range r.Attestations {
			if a.Family != family {
				continue
			}
			states[a.State]++
			if a.State == report.Unverified && reason == "" {
				reason = a.Reason
			}
		}
		add := func(result report.Result, format string, args ...any) {
			out = append(out, report.Rule{Name: "require " + family, Result: result, Message: fmt.Sprintf(format, args...)})
		}
		switch {
		case states[report.Verified] > 0:
			verified = append(verified, family)
		case states[report.Invalid] > 0:
			add(report.Fail, "a verified %s attestation is required; the one found is invalid", family)
		case states[report.Unverified] > 0:
			add(report.Fail, "a verified %s attestation is required; the one found is not verified: %s", family, reason)
		case blind != "":
			add(report.Error, "a verified %s attestation is required, and attestations could not be looked for: %s", family, blind)
		default:
			add(report.Fail, "a verified %s attestation is required; none was found", family)
		}
	}
	switch {
	case len(verified) > 0:
		out = append(out, report.Rule{Name: "require", Result: report.Pass, Message: "verified: " + strings.Join(verified, ", ")})
		if blind != "" {
			out = append(out, report.Rule{Name: "attestations", Result: report.Warn, Message: "not every store could be asked for attestations: " + blind})
		}
	case len(p.Require) == 0 && blind != "" && stage(r, report.StageAttest).State != report.Skipped:
		out = append(out, report.Rule{Name: "attestations", Result: report.Warn, Message: "attestations could not be looked for: " + blind})
	}
	return out
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

// packages wants at least one package: an empty list of packages is no clean bill.
func packages(r *report.Report, p Policy, _ time.Time) []report.Rule {
	switch s := stage(r, report.StageSBOM); s.State {
	case report.Missing:
		if p.AllowEmptySBOM {
			return one("sbom", report.Pass, "no package was found, which this policy accepts")
		}
		return one("sbom", report.Error, "no package was found in the image, so nothing was shown to be free of vulnerabilities (allow-empty-sbom accepts that)")
	case report.Failed:
		return one("sbom", report.Error, "the packages of the image could not be listed: "+s.Reason)
	case report.Done, report.Skipped:
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
	case now.After(*eol):
		result := report.Warn
		if p.FailOnEOL {
			result = report.Fail
		}
		return one("end of life", result, "the image is past its end of life, "+eol.UTC().Format(time.DateOnly))
	default:
		return one("end of life", report.Pass, "its end of life is "+eol.UTC().Format(time.DateOnly))
	}
}

// future is how far the clocks of builder and gate may be apart.
const future = 24 * time.Hour

// age compares the date of creation with the limit. A date that cannot be (none, the
// epoch of reproducible builds, the future) is no date.
func age(r *report.Report, p Policy, now time.Time) []report.Rule {
	if p.MaxAge <= 0 {
		return nil
	}
	created := r.Subject.Created
	limit := days(p.MaxAge)
	switch {
	case created == nil || created.Year() < 2000:
		return one("max-age", report.Error, "the image does not say when it was created, so the limit of "+limit+" could not be checked")
	case created.After(now.Add(future)):
		return one("max-age", report.Error, "the image claims to be created in the future ("+created.UTC().Format(time.DateOnly)+"), so the limit of "+limit+" could not be checked")
	case now.Sub(*created) > p.MaxAge:
		return one("max-age", report.Fail, fmt.Sprintf("the image is %s old, more than %s", days(now.Sub(*created)), limit))
	default:
		return one("max-age", report.Pass, fmt.Sprintf("the image is %s old, less than %s", days(max(0, now.Sub(*created))), limit))
	}
}

// days writes a duration the way people say ages.
func days(d time.Duration) string {
	if d < 48*time.Hour {
		return d.Round(time.Minute).String()
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
