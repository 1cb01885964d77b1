package vex

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestSizeOfUnverified: a document that nobody vouches for may not make the work grow; what
// is in it is counted, and the same is read of those whose word counts.
func TestSizeOfUnverified(t *testing.T) {
	list := func(n int, each func(i int) string) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(each(i))
		}
		return b.String()
	}
	openvex := func(n int) string {
		return `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"x","author":"A","version":1,"timestamp":"2025-01-01T00:00:00Z","statements":[{"vulnerability":{"name":"CVE-1-1"},"status":"affected","products":[` +
			list(n, func(int) string { return `{"@id":"pkg:npm/a@1"}` }) + `]}]}`
	}
	cyclonedx := func(n int, bounds func(i int) string) string {
		return `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"vulnerabilities":[{"id":"CVE-1-1","analysis":{"state":"exploitable"},"affects":[` +
			list(n, func(i int) string {
				return fmt.Sprintf(`{"ref":"pkg:deb/x","versions":[{"range":"vers:deb/%s","status":"affected"}]}`, bounds(i))
			}) + `]}]}`
	}
	ascending := func(from int) string {
		rows := make([]string, 900)
		for i := range rows {
			rows[i] = fmt.Sprint(from + i)
		}
		return strings.Join(rows, "|")
	}
	csaf := func(levels, times int) string {
		return `{"document":{"category":"csaf_vex","csaf_version":"2.0","tracking":{"id":"a","status":"final","version":"1"}},"product_tree":{"full_product_names":[{"product_id":"c0","name":"a"},{"product_id":"o","name":"b"}],"relationships":[` +
			list(levels, func(i int) string {
				return fmt.Sprintf(`{"full_product_name":{"product_id":"c%d","name":"n"},"product_reference":"c%d","relates_to_product_reference":"o"}`, i+1, i)
			}) + `]},"vulnerabilities":[{"cve":"CVE-1-1","product_status":{"known_affected":[` +
			list(times, func(int) string { return fmt.Sprintf(`"c%d"`, levels) }) + `]}}]}`
	}
	for _, tt := range []struct {
		name, data string
		much       bool
	}{
		{"products", openvex(60_000), true},
		{"some_products", openvex(1000), false},
		{"bounds", cyclonedx(200, func(i int) string { return ascending(i) }), true},
		{"bounds_that_are_the_same", cyclonedx(200, func(int) string { return ascending(1) }), false},
		{"levels", csaf(1400, 100), true},
		{"some_levels", csaf(20, 100), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := FromUnverified("x", "", []byte(tt.data)); errors.Is(err, ErrTooMuch) != tt.much || !tt.much && err != nil {
				t.Errorf("unverified: %v, want that it is too much: %t", err, tt.much)
			}
			if _, err := FromFile("x", []byte(tt.data)); err != nil {
				t.Errorf("named by the user: %v", err)
			}
		})
	}
	if d := must(t)(FromFile("x", []byte(csaf(1400, 100)))).d; len(d.products) != 100 || len(d.rares) != 2 {
		t.Errorf("%d products with %d chains of levels, want one that they share beside none", len(d.products), len(d.rares)-1)
	}
}
