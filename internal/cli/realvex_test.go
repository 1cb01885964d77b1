package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// realData holds real images, a real database and Docker's real documents.
const realData = "../../../shared/data"

// labels is the table of decisions that was reviewed line by line; the vex package
// holds itself to it, and here the whole program is held to it.
const labels = "../vex/testdata/labels.tsv"

func realWorld(t *testing.T) *world {
	t.Helper()
	db := filepath.Join(realData, "grype-db", "real-grype-db-v6.tar.zst")
	if _, err := os.Stat(db); err != nil {
		t.Skip("the real images and database are not here")
	}
	w := newWorld(t, testkit.RegistryOptions{})
	w.dbFlags = []string{"--db", db, "--db-max-age", "0", "--cache-dir", t.TempDir(), "--fail-on-severity", "none", "--sbom-formats", "syft-json"}
	return w
}

// scanReal scans a real image with one document named by the user.
func (w *world) scanReal(image, document string) *report.Report {
	w.t.Helper()
	args := append([]string{"scan", "oci-dir:" + filepath.Join(realData, "images", image), "--vex", filepath.Join(realData, document),
		"--report-dir", w.path("report")}, w.dbFlags...)
	_, stdout, stderr := w.run(args...)
	r := w.report()
	if r == nil {
		w.t.Fatal(stdout + stderr)
	}
	return r
}

// TestRealImagesAgainstTheReviewedTable: each finding of each real image under each real
// document has the decision, the product line and the reason of the table.
func TestRealImagesAgainstTheReviewedTable(t *testing.T) {
	w := realWorld(t)
	data, err := os.ReadFile(labels)
	if err != nil {
		t.Fatal(err)
	}
	type group struct{ image, document string }
	want := map[group][]string{}
	var order []group
	for i, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		f := strings.Split(line, "\t")
		if i == 0 || len(f) < 8 {
			continue
		}
		g := group{f[0], f[1]}
		if want[g] == nil {
			order = append(order, g)
		}
		want[g] = append(want[g], strings.Join(f[2:], "\t"))
	}
	if len(order) < 10 {
		t.Fatalf("the table has %d groups", len(order))
	}
	for _, g := range order {
		document := filepath.Join("dhi", "vex", g.document)
		if g.document == "dhi-alpine-base.vex.json" {
			document = filepath.Join("dhi", "signed", "vex", "alpine-base", g.document)
		}
		var got []string
		for _, v := range w.scanReal(g.image, document).Vulnerabilities {
			product, why := "", v.Decision.Reason
			switch s, n := v.Decision.Statement, v.Decision.NearMiss; {
			case s != nil:
				product, why = s.Product, s.Status+" "+s.Justification+"; "+s.Matched
			case n != nil:
				product, why = n.Statement.Product, n.Reason
			default:
				continue
			}
			got = append(got, strings.Join([]string{v.ID, v.Package.Name, v.Package.Version, string(v.Decision.Status), product, why}, "\t"))
		}
		slices.Sort(got)
		slices.Sort(want[g])
		if !slices.Equal(got, want[g]) {
			t.Errorf("%s under %s differs\ngot  %d:\n%s\nwant %d:\n%s", g.image, g.document,
				len(got), strings.Join(got, "\n"), len(want[g]), strings.Join(want[g], "\n"))
		}
	}
}

// TestPythonsDocument is the measured case: Docker's document for python on two Debian
// images, by every way in which it can come.
func TestPythonsDocument(t *testing.T) {
	w := realWorld(t)
	document, err := os.ReadFile(filepath.Join(realData, "dhi", "vex", "dhi-python.vex.json"))
	if err != nil {
		t.Fatal(err)
	}
	attested := testkit.Attestation{PredicateType: testkit.PredicateOpenVEX, Predicate: json.RawMessage(document)}
	elsewhere := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("ab", 32)}
	for _, tt := range []struct {
		image           string
		findings, exact int
	}{{"debian-12-slim", 20, 14}, {"debian-13-slim", 17, 3}} {
		named := w.scanReal(tt.image, "dhi/vex/dhi-python.vex.json")
		checkCounts(t, tt.image+" named", named, tt.findings, tt.exact, report.TrustNamed)
		for _, mode := range []struct {
			name       string
			repository string
			attached   testkit.Attestation
			want       int
		}{
			{"attached to it", "dhi/python", attested, tt.exact},
			{"attached, but about another image", "dhi/python", attested.With(testkit.OtherStatementSubject(elsewhere)), 0},
			{"attached, but not signed", "dhi/python", attested.With(testkit.Unsigned()), 0},
		} {
			w := realWorld(t)
			ref, _ := w.pushTo(mode.repository, repacked(t, w, tt.image, mode.attached))
			_, r, text := w.verify(ref + ":3.13")
			if r == nil {
				t.Fatal(text)
			}
			checkCounts(t, tt.image+" "+mode.name, r, tt.findings, mode.want, report.TrustVerified)
		}
	}
}

