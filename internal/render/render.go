// Package render turns a report into bytes: report.json, the job summary, SARIF for
// code scanning, OpenVEX, the list of evidence, annotations, and text for a terminal.
//
// Renderers are pure. They read the report and nothing else, put it into its canonical
// order first, and so give equal bytes for equal evidence. What an image, an SBOM or a
// VEX document says is hostile text; it is neutralised here, once, for the format that
// is written. Whatever has to be short ends with how much more there is and where.
//
// The package decides nothing and knows no files: names of files are those of package
// report.
//
// Start reading at [Markdown].
package render

import (
	"fmt"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// Product is the name that people see.
const Product = "Hardened Image Gate"

// homepage is where people read about the program.
const homepage = "https://github.com/imagegate/imagegate"

// verdictWord is the verdict in capitals. What is no verdict was never decided.
func verdictWord(v report.Result) string {
	switch v {
	case report.Pass, report.Warn, report.Fail, report.Error:
		return strings.ToUpper(string(v))
	}
	return strings.ToUpper(string(report.Error))
}

// imageName names the image by digest: "dhi.io/python@sha256:…".
func imageName(s report.Subject) string {
	name := s.Repository
	if name == "" {
		name = s.Reference
	}
	if s.Digest == "" || strings.HasSuffix(name, "@"+s.Digest) {
		return name
	}
	return name + "@" + s.Digest
}

// failsGate reports whether v alone fails the severity rule of the report's policy.
func failsGate(r *report.Report, v report.Vulnerability) bool {
	limit, ok := report.ParseSeverity(r.Policy.FailOnSeverity)
	if !ok || limit == report.Unknown || v.Decision.Status == report.Suppressed {
		return false
	}
	return v.CountsAs(r.Policy.UnknownSeverity, limit).AtLeast(limit) && (!r.Policy.OnlyFixed || v.Fix.State == report.FixFixed)
}

// split parts the findings into open and suppressed ones, gravest first and, within a
// severity, those first that have a fix: they are the ones that can be acted on.
func split(r *report.Report) (open, suppressed []report.Vulnerability) {
	for _, s := range report.Severities() {
		for _, fixable := range []bool{true, false} {
			for _, v := range r.Vulnerabilities {
				known := v.Severity
				if known.Rank() == 0 {
					known = report.Unknown
				}
				if known != s || fixable != (v.Fix.State == report.FixFixed) {
					continue
				}
				if v.Decision.Status == report.Suppressed {
					suppressed = append(suppressed, v)
				} else {
					open = append(open, v)
				}
			}
		}
	}
	return open, suppressed
}

// looked reports whether a stage came to an end on some platform: it found something,
// or that there is nothing. What was not looked at must not read like nothing found.
func looked(r *report.Report, stage string) bool {
	for _, s := range r.Stages {
		if s.Name == stage && (s.State == report.Done || s.State == report.Missing) {
			return true
		}
	}
	return false
}

// countList are the numbers of c in the order of report.Severities.
func countList(c report.Counts) []int {
	return []int{c.Critical, c.High, c.Medium, c.Low, c.Negligible, c.Unknown}
}

// fixText is "3.0.2, 3.1.1", or why there is no version.
func fixText(f report.Fix) string {
	switch {
	case len(f.Versions) > 0:
		return strings.Join(f.Versions, ", ")
	case f.State == report.FixFixed:
		return "fixed"
	case f.State == report.FixWontFix:
		return "will not be fixed"
	case f.State == report.FixNotFixed:
		return "not fixed yet"
	}
	return "unknown"
}

// day is a date, or "" for nil.
func day(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// statementSource says on whose word a finding is suppressed.
func statementSource(d report.Decision) string {
	s := d.Statement
	if s == nil {
		return d.Source
	}
	var parts []string
	if s.Author != "" {
		parts = append(parts, s.Author)
	}
	switch {
	case s.Signer != "":
		parts = append(parts, "signed by "+s.Signer)
	case s.Trust == report.TrustNamed:
		parts = append(parts, "file named by the user, not signed")
	default:
		parts = append(parts, "not signed")
	}
	if d.Source != "" {
		parts = append(parts, d.Source)
	}
	if !strings.Contains(d.Source, s.Document) {
		parts = append(parts, s.Document)
	}
	return strings.Join(parts, "; ")
}

// reasonOf is the justification of a decision in the words of its statement.
func reasonOf(d report.Decision) string {
	if s := d.Statement; s != nil {
		switch {
		case s.Justification != "" && s.ImpactStatement != "":
			return s.Justification + ": " + s.ImpactStatement
		case s.Justification != "":
			return s.Justification
		case s.ImpactStatement != "":
			return s.ImpactStatement
		case s.Status != "":
			return s.Status
		}
	}
	return d.Reason
}

// plural writes "1 finding", "2 findings".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// manyPlatforms reports whether rows need their platform beside them.
func manyPlatforms(r *report.Report) bool { return len(r.Platforms) > 1 }
