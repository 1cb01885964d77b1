package advisory

import (
	"testing"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/vercmp"
)

// TestOrders has chains of versions, each after all before it, as the package manager (apk
// version --test, dpkg --compare-versions) and SemVer order them. A comparison by text or as
// SemVer fails in each chain of the first two.
func TestOrders(t *testing.T) {
	for _, tt := range []struct {
		name    string
		compare order
		chain   []string
	}{
		{"apk_revisions", vercmp.Apk, []string{"9.9-r3", "9.11-r0", "9.11-r1", "9.11-r9", "9.11-r10", "10.0-r0"}},
		{"apk_before_the_release", vercmp.Apk, []string{"1.1.9-r0", "1.2_alpha2-r0", "1.2_beta1-r0", "1.2_pre1-r0", "1.2_rc1-r0", "1.2_rc2-r3", "1.2_rc10-r0", "1.2-r0"}},
		{"apk_after_the_release", vercmp.Apk, []string{"1.37.0-r20", "1.37.0_git20250101-r0", "1.37.0_git20260212-r30", "1.37.0_git20260212-r31", "1.37.0_p1-r0", "1.37.0_p2-r0", "1.37.1-r0"}},
		{"apk_letters", vercmp.Apk, []string{"3.0-r0", "3.0a-r0", "3.0b-r0", "3.0.1-r0", "3.1-r0"}},
		{"apk_zeros", vercmp.Apk, []string{"1.02-r0", "1.1-r0", "1.2-r0", "1.2.0-r0", "1.2.1-r0", "1.9-r0", "1.10-r0"}},
		{"dpkg_rebuilds", vercmp.Deb, []string{"9.7-3", "9.7-3+dhi1", "9.7-3+dhi3", "9.7-3+dhi10", "9.7-4", "9.10-1"}},
		{"dpkg_security_updates", vercmp.Deb, []string{"2.41-12", "2.41-12+deb13u1", "2.41-12+deb13u4", "2.41-12+deb13u4+dhi0", "2.41-12+deb13u10", "2.41-13"}},
		{"dpkg_tildes", vercmp.Deb, []string{"1.0~~a-1", "1.0~rc1-1", "1.0-1~bpo12+1", "1.0-1", "1.0-1+b1", "1.0+dfsg-1", "1.0.1-1"}},
		{"dpkg_epochs", vercmp.Deb, []string{"99.0-1", "1:0.9-1", "1:0.10-1", "2:0.1-1"}},
		{"dpkg_letters_before_signs", vercmp.Deb, []string{"1.0-1", "1.0a-1", "1.0b-1", "1.0+a-1"}},
		{"semver", semantic, []string{"1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.2.0", "1.10.0"}},
		{"semver_with_builds", semantic, []string{"23.7.6-rc.1+9", "23.7.6", "23.7.6+99", "23.7.6+110", "23.7.6+111", "23.7.6+111.1", "23.7.7"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for i, a := range tt.chain {
				for j, b := range tt.chain {
					got, err := tt.compare(a, b)
					if want := sign(i - j); err != nil || sign(got) != want {
						t.Errorf("%s with %s is %d, want %d (%v)", a, b, got, want, err)
					}
				}
			}
		})
	}
	for _, same := range []struct {
		compare order
		a, b    string
	}{
		{vercmp.Deb, "0:1.0-1", "1.0-1"},
		{vercmp.Deb, "1.0", "1.0-0"},
		{vercmp.Deb, "1.01-1", "1.1-1"},
		{semantic, "v1.0", "1.0.0"},
	} {
		if got, err := same.compare(same.a, same.b); got != 0 || err != nil {
			t.Errorf("%s with %s is %d, want the same (%v)", same.a, same.b, got, err)
		}
	}
}

// TestEvaluation is the schema's algorithm (ossf.github.io/osv-schema, "Evaluation"): listed
// or inside any range; ranges of one entry are each on their own.
func TestEvaluation(t *testing.T) {
	const d13 = "Docker Hardened Images:Debian:13"
	for _, tt := range []struct {
		name, ranges, versions string
		affected, not          []string
	}{
		{"from_the_beginning", events("ECOSYSTEM", "introduced=0"), "[]", []string{"0~", "0", "1:1-1"}, nil},
		{"up_to_the_fix", events("ECOSYSTEM", "introduced=0", "fixed=2-1"), "[]", []string{"0~", "1-1", "2-1~bpo1"}, []string{"2-1", "3-1"}},
		{"from_a_version", events("ECOSYSTEM", "introduced=1-1", "fixed=2-1"), "[]", []string{"1-1", "1.5-1"}, []string{"1-1~rc1", "2-1"}},
		{"last_affected_is_affected", events("ECOSYSTEM", "introduced=1-1", "last_affected=2-1"), "[]", []string{"2-1"}, []string{"2-1+dhi1"}},
		{"limit", events("ECOSYSTEM", "introduced=1-1", "limit=2-1"), "[]", []string{"1.9-1"}, []string{"2-1", "3-1"}},
		{"no_limit", events("ECOSYSTEM", "introduced=1-1", "limit=*", "limit=2-1"), "[]", []string{"1.9-1", "2-1", "3-1"}, []string{"0.9-1"}},
		{"limit_below_the_fix", events("ECOSYSTEM", "introduced=1-1", "fixed=3-1", "limit=2-1"), "[]", []string{"1.9-1"}, []string{"2-1", "3-1"}},
		{"fixed_and_introduced_again", events("ECOSYSTEM", "introduced=1-1", "fixed=2-1", "introduced=3-1"), "[]", []string{"1-1", "3-1", "9-1"}, []string{"2-1", "2.9-1"}},
		{"two_ranges", "[" + events("ECOSYSTEM", "introduced=1-1", "fixed=2-1")[1:len(events("ECOSYSTEM", "introduced=1-1", "fixed=2-1"))-1] + "," + events("ECOSYSTEM", "introduced=3-1", "fixed=4-1")[1:],
			"[]", []string{"1-1", "3-1"}, []string{"2-1", "4-1"}},
		{"listed_beside_a_range", events("ECOSYSTEM", "introduced=3-1"), `["1-1"]`, []string{"1-1", "3-1"}, []string{"1-1+dhi1", "2-1"}},
		{"listed_in_another_spelling", "[]", `["0:1.0-1"]`, []string{"1.0-1"}, []string{"1.0-2"}},
		{"listed_and_fixed", events("ECOSYSTEM", "introduced=0", "fixed=1-1"), `["2-1"]`, []string{"2-1"}, []string{"1-1"}},
		{"commits_say_nothing", `[{"type":"GIT","repo":"https://example.invalid/x","events":[{"introduced":"0"}]}]`, `["1-1"]`, []string{"1-1"}, []string{"2-1"}},
		{"nothing_at_all", "[]", "[]", nil, []string{"1-1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := feed(t, osv("X", d13, "jq", tt.ranges, tt.versions))
			for want, versions := range map[int][]string{1: tt.affected, 0: tt.not} {
				for _, v := range versions {
					got := f.Match([]report.Package{{Name: "jq", Version: v, PURL: "pkg:deb/dhi/jq?distro=dhi-13"}}, debianImage)
					if len(got.Vulnerabilities) != want || got.Undecided != 0 {
						t.Errorf("%s: %d findings, want %d (%v)", v, len(got.Vulnerabilities), want, got.Problems)
					}
				}
			}
		})
	}
}
