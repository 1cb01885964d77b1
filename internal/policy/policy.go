// Package policy turns a report into a verdict. It is pure: it reads the report, the
// policy and the time that it is given, and does nothing else, so that the same
// evidence always gives the same verdict.
//
// It guarantees three things. What could not be looked at is never a pass. A definite
// failure outranks missing evidence, which outranks a warning. Each rule that was
// applied leaves one [report.Rule] with what it found, also when it passed.
//
// Start reading at [Evaluate].
package policy

import (
	"cmp"
	"slices"
	"time"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
)

// Policy is what the user wants. The zero value lets everything pass that could be
// looked at.
type Policy struct {
	// FailOnSeverity fails on an open finding that is at least this severe; "" switches
	// the rule off, and then findings need not even be had.
	FailOnSeverity report.Severity
	// OnlyFixed lets only findings with a fix count.
	OnlyFixed bool
	// UnknownSeverity says as what a finding counts that nobody rated
	// ([report.Vulnerability.CountsAs]); "" means auto.
	UnknownSeverity string
	// NeedFindings makes it an error, also without FailOnSeverity, when vulnerabilities
	// could not be looked for: the run is about nothing else.
	NeedFindings bool
	// FailOnUnread fails on a file whose packages could not be listed; without it that is a
	// warning.
	FailOnUnread bool
	// Require are the predicate families that must be there and verified.
	Require []string
	// MaxAge fails on an image that is older; 0 switches the rule off.
	MaxAge time.Duration
	// FailOnEOL fails past the end of life; without it that is a warning.
	FailOnEOL bool
	// FailOnCheck fails on a hardening check of this severity or above that failed; ""
	// switches the rule off, and then checks need not even be had.
	FailOnCheck report.Severity
	// VEXLimits bound how many decisions may be doubtful.
	VEXLimits []VEXLimit
	// VEXObjection is what a suppression comes to against which a newer statement stands
	// that is not verified; "" switches the rule off.
	VEXObjection report.Result
	// MaxDrift is how many differences between the signed SBOM and the image are accepted;
	// nil accepts any number, and none to compare with.
	MaxDrift *int
	// AllowEmptySBOM accepts an image in which no package was found.
	AllowEmptySBOM bool
}

// rule applies one rule; the empty list means that it does not apply.
type rule func(r *report.Report, p Policy, now time.Time) []report.Rule

// rules lists every rule, in the order in which equal results are told.
func rules() []rule {
	return []rule{integrity, required, severity, observed, packages, endOfLife, age, claimed, drifted, checks, database, refusedVEX, unverifiedVEX, objectedVEX, hygiene}
}

// Evaluate applies p to r, which speaks of one platform, at the time now. When there
// is no image to speak of, the other rules have nothing to add.
func Evaluate(r *report.Report, p Policy, now time.Time) report.Verdict {
	if stage(r, report.StageResolve).State == report.Failed {
		return conclude(observed(r, p, now))
	}
	var applied []report.Rule
	for _, apply := range rules() {
		applied = append(applied, apply(r, p, now)...)
	}
	return conclude(applied)
}

// Join makes one verdict of the verdicts of several platforms: the worst one, with
// every reason under its platform's name.
func Join(platforms []report.Platform, verdicts []report.Verdict) report.Verdict {
	var applied []report.Rule
	for i, v := range verdicts {
		for _, rule := range v.Rules {
			rule.Platform = platforms[i].Platform
			applied = append(applied, rule)
		}
	}
	return conclude(applied)
}

// conclude sorts the rules by result, worst first, and takes the worst for the whole.
func conclude(applied []report.Rule) report.Verdict {
	slices.SortStableFunc(applied, func(a, b report.Rule) int { return cmp.Compare(rank(b.Result), rank(a.Result)) })
	v := report.Verdict{Result: report.Pass, Reasons: []string{}, Rules: applied}
	if len(applied) > 0 {
		v.Result = applied[0].Result
	}
	for _, rule := range applied {
		if v.Result != report.Pass && rule.Result == report.Pass {
			continue // a verdict that is not a pass is explained by what is in its way
		}
		text := rule.Message
		if rule.Platform != "" {
			text = rule.Platform + ": " + text
		}
		if !slices.Contains(v.Reasons, text) {
			v.Reasons = append(v.Reasons, text)
		}
	}
	return v
}

// rank orders results: a definite failure first, then missing evidence.
func rank(r report.Result) int {
	switch r {
	case report.Fail:
		return 3
	case report.Error:
		return 2
	case report.Warn:
		return 1
	case report.Pass:
		return 0
	default:
		return 3 // an unknown result must not look harmless
	}
}

// ExitCode is the exit code of a verdict.
func ExitCode(r report.Result) fault.Code {
	switch r {
	case report.Pass, report.Warn:
		return fault.OK
	case report.Fail:
		return fault.Policy
	case report.Error:
		return fault.Unavailable
	default:
		return fault.Internal
	}
}

// stage returns the outcome of a stage; one that left none did not run.
func stage(r *report.Report, name string) report.Stage {
	for _, s := range r.Stages {
		if s.Name == name {
			return s
		}
	}
	return report.Stage{Name: name, State: report.Skipped, Reason: "it did not run"}
}

// one is the outcome of a rule that says one thing.
func one(name string, result report.Result, message string) []report.Rule {
	return []report.Rule{{Name: name, Result: result, Message: message}}
}
