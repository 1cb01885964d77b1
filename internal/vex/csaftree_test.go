package vex

import (
	"fmt"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/report"
)

// nested is a CSAF document with one product in one list. Relationships are written
// "ID=part in whole", or "ID=part as PURL in whole" with a package URL of their own.
func nested(list, product string, relationships ...string) []byte {
	var rows []string
	for _, r := range relationships {
		id, rest, _ := strings.Cut(r, "=")
		part, whole, _ := strings.Cut(rest, " in ")
		part, purl, _ := strings.Cut(part, " as ")
		rows = append(rows, fmt.Sprintf(`{"category":"default_component_of","product_reference":%q,"relates_to_product_reference":%q,
			"full_product_name":{"product_id":%q,"name":%q,"product_identification_helper":{"purl":%q}}}`, part, whole, id, id, purl))
	}
	return fmt.Appendf(nil, `{"document":{"category":"csaf_vex","csaf_version":"2.0","publisher":{"name":"Vendor"},
	"tracking":{"id":"V-1","version":"1","status":"final","current_release_date":"2025-09-30T00:00:00Z"}},
	"product_tree":{"full_product_names":[
	 {"product_id":"LIBC","name":"libc6","product_identification_helper":{"purl":"pkg:deb/debian/libc6@2.41-12"}},
	 {"product_id":"GLIBC","name":"glibc","product_identification_helper":{"purl":"pkg:deb/debian/glibc@2.41-12"}},
	 {"product_id":"BUSYBOX","name":"busybox","product_identification_helper":{"purl":"pkg:deb/debian/busybox@1"}},
	 {"product_id":"IMAGE","name":"python","product_identification_helper":{"purl":"pkg:oci/python?repository_url=dhi.io"}},
	 {"product_id":"OTHER","name":"node","product_identification_helper":{"purl":"pkg:oci/node?repository_url=dhi.io"}}],
	"relationships":[%s]},
	"vulnerabilities":[{"cve":"CVE-2025-0001","product_status":{%q:[%q]},"flags":[{"label":"vulnerable_code_not_present","product_ids":[%q]}]}]}`,
		strings.Join(rows, ","), list, product, product)
}

// TestNestedProducts holds that all levels of a chain of relationships have to be met.
func TestNestedProducts(t *testing.T) {
	long, deep, twins := []string{"R0=GLIBC in IMAGE"}, []string{"R0=GLIBC in IMAGE"}, []string{"R0=LIBC in IMAGE"}
	for i := range 50 {
		long = append(long, fmt.Sprintf("R%d=LIBC in R%d", i+1, i))
	}
	for i := range 3 * maxLevels {
		deep = append(deep, fmt.Sprintf("R%d=LIBC in R%d", i+1, i))
	}
	for i := range 40 {
		twins = append(twins, fmt.Sprintf("R%d=R%d in R%d", i+1, i, i))
	}
	const kept, hit = "known_not_affected", "known_affected"
	for _, tt := range []struct {
		name, list, product string
		relationships       []string
		want                report.DecisionStatus
		why                 string
	}{
		{"component_of_the_image", kept, "R1", []string{"R1=LIBC in IMAGE"}, report.Suppressed, ""},
		{"inside_another_package_of_the_image", kept, "R2", []string{"R1=BUSYBOX in IMAGE", "R2=LIBC in R1"}, report.Open, "a component of pkg:deb/debian/busybox@1 only"},
		{"listed_in_the_other_order", kept, "R2", []string{"R2=LIBC in R1", "R1=BUSYBOX in IMAGE"}, report.Open, "a component of pkg:deb/debian/busybox@1 only"},
		{"the_part_is_nested", kept, "R2", []string{"R1=LIBC in BUSYBOX", "R2=R1 in IMAGE"}, report.Open, "a component of pkg:deb/debian/busybox@1 only"},
		{"binary_in_its_source_package", kept, "R2", []string{"R1=GLIBC in IMAGE", "R2=LIBC in R1"}, report.Suppressed, ""},
		{"in_another_image", kept, "R2", []string{"R1=GLIBC in OTHER", "R2=LIBC in R1"}, report.Open, "pkg:oci/node"},
		{"with_a_package_url_of_its_own", kept, "R2", []string{"R1=BUSYBOX in IMAGE", "R2=OTHER as pkg:deb/debian/libc6@2.41-12 in R1"}, report.Open, "a component of pkg:deb/debian/busybox@1 only"},
		{"with_a_package_url_in_the_image", kept, "R1", []string{"R1=OTHER as pkg:deb/debian/libc6@2.41-12 in IMAGE"}, report.Suppressed, ""},
		{"affected_in_another_package", hit, "R2", []string{"R1=BUSYBOX in IMAGE", "R2=LIBC in R1"}, report.Open, "a component of"},
		{"affected_in_the_image", hit, "R1", []string{"R1=LIBC in IMAGE"}, report.Open, "affected, says Vendor"},
		{"in_itself", kept, "R1", []string{"R1=LIBC in R1"}, report.Open, "have no end"},
		{"cycle", kept, "R1", []string{"R1=LIBC in R2", "R2=BUSYBOX in R1"}, report.Open, "have no end"},
		{"long_chain_that_holds", kept, "R50", long, report.Suppressed, ""},
		{"deeper_than_the_bound", kept, fmt.Sprintf("R%d", 3*maxLevels), deep, report.Open, "have no end"},
		{"twice_as_many_each_level", kept, "R40", twins, report.Open, "have no end"},
		{"part_that_is_not_there", kept, "R1", []string{"R1=GONE in IMAGE"}, report.Open, ""},
		{"whole_that_is_not_there", kept, "R1", []string{"R1=LIBC in GONE"}, report.Open, "statement is about GONE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			doc := must(t)(FromFile("x.json", nested(tt.list, tt.product, tt.relationships...)))
			d := decide(t, libc(), testImage(), Options{}, doc)
			if d.Status != tt.want || !strings.Contains(d.Reason+nearText(d), tt.why) {
				t.Errorf("decision = %s, %q, near %q; want %s, %q", d.Status, d.Reason, nearText(d), tt.want, tt.why)
			}
		})
	}
	doc := must(t)(FromFile("x.json", nested(kept, "R2", "R1=GLIBC in IMAGE", "R2=LIBC in R1")))
	if d := decide(t, libc(), testImage(), Options{}, doc); !strings.Contains(d.Statement.Product, "> pkg:deb/debian/glibc@2.41-12 > pkg:deb/debian/libc6@2.41-12") {
		t.Errorf("the product is told as %q", d.Statement.Product)
	}
}
