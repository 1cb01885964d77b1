package cli_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
	"github.com/imagegate/imagegate/internal/testkit/grypedb"
)

// gapRecords have each a finding in one package, and a record of a release for each type.
func gapRecords() []grypedb.Record {
	return []grypedb.Record{
		{ID: "CVE-2026-0001", Distro: "debian 12", Package: "coreutils", Severity: report.High},
		{ID: "CVE-2026-0002", Distro: "debian 12", Package: "node-traverse", Constraint: "< 1", Severity: report.High},
		{ID: "CVE-2026-0003", Distro: "alpine 3.18", Package: "musl", Constraint: "< 1", Severity: report.High},
		{ID: "GHSA-1111-1111-1111", Ecosystem: "npm", Package: "traverse", Constraint: "< 2.0.0", Severity: report.High},
		{ID: "GHSA-2222-2222-2222", Ecosystem: "npm", Package: "@babel/traverse", Constraint: "< 7.23.2", Severity: report.Critical},
		{ID: "GHSA-3333-3333-3333", Ecosystem: "npm", Package: "request", Severity: report.High},
		{ID: "GHSA-4444-4444-4444", Ecosystem: "npm", Package: "@octokit/request", Severity: report.High},
	}
}

// spdxPackage is an SPDX document of one package, as GitHub and others write them.
func spdxPackage(name, version, purl string) []byte {
	data, err := json.Marshal(map[string]any{
		"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "d", "documentNamespace": "https://example.invalid/d",
		"creationInfo": map[string]any{"created": "2026-04-01T00:00:00Z", "creators": []string{"Tool: other"}},
		"packages": []any{map[string]any{"SPDXID": "SPDXRef-p", "name": name, "versionInfo": version, "downloadLocation": "NOASSERTION",
			"externalRefs": []any{map[string]any{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}}}},
		"relationships": []any{map[string]any{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-p"}},
	})
	if err != nil {
		panic(err)
	}
	return data
}

// TestGapsInABill: what no source can judge is told, counted, and never a pass.
func TestGapsInABill(t *testing.T) {
	alpine, debian := map[string]string{"ID": "alpine", "VERSION_ID": "3.18"}, map[string]string{"ID": "debian", "VERSION_ID": "12"}
	musl := [3]string{"musl", "1.2.4-r2", "pkg:apk/alpine/musl@1.2.4-r2"}
	coreutils := [3]string{"coreutils", "9.1-1", "pkg:deb/debian/coreutils@9.1-1"}
	python := [3]string{"python", "3.13.1", "pkg:dhi/python@3.13.1"}
	for _, tt := range []struct {
		name     string
		bill     []byte
		code     fault.Code
		verdict  report.Result
		unjudged int
		says     string
		findings string
	}{
		{"dpkg_under_alpine", billOf(alpine, coreutils), fault.Unavailable, report.Error, 1, "nothing of type deb", ""},
		{"dpkg_beside_apk_under_alpine", billOf(alpine, coreutils, musl), fault.Unavailable, report.Error, 1, "nothing of type deb", ""},
		{"apk_under_debian", billOf(debian, musl), fault.Unavailable, report.Error, 1, "nothing of type apk", ""},
		{"rpm_under_what_is_like_debian", billOf(map[string]string{"ID": "mint", "ID_LIKE": "debian", "VERSION_ID": "12"}, [3]string{"bash", "5-1", "pkg:rpm/bash@5-1"}),
			fault.Unavailable, report.Error, 1, "nothing of type rpm", ""},
		{"dpkg_under_debian", billOf(debian, coreutils), fault.Policy, report.Fail, 0, "CVE-2026-0001", "CVE-2026-0001 coreutils"},
		{"a_package_without_a_record", billOf(debian, [3]string{"hello", "1", "pkg:deb/debian/hello@1"}), fault.OK, report.Pass, 0, "", ""},
		{"a_component_of_dockers", billOf(alpine, python, musl), fault.OK, report.Warn, 1, "python 3.13.1 (pkg:dhi/python@3.13.1)", ""},
		{"a_component_of_dockers_alone", billOf(alpine, python), fault.Unavailable, report.Error, 1, "no packages that the database could speak of", ""},
		{"two_kinds_at_once", billOf(debian, [3]string{"a", "1", "pkg:deb/debian/a@1?distro=debian-12"}, [3]string{"b", "1", "pkg:deb/debian/b@1?distro=debian-99"}),
			fault.OK, report.Pass, 0, "", ""}, // the release of the whole document is known
		{"short_name", spdxPackage("traverse", "7.0.0", "pkg:npm/%40babel/traverse@7.0.0"), fault.Policy, report.Fail, 0, "", "GHSA-2222-2222-2222 @babel/traverse"},
		{"githubs_name", spdxPackage("npm:@babel/traverse", "7.0.0", "pkg:npm/%40babel/traverse@7.0.0"), fault.Policy, report.Fail, 0, "", "GHSA-2222-2222-2222 @babel/traverse"},
		{"name_of_another_package", spdxPackage("request", "2.30.0", "pkg:npm/%40octokit/request@2.30.0"), fault.Policy, report.Fail, 0, "", "GHSA-4444-4444-4444 @octokit/request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newDocumentWorld(t)
			w.withRecords(gapRecords()...)
			w.write("sbom.json", tt.bill)
			code, r, text := w.scan("sbom.json", "--fail-on-severity", "low")
			must(t, code, r, text, tt.code, tt.verdict)
			if r.SBOM.Unjudged != tt.unjudged {
				t.Errorf("%d packages were not judged, want %d", r.SBOM.Unjudged, tt.unjudged)
			}
			if told := fmt.Sprint(r.Verdict.Reasons); !strings.Contains(told, tt.says) {
				t.Errorf("reasons %s do not say %q", told, tt.says)
			}
			if (tt.unjudged > 0) != strings.Contains(text, "Not judged") {
				t.Errorf("%d packages were not judged, and the text is\n%s", tt.unjudged, text)
			}
			var got []string
			for _, v := range r.Vulnerabilities {
				got = append(got, v.ID+" "+v.Package.Name)
			}
			if strings.Join(got, ", ") != tt.findings {
				t.Errorf("findings %q, want %q", got, tt.findings)
			}
		})
	}
}

// TestDockersNameHidesNoGap: a package that only its name shows to be Docker's is not judged
// by advisories that do not know it, and a release that the database does not know is a gap.
func TestDockersNameHidesNoGap(t *testing.T) {
	w := newDocumentWorld(t)
	w.withRecords(gapRecords()...)
	const hardened = "Docker Hardened Images:Alpine:3.24"
	w.write("another.json", osvRecord("DHI-CVE-2016-2781-coreutils", hardened, "coreutils", []string{"9.11-r0"}))
	w.write("named.json", osvRecord("DHI-CVE-2026-1-jq", hardened, "jq", []string{"1.0-r0"}))
	release := func(id string) map[string]string {
		return map[string]string{"ID": id, "ID_LIKE": "alpine", "VERSION_ID": "3.24"}
	}
	jq := func(space string) [3]string {
		return [3]string{"jq", "1.8.1-r0", "pkg:apk/" + space + "/jq@1.8.1-r0?arch=x86_64&distro=" + space + "-3.24"}
	}
	for _, tt := range []struct {
		name, advisories string
		bill             []byte
		base             bool
		code             fault.Code
		verdict          report.Result
		unjudged         int
	}{
		{"alpines", "another.json", billOf(release("alpine"), jq("alpine")), false, fault.Unavailable, report.Error, 1},
		{"dockers_by_name", "another.json", billOf(release("dhi"), jq("dhi")), false, fault.Unavailable, report.Error, 1},
		{"named_by_the_advisories", "named.json", billOf(release("dhi"), jq("dhi")), false, fault.OK, report.Warn, 0},
		{"dockers_by_its_bill", "another.json", billOf(release("dhi"), jq("dhi")), true, fault.OK, report.Pass, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			w.write("sbom.json", tt.bill)
			args := []string{"--advisories", w.path(tt.advisories)}
			if tt.base {
				args = append(args, "--base-sbom", w.path("sbom.json"))
			}
			code, r, text := w.scan("sbom.json", args...)
			must(t, code, r, text, tt.code, tt.verdict)
			if r.SBOM.Unjudged != tt.unjudged {
				t.Errorf("%d packages were not judged, want %d", r.SBOM.Unjudged, tt.unjudged)
			}
		})
	}
}

