package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// Whoever adds a stage, a kind or a state has to say here what the policy makes of it.
func TestEachKindOfEachStageHasARow(t *testing.T) {
	rows := table()
	for _, stage := range report.StageNames() {
		for _, kind := range report.Kinds() {
			row, ok := rows[cell{stage, kind}]
			if !ok {
				t.Errorf("no row for %s in stage %s", kind, stage)
			}
			for name, result := range map[string]report.Result{"part": row.part, "whole": row.whole, "deciding": row.deciding} {
				switch kind {
				case report.Unread, report.LeftOut:
					if rank(result) < rank(report.Warn) {
						t.Errorf("%s in stage %s (%s) is %s, want at least a warning", kind, stage, name, result)
					}
				case report.Found, report.Information:
					if result != report.Pass {
						t.Errorf("%s in stage %s (%s) is %s", kind, stage, name, result)
					}
				case report.FoundNone:
					if _, known := map[report.Result]bool{report.Pass: true, report.Warn: true, report.Error: true}[result]; !known {
						t.Errorf("%s in stage %s (%s) is %q", kind, stage, name, result)
					}
				default:
					t.Errorf("the test does not know the kind %s", kind)
				}
			}
			delete(rows, cell{stage, kind})
		}
		for _, s := range []report.State{report.Done, report.Missing, report.Failed, report.Skipped} {
			if _, ok := table()[cell{stage, kindOf(s)}]; !ok {
				t.Errorf("no row for state %s of stage %s", s, stage)
			}
		}
	}
	for c := range rows {
		t.Errorf("a row for %s in stage %s, which is none", c.kind, c.stage)
	}
}

// What has no row is an error, and never harmless.
func TestWhatHasNoRowIsAnError(t *testing.T) {
	for _, o := range []report.Observation{{Stage: "new stage", Kind: report.Information}, {Stage: report.StageSBOM, Kind: "new kind"}, {}} {
		r := &report.Report{Observations: []report.Observation{o}}
		if v := conclude(observed(r, Policy{}, time.Time{})); v.Result != report.Error {
			t.Errorf("%+v gives %s %q, want error", o, v.Result, v.Reasons)
		}
	}
	r := &report.Report{Stages: []report.Stage{{Name: report.StageVEX, State: "new state"}}}
	if v := conclude(observed(r, Policy{}, time.Time{})); v.Result != report.Error {
		t.Errorf("an unknown state gives %s %q, want error", v.Result, v.Reasons)
	}
}

// An observation of each stage that could not look changes the verdict, whatever the
// policy asks for.
func TestNothingUnseenPasses(t *testing.T) {
	for _, stage := range report.StageNames() {
		for _, kind := range []report.Kind{report.Unread, report.LeftOut} {
			r := &report.Report{Observations: []report.Observation{{Stage: stage, Kind: kind, Message: "a page", Count: 7}}}
			v := conclude(observed(r, Policy{}, time.Time{}))
			if v.Result == report.Pass || !strings.Contains(strings.Join(v.Reasons, "\n"), "7 things: a page") {
				t.Errorf("%s in %s gives %s %q", kind, stage, v.Result, v.Reasons)
			}
		}
	}
}

// A VEX document that could not be read may take back a statement that suppressed; a source
// that was not reached as a whole is a warning.
func TestUnreadVEXDecidesWhereOneSuppressed(t *testing.T) {
	for _, tt := range []struct {
		family string
		status report.DecisionStatus
		want   report.Result
	}{
		{"vex", report.Suppressed, report.Error}, {"vex", report.Open, report.Warn}, {"", report.Suppressed, report.Warn},
	} {
		r := &report.Report{Observations: []report.Observation{{Stage: report.StageVEX, Kind: report.Unread, Family: tt.family, Message: "a.vex.json"}},
			Vulnerabilities: []report.Vulnerability{{ID: "CVE-1", Decision: report.Decision{Status: tt.status}}}}
		if v := conclude(observed(r, Policy{}, time.Time{})); v.Result != tt.want {
			t.Errorf("family %q, a finding that is %s: %s, want %s", tt.family, tt.status, v.Result, tt.want)
		}
	}
}

func TestUnreadFilesFailWhenAsked(t *testing.T) {
	r := &report.Report{Observations: []report.Observation{{Stage: report.StageSBOM, Kind: report.Unread, Message: "a.jar"}}}
	for ask, want := range map[bool]report.Result{false: report.Warn, true: report.Fail} {
		if v := conclude(observed(r, Policy{FailOnUnread: ask}, time.Time{})); v.Result != want {
			t.Errorf("fail-on-unread %t gives %s, want %s", ask, v.Result, want)
		}
	}
}

func TestManyThingsAreCountedAndSomeNamed(t *testing.T) {
	r := &report.Report{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		r.Observations = append(r.Observations, report.Observation{Stage: report.StageSBOM, Kind: report.Unread, Message: name})
	}
	v := conclude(observed(r, Policy{}, time.Time{}))
	if want := "sbom: could not look at 7 things: a; b; c; d; e; and 2 more"; len(v.Reasons) != 1 || v.Reasons[0] != want {
		t.Errorf("reasons are %q, want %q", v.Reasons, want)
	}
}

// A stage that ended without a state is not one that was not asked for.
func TestStageWithoutAStateIsAnError(t *testing.T) {
	for _, stage := range report.StageNames() {
		r := &report.Report{Stages: []report.Stage{{Name: stage}}}
		if v := conclude(observed(r, Policy{}, time.Time{})); v.Result != report.Error {
			t.Errorf("%s without a state gives %s %q, want error", stage, v.Result, v.Reasons)
		}
	}
}
