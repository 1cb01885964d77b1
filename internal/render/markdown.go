package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

// Sizes of a job summary, in bytes. The runner shows none that is larger than 1 MiB,
// and other steps of a job may add to the same file.
const (
	DefaultBudget = 900 << 10
	MinBudget     = 16 << 10
)

// The most rows of each list: a summary is read in ten seconds, and the rest is in
// the report.
const (
	mostReasons      = 20
	mostNotVerified  = 30
	mostAttestations = 60
	mostOpen         = 50
	mostSuppressed   = 500
	mostOther        = 100
)

// Markdown writes the job summary in at most budget bytes; 0 means [DefaultBudget],
// and less than [MinBudget] counts as that. What does not fit is counted at the end of
// its list, with the file that has it.
func Markdown(w io.Writer, r *report.Report, budget int) error {
	if budget == 0 {
		budget = DefaultBudget
	}
	r = r.Canonical()
	open, suppressed := split(r)
	if src := r.Subject.Source; src == report.SourceFiles || src == report.SourceContainer {
		return writeSummary(w, fit(max(budget, MinBudget), []section{
			mdVerdict(r), mdChecks(r), mdScore(r), mdControls(r), mdUnseen(r), mdNotes(r), mdEvidence(r), mdFiles(r),
		}))
	}
	return writeSummary(w, fit(max(budget, MinBudget), []section{
		mdVerdict(r),
		mdCounts(r, open),
		mdPlatforms(r),
		mdOrigin(r),
		mdNotVerified(r),
		mdAttestations(r),
		mdOpen(r, open),
		mdSuppressed(r, suppressed),
		mdChecks(r),
		mdScore(r),
		mdControls(r),
		mdUnseen(r),
		mdDrift(r),
		mdNotes(r),
		mdEvidence(r),
		mdFiles(r),
	}))
}

func writeSummary(w io.Writer, text string) error {
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}

// moreItems is the note at the end of a list, moreRows that at the end of a table.
func moreItems(n int) string { return fmt.Sprintf("- and %d more in `%s`\n", n, report.FileReport) }
func moreRows(n int) string  { return fmt.Sprintf("\n%d more in `%s`.\n", n, report.FileReport) }

// row writes a table row. The cells are already escaped.
func row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// header writes a table's head. A title that ends in ":" is aligned to the right.
func header(titles ...string) string {
	lines := make([]string, len(titles))
	for i, t := range titles {
		lines[i] = "---"
		if strings.HasSuffix(t, ":") {
			titles[i], lines[i] = strings.TrimSuffix(t, ":"), "---:"
		}
	}
	return row(titles...) + row(lines...)
}

// orDash makes an empty cell visible as empty.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func mdVerdict(r *report.Report) section {
	var b strings.Builder
	verdict := verdictWord(r.Verdict.Result)
	fmt.Fprintf(&b, "## %s: %s\n\n**%s** %s", Product, verdict, verdict, code(imageName(r.Subject)))
	if r.Subject.Platform != "" {
		fmt.Fprintf(&b, " (%s)", word(r.Subject.Platform))
	}
	var rows []string
	if len(r.Verdict.Reasons) > 0 {
		b.WriteString(": " + sentence(r.Verdict.Reasons[0]))
		for _, reason := range r.Verdict.Reasons[1:] {
			rows = append(rows, "- "+sentence(reason)+"\n")
		}
	}
	b.WriteString("\n\n")
	return section{head: b.String(), rows: rows, tail: "\n", most: mostReasons, more: moreItems}
}

func mdCounts(r *report.Report, open []report.Vulnerability) section {
	var fixable []report.Vulnerability
	for _, v := range open {
		if v.Fix.State == report.FixFixed {
			fixable = append(fixable, v)
		}
	}
	cells := func(title string, c report.Counts, last string) string {
		out := []string{title}
		for _, n := range countList(c) {
			out = append(out, number(r, n))
		}
		return row(append(out, last)...)
	}
	var b strings.Builder
	b.WriteString(header("Findings", "Critical:", "High:", "Medium:", "Low:", "Negligible:", "Unknown:", "Suppressed by VEX:"))
	b.WriteString(cells("Open", r.Counts, number(r, r.Counts.Suppressed)))
	b.WriteString(cells("of these with a fix", report.CountVulnerabilities(fixable), ""))
	b.WriteString("\n" + mdFacts(r) + "\n\n")
	return section{head: b.String()}
}

