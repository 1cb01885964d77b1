package vuln_test

import (
	"testing"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/linux"
	"github.com/anchore/syft/syft/pkg"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit/grypedb"
	"github.com/imagegate/imagegate/internal/vuln"
)

// TestMatchPartsOfOSPackages: a library is left to the distribution when it is what the
// package that owns its files was built from, and the distribution speaks of that package.
func TestMatchPartsOfOSPackages(t *testing.T) {
	db := openDB(t, append(records(),
		grypedb.Record{ID: "CVE-2026-7000", Distro: "debian 12", Package: "node-left-pad", Constraint: "< 0.1", Severity: report.Low},
		grypedb.Record{ID: "CVE-2026-7001", Distro: "alpine 3.20", Package: "left-pad", Constraint: "< 0.1", Severity: report.Low},
		grypedb.Record{ID: "CVE-2026-7002", Distro: "amzn 2023", Package: "left-pad", Constraint: "< 0.1", Severity: report.Low},
	))
	amazon := &linux.Release{ID: "amzn", IDLike: []string{"rhel"}, VersionID: "2023"}
	const where = "/usr/share/nodejs/left-pad/package.json"
	part, bare := npm("left-pad", "1.3.0", where), binary("thing", "1.3.0", "acme")
	as := func(p pkg.Package, version string) pkg.Package { p.Version, p.PURL = version, ""; return p }
	for _, tt := range []struct {
		name    string
		release *linux.Release
		owner   pkg.Package
		part    pkg.Package
		owned   bool
	}{
		{"same_version", debian12, deb("node-left-pad", "1.3.0-1", "", ""), part, true},
		{"same_version_of_the_source", debian12, deb("libjs-left-pad", "1.3.0-1", "node-left-pad", ""), part, true},
		{"with_an_epoch_and_a_security_revision", debian12, deb("node-left-pad", "2:1.3.0-1+deb12u1", "", ""), part, true},
		{"repacked", debian12, deb("node-left-pad", "1.3.0+dfsg-1~deb12u2", "", ""), part, true},
		{"repacked_with_more_inside", debian12, deb("node-left-pad", "1.3.0+ds1+~cs214.269.168-3+deb12u2", "", ""), part, true},
		{"repacked_before_its_release", debian12, deb("node-left-pad", "1.3.0~ds-2", "", ""), part, true},
		{"a_candidate_of_both", debian12, deb("node-left-pad", "1.3.0~rc1-1", "", ""), as(part, "1.3.0-rc.1"), true},
		{"a_shorter_way_to_write_it", debian12, deb("node-left-pad", "1.3-1", "", ""), part, true},
		{"really_an_older_one", debian12, deb("node-left-pad", "2.0+really1.3.0-1", "", ""), part, true},
		{"an_older_one_under_that_number", debian12, deb("node-left-pad", "1.3.0+really1.1-1", "", ""), part, false},
		{"a_candidate_of_it", debian12, deb("node-left-pad", "1.3.0~rc1-1", "", ""), part, false},
		{"other_version", debian12, deb("node-left-pad", "2.0-1", "", ""), part, false},
		{"begins_with_the_owners", debian12, deb("node-left-pad", "1-1", "", ""), part, false},
		{"the_owners_begins_with_it", debian12, deb("node-left-pad", "1.3.0.5-1", "", ""), part, false},
		{"no_version", debian12, deb("node-left-pad", "1.3.0-1", "", ""), as(part, ""), false},
		{"owner_without_a_version", debian12, deb("node-left-pad", "", "", ""), part, false},
		{"owner_that_nobody_knows", debian12, deb("myapp", "1.3.0-1", "", ""), part, false},
		{"owner_of_a_type_that_the_release_has_not", debian12, apk("node-left-pad", "1.3.0-r0", ""), part, false},
		{"alpine_tells_of_fixes_alone", alpine("3.20.3"), apk("left-pad", "1.3.0-r0", ""), part, false},
		{"amazon_is_not_like_rhel", amazon, rpm("left-pad", "1.3.0-1", "/var/lib/rpm/rpmdb.sqlite"), part, false},
		{"bare_binary", debian12, deb("node-left-pad", "1.3.0-1", "", ""), bare, true},
		{"bare_binary_in_alpine", alpine("3.20.3"), apk("left-pad", "1.3.0-r0", ""), bare, true},
		{"bare_binary_of_another_version", alpine("3.20.3"), apk("left-pad", "1-r0", ""), bare, false},
		{"bare_binary_of_an_owner_that_nobody_knows", alpine("3.20.3"), apk("myapp", "1.3.0-r0", ""), bare, false},
		{"bare_binary_of_a_library", debian12, npm("node-left-pad", "1.3.0", "/app"), bare, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := document(tt.release, tt.owner, tt.part)
			s.Relationships = []artifact.Relationship{owns(tt.owner, tt.part)}
			m, err := db.Match(t.Context(), s, vuln.MatchOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]int{true: 1}[tt.owned]; m.Excluded != want || m.Packages != 2-want {
				t.Errorf("excluded %d of %d packages, want %d: %+v", m.Excluded, m.Packages, want, m.Observations)
			}
			if !tt.owned && tt.part.Version == "1.3.0" && len(m.Vulnerabilities) == 0 {
				t.Errorf("no finding in what was matched itself")
			}
		})
	}
}
