package cli_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

func TestVerifyPasses(t *testing.T) {
	for _, tt := range []struct {
		name string
		opt  testkit.RegistryOptions
	}{
		{"basic_login", testkit.RegistryOptions{}},
		{"bearer_login", testkit.RegistryOptions{Auth: testkit.Bearer}},
		{"referrers_in_pages", testkit.RegistryOptions{PageSize: 1, Shuffle: true}},
		{"no_referrers_api", testkit.RegistryOptions{NoReferrers: true}},
		{"referrers_without_annotations", testkit.RegistryOptions{BareReferrers: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.opt)
			ref, b := w.push(w.image())
			code, r, text := w.verify(ref, "--require", "dhi")
			must(t, code, r, text, fault.OK, report.Pass)
			if got, want := r.Subject.Digest, b.Platform("linux/amd64").Manifest.Digest().String(); got != want {
				t.Errorf("digest %s, want %s", got, want)
			}
			if got, want := r.Subject.IndexDigest, b.Root.Digest().String(); got != want {
				t.Errorf("index digest %s, want %s", got, want)
			}
			if r.Subject.DHI == nil || !r.Subject.DHI.Index || r.Subject.DHI.Name != "dhi/app" {
				t.Errorf("DHI facts are %+v", r.Subject.DHI)
			}
			suppressed := finding(t, r, "CVE-2025-4802")
			d := suppressed.Decision
			if d.Status != report.Suppressed || d.Statement == nil || d.Statement.Trust != report.TrustVerified ||
				!strings.Contains(d.Statement.Signer, w.key.Fingerprint()) || d.Statement.Document == "" {
				t.Errorf("decision on the covered finding is %+v", d)
			}
			if open := finding(t, r, "CVE-2023-50495"); open.Decision.Status != report.Open {
				t.Errorf("decision on the other finding is %+v", open.Decision)
			}
			if r.Counts.Suppressed != 1 || r.Counts.Medium != 1 || r.Counts.High != 0 {
				t.Errorf("counts are %+v", r.Counts)
			}
		})
	}
}

// TestChain breaks one link of an attestation's chain at a time. None of them may leave
// the VEX verified, none may suppress, and each is named.
func TestChain(t *testing.T) {
	other, err := testkit.SeededKey("somebody else's key")
	if err != nil {
		t.Fatal(err)
	}
	foreign := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("ab", 32)}
	for _, tt := range []struct {
		name   string
		mutate testkit.Mutator
		state  report.AttestationState
	}{
		{"signed_by_another_key", testkit.SignedBy(other), report.Unverified},
		{"not_signed", testkit.Unsigned(), report.Unverified},
		{"statement_about_another_image", testkit.OtherStatementSubject(foreign), report.Invalid},
		{"statement_with_a_second_subject", testkit.SecondStatementSubject(foreign), report.Invalid},
		{"signature_over_another_digest", testkit.SignedDigest(foreign), ""},
		{"payload_changed_after_signing", testkit.PayloadByte(40), ""},
		{"predicate_type_of_the_annotation", testkit.AnnotatedPredicateType(testkit.PredicateTests), ""},
		{"predicate_type_of_the_statement", testkit.StatementPredicateType(testkit.PredicateTests), report.Invalid},
		{"statement_is_not_json", testkit.EditStatementBytes(func([]byte) []byte { return []byte("<html>") }), ""},
		{"duplicate_keys", testkit.EditStatementBytes(func(b []byte) []byte {
			return append([]byte(`{"predicateType":"x",`), b[1:]...)
		}), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(w.image().Attest(testkit.PredicateOpenVEX, tt.mutate))
			code, r, text := w.verify(ref, "--require", "vex")
			must(t, code, r, text, fault.Policy, report.Fail)
			if finding(t, r, "CVE-2025-4802").Decision.Status != report.Open {
				t.Errorf("the finding is suppressed")
			}
			for _, a := range r.Attestations {
				if a.Family == "vex" && (a.State == report.Verified || a.Reason == "" || tt.state != "" && a.State != tt.state) {
					t.Errorf("the VEX is %s because %q, want %s", a.State, a.Reason, tt.state)
				}
			}
			if !strings.Contains(strings.Join(r.Verdict.Reasons, "\n"), "vex") {
				t.Errorf("no reason names the VEX: %q", r.Verdict.Reasons)
			}
		})
	}
}

func TestGarbageSignatureHidesNoGoodOne(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{Shuffle: true})
	ref, _ := w.push(w.image().Attest(testkit.PredicateOpenVEX, testkit.GarbageSignatureFirst()))
	code, r, text := w.verify(ref, "--require", "vex")
	must(t, code, r, text, fault.OK, report.Pass)
}

func TestNewerStatementTakesBack(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	newer := openVEX("under_investigation")
	newer["timestamp"] = now.Format("2006-01-02T15:04:05Z07:00")
	ref, _ := w.push(w.image().Plus(testkit.Attestation{PredicateType: testkit.PredicateOpenVEX, Predicate: newer}))
	code, r, text := w.verify(ref)
	must(t, code, r, text, fault.Policy, report.Fail)
	if d := finding(t, r, "CVE-2025-4802").Decision; d.Status != report.Open || d.Reason == "" {
		t.Errorf("decision is %+v", d)
	}
}

