package vuln

import (
	"slices"
	"testing"
	"time"

	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/grype/grype/version"
	"github.com/anchore/grype/grype/vulnerability"
	syftpkg "github.com/anchore/syft/syft/pkg"
	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/report"
)

func TestSortVersions(t *testing.T) {
	for _, tt := range []struct {
		name   string
		format version.Format
		in     []string
		want   []string
	}{
		{"semantic", version.SemanticFormat, []string{"1.10.0", "1.9.0", "1.9.0", ""}, []string{"1.9.0", "1.10.0"}},
		{"debian_epoch", version.DebFormat, []string{"1:1.0", "2.0", "2.0~rc1"}, []string{"2.0~rc1", "2.0", "1:1.0"}},
		{"unreadable_last", version.SemanticFormat, []string{"zzz", "aaa", "1.0.0"}, []string{"1.0.0", "aaa", "zzz"}},
		{"none", version.SemanticFormat, nil, []string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, sortVersions(tt.in, tt.format)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestUpstream(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		kind        syftpkg.Type
		want        pkg.UpstreamPackage
	}{
		{"deb", "openssl", syftpkg.DebPkg, pkg.UpstreamPackage{Name: "openssl"}},
		{"deb_with_version", "gcc-12@12.2.0-14", syftpkg.DebPkg, pkg.UpstreamPackage{Name: "gcc-12", Version: "12.2.0-14"}},
		{"rpm", "util-linux-ng-2.17.2-12.28.el6.src.rpm", syftpkg.RpmPkg, pkg.UpstreamPackage{Name: "util-linux-ng", Version: "2.17.2-12.28.el6"}},
		{"rpm_without_version", "odd.src.rpm", syftpkg.RpmPkg, pkg.UpstreamPackage{}},
		{"rpm_without_release", "odd-1.src.rpm", syftpkg.RpmPkg, pkg.UpstreamPackage{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := upstream(tt.value, tt.kind); got != tt.want {
				t.Errorf("upstream(%q) = %+v, want %+v", tt.value, got, tt.want)
			}
		})
	}
}

func TestLatestEPSS(t *testing.T) {
	old, recent := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	got := latest([]vulnerability.EPSS{{EPSS: 0.9, Date: old}, {EPSS: 0.1, Date: recent}, {EPSS: 0.2, Percentile: 0.5, Date: recent}})
	want := &report.EPSS{Score: 0.2, Percentile: 0.5, Date: "2026-02-01"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := latest(nil); got != nil {
		t.Errorf("of none: %+v", got)
	}
}

// Joined findings do not depend on the order in which they came.
func TestMergeInAnyOrder(t *testing.T) {
	early, late := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	p := func(path string) report.Package {
		return report.Package{Name: "a", Version: "1", Type: "apk", PURL: "pkg:apk/a@1", Locations: []report.Location{{Path: path}}}
	}
	in := func() []report.Vulnerability {
		return []report.Vulnerability{
			{ID: "CVE-1", Namespace: "nvd:cpe", Severity: report.Critical, Package: p("/c"), KEV: true, KEVDetails: &report.KEV{DateAdded: "2026-01-01"},
				Fix: report.Fix{State: report.FixFixed, Versions: []string{"9"}, Available: &early}, EPSS: &report.EPSS{Score: 1}, Description: "nvd"},
			{ID: "CVE-1", Namespace: "alpine:distro:alpine:3.20", Severity: report.Unknown, Package: p("/b"), Fix: report.Fix{State: report.FixFixed, Versions: []string{"2"}, Available: &late}},
			{ID: "cve-1", Namespace: "alpine:distro:alpine:3.20", Severity: report.Low, Package: p("/a"), Fix: report.Fix{State: report.FixNotFixed}},
			{ID: "CVE-2", Namespace: "nvd:cpe", Severity: report.Low, Package: p("/a")},
		}
	}
	want := merge(in())
	if len(want) != 2 {
		t.Fatalf("%d findings, want 2", len(want))
	}
	i := slices.IndexFunc(want, func(v report.Vulnerability) bool { return v.ID != "CVE-2" })
	v := want[i]
	if v.Severity != report.Low || v.Namespace != "alpine:distro:alpine:3.20" || !v.KEV || v.EPSS == nil || v.Description != "nvd" || len(v.Package.Locations) != 3 {
		t.Errorf("joined to %+v", v)
	}
	if v.Fix.State != report.FixFixed {
		t.Errorf("fix %+v", v.Fix)
	}
	for shift := range 4 {
		vs := in()
		vs = append(vs[shift:], vs[:shift]...)
		got := merge(vs)
		slices.SortFunc(got, func(a, b report.Vulnerability) int { return len(a.Package.Locations) - len(b.Package.Locations) })
		w := slices.Clone(want)
		slices.SortFunc(w, func(a, b report.Vulnerability) int { return len(a.Package.Locations) - len(b.Package.Locations) })
		if diff := cmp.Diff(w, got); diff != "" {
			t.Errorf("turned by %d (-first +now):\n%s", shift, diff)
		}
	}
}

func TestAliases(t *testing.T) {
	a := aliases{}
	for _, other := range []string{"CVE-2026-1", "cve-2026-1", "DSA-1-1", "RHSA-2026:1", "GHSA-x", "GHSA-x", "PYSEC-1", "CVE-"} {
		a.add("GHSA-x", other)
	}
	if diff := cmp.Diff([]string{"CVE-2026-1", "PYSEC-1"}, a.of("ghsa-X")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := a.of("CVE-9"); got == nil || len(got) != 0 {
		t.Errorf("of an unknown one: %#v, want an empty list", got)
	}
}
