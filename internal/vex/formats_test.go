package vex

import (
	"fmt"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/report"
)

// csaf is a document about a component of a product and about a product itself.
func csaf(category, status, list, flag string) []byte {
	return fmt.Appendf(nil, `{"document":{"category":%q,"csaf_version":"2.0","publisher":{"name":"Vendor"},
	"tracking":{"id":"V-1","version":"2","status":%q,"current_release_date":"2025-09-30T00:00:00Z"}},
	"product_tree":{"branches":[{"category":"vendor","name":"v","branches":[
	 {"category":"product_version","name":"libc","product":{"product_id":"P1","name":"glibc","product_identification_helper":{"purl":"pkg:deb/debian/glibc@2.41-12"}}},
	 {"category":"product_version","name":"img","product":{"product_id":"I1","name":"image","product_identification_helper":{"purl":"pkg:oci/python?repository_url=dhi.io"}}},
	 {"category":"product_version","name":"os","product":{"product_id":"O1","name":"Some OS 9","product_identification_helper":{"cpe":"cpe:/o:x:y:9"}}}]}],
	"relationships":[
	 {"category":"default_component_of","product_reference":"P1","relates_to_product_reference":"I1","full_product_name":{"product_id":"I1:P1","name":"glibc in image"}},
	 {"category":"default_component_of","product_reference":"P1","relates_to_product_reference":"O1","full_product_name":{"product_id":"O1:P1","name":"glibc in OS"}}],
	"product_groups":[{"group_id":"G1","product_ids":["P1","I1:P1","O1:P1"]}]},
	"vulnerabilities":[{"cve":"CVE-2025-0001","ids":[{"system_name":"GitHub","text":"GHSA-aaaa-bbbb-cccc"}],
	"product_status":{%s},"flags":[%s],"threats":[{"category":"impact","details":"removed","product_ids":["I1:P1"]}],
	"remediations":[{"category":"vendor_fix","details":"update","group_ids":["G1"]}]}]}`, category, status, list, flag)
}

const notPresent = `{"label":"vulnerable_code_not_present","group_ids":["G1"]}`

func TestCSAF(t *testing.T) {
	for _, tt := range []struct {
		name, category, status, list, flag string
		want                               report.DecisionStatus
		why                                string
	}{
		{"product", "csaf_vex", "final", `"known_not_affected":["P1"]`, notPresent, report.Suppressed, "vulnerable_code_not_present"},
		{"component_of_this_image", "csaf_vex", "final", `"known_not_affected":["I1:P1"]`, "", report.Suppressed, "removed"},
		{"component_of_something_else", "csaf_vex", "final", `"known_not_affected":["O1:P1"]`, notPresent, report.Open, "statement is about Some OS 9"},
		{"without_a_reason", "csaf_vex", "final", `"known_not_affected":["P1"]`, "", report.Open, "without a justification"},
		{"fixed", "csaf_security_advisory", "final", `"fixed":["P1"]`, "", report.Suppressed, "fixed"},
		{"first_fixed", "csaf_vex", "final", `"first_fixed":["P1"]`, "", report.Suppressed, "fixed"},
		{"affected_with_action", "csaf_vex", "final", `"known_affected":["P1"]`, "", report.Open, "affected, says Vendor on 2025-09-30: update."},
		{"last_affected", "csaf_vex", "final", `"last_affected":["P1"]`, "", report.Open, "affected"},
		{"under_investigation", "csaf_vex", "final", `"under_investigation":["P1"]`, "", report.Open, "under_investigation"},
		{"recommended_says_nothing", "csaf_vex", "final", `"recommended":["P1"]`, "", report.Open, "No statement about"},
		{"draft", "csaf_vex", "draft", `"known_not_affected":["P1"]`, notPresent, report.Open, "its document is a draft"},
		{"product_that_is_not_in_the_tree", "csaf_vex", "final", `"known_not_affected":["P9"]`, notPresent, report.Open, "statement is about P9"},
		{"two_statuses_at_once", "csaf_vex", "final", `"known_not_affected":["P1"],"known_affected":["P1"]`, notPresent, report.Open, "affected"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			doc := must(t)(FromFile("x.json", csaf(tt.category, tt.status, tt.list, tt.flag)))
			d := decide(t, libc(), testImage(), Options{}, doc)
			if d.Status != tt.want || !strings.Contains(d.Reason+nearText(d), tt.why) {
				t.Errorf("decision = %s, %q, near %q; want %s, %q", d.Status, d.Reason, nearText(d), tt.want, tt.why)
			}
			row := mustRow(t, doc)
			if row.Format != "CSAF" || row.ID != "V-1" || row.Version != 2 || row.Author != "Vendor" {
				t.Errorf("row = %+v", row)
			}
		})
	}
	f := libc()
	f.ID = "GHSA-aaaa-bbbb-cccc"
	if d := decide(t, f, testImage(), Options{}, must(t)(FromFile("x", csaf("csaf_vex", "final", `"fixed":["P1"]`, "")))); d.Status != report.Suppressed {
		t.Errorf("by the other id: %s", d.Reason)
	}
}

