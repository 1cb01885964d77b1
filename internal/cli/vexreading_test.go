package cli_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

const glibcPURL = "pkg:deb/debian/glibc@2.36-9%2Bdeb12u7"

// statementOf is one OpenVEX statement about the finding of high severity.
func statementOf(status string, change ...func(map[string]any)) map[string]any {
	s := openVEX(status)["statements"].([]any)[0].(map[string]any)
	for _, c := range change {
		c(s)
	}
	return s
}

// documentOf is the usual document with other statements and another head.
func documentOf(head map[string]any, statements ...map[string]any) map[string]any {
	doc := openVEX("not_affected")
	for k, v := range head {
		if v == nil {
			delete(doc, k)
		} else {
			doc[k] = v
		}
	}
	list := []any{}
	for _, s := range statements {
		list = append(list, s)
	}
	doc["statements"] = list
	return doc
}

func on(t time.Time) func(map[string]any) {
	return func(s map[string]any) { s["timestamp"] = t.Format(time.RFC3339) }
}

// TestVEXReading holds from the front door how statements are read: what they may clear,
// and what comes of those that cannot be taken as they are written.
func TestVEXReading(t *testing.T) {
	stranger, err := testkit.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	const day = 24 * time.Hour
	type head = map[string]any
	attached := func(docs ...any) []testkit.Attestation {
		var out []testkit.Attestation
		for _, d := range docs {
			out = append(out, testkit.Attestation{PredicateType: testkit.PredicateOpenVEX, Predicate: d})
		}
		return out
	}
	with := func(doc any, ms ...testkit.Mutator) testkit.Attestation { return attached(doc)[0].With(ms...) }
	clears, affected := statementOf("not_affected"), statementOf("affected")
	twice := func(member string) json.RawMessage { // a member more in the statement
		data, err := json.Marshal(documentOf(nil, clears))
		if err != nil {
			t.Fatal(err)
		}
		return json.RawMessage(strings.Replace(string(data), `"impact_statement"`, member+`,"impact_statement"`, 1))
	}
	cyclonedx := func(affects string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"timestamp":"2026-04-01T00:00:00Z"},
			"components":[{"bom-ref":"c","name":"glibc","version":"2.36-9+deb12u7","purl":%q},{"bom-ref":"any","name":"glibc","purl":"pkg:deb/debian/glibc"}],
			"vulnerabilities":[{"id":"CVE-2025-4802","analysis":{"state":"not_affected","justification":"code_not_reachable"},"affects":[%s]}]}`, glibcPURL, affects))
	}
	csaf := func(list, product, relationships string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"document":{"category":"csaf_vex","csaf_version":"2.0","publisher":{"name":"V"},"tracking":{"id":"V-1","version":"1","status":"final","current_release_date":"2026-04-30T18:00:00Z"}},
			"product_tree":{"full_product_names":[{"product_id":"P","name":"glibc","product_identification_helper":{"purl":%q}},
			 {"product_id":"B","name":"busybox","product_identification_helper":{"purl":"pkg:deb/debian/busybox@1"}},
			 {"product_id":"I","name":"image","product_identification_helper":{"purl":"pkg:oci/app?repository_url=HOST/dhi"}}],"relationships":[%s]},
			"vulnerabilities":[{"cve":"CVE-2025-4802","product_status":{%q:[%q]},"flags":[{"label":"vulnerable_code_not_present","product_ids":[%q]}]}]}`,
			glibcPURL, relationships, list, product, product))
	}
	part := func(id, component, of string) string {
		return fmt.Sprintf(`{"category":"default_component_of","full_product_name":{"product_id":%q,"name":"x"},"product_reference":%q,"relates_to_product_reference":%q}`, id, component, of)
	}
	// The publisher's, which the row of the trust table wants to see.
	unrelated := documentOf(head{"@id": "https://example.invalid/3"}, statementOf("not_affected", func(s map[string]any) {
		s["vulnerability"] = map[string]any{"name": "CVE-2000-2"}
	}))
	limits := []string{"--vex-max-age", "30d", "--vex-limits", "stale=0"}
	newer := documentOf(head{"@id": "https://example.invalid/2"}, statementOf("affected", on(built.Add(time.Hour))))

	for _, tt := range []struct {
		name  string
		vex   []testkit.Attestation
		named any
		flags []string
		code  fault.Code
		want  report.Result
		says  string
	}{
		// Dates.
		{"from_the_future_loses_to_affected", attached(documentOf(nil, statementOf("not_affected", on(now.AddDate(70, 0, 0))), statementOf("affected", on(now.Add(-day))))), nil, nil, fault.Policy, report.Fail, "later than tomorrow"},
		{"from_the_future_is_stale", attached(documentOf(nil, statementOf("not_affected", on(now.AddDate(70, 0, 0))))), nil, limits, fault.Policy, report.Fail, "older than vex-max-age: 1"},
		{"from_the_future_alone_is_told", attached(documentOf(nil, statementOf("not_affected", on(now.AddDate(70, 0, 0))))), nil, nil, fault.OK, report.Pass, "1 statement dated later than tomorrow"},
		{"of_tomorrow_is_a_date", attached(documentOf(nil, statementOf("not_affected", on(now.Add(23*time.Hour))), statementOf("affected", on(now.Add(-day))))), nil, limits, fault.OK, report.Pass, ""},
		{"undated_is_stale", attached(documentOf(head{"timestamp": nil}, clears)), nil, limits, fault.Policy, report.Fail, "older than vex-max-age: 1"},
		{"undated_without_an_age", attached(documentOf(head{"timestamp": nil}, clears)), nil, []string{"--vex-limits", "stale=0"}, fault.OK, report.Pass, ""},
		// Versions of one document.
		{"withdrawn_by_the_next_version", attached(documentOf(head{"version": 1}, clears), documentOf(head{"version": 2}, statementOf("not_affected", func(s map[string]any) {
			s["vulnerability"] = map[string]any{"name": "CVE-2000-1"}
		}))), nil, nil, fault.Policy, report.Fail, "superseded by version 2"},
		{"another_signer_withdraws_nothing", append(attached(documentOf(head{"version": 1}, clears)), with(documentOf(head{"version": 2}), testkit.SignedBy(stranger))), nil, nil, fault.OK, report.Pass, ""},
		// Keys.
		{"status_in_another_case", nil, twice(`"Status":"affected"`), nil, fault.Policy, report.Fail, `the key \"Status\" for \"status\"`},
		{"status_in_another_case_attested", attached(twice(`"Status":"affected"`)), nil, nil, fault.Policy, report.Fail, ""},
		{"status_twice", nil, twice(`"status":"affected"`), nil, fault.Policy, report.Fail, `the key \"status\" twice`},
		{"key_that_means_nothing_twice", nil, twice(`"note":1,"note":2`), nil, fault.OK, report.Pass, ""},
		{"such_a_statement_beside_a_good_one", nil, documentOf(nil, clears, map[string]any{"vulnerability": map[string]any{"name": "CVE-2000-1", "Name": "x"}, "status": "affected"}), nil, fault.OK, report.Warn, "readers of JSON do not agree"},
		{"key_of_the_document_in_another_case", attached(documentOf(nil, clears)), documentOf(head{"Version": 3}, clears), nil, fault.OK, report.Warn, `\"Version\" for \"version\"`},
		// CycloneDX.
		{"cyclonedx_clears", nil, cyclonedx(`{"ref":"c"}`), nil, fault.OK, report.Pass, ""},
		{"cyclonedx_version_without_a_status", nil, cyclonedx(`{"ref":"any","versions":[{"version":"2.36-9+deb12u7"}]}`), nil, fault.Policy, report.Fail, "affected"},
		{"cyclonedx_version_that_is_not_the_components", nil, cyclonedx(`{"ref":"c","versions":[{"version":"2.40","status":"unaffected"}]}`), nil, fault.Policy, report.Fail, "covers version 2.40"},
		{"cyclonedx_range_that_does_not_hold_it", nil, cyclonedx(`{"ref":"c","versions":[{"range":"vers:deb/>=2.40","status":"unaffected"}]}`), nil, fault.Policy, report.Fail, "covers vers:deb/"},
		{"cyclonedx_range_that_holds_it", nil, cyclonedx(`{"ref":"any","versions":[{"range":"vers:deb/>=2.36-9+deb12u5|<2.40","status":"unaffected"}]}`), nil, fault.OK, report.Pass, ""},
		{"cyclonedx_range_that_is_not_understood", nil, cyclonedx(`{"ref":"c","versions":[{"range":"2.x","status":"unaffected"}]}`), nil, fault.Policy, report.Fail, "is not understood"},
		{"cyclonedx_affected_range_that_is_not_understood", nil, cyclonedx(`{"ref":"c"},{"ref":"c","versions":[{"range":"2.x","status":"affected"}]}`), nil, fault.Policy, report.Fail, "affected"},
		{"cyclonedx_state_in_another_case", nil, json.RawMessage(strings.Replace(string(cyclonedx(`{"ref":"c"}`)), `"state"`, `"state":"exploitable","State"`, 1)), nil, fault.Policy, report.Fail, `\"State\" for \"state\"`},
		// CSAF.
		{"csaf_component_of_the_image", nil, csaf("known_not_affected", "IP", part("IP", "P", "I")), nil, fault.OK, report.Pass, ""},
		{"csaf_component_of_a_package", nil, csaf("known_not_affected", "BP", part("BP", "P", "B")), nil, fault.Policy, report.Fail, "only"},
		{"csaf_product", nil, csaf("known_not_affected", "P", ""), nil, fault.OK, report.Pass, ""},
		{"csaf_nested", nil, csaf("known_not_affected", "IBP", part("IB", "B", "I")+","+part("IBP", "P", "IB")), nil, fault.Policy, report.Fail, ""},
		{"csaf_without_an_end", nil, csaf("known_not_affected", "X", part("X", "P", "X")), nil, fault.Policy, report.Fail, "have no end"},
		{"csaf_list_twice", nil, json.RawMessage(strings.Replace(string(csaf("known_not_affected", "P", "")), `"known_not_affected":`, `"known_not_affected":[],"known_not_affected":`, 1)), nil, fault.Policy, report.Fail, `\"known_not_affected\" twice`},
		// Objections.
		{"newer_and_unsigned_objects", append(attached(documentOf(nil, clears)), with(newer, testkit.Unsigned())), nil, nil, fault.OK, report.Warn, "which is not verified and is newer than"},
		{"newer_and_a_strangers_objects", append(attached(documentOf(nil, clears)), with(newer, testkit.SignedBy(stranger))), nil, nil, fault.OK, report.Warn, "stands against a suppression"},
		{"objection_fails_when_asked", append(attached(documentOf(nil, clears)), with(newer, testkit.Unsigned())), nil, []string{"--vex-unverified-objection", "fail"}, fault.Policy, report.Fail, "stands against a suppression"},
		{"objection_is_ignored_when_asked", append(attached(documentOf(nil, clears)), with(newer, testkit.Unsigned())), nil, []string{"--vex-unverified-objection", "ignore"}, fault.OK, report.Pass, ""},
		{"objection_to_a_named_file", []testkit.Attestation{with(newer, testkit.Unsigned())}, documentOf(nil, clears), nil, fault.OK, report.Warn, "stands against a suppression"},
		{"under_investigation_objects", append(attached(documentOf(nil, clears)), with(documentOf(nil, statementOf("under_investigation", on(now))), testkit.Unsigned())), nil, nil, fault.OK, report.Warn, "stands against a suppression"},
		{"older_does_not_object", append(attached(documentOf(nil, clears)), with(documentOf(nil, statementOf("affected", on(built.Add(-day)))), testkit.Unsigned())), nil, nil, fault.OK, report.Pass, ""},
		{"undated_does_not_object", append(attached(documentOf(nil, clears)), with(documentOf(head{"timestamp": nil}, affected), testkit.Unsigned())), nil, nil, fault.OK, report.Pass, ""},
		{"from_the_future_does_not_object", append(attached(documentOf(nil, clears)), with(documentOf(nil, statementOf("affected", on(now.AddDate(1, 0, 0)))), testkit.Unsigned())), nil, nil, fault.OK, report.Pass, ""},
		{"unsigned_does_not_suppress", []testkit.Attestation{with(documentOf(nil, statementOf("not_affected", on(now))), testkit.Unsigned())}, nil, nil, fault.Policy, report.Fail, "unsigned"},
		{"a_strangers_junk_is_no_matter", append(attached(documentOf(nil, clears)), with(json.RawMessage(`{"x":1}`), testkit.Unsigned())), nil, nil, fault.OK, report.Pass, ""},
		{"newer_and_verified_decides", attached(documentOf(nil, clears), newer), nil, nil, fault.Policy, report.Fail, "superseded on"},
		{"option_that_is_none", attached(documentOf(nil, clears)), nil, []string{"--vex-unverified-objection", "maybe"}, fault.Usage, report.Error, "warn, fail, ignore"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			img := w.image().Without(testkit.PredicateOpenVEX).Plus(attached(unrelated)...).Plus(tt.vex...)
			ref, _ := w.push(img)
			flags := append(slices.Clone(tt.flags), "--vex-folder", "none", "--require", "none")
			if tt.named != nil {
				data, err := json.Marshal(tt.named)
				if err != nil {
					t.Fatal(err)
				}
				writeJSON(t, w.path("named.json"), json.RawMessage(strings.ReplaceAll(string(data), "HOST", w.registry.Host())))
				flags = append(flags, "--vex", w.path("named.json"))
			}
			code, r, text := w.verify(ref, flags...)
			if code != tt.code || r != nil && r.Verdict.Result != tt.want {
				t.Errorf("exit %d, verdict %+v, want %d %s\n%s", code, r, tt.code, tt.want, text)
			}
			if all, _ := json.Marshal(r); !strings.Contains(text+string(all), tt.says) {
				t.Errorf("nothing says %q\n%s%s", tt.says, text, all)
			}
		})
	}
}

