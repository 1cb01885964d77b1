package cli_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// TestFormatsOfVEXAttestations: a signed statement counts in every format that it may have:
// it suppresses, it takes back what an older one said, and where it could not be read, it
// is missed.
func TestFormatsOfVEXAttestations(t *testing.T) {
	const purl = "pkg:deb/debian/glibc@2.36-9%2Bdeb12u7?os_distro=bookworm&os_name=debian&os_version=12"
	csaf := func(list string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"document":{"category":"csaf_vex","csaf_version":"2.0","publisher":{"name":"V"},"tracking":{"id":"V-1","version":"1","status":"final","current_release_date":"2026-04-30T18:00:00Z"}},
			"product_tree":{"full_product_names":[{"product_id":"P","name":"glibc","product_identification_helper":{"purl":%q}}]},
			"vulnerabilities":[{"cve":"CVE-2025-4802","product_status":{%q:["P"]},"flags":[{"label":"vulnerable_code_not_present","product_ids":["P"]}]}]}`, purl, list))
	}
	cyclonedx := func(analysis string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"timestamp":"2026-04-30T18:00:00Z"},
			"components":[{"bom-ref":"c","name":"glibc","version":"2.36-9+deb12u7","purl":%q}],
			"vulnerabilities":[{"id":"CVE-2025-4802","analysis":{%s},"affects":[{"ref":"c"}]}]}`, purl, analysis))
	}
	for _, tt := range []struct {
		name, predicateType string
		clears, takesBack   json.RawMessage
	}{
		{"csaf", "https://docs.oasis-open.org/csaf/csaf/v2.0", csaf("known_not_affected"), csaf("known_affected")},
		{"cyclonedx", "https://cyclonedx.org/vex", cyclonedx(`"state":"not_affected","justification":"code_not_reachable"`), cyclonedx(`"state":"exploitable"`)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			img := w.image()
			img.Platforms = img.Platforms[:1]
			ref, _ := w.push(img.Without(testkit.PredicateOpenVEX).Plus(testkit.Attestation{PredicateType: tt.predicateType, Predicate: tt.clears}))
			code, r, text := w.verify(ref, "--require", "vex")
			must(t, code, r, text, fault.OK, report.Pass)

			w = newWorld(t, testkit.RegistryOptions{})
			ref, b := w.push(img.Plus(testkit.Attestation{PredicateType: tt.predicateType, Predicate: tt.takesBack}))
			code, r, text = w.verify(ref)
			must(t, code, r, text, fault.Policy, report.Fail)
			w.registry.Inject(testkit.Asks(testkit.KindBlob, b.Platforms[0].Attestation(tt.predicateType).Statement.Digest().String()), testkit.Status(404, nil), 0)
			code, r, text = w.verify(ref)
			must(t, code, r, text, fault.Unavailable, report.Error)
		})
	}
}

// TestVEXInABill: a signed bill in CycloneDX may judge vulnerabilities. What it says counts
// as in a document of its own, and a bill that only lists them says nothing.
func TestVEXInABill(t *testing.T) {
	const purl = "pkg:deb/debian/libc6@2.36-9%2Bdeb12u7?arch=amd64&distro=debian-12"
	bill := func(vulnerabilities string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"timestamp":"2026-04-30T18:00:00Z"},
			"components":[{"type":"library","bom-ref":"c","name":"libc6","version":"2.36-9+deb12u7","purl":%q},
			{"type":"library","bom-ref":"d","name":"libtinfo6","version":"6.4-4","purl":"pkg:deb/debian/libtinfo6@6.4-4?arch=amd64&distro=debian-12"}],"vulnerabilities":%s}`, purl, vulnerabilities))
	}
	judged := func(analysis string) string {
		return fmt.Sprintf(`[{"id":"CVE-2025-4802"%s,"affects":[{"ref":"c"}]}]`, analysis)
	}
	for _, tt := range []struct {
		name, vulnerabilities string
		silent                bool // the image has no VEX beside it
		code                  fault.Code
		want                  report.Result
	}{
		{"takes_back", judged(`,"analysis":{"state":"exploitable"}`), false, fault.Policy, report.Fail},
		{"clears", judged(`,"analysis":{"state":"not_affected","justification":"code_not_reachable"}`), true, fault.OK, report.Warn}, // its publisher attaches one of its own
		{"only_lists", judged(""), false, fault.OK, report.Pass},
		{"only_lists_and_clears_nothing", judged(""), true, fault.Policy, report.Fail},
		{"lists_none", "[]", false, fault.OK, report.Pass},
		{"cannot_be_read", `[{"id":7,"analysis":{"state":"exploitable"}}]`, false, fault.Unavailable, report.Error},
	} {
		for _, predicateType := range []string{"https://cyclonedx.org/bom", testkit.PredicateCycloneDX} {
			t.Run(tt.name, func(t *testing.T) {
				w := newWorld(t, testkit.RegistryOptions{})
				img := w.image()
				img.Platforms = img.Platforms[:1]
				if tt.silent {
					img = img.Without(testkit.PredicateOpenVEX)
				}
				ref, _ := w.push(img.Plus(testkit.Attestation{PredicateType: predicateType, Predicate: bill(tt.vulnerabilities)}))
				code, r, text := w.verify(ref, "--require", "sbom")
				must(t, code, r, text, tt.code, tt.want)
			})
		}
	}
}
