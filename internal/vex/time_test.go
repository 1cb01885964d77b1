package vex

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// edited is a document that says of itself what is written before its statements.
func edited(t *testing.T, signer, head string, statements ...stmtJSON) Document {
	t.Helper()
	data := strings.Replace(string(openVEX(t, statements...)),
		`"@id":"https://example.com/vex/1","author":"Vendor","timestamp":"2025-01-01T00:00:00Z","version":1,`, head, 1)
	if head != "" && !strings.Contains(data, head) {
		t.Fatal("the head of the document is another")
	}
	return must(t)(FromAttestation(signedBy{attestation{subject: ownDigest, predicate: []byte(data)}, signer}))
}

type signedBy struct {
	attestation
	signer string
}

func (s signedBy) Signer() string { return s.signer }

// TestDates: later than tomorrow is no date, and without a date a statement is
// the oldest when it would clear, and stale.
func TestDates(t *testing.T) {
	now := time.Date(2025, 11, 1, 12, 0, 0, 0, time.UTC)
	const tomorrow, later, ages = "2025-11-02T11:59:59Z", "2025-11-02T12:00:01Z", "2099-01-01T00:00:00Z"
	for _, tt := range []struct {
		name   string
		head   string
		say    []stmtJSON
		opt    Options
		want   report.DecisionStatus
		why    string
		future int
		stale  int
	}{
		{"clock_of_another_zone", "", []stmtJSON{stmt(vuln, clears, tomorrow, glibc), stmt(vuln, "affected", t3, glibc)}, Options{}, report.Suppressed, "on 2025-11-02", 0, 0},
		{"from_the_future_loses", "", []stmtJSON{stmt(vuln, clears, later, glibc), stmt(vuln, "affected", t1, glibc)}, Options{}, report.Open, "affected", 1, 0},
		{"from_the_far_future_loses", "", []stmtJSON{stmt(vuln, clears, ages, glibc), stmt(vuln, "affected", t1, glibc)}, Options{}, report.Open, "affected", 1, 0},
		{"alone_it_decides_and_says_so", "", []stmtJSON{stmt(vuln, clears, ages, glibc)}, Options{}, report.Suppressed, "dated 2099-01-01, which is in the future", 1, 0},
		{"alone_it_is_stale", "", []stmtJSON{stmt(vuln, clears, ages, glibc)}, Options{MaxAge: 24 * time.Hour}, report.Suppressed, "", 1, 1},
		{"a_warning_from_the_future_wins", "", []stmtJSON{stmt(vuln, "affected", ages, glibc), stmt(vuln, clears, t1, glibc)}, Options{}, report.Open, "affected", 1, 0},
		{"date_of_the_document", `"timestamp":"` + ages + `",`, []stmtJSON{stmt(vuln, clears, "", glibc), stmt(vuln, "affected", t1, glibc)}, Options{}, report.Open, "affected", 1, 0},
		{"undated_is_stale", `"author":"A",`, []stmtJSON{stmt(vuln, clears, "", glibc)}, Options{MaxAge: 24 * time.Hour}, report.Suppressed, "", 0, 1},
		{"undated_without_an_age_is_not", `"author":"A",`, []stmtJSON{stmt(vuln, clears, "", glibc)}, Options{}, report.Suppressed, "", 0, 0},
		{"old_without_an_age_is_not_stale", "", []stmtJSON{stmt(vuln, clears, "2001-01-01T00:00:00Z", glibc)}, Options{}, report.Suppressed, "", 0, 0},
		{"old_is_stale", "", []stmtJSON{stmt(vuln, clears, t1, glibc)}, Options{MaxAge: 24 * time.Hour}, report.Suppressed, "", 0, 1},
		{"the_clock_of_the_reports_is_not_the_clock", "", []stmtJSON{stmt(vuln, clears, t3, glibc), stmt(vuln, "affected", t1, glibc)},
			Options{Now: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), Clock: now}, report.Suppressed, "", 0, 0},
		{"without_a_clock_every_date_counts", "", []stmtJSON{stmt(vuln, clears, ages, glibc)}, Options{Now: time.Unix(0, 0).UTC()}, report.Suppressed, "", 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.opt.Now.IsZero() {
				tt.opt.Now = now
			}
			r, err := Decide([]report.Vulnerability{libc()}, []Document{edited(t, "key a", tt.head, tt.say...)}, testImage(), tt.opt)
			if err != nil {
				t.Fatal(err)
			}
			d, row := r.Vulnerabilities[0].Decision, r.Documents[0]
			if d.Status != tt.want || !strings.Contains(d.Reason, tt.why) {
				t.Errorf("decision = %s, %q; want %s, %q", d.Status, d.Reason, tt.want, tt.why)
			}
			if row.FutureDated != tt.future || row.Stale != tt.stale || r.Hygiene.Stale != tt.stale {
				t.Errorf("row has %d from the future, %d stale, hygiene %d stale; want %d and %d", row.FutureDated, row.Stale, r.Hygiene.Stale, tt.future, tt.stale)
			}
			told := 0
			for _, o := range r.Observations {
				if o.Kind == report.Information && strings.Contains(o.Message, "later than tomorrow") {
					told += o.N()
				}
			}
			if told != tt.future {
				t.Errorf("observed %+v", r.Observations)
			}
		})
	}
}

