package policy

import (
	"fmt"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// named is how many findings a reason names before it only counts.
const named = 5

// severity fails on open findings at or above the limit.
func severity(r *report.Report, p Policy, _ time.Time) []report.Rule {
	if p.FailOnSeverity == "" {
		return nil
	}
	var hits []report.Vulnerability
	bySeverity := map[report.Severity]int{}
	unfixed, unrated := 0, 0
	for _, v := range r.Vulnerabilities {
		if v.Decision.Status == report.Suppressed {
			continue
		}
		if v.Severity == report.Unknown {
			unrated++
			continue
		}
		if !v.Severity.AtLeast(p.FailOnSeverity) {
			continue
		}
		if p.OnlyFixed && v.Fix.State != report.FixFixed {
			unfixed++
			continue
		}
		hits = append(hits, v)
		bySeverity[v.Severity]++
	}
	if len(hits) > 0 {
		return one("fail-on-severity", report.Fail, fmt.Sprintf("%s at or above %s: %s",
			open(len(hits)), p.FailOnSeverity, list(hits, bySeverity)))
	}
	switch s := stage(r, report.StageVuln); s.State {
	case report.Done:
	case report.Missing, report.Failed, report.Skipped:
		if stage(r, report.StageSBOM).State == report.Missing {
			return nil // the packages rule tells it
		}
		return one("fail-on-severity", report.Error, "vulnerabilities were not decided: "+s.Reason)
	}
	text := fmt.Sprintf("no open finding at or above %s", p.FailOnSeverity)
	if p.OnlyFixed {
		text += " has a fix"
		if unfixed > 0 {
			text += fmt.Sprintf(" (%d without one)", unfixed)
		}
	}
	if unrated > 0 {
		text += fmt.Sprintf("; nobody rated %d", unrated)
	}
	return one("fail-on-severity", report.Pass, text)
}

func open(n int) string {
	if n == 1 {
		return "1 open finding"
	}
	return fmt.Sprintf("%d open findings", n)
}

// list writes "2 critical, 1 high; CVE-… in openssl 3.0.1 (fix 3.0.2), …".
func list(hits []report.Vulnerability, bySeverity map[report.Severity]int) string {
	var counts []string
	for _, s := range report.Severities() {
		if n := bySeverity[s]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, s))
		}
	}
	var names []string
	for i, v := range hits {
		if i == named {
			names = append(names, fmt.Sprintf("and %d more", len(hits)-named))
			break
		}
		name := fmt.Sprintf("%s in %s %s", v.ID, v.Package.Name, v.Package.Version)
		if len(v.Fix.Versions) > 0 {
			name += " (fix " + v.Fix.Versions[0] + ")"
		}
		names = append(names, name)
	}
	return strings.Join(counts, ", ") + "; " + strings.Join(names, ", ")
}

// database says when the database that decided is not what it should be. A database
// that could not be had is told by the severity rule.
func database(r *report.Report, _ Policy, _ time.Time) []report.Rule {
	if r.Database.State != report.Done || r.Database.Reason == "" {
		return nil
	}
	return one("database", report.Warn, "vulnerability database: "+r.Database.Reason)
}

// matching counts what the matcher could not do: a finding may be missing.
func matching(r *report.Report, _ Policy, _ time.Time) []report.Rule {
	var first string
	n := 0
	for _, w := range r.Observations {
		if w.Stage == report.StageVuln {
			if n == 0 {
				first = w.Message
			}
			n++
		}
	}
	switch n {
	case 0:
		return nil
	case 1:
		return one("matching", report.Warn, "matching had a problem: "+first)
	default:
		return one("matching", report.Warn, fmt.Sprintf("matching had %d problems, the first: %s", n, first))
	}
}

// unverifiedVEX tells when the user's policy let unverified statements suppress.
func unverifiedVEX(r *report.Report, _ Policy, _ time.Time) []report.Rule {
	n := 0
	for _, v := range r.Vulnerabilities {
		if d := v.Decision; d.Status == report.Suppressed && d.Statement != nil && d.Statement.Trust == report.TrustUnverified {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return one("vex-policy", report.Warn, fmt.Sprintf("suppressed on the word of unverified statements: %d (vex-policy is any)", n))
}

// refusedVEX tells of documents that somebody relies on and that are none: a file that
// the user named, or what a trusted signer signed. They suppress nothing, and whoever
// named them should not learn that from a finding that stays open.
func refusedVEX(r *report.Report, _ Policy, _ time.Time) []report.Rule {
	var first string
	n := 0
	for _, d := range r.VEX.Documents {
		if d.State != "rejected" || d.Trust != report.TrustNamed && d.Trust != report.TrustVerified {
			continue
		}
		if n++; n == 1 {
			first = d.Reason
		}
	}
	switch n {
	case 0:
		return nil
	case 1:
		return one("vex", report.Warn, "a VEX document was not used: "+first)
	default:
		return one("vex", report.Warn, fmt.Sprintf("%d VEX documents were not used, the first: %s", n, first))
	}
}
