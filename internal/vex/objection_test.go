package vex

import (
	"strings"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// TestRecall: the vendor's feed takes back what is attached to the image when it is newer,
// also where the image has an older word of the same kind. It clears nothing against it.
func TestRecall(t *testing.T) {
	feedOf := func(statements ...stmtJSON) Document {
		return must(t)(FromFeed(signedFile{name: "feed", data: openVEX(t, statements...)}, []string{"dhi.io/python"}))
	}
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	undatedFeed := func(when string) Document {
		data := strings.Replace(string(openVEX(t, stmt(vuln, "affected", when, glibc))), `"timestamp":"2025-01-01T00:00:00Z",`, "", 1)
		return must(t)(FromFeed(signedFile{name: "feed", data: []byte(data)}, []string{"dhi.io/python"}))
	}
	for _, tt := range []struct {
		name     string
		own, fed Document
		want     report.DecisionStatus
	}{
		{"newer", own(t, stmt(vuln, clears, t1, glibc)), feedOf(stmt(vuln, "affected", t2, glibc)), report.Open},
		{"newer_investigation", own(t, stmt(vuln, clears, t1, glibc)), feedOf(stmt(vuln, keeps, t2, glibc)), report.Open},
		{"newer_beside_an_older_one_of_the_image", own(t, stmt(vuln, keeps, t1, glibc), stmt(vuln, clears, t2, glibc)), feedOf(stmt(vuln, "affected", t3, glibc)), report.Open},
		{"newest_of_the_feed_clears", own(t, stmt(vuln, clears, t1, glibc)), feedOf(stmt(vuln, "affected", t2, glibc), stmt(vuln, clears, t3, glibc)), report.Suppressed},
		{"without_a_date", own(t, stmt(vuln, clears, t2, glibc)), undatedFeed(""), report.Open},
		{"of_the_future", own(t, stmt(vuln, clears, t2, glibc)), undatedFeed("2126-01-01T00:00:00Z"), report.Open},
		{"older", own(t, stmt(vuln, clears, t2, glibc)), feedOf(stmt(vuln, "affected", t1, glibc)), report.Suppressed},
		{"of_the_same_time", own(t, stmt(vuln, clears, t1, glibc)), feedOf(stmt(vuln, "affected", t1, glibc)), report.Suppressed},
		{"of_another_version", own(t, stmt(vuln, clears, t1, glibc)), feedOf(stmt(vuln, "affected", t2, older)), report.Suppressed},
		{"clears_nothing", own(t, stmt(vuln, keeps, t1, glibc)), feedOf(stmt(vuln, clears, t2, glibc)), report.Open},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := decide(t, libc(), testImage(), Options{Now: now}, tt.own, tt.fed)
			if d.Status != tt.want {
				t.Errorf("decision = %s, %q; want %s", d.Status, d.Reason, tt.want)
			}
			list, _, err := Explain(libc(), []Document{tt.own, tt.fed}, testImage(), Options{Now: now})
			if err != nil || len(list) == 0 || !list[0].Decides || list[0].Statement.Status != d.Statement.Status || list[0].Statement.Document != d.Statement.Document {
				t.Errorf("explained %+v, %v; decided by %+v", list, err, d.Statement)
			}
		})
	}
}

