package advisory

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
)

// osv writes a record about one package. ranges is the JSON of the list of ranges.
func osv(id, ecosystem, name, ranges, versions string, more ...string) File {
	return File{Name: id + ".json", Data: fmt.Appendf(nil,
		`{"schema_version":"1.6.0","id":%q,"modified":"2026-06-30T00:00:00Z","affected":[{"package":{"ecosystem":%q,"name":%q},"ranges":%s,"versions":%s}]%s}`,
		id, ecosystem, name, ranges, versions, strings.Join(more, ""))}
}

func feed(t *testing.T, files ...File) *Feed {
	t.Helper()
	f, err := Read([]Source{{Name: "test", Files: files}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func events(kind string, list ...string) string {
	parts := make([]string, 0, len(list))
	for _, e := range list {
		what, v, _ := strings.Cut(e, "=")
		parts = append(parts, fmt.Sprintf("{%q:%q}", what, v))
	}
	return fmt.Sprintf(`[{"type":%q,"events":[%s]}]`, kind, strings.Join(parts, ","))
}

var (
	alpineImage = &report.Distro{ID: "dhi", Version: "3.23", IDLike: []string{"alpine"}}
	debianImage = &report.Distro{ID: "dhi", Version: "13", IDLike: []string{"debian"}}
)

func TestMatch(t *testing.T) {
	const a323, a324, d13 = "Docker Hardened Images:Alpine:3.23", "Docker Hardened Images:Alpine:3.24", "Docker Hardened Images:Debian:13"
	const eco = "ECOSYSTEM"
	for _, tt := range []struct {
		name string
		feed File
		purl string
		// distro is what os-release says.
		distro *report.Distro
		want   bool
		fix    string
	}{
		{"listed_version", osv("X", a323, "jq", "[]", `["1.7-r0"]`), "pkg:apk/dhi/jq@1.7-r0?arch=x86_64&distro=dhi-3.23", alpineImage, true, ""},
		{"next_revision_of_a_listed_version", osv("X", a323, "jq", "[]", `["1.7-r0"]`), "pkg:apk/dhi/jq@1.7-r1?distro=dhi-3.23", alpineImage, false, ""},
		{"apk_order_before_the_fix", osv("X", a323, "jq", events(eco, "introduced=0", "fixed=9.11-r1"), "[]"), "pkg:apk/dhi/jq@9.11-r0?distro=dhi-3.23", alpineImage, true, "9.11-r1"},
		{"apk_order_is_by_number", osv("X", a323, "jq", events(eco, "introduced=0", "fixed=1.10-r0"), "[]"), "pkg:apk/dhi/jq@1.9-r5?distro=dhi-3.23", alpineImage, true, "1.10-r0"},
		{"apk_at_the_fix", osv("X", a323, "jq", events(eco, "introduced=0", "fixed=9.11-r1"), "[]"), "pkg:apk/dhi/jq@9.11-r1?distro=dhi-3.23", alpineImage, false, ""},
		{"apk_patch_level_is_after_the_release", osv("X", a323, "jq", events(eco, "introduced=0", "fixed=1.2-r0"), "[]"), "pkg:apk/dhi/jq@1.2_p1-r0?distro=dhi-3.23", alpineImage, false, ""},
		{"apk_candidate_is_before_the_release", osv("X", a323, "jq", events(eco, "introduced=0", "fixed=1.2-r0"), "[]"), "pkg:apk/dhi/jq@1.2_rc1-r0?distro=dhi-3.23", alpineImage, true, "1.2-r0"},
		{"dpkg_order_without_suffix", osv("X", d13, "coreutils", events(eco, "introduced=0", "fixed=9.7-3+dhi1"), "[]"), "pkg:deb/dhi/coreutils@9.7-3?distro=dhi-13", debianImage, true, "9.7-3+dhi1"},
		{"dpkg_order_of_dhi_builds", osv("X", d13, "coreutils", events(eco, "introduced=0", "fixed=9.7-3+dhi3"), "[]"), "pkg:deb/dhi/coreutils@9.7-3%2Bdhi1?distro=dhi-13", debianImage, true, "9.7-3+dhi3"},
		{"dpkg_order_at_the_fix", osv("X", d13, "coreutils", events(eco, "introduced=0", "fixed=9.7-3+dhi3"), "[]"), "pkg:deb/dhi/coreutils@9.7-3%2Bdhi3?distro=dhi-13", debianImage, false, ""},
		{"dpkg_build_ten_is_after_nine", osv("X", d13, "coreutils", events(eco, "introduced=0", "fixed=9.7-3+dhi10"), "[]"), "pkg:deb/dhi/coreutils@9.7-3%2Bdhi9?distro=dhi-13", debianImage, true, "9.7-3+dhi10"},
		{"dpkg_tilde_is_before", osv("X", d13, "coreutils", events(eco, "introduced=0", "fixed=1.0-1"), "[]"), "pkg:deb/dhi/coreutils@1.0~rc1-1?distro=dhi-13", debianImage, true, "1.0-1"},
		{"dpkg_epoch_outranks", osv("X", d13, "coreutils", events(eco, "introduced=0", "fixed=1:0.9-1"), "[]"), "pkg:deb/dhi/coreutils@2.0-1?distro=dhi-13", debianImage, true, "1:0.9-1"},
		{"last_affected", osv("X", d13, "coreutils", events(eco, "introduced=0", "last_affected=2.0-1"), "[]"), "pkg:deb/dhi/coreutils@2.0-1?distro=dhi-13", debianImage, true, ""},
		{"after_last_affected", osv("X", d13, "coreutils", events(eco, "introduced=0", "last_affected=2.0-1"), "[]"), "pkg:deb/dhi/coreutils@2.0-1%2Bdhi1?distro=dhi-13", debianImage, false, ""},
		{"second_stretch", osv("X", "DHI", "aspnetcore", events("SEMVER", "introduced=2.1.2", "fixed=2.1.30", "introduced=3.1.7", "fixed=3.1.18"), "[]"), "pkg:dhi/aspnetcore@3.1.9", nil, true, "3.1.18"},
		{"between_stretches", osv("X", "DHI", "aspnetcore", events("SEMVER", "introduced=2.1.2", "fixed=2.1.30", "introduced=3.1.7", "fixed=3.1.18"), "[]"), "pkg:dhi/aspnetcore@2.1.30", nil, false, ""},
		{"events_out_of_order", osv("X", "DHI", "aspnetcore", events("SEMVER", "fixed=3.1.18", "introduced=3.1.7", "fixed=2.1.30", "introduced=2.1.2"), "[]"), "pkg:dhi/aspnetcore@2.1.30", nil, false, ""},
		{"build_metadata_before_the_fix", osv("X", "DHI", "clickhouse-keeper", events("SEMVER", "introduced=0", "fixed=23.7.6+111"), "[]"), "pkg:dhi/clickhouse-keeper@23.7.6%2B99", nil, true, "23.7.6+111"},
		{"build_metadata_at_the_fix", osv("X", "DHI", "clickhouse-keeper", events("SEMVER", "introduced=0", "fixed=23.7.6+111"), "[]"), "pkg:dhi/clickhouse-keeper@23.7.6%2B111", nil, false, ""},
		{"no_build_metadata_is_before_some", osv("X", "DHI", "clickhouse-keeper", events("SEMVER", "introduced=0", "fixed=23.7.6+111"), "[]"), "pkg:dhi/clickhouse-keeper@23.7.6", nil, true, "23.7.6+111"},
		{"other_release_of_the_same_package", osv("X", a324, "jq", events(eco, "introduced=0"), `["1.7-r0"]`), "pkg:apk/dhi/jq@1.7-r0?distro=dhi-3.23", alpineImage, false, ""},
		{"release_in_the_feeds_spelling", osv("X", a323, "jq", "[]", `["1.7-r0"]`), "pkg:apk/dhi/jq@1.7-r0?os_distro=alpine&os_name=dhi&os_version=3.23", nil, true, ""},
		{"release_with_a_patch_level", osv("X", a323, "jq", "[]", `["1.7-r0"]`), "pkg:apk/dhi/jq@1.7-r0?distro=dhi-3.23.4", alpineImage, true, ""},
		{"release_of_os_release", osv("X", a323, "jq", "[]", `["1.7-r0"]`), "pkg:apk/dhi/jq@1.7-r0", alpineImage, true, ""},
		{"apk_is_never_debian", osv("X", "Docker Hardened Images:Debian:3", "jq", events(eco, "introduced=0"), `["1.7-r0"]`), "pkg:apk/dhi/jq@1.7-r0?distro=dhi-3.23", alpineImage, false, ""},
		{"ecosystem_in_other_letters", osv("X", "docker hardened images:alpine:3.23", "jq", "[]", `["1.7-r0"]`), "pkg:apk/dhi/jq@1.7-r0?distro=dhi-3.23", alpineImage, false, ""},
		{"name_in_other_letters", osv("X", a323, "JQ", "[]", `["1.7-r0"]`), "pkg:apk/dhi/jq@1.7-r0?distro=dhi-3.23", alpineImage, true, ""},
		{"component_in_other_letters", osv("X", "DHI", "python", "[]", `["3.13.1"]`), "pkg:dhi/Python@3.13.1", nil, true, ""},
		{"component_of_a_record_in_other_letters", osv("X", "DHI", "docker/Python", "[]", `["3.13.1"]`), "pkg:dhi/Docker/python@3.13.1", nil, true, ""},
		{"component_and_distribution_do_not_mix", osv("X", "DHI", "jq", events("SEMVER", "introduced=0"), "[]"), "pkg:apk/dhi/jq@1.7-r0?distro=dhi-3.23", alpineImage, false, ""},
		{"below_a_limit", osv("X", "DHI", "jq", events("SEMVER", "introduced=1.0.0", "limit=2.0.0"), "[]"), "pkg:dhi/jq@1.9.0", nil, true, ""},
		{"at_a_limit", osv("X", "DHI", "jq", events("SEMVER", "introduced=1.0.0", "limit=2.0.0"), "[]"), "pkg:dhi/jq@2.0.0", nil, false, ""},
		{"epoch_as_a_qualifier", osv("X", d13, "coreutils", events(eco, "introduced=0", "fixed=1:2.0-1"), "[]"), "pkg:deb/dhi/coreutils@3.0-1?distro=dhi-13&epoch=1", debianImage, false, ""},
		{"withdrawn", osv("X", "DHI", "jq", events("SEMVER", "introduced=0"), "[]", `,"withdrawn":"2026-07-01T00:00:00Z"`), "pkg:dhi/jq@1.9.0", nil, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := feed(t, tt.feed).Match([]report.Package{packageOf(t, tt.purl)}, tt.distro)
			if found := len(got.Vulnerabilities) == 1; found != tt.want || len(got.Vulnerabilities) > 1 {
				t.Fatalf("found %v, want %v (%v)", found, tt.want, got.Problems)
			}
			if got.Undecided != 0 || len(got.Problems) != 0 {
				t.Errorf("problems: %v", got.Problems)
			}
			if tt.want {
				v := got.Vulnerabilities[0]
				if fix := strings.Join(v.Fix.Versions, ","); fix != tt.fix || (fix != "") != (v.Fix.State == report.FixFixed) {
					t.Errorf("fix %+v, want %q", v.Fix, tt.fix)
				}
				if v.Match != MatchedBy || v.Decision.Status != report.Open {
					t.Errorf("finding is %+v", v)
				}
			}
		})
	}
}

// packageOf is a package as Syft lists it, made of its package URL.
func packageOf(t *testing.T, purl string) report.Package {
	t.Helper()
	name, version, _ := strings.Cut(purl[strings.LastIndexByte(purl, '/')+1:], "@")
	version, _, _ = strings.Cut(version, "?")
	return report.Package{Name: name, Version: strings.ReplaceAll(version, "%2B", "+"), PURL: purl}
}

// TestVersionOfThePackageURL: what stands beside the package URL in a bill may be written in
// any way.
func TestVersionOfThePackageURL(t *testing.T) {
	f := feed(t, osv("X", "DHI", "jq", "[]", `["1.0+110"]`))
	for _, text := range []string{"1.0+110", "1.0%2B110", "v1", "unknown", ""} {
		if got := f.Match([]report.Package{{Name: "jq", Version: text, PURL: "pkg:dhi/jq@1.0%2B110"}}, nil); len(got.Vulnerabilities) != 1 {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestUndecidedIsToldAndNotClean(t *testing.T) {
	const a323, d13 = "Docker Hardened Images:Alpine:3.23", "Docker Hardened Images:Debian:13"
	for _, tt := range []struct {
		name string
		feed File
		pkg  report.Package
		want string
	}{
		{"semver_range_for_a_distribution", osv("X", a323, "jq", events("SEMVER", "introduced=0"), "[]"),
			report.Package{Name: "jq", Version: "1.7-r0", PURL: "pkg:apk/dhi/jq@1.7-r0?distro=dhi-3.23"}, "SEMVER"},
		{"installed_version_is_none", osv("X", a323, "jq", events("ECOSYSTEM", "introduced=1-r0"), "[]"),
			report.Package{Name: "jq", Version: "latest!", PURL: "pkg:apk/dhi/jq@latest%21?distro=dhi-3.23"}, "latest!"},
		{"installed_version_is_none_from_the_beginning", osv("X", a323, "jq", events("ECOSYSTEM", "introduced=0"), "[]"),
			report.Package{Name: "jq", Version: "latest!", PURL: "pkg:apk/dhi/jq@latest%21?distro=dhi-3.23"}, "latest!"},
		{"installed_version_is_none_of_dpkg", osv("X", d13, "jq", events("ECOSYSTEM", "introduced=0", "fixed=1.8-1"), "[]"),
			report.Package{Name: "jq", Version: "latest!", PURL: "pkg:deb/dhi/jq@latest%21?distro=dhi-13"}, "latest!"},
		{"installed_version_is_none_of_semver", osv("X", "DHI", "jq", events("SEMVER", "introduced=1.0.0"), "[]"),
			report.Package{Name: "jq", Version: "latest!", PURL: "pkg:dhi/jq@latest%21"}, "latest!"},
		{"one_event_of_two_things", osv("X", "DHI", "jq", `[{"type":"SEMVER","events":[{"introduced":"0","fixed":"1.0.0"}]}]`, "[]"),
			report.Package{Name: "jq", Version: "0.5.0", PURL: "pkg:dhi/jq@0.5.0"}, "not one of introduced, fixed"},
		{"one_event_of_nothing", osv("X", "DHI", "jq", `[{"type":"SEMVER","events":[{"introduced":"0"},{}]}]`, "[]"),
			report.Package{Name: "jq", Version: "0.5.0", PURL: "pkg:dhi/jq@0.5.0"}, "not one of introduced, fixed"},
		{"fixed_version_is_none", osv("X", a323, "jq", events("ECOSYSTEM", "introduced=0", "fixed=?"), "[]"),
			report.Package{Name: "jq", Version: "1.7-r0", PURL: "pkg:apk/dhi/jq@1.7-r0?distro=dhi-3.23"}, "?"},
		{"range_without_a_beginning", osv("X", a323, "jq", events("ECOSYSTEM", "fixed=1-r0"), "[]"),
			report.Package{Name: "jq", Version: "1.7-r0", PURL: "pkg:apk/dhi/jq@1.7-r0?distro=dhi-3.23"}, "introduced"},
		{"number_too_long_to_count", osv("X", a323, "jq", events("ECOSYSTEM", "introduced=0", "fixed=99999999999999999999-r0"), "[]"),
			report.Package{Name: "jq", Version: "1.7-r0", PURL: "pkg:apk/dhi/jq@1.7-r0?distro=dhi-3.23"}, "9999"},
		{"deb_in_an_image_like_alpine", osv("X", "Docker Hardened Images:Debian:3", "jq", events("ECOSYSTEM", "introduced=0"), "[]"),
			report.Package{Name: "jq", Version: "1.7-1", PURL: "pkg:deb/dhi/jq@1.7-1?distro=dhi-3.23"}, "like alpine"},
		{"no_version", osv("X", "DHI", "jq", events("SEMVER", "introduced=0"), "[]"),
			report.Package{Name: "jq", PURL: "pkg:dhi/jq"}, "no version"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			distro := alpineImage
			if strings.Contains(tt.pkg.PURL, "dhi-13") {
				distro = debianImage
			}
			got := feed(t, tt.feed).Match([]report.Package{tt.pkg}, distro)
			if got.Undecided != 1 || len(got.Vulnerabilities) != 0 || !strings.Contains(strings.Join(got.Problems, "\n"), tt.want) {
				t.Errorf("got %d undecided, %d findings, problems %q; want one undecided that says %q", got.Undecided, len(got.Vulnerabilities), got.Problems, tt.want)
			}
		})
	}
}

// TestFixOfAPackageNamedTwice: a record names a package once for each source that it was made
// of, and a fix in any of them is one.
func TestFixOfAPackageNamedTwice(t *testing.T) {
	open, fixed := `{"introduced":"0"}`, `{"introduced":"0"},{"fixed":"2.0.0"}`
	listed := `"versions":["1.0.0"]`
	ranged := func(events string) string { return `"ranges":[{"type":"SEMVER","events":[` + events + `]}]` }
	for _, tt := range []struct {
		name          string
		first, second string
		state         string
		versions      string
	}{
		{"without_and_then_with", ranged(open), ranged(fixed), report.FixFixed, "2.0.0"},
		{"with_and_then_without", ranged(fixed), ranged(open), report.FixFixed, "2.0.0"},
		{"twice_without", ranged(open), ranged(open), report.FixNotFixed, ""},
		{"nothing_said_and_then_without", listed, ranged(open), report.FixNotFixed, ""},
		{"without_and_then_nothing_said", ranged(open), listed, report.FixNotFixed, ""},
		{"nothing_said_twice", listed, listed, report.FixUnknown, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := feed(t, File{Name: "r.json", Data: fmt.Appendf(nil, `{"id":"CVE-1","modified":"2026-01-01T00:00:00Z","affected":[
				{"package":{"ecosystem":"DHI","name":"jq"},%s},{"package":{"ecosystem":"DHI","name":"jq"},%s}]}`, tt.first, tt.second)})
			got := f.Match([]report.Package{packageOf(t, "pkg:dhi/jq@1.0.0")}, nil)
			if len(got.Vulnerabilities) != 1 {
				t.Fatalf("got %+v", got)
			}
			if fix := got.Vulnerabilities[0].Fix; fix.State != tt.state || strings.Join(fix.Versions, ",") != tt.versions {
				t.Errorf("fix %+v, want %s %q", fix, tt.state, tt.versions)
			}
		})
	}
}

// TestNamesAPackage: of its release, whatever its version.
func TestNamesAPackage(t *testing.T) {
	f := feed(t, osv("X", "Docker Hardened Images:Alpine:3.23", "jq", "[]", `["1.7-r0"]`))
	for purl, want := range map[string]bool{
		"pkg:apk/dhi/jq@1.7-r0?distro=dhi-3.23": true, "pkg:apk/dhi/jq@9-r0?distro=dhi-3.23": true,
		"pkg:apk/dhi/jq@1.7-r0?distro=dhi-3.24": false, "pkg:apk/dhi/yq@1.7-r0?distro=dhi-3.23": false, "pkg:dhi/jq@1.7": false, "jq": false,
	} {
		if got := f.Names(report.Package{Name: "jq", Version: "1", PURL: purl}, nil); got != want {
			t.Errorf("%s is named: %v, want %v", purl, got, want)
		}
	}
}

func TestNewestCopyOfARecordCounts(t *testing.T) {
	older := osv("X", "DHI", "jq", events("SEMVER", "introduced=0"), "[]")
	newer := File{Name: "newer.json", Data: bytes.Replace(
		osv("X", "DHI", "jq", events("SEMVER", "introduced=0", "fixed=1.8.0"), "[]").Data, []byte("2026-06-30"), []byte("2026-07-30"), 1)}
	withdrawn := File{Name: "withdrawn.json", Data: bytes.Replace(newer.Data, []byte(`"schema_version"`), []byte(`"withdrawn":"2026-07-30T00:00:00Z","schema_version"`), 1)}
	jq := []report.Package{packageOf(t, "pkg:dhi/jq@1.9.0")}
	for _, tt := range []struct {
		name  string
		files []File
		want  int
	}{
		{"older", []File{older}, 1},
		{"newer_beside_older", []File{newer, older}, 0},
		{"older_beside_newer", []File{older, newer}, 0},
		{"withdrawn_beside_older", []File{older, withdrawn}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := feed(t, tt.files...).Match(jq, nil); len(got.Vulnerabilities) != tt.want {
				t.Errorf("%d findings, want %d", len(got.Vulnerabilities), tt.want)
			}
		})
	}
}

func TestSeveralEntriesOfOneRecordAreOneFinding(t *testing.T) {
	r := File{Name: "r.json", Data: []byte(`{"id":"CVE-1","modified":"2026-01-01T00:00:00Z","aliases":["GHSA-1","cve-1"],"upstream":["GHSA-1"],"affected":[
		{"package":{"ecosystem":"DHI","name":"jq"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"2.0.0"}]}],"database_specific":{"severity":"LOW"}},
		{"package":{"ecosystem":"DHI","name":"jq"},"ranges":[{"type":"SEMVER","events":[{"introduced":"1.0.0"}]}],"database_specific":{"severity":"HIGH","other":[1]}}]}`)}
	got := feed(t, r).Match([]report.Package{packageOf(t, "pkg:dhi/jq@1.5.0"), packageOf(t, "pkg:dhi/jq@1.5.0")}, nil).Vulnerabilities
	if len(got) != 1 || got[0].Severity != report.High || !slices.Equal(got[0].Aliases, []string{"GHSA-1"}) || !slices.Equal(got[0].Fix.Versions, []string{"2.0.0"}) {
		t.Errorf("findings are %+v", got)
	}
}

func TestReadRefuses(t *testing.T) {
	good := osv("X", "DHI", "jq", "[]", "[]")
	for _, tt := range []struct{ name, data, want string }{
		{"git_lfs_pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS"},
		{"error_page", "<!DOCTYPE html><html>", "web page"},
		{"empty", "", "empty"},
		{"truncated", string(good.Data[:40]), "JSON"},
		{"two_documents", string(good.Data) + "{}", "more after"},
		{"no_time", `{"id":"X","affected":[]}`, "modified"},
		{"no_id", `{"modified":"2026-01-01T00:00:00Z","affected":[]}`, "id"},
		{"control_characters_in_the_id", "{\"id\":\"X\\u001b[0m\",\"modified\":\"2026-01-01T00:00:00Z\",\"affected\":[]}", "id"},
		{"nameless_package", `{"id":"X","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"DHI"}}]}`, "name"},
		{"wrong_type", `{"id":"X","modified":"2026-01-01T00:00:00Z","affected":{}}`, "OSV"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Read([]Source{{Name: "dir", Files: []File{good, {Name: "bad.json", Data: []byte(tt.data)}}}}, Options{})
			if err == nil || fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "bad.json") {
				t.Errorf("error %v, want one that names the file and says %q", err, tt.want)
			}
		})
	}
}

