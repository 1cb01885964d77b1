package policy

import (
	"fmt"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// claimID begins the ids of checks on what verified attestations say.
const claimID = "HIG-ATT-"

// claimed judges by what verified attestations say: where the image was built, what its
// scans found. A rule that the user gave, or a claim of a required family, fails the
// gate when it does not hold, and decides nothing when it cannot be read; others warn.
func claimed(r *report.Report, _ Policy, _ time.Time) []report.Rule {
	var out []report.Rule
	passed := 0
	for _, c := range r.Checks {
		if !strings.HasPrefix(c.ID, claimID) {
			continue
		}
		result := report.Warn
		switch c.State {
		case report.CheckFailed:
			if c.Enforced {
				result = report.Fail
			}
		case report.CheckUndecided:
			if c.Enforced {
				result = report.Error
			}
		case report.CheckPassed:
			passed++
			continue
		default:
			continue
		}
		out = append(out, report.Rule{Name: "claim " + c.ID, Result: result, Message: fmt.Sprintf("%s: %s (%s)", c.Title, c.Reason, c.Location)})
	}
	if passed > 0 && len(out) == 0 {
		out = append(out, report.Rule{Name: "claims", Result: report.Pass, Message: fmt.Sprintf("claims of verified attestations that hold: %d", passed)})
	}
	return out
}

// drifted compares the number of differences between the signed SBOM and the image with
// the limit.
func drifted(r *report.Report, p Policy, _ time.Time) []report.Rule {
	if p.MaxDrift == nil {
		return nil
	}
	d := r.SBOM.Drift
	switch {
	case d == nil:
		return one("max-drift", report.Error, "the image could not be compared with a signed SBOM: no verified one was read")
	case d.Count() > *p.MaxDrift:
		first := d.Items[0]
		return one("max-drift", report.Fail, fmt.Sprintf("the signed SBOM and the image differ in %d packages, more than %d; the first: %s %s (%s)",
			len(d.Items), *p.MaxDrift, first.Name, strings.TrimSpace(first.Attested+" "+first.Found), first.Kind))
	default:
		return one("max-drift", report.Pass, fmt.Sprintf("the signed SBOM and the image differ in %d packages, at most %d", len(d.Items), *p.MaxDrift))
	}
}
