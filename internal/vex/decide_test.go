package vex

import (
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/report"
)

const (
	vuln   = "CVE-2025-0001"
	glibc  = "pkg:deb/debian/glibc@2.41-12?os_distro=trixie&os_name=debian&os_version=13"
	older  = "pkg:deb/debian/glibc@2.41-11?os_distro=trixie&os_name=debian&os_version=13"
	anyone = "pkg:deb/debian/libc6"
	clears = "not_affected"
	keeps  = "under_investigation"
)

// TestWhoDecides holds the order of authority, time and permissiveness.
func TestWhoDecides(t *testing.T) {
	feedDoc := func(t *testing.T, repo string, s ...stmtJSON) Document {
		return must(t)(FromFeed(signedFile{name: "feed", data: openVEX(t, s...)}, []string{repo}))
	}
	unsigned := func(t *testing.T, s ...stmtJSON) Document {
		return must(t)(FromUnverified("referrer", "", openVEX(t, s...)))
	}
	undated := func(s stmtJSON) stmtJSON { s.Timestamp = ""; return s }
	bare := func(t *testing.T, s ...stmtJSON) Document { // nothing in it has a time
		data := strings.Replace(string(openVEX(t, s...)), `"timestamp":"2025-01-01T00:00:00Z",`, "", 1)
		return must(t)(FromAttestation(attestation{subject: ownDigest, predicate: []byte(data)}))
	}
	for _, tt := range []struct {
		name string
		docs func(t *testing.T) []Document
		opt  Options
		want report.DecisionStatus
		why  string
	}{
		{"own_document_clears", func(t *testing.T) []Document { return []Document{own(t, stmt(vuln, clears, t1, glibc))} }, Options{},
			report.Suppressed, "not_affected (vulnerable_code_not_present), says Vendor on 2025-09-30, signed by key test-1."},
		{"index_document_clears", func(t *testing.T) []Document {
			return []Document{must(t)(FromAttestation(attestation{subject: indexDigest, predicate: openVEX(t, stmt(vuln, clears, t1, glibc))}))}
		}, Options{}, report.Suppressed, "not_affected"},
		{"document_of_another_image", func(t *testing.T) []Document {
			return []Document{must(t)(FromAttestation(attestation{subject: elsewhere, predicate: openVEX(t, stmt(vuln, clears, t1, glibc))}))}
		}, Options{}, report.Open, "its document is attached to another image"},
		{"file_named_by_the_user", func(t *testing.T) []Document { return []Document{byUser(t, stmt(vuln, clears, t1, glibc))} }, Options{},
			report.Suppressed, "not_affected"},
		{"feed_of_this_repository", func(t *testing.T) []Document {
			return []Document{feedDoc(t, "dhi.io/python", stmt(vuln, clears, t1, glibc))}
		}, Options{},
			report.Suppressed, "signed by key feed-1"},
		{"feed_by_other_spelling", func(t *testing.T) []Document {
			return []Document{feedDoc(t, "index.docker.io/dhi/python", stmt(vuln, clears, t1, glibc))}
		}, Options{}, report.Suppressed, "not_affected"},
		{"feed_of_another_repository", func(t *testing.T) []Document {
			return []Document{feedDoc(t, "dhi.io/node", stmt(vuln, clears, t1, glibc))}
		}, Options{},
			report.Open, "its document is not about this image"},
		{"feed_bound_to_nothing", func(t *testing.T) []Document { return []Document{feedDoc(t, "", stmt(vuln, clears, t1, glibc))} }, Options{},
			report.Open, "its document is not about this image"},
		{"unsigned_under_verified", func(t *testing.T) []Document { return []Document{unsigned(t, stmt(vuln, clears, t1, glibc))} }, Options{},
			report.Open, "its document is unsigned"},
		{"unsigned_under_any", func(t *testing.T) []Document { return []Document{unsigned(t, stmt(vuln, clears, t1, glibc))} }, Options{Policy: PolicyAny},
			report.Suppressed, "not_affected"},
		{"unsigned_warning_is_not_heard", func(t *testing.T) []Document {
			return []Document{unsigned(t, stmt(vuln, "affected", t3, glibc)), own(t, stmt(vuln, clears, t1, glibc))}
		}, Options{}, report.Suppressed, "not_affected"},
		{"switched_off", func(t *testing.T) []Document { return []Document{own(t, stmt(vuln, clears, t1, glibc))} }, Options{Policy: PolicyOff},
			report.Open, "VEX is switched off"},
		{"newest_wins_investigation", func(t *testing.T) []Document {
			return []Document{own(t, stmt(vuln, keeps, t2, glibc), stmt(vuln, clears, t1, glibc))}
		}, Options{}, report.Open, "Superseded on 2025-10-01 by under_investigation."},
		{"newest_wins_clearance", func(t *testing.T) []Document {
			return []Document{own(t, stmt(vuln, clears, t2, glibc), stmt(vuln, keeps, t1, glibc))}
		}, Options{}, report.Suppressed, "on 2025-10-01"},
		{"newest_wins_across_documents", func(t *testing.T) []Document {
			return []Document{own(t, stmt(vuln, clears, t1, glibc)), own(t, stmt(vuln, keeps, t2, glibc))}
		}, Options{}, report.Open, "Superseded on 2025-10-01"},
		{"tie_goes_to_the_least_permissive", func(t *testing.T) []Document {
			return []Document{own(t, stmt(vuln, clears, t1, glibc), stmt(vuln, keeps, t1, glibc))}
		}, Options{}, report.Open, "Contradicted on the same date by under_investigation."},
		{"affected_is_less_permissive_than_investigation", func(t *testing.T) []Document {
			return []Document{own(t, stmt(vuln, keeps, t1, glibc), stmt(vuln, "affected", t1, glibc))}
		}, Options{}, report.Open, "affected, says Vendor on 2025-09-30, signed by key test-1: upgrade."},
		{"fixed_and_not_affected_agree", func(t *testing.T) []Document {
			return []Document{own(t, stmt(vuln, clears, t1, glibc), stmt(vuln, "fixed", t1, glibc))}
		}, Options{}, report.Suppressed, "fixed"},
		{"own_document_outranks_a_newer_file", func(t *testing.T) []Document {
			return []Document{byUser(t, stmt(vuln, clears, t3, glibc)), own(t, stmt(vuln, keeps, t1, glibc))}
		}, Options{}, report.Open, "is outranked by"},
		{"own_document_outranks_a_warning_file", func(t *testing.T) []Document {
			return []Document{byUser(t, stmt(vuln, "affected", t3, glibc)), own(t, stmt(vuln, clears, t1, glibc))}
		}, Options{}, report.Suppressed, "not_affected"},
		{"feed_outranks_a_file", func(t *testing.T) []Document {
			return []Document{byUser(t, stmt(vuln, clears, t3, glibc)), feedDoc(t, "dhi.io/python", stmt(vuln, keeps, t1, glibc))}
		}, Options{}, report.Open, "outranked by feed"},
		{"statement_time_from_its_document", func(t *testing.T) []Document { // the document is of January
			return []Document{own(t, undated(stmt(vuln, clears, "", glibc)), stmt(vuln, keeps, "2024-12-31T00:00:00Z", glibc))}
		}, Options{}, report.Suppressed, "on 2025-01-01"},
		{"undated_clearance_loses", func(t *testing.T) []Document {
			return []Document{bare(t, undated(stmt(vuln, clears, "", glibc)), stmt(vuln, keeps, "2001-01-01T00:00:00Z", glibc))}
		}, Options{}, report.Open, "which is newer cannot be told"},
		{"undated_warning_wins", func(t *testing.T) []Document {
			return []Document{bare(t, undated(stmt(vuln, keeps, "", glibc)), stmt(vuln, clears, t3, glibc))}
		}, Options{}, report.Open, "which is newer cannot be told"},
		{"undated_clearance_alone", func(t *testing.T) []Document { return []Document{bare(t, undated(stmt(vuln, clears, "", glibc)))} }, Options{},
			report.Suppressed, "not_affected"},
		{"statement_that_breaks_the_rules", func(t *testing.T) []Document {
			s := stmt(vuln, clears, t1, glibc)
			s.Justification = ""
			return []Document{own(t, s)}
		}, Options{}, report.Open, "without a justification or an impact statement"},
		{"justification_that_does_not_exist", func(t *testing.T) []Document {
			s := stmt(vuln, clears, t1, glibc)
			s.Justification = "because"
			return []Document{own(t, s)}
		}, Options{}, report.Open, `"because" does not exist`},
		{"status_that_does_not_exist_keeps_open", func(t *testing.T) []Document {
			return []Document{own(t, stmt(vuln, "probably_fine", t2, glibc), stmt(vuln, clears, t1, glibc))}
		}, Options{}, report.Open, "is not understood"},
		{"fixed_at_the_installed_version", func(t *testing.T) []Document { return []Document{own(t, stmt(vuln, "fixed", t1, glibc))} }, Options{},
			report.Suppressed, "fixed"},
		{"fixed_at_another_version", func(t *testing.T) []Document { return []Document{own(t, stmt(vuln, "fixed", t1, older))} }, Options{},
			report.Open, "statement covers glibc 2.41-11, installed 2.41-12"},
		{"fixed_without_a_version", func(t *testing.T) []Document { return []Document{own(t, stmt(vuln, "fixed", t1, anyone))} }, Options{Unversioned: UnversionedAny},
			report.Open, "fixed without naming the fixed version"},
		{"other_vulnerability", func(t *testing.T) []Document { return []Document{own(t, stmt("CVE-2025-0002", clears, t1, glibc))} }, Options{},
			report.Open, "No statement about CVE-2025-0001 in 1 document."},
		{"other_package", func(t *testing.T) []Document {
			return []Document{own(t, stmt(vuln, clears, t1, "pkg:deb/debian/zlib@1.3"))}
		}, Options{}, report.Open, "statement is about zlib, not libc6"},
		{"no_documents", func(*testing.T) []Document { return nil }, Options{}, report.Open, "No VEX document was read."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			docs := tt.docs(t)
			d := decide(t, libc(), testImage(), tt.opt, docs...)
			if d.Status != tt.want || !strings.Contains(d.Reason+" "+nearText(d), tt.why) {
				t.Errorf("decision = %s, %q, near miss %q; want %s, %q", d.Status, d.Reason, nearText(d), tt.want, tt.why)
			}
			for i, j := 0, len(docs)-1; i < j; i, j = i+1, j-1 {
				docs[i], docs[j] = docs[j], docs[i]
			}
			if again := decide(t, libc(), testImage(), tt.opt, docs...); again.Reason != d.Reason {
				t.Errorf("in reverse order: %q, was %q", again.Reason, d.Reason)
			}
		})
	}
}

