package render

import (
	"fmt"
	"io"

	"github.com/imagegate/imagegate/internal/report"
)

// Explained is everything that was said of one finding.
type Explained struct {
	Finding    report.Vulnerability
	Statements []Considered
	// More statements were left out.
	More int
}

// Considered is one statement and what it came to.
type Considered struct {
	Statement report.Statement
	// Applies is true when it is about the package in this image, Decides for the one that
	// prevailed. Reason says why it does not apply or to what it lost.
	Applies, Decides bool
	Reason           string
}

// VEXExplained writes, for each finding, every statement that was heard: the one that
// decides, those that lost to it, and those that are about something else, nearest first.
func VEXExplained(w io.Writer, r *report.Report, list []Explained) error {
	t := newTable(w)
	for _, e := range list {
		v := e.Finding
		t.line("")
		t.line(withPlatform(r, v.Platform, fmt.Sprintf("%s in %s %s: %s", v.ID, v.Package.Name, v.Package.Version, plural(len(e.Statements)+e.More, "statement"))))
		for _, s := range e.Statements {
			word := "not applicable"
			switch {
			case s.Decides:
				word = "DECIDES"
			case s.Applies:
				word = "applicable"
			}
			text := "  " + word + ": " + s.Statement.Status
			if s.Reason != "" {
				text += ": " + s.Reason
			}
			t.line(text)
			t.statement("    ", s.Statement)
		}
		if e.More > 0 {
			t.line(fmt.Sprintf("  and %d more", e.More))
		}
	}
	return t.flush()
}
