package cli_test

import (
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
	"github.com/imagegate/imagegate/internal/testkit/grypedb"
)

const (
	libc = "pkg:deb/debian/libc6@2.36-9%2Bdeb12u7?arch=amd64&distro=debian-12"
	tinf = "pkg:deb/debian/libtinfo6@6.4-4?arch=amd64&distro=debian-12"
)

func says(predicateType string, predicate any) testkit.Attestation {
	return testkit.Attestation{PredicateType: predicateType, Predicate: predicate}
}

// A signature over a document that says nothing is no evidence of its family.
func TestRequiredEvidenceSaysSomething(t *testing.T) {
	builder := func(id string) map[string]any {
		return map[string]any{"buildDefinition": map[string]any{"buildType": "https://builder.example/type/1"},
			"runDetails": map[string]any{"builder": map[string]any{"id": id}}}
	}
	empty := openVEX("not_affected")
	empty["statements"] = []any{}
	for _, tt := range []struct {
		name, require, predicateType string
		instead                      []testkit.Attestation
		code                         fault.Code
		want                         report.Result
		says                         string
	}{
		{"bill", "sbom", testkit.PredicateSPDX, []testkit.Attestation{spdxOf(libc, tinf)}, fault.OK, report.Pass, ""},
		{"bill_that_is_none", "sbom", testkit.PredicateSPDX, []testkit.Attestation{says(testkit.PredicateSPDX, map[string]any{"x": 1})}, fault.Unavailable, report.Error, "could not be read as one"},
		{"bill_that_is_null", "sbom", testkit.PredicateSPDX, []testkit.Attestation{says(testkit.PredicateSPDX, nil)}, fault.Unavailable, report.Error, "could not be read as one"},
		{"bill_without_packages", "sbom", testkit.PredicateSPDX, []testkit.Attestation{spdxOf()}, fault.Unavailable, report.Error, "it lists no package"},
		{"bill_of_another_form_alone", "sbom", testkit.PredicateSPDX, []testkit.Attestation{says("https://scout.docker.com/sbom/v0.1", map[string]any{})}, fault.Unavailable, report.Error, "only SPDX and CycloneDX are"},
		{"bill_of_another_form_beside", "sbom", testkit.PredicateSPDX, []testkit.Attestation{says("https://scout.docker.com/sbom/v0.1", map[string]any{}), spdxOf(libc, tinf)}, fault.OK, report.Pass, ""},
		{"empty_bill_beside_a_good_one", "sbom", testkit.PredicateSPDX, []testkit.Attestation{spdxOf(), spdxOf(libc, tinf)}, fault.OK, report.Warn, "it lists no package"},
		{"empty_bill_and_nothing_required", "none", testkit.PredicateSPDX, []testkit.Attestation{spdxOf()}, fault.OK, report.Warn, "it lists no package"},
		{"bill_that_leaves_a_package_out", "sbom", testkit.PredicateSPDX, []testkit.Attestation{spdxOf(libc)}, fault.OK, report.Warn, "does not list 1 package of the image: libtinfo6 6.4-4"},

		{"provenance_that_is_none", "provenance", testkit.PredicateProvenance, []testkit.Attestation{says(testkit.PredicateProvenance, map[string]any{})}, fault.Unavailable, report.Error, "could not be read as one"},
		{"provenance_that_is_null", "provenance", testkit.PredicateProvenance, []testkit.Attestation{says(testkit.PredicateProvenance, nil)}, fault.Unavailable, report.Error, "could not be read as one"},
		{"provenance_without_a_builder", "provenance", testkit.PredicateProvenance, []testkit.Attestation{says(testkit.PredicateProvenance, builder(""))}, fault.OK, report.Warn, "it names no builder"},
		{"provenance", "provenance", testkit.PredicateProvenance, []testkit.Attestation{says(testkit.PredicateProvenance, builder("https://builder.example/1"))}, fault.OK, report.Pass, ""},

		{"vex_that_is_none", "vex", testkit.PredicateOpenVEX, []testkit.Attestation{says(testkit.PredicateOpenVEX, map[string]any{"x": 1})}, fault.Unavailable, report.Error, "could not be read as one"},
		{"vex_without_statements", "vex", testkit.PredicateOpenVEX, []testkit.Attestation{says(testkit.PredicateOpenVEX, empty)}, fault.OK, report.Warn, "it has no statement"},
		{"vex_that_is_none_beside_one_that_suppresses", "none", testkit.PredicateOpenVEX, []testkit.Attestation{says(testkit.PredicateOpenVEX, map[string]any{"x": 1}), says(testkit.PredicateOpenVEX, openVEX("not_affected"))}, fault.Unavailable, report.Error, "was not used"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(w.image().Without(tt.predicateType).Plus(tt.instead...))
			code, r, text := w.verify(ref, "--require", tt.require, "--fail-on-severity", "none")
			must(t, code, r, text, tt.code, tt.want)
			if all := strings.Join(r.Verdict.Reasons, "\n"); !strings.Contains(all, tt.says) {
				t.Errorf("the reasons do not say %q:\n%s", tt.says, all)
			}
		})
	}
}

