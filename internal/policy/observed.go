package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// row is what the policy makes of one kind of observation in one stage.
type row struct {
	// part is for one thing among others, whole for the outcome of the stage.
	part, whole report.Result
	// deciding takes the place of both where the verdict rests on what was not seen.
	deciding report.Result
}

// cell names a row.
type cell struct {
	stage string
	kind  report.Kind
}

// table says what each kind of observation means in each stage. It is the one rule of
// the gate as data: what could not be looked at is never a pass. A cell without a row is
// an error ([rowOf]), and a test walks all of them.
func table() map[cell]row {
	t := map[cell]row{}
	for _, stage := range report.StageNames() {
		t[cell{stage, report.Found}] = row{report.Pass, report.Pass, report.Pass}
		t[cell{stage, report.Information}] = row{report.Pass, report.Pass, report.Pass}
		t[cell{stage, report.LeftOut}] = row{report.Warn, report.Warn, report.Warn}
		t[cell{stage, report.FoundNone}] = row{report.Warn, report.Warn, report.Warn}
		t[cell{stage, report.Unread}] = row{report.Warn, report.Warn, report.Error}
	}
	// Without the image there is nothing to judge.
	t[cell{report.StageResolve, report.Unread}] = row{report.Error, report.Error, report.Error}
	t[cell{report.StagePull, report.Unread}] = row{report.Error, report.Error, report.Error}
	// An empty or unfinished list of packages is no clean bill, whatever is asked of it.
	t[cell{report.StageSBOM, report.FoundNone}] = row{report.Warn, report.Error, report.Error}
	t[cell{report.StageSBOM, report.Unread}] = row{report.Warn, report.Error, report.Error}
	t[cell{report.StageVuln, report.FoundNone}] = row{report.Warn, report.Warn, report.Error}
	// An image may have no attestation and no VEX. What is required has rules of its own.
	t[cell{report.StageAttest, report.FoundNone}] = row{report.Warn, report.Pass, report.Warn}
	t[cell{report.StageVEX, report.FoundNone}] = row{report.Pass, report.Pass, report.Pass}
	t[cell{report.StageHarden, report.FoundNone}] = row{report.Warn, report.Warn, report.Error}
	return t
}

// rowOf returns the row of a cell; what has none must not look harmless.
func rowOf(t map[cell]row, stage string, kind report.Kind) row {
	if r, ok := t[cell{stage, kind}]; ok {
		return r
	}
	return row{report.Error, report.Error, report.Error}
}

// seen is an observation, or the outcome of a whole stage told as one.
type seen struct {
	report.Observation
	whole bool
	// unanswered is a question that a store did not answer: nothing shows that there is
	// something that was not read.
	unanswered bool
}

// kindOf tells the state of a stage as a kind of observation. A stage that nobody asked
// for hides nothing that a rule asks for: such rules look at the state themselves.
func kindOf(s report.State) report.Kind {
	switch s {
	case report.Done:
		return report.Found
	case report.Missing:
		return report.FoundNone
	case report.Failed:
		return report.Unread
	case report.Skipped:
		return report.Information
	default:
		return report.Kind(s) // which has no row
	}
}

// everything lists what the stages saw: their outcomes, their observations, the stores
// that could not be asked and the attestations that were listed and not read.
func everything(r *report.Report) []seen {
	var out []seen
	for _, s := range r.Stages {
		out = append(out, seen{Observation: report.Observation{Stage: s.Name, Kind: kindOf(s.State), Message: s.Reason}, whole: true})
	}
	for _, o := range r.Observations {
		out = append(out, seen{Observation: o})
	}
	unread := func(family, message string, unanswered bool) {
		out = append(out, seen{Observation: report.Observation{Stage: report.StageAttest, Kind: report.Unread, Family: family, Message: message}, unanswered: unanswered})
	}
	if stage(r, report.StageAttest).State != report.Failed { // else its reason names the stores
		for _, p := range r.Discovery {
			if p.State == report.ProbeFailed {
				unread("", p.Store+": "+p.Reason, !p.Partial)
			}
		}
	}
	for _, a := range r.Attestations {
		if a.State == report.Unreadable {
			unread(a.Family, fmt.Sprintf("the %s attestation %s was listed and could not be read: %s", a.Family, a.Digest, a.Reason), false)
		}
	}
	return out
}

// observed judges what the stages saw by the table. Things of one stage, kind and
// result are told together.
func observed(r *report.Report, p Policy, _ time.Time) []report.Rule {
	type group struct {
		cell
		result report.Result
		whole  bool
	}
	by := bench{table(), p, deciding(r, p), suppresses(r), stage(r, report.StageSBOM).State == report.Missing}
	counts, messages := map[group]int{}, map[group][]string{}
	var order []group
	for _, s := range everything(r) {
		result := by.judge(s)
		if result == report.Pass {
			continue
		}
		g := group{cell{s.Stage, s.Kind}, result, s.whole}
		if counts[g] == 0 {
			order = append(order, g)
		}
		counts[g] += s.N()
		if !slices.Contains(messages[g], s.Message) {
			messages[g] = append(messages[g], s.Message)
		}
	}
	var out []report.Rule
	for _, g := range order {
		text := tell(g.cell, g.whole, counts[g], strings.Join(first(messages[g]), "; "))
		out = append(out, report.Rule{Name: ruleOf(g.stage), Result: g.result, Message: text})
	}
	return out
}

