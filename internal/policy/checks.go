package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// EvaluateChecks applies the rule about checks alone, to a report about files or a
// container, in which there is no image to judge.
func EvaluateChecks(r *report.Report, p Policy) report.Verdict {
	return conclude(append(checks(r, p, time.Time{}), observed(r, p, time.Time{})...))
}

// checks fails on hardening checks at or above the limit. A check that could not
// decide is no failure and no pass: it is told as a warning. That the stage could not
// look is told by [observed].
func checks(r *report.Report, p Policy, _ time.Time) []report.Rule {
	if p.FailOnCheck == "" {
		return nil
	}
	const name = "fail-on-check"
	var failed, undecided []string
	n := 0
	for _, c := range r.Checks {
		if !c.Severity.AtLeast(p.FailOnCheck) || strings.HasPrefix(c.ID, claimID) { // claims have a rule of their own
			continue
		}
		switch c.State {
		case report.CheckFailed:
			n++
			failed = append(failed, c.ID+place(c))
		case report.CheckUndecided:
			undecided = append(undecided, c.ID+place(c))
		}
	}
	var out []report.Rule
	if n > 0 {
		out = append(out, report.Rule{Name: name, Result: report.Fail, Message: fmt.Sprintf("%s at or above %s: %s",
			outcomes(n, "finding of the hardening checks", "findings of the hardening checks"), p.FailOnCheck, strings.Join(first(failed), ", "))})
	}
	if s := stage(r, report.StageHarden); s.State == report.Skipped {
		out = append(out, report.Rule{Name: name, Result: report.Error, Message: "hardening was not decided: " + s.Reason})
	}
	if len(undecided) > 0 {
		out = append(out, report.Rule{Name: name, Result: report.Warn, Message: fmt.Sprintf("%s at or above %s could not decide: %s",
			outcomes(len(undecided), "hardening check", "hardening checks"), p.FailOnCheck, strings.Join(first(undecided), ", "))})
	}
	if len(out) == 0 {
		return one(name, report.Pass, fmt.Sprintf("no finding of the hardening checks at or above %s", p.FailOnCheck))
	}
	return out
}

// place is where a finding is, for a sentence.
func place(c report.Check) string {
	switch {
	case c.Location == "":
		return ""
	case c.Line > 0:
		return fmt.Sprintf(" (%s:%d)", c.Location, c.Line)
	}
	return " (" + c.Location + ")"
}

func outcomes(n int, single, several string) string {
	if n == 1 {
		return "1 " + single
	}
	return fmt.Sprintf("%d %s", n, several)
}

// first names some and counts the rest.
func first(names []string) []string {
	names = slices.Compact(slices.Clone(names))
	if len(names) > named {
		names = append(names[:named], fmt.Sprintf("and %d more", len(names)-named))
	}
	return names
}