func nearText(d report.Decision) string {
	if d.NearMiss == nil {
		return ""
	}
	return d.NearMiss.Reason
}

// TestWidth holds where a product without a version may clear a finding.
func TestWidth(t *testing.T) {
	image := "pkg:oci/python?repository_url=dhi.io"
	for _, tt := range []struct {
		name                    string
		s                       stmtJSON
		strict, ownImage, anyOf bool // in the image's own document
		fStrict, fOwn, fAny     bool // in a file that the user named
	}{
		{"alone", stmt(vuln, clears, t1, anyone), true, true, true, false, false, true},
		{"alone_by_source", stmt(vuln, clears, t1, "pkg:deb/debian/glibc"), true, true, true, false, false, true},
		{"beside_a_version", stmt(vuln, clears, t1, anyone, older), false, true, true, false, false, true},
		{"beside_the_version", stmt(vuln, clears, t1, anyone, glibc), true, true, true, true, true, true},
		{"inside_this_image", inside(vuln, clears, t1, image, anyone), true, true, true, false, true, true},
		{"inside_this_image_beside_a_version", inside(vuln, clears, t1, image, anyone, older), false, true, true, false, true, true},
		{"inside_another_image", inside(vuln, clears, t1, "pkg:oci/node?repository_url=dhi.io", anyone), false, false, false, false, false, false},
		{"inside_this_digest", inside(vuln, clears, t1, "pkg:oci/python@"+strings.Replace(ownDigest, ":", "%3A", 1), anyone, older), true, true, true, true, true, true},
		{"the_whole_image", stmt(vuln, clears, t1, image), true, true, true, false, true, true},
		{"the_whole_image_by_digest", stmt(vuln, clears, t1, "pkg:oci/python@"+ownDigest), true, true, true, true, true, true},
		{"fixed_in_this_digest", stmt(vuln, "fixed", t1, "pkg:oci/python@"+ownDigest), true, true, true, true, true, true},
		{"fixed_in_any_image", stmt(vuln, "fixed", t1, image), false, false, false, false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for i, u := range []Unversioned{UnversionedStrict, UnversionedOwnImage, UnversionedAny} {
				opt := Options{Unversioned: u}
				d := decide(t, libc(), testImage(), opt, own(t, tt.s))
				if got, want := d.Status == report.Suppressed, []bool{tt.strict, tt.ownImage, tt.anyOf}[i]; got != want {
					t.Errorf("own document, %s: suppressed = %t, want %t: %s", u, got, want, d.Reason)
				}
				if broad := strings.Contains(d.Reason, "over-broad"); d.Status == report.Suppressed && broad != d.Statement.OverBroad {
					t.Errorf("own document, %s: over-broad = %t, and the reason is %q", u, d.Statement.OverBroad, d.Reason)
				}
				d = decide(t, libc(), testImage(), opt, byUser(t, tt.s))
				if got, want := d.Status == report.Suppressed, []bool{tt.fStrict, tt.fOwn, tt.fAny}[i]; got != want {
					t.Errorf("file, %s: suppressed = %t, want %t: %s", u, got, want, d.Reason)
				}
			}
		})
	}
}