func checkCounts(t *testing.T, name string, r *report.Report, findings, suppressed int, trust string) {
	t.Helper()
	if len(r.Vulnerabilities) != findings || r.Counts.Suppressed != suppressed {
		t.Errorf("%s: %d of %d suppressed, want %d of %d", name, r.Counts.Suppressed, len(r.Vulnerabilities), suppressed, findings)
	}
	for _, v := range r.Vulnerabilities {
		if s := v.Decision.Statement; v.Decision.Status == report.Suppressed && (s.OverBroad || s.Trust != trust) {
			t.Errorf("%s: %s is suppressed by %+v", name, v.ID, s)
		}
	}
}

// repacked is a real image as Docker would publish it, with a document attached.
func repacked(t *testing.T, w *world, image string, attached testkit.Attestation) testkit.Image {
	t.Helper()
	index, err := layout.ImageIndexFromPath(filepath.Join(realData, "images", image))
	if err != nil {
		t.Fatal(err)
	}
	manifests, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	img, err := index.Image(manifests.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	p := testkit.Platform{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Attestations: []testkit.Attestation{attached},
		Config: v1.ConfigFile{Created: v1.Time{Time: built}, Config: v1.Config{Labels: testkit.Labels("dhi/python", "3.13", built)}}}
	for _, l := range layers {
		in, err := l.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		var raw bytes.Buffer
		if _, err := raw.ReadFrom(in); err != nil {
			t.Fatal(err)
		}
		mediaType, err := l.MediaType()
		if err != nil {
			t.Fatal(err)
		}
		diffID, err := l.DiffID()
		if err != nil {
			t.Fatal(err)
		}
		p.Layers = append(p.Layers, testkit.Layer{Raw: raw.Bytes(), MediaType: mediaType, DiffID: diffID})
	}
	return testkit.Image{Name: "dhi/python", Tags: []string{"3.13"}, Key: w.key, Platforms: []testkit.Platform{p}}
}

// grypeTable is what the grype command decides with --vex, for the same images and the
// document for python, beside our decision: docs/vex.md quotes it.
const grypeTable = "testdata/grype-vex.tsv"

// TestGrypeBeside runs the grype command where there is one, and compares it with the
// table; -update writes the table anew.
func TestGrypeBeside(t *testing.T) {
	grype, err := exec.LookPath("grype")
	if err != nil {
		t.Skip("no grype command: go install github.com/anchore/grype/cmd/grype@v0.120.1")
	}
	w := realWorld(t)
	env := append(os.Environ(), "GRYPE_DB_AUTO_UPDATE=false", "GRYPE_DB_VALIDATE_AGE=false", "GRYPE_CHECK_FOR_APP_UPDATE=false", "GRYPE_DB_CACHE_DIR="+t.TempDir())
	run := func(args ...string) []byte {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, grype, args...)
		cmd.Env = env
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("grype %v: %v", args, err)
		}
		return out
	}
	run("db", "import", filepath.Join(realData, "grype-db", "real-grype-db-v6.tar.zst"))
	const document = "dhi/vex/dhi-python.vex.json"
	var b strings.Builder
	b.WriteString("image\tvulnerability\tpackage\tversion\tgrype --vex\timagegate --vex\n")
	for _, image := range []string{"debian-12-slim", "debian-13-slim"} {
		var doc struct {
			Matches        []grypeMatch
			IgnoredMatches []grypeMatch
		}
		if err := json.Unmarshal(run("oci-dir:"+filepath.Join(realData, "images", image), "--vex", filepath.Join(realData, document), "-o", "json"), &doc); err != nil {
			t.Fatal(err)
		}
		theirs := map[string]string{}
		for _, m := range doc.Matches {
			theirs[m.key()] = "open"
		}
		for _, m := range doc.IgnoredMatches {
			if slices.ContainsFunc(m.AppliedIgnoreRules, func(r struct{ Namespace, VexStatus string }) bool { return r.Namespace == "vex" || r.VexStatus != "" }) {
				theirs[m.key()] = "suppressed"
			}
		}
		rows := []string{}
		for _, v := range w.scanReal(image, document).Vulnerabilities {
			k := strings.Join([]string{v.ID, v.Package.Name, v.Package.Version}, "\t")
			said := theirs[k]
			if said == "" {
				said = "not found"
			}
			rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\n", image, k, said, v.Decision.Status))
		}
		slices.Sort(rows)
		b.WriteString(strings.Join(rows, ""))
	}
	if *update {
		if err := os.WriteFile(grypeTable, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(grypeTable)
	if err != nil || string(want) != b.String() {
		t.Errorf("%s differs (%v); rerun with -update and review:\n%s", grypeTable, err, b.String())
	}
}

type grypeMatch struct {
	Vulnerability      struct{ ID string }
	Artifact           struct{ Name, Version string }
	AppliedIgnoreRules []struct{ Namespace, VexStatus string }
}

func (m grypeMatch) key() string {
	return strings.Join([]string{m.Vulnerability.ID, m.Artifact.Name, m.Artifact.Version}, "\t")
}
