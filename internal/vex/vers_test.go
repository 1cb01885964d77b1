package vex

import (
	"strings"
	"testing"
)

func TestVers(t *testing.T) {
	for _, tt := range []struct {
		set, typ, version string
		in, ok            bool
	}{
		{"vers:npm/1.2.3", "npm", "1.2.3", true, true},
		{"vers:npm/=1.2.3", "npm", "1.2.4", false, true},
		{"vers:npm/1.2.3|2.0.0", "npm", "2.0.0", true, true},
		{"vers:npm/>=1.0.0|<2.0.0", "npm", "1.9.9", true, true},
		{"vers:npm/>=1.0.0|<2.0.0", "npm", "2.0.0", false, true},
		{"vers:npm/>=1.0.0|<2.0.0", "npm", "1.0.0", true, true},
		{"vers:npm/>1.0.0|<=2.0.0", "npm", "1.0.0", false, true},
		{"vers:npm/>1.0.0|<=2.0.0", "npm", "2.0.0", true, true},
		{"vers:npm/<1.0.0|>=2.0.0|<3.0.0|>4.0.0", "npm", "0.1.0", true, true},
		{"vers:npm/<1.0.0|>=2.0.0|<3.0.0|>4.0.0", "npm", "1.5.0", false, true},
		{"vers:npm/<1.0.0|>=2.0.0|<3.0.0|>4.0.0", "npm", "2.5.0", true, true},
		{"vers:npm/<1.0.0|>=2.0.0|<3.0.0|>4.0.0", "npm", "3.5.0", false, true},
		{"vers:npm/<1.0.0|>=2.0.0|<3.0.0|>4.0.0", "npm", "5.0.0", true, true},
		{"vers:npm/>=1.0.0|!=1.5.0|<2.0.0", "npm", "1.5.0", false, true},
		{"vers:npm/>=1.0.0|!=1.5.0|<2.0.0", "npm", "1.6.0", true, true},
		{"vers:npm/0.5.0|>=1.0.0", "npm", "0.5.0", true, true},
		{"vers:npm/0.5.0|>=1.0.0", "npm", "0.7.0", false, true},
		{"vers:npm/ >= 1.0.0 | < 2.0.0 ", "npm", "1.1.0", true, true},
		{"vers:npm/>=1.0.0-rc.1|<1.0.0", "npm", "1.0.0-rc.2", true, true},
		{"vers:npm/*", "npm", "1", true, true},
		{"vers:golang/>=v1.2.0", "golang", "1.10.0", true, true},
		{"vers:deb/>=1:2.0-1", "deb", "3.0-1", false, true},
		{"vers:deb/>=1.0~rc1", "deb", "1.0", true, true},
		{"vers:deb/%3E1", "deb", "2", false, false},
		{"vers:deb/<=2.41%2Bdfsg-1", "deb", "2.41+dfsg-1", true, true},
		{"vers:apk/<3.0.8-r4", "apk", "3.0.8-r3", true, true},
		{"vers:apk/<3.0.8-r4", "apk", "3.0.10-r0", false, true},
		{"vers:pypi/<2.0", "pypi", "2.0rc1", true, true},
		{"vers:pypi/<2.0", "pypi", "2.0.post1", false, true},
		{"vers:maven/<2.0", "maven", "2.0-alpha-1", true, true},
		{"vers:maven/>=2.0", "maven", "2.0.1", true, true},
		{"vers:rpm/<1:5.1.8-7.el9", "rpm", "1:5.1.8-6.el9", true, true},
		{"vers:rpm/<1:5.1.8-7.el9", "rpm", "5.1.9-1.el9", true, true},
		{"vers:rpm/<5.1.8-7.el9", "rpm", "1:5.1.8-6.el9", false, true},
		// Not understood.
		{"vers:npm/>=1.0.0", "npm", "not a version", false, false},
		{"vers:npm/>=1.0.0", "pypi", "1.0.0", false, false},
		{"vers:npm/>=1.0.0+a", "npm", "1.0.0+b", false, false},
		{"vers:npm/>=2.0.0|<1.0.0", "npm", "1.5.0", false, false},
		{"vers:npm/>=1.0.0|>=2.0.0", "npm", "1.5.0", false, false},
		{"vers:npm/>=1.0.0|<1.0.0", "npm", "1.0.0", false, false},
		{"vers:npm/!=1.0.0", "npm", "1.5.0", false, false},
		{"vers:npm/", "npm", "1.5.0", false, false},
		{"vers:npm", "npm", "1.5.0", false, false},
		{"npm/>=1.0.0", "npm", "1.5.0", false, false},
		{">=1.0.0", "npm", "1.5.0", false, false},
		{"vers:npm/>=1.0.0|*", "npm", "1.5.0", false, false},
		{"vers:npm/^1.0.0", "npm", "1.5.0", false, false},
		{"vers:npm/~1.0.0", "npm", "1.5.0", false, false},
		{"vers:gem/>1", "gem", "2", false, false},
		{"vers:rpm/>=1.0", "rpm", "1.0-1", false, false},
		{"vers:rpm/>=1:1:1", "rpm", "1.0-1", false, false},
		{"vers:deb/<9999999999999999999999", "deb", "1", false, false},
		{"vers:npm/" + strings.Repeat("1.0.0|", maxBounds+1), "npm", "1.0.0", false, false},
	} {
		if in, ok := parseVers(tt.set).holds(tt.typ, tt.version); in != tt.in || ok != tt.ok {
			t.Errorf("%s holds %s %s: %t, %t; want %t, %t (%s)", clip(tt.set), tt.typ, tt.version, in, ok, tt.in, tt.ok, parseVers(tt.set).why)
		}
	}
}