func TestReadNeedsARecord(t *testing.T) {
	vex := File{Name: "x.vex.json", Data: []byte(`{"@context":"https://openvex.dev/ns/v0.2.0","statements":[]}`)}
	if _, err := Read([]Source{{Name: "vex", Files: []File{vex}}}, Options{}); err == nil || !strings.Contains(err.Error(), "no OSV record") {
		t.Errorf("error is %v", err)
	}
	f, err := Read([]Source{{Name: "both", Files: []File{vex, osv("X", "DHI", "jq", "[]", "[]")}}}, Options{})
	if err != nil || f.Sources()[0].Other != 1 || f.Sources()[0].Records != 1 {
		t.Errorf("sources %+v, error %v", f.Sources(), err)
	}
}

func TestArchives(t *testing.T) {
	record := osv("X", "DHI", "jq", events("SEMVER", "introduced=0"), "[]")
	names := []string{"advisories-main/osv/jq/X.json", "advisories-main/osv/jq/X.json.sig", "advisories-main/README.md"}
	contents := [][]byte{record.Data, []byte("not read"), []byte("not read")}
	var tarball, zipped bytes.Buffer
	tw, zw := tar.NewWriter(&tarball), zip.NewWriter(&zipped)
	for i, name := range names {
		must(t, tw.WriteHeader(&tar.Header{Name: name, Size: int64(len(contents[i])), Mode: 0o644, Typeflag: tar.TypeReg}))
		_, err := tw.Write(contents[i])
		must(t, err)
		w, err := zw.Create(name)
		must(t, err)
		_, err = w.Write(contents[i])
		must(t, err)
	}
	must(t, tw.Close())
	must(t, zw.Close())
	var gz bytes.Buffer
	g := gzip.NewWriter(&gz)
	_, err := g.Write(tarball.Bytes())
	must(t, err)
	must(t, g.Close())
	for name, data := range map[string][]byte{"tar": tarball.Bytes(), "tar.gz": gz.Bytes(), "zip": zipped.Bytes()} {
		t.Run(name, func(t *testing.T) {
			f := feed(t, File{Name: "feed." + name, Data: data})
			if got := f.Match([]report.Package{packageOf(t, "pkg:dhi/jq@1.9.0")}, nil); len(got.Vulnerabilities) != 1 {
				t.Errorf("findings are %+v", got)
			}
			if _, err := Read([]Source{{Name: "s", Files: []File{{Name: "f", Data: data}}}}, Options{MaxFile: 10}); err == nil || !strings.Contains(err.Error(), "10 bytes") {
				t.Errorf("a file over the limit: %v", err)
			}
			if _, err := Read([]Source{{Name: "s", Files: []File{{Name: "f", Data: data[:len(data)/3]}}}}, Options{}); err == nil {
				t.Errorf("half an archive was read")
			}
		})
	}
}