func TestPolicyOptions(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	for _, tt := range []struct {
		name  string
		flags []string
		code  fault.Code
		want  report.Result
	}{
		{"vex_off", []string{"--vex-policy", "off"}, fault.Policy, report.Fail},
		{"vex_off_but_severity_none", []string{"--vex-policy", "off", "--fail-on-severity", "none"}, fault.OK, report.Pass},
		{"lower_severity", []string{"--fail-on-severity", "medium"}, fault.Policy, report.Fail},
		{"lower_severity_only_fixed", []string{"--fail-on-severity", "medium", "--only-fixed"}, fault.OK, report.Pass},
		{"alias", []string{"--severity-cutoff", "medium"}, fault.Policy, report.Fail},
		{"fail_build_false", []string{"--fail-on-severity", "medium", "--fail-build=false"}, fault.OK, report.Fail},
		{"fail_build_false_as_a_word", []string{"--fail-build", "false", "--fail-on-severity", "medium"}, fault.OK, report.Fail},
		{"fail_build_alone", []string{"--fail-build", "--fail-on-severity", "medium"}, fault.Policy, report.Fail},
		{"required_family_is_absent", []string{"--require", "dhi,tests"}, fault.Policy, report.Fail},
		{"too_old", []string{"--max-age", "1h"}, fault.Policy, report.Fail},
		{"young_enough", []string{"--max-age", "2d"}, fault.OK, report.Pass},
		{"all_platforms", []string{"--platforms", "all", "--require", "dhi"}, fault.OK, report.Pass},
		{"all_platforms_one_too_severe", []string{"--platforms", "all", "--fail-on-severity", "medium"}, fault.Policy, report.Fail},
		{"other_key", []string{"--key", "dhi-2"}, fault.OK, report.Pass},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, r, text := w.verify(ref, tt.flags...)
			must(t, code, r, text, tt.code, tt.want)
		})
	}
}

func TestUnverifiedVEXCountsOnlyWhenAsked(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image().Attest(testkit.PredicateOpenVEX, testkit.Unsigned()))
	code, r, text := w.verify(ref)
	must(t, code, r, text, fault.Policy, report.Fail)
	code, r, text = w.verify(ref, "--vex-policy", "any")
	must(t, code, r, text, fault.OK, report.Warn)
	if d := finding(t, r, "CVE-2025-4802").Decision; d.Status != report.Suppressed || d.Statement.Trust != report.TrustUnverified {
		t.Errorf("decision is %+v", d)
	}
}

func TestNamedVEXFile(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image().Without(testkit.PredicateOpenVEX))
	code, r, text := w.verify(ref)
	must(t, code, r, text, fault.Policy, report.Fail)

	writeJSON(t, w.path("my.vex.json"), openVEX("not_affected"))
	code, r, text = w.verify(ref, "--vex", w.path("my.vex.json"))
	must(t, code, r, text, fault.OK, report.Warn) // the publisher attaches VEX, and none is there
	if d := finding(t, r, "CVE-2025-4802").Decision; d.Statement == nil || d.Statement.Trust != report.TrustNamed || d.Source != w.path("my.vex.json") {
		t.Errorf("decision is %+v", d)
	}

	if code, _, text := w.verify(ref, "--vex", w.path("gone.json")); code != fault.Usage || !strings.Contains(text, "gone.json") {
		t.Errorf("a VEX file that is not there: exit %d, %s", code, text)
	}
}

func TestReportDirectory(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, b := w.push(w.image())
	stale := filepath.Join(w.path("report"), "attestations", "vex-of-another-run", "statement.json")
	if err := os.MkdirAll(filepath.Dir(stale), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stale, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.path("report"), report.FileReport), []byte(`{"schemaVersion":1,"tool":{"name":"imagegate"}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	code, r, text := w.verify(ref)
	must(t, code, r, text, fault.OK, report.Pass)
	for _, name := range []string{
		"report.json", "summary.md", "results.sarif", "evidence.json", "vex.openvex.json", "timings.json",
		"sbom.syft.json", "sbom.spdx.json", "sbom.cyclonedx.json",
	} {
		if info, err := os.Stat(filepath.Join(w.path("report"), name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("the evidence of an earlier run is still there: %v", err)
	}
	vex := b.Platform("linux/amd64").Attestation(testkit.PredicateOpenVEX)
	i := slices.IndexFunc(r.Attestations, func(a report.Attestation) bool { return a.Digest == vex.Manifest.Digest().String() })
	if i < 0 {
		t.Fatalf("the VEX attestation is not in the report")
	}
	got, err := os.ReadFile(filepath.Join(w.path("report"), r.Attestations[i].Path))
	if err != nil || string(got) != string(vex.Statement.Data) {
		t.Errorf("the statement was not kept byte for byte: %v", err)
	}
	for _, e := range r.Evidence {
		if !strings.HasPrefix(e.Digest, "sha256:") && e.Kind != "database" {
			t.Errorf("evidence %s %s has no digest: %q", e.Kind, e.Name, e.Digest)
		}
	}
}
