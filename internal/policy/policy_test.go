package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/policy"
	"github.com/imagegate/imagegate/internal/report"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// looked is a report in which every stage did its work and found nothing bad.
func looked(change ...func(*report.Report)) *report.Report {
	r := &report.Report{Database: report.Database{State: report.Done}}
	for _, s := range []string{report.StageResolve, report.StagePull, report.StageSBOM, report.StageAttest, report.StageVuln, report.StageVEX} {
		r.Stages = append(r.Stages, report.Stage{Name: s, State: report.Done})
	}
	for _, f := range change {
		f(r)
	}
	return r
}

func state(name string, s report.State) func(*report.Report) {
	return func(r *report.Report) {
		for i := range r.Stages {
			if r.Stages[i].Name == name {
				r.Stages[i].State, r.Stages[i].Reason = s, "because of "+name
			}
		}
	}
}

func finding(s report.Severity, status report.DecisionStatus, fix string) func(*report.Report) {
	return func(r *report.Report) {
		r.Vulnerabilities = append(r.Vulnerabilities, report.Vulnerability{
			ID: "CVE-2026-1", Severity: s, Package: report.Package{Name: "p", Version: "1"},
			Fix: report.Fix{State: fix}, Decision: report.Decision{Status: status},
		})
	}
}

func attested(family string, s report.AttestationState) func(*report.Report) {
	return func(r *report.Report) {
		r.Attestations = append(r.Attestations, report.Attestation{Family: family, State: s, Digest: "sha256:aa", Reason: "its reason"})
	}
}

func hollow(family string) func(*report.Report) {
	return func(r *report.Report) {
		r.Attestations = append(r.Attestations, report.Attestation{Family: family, State: report.Verified, Digest: "sha256:bb", Defect: "no statement"})
	}
}

func exploited(r *report.Report) { r.Vulnerabilities[len(r.Vulnerabilities)-1].KEV = true }

func saw(stage string, kind report.Kind, message string) report.Observation {
	return report.Observation{Stage: stage, Kind: kind, Message: message}
}

func refused(trust string) func(*report.Report) {
	return func(r *report.Report) {
		r.VEX.Documents = append(r.VEX.Documents, report.VEXDocument{State: "rejected", Trust: trust, Reason: "an HTML page"})
	}
}

// objected are suppressed findings against which somebody unknown objects.
func objected(n int) func(*report.Report) {
	yesterday := now.Add(-24 * time.Hour)
	return func(r *report.Report) {
		for range n {
			r.Vulnerabilities = append(r.Vulnerabilities, report.Vulnerability{ID: "CVE-2026-1", Severity: report.Low, Package: report.Package{Name: "p", Version: "1"},
				Decision: report.Decision{Status: report.Suppressed, Statement: &report.Statement{Status: "not_affected", Timestamp: &yesterday, Document: "sha256:old"},
					Objection: &report.Statement{Status: "affected", Document: "sha256:new"}}})
		}
	}
}

func created(t time.Time) func(*report.Report) {
	return func(r *report.Report) { r.Subject.Created = &t }
}

func endOfLife(t time.Time) func(*report.Report) {
	return func(r *report.Report) { r.Subject.EndOfLife = &t }
}

func drift(n int) func(*report.Report) {
	return func(r *report.Report) {
		r.SBOM.Drift = &report.SBOMDriftReport{}
		for range n {
			r.SBOM.Drift.Items = append(r.SBOM.Drift.Items, report.Drift{Kind: "version", Name: "p", Attested: "1", Found: "2"})
		}
	}
}

func number(n int) *int { return &n }

func claim(state string, enforced bool) func(*report.Report) {
	return func(r *report.Report) {
		r.Checks = append(r.Checks, report.Check{ID: "HIG-ATT-011", Title: "Builder", State: state, Reason: "its reason", Location: "provenance", Enforced: enforced})
	}
}