// number is a count, or a dash when nothing was counted.
func number(r *report.Report, n int) string {
	if !r.Counted() {
		return "-"
	}
	return fmt.Sprint(n)
}

// mdFacts is one line about what was looked at and by which rules.
func mdFacts(r *report.Report) string {
	facts := []string{"Asked for " + code(r.Subject.Reference)}
	if d := day(r.Subject.Created); d != "" {
		facts = append(facts, "created "+d)
	}
	if d := day(r.Subject.EndOfLife); d != "" {
		facts = append(facts, "end of life "+d)
	}
	if d := r.Subject.Distro; d != nil {
		facts = append(facts, word(d.ID+" "+d.Version))
	}
	if r.SBOM.Packages > 0 || looked(r, report.StageSBOM) {
		facts = append(facts, plural(r.SBOM.Packages, "package"))
	}
	if n := r.SBOM.Unjudged; n > 0 {
		facts = append(facts, plural(n, "package")+" not judged by any source of vulnerabilities")
	}
	if d := day(r.Database.Built); d != "" {
		facts = append(facts, "vulnerability database of "+d)
	}
	if p := r.Policy; p.FailOnSeverity != "" {
		rule := "fails on " + word(p.FailOnSeverity)
		if p.OnlyFixed {
			rule += " with a fix"
		}
		facts = append(facts, rule)
	}
	if len(r.Policy.Require) > 0 {
		facts = append(facts, "requires verified "+word(strings.Join(r.Policy.Require, ", ")))
	}
	return strings.Join(facts, " · ")
}

func mdPlatforms(r *report.Report) section {
	if len(r.Platforms) == 0 {
		return section{}
	}
	s := section{
		head: "### Platforms\n\n" + header("Platform", "Verdict", "Critical:", "High:", "Medium:", "Low:", "Suppressed:", "Digest"),
		tail: "\n", most: mostOther, more: moreRows,
	}
	for _, p := range r.Platforms {
		s.rows = append(s.rows, row(word(p.Platform), verdictWord(p.Result), fmt.Sprint(p.Counts.Critical), fmt.Sprint(p.Counts.High),
			fmt.Sprint(p.Counts.Medium), fmt.Sprint(p.Counts.Low), fmt.Sprint(p.Counts.Suppressed), orDash(code(p.Digest))))
	}
	return s
}

// mdNotVerified says of everything that does not count why it does not.
func mdNotVerified(r *report.Report) section {
	s := section{head: "### Not verified\n\n", tail: "\n", most: mostNotVerified, more: moreItems}
	type where struct{ platform, family string }
	verified := map[where]bool{}
	for _, a := range r.Attestations {
		if a.State == report.Verified {
			verified[where{a.Platform, a.Family}] = true
			continue
		}
		s.rows = append(s.rows, fmt.Sprintf("- **%s** %s%s: %s: %s\n", word(a.Family), code(a.Digest), onPlatform(r, a.Platform),
			word(string(a.State)), sentence(a.Reason)))
	}
	platforms := []string{r.Subject.Platform}
	for i, p := range r.Platforms {
		platforms = append(platforms[:i], p.Platform)
	}
	for _, p := range platforms {
		for _, f := range r.Policy.Require {
			if !verified[where{p, f}] && !verified[where{"", f}] {
				s.rows = append(s.rows, fmt.Sprintf("- **%s** is required%s, and no verified one was found.\n", word(f), onPlatform(r, p)))
			}
		}
	}
	for _, p := range r.Discovery {
		if p.State == report.ProbeFailed {
			s.rows = append(s.rows, fmt.Sprintf("- %s could not be asked for %s%s: %s\n", code(p.Store), code(p.Asked),
				onPlatform(r, p.Platform), sentence(p.Reason)))
		}
	}
	if len(s.rows) == 0 {
		return section{}
	}
	return s
}

// onPlatform is " on linux/arm64" where rows of several platforms are mixed.
func onPlatform(r *report.Report, platform string) string {
	if !manyPlatforms(r) || platform == "" {
		return ""
	}
	return " on " + word(platform)
}
