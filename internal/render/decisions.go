package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

// VEXDecisions writes why each finding is, or is not, suppressed: the statement, its
// document and who signed it, the product line that matched and how; for an open
// finding the statement that came closest and why it did not count. With explain only
// the findings of that vulnerability, by any of its names, are written.
func VEXDecisions(w io.Writer, r *report.Report, explain string) error {
	r = r.Canonical()
	t := newTable(w)
	t.line(imageLine(r))
	if b := r.Subject.Base; b != nil {
		t.line("base: " + b.Reason)
	}
	t.line("")
	for _, d := range r.VEX.Documents {
		name := d.Source
		if d.Trust != "" {
			name += " (" + d.Trust + ")"
		}
		if d.State == report.DocumentRejected {
			t.line("document " + name + ": not read: " + d.Reason)
			continue
		}
		t.line(fmt.Sprintf("document %s: %s, %d applicable, %d used%s", withPlatform(r, d.Platform, name),
			plural(d.Statements, "statement"), d.Applicable, d.Used, oddities(d)))
	}
	if len(r.VEX.Documents) == 0 {
		t.line("There is no VEX document.")
	}
	shown := 0
	for _, v := range r.Vulnerabilities {
		if explain != "" && !named(v, explain) {
			continue
		}
		shown++
		t.decision(r, v)
	}
	t.line("")
	switch {
	case explain != "" && shown == 0:
		t.line("no finding is called " + explain)
	case explain == "":
		t.line(fmt.Sprintf("%s: %d suppressed, %d open", plural(len(r.Vulnerabilities), "finding"), r.Counts.Suppressed, r.Counts.Open()))
		if split := originLine(r); split != "" {
			t.line(split)
		}
	}
	for _, s := range r.Stages {
		if s.State != report.Done && s.State != report.Skipped {
			t.line(fmt.Sprintf("%s %s: %s", s.Name, s.State, s.Reason))
		}
	}
	return t.flush()
}

func oddities(d report.VEXDocument) string {
	var parts []string
	for _, o := range []struct {
		n    int
		what string
	}{{d.OverBroad, "over-broad"}, {d.Contradictory, "contradictory"}, {d.Duplicate, "duplicate"}} {
		if o.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", o.n, o.what))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "; " + strings.Join(parts, ", ")
}

func named(v report.Vulnerability, name string) bool {
	return strings.EqualFold(v.ID, name) || slices.ContainsFunc(v.Aliases, func(a string) bool { return strings.EqualFold(a, name) })
}

// decision writes one finding.
func (t *table) decision(r *report.Report, v report.Vulnerability) {
	t.line("")
	head := fmt.Sprintf("%s %s %s in %s %s", strings.ToUpper(string(v.Decision.Status)), v.ID, v.Severity, v.Package.Name, v.Package.Version)
	if v.Package.Origin != "" {
		head += " [" + v.Package.Origin + "]"
	}
	if len(v.Aliases) > 0 {
		head += " (" + strings.Join(v.Aliases, ", ") + ")"
	}
	t.line(withPlatform(r, v.Platform, head))
	if v.Decision.Reason != "" {
		t.line("  " + v.Decision.Reason)
	}
	if s := v.Decision.Statement; s != nil {
		t.statement("  ", *s)
	}
	if o := v.Decision.Objection; o != nil {
		t.line("  objection: a newer statement that is not verified")
		t.statement("    ", *o)
	}
	if m := v.Decision.NearMiss; m != nil {
		t.line("  nearest: " + m.Reason)
		t.statement("    ", m.Statement)
	}
}

func (t *table) statement(indent string, s report.Statement) {
	text := s.Status
	if s.Justification != "" {
		text += ", " + s.Justification
	}
	if s.Timestamp != nil {
		text += ", " + day(s.Timestamp)
	}
	t.line(indent + "statement: " + text)
	for _, note := range []string{s.ImpactStatement, s.ActionStatement, s.StatusNotes} {
		if note != "" {
			t.line(indent + "says: " + note)
		}
	}
	if s.Product != "" {
		line := indent + "product: " + s.Product
		if s.Matched != "" {
			line += " (" + s.Matched + ")"
		}
		t.line(line)
	}
	signer := "not signed"
	if s.Signer != "" {
		signer = "signed by " + s.Signer
	}
	t.line(indent + "document: " + s.Document + ", " + s.Trust + ", " + signer)
}