// TestRPMOrder takes its rows from rpm's own tests (tests/rpmvercmp.at).
func TestRPMOrder(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"1.0", "1.0", 0}, {"1.0", "2.0", -1}, {"2.0.1", "2.0", 1}, {"2.0.1a", "2.0.1", 1}, {"5.5p1", "5.5p10", -1}, {"10xyz", "10.1xyz", -1},
		{"xyz10", "xyz10.1", -1}, {"xyz.4", "8", -1}, {"xyz.4", "2", -1}, {"5.5p2", "5.6p1", -1}, {"6.0.rc1", "6.0", 1}, {"10b2", "10a1", 1},
		{"1.0aa", "1.0a", 1}, {"10.0001", "10.1", 0}, {"10.0001", "10.0039", -1}, {"4.999.9", "5.0", -1}, {"20101121", "20101122", -1}, {"2_0", "2.0", 0},
		{"a", "a", 0}, {"a+", "a_", 0}, {"1.0~rc1", "1.0", -1}, {"1.0~rc1", "1.0~rc2", -1}, {"1.0~rc1~git123", "1.0~rc1", -1}, {"1.0^", "1.0", 1},
		{"1.0^git1", "1.0", 1}, {"1.0^git1", "1.01", -1}, {"1.0^20160101", "1.0.1", -1}, {"1.0^20160101^git1", "1.0^20160102", -1}, {"1.0~rc1^git1", "1.0~rc1", 1}, {"1.0^git1~pre", "1.0^git1", -1},
	} {
		if got := rpmCompare(tt.a, tt.b); got != tt.want {
			t.Errorf("rpmCompare(%s, %s) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := rpmCompare(tt.b, tt.a); got != -tt.want {
			t.Errorf("rpmCompare(%s, %s) = %d, want %d", tt.b, tt.a, got, -tt.want)
		}
	}
}

func FuzzVers(f *testing.F) {
	for _, s := range []string{"vers:npm/>=1.0.0|<2.0.0", "vers:deb/1:1-1|>2", "vers:apk/<1.2_rc1-r0", "vers:pypi/>=1!2.0rc1.post1.dev1+l", "vers:maven/<1-alpha-1", "vers:golang/*", "vers:rpm/>1:2~a^b-3"} {
		f.Add(s, "1.0.0")
	}
	f.Fuzz(func(t *testing.T, set, version string) {
		v := parseVers(set)
		if in, ok := v.holds(v.typ, version); in && !ok {
			t.Errorf("%q holds %q although it is not understood", set, version)
		}
	})
}
