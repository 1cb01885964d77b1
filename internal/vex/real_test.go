package vex

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/report"
)

var update = flag.Bool("update", false, "rewrite golden files")

// realFindings are what Grype finds in real Debian and Alpine images with a real
// database: identifiers, packages and versions, which are facts.
func realFindings(t testing.TB, image string) []report.Vulnerability {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "findings.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string][]struct {
		ID, Severity, PURL string
		Aliases, Upstream  []string
	}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	var out []report.Vulnerability
	for _, x := range all[image] {
		f := find(x.ID, x.PURL, x.Aliases...)
		f.Severity = report.Severity(x.Severity)
		for _, up := range x.Upstream {
			name, version, _ := strings.Cut(up, "@")
			f.Package.Upstreams = append(f.Package.Upstreams, report.Upstream{Name: name, Version: version})
		}
		out = append(out, f)
	}
	return out
}

func suppressed(vs []report.Vulnerability) int { return report.CountVulnerabilities(vs).Suppressed }

// TestPythonDocument is Docker's document for python on two Debian images. By exact
// version, and source to binary, it covers 14 of 20 and 3 of 17 findings.
func TestPythonDocument(t *testing.T) {
	data := sharedFile(t, "dhi/vex/dhi-python.vex.json")
	feedOf := signedFile{name: "feed", data: data}
	byName, fromFeed := must(t)(FromFile("python.vex.json", data)), must(t)(FromFeed(feedOf, []string{"dhi.io/python"}))
	attachedHere := must(t)(FromAttestation(attestation{subject: ownDigest, predicate: data}))
	attachedElsewhere := must(t)(FromAttestation(attestation{subject: elsewhere, predicate: data}))
	unsigned := must(t)(FromUnverified("x", "", data))
	for _, tt := range []struct {
		image               string
		findings, wantNamed int
	}{{"debian-12-slim", 20, 14}, {"debian-13-slim", 17, 3}, {"alpine-3.18.9", 8, 0}} {
		fs := realFindings(t, tt.image)
		if len(fs) != tt.findings {
			t.Fatalf("%s has %d findings, want %d", tt.image, len(fs), tt.findings)
		}
		asItself := Image{Digest: ownDigest, Repository: "docker.io/library/" + tt.image, Platform: "linux/amd64"}
		repacked := Image{Digest: ownDigest, Repository: "dhi.io/python", Platform: "linux/amd64"}
		for _, mode := range []struct {
			name  string
			image Image
			doc   Document
			want  int
		}{
			{"named by the user", asItself, byName, tt.wantNamed},
			{"bound to another repository", asItself, fromFeed, 0},
			{"bound to this repository", repacked, fromFeed, tt.wantNamed},
			{"attached to it", repacked, attachedHere, tt.wantNamed},
			{"attached to another image", asItself, attachedElsewhere, 0},
			{"unsigned", repacked, unsigned, 0},
		} {
			r, err := Decide(fs, []Document{mode.doc}, mode.image, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := suppressed(r.Vulnerabilities); got != mode.want {
				t.Errorf("%s, %s: %d suppressed, want %d", tt.image, mode.name, got, mode.want)
			}
			for _, v := range r.Vulnerabilities {
				if v.Decision.Reason == "" || v.Decision.Status == report.Suppressed && v.Decision.Statement.OverBroad {
					t.Errorf("%s, %s: decision %+v", tt.image, v.ID, v.Decision)
				}
			}
		}
	}
}

// TestLabelledTable holds a decision and a reason for every finding of the real images
// that a real document speaks of. The table was reviewed line by line; -update writes
// what is decided now, for the next review.
func TestLabelledTable(t *testing.T) {
	var got bytes.Buffer
	got.WriteString("image\tdocument\tvulnerability\tpackage\tversion\tdecision\tproduct line\twhy\n")
	docs := map[string]Document{}
	for _, image := range []string{"alpine-3.18.9", "debian-12-slim", "debian-13-slim"} {
		fs := realFindings(t, image)
		for _, doc := range []string{"dhi/signed/vex/alpine-base/dhi-alpine-base.vex.json", "dhi/vex/dhi-bun.vex.json",
			"dhi/vex/dhi-debian-base.vex.json", "dhi/vex/dhi-node.vex.json", "dhi/vex/dhi-postgres.vex.json",
			"dhi/vex/dhi-python.vex.json", "dhi/vex/dhi-redis.vex.json"} {
			d, ok := docs[doc]
			if !ok {
				d = must(t)(FromFile(doc, sharedFile(t, doc)))
				docs[doc] = d
			}
			r, err := Decide(fs, []Document{d}, Image{Digest: ownDigest, Repository: "docker.io/library/" + image, Platform: "linux/amd64"}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range r.Vulnerabilities {
				line, why := "", nearText(v.Decision)
				if s := v.Decision.Statement; s != nil {
					line, why = s.Product, s.Status+" "+s.Justification+"; "+s.Matched
				} else if n := v.Decision.NearMiss; n != nil {
					line = n.Statement.Product
				}
				if line != "" {
					fmt.Fprintf(&got, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", image, filepath.Base(doc), v.ID, v.Package.Name,
						v.Package.Version, v.Decision.Status, line, why)
				}
			}
		}
	}
	golden := filepath.Join("testdata", "labels.tsv")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	wantLines, gotLines := strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")
	for i := range max(len(wantLines), len(gotLines)) {
		var w, g string
		if i < len(wantLines) {
			w = wantLines[i]
		}
		if i < len(gotLines) {
			g = gotLines[i]
		}
		if w != g {
			t.Fatalf("labels.tsv line %d:\n got %s\nwant %s\n(rerun with -update and review the difference)", i+1, g, w)
		}
	}
}

// TestFeedOddities counts what is odd in the feed, as it was counted by other means.
func TestFeedOddities(t *testing.T) {
	for _, tt := range []struct {
		file                                                string
		statements, broad, contradictory, duplicate, reused int
	}{
		{"dhi/vex/dhi-alpine-base.vex.json", 2, 0, 0, 0, 0},
		{"dhi/vex/dhi-bun.vex.json", 31, 24, 0, 5, 2},
		{"dhi/vex/dhi-debian-base.vex.json", 53, 46, 4, 23, 13},
		{"dhi/vex/dhi-keycloak.vex.json", 20, 14, 0, 0, 0},
		{"dhi/vex/dhi-nginx.vex.json", 55, 48, 4, 23, 14},
		{"dhi/vex/dhi-node.vex.json", 85, 62, 7, 41, 20},
		{"dhi/vex/dhi-postgres.vex.json", 53, 46, 0, 14, 8},
		{"dhi/vex/dhi-python.vex.json", 1004, 994, 4, 23, 915},
		{"dhi/vex/dhi-redis.vex.json", 16, 14, 0, 0, 0},
		{"dhi/vex/dhi-static.vex.json", 8, 8, 0, 0, 0},
		{"dhi/signed/vex/alpine-base/dhi-alpine-base.vex.json", 19, 0, 0, 15, 0},
	} {
		d := must(t)(FromFile(tt.file, sharedFile(t, tt.file)))
		row := mustRow(t, d)
		if row.Statements != tt.statements || row.OverBroad != tt.broad || row.Contradictory != tt.contradictory ||
			row.Duplicate != tt.duplicate || row.ReusedIDs != tt.reused || row.Undated != 0 {
			t.Errorf("%s: statements %d, over-broad %d, contradictory %d, duplicate %d, reused ids %d, undated %d; want %+v", tt.file,
				row.Statements, row.OverBroad, row.Contradictory, row.Duplicate, row.ReusedIDs, row.Undated, tt)
		}
	}
}

// TestSuperseded is the feed's contradiction about OpenSSL: cleared on 30 September,
// under investigation since 1 October, the latter under a name without a version.
func TestSuperseded(t *testing.T) {
	const openssl = "pkg:deb/debian/libssl3t64@3.5.4?arch=amd64&distro=debian-13&upstream=openssl"
	for _, file := range []string{"dhi/vex/dhi-node.vex.json", "dhi/vex/dhi-python.vex.json", "dhi/vex/dhi-debian-base.vex.json", "dhi/vex/dhi-nginx.vex.json"} {
		doc := must(t)(FromAttestation(attestation{subject: ownDigest, predicate: sharedFile(t, file)}))
		d := decide(t, find("CVE-2025-9232", openssl), testImage(), Options{}, doc)
		if d.Status != report.Open || !strings.Contains(d.Reason, "Superseded on 2025-10-01 by under_investigation.") {
			t.Errorf("%s: %s, %q", file, d.Status, d.Reason)
		}
	}
}

// TestSignedAlpineDocument follows Docker's own example: one vulnerability, cleared
// for one Alpine release and under investigation for another, by source name.
func TestSignedAlpineDocument(t *testing.T) {
	doc := must(t)(FromFile("alpine-base", sharedFile(t, "dhi/signed/vex/alpine-base/dhi-alpine-base.vex.json")))
	for _, tt := range []struct{ name, purl, want string }{
		{"busybox_3.23", "pkg:apk/alpine/busybox@1.37.0_git20260212-r31?arch=x86_64&distro=alpine-3.23", "not_affected"},
		{"busybox_3.22", "pkg:apk/alpine/busybox@1.37.0-r20?arch=x86_64&distro=alpine-3.22", "under_investigation"},
		{"ssl_client_3.22", "pkg:apk/alpine/ssl_client@1.37.0-r20?arch=x86_64&distro=alpine-3.22&upstream=busybox", "under_investigation"},
		{"neighbour", "pkg:apk/alpine/busybox@1.37.0-r21?arch=x86_64&distro=alpine-3.22", ""},
	} {
		d := decide(t, find("CVE-2025-60876", tt.purl), Image{Digest: ownDigest}, Options{}, doc)
		got := ""
		if d.Statement != nil {
			got = d.Statement.Status
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q: %s", tt.name, got, tt.want, d.Reason)
		}
	}
}

// TestConformance runs the VEX side of Docker's scanner scenarios: each document
// reaches the package it was written for, and no other version of it.
func TestConformance(t *testing.T) {
	dirs, _ := filepath.Glob(filepath.Join(shared, "dhi/conformance/*"))
	if len(dirs) == 0 {
		t.Skip("real data is not at hand")
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			var sbom struct {
				Packages []struct{ Name, Version, PURL string }
			}
			var want struct {
				Status string `json:"expected_vex_status"`
			}
			readJSON(t, filepath.Join(dir, "sbom.json"), &sbom)
			readJSON(t, filepath.Join(dir, "expected.json"), &want)
			files, _ := filepath.Glob(filepath.Join(dir, "vex", "*.json"))
			data, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			doc := must(t)(FromFile("vex", data))
			p := sbom.Packages[0]
			var id []string
			for _, n := range doc.d.list(doc.d.statements[0].names) {
				id = append(id, doc.d.word(n))
			}
			for _, name := range id { // Docker's own id, and the CVE that it is an alias of
				d := decide(t, find(name, p.PURL), Image{Digest: ownDigest}, Options{}, doc)
				if d.Statement == nil || d.Statement.Status != want.Status {
					t.Errorf("%s in %s: %+v, want status %s", name, p.PURL, d, want.Status)
				}
			}
			next := strings.Replace(p.PURL, "@", "@0", 1)
			if d := decide(t, find(id[0], next), Image{Digest: ownDigest}, Options{}, doc); d.Statement != nil {
				t.Errorf("another version is met too: %+v", d)
			}
		})
	}
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}
