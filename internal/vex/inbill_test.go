package vex

import "testing"

func TestInBill(t *testing.T) {
	const bom = "https://cyclonedx.org/bom/v1.6"
	const judged = `{"id":"CVE-1","analysis":{"state":"exploitable"}}`
	for _, tt := range []struct {
		name, predicateType, bill string
		want                      bool
	}{
		{"judged", bom, `{"bomFormat":"CycloneDX","vulnerabilities":[{"id":"CVE-2"},` + judged + `]}`, true},
		{"another_type", "https://cyclonedx.org/schema", `{"vulnerabilities":[` + judged + `]}`, true},
		{"without_a_state", bom, `{"vulnerabilities":[{"id":"CVE-1","analysis":{}}]}`, true},
		{"not_judged", bom, `{"vulnerabilities":[{"id":"CVE-1","ratings":[{"severity":"high"}]},{"id":"CVE-2","analysis":null}]}`, false},
		{"empty", bom, `{"vulnerabilities":[]}`, false},
		{"null", bom, `{"vulnerabilities":null}`, false},
		{"none", bom, `{"components":[{"vulnerabilities":[` + judged + `]}]}`, false},
		{"in_other_case", bom, `{"Vulnerabilities":[` + judged + `]}`, true},
		{"twice", bom, `{"vulnerabilities":[` + judged + `],"vulnerabilities":[]}`, true},
		{"analysis_twice", bom, `{"vulnerabilities":[{"analysis":{"state":"exploitable"},"analysis":null}]}`, true},
		{"not_a_list", bom, `{"vulnerabilities":{"CVE-1":"exploitable"}}`, true},
		{"not_an_object", bom, `"a bill"`, false},
		{"spdx", "https://spdx.dev/Document", `{"vulnerabilities":[` + judged + `]}`, false},
	} {
		if got := InBill(tt.predicateType, []byte(tt.bill)); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}