// TestVersionsOfADocument: of one @id and signer only the highest version speaks.
func TestVersionsOfADocument(t *testing.T) {
	clear, other := stmt(vuln, clears, t1, glibc), stmt("CVE-2025-0009", clears, t2, glibc)
	doc := func(signer, head string, s ...stmtJSON) func(*testing.T) Document {
		return func(t *testing.T) Document { return edited(t, signer, head, s...) }
	}
	file := func(author string, version int, s ...stmtJSON) func(*testing.T) Document {
		return func(t *testing.T) Document {
			data := strings.Replace(string(openVEX(t, s...)), `"author":"Vendor"`, fmt.Sprintf(`"author":%q`, author), 1)
			return must(t)(FromFile(fmt.Sprint(author, version), []byte(strings.Replace(data, `"version":1`, fmt.Sprintf(`"version":%d`, version), 1))))
		}
	}
	for _, tt := range []struct {
		name   string
		docs   []func(*testing.T) Document
		want   report.DecisionStatus
		reason string // of the first document
	}{
		{"withdrawn_by_the_next", []func(*testing.T) Document{doc("a", `"@id":"x","version":1,`, clear), doc("a", `"@id":"x","version":2,`, other)}, report.Open, "superseded by version 2"},
		{"withdrawn_by_the_highest", []func(*testing.T) Document{doc("a", `"@id":"x","version":9,`, clear), doc("a", `"@id":"x","version":10,`, other), doc("a", `"@id":"x","version":2,`, clear)}, report.Open, "superseded by version 10"},
		{"affected_is_withdrawn_too", []func(*testing.T) Document{doc("a", `"@id":"x","version":1,`, stmt(vuln, "affected", t3, glibc)), doc("a", `"@id":"x","version":2,`, clear)}, report.Suppressed, "superseded by version 2"},
		{"three_numbers", []func(*testing.T) Document{doc("a", `"@id":"x","version":"1.9.0",`, clear), doc("a", `"@id":"x","version":"1.10.0",`, other)}, report.Open, "superseded by version 1.10.0"},
		{"of_one_version_both_speak", []func(*testing.T) Document{doc("a", `"@id":"x","version":2,`, clear), doc("a", `"@id":"x","version":2,`, other)}, report.Suppressed, ""},
		{"another_id", []func(*testing.T) Document{doc("a", `"@id":"x","version":1,`, clear), doc("a", `"@id":"y","version":2,`, other)}, report.Suppressed, ""},
		{"another_signer", []func(*testing.T) Document{doc("a", `"@id":"x","version":1,`, clear), doc("b", `"@id":"x","version":2,`, other)}, report.Suppressed, ""},
		{"no_id", []func(*testing.T) Document{doc("a", `"version":1,`, clear), doc("a", `"version":2,`, other)}, report.Suppressed, ""},
		{"no_version", []func(*testing.T) Document{doc("a", `"@id":"x",`, clear), doc("a", `"@id":"x","version":2,`, other)}, report.Suppressed, ""},
		{"not_signed", []func(*testing.T) Document{doc("a", `"@id":"https://example.org/1","version":1,`, clear), func(t *testing.T) Document {
			return must(t)(FromUnverified("x", "", []byte(strings.Replace(string(openVEX(t, other)), `"version":1`, `"version":2`, 1))))
		}}, report.Suppressed, ""},
		{"files_of_one_author", []func(*testing.T) Document{file("Vendor", 1, clear), file("Vendor", 2, other)}, report.Open, "superseded by version 2"},
		{"files_of_two_authors", []func(*testing.T) Document{file("Vendor", 1, clear), file("Other", 2, other)}, report.Suppressed, ""},
		{"a_file_supersedes_nothing_signed", []func(*testing.T) Document{doc("Vendor", `"@id":"https://example.com/vex/1","version":1,`, clear), file("Vendor", 2, other)}, report.Suppressed, ""},
		{"about_another_image", []func(*testing.T) Document{doc("key test-1", `"@id":"https://example.com/vex/1","version":1,`, clear), func(t *testing.T) Document {
			data := strings.Replace(string(openVEX(t, other)), `"version":1`, `"version":2`, 1)
			return must(t)(FromAttestation(attestation{subject: elsewhere, predicate: []byte(data)}))
		}}, report.Suppressed, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var docs []Document
			for _, d := range tt.docs {
				docs = append(docs, d(t))
			}
			r, err := Decide([]report.Vulnerability{libc()}, docs, testImage(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			d, row := r.Vulnerabilities[0].Decision, r.Documents[0]
			if d.Status != tt.want {
				t.Errorf("decision = %s, %q; want %s", d.Status, d.Reason, tt.want)
			}
			if tt.reason != "" && (row.State != report.DocumentUnused || row.Reason != tt.reason) {
				t.Errorf("row = %s, %q; want unused, %q", row.State, row.Reason, tt.reason)
			}
		})
	}
}
