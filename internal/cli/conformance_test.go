package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom"
	"github.com/imagegate/imagegate/internal/testkit/grypedb"
)

// conformanceDir holds Docker's scenarios for scanners of the coming model (ID=dhi):
// a bill of materials in a compact form of their own, advisories, VEX, and the result
// that they expect.
const conformanceDir = "../../../shared/data/dhi/conformance"

// compact is Docker's form of a bill of materials.
type compact struct {
	Release  map[string]string `json:"os_release"`
	Packages []struct {
		Name, Version, Type, PURL, Origin string
	} `json:"packages"`
}

// cyclonedx converts the packages that keep accepts to a document that any tool reads.
func (c compact) cyclonedx(keep func(origin string) bool) []byte {
	properties := []any{}
	for key, name := range map[string]string{"ID": "id", "VERSION_ID": "versionID", "ID_LIKE": "idLike:0"} {
		properties = append(properties, map[string]any{"name": "syft:distro:" + name, "value": c.Release[key]})
	}
	components := []any{map[string]any{"type": "operating-system", "name": c.Release["ID"], "version": c.Release["VERSION_ID"], "properties": properties}}
	for i, p := range c.Packages {
		if keep(p.Origin) {
			components = append(components, map[string]any{"type": "library", "bom-ref": fmt.Sprint(i), "name": p.Name, "version": p.Version, "purl": p.PURL})
		}
	}
	data, err := json.Marshal(map[string]any{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components,
		"metadata": map[string]any{"component": map[string]any{"type": "container", "name": "scenario"}}})
	if err != nil {
		panic(err)
	}
	return data
}

// TestDockersScenarios runs each scenario through the front door, in every format of a
// bill of materials, with all advisories of all scenarios as one feed.
func TestDockersScenarios(t *testing.T) {
	scenarios, err := filepath.Glob(filepath.Join(conformanceDir, "*", "expected.json"))
	if err != nil || len(scenarios) == 0 {
		t.Skip("Docker's scenarios are not here")
	}
	w := newDocumentWorld(t)
	// Nothing shows that a package is Docker's where only its name says so: the
	// distribution's data is asked too, and must know the release.
	w.withRecords(unrelatedTo("alpine 3.23"), unrelatedTo("debian 13"))
	advisories, err := filepath.Glob(filepath.Join(conformanceDir, "*", "osv", "*.json"))
	if err != nil || len(advisories) == 0 {
		t.Fatalf("no advisories: %v", err)
	}
	var feed []string
	for _, name := range advisories {
		feed = append(feed, "--advisories", name)
	}
	for _, expected := range scenarios {
		dir := filepath.Dir(expected)
		var want struct {
			Finding   bool   `json:"expected_finding"`
			VEXStatus string `json:"expected_vex_status"`
		}
		readJSON(t, expected, &want)
		var bill compact
		readJSON(t, filepath.Join(dir, "sbom.json"), &bill)
		for _, format := range sbom.Formats() {
			for _, membership := range []string{"base_sbom", "name_space"} {
				t.Run(strings.Join([]string{filepath.Base(dir), string(format), membership}, "/"), func(t *testing.T) {
					w.t = t
					args := append([]string{}, feed...)
					if membership == "base_sbom" {
						w.write("base.json", bill.cyclonedx(func(origin string) bool { return origin == "dhi-base-layer" }))
						args = append(args, "--base-sbom", w.path("base.json"))
					}
					vex, err := filepath.Glob(filepath.Join(dir, "vex", "*.json"))
					if err != nil {
						t.Fatal(err)
					}
					for _, name := range vex {
						args = append(args, "--vex", name)
					}
					w.write("sbom.json", reencode(t, bill.cyclonedx(func(string) bool { return true }), format))
					_, r, text := w.scan("sbom.json", args...)
					if r == nil {
						t.Fatalf("no report: %s", text)
					}
					if s := stageOf(r, report.StageVuln); s.State != report.Done {
						t.Errorf("vulnerabilities %s: %s", s.State, s.Reason)
					}
					if got := len(r.Vulnerabilities) > 0; got != want.Finding {
						t.Fatalf("finding %v, want %v: %+v", got, want.Finding, r.Vulnerabilities)
					}
					if want.Finding {
						v := r.Vulnerabilities[0]
						if v.Decision.Status != report.Open || v.Decision.Statement == nil || v.Decision.Statement.Status != want.VEXStatus || v.Match != "advisory" {
							t.Errorf("finding is %+v", v)
						}
					}
					if len(r.VEX.Documents) != len(vex) || r.VEX.Documents[0].Statements == 0 {
						t.Errorf("documents are %+v", r.VEX.Documents)
					}
				})
			}
		}
	}
}

