package render

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/imagegate/imagegate/internal/report"
)

// TextOptions say how the report looks on a terminal. The zero value works.
type TextOptions struct {
	// Color writes ANSI colours; the caller knows whether there is a terminal.
	Color bool
	// Width is where lines are broken, in characters. 0 means 100, less than 40 counts
	// as 40.
	Width int
}

// textBudget bounds the text for a terminal, in bytes.
const textBudget = 1 << 20

// Text writes the report for a terminal: the verdict and its reasons first, then what
// was found and what was not seen. Nothing in the report can colour, move or forge
// anything on the terminal or in the log of a workflow.
func Text(w io.Writer, r *report.Report, opt TextOptions) error {
	r = r.Canonical()
	if opt.Width == 0 {
		opt.Width = 100
	}
	t := texter{r: r, color: opt.Color, width: max(opt.Width, 40)}
	open, suppressed := split(r)
	text := fit(textBudget, []section{
		t.verdict(), t.numbers(), t.attestations(), t.open(open), t.suppressed(suppressed), t.checks(), t.unseen(), t.notes(),
	})
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("write text: %w", err)
	}
	return nil
}

type texter struct {
	r     *report.Report
	color bool
	width int
}

// The colours, from ECMA-48 "SGR".
const (
	red, yellow, green, dim, bold = "31", "33", "32", "2", "1"
)