// TestExplainingIsBounded: what may not suppress is read to object within bounds, and
// what is over them is told, warns, and stops nothing.
func TestExplainingIsBounded(t *testing.T) {
	for _, tt := range []struct {
		name  string
		junk  int // unsigned documents beside the verified one
		size  int // of each; 0 for one with many products
		flags []string
		want  report.Result
		says  string
	}{
		{"as_many_as_are_read", 3, 100, nil, report.Pass, ""},
		{"more_than_are_read", 5, 100, nil, report.Warn, "2 VEX attestations not verified"},
		{"larger_than_is_read", 1, 4 << 20, nil, report.Warn, "1 VEX attestation not verified"},
		{"together_larger_than_is_read", 3, 3 << 19, nil, report.Warn, "1 VEX attestation not verified"},
		{"with_more_products_than_are_read", 1, 0, nil, report.Warn, "1 VEX attestation not verified"},
		{"where_they_may_suppress_all_are_read", 5, 100, []string{"--vex-policy", "any"}, report.Pass, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			img := w.image()
			for i := range tt.junk {
				doc := openVEX("not_affected")
				doc["@id"], doc["note"] = fmt.Sprint("https://example.invalid/junk/", i), strings.Repeat("x", tt.size)
				doc["timestamp"] = built.AddDate(0, 0, -i-1).Format(time.RFC3339)
				if tt.size == 0 {
					doc["statements"].([]any)[0].(map[string]any)["products"] = slices.Repeat([]any{map[string]any{"@id": "pkg:deb/debian/x@1"}}, 60_000)
				}
				img = img.Plus(testkit.Attestation{PredicateType: testkit.PredicateOpenVEX, Predicate: doc}.With(testkit.Unsigned()))
			}
			ref, _ := w.push(img)
			code, r, text := w.verify(ref, append(tt.flags, "--vex-folder", "none", "--require", "none")...)
			must(t, code, r, text, fault.OK, tt.want)
			told := false
			for _, o := range r.Observations {
				if o.Stage == report.StageVEX && o.Kind == report.LeftOut {
					told = strings.Contains(o.Message, tt.says)
				}
			}
			if told != (tt.says != "") {
				t.Errorf("observed %+v, want %q", r.Observations, tt.says)
			}
			if d := finding(t, r, "CVE-2025-4802").Decision; d.Status != report.Suppressed || d.Statement.Trust != report.TrustVerified {
				t.Errorf("decision is %+v", d)
			}
		})
	}
}
