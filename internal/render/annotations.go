package render

import (
	"fmt"
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

// MaxAnnotations is how many annotations of one level the runner shows for one step;
// it drops the rest without a word.
const MaxAnnotations = 10

// Annotation is one remark beside the workflow run or the code.
type Annotation struct {
	// Level is error, warning or notice.
	Level   string
	Title   string
	Message string
	// File and Line are where, when the caller named a place.
	File string
	Line int
}

// Annotations chooses what is shown beside the run, gravest first: the reasons of the
// verdict, then the findings and checks that fail the gate as errors; then, as warnings,
// what could not be seen, what is not genuine, and the other failed checks. At most [MaxAnnotations] of each level;
// the last one says how many more there are. A pass is one notice. file and line name
// the place that the remarks belong to, such as the FROM line of a Dockerfile; file
// may be empty.
func Annotations(r *report.Report, file string, line int) []Annotation {
	r = r.Canonical()
	at := func(level, title, message string) Annotation {
		return Annotation{Level: level, Title: cut(clean(title), maxWord), Message: cut(clean(message), maxSentence), File: file, Line: line}
	}
	title := Product + ": " + verdictWord(r.Verdict.Result) + " " + imageName(r.Subject)
	var errs, warnings, notices []Annotation
	for _, reason := range r.Verdict.Reasons {
		switch r.Verdict.Result {
		case report.Pass:
		case report.Warn:
			warnings = append(warnings, at("warning", title, reason))
		case report.Fail, report.Error:
			errs = append(errs, at("error", title, reason))
		default:
			errs = append(errs, at("error", title, reason))
		}
	}
	switch {
	case r.Verdict.Result == report.Pass:
		notices = append(notices, at("notice", title, passMessage(r)))
	case r.Verdict.Result == report.Warn && len(warnings) == 0:
		warnings = append(warnings, at("warning", title, "The report gives no reason."))
	case r.Verdict.Result != report.Warn && len(errs) == 0:
		errs = append(errs, at("error", title, "The report gives no reason."))
	}
	open, _ := split(r)
	for _, v := range open {
		if failsGate(r, v) {
			errs = append(errs, at("error", findingTitle(v), findingMessage(v)))
		}
	}
	for _, a := range r.Attestations {
		switch a.State {
		case report.Invalid:
			warnings = append(warnings, at("warning", "Invalid "+a.Family+" attestation", a.Digest+": "+a.Reason))
		case report.Unreadable:
			warnings = append(warnings, at("warning", "Unreadable "+a.Family+" attestation", a.Digest+": "+a.Reason))
		case report.Verified, report.Unverified:
		}
	}
	for _, s := range r.Stages {
		if s.State == report.Failed || s.State == report.Missing {
			warnings = append(warnings, at("warning", s.Name+" "+string(s.State), strings.TrimSuffix(s.Reason, ".")+hint(s.Hint)))
		}
	}
	for _, o := range r.Observations {
		if !note(o) {
			warnings = append(warnings, at("warning", o.Stage+" "+kindWord(o.Kind), o.Message))
		}
	}
	for _, c := range checksByGravity(r) {
		if c.State != report.CheckFailed {
			continue
		}
		a := at("warning", c.ID+" ("+string(c.Severity)+")", c.Title+". "+c.Reason)
		if f, ok := relativePath(c.Location); ok && c.Line > 0 {
			a.File, a.Line = f, c.Line
		}
		if failsCheck(r, c) {
			a.Level = "error"
			errs = append(errs, a)
		} else {
			warnings = append(warnings, a)
		}
	}
	return append(append(limit(errs), limit(warnings)...), limit(notices)...)
}

// limit keeps the first of one level and lets the last say how many more there are.
func limit(as []Annotation) []Annotation {
	if len(as) <= MaxAnnotations {
		return as
	}
	kept := as[: MaxAnnotations-1 : MaxAnnotations-1]
	return append(kept, Annotation{
		Level: as[0].Level, Title: Product, File: as[0].File, Line: as[0].Line,
		Message: fmt.Sprintf("%d more of this kind are in the job summary and in %s.", len(as)-len(kept), report.FileReport),
	})
}

func passMessage(r *report.Report) string {
	if len(r.Verdict.Reasons) > 0 {
		return r.Verdict.Reasons[0]
	}
	return fmt.Sprintf("%s open, %d suppressed.", plural(r.Counts.Open(), "finding"), r.Counts.Suppressed)
}

func findingTitle(v report.Vulnerability) string {
	return v.ID + " (" + string(v.Severity) + ") in " + v.Package.Name
}

// findingMessage is one or two sentences about a finding: where it is, where it is
// fixed, and what VEX says.
func findingMessage(v report.Vulnerability) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", v.Package.Name, v.Package.Version)
	if v.Package.Type != "" {
		fmt.Fprintf(&b, " (%s)", v.Package.Type)
	}
	fmt.Fprintf(&b, " is affected by %s, severity %s.", v.ID, v.Severity)
	switch {
	case len(v.Fix.Versions) > 0:
		b.WriteString(" Fixed in " + fixText(v.Fix))
		if d := day(v.Fix.Available); d != "" {
			b.WriteString(" since " + d)
		}
		b.WriteString(".")
	case v.Fix.State == report.FixNotFixed, v.Fix.State == report.FixWontFix, v.Fix.State == report.FixFixed:
		b.WriteString(" State of the fix: " + fixText(v.Fix) + ".")
	default:
		b.WriteString(" No fix is known.")
	}
	if v.KEV {
		b.WriteString(" It is known to be exploited (CISA KEV).")
	}
	switch {
	case v.Decision.Reason != "":
		b.WriteString(" VEX: " + strings.TrimSuffix(v.Decision.Reason, ".") + ".")
	case v.Decision.Status == report.Suppressed:
		b.WriteString(" VEX: " + reasonOf(v.Decision) + ".")
	}
	return b.String()
}

func hint(h string) string {
	if h == "" {
		return "."
	}
	return ". Next step: " + h
}
