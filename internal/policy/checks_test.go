package policy_test

import (
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/policy"
	"github.com/imagegate/imagegate/internal/report"
)

func checked(id string, s report.Severity, state string) func(*report.Report) {
	return func(r *report.Report) {
		r.Checks = append(r.Checks, report.Check{ID: id, Severity: s, State: state, Location: "Dockerfile", Line: 7})
	}
}

func hardening(s report.State) func(*report.Report) {
	return func(r *report.Report) {
		r.Stages = append(r.Stages, report.Stage{Name: report.StageHarden, State: s, Reason: "because of hardening"})
	}
}

func TestChecks(t *testing.T) {
	high := policy.Policy{FailOnCheck: report.High}
	for _, tt := range []struct {
		name   string
		policy policy.Policy
		report *report.Report
		want   report.Result
		reason string
	}{
		{"checks_only_inform", policy.Policy{}, looked(hardening(report.Done), checked("HIG-I001", report.High, report.CheckFailed)), report.Pass, ""},
		{"could_not_look_is_told", policy.Policy{}, looked(hardening(report.Failed)), report.Warn, "because of hardening"},
		{"not_asked_for", policy.Policy{}, looked(hardening(report.Skipped)), report.Pass, ""},
		{"no_engine_is_told", policy.Policy{}, looked(hardening(report.Done), func(r *report.Report) {
			r.Stages = append(r.Stages, report.Stage{Name: report.StageRun, State: report.Failed, Reason: "no engine"})
		}), report.Warn, "no engine"},
		{"at_the_limit", high, looked(hardening(report.Done), checked("HIG-I001", report.High, report.CheckFailed)), report.Fail, "HIG-I001 (Dockerfile:7)"},
		{"below_the_limit", high, looked(hardening(report.Done), checked("HIG-I001", report.Medium, report.CheckFailed)), report.Pass, ""},
		{"passed", high, looked(hardening(report.Done), checked("HIG-I001", report.High, report.CheckPassed)), report.Pass, ""},
		{"undecided_is_a_warning", high, looked(hardening(report.Done), checked("HIG-I001", report.High, report.CheckUndecided)), report.Warn, "could not decide"},
		{"did_not_run", high, looked(), report.Error, "it did not run"},
		{"could_not_look", high, looked(hardening(report.Failed)), report.Error, "because of hardening"},
		{"nothing_to_look_at", high, looked(hardening(report.Missing)), report.Error, "because of hardening"},
		{"a_finding_outranks_what_was_not_seen", high, looked(hardening(report.Failed), checked("HIG-D001", report.Critical, report.CheckFailed)), report.Fail, "HIG-D001"},
		{"no_engine", high, looked(hardening(report.Done), func(r *report.Report) {
			r.Stages = append(r.Stages, report.Stage{Name: report.StageRun, State: report.Failed, Reason: "no engine"})
		}), report.Error, "no engine"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := policy.Evaluate(tt.report, tt.policy, now)
			if v.Result != tt.want {
				t.Errorf("verdict %s %q, want %s", v.Result, v.Reasons, tt.want)
			}
			if text := strings.Join(v.Reasons, "\n"); !strings.Contains(text, tt.reason) {
				t.Errorf("reasons %q do not say %q", text, tt.reason)
			}
		})
	}
}