// bench is what things that were seen are judged by.
type bench struct {
	rows     map[cell]row
	policy   Policy
	families []string // on which the verdict rests
	// suppressed is set where a statement suppressed a finding, empty where the list of
	// packages is.
	suppressed, empty bool
}

// judge finds the result for one thing that was seen.
func (b bench) judge(s seen) report.Result {
	nothing := s.whole && s.Kind == report.FoundNone
	switch {
	case nothing && s.Stage == report.StageSBOM && b.policy.AllowEmptySBOM:
		return report.Pass
	case nothing && s.Stage == report.StageVuln && b.empty:
		return report.Pass // the list of packages is empty, which is told there
	case !s.whole && s.Kind == report.Unread && s.Stage == report.StageSBOM && b.policy.FailOnUnread:
		return report.Fail
	}
	row := rowOf(b.rows, s.Stage, s.Kind)
	switch {
	case b.restsOn(s):
		return row.deciding
	case s.whole:
		return row.whole
	default:
		return row.part
	}
}

// restsOn reports whether the verdict rests on what was seen, or was not. What is listed
// and was not read may speak against what was read of its family. A store that did not
// answer may have a statement that takes a suppression back; a requirement that is met
// elsewhere does not rest on it, and one that is not met is told by [required]. So may a
// document that is there and could not be read or verified.
func (b bench) restsOn(s seen) bool {
	switch s.Stage {
	case report.StageAttest:
		if s.unanswered {
			return b.suppressed
		}
		return mayBe(s.Family, b.families)
	case report.StageVEX: // a source that was not reached as a whole has no family
		return s.Kind == report.Unread && s.Family == familyVEX && b.suppressed
	case report.StageVuln:
		return s.whole && (b.policy.FailOnSeverity != "" || b.policy.NeedFindings)
	case report.StageHarden, report.StageRun:
		return s.whole && b.policy.FailOnCheck != ""
	default:
		return false
	}
}

// deciding lists the families of attestations on which the verdict rests: those that
// are required, and vex where a statement suppressed a finding.
func deciding(r *report.Report, p Policy) []string {
	out := slices.Clone(p.Require)
	if !slices.Contains(out, familyVEX) && suppresses(r) {
		out = append(out, familyVEX)
	}
	return out
}

// suppresses reports whether a statement suppressed a finding.
func suppresses(r *report.Report) bool {
	return slices.ContainsFunc(r.Vulnerabilities, func(v report.Vulnerability) bool { return v.Decision.Status == report.Suppressed })
}

const familyVEX = "vex"

// mayBe reports whether something of a family may be of one of families: what is not known
// may be any.
func mayBe(family string, families []string) bool {
	unknown := family == "" || family == report.FamilyUnknown
	return len(families) > 0 && unknown || slices.Contains(families, family)
}

// ruleOf is the name under which a stage's observations are told.
func ruleOf(stage string) string {
	switch stage {
	case report.StageResolve, report.StagePull:
		return "image"
	case report.StageVuln:
		return "matching"
	default:
		return stage
	}
}

// tell makes a sentence of what was seen.
func tell(c cell, whole bool, n int, what string) string {
	if whole {
		return outcome(c) + what
	}
	things := outcomes(n, "thing", "things")
	switch c.kind {
	case report.Unread:
		return fmt.Sprintf("%s: could not look at %s: %s", c.stage, things, what)
	case report.LeftOut:
		return fmt.Sprintf("%s: left out %s: %s", c.stage, things, what)
	case report.FoundNone:
		return fmt.Sprintf("%s: %s", c.stage, what)
	default:
		return fmt.Sprintf("%s: %s of kind %q: %s", c.stage, things, c.kind, what)
	}
}

// outcome begins the sentence about a stage that did not look, or found nothing where
// something belongs.
func outcome(c cell) string {
	switch c.stage {
	case report.StageResolve:
		return "nothing was looked at: "
	case report.StagePull:
		return "the image could not be read: "
	case report.StageSBOM:
		if c.kind == report.FoundNone {
			return "no package was found, so nothing was shown to be free of vulnerabilities (allow-empty-sbom accepts that): "
		}
		return "the packages of the image could not be listed: "
	case report.StageAttest:
		return "attestations could not be looked for: "
	case report.StageVuln:
		return "vulnerabilities were not decided: "
	case report.StageVEX:
		return "VEX was not decided: "
	case report.StageHarden:
		return "hardening was not decided: "
	case report.StageRun:
		return "the running container was not decided: "
	default:
		return c.stage + " was not decided: "
	}
}
