package vex

import (
	"strings"
	"testing"

	govex "github.com/openvex/go-vex/pkg/vex"

	"github.com/imagegate/imagegate/internal/report"
)

const t1, t2, t3 = "2025-09-30T23:01:21.903Z", "2025-10-01T08:25:32.08Z", "2025-10-02T00:00:00Z"

// TestLines holds one product line against one installed package, in the image's own
// document: the rows on which the stock rules fail, and those around them.
func TestLines(t *testing.T) {
	const sqlite = "pkg:deb/debian/libsqlite3-0@3.46.1-7%2Bdeb13u1?arch=amd64&distro=debian-13&upstream=sqlite3"
	const libc6 = "pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13&upstream=glibc"
	const zlib = "pkg:deb/debian/zlib@1.3?arch=amd64&distro=debian-13"
	const crypto = "pkg:apk/alpine/libcrypto3@3.5.7-r1?arch=x86_64&distro=alpine-3.24.1&upstream=openssl"
	const bash = "pkg:rpm/redhat/bash@5.1.8-6.el9?arch=x86_64&distro=rhel-9.4&epoch=1&upstream=bash-5.1.8-6.el9.src.rpm"
	for _, tt := range []struct {
		name, line, installed string
		want                  bool
		why                   string
	}{
		{"source_name_with_plus_encoded", "pkg:deb/debian/sqlite3@3.46.1-7%2Bdeb13u1", sqlite, true, ""},
		{"source_name_with_plus_literal", "pkg:deb/debian/sqlite3@3.46.1-7+deb13u1", sqlite, true, ""},
		{"binary_name", "pkg:deb/debian/libsqlite3-0@3.46.1-7%2Bdeb13u1", sqlite, true, ""},
		{"neighbour_version", "pkg:deb/debian/sqlite3@3.46.1-7", sqlite, false, "statement covers sqlite3 3.46.1-7, installed 3.46.1-7+deb13u1"},
		{"os_qualifiers_for_source", "pkg:deb/debian/glibc@2.41-12?os_distro=trixie&os_name=debian&os_version=13", libc6, true, ""},
		{"os_qualifiers_of_bookworm", "pkg:deb/debian/glibc@2.41-12?os_distro=bookworm&os_name=debian&os_version=12", libc6, false, "statement is for debian 12, installed on debian 13"},
		{"os_qualifiers_that_disagree", "pkg:deb/debian/glibc@2.41-12?os_distro=bookworm&os_name=debian&os_version=13", libc6, false, "installed on debian 13"},
		{"unknown_codename", "pkg:deb/debian/glibc@2.41-12?os_distro=neverland&os_name=debian&os_version=13", libc6, false, "installed on debian 13"},
		{"same_name_with_os_qualifiers", "pkg:deb/debian/zlib@1.3?os_distro=trixie&os_name=debian&os_version=13", zlib, true, ""},
		{"same_name_plain", "pkg:deb/debian/zlib@1.3", zlib, true, ""},
		{"distro_with_point_release", "pkg:deb/debian/zlib@1.3?distro=debian-13.7", zlib, true, ""},
		{"distro_by_codename", "pkg:deb/debian/zlib@1.3?distro=trixie", zlib, true, ""},
		{"distro_by_other_codename", "pkg:deb/debian/zlib@1.3?distro=bookworm", zlib, false, "debian 12"},
		{"distro_ubuntu", "pkg:deb/debian/zlib@1.3?distro=ubuntu-24.04", zlib, false, "ubuntu 24.04"},
		{"arch_stated", "pkg:deb/debian/zlib@1.3?arch=x86_64", zlib, true, ""},
		{"arch_other", "pkg:deb/debian/zlib@1.3?arch=arm64", zlib, false, "statement is for arm64, installed for amd64"},
		{"arch_source", "pkg:deb/debian/zlib@1.3?arch=source", zlib, true, ""},
		{"other_namespace", "pkg:deb/ubuntu/zlib@1.3", zlib, false, "statement is about zlib"},
		{"unknown_qualifier", "pkg:deb/debian/zlib@1.3?vcs_url=git", zlib, false, "vcs_url=git"},
		{"subpath", "pkg:deb/debian/zlib@1.3#contrib", zlib, false, "contrib inside zlib only"},
		{"case_of_the_name", "pkg:deb/debian/ZLIB@1.3", zlib, true, ""},
		{"binary_from_alpine_source", "pkg:apk/alpine/openssl@3.5.7-r1", crypto, true, ""},
		{"alpine_with_os", "pkg:apk/alpine/openssl@3.5.7-r1?os_name=alpine&os_version=3.24", crypto, true, ""},
		{"alpine_neighbour_release", "pkg:apk/alpine/openssl@3.5.7-r1?os_name=alpine&os_version=3.23", crypto, false, "alpine 3.23"},
		{"alpine_neighbour_revision", "pkg:apk/alpine/openssl@3.5.7-r0?os_name=alpine&os_version=3.24", crypto, false, "covers openssl 3.5.7-r0, installed 3.5.7-r1"},
		{"docker_component", "pkg:dhi/python@3.14.3", "pkg:dhi/python@3.14.3?platform=linux%2Famd64", true, ""},
		{"docker_component_for_other_platform", "pkg:dhi/python@3.14.3?platform=linux%2Farm64", "pkg:dhi/python@3.14.3?platform=linux%2Famd64", false, "linux/arm64"},
		{"rpm_epoch_in_version", "pkg:rpm/redhat/bash@1:5.1.8-6.el9", bash, true, ""},
		{"rpm_epoch_as_qualifier", "pkg:rpm/redhat/bash@5.1.8-6.el9?epoch=1", bash, true, ""},
		{"rpm_without_its_epoch", "pkg:rpm/redhat/bash@5.1.8-6.el9", bash, false, "installed 1:5.1.8-6.el9"},
		{"deb_epoch_encoded", "pkg:deb/debian/git@1%3A2.39.5-0%2Bdeb12u2", "pkg:deb/debian/git@1:2.39.5-0%2Bdeb12u2?distro=debian-12", true, ""},
		{"deb_epoch_missing", "pkg:deb/debian/git@2.39.5-0%2Bdeb12u2", "pkg:deb/debian/git@1:2.39.5-0%2Bdeb12u2?distro=debian-12", false, "installed 1:2.39.5"},
		{"deb_epoch_zero", "pkg:deb/debian/zlib@0:1.3", zlib, true, ""},
		{"tilde_encoded", "pkg:deb/debian/a@1.0%7Erc1", "pkg:deb/debian/a@1.0~rc1?distro=debian-13", true, ""},
		{"source_version_of_its_own", "pkg:deb/debian/lvm2@2.03.31-2", "pkg:deb/debian/dmsetup@2:1.02.205-2?distro=debian-13&upstream=lvm2%402.03.31-2", true, ""},
		{"binary_version_under_source_name", "pkg:deb/debian/lvm2@2:1.02.205-2", "pkg:deb/debian/dmsetup@2:1.02.205-2?distro=debian-13&upstream=lvm2%402.03.31-2", false, "covers lvm2 2:1.02.205-2, installed 2.03.31-2"},
		{"go_module_without_v", "pkg:golang/github.com/a/b@1.2.3", "pkg:golang/github.com/A/b@v1.2.3", true, ""},
		{"go_standard_library", "pkg:golang/stdlib@1.22.1", "pkg:golang/stdlib@go1.22.1", true, ""},
		{"npm_scope_encoded", "pkg:npm/%40angular/core@1.0.0", "pkg:npm/@angular/core@1.0.0", true, ""},
		{"pypi_spelling", "pkg:pypi/Ruamel.Yaml@0.18", "pkg:pypi/ruamel-yaml@0.18", true, ""},
		{"maven_default_type", "pkg:maven/g/a@1?type=jar", "pkg:maven/g/a@1", true, ""},
		{"maven_other_type", "pkg:maven/g/a@1?type=war", "pkg:maven/g/a@1", false, "type=war"},
		{"dhi_apk", "pkg:apk/dhi/python-3.14@3.14.5-r7?os_distro=alpine&os_name=dhi&os_version=3.23", "pkg:apk/dhi/python-3.14@3.14.5-r7?arch=x86_64&distro=dhi-3.23", true, ""},
		{"dhi_apk_neighbour_release", "pkg:apk/dhi/python-3.14@3.14.5-r7?os_distro=alpine&os_name=dhi&os_version=3.24", "pkg:apk/dhi/python-3.14@3.14.5-r7?arch=x86_64&distro=dhi-3.23", false, "dhi 3.24"},
		{"dhi_deb", "pkg:deb/dhi/coreutils@9.7-3%2Bdhi3?os_distro=debian&os_name=dhi&os_version=13", "pkg:deb/dhi/coreutils@9.7-3%2Bdhi3?arch=amd64&distro=dhi-13", true, ""},
		{"dhi_deb_misspelt", "pkg:deb/dhi/coreutils@9.7-3dhi1?os_distro=debian&os_name=dhi&os_version=13", "pkg:deb/dhi/coreutils@9.7-3%2Bdhi1?arch=amd64&distro=dhi-13", false, "9.7-3dhi1"},
		{"dhi_deb_line_like_alpine", "pkg:deb/dhi/coreutils@9.7-3?os_distro=alpine&os_name=dhi&os_version=13", "pkg:deb/dhi/coreutils@9.7-3?arch=amd64&distro=dhi-13", false, "like alpine"},
		{"build_suffix_counts", "pkg:deb/dhi/coreutils@9.7-3%2Bdhi1", "pkg:deb/dhi/coreutils@9.7-3%2Bdhi3?distro=dhi-13", false, "covers 9.7-3+dhi1, installed 9.7-3+dhi3"},
		{"build_suffix_is_no_metadata", "pkg:deb/dhi/coreutils@9.7-3", "pkg:deb/dhi/coreutils@9.7-3%2Bdhi3?distro=dhi-13", false, "covers 9.7-3, installed 9.7-3+dhi3"},
		{"no_version_alone", "pkg:deb/debian/libsqlite3-0", sqlite, true, ""},
		{"not_a_package_url", "libsqlite3-0", sqlite, false, "not about this image"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := find("CVE-2025-0001", tt.installed)
			d := decide(t, f, Image{Digest: ownDigest, Repository: "dhi.io/python", Platform: "linux/amd64"}, Options{},
				own(t, stmt("CVE-2025-0001", "not_affected", t1, tt.line)))
			if got := d.Status == report.Suppressed; got != tt.want {
				t.Errorf("suppressed = %t, want %t: %s", got, tt.want, d.Reason)
			}
			if tt.want && (d.Statement == nil || d.Statement.Product != tt.line || d.Statement.Matched == "") {
				t.Errorf("statement = %+v, want the line that matched and how", d.Statement)
			}
			if !tt.want && (d.NearMiss == nil || !strings.Contains(d.NearMiss.Reason, tt.why)) {
				t.Errorf("near miss = %+v, want the reason %q", d.NearMiss, tt.why)
			}
		})
	}
}

