package vex

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
)

func TestWhatIsNotVEX(t *testing.T) {
	for _, tt := range []struct{ name, data, want string }{
		{"empty", "", "empty"},
		{"blank", " \n\t", "empty"},
		{"lfs_pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer"},
		{"html", "<!DOCTYPE html><html><title>404</title>", "HTML page"},
		{"xml", `<?xml version="1.0"?><bom/>`, "XML"},
		{"text", "not vex", "not JSON"},
		{"gzip", "\x1f\x8b\x08\x00", "gzip"},
		{"list", "[{}]", "JSON list"},
		{"cut_off", `{"@context":"https://openvex.dev/ns/v0.2.0","statements":[`, "not a VEX document"},
		{"two_values", `{"@context":"https://openvex.dev/ns/v0.2.0","statements":[]}{}`, "not a VEX document"},
		{"invalid_utf8", "{\"@context\":\"\xff\"}", "invalid UTF-8"},
		{"vex_index", `{"updated_at":"2025-01-01T00:00:00Z","packages":[{"id":"pkg:deb/debian/a","location":"a.json"}]}`, "index of a VEX repository"},
		{"osv", `{"id":"CVE-1","affected":[]}`, "OSV advisory"},
		{"spdx", `{"spdxVersion":"SPDX-2.3"}`, "SPDX"},
		{"oci_manifest", `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}`, "OCI object"},
		{"sigstore_bundle", `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}`, "Sigstore bundle"},
		{"dsse", `{"payloadType":"application/vnd.in-toto+json","payload":"","signatures":[]}`, "DSSE envelope"},
		{"other_context", `{"@context":"https://schema.org"}`, "another @context"},
		{"object", `{}`, "neither OpenVEX"},
		{"cyclonedx_sbom", `{"bomFormat":"CycloneDX","specVersion":"1.6"}`, "an SBOM, not VEX"},
		{"csaf_of_another_kind", `{"document":{"category":"csaf_base","csaf_version":"2.0"}}`, `category "csaf_base"`},
		{"provenance", `{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://slsa.dev/provenance/v1","subject":[{}],"predicate":{}}`, "which is not VEX"},
		{"statement_without_subject", `{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://openvex.dev/ns","predicate":{}}`, "without a subject"},
		{"statement_in_a_statement", `{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://openvex.dev/ns","subject":[{}],"predicate":{"_type":"https://in-toto.io/Statement/v1"}}`, "is not a VEX document"},
		{"no_statements", `{"@context":"https://openvex.dev/ns/v0.2.0"}`, "has no statements"},
		{"statements_twice", `{"@context":"https://openvex.dev/ns/v0.2.0","statements":[],"statements":[]}`, "twice"},
		{"author_twice", `{"@context":"https://openvex.dev/ns/v0.2.0","author":"a","author":"b","statements":[]}`, "twice"},
		{"statements_an_object", `{"@context":"https://openvex.dev/ns/v0.2.0","statements":{}}`, "not a list"},
		{"time_that_is_none", `{"@context":"https://openvex.dev/ns/v0.2.0","statements":[{"timestamp":"yesterday","vulnerability":{"name":"CVE-1"}}]}`, "read statement 1"},
		{"nameless_vulnerability", `{"@context":"https://openvex.dev/ns/v0.2.0","statements":[{"status":"fixed"}]}`, "statement 1: names no vulnerability"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := FromFile("x.json", []byte(tt.data))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error = %v, want %q", err, tt.want)
			}
			if fault.CodeOf(err) != fault.Usage || fault.HintOf(err) == "" {
				t.Errorf("code = %d, hint = %q; want %d and a hint", fault.CodeOf(err), fault.HintOf(err), fault.Usage)
			}
			row := Rejected("x.json", "", "", report.TrustNamed, err)
			if row.State != report.DocumentRejected || row.Reason == "" {
				t.Errorf("row = %+v, want it rejected with the reason", row)
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	if _, err := parseLimited([]byte(`{"@context":"https://openvex.dev/ns","statements":[]}`), 10, math.MaxInt); err == nil || !strings.Contains(err.Error(), "the limit is 10") {
		t.Errorf("error = %v, want the limit", err)
	}
}

func TestOldOpenVEX(t *testing.T) {
	d := must(t)(FromFile("old.json", []byte(`{"@context":"https://openvex.dev/ns","@id":"x","author":"A","version":"1","timestamp":"2023-01-08T18:02:03.6-06:00",
		"statements":[{"vulnerability":"CVE-2025-0001","products":["pkg:oci/python?repository_url=dhi.io"],
		"subcomponents":["pkg:deb/debian/glibc@2.41-12"],"status":"not_affected","justification":"vulnerable_code_not_present"}]}`)))
	got := decide(t, libc(), testImage(), Options{}, d)
	if got.Status != report.Suppressed || got.Statement.Product != "pkg:oci/python?repository_url=dhi.io > pkg:deb/debian/glibc@2.41-12" {
		t.Errorf("decision = %+v", got)
	}
	if want := time.Date(2023, 1, 9, 0, 2, 3, 600000000, time.UTC); !got.Statement.Timestamp.Equal(want) {
		t.Errorf("time = %v, want the document's, %v", got.Statement.Timestamp, want)
	}
}

func TestEmptyTimes(t *testing.T) {
	d := must(t)(FromFile("a.json", []byte(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":"x","author":"A","version":1,"timestamp":"",
		"statements":[{"vulnerability":{"name":"CVE-2025-0001"},"timestamp":null,"products":[{"@id":"pkg:deb/debian/glibc@2.41-12"}],"status":"fixed"}]}`)))
	if got := d.d.census.undated; got != 1 {
		t.Errorf("undated = %d, want 1", got)
	}
}

func TestInTotoStatementNamesItsImage(t *testing.T) {
	whole := func(subject string) []byte {
		return fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://openvex.dev/ns/v0.2.0","subject":[{"name":"x","digest":{"sha256":%q}}],"predicate":%s}`,
			strings.TrimPrefix(subject, "sha256:"), openVEX(t, stmt(vuln, clears, t1, glibc)))
	}
	for subject, want := range map[string]report.DecisionStatus{ownDigest: report.Suppressed, indexDigest: report.Suppressed, elsewhere: report.Open} {
		d := decide(t, libc(), testImage(), Options{}, must(t)(FromFile("s.json", whole(subject))))
		if d.Status != want {
			t.Errorf("statement about %s: %s, want %s: %s", subject, d.Status, want, d.Reason)
		}
	}
}

func TestOnlyVerifiedAttestations(t *testing.T) {
	data := openVEX(t, stmt(vuln, clears, t1, glibc))
	for name, a := range map[string]attestation{
		"not_verified":    {subject: ownDigest, predicate: data, bad: true},
		"no_subject":      {predicate: data},
		"other_predicate": {subject: ownDigest, predicate: data, typ: "https://slsa.dev/provenance/v1"},
	} {
		if _, err := FromAttestation(a); err == nil {
			t.Errorf("%s: a document was made of it", name)
		}
	}
	if _, err := FromFeed(signedFile{data: data, bad: true}, []string{"dhi.io/python"}); err == nil {
		t.Error("a feed that was not verified: a document was made of it")
	}
	var f *fault.Error
	if _, err := FromUnverified("x", "", []byte("<html>")); !errors.As(err, &f) {
		t.Errorf("error = %v, want a fault", err)
	}
}

// TestZeroDocument shows that a document nobody made decides nothing.
func TestZeroDocument(t *testing.T) {
	r, err := Decide([]report.Vulnerability{libc()}, []Document{{}}, testImage(), Options{Policy: PolicyAny})
	if err != nil || r.Vulnerabilities[0].Decision.Status != report.Open || r.Documents[0].State != report.DocumentRejected {
		t.Errorf("result = %+v, %v", r, err)
	}
}
