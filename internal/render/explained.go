package render

import (
	"fmt"
	"io"
	"strings"

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

// originLine splits the findings by where their packages come from; "" when the image
// is not built on another.
func originLine(r *report.Report) string {
	type counts struct{ open, suppressed int }
	by := map[string]*counts{}
	for _, v := range r.Vulnerabilities {
		if v.Package.Origin == "" {
			continue
		}
		c := by[v.Package.Origin]
		if c == nil {
			c = &counts{}
			by[v.Package.Origin] = c
		}
		if v.Decision.Status == report.Suppressed {
			c.suppressed++
		} else {
			c.open++
		}
	}
	var parts []string
	for _, o := range []struct{ origin, name string }{{"base", "in the base image"}, {"app", "added on top"}, {"unproven", "of unproven origin"}} {
		if c := by[o.origin]; c != nil {
			parts = append(parts, fmt.Sprintf("%s: %d open, %d suppressed", o.name, c.open, c.suppressed))
		}
	}
	return strings.Join(parts, "; ")
}