// TestOtherFormatThanTheDistribution is a deb package in an image that is like Alpine:
// nothing said of the Debian builds is about it.
func TestOtherFormatThanTheDistribution(t *testing.T) {
	image := Image{Digest: ownDigest, Distro: &report.Distro{ID: "dhi", Version: "3.23", IDLike: []string{"alpine"}}}
	line := "pkg:deb/dhi/coreutils@9.7-3?os_distro=debian&os_name=dhi&os_version=13"
	d := decide(t, find("CVE-2025-0001", "pkg:deb/dhi/coreutils@9.7-3?arch=amd64&distro=dhi-3.23"), image, Options{},
		own(t, stmt("CVE-2025-0001", "not_affected", t1, line)))
	if d.Status != report.Open || !strings.Contains(d.Reason, "installed on dhi 3.23 (like alpine)") {
		t.Errorf("decision = %s, %q", d.Status, d.Reason)
	}
}

// TestAppliedDocumentIsReadBack reads the form in which applied statements are handed
// on: the image by digest with the package as its subcomponent. We and the stock rules
// have to find it again, by hash where the identifiers of other tools lack a qualifier.
func TestAppliedDocumentIsReadBack(t *testing.T) {
	hex := strings.TrimPrefix(ownDigest, "sha256:")
	s := inside(vuln, "not_affected", t1, "pkg:oci/python@sha256%3A"+hex+"?arch=amd64&repository_url=dhi.io%2Fpython", libc().Package.PURL)
	s.Products[0].Hashes = map[string]string{"sha-256": hex}
	data := openVEX(t, s)
	if d := decide(t, libc(), testImage(), Options{}, must(t)(FromFile("applied", data))); d.Status != report.Suppressed || d.Statement.OverBroad {
		t.Errorf("decision = %s, %q", d.Status, d.Reason)
	}
	doc, err := govex.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if got := doc.Matches(vuln, hex, []string{libc().Package.PURL}); len(got) != 1 {
		t.Errorf("go-vex finds %d statements by hash, want 1", len(got))
	}
	if got := doc.Matches(vuln, "pkg:oci/python@"+ownDigest+"?arch=amd64&repository_url=dhi.io/python", []string{libc().Package.PURL}); len(got) != 1 {
		t.Errorf("go-vex finds %d statements by package URL, want 1", len(got))
	}
}

