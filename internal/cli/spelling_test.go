package cli_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
	"github.com/imagegate/imagegate/internal/testkit/grypedb"
)

// A CycloneDX statement is as wide as the components that it names: one without a name
// clears nothing, and what is affected in every version is affected in the one installed.
func TestWidthOfCycloneDX(t *testing.T) {
	const glibc = "pkg:deb/debian/glibc@2.36-9%2Bdeb12u7"
	for _, tt := range []struct {
		name, component, state, versions string
		code                             fault.Code
		want                             report.Result
	}{
		{"named", `"name":"glibc","purl":"` + glibc + `"`, "not_affected", "", fault.OK, report.Pass},
		{"unnamed", `"version":"2.36-9+deb12u7"`, "not_affected", "", fault.Policy, report.Fail},
		{"unnamed_with_a_cpe", `"cpe":"cpe:2.3:a:gnu:glibc:2.36:*:*:*:*:*:*:*"`, "not_affected", "", fault.Policy, report.Fail},
		{"unnamed_in_all_versions", `"version":"1"`, "not_affected", `,"versions":[{"range":"vers:deb/*","status":"unaffected"}]`, fault.Policy, report.Fail},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			img := w.image()
			img.Platforms = img.Platforms[:1]
			document := json.RawMessage(fmt.Sprintf(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,
				"metadata":{"timestamp":"2026-04-30T18:00:00Z","component":{"bom-ref":"i","name":"app","purl":"pkg:oci/app?repository_url=%s/dhi"}},
				"components":[{"bom-ref":"c",%s}],
				"vulnerabilities":[{"id":"CVE-2025-4802","analysis":{"state":%q,"justification":"code_not_reachable"},"affects":[{"ref":"c"%s}]}]}`,
				w.registry.Host(), tt.component, tt.state, tt.versions))
			ref, _ := w.push(img.Without(testkit.PredicateOpenVEX).Plus(testkit.Attestation{PredicateType: "https://cyclonedx.org/vex", Predicate: document}))
			code, r, text := w.verify(ref, "--require", "vex")
			must(t, code, r, text, tt.code, tt.want)
		})
	}
	t.Run("affected_in_every_version", func(t *testing.T) {
		w := newWorld(t, testkit.RegistryOptions{})
		img := w.image()
		img.Platforms = img.Platforms[:1]
		document := json.RawMessage(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"timestamp":"2026-04-30T18:00:00Z"},
			"components":[{"bom-ref":"c","name":"glibc","version":"1.0","purl":"pkg:deb/debian/glibc@1.0"}],
			"vulnerabilities":[{"id":"CVE-2025-4802","analysis":{"state":"exploitable"},"affects":[{"ref":"c","versions":[{"range":"vers:deb/*","status":"affected"}]}]}]}`)
		ref, _ := w.push(img.Plus(testkit.Attestation{PredicateType: "https://cyclonedx.org/vex", Predicate: document}))
		code, r, text := w.verify(ref) // the image's own document of the day before clears it
		must(t, code, r, text, fault.Policy, report.Fail)
	})
}

// A package URL names a component of Docker's in any letters, and its version decides over
// the one beside it.
func TestSpellingOfAPackageURL(t *testing.T) {
	w := newDocumentWorld(t)
	w.withRecords(append(gapRecords(), grypedb.Record{ID: "CVE-2026-77", Distro: "debian 12", Package: "zlib", Constraint: "< 2:1.0-1", Severity: report.High})...)
	w.write("own.json", osvRecord("DHI-CVE-2026-1-python", "DHI", "python", []string{"3.13.1"}))
	for _, tt := range []struct {
		name string
		pkg  [3]string
		find string
	}{
		{"component", [3]string{"python", "3.13.1", "pkg:dhi/python@3.13.1"}, "CVE-2026-1"},
		{"component_in_other_letters", [3]string{"python", "3.13.1", "pkg:dhi/Python@3.13.1"}, "CVE-2026-1"},
		{"epoch_beside_the_url", [3]string{"zlib", "9:1.0-1", "pkg:deb/debian/zlib@1:1.0-1"}, "CVE-2026-77"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.write("sbom.json", billOf(map[string]string{"ID": "debian", "VERSION_ID": "12"}, [3]string{"hello", "1", "pkg:deb/debian/hello@1"}, tt.pkg))
			code, r, text := w.scan("sbom.json", "--fail-on-severity", "low", "--unknown-severity", "fail", "--advisories", w.path("own.json"))
			must(t, code, r, text, fault.Policy, report.Fail)
			if len(r.Vulnerabilities) != 1 || !strings.Contains(r.Vulnerabilities[0].ID+strings.Join(r.Vulnerabilities[0].Aliases, " "), tt.find) {
				t.Errorf("findings %+v, want %s", r.Vulnerabilities, tt.find)
			}
		})
	}
}
