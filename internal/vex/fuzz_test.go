package vex

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/report"
)

// FuzzPURL: what is read is written in one spelling, and reading that changes nothing.
func FuzzPURL(f *testing.F) {
	for _, s := range []string{
		"pkg:deb/debian/git@1%3A2.39.5-0%2Bdeb12u2?os_distro=bookworm&os_name=debian&os_version=12",
		"pkg:oci/dhi.io%2Fpython", "pkg:npm/@angular/core@1", "pkg:rpm/rh/a@1?epoch=0", "pkg:golang/a/b@v1#c//d",
		"pkg:pypi/A__b..c@1", "PKG:/deb//a//b@0:0:1", "pkg:deb/a%2Fb@%7E", "pkg:a/%", "pkg:a/b?x=1&X=2", "pkg:a/@b", "pkg:a/b@", "pkg:0/#@0#",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePURL(s)
		if err != nil {
			return
		}
		canonical := p.String()
		if len(canonical) > maxPURL {
			return // escapes take three bytes for one
		}
		q, err := parsePURL(canonical)
		if err != nil {
			t.Fatalf("%q is read, its canonical form %q is not: %v", s, canonical, err)
		}
		if !equal(p, q) || q.String() != canonical {
			t.Fatalf("%q: %+v, its canonical form %q: %+v", s, p, canonical, q)
		}
		if got := versionless(s); got && p.version != "" {
			t.Fatalf("%q has the version %q and looks as if it had none", s, p.version)
		}
		if got := look(s)&isImageURL != 0; got != isImageType(p.typ) {
			t.Fatalf("%q is of type %q and looks like an image = %t", s, p.typ, got)
		}
		_ = nameImage(&Image{Repository: s, References: []string{s}})
		_ = productRepositories(&p)
	})
}

// FuzzDocument: whatever the bytes are, reading ends in an error that says something or
// in a document that decides deterministically and never suppresses what it should not.
func FuzzDocument(f *testing.F) {
	f.Add(openVEX(f, stmt(vuln, clears, t1, glibc), inside(vuln, keeps, t2, "pkg:docker/dhi/python", anyone)))
	f.Add([]byte(`{"@context":"https://openvex.dev/ns","version":"1","statements":[{"vulnerability":"CVE-1","products":["pkg:apk/a/b@1"],"status":"fixed"}]}`))
	f.Add(csaf("csaf_vex", "final", `"known_not_affected":["P1","I1:P1"]`, notPresent))
	f.Add(cyclonedx("", `{"state":"not_affected"}`, `{"ref":"c1"}`))
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://openvex.dev/ns","subject":[{}],"predicate":{"@context":"https://openvex.dev/ns","statements":null}}`))
	f.Add([]byte("version https://git-lfs.github.com/spec/v1"))
	findings := []report.Vulnerability{libc(), find("CVE-2025-9", "pkg:golang/a/b@v1", "GHSA-aaaa-bbbb-cccc")}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := FromFile("fuzz", data)
		if err != nil {
			if !strings.Contains(err.Error(), "read the VEX file fuzz: ") || len(err.Error()) > 4096 {
				t.Fatalf("error = %v", err)
			}
			return
		}
		a, err := Decide(findings, []Document{d}, testImage(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		b, _ := Decide(findings, []Document{d}, testImage(), Options{})
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatalf("the same twice differs:\n%s", diff)
		}
		for _, v := range a.Vulnerabilities {
			if v.Decision.Reason == "" {
				t.Fatalf("%s has no reason", v.ID)
			}
			if s := v.Decision.Statement; v.Decision.Status == report.Suppressed && (s == nil || s.OverBroad || s.Status != clears && s.Status != "fixed") {
				t.Fatalf("%s is suppressed by %+v", v.ID, s)
			}
		}
		u, err := FromUnverified("fuzz", "", data)
		if err != nil {
			t.Fatal(err)
		}
		if r, _ := Decide(findings, []Document{u}, testImage(), Options{}); suppressed(r.Vulnerabilities) != 0 {
			t.Fatal("an unverified document suppressed a finding")
		}
	})
}

// TestOrderDoesNotMatter shuffles documents, statements and findings.
func TestOrderDoesNotMatter(t *testing.T) {
	statements := []stmtJSON{
		stmt(vuln, clears, t1, glibc), stmt(vuln, clears, t1, anyone), stmt(vuln, keeps, t1, older), stmt(vuln, "fixed", t1, glibc),
		inside(vuln, clears, t1, "pkg:oci/python?repository_url=dhi.io", glibc, anyone), stmt(vuln, keeps, "2024-01-01T00:00:00Z", glibc),
		stmt("CVE-2025-9", clears, t2, "pkg:pypi/a@1"), stmt("CVE-2025-9", keeps, t2, "pkg:pypi/a@1"), stmt("CVE-2025-8", clears, t2, "pkg:pypi/a@2", "pkg:pypi/a@3"),
	}
	findings := []report.Vulnerability{libc(), find("CVE-2025-9", "pkg:pypi/a@1"), find("CVE-2025-8", "pkg:pypi/a@1"), find("CVE-2025-7", "pkg:pypi/a@1")}
	rng := rand.New(rand.NewPCG(1, 2))
	var want map[string]string
	var wantSeen []report.Observation
	for range 50 {
		rng.Shuffle(len(statements), func(i, j int) { statements[i], statements[j] = statements[j], statements[i] })
		rng.Shuffle(len(findings), func(i, j int) { findings[i], findings[j] = findings[j], findings[i] })
		var docs []Document
		for _, s := range statements { // one document each, so that the order among them is ours to shuffle
			docs = append(docs, own(t, s), byUser(t, s))
		}
		rng.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
		r, err := Decide(findings, docs, testImage(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for i, v := range r.Vulnerabilities {
			if v.ID != findings[i].ID {
				t.Fatalf("finding %d is %s, was %s", i, v.ID, findings[i].ID)
			}
			d := v.Decision
			got[v.ID] = string(d.Status) + "|" + d.Reason + "|" + d.Source + "|" + nearText(d)
			if d.Statement != nil {
				got[v.ID] += "|" + d.Statement.Product + "|" + d.Statement.Matched
			}
		}
		if want == nil {
			want, wantSeen = got, r.Observations
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("another order, another decision (-first +now):\n%s", diff)
		}
		if diff := cmp.Diff(wantSeen, r.Observations); diff != "" {
			t.Fatalf("another order, other observations:\n%s", diff)
		}
	}
	if len(wantSeen) == 0 {
		t.Error("the contradiction about CVE-2025-9 is not told")
	}
}

// equal reports whether two normalised package URLs are the same in every part.
func equal(p, o purl) bool {
	return p.typ == o.typ && p.namespace == o.namespace && p.name == o.name &&
		p.version == o.version && p.subpath == o.subpath && slices.Equal(p.qualifiers, o.qualifiers)
}