// TestObjection: what nobody vouches for neither suppresses nor reopens, but it objects
// where it is shown to be newer.
func TestObjection(t *testing.T) {
	const never = ""
	signed := func(when string) func(*testing.T) Document {
		return func(t *testing.T) Document { return own(t, stmt(vuln, clears, when, glibc)) }
	}
	undatedOwn := func(t *testing.T) Document {
		return edited(t, "key a", `"author":"A",`, stmt(vuln, clears, never, glibc))
	}
	stranger := func(statements ...stmtJSON) func(*testing.T) Document {
		return func(t *testing.T) Document {
			data := strings.Replace(string(openVEX(t, statements...)), `"timestamp":"2025-01-01T00:00:00Z",`, "", 1)
			return must(t)(FromUnverified("attestation sha256:9", "sha256:9", []byte(data)))
		}
	}
	for _, tt := range []struct {
		name  string
		own   func(*testing.T) Document
		other func(*testing.T) Document
		opt   Options
		want  report.DecisionStatus
		says  string // the status that objects
	}{
		{"affected_and_newer", signed(t1), stranger(stmt(vuln, "affected", t2, glibc)), Options{}, report.Suppressed, "affected"},
		{"under_investigation_and_newer", signed(t1), stranger(stmt(vuln, keeps, t2, glibc)), Options{}, report.Suppressed, keeps},
		{"the_newest_objects", signed(t1), stranger(stmt(vuln, "affected", t2, glibc), stmt(vuln, keeps, t3, glibc)), Options{}, report.Suppressed, keeps},
		{"without_a_version_it_is_heard", signed(t1), stranger(stmt(vuln, "affected", t2, anyone)), Options{}, report.Suppressed, "affected"},
		{"about_the_whole_image", signed(t1), stranger(stmt(vuln, "affected", t2, "pkg:oci/python?repository_url=dhi.io")), Options{}, report.Suppressed, "affected"},
		{"newer_than_one_without_a_date", undatedOwn, stranger(stmt(vuln, "affected", t1, glibc)), Options{}, report.Suppressed, "affected"},
		{"outranked_under_any", signed(t1), stranger(stmt(vuln, "affected", t2, glibc)), Options{Policy: PolicyAny}, report.Suppressed, "affected"},
		{"older", signed(t2), stranger(stmt(vuln, "affected", t1, glibc)), Options{}, report.Suppressed, ""},
		{"of_the_same_time", signed(t1), stranger(stmt(vuln, "affected", t1, glibc)), Options{}, report.Suppressed, ""},
		{"undated", signed(t1), stranger(stmt(vuln, "affected", never, glibc)), Options{}, report.Suppressed, ""},
		{"from_the_future", signed(t1), stranger(stmt(vuln, "affected", "2099-01-01T00:00:00Z", glibc)), Options{Now: time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC)}, report.Suppressed, ""},
		{"agrees", signed(t1), stranger(stmt(vuln, clears, t2, glibc)), Options{}, report.Suppressed, ""},
		{"of_another_version", signed(t1), stranger(stmt(vuln, "affected", t2, older)), Options{}, report.Suppressed, ""},
		{"of_another_vulnerability", signed(t1), stranger(stmt("CVE-2025-7", "affected", t2, glibc)), Options{}, report.Suppressed, ""},
		{"never_suppresses", stranger(stmt(vuln, keeps, t1, glibc)), stranger(stmt(vuln, clears, t2, glibc)), Options{}, report.Open, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := decide(t, libc(), testImage(), tt.opt, tt.own(t), tt.other(t))
			got := ""
			if d.Objection != nil {
				got = d.Objection.Status
			}
			if d.Status != tt.want || got != tt.says {
				t.Fatalf("decision = %s, %q, objection %q; want %s, %q", d.Status, d.Reason, got, tt.want, tt.says)
			}
			if tt.says != "" && (!strings.Contains(d.Reason, "attestation sha256:9, which is not verified") || !strings.Contains(d.Reason, d.Source) || d.Objection.Trust != report.TrustUnverified) {
				t.Errorf("the reason does not name both: %q", d.Reason)
			}
		})
	}
	// Of a finding that is several CVEs, an objection to any of them counts.
	f := find("GHSA-a", "pkg:pypi/a@1", "CVE-2025-1", "CVE-2025-2")
	d := decide(t, f, testImage(), Options{}, own(t, stmt("CVE-2025-1", clears, t1, "pkg:pypi/a@1"), stmt("CVE-2025-2", clears, t1, "pkg:pypi/a@1")),
		stranger(stmt("CVE-2025-2", "affected", t2, "pkg:pypi/a@1"))(t))
	if d.Status != report.Suppressed || d.Objection == nil || !strings.Contains(d.Reason, "which is not verified") {
		t.Errorf("several CVEs: %+v", d)
	}
	list, _, err := Explain(libc(), []Document{signed(t1)(t), stranger(stmt(vuln, "affected", t2, glibc), stmt(vuln, keeps, never, glibc))(t)}, testImage(), Options{})
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	var why []string
	for _, c := range list {
		why = append(why, c.Reason)
	}
	if all := strings.Join(why, "\n"); !strings.Contains(all, "newer, and objects") || !strings.Contains(all, "no date, so it is not shown to be newer") {
		t.Errorf("explained as %q", all)
	}
}

// TestFormatsOfAttestations: an attestation may hold any of the formats.
func TestFormatsOfAttestations(t *testing.T) {
	predicates := map[string][]byte{
		"https://openvex.dev/ns/v0.2.0":                   openVEX(t, stmt(vuln, clears, t1, glibc)),
		"https://docs.oasis-open.org/csaf/csaf/v2.0":      csaf("csaf_vex", "final", `"known_not_affected":["P1"]`, notPresent),
		"https://cyclonedx.org/vex":                       cyclonedx("", `{"state":"not_affected","justification":"code_not_present"}`, `{"ref":"c1"}`),
		"https://example.com/predicates/CSAF-VEX/v1":      csaf("csaf_vex", "final", `"known_not_affected":["P1"]`, notPresent),
		"https://cyclonedx.org/bom/v1.6":                  cyclonedx("", `{"state":"not_affected","justification":"code_not_present"}`, `{"ref":"c1"}`),
		"https://cosign.sigstore.dev/attestation/vex/v1#": openVEX(t, stmt(vuln, clears, t1, glibc)),
	}
	for typ, data := range predicates {
		doc := must(t)(FromAttestation(attestation{subject: ownDigest, predicate: data, typ: typ}))
		if d := decide(t, libc(), testImage(), Options{}, doc); d.Status != report.Suppressed {
			t.Errorf("%s: %s", typ, d.Reason)
		}
		doc = must(t)(FromUnverified("x", "sha256:9", data))
		if d := decide(t, libc(), testImage(), Options{Policy: PolicyAny}, doc); d.Status != report.Suppressed {
			t.Errorf("%s, unverified: %s", typ, d.Reason)
		}
	}
}