func (t texter) paint(color, s string) string {
	if !t.color || color == "" || s == "" {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}

func verdictColor(v report.Result) string {
	switch v {
	case report.Pass:
		return "1;" + green
	case report.Warn:
		return "1;" + yellow
	case report.Fail, report.Error:
	}
	return "1;" + red
}

func severityColor(s report.Severity) string {
	switch s {
	case report.Critical, report.High:
		return red
	case report.Medium:
		return yellow
	case report.Low, report.Negligible, report.Unknown:
	}
	return dim
}

// line writes label in a column of size characters and text beside it, broken at
// words; later lines are indented to the same column. color is for the label.
func (t texter) line(indent, size int, color, label, text string) string {
	label = plain(label)
	pad := max(size-utf8.RuneCountInString(label), 0) + 1
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", indent) + t.paint(color, label) + strings.Repeat(" ", pad))
	column := indent + max(size, utf8.RuneCountInString(label)) + 1
	at := column
	for i, w := range strings.Fields(plain(text)) {
		n := utf8.RuneCountInString(w)
		switch {
		case i > 0 && at+1+n > t.width:
			b.WriteString("\n" + strings.Repeat(" ", indent+size+1))
			at = indent + size + 1
		case i > 0:
			b.WriteString(" ")
			at++
		}
		b.WriteString(w)
		at += n
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

func (t texter) title(s string) string { return "\n" + t.paint(bold, s) + "\n" }

func (t texter) more(n int) string {
	return t.line(2, 0, "", "", fmt.Sprintf("%d more in %s", n, report.FileReport))
}

func (t texter) on(platform string) string {
	if !manyPlatforms(t.r) || platform == "" {
		return ""
	}
	return " on " + platform
}

func (t texter) verdict() section {
	s := section{most: mostReasons, more: t.more}
	name := imageName(t.r.Subject)
	if t.r.Subject.Platform != "" {
		name += " (" + t.r.Subject.Platform + ")"
	}
	s.head = t.line(0, 5, verdictColor(t.r.Verdict.Result), verdictWord(t.r.Verdict.Result), name)
	for _, reason := range t.r.Verdict.Reasons {
		s.rows = append(s.rows, t.line(4, 1, "", "-", reason))
	}
	return s
}

func (t texter) numbers() section {
	found := "not looked for"
	if t.r.Counted() {
		var parts []string
		for i, n := range countList(t.r.Counts) {
			parts = append(parts, fmt.Sprintf("%d %s", n, report.Severities()[i]))
		}
		found = fmt.Sprintf("%s; %d suppressed by VEX", strings.Join(parts, ", "), t.r.Counts.Suppressed)
	}
	head := "\n" + t.line(0, 12, bold, "Findings", found)
	if by := originLine(t.r); by != "" {
		head += t.line(0, 12, bold, "By origin", by)
	}
	sub := t.r.Subject
	head += t.line(0, 12, bold, "Asked for", sub.Reference)
	if d := day(sub.Created); d != "" {
		head += t.line(0, 12, bold, "Created", d)
	}
	if d := day(sub.EndOfLife); d != "" {
		head += t.line(0, 12, bold, "End of life", d)
	}
	if t.r.SBOM.Packages > 0 || looked(t.r, report.StageSBOM) {
		head += t.line(0, 12, bold, "Packages", fmt.Sprint(t.r.SBOM.Packages))
	}
	if n := t.r.SBOM.Unjudged; n > 0 {
		head += t.line(0, 12, bold, "Not judged", plural(n, "package")+" that no source of vulnerabilities can judge")
	}
	if d := driftText(t.r); d != "" {
		head += t.line(0, 12, bold, "Signed SBOM", d)
	}
	if d := day(t.r.Database.Built); d != "" {
		head += t.line(0, 12, bold, "Database", "of "+d)
	}
	s := section{head: head, most: mostOther, more: t.more}
	for _, p := range t.r.Platforms {
		s.rows = append(s.rows, t.line(0, 12, "", p.Platform, fmt.Sprintf("%s: %d critical, %d high, %d suppressed; %s",
			verdictWord(p.Result), p.Counts.Critical, p.Counts.High, p.Counts.Suppressed, p.Digest)))
	}
	return s
}

func (t texter) attestations() section {
	s := section{head: t.title("Attestations"), most: mostAttestations, more: t.more}
	// What does not count has a row each, and first; what one signer signed has one row.
	type signed struct{ by, platform string }
	var order []signed
	families := map[signed][]string{}
	for _, a := range t.r.Attestations {
		if a.State != report.Verified {
			color := red
			if a.State == report.Unreadable {
				color = yellow // it may be genuine
			}
			s.rows = append(s.rows, t.line(2, 10, color, string(a.State), a.Family+" "+a.Digest+": "+a.Reason+t.on(a.Platform)))
			continue
		}
		k := signed{a.Signer, a.Platform}
		if families[k] == nil {
			order = append(order, k)
		}
		if !slices.Contains(families[k], a.Family) {
			families[k] = append(families[k], a.Family)
		}
	}
	for _, k := range order {
		s.rows = append(s.rows, t.line(2, 10, green, string(report.Verified), strings.Join(families[k], ", ")+" by "+k.by+t.on(k.platform)))
	}
	switch {
	case len(s.rows) > 0:
	case looked(t.r, report.StageAttest):
		s.head += t.line(2, 0, "", "", "none was found")
	default:
		s.head += t.line(2, 0, "", "", "not looked for")
	}
	return s
}

func (t texter) open(open []report.Vulnerability) section {
	if len(open) == 0 {
		return section{}
	}
	s := section{head: t.title(fmt.Sprintf("Open findings: %d", len(open))), most: mostOpen, more: t.more}
	for _, v := range open {
		text := fmt.Sprintf("%s in %s %s%s; %s", v.ID, v.Package.Name, v.Package.Version, t.on(v.Platform), "fix: "+fixText(v.Fix))
		if d := day(v.Fix.Available); d != "" {
			text += " since " + d
		}
		if v.KEV {
			text += "; known exploited"
		}
		s.rows = append(s.rows, t.line(2, 10, severityColor(v.Severity), string(v.Severity), text))
	}
	return s
}

func (t texter) suppressed(suppressed []report.Vulnerability) section {
	if len(suppressed) == 0 {
		return section{}
	}
	s := section{head: t.title(fmt.Sprintf("Suppressed by VEX: %d", len(suppressed))), most: mostOpen, more: t.more}
	for _, v := range suppressed {
		s.rows = append(s.rows, t.line(2, 10, dim, string(v.Severity), fmt.Sprintf("%s in %s %s%s: %s (%s)", v.ID, v.Package.Name,
			v.Package.Version, t.on(v.Platform), reasonOf(v.Decision), statementSource(v.Decision))))
	}
	return s
}

// unseen lists what was not looked at: stages as a whole, then parts of them.
func (t texter) unseen() section {
	s := section{head: t.title("Not looked at"), most: mostOther, more: t.more}
	for _, st := range t.r.Stages {
		if st.State != report.Done {
			text := st.Name + t.on(st.Platform) + ": " + st.Reason
			if st.Hint != "" {
				text += ". Next step: " + st.Hint
			}
			s.rows = append(s.rows, t.line(2, 10, yellow, string(st.State), text))
		}
	}
	for _, o := range t.r.Observations {
		if !note(o) {
			s.rows = append(s.rows, t.line(2, 10, yellow, kindWord(o.Kind), o.Stage+t.on(o.Platform)+": "+o.Message))
		}
	}
	if len(s.rows) == 0 {
		return section{}
	}
	return s
}

func (t texter) notes() section {
	s := section{head: t.title("Notes"), most: mostReasons, more: t.more}
	for _, o := range t.r.Observations {
		if note(o) {
			s.rows = append(s.rows, t.line(2, 10, dim, o.Stage, o.Message+t.on(o.Platform)))
		}
	}
	if len(s.rows) == 0 {
		return section{}
	}
	return s
}
