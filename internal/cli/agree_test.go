package cli_test

import (
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// A command that is stricter than the policy, or asks for less, leaves a report whose
// verdict is that of its exit code.
func TestExitCodeAgreesWithTheReport(t *testing.T) {
	invalid := func(w *world) testkit.Image {
		return w.image().Without(testkit.PredicateOpenVEX).Plus(testkit.Attestation{PredicateType: testkit.PredicateOpenVEX, Predicate: openVEX("not_affected")}.With(testkit.OtherStatementSubject(v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("ab", 32)})))
	}
	empty := func(w *world) testkit.Image {
		img := w.image()
		img.Platforms = img.Platforms[:1]
		img.Platforms[0].Layers[0].Files = img.Platforms[0].Layers[0].Files[:1]
		return img
	}
	for _, tt := range []struct {
		name    string
		command string
		image   func(w *world) testkit.Image
		flags   []string
		code    fault.Code
		want    report.Result
		reason  string
	}{
		{"verified", "attest verify", (*world).image, []string{"--require", "none"}, fault.OK, report.Pass, ""},
		{"none_to_verify", "attest verify", (*world).bare, []string{"--require", "none"}, fault.Policy, report.Fail, "one verified attestation of each platform"},
		{"invalid_alone", "attest verify", invalid, []string{"--require", "none"}, fault.Policy, report.Fail, "is invalid, and no verified one"},
		{"packages", "sbom", (*world).image, nil, fault.OK, report.Pass, ""},
		{"no_packages", "sbom", empty, nil, fault.Unavailable, report.Error, "no package was found"},
		{"no_packages_accepted", "sbom", empty, []string{"--allow-empty-sbom"}, fault.OK, report.Pass, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(tt.image(w))
			flags := append([]string{"--report-dir", w.path("report")}, tt.flags...)
			if tt.command == "attest verify" {
				flags = append(flags, "--key", w.path("key.pem"))
			}
			code, stdout, stderr := w.call(tt.command, ref, flags...)
			r := w.report()
			must(t, code, r, stdout+stderr, tt.code, tt.want)
			if !strings.Contains(strings.Join(r.Verdict.Reasons, "\n"), tt.reason) {
				t.Errorf("the reasons are %q, want %q in them", r.Verdict.Reasons, tt.reason)
			}
			if tt.command == "sbom" && w.file("sbom.spdx.json") == "" {
				t.Error("the list was not written")
			}
		})
	}
}