// TestGapsOfAnImage: os-release may say anything, and any package may claim any file.
func TestGapsOfAnImage(t *testing.T) {
	const (
		debian = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n"
		alpine = "ID=alpine\nVERSION_ID=3.18.9\n"
		where  = "/usr/share/nodejs/traverse/package.json"
	)
	status := func(name, version string) string {
		return "Package: " + name + "\nStatus: install ok installed\nArchitecture: all\nVersion: " + version + "\nMaintainer: x\nDescription: x\n\n"
	}
	coreutils := status("coreutils", "9.1-1")
	for _, tt := range []struct {
		name, release, dpkg, owner string
		nested                     bool
		code                       fault.Code
		verdict                    report.Result
		unjudged                   int
		findings                   string
	}{
		{"dpkg_under_alpine", alpine, coreutils, "", false, fault.Unavailable, report.Error, 1, ""},
		{"dpkg_under_debian", debian, coreutils, "", false, fault.Policy, report.Fail, 0, "CVE-2026-0001"},
		{"another_system_inside_alpine", alpine, coreutils, "", true, fault.OK, report.Warn, 1, ""},
		{"library_of_an_owner_that_nobody_knows", debian, status("myapp", "1.3.0-1"), "myapp", false, fault.Policy, report.Fail, 0, "GHSA-1111-1111-1111"},
		{"library_of_a_known_owner_of_another_version", debian, status("node-traverse", "1-1"), "node-traverse", false, fault.Policy, report.Fail, 0, "GHSA-1111-1111-1111"},
		{"library_of_its_package", debian, status("node-traverse", "1.3.0+dfsg-1"), "node-traverse", false, fault.OK, report.Pass, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			w.withRecords(gapRecords()...)
			root := ""
			files := []testkit.File{{Path: "etc/os-release", Content: []byte(tt.release)}}
			if tt.nested {
				root = "srv/root/"
				files = append(files, testkit.File{Path: "lib/apk/db/installed", Content: []byte("P:musl\nV:1.2.4-r2\nA:x86_64\no:musl\n\n")})
			}
			files = append(files, testkit.File{Path: root + "var/lib/dpkg/status", Content: []byte(tt.dpkg)})
			if tt.owner != "" {
				files = append(files,
					testkit.File{Path: "var/lib/dpkg/info/" + tt.owner + ".md5sums", Content: []byte("d41d8cd98f00b204e9800998ecf8427e  " + where[1:] + "\n")},
					testkit.File{Path: where[1:], Content: []byte(`{"name":"traverse","version":"1.3.0"}`)})
			}
			img := testkit.Image{Name: "team/app", Tags: []string{"1.0"}, Key: w.key, Platforms: []testkit.Platform{{
				Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Layers: []testkit.Layer{{Files: files}},
				Config: v1.ConfigFile{Created: v1.Time{Time: built}, Config: v1.Config{User: "65532"}},
			}}}
			ref, _ := w.pushTo("team/app", img)
			code, r, text := w.verify(ref+":1.0", "--fail-on-severity", "low", "--require", "none")
			must(t, code, r, text, tt.code, tt.verdict)
			if r.SBOM.Unjudged != tt.unjudged {
				t.Errorf("%d packages were not judged, want %d", r.SBOM.Unjudged, tt.unjudged)
			}
			var got []string
			for _, v := range r.Vulnerabilities {
				got = append(got, v.ID)
			}
			if strings.Join(got, ", ") != tt.findings {
				t.Errorf("findings %q, want %q", got, tt.findings)
			}
		})
	}
}

// TestUnjudgedIsAnOutput of the step.
func TestUnjudgedIsAnOutput(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	w.withRecords(gapRecords()...)
	w.write("sbom.json", billOf(map[string]string{"ID": "alpine", "VERSION_ID": "3.18"},
		[3]string{"python", "3.13.1", "pkg:dhi/python@3.13.1"}, [3]string{"musl", "1.2.4-r2", "pkg:apk/alpine/musl@1.2.4-r2"}))
	runner, inputs := w.runner(), w.inputs("sbom:"+w.path("sbom.json"))
	inputs["require"] = "none"
	code, log := w.step(runner, inputs)
	must(t, code, w.report(), log, fault.OK, report.Warn)
	if got := output(t, runner, "unjudged"); got != "1" {
		t.Errorf("output unjudged = %q, want 1", got)
	}
	if got := output(t, runner, "verdict"); got != "warn" {
		t.Errorf("output verdict = %q, want warn", got)
	}
}