// TestRecordsAboutImages: a record about images is about no package, and hides none.
func TestRecordsAboutImages(t *testing.T) {
	image := File{Name: "x.json", Data: []byte(`{"id":"X","modified":"2026-06-30T00:00:00Z","affected":[
		{"package":{"ecosystem":"Docker Hardened Images","name":"node","purl":"pkg:docker/dhi/node?os_name=debian&os_version=13"},"versions":["1"]}]}`)}
	f := feed(t, image, osv("Y", "Docker Hardened Images:Debian:13", "a", "[]", `["1"]`))
	if unread := f.Unread(); len(unread) > 0 {
		t.Errorf("not read: %q", unread)
	}
	for purl, want := range map[string]bool{"pkg:deb/dhi/b@1?distro=dhi-13": true, "pkg:deb/dhi/b@1?distro=dhi-12": false, "pkg:dhi/b@1": false} {
		if got := f.Covers(report.Package{PURL: purl, Name: "b", Version: "1"}, nil); got != want {
			t.Errorf("%s is covered: %v", purl, got)
		}
	}
}

// TestVerifyFor: what may decide about a package is verified before it does, in each call,
// and the rest is not looked at.
func TestVerifyFor(t *testing.T) {
	in := func(name, id, about string) File {
		f := osv(id, "DHI", about, "[]", `["1"]`)
		f.Name, f.Signature = name, []byte("sig")
		return f
	}
	f := feed(t, in("osv/a/1.json", "X1", "a"), in("osv/b/2.json", "X2", "b"), in("osv/b/3.json", "X3", "a"), in("osv/a/4.json", "X4", "c"),
		File{Name: "osv/z/5.json", Data: []byte("{}"), Signature: []byte("sig")})
	call := func(name string, bad string) ([]string, error) {
		var mu sync.Mutex
		var asked []string
		err := f.VerifyFor(t.Context(), []report.Package{{PURL: "pkg:dhi/" + name + "@1"}}, nil, func(_ context.Context, f File) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			if asked = append(asked, f.Name); f.Name == bad {
				return "", errors.New("bad")
			}
			return "somebody", nil
		})
		slices.Sort(asked)
		return asked, err
	}
	for _, tt := range []struct {
		name, bad string
		want      []string
	}{
		{"a", "osv/b/3.json", []string{"osv/a/1.json", "osv/a/4.json", "osv/b/3.json", "osv/z/5.json"}},
		{"a", "osv/b/3.json", []string{"osv/b/3.json"}},
		{"b", "", []string{"osv/b/2.json", "osv/b/3.json"}},
		{"b", "", nil},
	} {
		asked, err := call(tt.name, tt.bad)
		if !slices.Equal(asked, tt.want) || (err != nil) != (tt.bad != "") {
			t.Errorf("for %s verified %q, %v; want %q", tt.name, asked, err, tt.want)
		}
	}
	if s := f.Sources()[0]; s.Signed != 4 || s.Records != 4 {
		t.Errorf("%+v", s)
	}
}