// unrelatedTo is a record by which a database knows a release, and nothing else.
func unrelatedTo(distro string) grypedb.Record {
	return grypedb.Record{ID: "CVE-2020-0001", Distro: distro, Package: "unrelated", Constraint: "< 1", Severity: report.Low}
}

// newDocumentWorld is a world without a registry to ask.
func newDocumentWorld(t *testing.T) *world {
	t.Helper()
	db, err := archive()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := cache()
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, dir: t.TempDir(), env: map[string]string{"HOME": t.TempDir()}, dbFlags: []string{"--db", db, "--cache-dir", dir}}
}

func (w *world) write(name string, data []byte) string {
	w.t.Helper()
	if err := os.WriteFile(w.path(name), data, 0o644); err != nil {
		w.t.Fatal(err)
	}
	return w.path(name)
}

// scan gates a bill of materials.
func (w *world) scan(document string, more ...string) (fault.Code, *report.Report, string) {
	w.t.Helper()
	args := append([]string{"scan", "sbom:" + w.path(document), "--report-dir", w.path("report")}, w.dbFlags...)
	_ = os.RemoveAll(w.path("report"))
	code, stdout, stderr := w.run(append(args, more...)...)
	return code, w.report(), stdout + stderr
}

// reencode turns a document into another format, as Syft writes it.
func reencode(t *testing.T, data []byte, format sbom.Format) []byte {
	t.Helper()
	list, _, err := sbom.Decode(bytes.NewReader(data), 0)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := list.Encode(&b, format); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// osvRecord is an advisory about one package. ranges are events of an ECOSYSTEM range.
func osvRecord(id, ecosystem, name string, versions []string, events ...map[string]string) []byte {
	affected := map[string]any{"package": map[string]any{"ecosystem": ecosystem, "name": name}, "versions": versions}
	if len(events) > 0 {
		affected["ranges"] = []any{map[string]any{"type": "ECOSYSTEM", "events": events}}
	}
	cve := strings.TrimPrefix(strings.TrimSuffix(id, "-"+name), "DHI-")
	data, err := json.Marshal(map[string]any{"schema_version": "1.6.0", "id": id, "modified": "2026-04-01T00:00:00Z",
		"upstream": []string{cve}, "affected": []any{affected}})
	if err != nil {
		panic(err)
	}
	return data
}

// dhiVEX is a statement in the feed's spelling.
func dhiVEX(id, cve, product, status string) map[string]any {
	s := map[string]any{
		"vulnerability": map[string]any{"name": id, "aliases": []string{cve}}, "status": status,
		"products": []any{map[string]any{"@id": product}},
	}
	switch status {
	case "not_affected":
		s["justification"] = "vulnerable_code_not_in_execute_path"
	case "affected":
		s["action_statement"] = "Wait for the next build."
	}
	return map[string]any{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.invalid/dhi/" + id, "author": "Docker Hardened Images",
		"version": 1, "timestamp": "2026-04-01T00:00:00Z", "statements": []any{s}}
}

// TestComingModel has the cases beside Docker's: each is one rule, and each finding is
// in an image with ID=dhi.
func TestComingModel(t *testing.T) {
	const (
		a323, a324, d12 = "Docker Hardened Images:Alpine:3.23", "Docker Hardened Images:Alpine:3.24", "Docker Hardened Images:Debian:12"
		id, cve         = "DHI-CVE-2026-1111-jq", "CVE-2026-1111"
		glibc           = "pkg:deb/dhi/libc6@2.36-9%2Bdeb12u7?arch=amd64&distro=dhi-12&upstream=glibc"
	)
	alpine := map[string]string{"ID": "dhi", "ID_LIKE": "alpine", "VERSION_ID": "3.23"}
	debian := map[string]string{"ID": "dhi", "ID_LIKE": "debian", "VERSION_ID": "12"}
	jq := func(version string) string { return "pkg:apk/dhi/jq@" + version + "?arch=aarch64&distro=dhi-3.23" }
	product := func(version string) string {
		return "pkg:apk/dhi/jq@" + version + "?os_distro=alpine&os_name=dhi&os_version=3.23"
	}
	fixed := []map[string]string{{"introduced": "0"}, {"fixed": "1.10-r0"}}
	for _, tt := range []struct {
		name     string
		release  map[string]string
		purl     string
		base     bool // it is in the base's bill
		advisory []byte
		vex      map[string]any
		want     report.DecisionStatus // "" for no finding
		says     string
		state    report.State
	}{
		{"native_order_without_versions", alpine, jq("1.9-r3"), true, osvRecord(id, a323, "jq", nil, fixed...), nil, report.Open, "", report.Done},
		{"native_order_of_ten_revisions", alpine, jq("1.9-r9"), true, osvRecord(id, a323, "jq", nil, map[string]string{"introduced": "0"}, map[string]string{"fixed": "1.9-r10"}), nil, report.Open, "", report.Done},
		{"native_order_of_candidates", alpine, jq("1.10_rc2-r0"), true, osvRecord(id, a323, "jq", nil, fixed...), nil, report.Open, "", report.Done},
		{"native_order_of_rebuilds", debian, "pkg:deb/dhi/jq@9.7-3%2Bdhi9?arch=arm64&distro=dhi-12", true,
			osvRecord(id, d12, "jq", nil, map[string]string{"introduced": "9.7-3"}, map[string]string{"fixed": "9.7-3+dhi10"}), nil, report.Open, "", report.Done},
		{"native_order_of_the_first_rebuild", debian, "pkg:deb/dhi/jq@9.7-3%2Bdhi1?arch=arm64&distro=dhi-12", true,
			osvRecord(id, d12, "jq", nil, map[string]string{"introduced": "0"}, map[string]string{"fixed": "9.7-3+dhi1"}), nil, "", "", report.Done},
		{"native_order_past_the_fix", alpine, jq("1.10-r0"), true, osvRecord(id, a323, "jq", nil, fixed...), nil, "", "", report.Done},
		{"same_package_of_the_other_release", alpine, jq("1.9-r3"), true, osvRecord(id, a324, "jq", []string{"1.9-r3"}, fixed...), nil, "", "", report.Done},
		{"vex_for_the_neighbouring_version", alpine, jq("1.9-r3"), true, osvRecord(id, a323, "jq", nil, fixed...), dhiVEX(id, cve, product("1.9-r4"), "not_affected"), report.Open, "not complete", report.Done},
		{"vex_of_another_package", alpine, jq("1.9-r3"), true, osvRecord(id, a323, "jq", nil, fixed...), dhiVEX(id, cve, strings.Replace(product("1.9-r3"), "jq", "yq", 1), "affected"), report.Open, "not complete", report.Done},
		{"vex_of_the_other_release", alpine, jq("1.9-r3"), true, osvRecord(id, a323, "jq", nil, fixed...), dhiVEX(id, cve, strings.Replace(product("1.9-r3"), "3.23", "3.24", 1), "affected"), report.Open, "not complete", report.Done},
		{"vex_of_the_distributions_package", alpine, jq("1.9-r3"), true, osvRecord(id, a323, "jq", nil, fixed...), dhiVEX(id, cve, "pkg:apk/alpine/jq@1.9-r3?distro=alpine-3.23", "affected"), report.Open, "not complete", report.Done},
		{"vex_contradicts_the_advisory", alpine, jq("1.9-r3"), true, osvRecord(id, a323, "jq", nil, fixed...), dhiVEX(id, cve, product("1.9-r3"), "not_affected"), report.Open, "contradicts itself", report.Done},
		{"vex_fixed_contradicts_the_advisory", alpine, jq("1.9-r3"), true, osvRecord(id, a323, "jq", nil, fixed...), dhiVEX(id, cve, product("1.9-r3"), "fixed"), report.Open, "contradicts itself", report.Done},
		{"vex_affected_agrees", alpine, jq("1.9-r3"), true, osvRecord(id, a323, "jq", nil, fixed...), dhiVEX(id, cve, product("1.9-r3"), "affected"), report.Open, "", report.Done},
		{"under_investigation_is_listed", alpine, jq("1.9-r3"), true, osvRecord(id, a323, "jq", []string{"1.9-r3"}), dhiVEX(id, cve, product("1.9-r3"), "under_investigation"), report.Open, "", report.Done},
		{"under_investigation_next_revision", alpine, jq("1.9-r4"), true, osvRecord(id, a323, "jq", []string{"1.9-r3"}), dhiVEX(id, cve, product("1.9-r3"), "under_investigation"), "", "", report.Done},
		{"deb_in_an_image_like_alpine", alpine, "pkg:deb/dhi/jq@1.9-3?arch=arm64&distro=dhi-3.23", true, osvRecord(id, a323, "jq", nil, map[string]string{"introduced": "0"}), nil, "", "like alpine", report.Failed},
		{"base_package_asks_no_upstream", debian, glibc, true, osvRecord(id, d12, "jq", []string{"1"}), nil, "", "", report.Done},
		{"added_package_asks_upstream", debian, glibc, false, osvRecord(id, d12, "libc6", nil, map[string]string{"introduced": "0"}), nil, report.Open, "not shown to be", report.Done},
		{"added_package_hears_no_vex_of_dockers", debian, glibc, false, osvRecord(id, d12, "jq", []string{"1"}),
			dhiVEX("DHI-CVE-2025-4802-libc6", "CVE-2025-4802", "pkg:deb/dhi/libc6@2.36-9%2Bdeb12u7?os_distro=debian&os_name=dhi&os_version=12", "not_affected"), report.Open, "not shown to be", report.Done},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newDocumentWorld(t)
			name, version, _ := strings.Cut(tt.purl[strings.LastIndexByte(tt.purl, '/')+1:], "@")
			version, _, _ = strings.Cut(version, "?")
			bill := compact{Release: tt.release}
			bill.Packages = append(bill.Packages, struct{ Name, Version, Type, PURL, Origin string }{name, strings.ReplaceAll(version, "%2B", "+"), "", tt.purl, ""})
			w.write("sbom.json", bill.cyclonedx(func(string) bool { return true }))
			w.write("base.json", bill.cyclonedx(func(string) bool { return tt.base }))
			w.write("osv.json", tt.advisory)
			args := []string{"--base-sbom", w.path("base.json"), "--advisories", w.path("osv.json")}
			if tt.vex != nil {
				writeJSON(t, w.path("vex.json"), tt.vex)
				args = append(args, "--vex", w.path("vex.json"))
			}
			_, r, text := w.scan("sbom.json", args...)
			if r == nil {
				t.Fatal(text)
			}
			var got report.DecisionStatus
			if len(r.Vulnerabilities) > 0 {
				got = r.Vulnerabilities[0].Decision.Status
			}
			if got != tt.want || len(r.Vulnerabilities) > 1 {
				t.Errorf("decision %q of %d findings, want %q: %+v", got, len(r.Vulnerabilities), tt.want, r.Vulnerabilities)
			}
			told := fmt.Sprint(r.Observations, r.Vulnerabilities)
			if !strings.Contains(told, tt.says) {
				t.Errorf("nothing says %q: %+v", tt.says, r.Observations)
			}
			if s := stageOf(r, report.StageVuln); s.State != tt.state {
				t.Errorf("vulnerabilities %s: %s, want %s", s.State, s.Reason, tt.state)
			}
		})
	}
}