// A provenance without a builder meets no rule about the builder.
func TestNoBuilderIsNoBuilder(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image().Without(testkit.PredicateProvenance).Plus(says(testkit.PredicateProvenance, map[string]any{
		"buildDefinition": map[string]any{"buildType": "https://builder.example/type/1"}})))
	code, r, text := w.verify(ref, "--builder-id", "**")
	if code == fault.OK || r.Verdict.Result == report.Pass || r.Verdict.Result == report.Warn {
		t.Errorf("exit %d, verdict %s\n%s", code, r.Verdict.Result, text)
	}
}

// With sbom-source: attested the signed bill is matched, and what it leaves out does not
// take its findings with it.
func TestSignedBillHidesNoFinding(t *testing.T) {
	gate := func(want report.Result, code fault.Code, bill testkit.Attestation, flags ...string) *report.Report {
		t.Helper()
		w := newWorld(t, testkit.RegistryOptions{})
		ref, _ := w.push(w.image().Without(testkit.PredicateSPDX).Plus(bill))
		got, r, text := w.verify(ref, append(flags, "--sbom-source", "attested", "--require", "none", "--vex-policy", "off")...)
		must(t, got, r, text, code, want)
		return r
	}
	finding(t, gate(report.Fail, fault.Policy, spdxOf(tinf)), "CVE-2025-4802")
	gate(report.Error, fault.Unavailable, spdxOf())
	r := gate(report.Pass, fault.OK, spdxOf(libc, tinf), "--fail-on-severity", "critical")
	if n := len(r.Vulnerabilities); n != 2 {
		t.Errorf("%d findings of a bill that lists all, want 2: a finding is not told twice", n)
	}
}

// What a publisher is known to attach is missed when it is not there.
func TestExpectedEvidenceIsMissed(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image().Without(testkit.PredicateProvenance))
	code, r, text := w.verify(ref, "--require", "none", "--fail-on-severity", "none")
	must(t, code, r, text, fault.OK, report.Warn)
	if all := strings.Join(r.Verdict.Reasons, "\n"); !strings.Contains(all, "the publisher attaches a provenance attestation") {
		t.Errorf("reasons are %s", all)
	}
}

// A finding that nobody rated counts when it can be acted on, a known exploited one
// always.
func TestUnratedFindings(t *testing.T) {
	record := func(r grypedb.Record) grypedb.Record {
		r.ID, r.Distro, r.Package = "CVE-2026-1000", "debian 12", "glibc"
		return r
	}
	fixed := report.Fix{State: report.FixFixed, Versions: []string{"2.36-9+deb12u11"}}
	withFix := record(grypedb.Record{Constraint: "< 2.36-9+deb12u11", Fix: fixed})
	without := record(grypedb.Record{})
	exploited := record(grypedb.Record{Severity: report.Low, KEV: &report.KEV{DateAdded: "2026-04-01"}})
	for _, tt := range []struct {
		name   string
		record grypedb.Record
		flags  []string
		code   fault.Code
		want   report.Result
	}{
		{"with_a_fix", withFix, nil, fault.Policy, report.Fail},
		{"with_a_fix_at_any_limit", withFix, []string{"--fail-on-severity", "critical"}, fault.Policy, report.Fail},
		{"with_a_fix_rule_off", withFix, []string{"--fail-on-severity", "none"}, fault.OK, report.Pass},
		{"with_a_fix_warn", withFix, []string{"--unknown-severity", "warn"}, fault.OK, report.Warn},
		{"with_a_fix_ignored", withFix, []string{"--unknown-severity", "ignore"}, fault.OK, report.Pass},
		{"with_a_fix_rated_low", withFix, []string{"--unknown-severity", "low"}, fault.OK, report.Pass},
		{"with_a_fix_rated_high", withFix, []string{"--unknown-severity", "high"}, fault.Policy, report.Fail},
		{"without_a_fix", without, nil, fault.OK, report.Warn},
		{"without_a_fix_fail", without, []string{"--unknown-severity", "fail"}, fault.Policy, report.Fail},
		{"without_a_fix_fail_only_fixed", without, []string{"--unknown-severity", "fail", "--only-fixed"}, fault.OK, report.Pass},
		{"exploited", exploited, []string{"--fail-on-severity", "critical"}, fault.Policy, report.Fail},
		{"exploited_only_fixed", exploited, []string{"--only-fixed"}, fault.OK, report.Pass},
		{"mistake", exploited, []string{"--unknown-severity", "maybe"}, fault.Usage, report.Error},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(w.image())
			w.withRecords(tt.record)
			code, r, text := w.verify(ref, tt.flags...)
			if tt.code == fault.Usage {
				if code != tt.code {
					t.Errorf("exit %d, want %d\n%s", code, tt.code, text)
				}
				return
			}
			must(t, code, r, text, tt.code, tt.want)
		})
	}
}

// Not having looked for vulnerabilities is never a pass, whatever the severity rule says.
func TestNotMatchedIsNoPass(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	w.dbFlags = []string{"--db", w.write("db.tar.zst", []byte("<html>a login page</html>")), "--cache-dir", t.TempDir()}
	code, r, text := w.verify(ref, "--fail-on-severity", "none")
	must(t, code, r, text, fault.OK, report.Warn)
	code, _, stderr := w.run(append([]string{"scan", ref, "--registry-username", login, "--registry-password-file", w.passwordFile(),
		"--report-dir", w.path("report"), "--fail-on-severity", "none"}, w.dbFlags...)...)
	must(t, code, w.report(), stderr, fault.Unavailable, report.Error)
}
