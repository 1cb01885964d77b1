package publish

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/imagegate/imagegate/internal/report"
)

// maxReason is the longest reason in an output, in bytes. The report has all of them.
const maxReason = 2000

// Outputs are the step's outputs for r, by the names that action.yml publishes. Paths
// become those of the files that were written; sbom is the first SBOM document. The verdict
// is the last one: what ends the step before leaves it as the step began.
//
// Texts are made fit for careless workflows: one line, and no character that a shell
// acts on, because ${{ steps.x.outputs.reason }} is often written into a script.
func Outputs(r *report.Report) []Output {
	r = r.Canonical()
	n := func(name string, v int) Output {
		if !r.Counted() {
			return Output{Name: name} // a zero would look like a good result
		}
		return Output{Name: name, Value: strconv.Itoa(v)}
	}
	result := r.Verdict.Result
	if result == "" {
		result = report.Error
	}
	reason := ""
	if len(r.Verdict.Reasons) > 0 {
		reason = r.Verdict.Reasons[0]
	}
	sbom := Output{Name: "sbom"}
	if len(r.SBOM.Documents) > 0 {
		sbom.File = r.SBOM.Documents[0].Path
	}
	return []Output{
		{Name: "image-ref", Value: tame(imageRef(r.Subject))},
		{Name: "digest", Value: tame(r.Subject.Digest)},
		n("critical", r.Counts.Critical),
		n("high", r.Counts.High),
		n("medium", r.Counts.Medium),
		n("low", r.Counts.Low),
		n("negligible", r.Counts.Negligible),
		n("unknown", r.Counts.Unknown),
		n("suppressed", r.Counts.Suppressed),
		n("unjudged", r.SBOM.Unjudged),
		{Name: "verified", Value: tame(strings.Join(verified(r), ","))},
		checks("score", r, func() string { return r.Score.Card }),
		checks("checks-passed", r, func() string { return strconv.Itoa(r.Compliance.Passed) }),
		checks("checks-failed", r, func() string { return strconv.Itoa(r.Compliance.Failed) }),
		{Name: "report-dir", File: "."},
		{Name: "json", File: report.FileReport},
		{Name: "sarif", File: report.FileSARIF},
		sbom,
		{Name: "vex", File: report.FileVEX},
		{Name: "evidence", File: report.FileEvidence},
		{Name: "summary-file", File: report.FileSummary},
		{Name: "reason", Value: tame(reason)},
		{Name: "verdict", Value: tame(string(result))},
	}
}

// checks is empty when no check ran: that none failed would look like a good result.
func checks(name string, r *report.Report, value func() string) Output {
	if r.Score == nil || r.Compliance == nil {
		return Output{Name: name}
	}
	return Output{Name: name, Value: tame(value())}
}

// imageRef is name@digest, which is what a later step should deploy.
func imageRef(s report.Subject) string {
	if s.Repository == "" || s.Digest == "" {
		return ""
	}
	return s.Repository + "@" + s.Digest
}

// verified are the predicate types that are verified, on every platform when there
// are several.
func verified(r *report.Report) []string {
	platforms := map[string]map[string]bool{}
	var out []string
	for _, a := range r.Attestations {
		if a.State != report.Verified || strings.Contains(a.PredicateType, ",") {
			continue
		}
		if platforms[a.PredicateType] == nil {
			platforms[a.PredicateType] = map[string]bool{}
		}
		platforms[a.PredicateType][a.Platform] = true
	}
	for _, a := range r.Attestations { // their order is canonical
		on := platforms[a.PredicateType]
		if on == nil || !on[""] && len(on) < len(r.Platforms) {
			continue
		}
		out = append(out, a.PredicateType)
		delete(platforms, a.PredicateType)
	}
	return out
}

// tame makes one line of s without characters that a shell acts on. They become their
// fullwidth or typographic likenesses: a person still reads the sentence.
func tame(s string) string {
	s = strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c):
			return ' '
		case unicode.Is(unicode.C, c):
			return utf8.RuneError
		case c == '"' || c == '\'' || c == '`':
			return '’'
		case strings.ContainsRune(`$\;&|<>(){}[]*?!~#^`, c):
			return c - '!' + '！' // the fullwidth forms follow ASCII from U+FF01
		}
		return c
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
	s = strings.TrimSpace(s)
	if len(s) <= maxReason {
		return s
	}
	end := maxReason - len("…")
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