// TestMembershipIsNotBelievedSilently: without base-sbom nothing shows whose a package is.
// Docker's advisories are asked, the distribution's data too, and the report says so: a
// name of Docker's alone hides nothing.
func TestMembershipIsNotBelievedSilently(t *testing.T) {
	const d12, upstream = "Docker Hardened Images:Debian:12", "CVE-2025-4802 pkg:deb/debian/libc6@2.36-9%2Bdeb12u7"
	const libc6 = "pkg:deb/dhi/libc6@2.36-9%2Bdeb12u7?arch=amd64&distro=dhi-12&upstream=glibc"
	bill := func(release, purl, name, version string) compact {
		b := compact{Release: map[string]string{"ID": "dhi", "ID_LIKE": release, "VERSION_ID": "12"}}
		b.Packages = append(b.Packages, struct{ Name, Version, Type, PURL, Origin string }{name, version, "", purl, ""})
		return b
	}
	debian := bill("debian", libc6, "libc6", "2.36-9+deb12u7")
	for _, tt := range []struct {
		name     string
		bill     compact
		advisory []byte
		want     []string
		result   report.Result
	}{
		{"docker_knows_nothing", debian, osvRecord("DHI-CVE-2026-1111-jq", d12, "jq", []string{"1"}), []string{upstream}, report.Fail},
		{"docker_knows_another", debian, osvRecord("DHI-CVE-2026-1111-libc6", d12, "libc6", []string{"2.36-9+deb12u7"}),
			[]string{upstream, "DHI-CVE-2026-1111-libc6 pkg:deb/dhi/libc6@2.36-9%2Bdeb12u7"}, report.Fail},
		{"the_database_knows_no_such_release", bill("alpine", "pkg:apk/dhi/jq@1.9-r3?distro=dhi-3.99", "jq", "1.9-r3"),
			osvRecord("DHI-CVE-2026-1111-jq", "Docker Hardened Images:Alpine:3.24", "jq", []string{"1"}), nil, report.Error},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newDocumentWorld(t)
			w.write("sbom.json", tt.bill.cyclonedx(func(string) bool { return true }))
			w.write("osv.json", tt.advisory)
			_, r, text := w.scan("sbom.json", "--advisories", w.path("osv.json"))
			if r == nil {
				t.Fatal(text)
			}
			var got []string
			for _, v := range r.Vulnerabilities {
				purl, _, _ := strings.Cut(v.Package.PURL, "?")
				got = append(got, v.ID+" "+purl)
			}
			slices.Sort(got)
			if !slices.Equal(got, tt.want) {
				t.Errorf("findings %q, want %q", got, tt.want)
			}
			if s := stageOf(r, report.StageVuln); (s.State == report.Done) == (tt.result == report.Error) || r.Verdict.Result != tt.result {
				t.Errorf("verdict %+v, vulnerabilities %s: %s", r.Verdict, s.State, s.Reason)
			}
			if !slices.ContainsFunc(r.Observations, func(x report.Observation) bool { return strings.Contains(x.Message, "base-sbom") }) {
				t.Errorf("warnings are %+v", r.Observations)
			}
		})
	}
}
