package render

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

// LintOptions say how findings in files look. The zero value works.
type LintOptions struct {
	// Color writes ANSI colours.
	Color bool
	// Quiet leaves only the verdict.
	Quiet bool
}

// Lint writes the outcomes of checks as compilers write theirs: a line for each
// finding that begins with file and line, its remedy below it, then what could not be
// decided, and the verdict at the end. Files are told in the order of their names.
func Lint(w io.Writer, r *report.Report, opt LintOptions) error {
	r = r.Canonical()
	t := texter{r: r, color: opt.Color}
	var b strings.Builder
	if !opt.Quiet {
		t.outcomes(&b, report.CheckFailed)
		t.outcomes(&b, report.CheckUndecided)
		for _, o := range r.Observations {
			label := t.paint(yellow, "warning:")
			if note(o) {
				label = t.paint(dim, "note:")
			}
			fmt.Fprintf(&b, "%s %s\n", label, plainLong(o.Message))
		}
	}
	verdict := t.paint(verdictColor(r.Verdict.Result), verdictWord(r.Verdict.Result))
	if len(r.Verdict.Reasons) == 0 {
		fmt.Fprintf(&b, "%s\n", verdict)
	}
	for i, reason := range r.Verdict.Reasons {
		if i > 0 {
			verdict = "and"
		}
		fmt.Fprintf(&b, "%s %s\n", verdict, plainLong(reason))
	}
	if !opt.Quiet {
		fmt.Fprintf(&b, "%s\n", plain(scoreLine(r)))
		for _, s := range r.Stages {
			fmt.Fprintf(&b, "Looked at %s.\n", plainLong(s.Reason))
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}

// outcomes writes the checks of one state, by place.
func (t texter) outcomes(b *strings.Builder, state string) {
	var rows []report.Check
	for _, c := range t.r.Checks {
		if c.State == state {
			rows = append(rows, c)
		}
	}
	slices.SortStableFunc(rows, func(x, y report.Check) int {
		return cmp.Or(cmp.Compare(x.Location, y.Location), cmp.Compare(x.Line, y.Line))
	})
	for _, c := range rows {
		where := c.Location
		if c.Line > 0 {
			where += fmt.Sprintf(":%d", c.Line)
		}
		if where != "" {
			where += ": "
		}
		severity := string(c.Severity)
		if state == report.CheckUndecided {
			severity = "undecided"
		}
		// Neutralised as a whole: its parts must not make a command together.
		line := plainLong(where + severity + ": " + c.ID + " " + c.Title + ": " + c.Reason)
		if t.color {
			line = strings.Replace(line, severity+": ", t.paint(severityColor(c.Severity), severity)+": ", 1)
		}
		fmt.Fprintf(b, "%s\n", line)
		if c.Remedy != "" {
			fmt.Fprintf(b, "    remedy: %s\n", plainLong(c.Remedy))
		}
	}
}

// scoreLine sums up the checks, in one line for people; "" when there are none.
func scoreLine(r *report.Report) string {
	if r.Compliance == nil {
		return ""
	}
	c := r.Compliance
	text := fmt.Sprintf("%d of %s passed", c.Passed, plural(c.Applicable(), "check"))
	if r.Score != nil {
		text = "Score " + r.Score.Card + unseen(r.Score) + ". " + text
	}
	if c.Failed > 0 {
		text += fmt.Sprintf(", %d failed", c.Failed)
	}
	if c.Undecided > 0 {
		text += fmt.Sprintf(", %d could not decide", c.Undecided)
	}
	return text + "."
}

// unseen tells how many of the twelve nothing was there for, such as files without an
// image: they are neither passed nor failed.
func unseen(s *report.Score) string {
	n := 0
	for _, item := range s.Items {
		if item.State == report.CheckNotApplicable {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (nothing to look at for %d)", n)
}
