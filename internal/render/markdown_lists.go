package render

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

func mdAttestations(r *report.Report) section {
	switch {
	case len(r.Attestations) > 0:
	case looked(r, report.StageAttest):
		return section{head: "No attestation was found.\n\n"}
	default:
		return section{head: "Attestations were not looked for.\n\n"}
	}
	verified := 0
	titles := []string{"Predicate", "State", "Signer"}
	if manyPlatforms(r) {
		titles = append(titles, "Platform")
	}
	s := section{tail: "\n", most: mostAttestations, more: moreRows}
	for _, a := range r.Attestations {
		if a.State == report.Verified {
			verified++
		}
		cells := []string{word(a.Family) + " " + code(a.PredicateType), word(string(a.State)), orDash(word(a.Signer))}
		if manyPlatforms(r) {
			cells = append(cells, orDash(word(a.Platform)))
		}
		s.rows = append(s.rows, row(cells...))
	}
	s.head = fmt.Sprintf("### Attestations: %d of %d verified\n\n%s", verified, len(r.Attestations), header(titles...))
	return s
}

func mdOpen(r *report.Report, open []report.Vulnerability) section {
	if len(open) == 0 {
		decided := r.Counted()
		for _, st := range r.Stages {
			if st.Name == report.StageVuln && st.State != report.Done {
				decided = false
			}
		}
		if !decided {
			return section{head: "Vulnerabilities were not decided.\n\n"}
		}
		return section{head: "No open finding.\n\n"}
	}
	titles := []string{"Severity", "Vulnerability", "Package", "Installed", "Fixed in", "Fix since"}
	if manyPlatforms(r) {
		titles = append(titles, "Platform")
	}
	s := section{
		head: fmt.Sprintf("### Open findings: %d\n\n%s", len(open), header(titles...)),
		tail: "\n", most: mostOpen, more: moreRows,
	}
	for _, v := range open {
		severity := word(string(v.Severity))
		if failsGate(r, v) {
			severity = "**" + severity + "**"
		}
		cells := []string{severity, vulnerabilityLink(v), code(v.Package.Name), code(v.Package.Version),
			orDash(word(fixText(v.Fix))), orDash(day(v.Fix.Available))}
		if manyPlatforms(r) {
			cells = append(cells, orDash(word(v.Platform)))
		}
		s.rows = append(s.rows, row(cells...))
	}
	return s
}

var (
	cveID  = regexp.MustCompile(`^CVE-[0-9]{4}-[0-9]{4,19}$`)
	ghsaID = regexp.MustCompile(`^GHSA(-[23456789cfghjmpqrvwx]{4}){3}$`)
)

// advisoryURL is where an id is described, made from the id alone, or "". The URLs in
// the report come from elsewhere and are not offered for clicking.
func advisoryURL(id string) string {
	switch {
	case cveID.MatchString(id):
		return "https://nvd.nist.gov/vuln/detail/" + id
	case ghsaID.MatchString(id):
		return "https://github.com/advisories/" + id
	}
	return ""
}

func vulnerabilityLink(v report.Vulnerability) string {
	text := code(v.ID)
	if u := advisoryURL(v.ID); u != "" {
		text = "[" + v.ID + "](" + u + ")"
	}
	if v.KEV {
		text += " (known exploited)"
	}
	return text
}

func mdSuppressed(r *report.Report, suppressed []report.Vulnerability) section {
	if len(suppressed) == 0 {
		return section{}
	}
	s := section{
		head: fmt.Sprintf("<details><summary>Suppressed by VEX: %d</summary>\n\n%s", len(suppressed),
			header("Vulnerability", "Severity", "Package", "Justification", "On whose word")),
		tail: "\n</details>\n\n", most: mostSuppressed, more: moreRows,
	}
	for _, v := range suppressed {
		s.rows = append(s.rows, row(vulnerabilityLink(v), word(string(v.Severity)),
			code(v.Package.Name+" "+v.Package.Version)+onPlatform(r, v.Platform),
			orDash(sentence(reasonOf(v.Decision))), orDash(sentence(statementSource(v.Decision)))))
	}
	return s
}

// mdUnseen lists what was not seen, stages as a whole and parts of them: it matters more
// than what was.
func mdUnseen(r *report.Report) section {
	s := section{head: "### Not looked at\n\n", tail: "\n", most: mostOther, more: moreItems}
	add := func(stage, state, platform, text string) {
		s.rows = append(s.rows, fmt.Sprintf("- **%s %s**%s: %s\n", word(stage), word(state), onPlatform(r, platform), text))
	}
	for _, st := range r.Stages {
		if st.State == report.Done {
			continue
		}
		text := sentence(st.Reason)
		if st.Hint != "" {
			text += ". Next step: " + sentence(st.Hint)
		}
		add(st.Name, string(st.State), st.Platform, text)
	}
	for _, o := range r.Observations {
		if !note(o) {
			add(o.Stage, kindWord(o.Kind), o.Platform, sentence(o.Message))
		}
	}
	if len(s.rows) == 0 {
		return section{}
	}
	return s
}

func mdNotes(r *report.Report) section {
	s := section{tail: "\n</details>\n\n", most: mostOther, more: moreItems}
	for _, o := range r.Observations {
		if note(o) {
			s.rows = append(s.rows, fmt.Sprintf("- %s%s: %s\n", word(o.Stage), onPlatform(r, o.Platform), sentence(o.Message)))
		}
	}
	if len(s.rows) == 0 {
		return section{}
	}
	s.head = fmt.Sprintf("<details><summary>Notes: %d</summary>\n\n", len(s.rows))
	return s
}

func mdEvidence(r *report.Report) section {
	if len(r.Evidence) == 0 {
		return section{}
	}
	s := section{
		head: fmt.Sprintf("<details><summary>Evidence: %s</summary>\n\n%s", plural(len(r.Evidence), "digest"), header("Kind", "What", "Digest")),
		tail: "\n</details>\n\n", most: mostOther,
		more: func(n int) string { return fmt.Sprintf("\n%d more in `%s`.\n", n, report.FileEvidence) },
	}
	for _, e := range r.Evidence {
		s.rows = append(s.rows, row(word(e.Kind), orDash(word(e.Name)+onPlatform(r, e.Platform)), orDash(code(e.Digest))))
	}
	return s
}

func mdFiles(r *report.Report) section {
	names := []string{report.FileReport, report.FileSARIF, report.FileEvidence}
	if len(appliedStatements(r)) > 0 {
		names = append(names, report.FileVEX)
	}
	for i, n := range names {
		names[i] = "`" + n + "`"
	}
	for i, d := range r.SBOM.Documents {
		if i == mostReasons {
			names = append(names, "and more SBOMs")
			break
		}
		names = append(names, code(d.Path))
	}
	return section{head: "Files of the report: " + strings.Join(names, ", ") + ".\n\n" +
		fmt.Sprintf("Made by %s %s at %s.\n", word(r.Tool.Name), word(r.Tool.Version), r.Generated.Format("2006-01-02 15:04:05Z"))}
}
