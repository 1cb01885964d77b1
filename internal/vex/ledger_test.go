package vex

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
)

func TestExplain(t *testing.T) {
	docs := []Document{
		own(t, stmt(vuln, clears, t1, glibc), stmt(vuln, keeps, t2, glibc), stmt(vuln, clears, t3, older)),
		byUser(t, stmt(vuln, clears, t3, glibc), stmt(vuln, clears, t3, "pkg:deb/debian/zlib@1")),
		must(t)(FromUnverified("referrer", "", openVEX(t, stmt(vuln, clears, t3, glibc)))),
	}
	list, more, err := Explain(libc(), docs, testImage(), Options{})
	if err != nil || more != 0 {
		t.Fatal(more, err)
	}
	var got []string
	for _, c := range list {
		got = append(got, strings.Join([]string{map[bool]string{true: "applies"}[c.Applies], map[bool]string{true: "decides"}[c.Decides], c.Statement.Status, c.Statement.Trust, c.Reason}, "|"))
	}
	want := []string{
		"applies|decides|under_investigation|verified|",
		"applies||not_affected|verified|superseded on 2025-10-01 by under_investigation",
		"applies||not_affected|named|user.vex.json is outranked by " + docs[0].d.source + ", which says under_investigation",
		"||not_affected|unverified|its document is unsigned or its signature did not verify",
		"||not_affected|verified|statement covers glibc 2.41-11, installed 2.41-12",
		"||not_affected|named|statement is about zlib, not libc6",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("considered (-want +got):\n%s", diff)
	}
	var many []stmtJSON
	for range maxConsidered + 10 {
		many = append(many, stmt(vuln, clears, t1, glibc))
	}
	if list, more, _ = Explain(libc(), []Document{own(t, many...)}, testImage(), Options{}); len(list) != maxConsidered || more != 10 {
		t.Errorf("%d told and %d left out, want %d and 10", len(list), more, maxConsidered)
	}
}

func TestLedgerAndHygiene(t *testing.T) {
	now := time.Date(2025, 11, 1, 12, 0, 0, 0, time.UTC)
	critical := find("CVE-2025-0005", "pkg:pypi/e@1")
	critical.Severity = report.Critical
	findings := []report.Vulnerability{libc(), find("CVE-2025-0002", "pkg:pypi/b@1"), find("CVE-2025-0003", "pkg:pypi/c@1"), find("CVE-2025-0004", "pkg:pypi/d@1"), critical}
	docs := []Document{
		own(t, stmt(vuln, clears, "2024-01-01T00:00:00Z", glibc), stmt("CVE-2025-0002", keeps, t2, "pkg:pypi/b@1"),
			stmt("CVE-2025-0003", clears, t2, "pkg:pypi/c@1"), stmt("CVE-2025-0003", "affected", t2, "pkg:pypi/c@1"),
			stmt("CVE-2025-0009", clears, t2, "pkg:pypi/z@1")),
		byUser(t, stmt("CVE-2025-0004", clears, t2, "pkg:pypi/d")),
		must(t)(FromAttestation(attestation{subject: elsewhere, predicate: openVEX(t, stmt(vuln, clears, t2, glibc))})),
	}
	opt := Options{Now: now, MaxAge: 365 * 24 * time.Hour, Unversioned: UnversionedAny}
	res, err := Decide(findings, docs, testImage(), opt)
	if err != nil {
		t.Fatal(err)
	}
	want := report.VEXHygiene{OverBroad: 1, Unsigned: 1, Stale: 1, Contradictory: 1, Investigating: 1, OldestInvestigationDays: 31, CriticalWithoutStatement: 1}
	if diff := cmp.Diff(want, res.Hygiene); diff != "" {
		t.Errorf("hygiene (-want +got):\n%s", diff)
	}
	// A lower authority that disagrees at the same time is outranked, not a contradiction.
	other, err := Decide(findings[:1], []Document{own(t, stmt(vuln, keeps, t1, glibc)), byUser(t, stmt(vuln, clears, t1, glibc))}, testImage(), opt)
	if err != nil || other.Hygiene.Contradictory != 0 || len(other.Observations) != 0 {
		t.Errorf("outranked: hygiene %+v, observations %v, %v", other.Hygiene, other.Observations, err)
	}
	type row struct {
		State, Reason                   string
		Statements, Applicable, Used, S int
	}
	var rows []row
	for _, d := range res.Documents {
		rows = append(rows, row{d.State, d.Reason, d.Statements, d.Applicable, d.Used, d.Stale})
	}
	wantRows := []row{{report.DocumentUsed, "", 5, 4, 3, 1}, {report.DocumentUsed, "", 1, 1, 1, 0}, {report.DocumentUnused, "not about this image", 1, 0, 0, 0}}
	if diff := cmp.Diff(wantRows, rows); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
	if got := res.Vulnerabilities[3].Decision.Reason; !strings.Contains(got, "accepted only because vex-unversioned is any") {
		t.Errorf("a widened decision says %q", got)
	}
	if got := res.Vulnerabilities[1].Decision.Reason; got != "under_investigation since 2025-10-01 (31 days)." {
		t.Errorf("the clock says %q", got)
	}
	var a, b bytes.Buffer
	l := NewLedger(res, testImage(), opt)
	if err := l.Write(&a); err != nil {
		t.Fatal(err)
	}
	if err := NewLedger(res, testImage(), opt).Write(&b); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Errorf("two ledgers of one result differ: %v", err)
	}
	var back Ledger
	if err := json.Unmarshal(a.Bytes(), &back); err != nil || len(back.Findings) != 5 || back.Counts.Suppressed != 2 || back.Unversioned != UnversionedAny {
		t.Errorf("ledger = %+v, %v", back, err)
	}
	if strings.Contains(a.String(), "null") {
		t.Errorf("the ledger has a null:\n%s", a.String())
	}
}

