package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// named is how many findings a reason names before it only counts.
const named = 5

// severity fails on open findings at or above the limit. A finding that nobody rated
// counts as unknown-severity says; where it says nothing of it, it is a warning.
func severity(r *report.Report, p Policy, _ time.Time) []report.Rule {
	if p.FailOnSeverity == "" {
		return nil
	}
	var hits, unrated []report.Vulnerability
	bySeverity := map[report.Severity]int{}
	unfixed := 0
	for _, v := range r.Vulnerabilities {
		if v.Decision.Status == report.Suppressed {
			continue
		}
		counts := v.CountsAs(p.UnknownSeverity, p.FailOnSeverity)
		if p.OnlyFixed && v.Fix.State != report.FixFixed {
			if counts.AtLeast(p.FailOnSeverity) {
				unfixed++
			}
			continue
		}
		switch {
		case counts == report.Unknown:
			unrated = append(unrated, v)
		case counts.AtLeast(p.FailOnSeverity):
			hits = append(hits, v)
			bySeverity[v.Severity]++
		}
	}
	var out []report.Rule
	if len(hits) > 0 {
		out = one(ruleSeverity, report.Fail, fmt.Sprintf("%s at or above %s: %s", open(len(hits)), p.FailOnSeverity, list(hits, bySeverity)))
	} else if s := stage(r, report.StageVuln); s.State == report.Done {
		text := fmt.Sprintf("no open finding at or above %s", p.FailOnSeverity)
		if p.OnlyFixed {
			text += " has a fix"
			if unfixed > 0 {
				text += fmt.Sprintf(" (%d without one)", unfixed)
			}
		}
		out = one(ruleSeverity, report.Pass, text)
	} else if s.State == report.Skipped {
		out = one(ruleSeverity, report.Error, "vulnerabilities were not decided: "+s.Reason)
	}
	if n := len(unrated); n > 0 {
		out = append(out, report.Rule{Name: "unknown-severity", Result: report.Warn, Message: fmt.Sprintf("nobody rated %s: %s",
			open(n), list(unrated, map[report.Severity]int{report.Unknown: n}))})
	}
	return out
}

const ruleSeverity = "fail-on-severity"

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

// database says when the database that decided is not what it should be.
func database(r *report.Report, _ Policy, _ time.Time) []report.Rule {
	if r.Database.State != report.Done || r.Database.Reason == "" {
		return nil
	}
	return one("database", report.Warn, "vulnerability database: "+r.Database.Reason)
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

// refusedVEX tells of documents that somebody relies on and that could not be read: a
// file that the user named, or what a trusted signer signed. They suppress nothing, and
// whoever named them should not learn that from a finding that stays open. What a signed
// one says is unknown: it may take back a statement on which the verdict rests.
func refusedVEX(r *report.Report, p Policy, _ time.Time) []report.Rule {
	rests := slices.Contains(deciding(r, p), familyVEX)
	reasons := map[report.Result][]string{}
	for _, d := range r.VEX.Documents {
		switch {
		case d.State != report.DocumentRejected:
		case d.Trust == report.TrustVerified && rests:
			reasons[report.Error] = append(reasons[report.Error], d.Reason)
		case d.Trust == report.TrustVerified, d.Trust == report.TrustNamed:
			reasons[report.Warn] = append(reasons[report.Warn], d.Reason)
		}
	}
	var out []report.Rule
	for _, result := range []report.Result{report.Error, report.Warn} {
		switch n := len(reasons[result]); n {
		case 0:
		case 1:
			out = append(out, report.Rule{Name: "vex", Result: result, Message: "a VEX document was not used: " + reasons[result][0]})
		default:
			out = append(out, report.Rule{Name: "vex", Result: result, Message: fmt.Sprintf("%d VEX documents were not used, the first: %s", n, reasons[result][0])})
		}
	}
	return out
}

// saidBy names a statement: what it says, when, and in which document.
func saidBy(s *report.Statement) string {
	if s == nil {
		return "a statement"
	}
	when := "undated"
	if s.Timestamp != nil {
		when = s.Timestamp.UTC().Format(time.DateOnly)
	}
	return fmt.Sprintf("%s (%s, %s)", s.Status, when, s.Document)
}

// objectedVEX tells of suppressions against which a newer statement stands that is not
// verified: whoever made it, the one that decided may not be the last word.
func objectedVEX(r *report.Report, p Policy, _ time.Time) []report.Rule {
	if p.VEXObjection == "" {
		return nil
	}
	var first string
	n := 0
	for _, v := range r.Vulnerabilities {
		if v.Decision.Status != report.Suppressed || v.Decision.Objection == nil {
			continue
		}
		if n++; n == 1 {
			first = fmt.Sprintf("%s in %s %s: %s, against %s", v.ID, v.Package.Name, v.Package.Version,
				saidBy(v.Decision.Objection), saidBy(v.Decision.Statement))
		}
	}
	switch n {
	case 0:
		return nil
	case 1:
		return one("vex-objection", p.VEXObjection, "a newer statement that is not verified stands against a suppression, "+first)
	default:
		return one("vex-objection", p.VEXObjection, fmt.Sprintf("newer statements that are not verified stand against %d suppressions, the first: %s", n, first))
	}
}