func mustRow(t *testing.T, doc Document) report.VEXDocument {
	t.Helper()
	r, err := Decide(nil, []Document{doc}, testImage(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r.Documents[0]
}

func cyclonedx(component, analysis, affects string) []byte {
	return fmt.Appendf(nil, `{"bomFormat":"CycloneDX","specVersion":"1.6","serialNumber":"urn:uuid:1","version":3,
	"metadata":{"timestamp":"2025-09-30T00:00:00Z","supplier":{"name":"Vendor"}%s},
	"components":[{"bom-ref":"c1","name":"glibc","version":"2.41-12","purl":"pkg:deb/debian/glibc@2.41-12",
	  "components":[{"bom-ref":"c2","name":"glibc","purl":"pkg:deb/debian/glibc"}]},
	  {"bom-ref":"c3","version":"2.41-12"},{"bom-ref":"c4","cpe":"cpe:2.3:a:x:y:1:*:*:*:*:*:*:*","hashes":[{"alg":"SHA-256","content":"00"}]}],
	"vulnerabilities":[{"id":"CVE-2025-0001","references":[{"id":"GHSA-aaaa-bbbb-cccc"}],"analysis":%s,"affects":[%s]},
	  {"id":"CVE-2025-0009","affects":[{"ref":"c1"}]}]}`, component, analysis, affects)
}

func TestCycloneDX(t *testing.T) {
	const absent = `{"state":"not_affected","justification":"code_not_present"}`
	const thisImage = `,"component":{"bom-ref":"i","name":"python","purl":"pkg:oci/python@` + ownDigest + `"}`
	for _, tt := range []struct {
		name, component, analysis, affects string
		want                               report.DecisionStatus
		why                                string
	}{
		{"by_reference", "", absent, `{"ref":"c1"}`, report.Suppressed, "vulnerable_code_not_present"},
		{"by_bom_link", "", absent, `{"ref":"urn:cdx:1/1#pkg%3Adeb%2Fdebian%2Fglibc%402.41-12"}`, report.Suppressed, "not_affected"},
		{"by_package_url", "", absent, `{"ref":"pkg:deb/debian/glibc@2.41-12"}`, report.Suppressed, "not_affected"},
		{"unknown_reference", "", absent, `{"ref":"c9"}`, report.Open, "statement is about c9"},
		{"in_this_image", `,"component":{"type":"container","bom-ref":"i","name":"python","purl":"pkg:oci/python?repository_url=dhi.io"}`, absent, `{"ref":"c1"}`, report.Suppressed, "not_affected"},
		{"in_another_image", `,"component":{"type":"container","bom-ref":"i","name":"node","purl":"pkg:oci/node?repository_url=dhi.io"}`, absent, `{"ref":"c1"}`, report.Open, "statement is about pkg:oci/node"},
		{"in_an_application_without_identity", `,"component":{"type":"application","name":"shop"}`, absent, `{"ref":"c1"}`, report.Open, "statement is about shop"},
		{"code_not_reachable", "", `{"state":"not_affected","justification":"code_not_reachable"}`, `{"ref":"c1"}`, report.Suppressed, "vulnerable_code_not_in_execute_path"},
		{"requires_environment", "", `{"state":"not_affected","justification":"requires_environment"}`, `{"ref":"c1"}`, report.Suppressed, "cannot_be_controlled"},
		{"protected_at_runtime", "", `{"state":"not_affected","justification":"protected_at_runtime"}`, `{"ref":"c1"}`, report.Suppressed, "inline_mitigations"},
		{"unknown_justification", "", `{"state":"not_affected","justification":"trust_me"}`, `{"ref":"c1"}`, report.Open, "does not exist"},
		{"not_affected_without_a_word", "", `{"state":"not_affected"}`, `{"ref":"c1"}`, report.Open, "without a justification"},
		{"false_positive", "", `{"state":"false_positive"}`, `{"ref":"c1"}`, report.Suppressed, "false positive"},
		{"resolved", "", `{"state":"resolved"}`, `{"ref":"c1"}`, report.Suppressed, "fixed"},
		{"resolved_without_a_version", "", `{"state":"resolved"}`, `{"ref":"c2"}`, report.Open, "without naming the fixed version"},
		{"exploitable", "", `{"state":"exploitable"}`, `{"ref":"c1"}`, report.Open, "affected"},
		{"in_triage", "", `{"state":"in_triage"}`, `{"ref":"c1"}`, report.Open, "under_investigation"},
		{"unknown_state", "", `{"state":"fine"}`, `{"ref":"c1"}`, report.Open, "not understood"},
		{"version_listed", "", absent, `{"ref":"c2","versions":[{"version":"2.41-12","status":"unaffected"}]}`, report.Suppressed, "not_affected"},
		{"other_version_listed", "", absent, `{"ref":"c2","versions":[{"version":"2.41-11","status":"unaffected"}]}`, report.Open, "covers glibc 2.41-11"},
		{"version_listed_as_affected", "", absent, `{"ref":"c2","versions":[{"version":"2.41-12","status":"affected"}]}`, report.Open, "affected"},
		{"version_listed_as_unknown", "", absent, `{"ref":"c2","versions":[{"version":"2.41-12","status":"unknown"}]}`, report.Open, "under_investigation"},
		{"version_without_a_status_is_affected", "", absent, `{"ref":"c2","versions":[{"version":"2.41-12"}]}`, report.Open, "affected"},
		{"version_with_a_status_that_is_not_known", "", absent, `{"ref":"c2","versions":[{"version":"2.41-12","status":"fine"}]}`, report.Open, "under_investigation"},
		{"other_version_of_a_versioned_component", "", absent, `{"ref":"c1","versions":[{"version":"2.41-13","status":"unaffected"}]}`, report.Open, "covers version 2.41-13, installed 2.41-12"},
		{"version_of_a_versioned_component", "", absent, `{"ref":"c1","versions":[{"version":"2.41-12","status":"unaffected"}]}`, report.Suppressed, "not_affected"},
		{"affected_in_another_version", "", absent, `{"ref":"c1"},{"ref":"c1","versions":[{"version":"2.41-13","status":"affected"}]}`, report.Suppressed, "not_affected"},
		{"range_that_holds_it", "", absent, `{"ref":"c2","versions":[{"range":"vers:deb/>1","status":"unaffected"}]}`, report.Suppressed, "not_affected"},
		{"range_that_does_not", "", absent, `{"ref":"c2","versions":[{"range":"vers:deb/>=2.41-13","status":"unaffected"}]}`, report.Open, "covers vers:deb/>=2.41-13, installed 2.41-12"},
		{"range_of_a_versioned_component", "", absent, `{"ref":"c1","versions":[{"range":"vers:deb/>=2.41-13","status":"unaffected"}]}`, report.Open, "covers vers:deb/>=2.41-13, installed 2.41-12"},
		{"range_of_another_type", "", absent, `{"ref":"c2","versions":[{"range":"vers:npm/>=1.0.0","status":"unaffected"}]}`, report.Open, "is not understood"},
		{"range_that_is_none", "", absent, `{"ref":"c1","versions":[{"range":">1","status":"unaffected"}]}`, report.Open, "no vers range"},
		{"range_of_all", "", absent, `{"ref":"c2","versions":[{"range":"vers:deb/*","status":"unaffected"}]}`, report.Open, "no version"},
		{"range_affected", "", absent, `{"ref":"c1"},{"ref":"c2","versions":[{"range":"vers:deb/<3"}]}`, report.Open, "affected"},
		{"all_affected_says_a_component_of_another_version", "", absent, `{"ref":"c1"},{"ref":"pkg:deb/debian/glibc@1.0","versions":[{"range":"vers:deb/*","status":"affected"}]}`, report.Open, "affected"},
		{"all_cleared_says_a_component_of_another_version", "", absent, `{"ref":"pkg:deb/debian/glibc@1.0","versions":[{"range":"vers:deb/*","status":"unaffected"}]}`, report.Open, "installed 2.41-12"},
		{"unnamed", thisImage, absent, `{"ref":"c3"}`, report.Open, "its component has no package URL"},
		{"unnamed_in_all_versions", thisImage, absent, `{"ref":"c3","versions":[{"range":"vers:deb/*","status":"unaffected"}]}`, report.Open, ""},
		{"unnamed_with_a_cpe_and_a_hash", thisImage, absent, `{"ref":"c4"}`, report.Open, ""},
		{"unnamed_in_no_image", "", absent, `{"ref":"c3"}`, report.Open, ""},
		{"empty_reference", thisImage, absent, `{"ref":""}`, report.Open, ""},
		{"empty_reference_in_no_image", "", absent, `{"ref":""}`, report.Open, ""},
		{"unnamed_affected", thisImage, `{"state":"exploitable"}`, `{"ref":"c3"}`, report.Open, "affected"},
		{"the_image_itself", thisImage, absent, `{"ref":"i"}`, report.Suppressed, "not_affected"},
		{"range_affected_elsewhere", "", absent, `{"ref":"c1"},{"ref":"c2","versions":[{"range":"vers:deb/<2"}]}`, report.Suppressed, "not_affected"},
		{"range_affected_that_is_not_understood", "", absent, `{"ref":"c1"},{"ref":"c2","versions":[{"range":"vers:rust/<2","status":"affected"}]}`, report.Open, "affected"},
		{"range_unknown_that_is_not_understood", "", absent, `{"ref":"c1"},{"ref":"c1","versions":[{"range":"<9","status":"unknown"}]}`, report.Open, "under_investigation"},
		{"neither_version_nor_range", "", absent, `{"ref":"c1","versions":[{"status":"unaffected"}]}`, report.Open, "no version that is understood"},
		{"range_in_this_image", `,"component":{"type":"container","bom-ref":"i","name":"python","purl":"pkg:oci/python?repository_url=dhi.io"}`, absent, `{"ref":"c2","versions":[{"range":"vers:deb/>=2.41-13","status":"unaffected"}]}`, report.Open, "covers vers:deb/>=2.41-13"},
		{"image_in_another_version", `,"component":{"type":"container","bom-ref":"i","name":"python","version":"3.13","purl":"pkg:oci/python@` + ownDigest + `"}`, absent, `{"ref":"i","versions":[{"version":"3.14","status":"unaffected"}]}`, report.Open, "covers version 3.14"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			doc := must(t)(FromFile("x.json", cyclonedx(tt.component, tt.analysis, tt.affects)))
			d := decide(t, libc(), testImage(), Options{}, doc)
			if d.Status != tt.want || !strings.Contains(d.Reason+nearText(d), tt.why) {
				t.Errorf("decision = %s, %q, near %q; want %s, %q", d.Status, d.Reason, nearText(d), tt.want, tt.why)
			}
			if row := mustRow(t, doc); row.Format != "CycloneDX" || row.ID != "urn:uuid:1" || row.Version != 3 || row.Author != "Vendor" {
				t.Errorf("row = %+v", row)
			}
		})
	}
}

// TestForeignDocuments reads the documents of other projects.
func TestForeignDocuments(t *testing.T) {
	for _, tt := range []struct {
		file       string
		statements int
		find       report.Vulnerability
		image      string
		want       report.DecisionStatus
	}{
		{"vex/csaf.json", 1, find("CVE-2009-4487", "pkg:golang/github.com/go-homedir@v1.2.0"), "", report.Suppressed}, // an impact threat is an impact statement
		{"vex/openvex.json", 1, find("CVE-2021-44228", "pkg:maven/org.springframework.boot/spring-boot@2.6.0"), "", report.Suppressed},
		{"vex/openvex-multiple.json", 2, find("CVE-2021-44228", "pkg:maven/org.springframework.boot/spring-boot@2.6.0"), "", report.Suppressed},
		{"vex/openvex-nested.json", 1, find("CVE-2024-0001", "pkg:golang/github.com/aquasecurity/go-transitive@v4.0.0"), "", report.Open},
		{"vex/openvex-oci.json", 1, find("CVE-2022-3715", "pkg:deb/debian/bash@5.3?distro=debian-12"), "debian", report.Open},
		{"vex/openvex-oci-mismatch.json", 1, find("CVE-2022-3715", "pkg:deb/debian/bash@5.3?distro=debian-12"), "debian", report.Open},
		{"vex/v0.0.1.json", 1, find("CVE-2023-12345", "pkg:apk/wolfi/git@2.39.0-r1?arch=x86_64"), "", report.Suppressed},
		{"vex/v0.0.1-noversion.json", 1, find("CVE-2023-12345", "pkg:apk/wolfi/git@2.39.0-r1?arch=armv7"), "", report.Suppressed},
		{"vex/v0.2.0.json", 5, find("CVE-2023-1255", "pkg:apk/alpine/libssl3@3.0.8-r3"), "alpine@sha256:124c7d2707904eea7431fffe91522a01e5a861a624ee31d03372cc1d138a3126", report.Suppressed},
		{"vex/v001-1.vex.json", 1, find("CVE-1234-5678", "pkg:apk/wolfi/bash@1.0.0"), "", report.Open},
		{"vex/v001-2.vex.json", 1, find("CVE-1234-5678", "pkg:apk/wolfi/bash@1.0.0"), "", report.Suppressed},
		{"vex/v020-1.vex.json", 1, find("CVE-9876-54321", "pkg:apk/wolfi/bash@1.0.0"), "", report.Open},
		{"vex/v020-2.vex.json", 1, find("CVE-1234-5678", "pkg:apk/wolfi/git@2.41.0-1"), "", report.Open},
	} {
		t.Run(strings.TrimPrefix(tt.file, "vex/"), func(t *testing.T) {
			doc := must(t)(FromFile(tt.file, sharedFile(t, tt.file)))
			if got := len(doc.d.statements); got != tt.statements {
				t.Errorf("statements = %d, want %d", got, tt.statements)
			}
			repo, _, digest := splitReference(tt.image)
			d := decide(t, tt.find, Image{Repository: repo, Digest: digest}, Options{}, doc)
			if d.Status != tt.want {
				t.Errorf("decision = %s, want %s: %s", d.Status, tt.want, d.Reason)
			}
		})
	}
}
