package vex

import (
	"fmt"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/report"
)

// TestAmbiguousKeys: a statement with a key twice or in another case may
// warn, and may not suppress, in each of the formats.
func TestAmbiguousKeys(t *testing.T) {
	open := func(body string) string {
		return `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"x","author":"A","version":1,"timestamp":"2025-09-30T00:00:00Z","statements":[{` + body + `}]}`
	}
	const (
		about  = `"vulnerability":{"name":"CVE-2025-0001"}`
		what   = `"products":[{"@id":"pkg:deb/debian/glibc@2.41-12"}]`
		absent = `"justification":"vulnerable_code_not_present"`
	)
	csafWith := func(old, with string) string {
		return strings.Replace(string(csaf("csaf_vex", "final", `"known_not_affected":["P1"]`, notPresent)), old, with, 1)
	}
	cdxWith := func(old, with string) string {
		return strings.Replace(string(cyclonedx("", `{"state":"not_affected","justification":"code_not_present"}`, `{"ref":"c1"}`)), old, with, 1)
	}
	for _, tt := range []struct {
		name, doc string
		want      report.DecisionStatus
		why       string
		count     int
	}{
		{"as_it_should_be", open(about + "," + what + `,"status":"not_affected",` + absent), report.Suppressed, "", 0},
		{"escaped_and_the_same", open(about + "," + what + `,"\u0073tatus":"not_affected",` + absent), report.Suppressed, "", 0},
		{"key_that_is_not_read", open(about + "," + what + `,"status":"not_affected","Note":1,"note":2,` + absent), report.Suppressed, "", 0},
		{"text_that_looks_like_a_key", open(about + "," + what + `,"status":"not_affected","status_notes":"\"Status\":\"affected\"",` + absent), report.Suppressed, "", 0},
		{"other_case_beside", open(about + "," + what + `,"status":"affected","Status":"not_affected",` + absent), report.Open, `not understood: it has the key "Status" for "status"`, 1},
		{"other_case_before", open(about + "," + what + `,"STATUS":"affected","status":"not_affected",` + absent), report.Open, `"STATUS"`, 1},
		{"other_case_instead", open(about + "," + what + `,"Status":"not_affected",` + absent), report.Open, `"Status"`, 1},
		{"other_case_by_unicode", open(about + "," + what + `,"ſtatus":"not_affected",` + absent), report.Open, `for "status"`, 1},
		{"twice", open(about + "," + what + `,"status":"affected","status":"not_affected",` + absent), report.Open, `the key "status" twice`, 1},
		{"twice_by_an_escape", open(about + "," + what + `,"status":"affected","statu\u0073":"not_affected",` + absent), report.Open, `twice`, 1},
		{"products_twice", open(about + `,"products":[],` + what + `,"status":"not_affected",` + absent), report.Open, `"products" twice`, 1},
		{"products_in_another_case", open(about + `,"Products":[{"@id":"pkg:deb/debian/glibc@2.41-12"}],"status":"not_affected",` + absent), report.Open, `"Products"`, 1},
		{"id_of_a_product", open(about + `,"products":[{"@id":"pkg:deb/debian/zlib@1","@ID":"pkg:deb/debian/glibc@2.41-12"}],"status":"not_affected",` + absent), report.Open, `"@ID"`, 1},
		{"name_of_the_vulnerability", open(`"vulnerability":{"name":"CVE-2025-9","Name":"CVE-2025-0001"},` + what + `,"status":"not_affected",` + absent), report.Open, `"Name"`, 1},
		{"justification", open(about + "," + what + `,"status":"not_affected","Justification":"vulnerable_code_not_present"`), report.Open, `"Justification"`, 1},
		{"timestamp", open(about + "," + what + `,"status":"not_affected","timestamp":"2025-09-30T00:00:00Z","Timestamp":"2025-10-01T00:00:00Z",` + absent), report.Open, `"Timestamp"`, 1},
		{"still_warns", open(about + `,"Products":[{"@id":"pkg:deb/debian/glibc@2.41-12"}],"status":"affected"`), report.Open, "affected, says A", 1},

		{"csaf_as_it_should_be", csafWith("", ""), report.Suppressed, "", 0},
		{"csaf_list_twice", csafWith(`"known_not_affected":["P1"]`, `"known_affected":["P1"],"known_not_affected":["P1"],"known_affected":[]`), report.Open, `"known_affected" twice`, 1},
		{"csaf_list_in_another_case", csafWith(`"known_not_affected":["P1"]`, `"Known_Affected":["P1"],"known_not_affected":["P1"]`), report.Open, `"Known_Affected"`, 1},
		{"csaf_product_status", csafWith(`"product_status"`, `"product_Status"`), report.Open, `"product_Status"`, 1},
		{"csaf_vulnerability", csafWith(`"cve":`, `"CVE":`), report.Open, `"CVE"`, 1},
		{"csaf_product", csafWith(`{"purl":"pkg:deb/debian/glibc@2.41-12"}`, `{"purl":"pkg:deb/debian/zlib@1","PURL":"pkg:deb/debian/glibc@2.41-12"}`), report.Open, `"PURL"`, 1},

		{"cyclonedx_as_it_should_be", cdxWith("", ""), report.Suppressed, "", 0},
		{"cyclonedx_state", cdxWith(`"state":"not_affected"`, `"state":"exploitable","State":"not_affected"`), report.Open, `"State"`, 1},
		{"cyclonedx_analysis_twice", cdxWith(`"analysis":`, `"analysis":{"state":"exploitable"},"analysis":`), report.Open, `"analysis" twice`, 1},
		{"cyclonedx_version_status", cdxWith(`{"ref":"c1"}`, `{"ref":"c1","versions":[{"version":"2.41-12","status":"affected","Status":"unaffected"}]}`), report.Open, `"Status"`, 1},
		{"cyclonedx_component", cdxWith(`"purl":"pkg:deb/debian/glibc@2.41-12"`, `"purl":"pkg:deb/debian/zlib@1","Purl":"pkg:deb/debian/glibc@2.41-12"`), report.Open, `"Purl"`, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			doc := must(t)(FromFile("x.json", []byte(tt.doc)))
			r, err := Decide([]report.Vulnerability{libc()}, []Document{doc}, testImage(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			d := r.Vulnerabilities[0].Decision
			if d.Status != tt.want || !strings.Contains(d.Reason+nearText(d), tt.why) {
				t.Errorf("decision = %s, %q, near %q; want %s, %q", d.Status, d.Reason, nearText(d), tt.want, tt.why)
			}
			if r.Documents[0].Ambiguous != tt.count || len(r.Observations) != min(tt.count, 1) {
				t.Errorf("%d statements, observed %+v; want %d", r.Documents[0].Ambiguous, r.Observations, tt.count)
			}
			if tt.count > 0 && (r.Observations[0].Kind != report.LeftOut || r.Observations[0].N() != tt.count) {
				t.Errorf("observed %+v", r.Observations[0])
			}
		})
	}
	// A key of the document itself is an error, as one that comes twice always was.
	for name, doc := range map[string]string{
		"openvex":   `{"@context":"https://openvex.dev/ns/v0.2.0","Statements":[],"statements":[]}`,
		"csaf":      csafWith(`"document":`, `"Document":{},"document":`),
		"cyclonedx": cdxWith(`"vulnerabilities":`, `"vulnerabilities":[],"vulnerabilities":`),
		"in_toto": fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://openvex.dev/ns","subject":[{"digest":{"sha256":"1"}}],"Subject":[{"digest":{"sha256":"2"}}],"predicate":%s}`,
			open(about+","+what+`,"status":"not_affected",`+absent)),
		"in_toto_digest": fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://openvex.dev/ns","subject":[{"digest":{"sha256":"1"},"Digest":{"sha256":"2"}}],"predicate":%s}`,
			open(about+","+what+`,"status":"not_affected",`+absent)),
	} {
		if _, err := FromFile(name, []byte(doc)); err == nil || !strings.Contains(err.Error(), "the key") && !strings.Contains(err.Error(), "twice") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestVocabulariesFit: what was seen of an object is kept in 64 bits.
func TestVocabulariesFit(t *testing.T) {
	for name, v := range map[string]*vocabulary{"OpenVEX": statementKeys(), "CSAF": csafKeys(), "CycloneDX": cdxKeys(), "in-toto": inTotoKeys()} {
		if n := len(v.names); n > 64 || len(v.folded) != n {
			t.Errorf("%s has %d keys, %d of them distinct", name, n, len(v.folded))
		}
	}
}
