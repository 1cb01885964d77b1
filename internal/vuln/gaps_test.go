package vuln_test

import (
	"strings"
	"testing"

	"github.com/anchore/syft/syft/linux"
	"github.com/anchore/syft/syft/pkg"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit/grypedb"
	"github.com/imagegate/imagegate/internal/vuln"
)

func rpm(name, version, where string) pkg.Package {
	return pkg.Package{Name: name, Version: version, Type: pkg.RpmPkg, PURL: "pkg:rpm/" + name + "@" + version, Locations: at(where, "sha256:layer")}
}

// TestTypesOfARelease: packages of a kind that a distribution does not have are judged by
// nobody's data, whatever the os-release says.
func TestTypesOfARelease(t *testing.T) {
	db := openDB(t, append(records(), grypedb.Record{ID: "CVE-2026-6000", Distro: "busybox 1", Package: "tool", Severity: report.High}))
	busybox := &linux.Release{ID: "busybox", VersionID: "1"}
	for _, tt := range []struct {
		name      string
		release   *linux.Release
		packages  []pkg.Package
		state     report.State
		unmatched int
		unjudged  int
		says      string
	}{
		{"deb_in_alpine", alpine("3.20.3"), []pkg.Package{deb("openssl", "3.0.14-1", "", ""), deb("bash", "5", "", "")}, report.Failed, 2, 2,
			"alpine 3.20.3 has packages of type apk, and nothing of type deb: 2 packages could not be matched"},
		{"apk_in_debian", debian12, []pkg.Package{apk("openssl", "3.3.2-r0", "openssl"), deb("bash", "5", "", "")}, report.Failed, 1, 1, "nothing of type apk: 1 package"},
		{"rpm_in_debian", debian12, []pkg.Package{rpm("openssl", "3.0-1", "/var/lib/rpm/rpmdb.sqlite")}, report.Failed, 1, 1, "nothing of type rpm"},
		{"deb_in_what_is_like_alpine", &linux.Release{ID: "mine", IDLike: []string{"alpine"}, VersionID: "3.20"}, []pkg.Package{deb("bash", "5", "", "")}, report.Failed, 1, 1, "nothing of type deb"},
		{"deb_in_what_is_like_debian", &linux.Release{ID: "kali", IDLike: []string{"debian"}, VersionID: "12"}, []pkg.Package{deb("bash", "5", "", "")}, report.Done, 0, 0, ""},
		{"records_of_another_type_only", busybox, []pkg.Package{deb("tool", "1", "", "")}, report.Failed, 1, 1,
			"no records for packages of type deb in busybox 1, only of type rpm"},
		{"the_type_of_the_records", busybox, []pkg.Package{rpm("tool", "1", "/var/lib/rpm/rpmdb.sqlite")}, report.Done, 0, 0, ""},
		{"no_record_of_the_package_is_no_gap", debian12, []pkg.Package{deb("hello", "1", "", "")}, report.Done, 0, 0, ""},
		{"another_system_inside", debian12, []pkg.Package{deb("bash", "0", "", ""), rpm("openssl", "3.0-1", "/srv/root/var/lib/rpm/rpmdb.sqlite")}, report.Done, 0, 1,
			"1 package outside of the system's own database"},
		{"moved_within_the_root", debian12, []pkg.Package{rpm("openssl", "3.0-1", "/usr/lib/sysimage/rpm/rpmdb.sqlite")}, report.Failed, 1, 1, "nothing of type rpm"},
		{"a_document_without_places", debian12, []pkg.Package{{Name: "openssl", Version: "1", Type: pkg.RpmPkg, PURL: "pkg:rpm/openssl@1"}}, report.Failed, 1, 1, "nothing of type rpm"},
		{"a_distribution_that_nobody_knows", nil, []pkg.Package{{Name: "bash", Version: "5", Type: pkg.DebPkg, PURL: "pkg:deb/kali/bash@5?distro=kali-2024.1"}},
			report.Failed, 1, 1, "no records for kali 2024.1"},
		{"two_releases_in_one_document", nil, []pkg.Package{
			{Name: "bash", Version: "5", Type: pkg.DebPkg, PURL: "pkg:deb/debian/bash@5?distro=debian-12"},
			{Name: "dash", Version: "5", Type: pkg.DebPkg, PURL: "pkg:deb/debian/dash@5?distro=debian-99"},
		}, report.Failed, 1, 1, "no records for debian 99"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := db.Match(t.Context(), document(tt.release, tt.packages...), vuln.MatchOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if m.State != tt.state || m.Unmatched != tt.unmatched || m.Unjudged != tt.unjudged {
				t.Errorf("state %s (%s), unmatched %d, unjudged %d; want %s, %d, %d", m.State, m.Reason, m.Unmatched, m.Unjudged, tt.state, tt.unmatched, tt.unjudged)
			}
			unread := strings.Join(told(m, report.Unread), "\n")
			if !strings.Contains(unread, tt.says) || tt.says == "" && unread != "" {
				t.Errorf("could not look: %q, want %q", unread, tt.says)
			}
			if tt.state == report.Failed && !strings.Contains(m.Reason, tt.says) {
				t.Errorf("reason %q, want %q", m.Reason, tt.says)
			}
		})
	}
}
