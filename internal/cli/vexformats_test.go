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