func TestAccept(t *testing.T) {
	deferred := stmt(vuln, clears, t1, glibc)
	deferred.Notes = "Marked no-DSA by Debian Security Team"
	for _, tt := range []struct {
		name     string
		rules    []string
		severity report.Severity
		s        stmtJSON
		want     report.DecisionStatus
	}{
		{"no_rules", nil, report.Critical, deferred, report.Suppressed},
		{"below_the_ceiling", []string{"text=no-dsa max=high"}, report.High, deferred, report.Suppressed},
		{"above_the_ceiling", []string{"text=no-dsa max=high"}, report.Critical, deferred, report.Open},
		{"unknown_severity_is_not_below", []string{"text=no-dsa max=high"}, report.Unknown, deferred, report.Open},
		{"other_text", []string{"text=no-dsa max=high"}, report.Critical, stmt(vuln, clears, t1, glibc), report.Suppressed},
		{"first_rule_met_decides", []string{"text=no-dsa", "deny"}, report.Critical, deferred, report.Suppressed},
		{"allow_list", []string{"justification=component_not_present", "deny"}, report.Low, deferred, report.Open},
		{"allowed", []string{"justification=component_not_present,vulnerable_code_not_present", "deny"}, report.Low, deferred, report.Suppressed},
		{"by_author", []string{"author=Vend*r", "deny"}, report.Low, deferred, report.Suppressed},
		{"by_other_author", []string{"author=Vendo", "deny"}, report.Low, deferred, report.Open},
		{"by_signer", []string{"signer=key*", "deny"}, report.Low, deferred, report.Suppressed},
		{"status_as_justification", []string{"justification=fixed deny"}, report.Low, stmt(vuln, "fixed", t1, glibc), report.Open},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var opt Options
			for _, s := range tt.rules {
				r, err := ParseAcceptRule(s)
				if err != nil {
					t.Fatal(err)
				}
				opt.Accept = append(opt.Accept, r)
			}
			f := libc()
			f.Severity = tt.severity
			res, err := Decide([]report.Vulnerability{f}, []Document{own(t, tt.s)}, testImage(), opt)
			if err != nil {
				t.Fatal(err)
			}
			d := res.Vulnerabilities[0].Decision
			if d.Status != tt.want || (d.Status == report.Open) != (res.Hygiene.Refused == 1) {
				t.Errorf("decision = %s, %q, refused %d; want %s", d.Status, d.Reason, res.Hygiene.Refused, tt.want)
			}
			if res.Hygiene.CriticalWithoutStatement != 0 {
				t.Errorf("a finding whose statement is refused counts as one without: %+v", res.Hygiene)
			}
		})
	}
	if wildcard("*", "") || !wildcard("a*b*c", "axxbyyc") || wildcard("a*b", "ab c") {
		t.Error("wildcard")
	}
}

func TestBadOptions(t *testing.T) {
	for _, s := range []string{"", "text=", "max=grave", "colour=red", "deny max=high", "high"} {
		if _, err := ParseAcceptRule(s); fault.CodeOf(err) != fault.Usage || fault.HintOf(err) == "" {
			t.Errorf("%q: %v, want a usage error with a hint", s, err)
		}
	}
	for _, o := range []Options{{Policy: "some"}, {Unversioned: "most"}} {
		if _, err := Decide(nil, nil, Image{}, o); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%+v: %v, want a usage error", o, err)
		}
		if _, _, err := Explain(libc(), nil, Image{}, o); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%+v: %v, want a usage error", o, err)
		}
	}
}