// TestWidthWarns shows that a product too broad to clear a finding is heard when it
// warns: the feed's contradictions are of this kind.
func TestWidthWarns(t *testing.T) {
	d := decide(t, libc(), testImage(), Options{}, own(t,
		stmt(vuln, clears, t1, glibc), stmt(vuln, keeps, t2, anyone, "pkg:deb/debian/glibc@2.36-1?os_name=debian&os_version=12")))
	if d.Status != report.Open || !strings.Contains(d.Reason, "Superseded on 2025-10-01 by under_investigation") {
		t.Errorf("decision = %s, %q; want it open, superseded", d.Status, d.Reason)
	}
	if d.NearMiss == nil || d.NearMiss.Statement.Product != glibc {
		t.Errorf("near miss = %+v, want the statement that was superseded", d.NearMiss)
	}
}

func TestAliases(t *testing.T) {
	const purl = "pkg:pypi/a@1"
	product := "pkg:pypi/a@1"
	named := func(name string, aliases ...string) stmtJSON {
		s := stmt(name, clears, t1, product)
		s.Vulnerability = map[string]any{"name": name, "aliases": aliases}
		return s
	}
	for _, tt := range []struct {
		name string
		f    report.Vulnerability
		s    []stmtJSON
		want bool
	}{
		{"finding_knows_the_cve", find("GHSA-aaaa-bbbb-cccc", purl, "CVE-2025-1"), []stmtJSON{named("CVE-2025-1")}, true},
		{"statement_knows_the_cve", find("CVE-2025-1", purl), []stmtJSON{named("GHSA-aaaa-bbbb-cccc", "CVE-2025-1")}, true},
		{"both_know_it", find("GO-2025-7", purl, "CVE-2025-1"), []stmtJSON{named("RUSTSEC-2025-0001", "CVE-2025-1")}, true},
		{"other_case", find("ghsa-AAAA-bbbb-cccc", purl), []stmtJSON{named("GHSA-aaaa-bbbb-cccc")}, true},
		{"by_iri", find("CVE-2025-1", purl), []stmtJSON{{Vulnerability: map[string]any{"@id": "https://nvd.nist.gov/vuln/detail/CVE-2025-1"},
			Status: clears, Justification: "component_not_present", Products: []prodJSON{{ID: product}}}}, true},
		{"dhi_id_with_alias", find("CVE-2025-1", purl), []stmtJSON{named("DHI-CVE-2025-1-a", "CVE-2025-1")}, true},
		{"strangers", find("CVE-2025-1", purl, "GHSA-aaaa-bbbb-cccc"), []stmtJSON{named("CVE-2025-2", "GHSA-xxxx-yyyy-zzzz")}, false},
		{"one_of_two_cves", find("GHSA-aaaa-bbbb-cccc", purl, "CVE-2025-1", "CVE-2025-2"), []stmtJSON{named("CVE-2025-1")}, false},
		{"both_of_two_cves", find("GHSA-aaaa-bbbb-cccc", purl, "CVE-2025-1", "CVE-2025-2"), []stmtJSON{named("CVE-2025-1"), named("CVE-2025-2")}, true},
		{"advisory_of_two_cves_by_its_own_name", find("GHSA-aaaa-bbbb-cccc", purl, "CVE-2025-1", "CVE-2025-2"), []stmtJSON{named("GHSA-aaaa-bbbb-cccc")}, true},
		{"own_id_among_two_cves", find("CVE-2025-1", purl, "CVE-2025-2"), []stmtJSON{named("CVE-2025-1")}, true},
		{"only_the_other_of_two_cves", find("CVE-2025-1", purl, "CVE-2025-2"), []stmtJSON{named("CVE-2025-2")}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := decide(t, tt.f, testImage(), Options{}, own(t, tt.s...))
			if got := d.Status == report.Suppressed; got != tt.want {
				t.Errorf("suppressed = %t, want %t: %s", got, tt.want, d.Reason)
			}
		})
	}
}