// TestVendorJudged shows that the vendor's word against the vendor's word suppresses
// nothing.
func TestVendorJudged(t *testing.T) {
	f := find("CVE-2025-0001", "pkg:apk/dhi/a@1-r0?distro=dhi-3.23")
	f.Severity = report.Critical
	opt := Options{VendorJudged: func(v report.Vulnerability) bool { return strings.HasPrefix(v.Package.PURL, "pkg:apk/dhi/") }}
	for _, status := range []string{"not_affected", "fixed"} {
		res, err := Decide([]report.Vulnerability{f}, []Document{own(t, stmt("CVE-2025-0001", status, t1, "pkg:apk/dhi/a@1-r0"))}, testImage(), opt)
		if err != nil {
			t.Fatal(err)
		}
		d := res.Vulnerabilities[0].Decision
		if d.Status != report.Open || !strings.Contains(d.Reason, "feed contradicts itself") || len(res.Observations) != 1 || res.Observations[0].Kind != report.LeftOut || res.Hygiene.Contradictory != 1 || res.Hygiene.CriticalWithoutStatement != 0 {
			t.Errorf("%s: %s, %q, observations %+v", status, d.Status, d.Reason, res.Observations)
		}
	}
	if d := decide(t, f, testImage(), opt, own(t, stmt("CVE-2025-0001", "affected", t1, "pkg:apk/dhi/a@1-r0"))); !strings.HasPrefix(d.Reason, "affected") {
		t.Errorf("affected: %q", d.Reason)
	}
	list, _, err := Explain(f, []Document{own(t, stmt(f.ID, clears, t1, "pkg:apk/dhi/a@1-r0"))}, testImage(), opt)
	if err != nil || len(list) != 1 || list[0].Decides || !strings.Contains(list[0].Reason, "feed contradicts itself") {
		t.Errorf("explained as %+v, %v", list, err)
	}
	// An advisory that no statement knows of: told, and no reason to stop.
	res, err := Decide([]report.Vulnerability{f}, []Document{own(t, stmt("CVE-2025-0002", clears, t1, "pkg:apk/dhi/a@1-r0"))}, testImage(), opt)
	if err != nil || len(res.Observations) != 1 || res.Observations[0].Kind != report.Information || !strings.Contains(res.Observations[0].Message, "not complete") {
		t.Errorf("without a statement: %+v, %v", res.Observations, err)
	}
	if res, err = Decide([]report.Vulnerability{f}, nil, testImage(), opt); err != nil || len(res.Observations) != 0 {
		t.Errorf("without a document: %+v, %v", res.Observations, err)
	}
}