// TestArchivesThatGitMade: git gives everything in an archive of a commit the time of the
// commit. A time without a commit dates nothing.
func TestArchivesThatGitMade(t *testing.T) {
	at := time.Date(2026, 4, 30, 12, 0, 0, 0, time.UTC)
	commit := strings.Repeat("ab", 20)
	record := osv("X", "DHI", "a", "[]", `["1"]`)
	tarball := func(commit string, at time.Time) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if commit != "" {
			must(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": commit}}))
		}
		must(t, w.WriteHeader(&tar.Header{Name: "repo/osv/x.json", Size: int64(len(record.Data)), Typeflag: tar.TypeReg, ModTime: at}))
		_, err := w.Write(record.Data)
		must(t, err)
		must(t, w.Close())
		return b.Bytes()
	}
	zipped := func() []byte {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		must(t, w.SetComment(commit))
		f, err := w.CreateHeader(&zip.FileHeader{Name: "repo/osv/x.json", Modified: at})
		must(t, err)
		_, err = f.Write(record.Data)
		must(t, err)
		must(t, w.Close())
		return b.Bytes()
	}
	for _, tt := range []struct {
		name string
		data []byte
		want time.Time
	}{
		{"tar", tarball(commit, at), at},
		{"zip", zipped(), at},
		{"tar_of_no_commit", tarball("", at), time.Time{}},
		{"tar_without_times", tarball(commit, time.Time{}), time.Time{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Read([]Source{{Name: "archive", Files: []File{{Name: "archive", Data: tt.data}}}}, Options{})
			must(t, err)
			if got := f.Sources()[0].Made; !got.Equal(tt.want) {
				t.Errorf("made %s, want %s", got, tt.want)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestEcosystemWithoutARelease: Docker's first records name family and release in the
// package URL alone. What is not understood is told.
func TestEcosystemWithoutARelease(t *testing.T) {
	record := func(purl string) File {
		return File{Name: "r.json", Data: fmt.Appendf(nil, `{"id":"X","modified":"2026-01-01T00:00:00Z","affected":[
			{"package":{"ecosystem":"Docker Hardened Images","name":"awscli","purl":%q},"ranges":%s}]}`, purl, events("ECOSYSTEM", "introduced=0"))}
	}
	awscli := []report.Package{packageOf(t, "pkg:deb/dhi/awscli@1.45.36?arch=arm64&distro=dhi-13")}
	for _, tt := range []struct {
		name, purl   string
		want, unread int
	}{
		{"of_the_release", "pkg:deb/dhi/awscli?os_distro=debian&os_name=dhi&os_version=13", 1, 0},
		{"in_syfts_spelling", "pkg:deb/dhi/awscli?distro=dhi-13", 1, 0},
		{"of_another_release", "pkg:deb/dhi/awscli?os_distro=debian&os_name=dhi&os_version=12", 0, 0},
		{"of_the_other_family", "pkg:apk/dhi/awscli?os_distro=alpine&os_name=dhi&os_version=13", 0, 0},
		{"of_no_release", "pkg:deb/dhi/awscli", 0, 1},
		{"of_the_distribution", "pkg:deb/debian/awscli?distro=debian-13", 0, 1},
		{"no_package_url", "", 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := feed(t, record(tt.purl))
			if got := f.Match(awscli, debianImage); len(got.Vulnerabilities) != tt.want || got.Undecided != 0 || len(f.Unread()) != tt.unread {
				t.Errorf("findings %+v, problems %q, not understood %q", got.Vulnerabilities, got.Problems, f.Unread())
			}
		})
	}
}

func TestUpstreamOf(t *testing.T) {
	for _, tt := range []struct {
		name, purl string
		distro     *report.Distro
		want       string
	}{
		{"alpine", "pkg:apk/dhi/jq@1.7-r0?arch=aarch64&distro=dhi-3.23&upstream=jq", alpineImage, "pkg:apk/alpine/jq@1.7-r0?arch=aarch64&distro=alpine-3.23&upstream=jq"},
		{"debian", "pkg:deb/dhi/jq@1.7-1%2Bdhi1?arch=arm64&distro=dhi-13", debianImage, "pkg:deb/debian/jq@1.7-1%2Bdhi1?arch=arm64&distro=debian-13"},
		{"release_of_os_release", "pkg:apk/dhi/jq@1.7-r0", alpineImage, "pkg:apk/alpine/jq@1.7-r0?distro=alpine-3.23"},
		{"no_release", "pkg:apk/dhi/jq@1.7-r0", nil, ""},
		{"not_docker's", "pkg:apk/alpine/jq@1.7-r0", alpineImage, ""},
		{"component", "pkg:dhi/jq@1.7", alpineImage, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			up, ok := UpstreamOf(report.Package{PURL: tt.purl}, tt.distro)
			if up.PURL != tt.want || ok != (tt.want != "") {
				t.Errorf("%q, want %q", up.PURL, tt.want)
			}
		})
	}
}

// TestPublishedFeed reads Docker's records: the feed of three components as published, read as one.
func TestPublishedFeed(t *testing.T) {
	const dir = "../../../../shared/data/dhi"
	var files []File
	for _, sub := range []string{"osv", "signed/osv"} {
		_ = filepath.WalkDir(filepath.Join(dir, sub), func(name string, d os.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(name, ".json") {
				data, err := os.ReadFile(name)
				must(t, err)
				files = append(files, File{Name: name, Data: data})
			}
			return nil
		})
	}
	if len(files) == 0 {
		t.Skip("the published advisories are not here")
	}
	f := feed(t, files...)
	if f.Records() != len(files) || len(f.Unread()) != 0 {
		t.Errorf("%d records of %d files, ecosystems that were not understood: %q", f.Records(), len(files), f.Unread())
	}
	for _, tt := range []struct {
		purl string
		want []string
	}{
		{"pkg:dhi/clickhouse-keeper@23.7.6%2B110", []string{"GHSA-8j36-9622-f5cj"}},
		{"pkg:dhi/clickhouse-keeper@23.7.6%2B111", nil},
		{"pkg:dhi/python@3.14.3", nil}, // no directory, no known vulnerability
	} {
		var ids []string
		got := f.Match([]report.Package{packageOf(t, tt.purl)}, nil)
		for _, v := range got.Vulnerabilities {
			ids = append(ids, v.ID)
		}
		if !slices.Equal(ids, tt.want) || got.Undecided != 0 {
			t.Errorf("%s: %v, want %v (%v)", tt.purl, ids, tt.want, got.Problems)
		}
	}
	for _, name := range []string{"redis", "keycloak", "aspnetcore"} {
		if got := f.Match([]report.Package{packageOf(t, "pkg:dhi/"+name+"@0.0.1")}, nil); got.Undecided != 0 {
			t.Errorf("%s: %v", name, got.Problems)
		}
	}
}