func TestSubcomponentsOfPackages(t *testing.T) {
	const direct, transitive = "pkg:golang/example.com/direct@v2.0.0", "pkg:golang/example.com/transitive@v4.0.0"
	doc := byUser(t, inside(vuln, clears, t1, direct, transitive))
	for _, purl := range []string{direct, transitive} {
		if d := decide(t, find(vuln, purl), testImage(), Options{}, doc); d.Status != report.Open {
			t.Errorf("%s is suppressed by a statement about one inside the other: %s", purl, d.Reason)
		}
	}
	oddity := own(t, inside(vuln, clears, t1, "pkg:oci/python?repository_url=dhi.io", "libc6"))
	if d := decide(t, libc(), testImage(), Options{}, oddity); d.Status != report.Open || !strings.Contains(d.Reason, "no package URL") {
		t.Errorf("a component without a package URL: %s, %q", d.Status, d.Reason)
	}
}

// TestSubcomponentsOfDockersPackages: a statement about a package that Docker built names
// the language package inside it for context; the package as installed is what counts.
func TestSubcomponentsOfDockersPackages(t *testing.T) {
	const product = "pkg:apk/dhi/python-3.12@3.12.13-r7?os_distro=alpine&os_name=dhi&os_version=3.23"
	doc := byUser(t, inside(vuln, clears, t1, product, "pkg:pypi/setuptools@58.3.0"))
	for purl, want := range map[string]report.DecisionStatus{
		"pkg:apk/dhi/python-3.12@3.12.13-r7?arch=aarch64&distro=dhi-3.23": report.Suppressed,
		"pkg:apk/dhi/python-3.12@3.12.13-r8?arch=aarch64&distro=dhi-3.23": report.Open,
		"pkg:pypi/setuptools@58.3.0":                                      report.Open,
	} {
		if d := decide(t, find(vuln, purl), Image{Platform: "linux/arm64"}, Options{}, doc); d.Status != want {
			t.Errorf("%s is %s, want %s: %s", purl, d.Status, want, d.Reason)
		}
	}
}
