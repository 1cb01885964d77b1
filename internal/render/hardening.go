package render

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/imagegate/imagegate/internal/report"
)

// failsCheck reports whether c alone fails the rule about hardening checks.
func failsCheck(r *report.Report, c report.Check) bool {
	limit, ok := report.ParseSeverity(r.Policy.FailOnCheck)
	return ok && limit != report.Unknown && c.State == report.CheckFailed && c.Severity.AtLeast(limit)
}

// checkLevel repeats the gate: error is what fails it.
func checkLevel(r *report.Report, c report.Check) string {
	if failsCheck(r, c) {
		return "error"
	}
	return severityLevel(c.Severity)
}

// checksByGravity are the checks that did not pass: failed ones first, each kind
// gravest first. Otherwise their order stays.
func checksByGravity(r *report.Report) []report.Check {
	var out []report.Check
	for _, state := range []string{report.CheckFailed, report.CheckUndecided} {
		var rows []report.Check
		for _, c := range r.Checks {
			if c.State == state {
				rows = append(rows, c)
			}
		}
		for _, s := range report.Severities() {
			for _, c := range rows {
				if c.Severity == s || s == report.Unknown && !slices.Contains(report.Severities(), c.Severity) {
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// mdChecks lists the checks that did not pass, with the count of those that did.
func mdChecks(r *report.Report) section {
	if len(r.Checks) == 0 {
		return section{}
	}
	passed, applicable := 0, 0
	for _, c := range r.Checks {
		switch c.State {
		case report.CheckPassed:
			passed++
			applicable++
		case report.CheckNotApplicable:
		default:
			applicable++
		}
	}
	title := ""
	if r.Score != nil {
		title = "score " + word(r.Score.Card) + ", "
	}
	if r.Compliance != nil {
		passed, applicable = r.Compliance.Passed, r.Compliance.Applicable()
	}
	s := section{tail: "\n", most: mostOther, more: moreRows}
	s.head = fmt.Sprintf("### Hardening: %s%d of %s passed\n\n", title, passed, plural(applicable, "check"))
	for _, c := range checksByGravity(r) {
		where := c.Location
		if c.Line > 0 {
			where += " line " + strconv.Itoa(c.Line)
		}
		severity := word(string(c.Severity))
		if failsCheck(r, c) {
			severity = "**" + severity + "**"
		}
		s.rows = append(s.rows, row(code(c.ID), word(c.State), severity, sentence(c.Title)+onPlatform(r, c.Platform),
			orDash(code(where)), orDash(sentence(c.Reason)), orDash(sentence(c.Remedy))))
	}
	if len(s.rows) == 0 {
		return section{head: s.head}
	}
	s.head += header("Check", "State", "Severity", "What", "Where", "Why", "Remedy")
	return s
}

// mdScore is the scorecard of twelve.
func mdScore(r *report.Report) section {
	if r.Score == nil {
		return section{}
	}
	s := section{
		head: fmt.Sprintf("<details><summary>Scorecard: %s</summary>\n\n%s", word(r.Score.Card), header("#:", "Item", "State", "Because of")),
		tail: "\n</details>\n\n", most: mostOther, more: moreRows,
	}
	for _, item := range r.Score.Items {
		by := ""
		for i, id := range item.By {
			if i > 0 {
				by += " "
			}
			by += code(id)
		}
		s.rows = append(s.rows, row(fmt.Sprint(item.Number), word(item.Name), word(item.State), orDash(by)))
	}
	return s
}

// mdControls is the table of recommendations.
func mdControls(r *report.Report) section {
	if r.Compliance == nil || len(r.Compliance.Controls) == 0 {
		return section{}
	}
	c := r.Compliance
	s := section{
		head: fmt.Sprintf("<details><summary>Controls of CIS, NIST and OWASP: %d of %s passed</summary>\n\n%s", c.Passed, plural(c.Applicable(), "check"),
			header("Control", "Passed:", "Failed:", "Not decided:", "Not applicable:", "Failing")),
		tail: "\n</details>\n\n", most: mostOther, more: moreRows,
	}
	for _, k := range c.Controls {
		failing := ""
		for i, id := range k.Failing {
			if i > 0 {
				failing += " "
			}
			failing += code(id)
		}
		s.rows = append(s.rows, row(word(k.Document+" "+k.ID), fmt.Sprint(k.Passed), fmt.Sprint(k.Failed), fmt.Sprint(k.Undecided),
			fmt.Sprint(k.NotApplicable), orDash(failing)))
	}
	return s
}

// checks lists the checks that did not pass, under the score.
func (t texter) checks() section {
	line := scoreLine(t.r)
	s := section{head: t.title("Hardening"), most: mostOpen, more: t.more}
	if line != "" {
		s.head += t.line(2, 0, "", "", line)
	}
	for _, c := range checksByGravity(t.r) {
		text := c.ID + " " + c.State + t.on(c.Platform) + ": " + c.Title
		if c.Reason != "" {
			text += ": " + c.Reason
		}
		if c.Line > 0 {
			text += fmt.Sprintf(" (%s:%d)", c.Location, c.Line)
		}
		s.rows = append(s.rows, t.line(2, 10, severityColor(c.Severity), string(c.Severity), text))
	}
	if len(s.rows) == 0 && line == "" {
		return section{}
	}
	return s
}