func TestEvaluate(t *testing.T) {
	day := 24 * time.Hour
	high := policy.Policy{FailOnSeverity: report.High}
	vex := policy.Policy{Require: []string{"vex"}}
	for _, tt := range []struct {
		name   string
		report *report.Report
		policy policy.Policy
		want   report.Result
		says   string
	}{
		{"nothing_found", looked(), high, report.Pass, "no open finding at or above high"},
		{"open_at_the_limit", looked(finding(report.High, report.Open, "")), high, report.Fail, "1 open finding at or above high: 1 high; CVE-2026-1 in p 1"},
		{"unrated_without_a_fix_warns", looked(finding(report.Unknown, report.Open, "")), high, report.Warn, "nobody rated 1 open finding: 1 unknown; CVE-2026-1 in p 1"},
		{"unrated_with_a_fix_is_at_the_limit", looked(finding(report.Unknown, report.Open, report.FixFixed)), high, report.Fail, "1 open finding at or above high: 1 unknown"},
		{"unrated_without_a_fix_under_only_fixed", looked(finding(report.Unknown, report.Open, "")), policy.Policy{FailOnSeverity: report.High, OnlyFixed: true}, report.Pass, ""},
		{"unrated_fails", looked(finding(report.Unknown, report.Open, "")), policy.Policy{FailOnSeverity: report.High, UnknownSeverity: report.UnratedFail}, report.Fail, ""},
		{"unrated_only_warns", looked(finding(report.Unknown, report.Open, report.FixFixed)), policy.Policy{FailOnSeverity: report.High, UnknownSeverity: report.UnratedWarn}, report.Warn, ""},
		{"unrated_is_ignored", looked(finding(report.Unknown, report.Open, report.FixFixed)), policy.Policy{FailOnSeverity: report.High, UnknownSeverity: report.UnratedIgnore}, report.Pass, ""},
		{"unrated_is_medium", looked(finding(report.Unknown, report.Open, "")), policy.Policy{FailOnSeverity: report.High, UnknownSeverity: "medium"}, report.Pass, ""},
		{"unrated_is_high", looked(finding(report.Unknown, report.Open, "")), policy.Policy{FailOnSeverity: report.High, UnknownSeverity: "high"}, report.Fail, ""},
		{"exploited_is_critical", looked(finding(report.Negligible, report.Open, ""), exploited), policy.Policy{FailOnSeverity: report.Critical}, report.Fail, ""},
		{"exploited_without_a_fix_under_only_fixed", looked(finding(report.Low, report.Open, ""), exploited), policy.Policy{FailOnSeverity: report.Critical, OnlyFixed: true}, report.Pass, "(1 without one)"},
		{"exploited_and_suppressed", looked(finding(report.Low, report.Suppressed, ""), exploited), policy.Policy{FailOnSeverity: report.Critical}, report.Pass, ""},
		{"open_below_the_limit", looked(finding(report.Medium, report.Open, "")), high, report.Pass, ""},
		{"suppressed_does_not_count", looked(finding(report.Critical, report.Suppressed, "")), high, report.Pass, ""},
		{"only_fixed_passes_without_a_fix", looked(finding(report.High, report.Open, report.FixNotFixed)), policy.Policy{FailOnSeverity: report.High, OnlyFixed: true}, report.Pass, "(1 without one)"},
		{"only_fixed_fails_with_a_fix", looked(finding(report.High, report.Open, report.FixFixed)), policy.Policy{FailOnSeverity: report.High, OnlyFixed: true}, report.Fail, ""},
		{"severity_off_ignores_findings", looked(finding(report.Critical, report.Open, "")), policy.Policy{}, report.Pass, ""},

		{"not_matched_is_no_pass", looked(state(report.StageVuln, report.Failed)), high, report.Error, "because of vulnerabilities"},
		{"no_data_is_no_pass", looked(state(report.StageVuln, report.Missing)), high, report.Error, "were not decided"},
		{"not_matched_warns_without_the_severity_rule", looked(state(report.StageVuln, report.Failed)), policy.Policy{}, report.Warn, "because of vulnerabilities"},
		{"not_matched_where_the_run_is_about_nothing_else", looked(state(report.StageVuln, report.Failed)), policy.Policy{NeedFindings: true}, report.Error, "because of vulnerabilities"},
		{"not_asked_to_match_under_the_severity_rule", looked(state(report.StageVuln, report.Skipped)), high, report.Error, "because of vulnerabilities"},
		{"vex_not_decided_is_told", looked(state(report.StageVEX, report.Failed)), high, report.Warn, "because of vex"},
		{"finding_outranks_missing_evidence", looked(finding(report.High, report.Open, ""), state(report.StageAttest, report.Failed)), policy.Policy{FailOnSeverity: report.High, Require: []string{"vex"}}, report.Fail, ""},
		{"no_packages_is_no_pass", looked(state(report.StageSBOM, report.Missing), state(report.StageVuln, report.Missing)), high, report.Error, "no package was found"},
		{"no_packages_accepted", looked(state(report.StageSBOM, report.Missing), state(report.StageVuln, report.Missing)), policy.Policy{FailOnSeverity: report.High, AllowEmptySBOM: true}, report.Pass, "this policy accepts"},
		{"sbom_failed", looked(state(report.StageSBOM, report.Failed)), policy.Policy{}, report.Error, "could not be listed"},
		{"image_unreadable", looked(state(report.StagePull, report.Failed)), policy.Policy{}, report.Error, "could not be read: "},

		{"required_and_verified", looked(attested("vex", report.Verified)), vex, report.Pass, "verified: vex"},
		{"required_and_absent", looked(), vex, report.Fail, "none was found"},
		{"required_and_unverified", looked(attested("vex", report.Unverified)), vex, report.Fail, "not verified: its reason"},
		{"required_and_invalid", looked(attested("vex", report.Invalid)), vex, report.Fail, "sha256:aa is invalid"},
		{"invalid_beside_verified_fails", looked(attested("vex", report.Verified), attested("vex", report.Invalid)), vex, report.Fail, "is invalid"},
		{"invalid_of_another_family_warns", looked(attested("vex", report.Verified), attested("tests", report.Invalid)), vex, report.Warn, "tests attestation"},
		{"required_and_could_not_look", looked(state(report.StageAttest, report.Failed)), vex, report.Error, "could not be looked for"},
		{"one_store_failed", looked(func(r *report.Report) {
			r.Discovery = []report.Probe{{Store: "s", State: report.ProbeFailed, Reason: "401"}}
		}), vex, report.Error, "s: 401"},
		{"verified_though_one_store_failed", looked(attested("vex", report.Verified), func(r *report.Report) {
			r.Discovery = []report.Probe{{Store: "s", State: report.ProbeFailed, Reason: "401"}}
		}), vex, report.Warn, "s: 401"},
		{"verified_though_a_list_was_cut", looked(attested("vex", report.Verified), func(r *report.Report) {
			r.Discovery = []report.Probe{{Store: "s", State: report.ProbeFailed, Partial: true, Reason: "the first 1000"}}
		}), vex, report.Error, "s: the first 1000"},
		{"one_store_failed_and_nothing_rests_on_it", looked(attested("tests", report.Verified), func(r *report.Report) {
			r.Discovery = []report.Probe{{Store: "s", State: report.ProbeFailed, Reason: "401"}}
		}), policy.Policy{}, report.Warn, "s: 401"},
		{"one_store_failed_beside_a_suppression", looked(finding(report.High, report.Suppressed, ""), func(r *report.Report) {
			r.Discovery = []report.Probe{{Store: "s", State: report.ProbeFailed, Reason: "401"}}
		}), high, report.Error, "s: 401"},
		{"unreadable_beside_verified", looked(attested("vex", report.Verified), attested("vex", report.Unreadable)), vex, report.Error, "listed and could not be read"},
		{"unreadable_alone", looked(attested("vex", report.Unreadable)), vex, report.Error, "one was listed and could not be read: its reason"},
		{"unreadable_beside_unverified", looked(attested("vex", report.Unverified), attested("vex", report.Unreadable)), vex, report.Error, ""},
		{"unreadable_of_any_family", looked(attested("vex", report.Verified), attested(report.FamilyUnknown, report.Unreadable)), vex, report.Error, ""},
		{"unreadable_of_any_family_alone", looked(attested(report.FamilyUnknown, report.Unreadable)), vex, report.Error, "one was listed"},
		{"unreadable_of_another_family", looked(attested("vex", report.Verified), attested("tests", report.Unreadable)), vex, report.Warn, "the tests attestation"},
		{"unreadable_beside_a_suppression", looked(finding(report.High, report.Suppressed, ""), attested("vex", report.Unreadable)), high, report.Error, ""},
		{"unreadable_and_nothing_rests_on_it", looked(attested("vex", report.Unreadable)), high, report.Warn, ""},
		{"invalid_of_any_family", looked(attested("vex", report.Verified), attested(report.FamilyUnknown, report.Invalid)), vex, report.Fail, "is invalid"},
		{"invalid_beside_a_suppression", looked(finding(report.High, report.Suppressed, ""), attested("vex", report.Invalid)), high, report.Fail, "is invalid"},
		{"of_two_families_one_is_not_there", looked(attested("sbom", report.Verified)), vex, report.Fail, "none was found"},
		{"verified_and_empty", looked(hollow("vex")), vex, report.Error, "could not be read as one: no statement"},
		{"verified_and_empty_beside_a_good_one", looked(attested("vex", report.Verified), hollow("vex")), vex, report.Pass, "verified: vex"},
		{"not_asked_to_look", looked(state(report.StageAttest, report.Skipped)), policy.Policy{}, report.Pass, ""},
		{"not_asked_to_look_and_required", looked(state(report.StageAttest, report.Skipped)), vex, report.Error, "could not be looked for"},
		{"could_not_look_and_nothing_required", looked(state(report.StageAttest, report.Failed)), policy.Policy{}, report.Warn, ""},

		{"past_end_of_life_warns", looked(endOfLife(now.Add(-day))), policy.Policy{}, report.Warn, "2026-04-30"},
		{"past_end_of_life_fails_when_asked", looked(endOfLife(now.Add(-day))), policy.Policy{FailOnEOL: true}, report.Fail, ""},
		{"end_of_life_ahead", looked(endOfLife(now.Add(day))), policy.Policy{FailOnEOL: true}, report.Pass, ""},
		{"end_of_life_unknown_is_no_pass", looked(), policy.Policy{FailOnEOL: true}, report.Warn, "not known"},
		{"young", looked(created(now.Add(-day))), policy.Policy{MaxAge: 7 * day}, report.Pass, ""},
		{"old", looked(created(now.Add(-8 * day))), policy.Policy{MaxAge: 7 * day}, report.Fail, "8 days old, more than 7 days"},
		{"age_unknown", looked(), policy.Policy{MaxAge: day}, report.Error, "does not say when"},
		{"age_of_the_epoch_is_unknown", looked(created(time.Unix(0, 0))), policy.Policy{MaxAge: day}, report.Error, ""},
		{"age_from_the_future", looked(created(now.Add(30 * day))), policy.Policy{MaxAge: day}, report.Error, "in the future"},

		{"drift_is_not_judged_unless_asked", looked(drift(3)), policy.Policy{}, report.Pass, ""},
		{"drift_at_the_limit", looked(drift(3)), policy.Policy{MaxDrift: number(3)}, report.Pass, "differ in 3 packages"},
		{"drift_over_the_limit", looked(drift(3)), policy.Policy{MaxDrift: number(2)}, report.Fail, "the first: p 1 2 (version)"},
		{"drift_could_not_be_compared", looked(), policy.Policy{MaxDrift: number(0)}, report.Error, "could not be compared"},
		{"claim_fails_when_enforced", looked(claim(report.CheckFailed, true)), policy.Policy{}, report.Fail, "Builder: its reason"},
		{"claim_undecided_when_enforced", looked(claim(report.CheckUndecided, true)), policy.Policy{}, report.Error, ""},
		{"claim_warns_when_not", looked(claim(report.CheckFailed, false)), policy.Policy{}, report.Warn, ""},
		{"claim_that_holds", looked(claim(report.CheckPassed, true)), policy.Policy{}, report.Pass, "that hold: 1"},
		{"claim_not_offered", looked(claim(report.CheckNotApplicable, false)), policy.Policy{}, report.Pass, ""},

		{"old_database_is_told", looked(func(r *report.Report) { r.Database.Reason = "9 days old" }), high, report.Warn, "9 days old"},
		{"matching_problems_are_told", looked(func(r *report.Report) {
			r.Observations = []report.Observation{saw(report.StageVuln, report.Unread, "a"), saw(report.StageVuln, report.Unread, "b"), saw(report.StageSBOM, report.Information, "c")}
		}), high, report.Warn, "could not look at 2 things: a; b"},
		{"refused_file_is_told", looked(refused(report.TrustNamed)), policy.Policy{}, report.Warn, "not used: an HTML page"},
		{"refused_attestation_is_told", looked(refused(report.TrustVerified)), policy.Policy{}, report.Warn, "not used: an HTML page"},
		{"refused_attestation_beside_a_suppression", looked(finding(report.High, report.Suppressed, ""), refused(report.TrustVerified)), high, report.Error, "not used: an HTML page"},
		{"refused_file_beside_a_suppression", looked(finding(report.High, report.Suppressed, ""), refused(report.TrustNamed)), high, report.Warn, ""},
		{"several_refused_are_counted", looked(refused(report.TrustNamed), refused(report.TrustNamed)), policy.Policy{}, report.Warn, "2 VEX documents were not used"},
		{"refused_document_of_a_stranger_is_no_matter", looked(refused(report.TrustUnverified)), policy.Policy{}, report.Pass, ""},
		{"objection_warns", looked(objected(1)), policy.Policy{VEXObjection: report.Warn}, report.Warn, "stands against a suppression, CVE-2026-1 in p 1: affected (undated, sha256:new), against not_affected (2026-04-30, sha256:old)"},
		{"objection_fails_when_asked", looked(objected(2)), policy.Policy{VEXObjection: report.Fail}, report.Fail, "against 2 suppressions, the first: CVE-2026-1 in p 1: affected (undated"},
		{"objection_is_ignored_when_asked", looked(objected(1)), policy.Policy{}, report.Pass, ""},
		{"objection_to_what_is_open_is_no_matter", looked(objected(1), func(r *report.Report) { r.Vulnerabilities[0].Decision.Status = report.Open }), policy.Policy{VEXObjection: report.Fail}, report.Pass, ""},
		{"unverified_suppression_is_told", looked(func(r *report.Report) {
			r.Vulnerabilities = []report.Vulnerability{{Severity: report.High, Decision: report.Decision{Status: report.Suppressed, Statement: &report.Statement{Trust: report.TrustUnverified}}}}
		}), high, report.Warn, "vex-policy is any"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := policy.Evaluate(tt.report, tt.policy, now)
			if v.Result != tt.want || !strings.Contains(strings.Join(v.Reasons, "\n"), tt.says) {
				t.Errorf("verdict %s, reasons %q; want %s saying %q", v.Result, v.Reasons, tt.want, tt.says)
			}
			if v.Result != report.Pass && len(v.Reasons) == 0 {
				t.Errorf("verdict %s without a reason", v.Result)
			}
		})
	}
}

func TestJoinTakesTheWorst(t *testing.T) {
	pass := policy.Evaluate(looked(), policy.Policy{FailOnSeverity: report.High}, now)
	fail := policy.Evaluate(looked(finding(report.Critical, report.Open, "")), policy.Policy{FailOnSeverity: report.High}, now)
	v := policy.Join([]report.Platform{{Platform: "linux/amd64"}, {Platform: "linux/arm64"}}, []report.Verdict{pass, fail})
	if v.Result != report.Fail || len(v.Reasons) != 1 || !strings.HasPrefix(v.Reasons[0], "linux/arm64: ") {
		t.Errorf("Join = %s %q, want fail for linux/arm64 alone", v.Result, v.Reasons)
	}
}

func TestExitCode(t *testing.T) {
	for result, want := range map[report.Result]fault.Code{
		report.Pass: fault.OK, report.Warn: fault.OK, report.Fail: fault.Policy, report.Error: fault.Unavailable, "new": fault.Internal,
	} {
		if got := policy.ExitCode(result); got != want {
			t.Errorf("ExitCode(%s) = %d, want %d", result, got, want)
		}
	}
}
