package report_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/imagegate/imagegate/internal/report"
)

func platformReport(platform string, result report.Result) *report.Report {
	digest := "sha256:" + platform
	return &report.Report{
		Generated: at("2026-11-23T10:00:00Z"),
		Subject: report.Subject{
			Reference: "dhi.io/app:1", Repository: "dhi.io/app", IndexDigest: "sha256:index", Digest: digest,
			Platform: platform, Labels: map[string]string{"same": "1", "arch": platform}, Size: 10, User: "65532",
			Created: ptr(at("2026-11-01T00:00:00Z")), Layers: []report.Layer{{Digest: "sha256:l"}},
		},
		Stages: []report.Stage{{Name: report.StagePull, State: report.Done}},
		SBOM:   report.SBOM{Packages: 2, Unjudged: 1, Types: []report.PackageCount{{Type: "deb", Packages: 2}}},
		Vulnerabilities: []report.Vulnerability{
			{ID: "CVE-1", Severity: report.High, Decision: report.Decision{Status: report.Open}},
			{ID: "CVE-2", Severity: report.Low, Decision: report.Decision{Status: report.Suppressed}},
		},
		Counts:   report.Counts{High: 1, Suppressed: 1},
		Database: report.Database{State: report.Done},
		Evidence: []report.Evidence{
			{Kind: "index", Name: "index", Digest: "sha256:index"},
			{Kind: "manifest", Name: platform, Digest: digest},
		},
		Observations: []report.Observation{{Stage: report.StageVuln, Kind: report.Information, Message: "the database is old"}},
		Verdict: report.Verdict{
			Result: result, Reasons: []string{"because of " + platform},
			Rules: []report.Rule{{Name: "severity", Result: result}},
		},
	}
}

func TestCombine(t *testing.T) {
	amd, arm := platformReport("linux/amd64", report.Pass), platformReport("linux/arm64", report.Fail)
	arm.Subject.Created = ptr(at("2026-10-01T00:00:00Z"))
	arm.Subject.User = "root"
	arm.Database = report.Database{State: report.Failed, Reason: "no network"}
	arm.Observations = append(arm.Observations, report.Observation{Kind: report.Information, Stage: report.StagePull, Message: "slow"})

	before := marshal(t, arm)
	r := report.Combine([]*report.Report{arm, amd})
	if diff := cmp.Diff(before, marshal(t, arm)); diff != "" {
		t.Errorf("Combine changed its argument:\n%s", diff)
	}
	if diff := cmp.Diff(marshal(t, r), marshal(t, report.Combine([]*report.Report{amd, arm}))); diff != "" {
		t.Errorf("the order of the reports shows:\n%s", diff)
	}

	s := r.Subject
	if s.Platform != "all" || s.Digest != "sha256:index" || s.Size != 20 || len(s.Layers) != 0 || s.User != "" {
		t.Errorf("subject = %+v", s)
	}
	if diff := cmp.Diff(map[string]string{"same": "1"}, s.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if want := at("2026-10-01T00:00:00Z"); !s.Created.Equal(want) {
		t.Errorf("created = %v, want the oldest, %v", s.Created, want)
	}
	if want := (report.Counts{High: 2, Suppressed: 2}); r.Counts != want {
		t.Errorf("counts = %+v, want %+v", r.Counts, want)
	}
	if got, want := r.Counts.Open()+r.Counts.Suppressed, len(r.Vulnerabilities); got != want {
		t.Errorf("counts sum to %d, rows are %d", got, want)
	}
	if diff := cmp.Diff([]report.PackageCount{{Type: "deb", Packages: 4}}, r.SBOM.Types); diff != "" || r.SBOM.Packages != 4 || r.SBOM.Unjudged != 2 {
		t.Errorf("packages = %d, types (-want +got):\n%s", r.SBOM.Packages, diff)
	}
	if r.Database.State != report.Failed {
		t.Errorf("database = %+v, want the failed one", r.Database)
	}
	wantPlatforms := []report.Platform{
		{Platform: "linux/amd64", Digest: "sha256:linux/amd64", Result: report.Pass, Counts: amd.Counts},
		{Platform: "linux/arm64", Digest: "sha256:linux/arm64", Result: report.Fail, Counts: arm.Counts},
	}
	if diff := cmp.Diff(wantPlatforms, r.Platforms); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
	wantEvidence := []report.Evidence{
		{Kind: "index", Name: "index", Digest: "sha256:index"},
		{Kind: "manifest", Name: "linux/amd64", Digest: "sha256:linux/amd64", Platform: "linux/amd64"},
		{Kind: "manifest", Name: "linux/arm64", Digest: "sha256:linux/arm64", Platform: "linux/arm64"},
	}
	if diff := cmp.Diff(wantEvidence, r.Evidence); diff != "" {
		t.Errorf("evidence (-want +got):\n%s", diff)
	}
	wantWarnings := []report.Observation{
		{Stage: report.StageVuln, Kind: report.Information, Message: "the database is old"},
		{Stage: report.StagePull, Kind: report.Information, Message: "slow", Platform: "linux/arm64"},
	}
	if diff := cmp.Diff(wantWarnings, r.Observations); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	for _, v := range r.Vulnerabilities {
		if v.Platform == "" {
			t.Errorf("%s names no platform", v.ID)
		}
	}
	wantReasons := []string{"linux/arm64: because of linux/arm64", "linux/amd64: because of linux/amd64"}
	if diff := cmp.Diff(wantReasons, r.Verdict.Reasons); diff != "" {
		t.Errorf("reasons, gravest first (-want +got):\n%s", diff)
	}
}

func TestCombineVerdicts(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   []report.Result
		want report.Result
	}{
		{"none_is_an_error", nil, report.Error},
		{"all_pass", []report.Result{report.Pass, report.Pass}, report.Pass},
		{"warn_outranks_pass", []report.Result{report.Pass, report.Warn}, report.Warn},
		{"error_outranks_warn", []report.Result{report.Error, report.Warn}, report.Error},
		{"fail_outranks_error", []report.Result{report.Error, report.Fail, report.Pass}, report.Fail},
		{"never_judged_is_an_error", []report.Result{report.Pass, ""}, report.Error},
		{"unknown_word_is_an_error", []report.Result{"fine", report.Warn}, report.Error},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var in []*report.Report
			for i, res := range tt.in {
				in = append(in, platformReport("linux/"+string(rune('a'+i)), res))
			}
			rand.Shuffle(len(in), func(i, j int) { in[i], in[j] = in[j], in[i] })
			if got := report.Combine(in).Verdict; got.Result != tt.want {
				t.Errorf("verdict = %+v, want %s", got, tt.want)
			}
		})
	}
}

// A single platform of an image without an index is its own subject.
func TestCombineOfOne(t *testing.T) {
	one := platformReport("linux/amd64", report.Pass)
	one.Subject.IndexDigest = ""
	one.Generated = one.Generated.Add(time.Hour)
	r := report.Combine([]*report.Report{one})
	if r.Subject.Digest != one.Subject.Digest || len(r.Platforms) != 1 || !r.Generated.Equal(one.Generated) {
		t.Errorf("subject %+v, platforms %+v, generated %v", r.Subject, r.Platforms, r.Generated)
	}
	if !slices.ContainsFunc(r.Evidence, func(e report.Evidence) bool { return e.Platform == "linux/amd64" }) {
		t.Errorf("evidence of one platform names none: %+v", r.Evidence)
	}
}
