package vuln_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/anchore/syft/syft/linux"
	"github.com/anchore/syft/syft/pkg"
	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/vuln"
)

func found(m *vuln.Matches) []string {
	var out []string
	for _, v := range m.Vulnerabilities {
		out = append(out, v.ID+" "+v.Package.Name+" "+v.Match)
	}
	slices.Sort(out)
	return out
}

// told are the messages of one kind.
func told(m *vuln.Matches, kind report.Kind) []string {
	var out []string
	for _, o := range m.Observations {
		if o.Kind == kind && o.Stage == report.StageVuln {
			out = append(out, o.Message)
		}
	}
	return out
}

func TestMatch(t *testing.T) {
	db := openDB(t, records())
	for _, tt := range []struct {
		name      string
		release   *linux.Release
		packages  []pkg.Package
		want      []string
		state     report.State
		problem   string // in the first that is unread and, of a failed state, Reason; "" wants none
		unmatched int
		ignored   int
	}{
		{
			name: "debian_binary_through_its_source", release: debian12,
			packages: []pkg.Package{deb("libssl3", "3.0.14-1", "openssl", ""), deb("libc6", "2.36", "glibc", "")},
			want:     []string{"CVE-2026-1000 libssl3 exact-indirect-match"}, state: report.Done,
		},
		{
			name: "debian_direct", release: debian12, packages: []pkg.Package{deb("openssl", "3.0.14-1", "", "")},
			want: []string{"CVE-2026-1000 openssl exact-direct-match"}, state: report.Done,
		},
		{
			name: "debian_fixed", release: debian12, packages: []pkg.Package{deb("libssl3", "3.0.15-1~deb12u1", "openssl", "")},
			state: report.Done,
		},
		{
			name: "source_version_counts", release: debian12, packages: []pkg.Package{deb("libssl3", "9.9", "openssl", "3.0.1-1")},
			want: []string{"CVE-2026-1000 libssl3 exact-indirect-match"}, state: report.Done,
		},
		{
			name: "any_version_is_affected", release: debian12, packages: []pkg.Package{deb("bash", "5.2", "", "")},
			want: []string{"CVE-2026-1001 bash exact-direct-match"}, state: report.Done,
		},
		{
			name: "correction_of_grype_is_counted", release: debian12, packages: []pkg.Package{deb("zlib1g", "1:1.2.13", "zlib", "")},
			state: report.Done, ignored: 1,
		},
		{
			name: "kernel_headers_are_no_kernel", release: debian12, packages: []pkg.Package{deb("linux-libc-dev", "6.1", "linux", "")},
			state: report.Done, ignored: 1,
		},
		{
			name: "alpine_through_its_origin", release: alpine("3.20.3"), packages: []pkg.Package{apk("libcrypto3", "3.3.2-r0", "openssl")},
			want: []string{"CVE-2026-2000 libcrypto3 exact-indirect-match"}, state: report.Done,
		},
		{
			name: "npm_advisory", release: debian12, packages: []pkg.Package{npm("left-pad", "1.3.0", "/app/package-lock.json")},
			want: []string{"GHSA-aaaa-bbbb-cccc left-pad exact-direct-match"}, state: report.Done,
		},
		{
			name: "binary_by_cpe", packages: []pkg.Package{binary("thing", "1.9", "acme")},
			want: []string{"CVE-2026-4000 thing cpe-match"}, state: report.Done,
		},
		{
			name: "release_without_records", release: &linux.Release{ID: "debian", VersionID: "11", VersionCodename: "bullseye"},
			packages: []pkg.Package{deb("openssl", "1.1.1", "", ""), npm("left-pad", "1.3.0", "/a")},
			want:     []string{"GHSA-aaaa-bbbb-cccc left-pad exact-direct-match"},
			state:    report.Failed, problem: "no records for debian 11: 1 package could not be matched", unmatched: 1,
		},
		{
			// Grype would compare with Alpine 3.20 here.
			name: "other_release_is_no_stand_in", release: alpine("3.18.9"), packages: []pkg.Package{apk("musl", "1.2.4-r0", "musl")},
			state: report.Failed, problem: "only for other releases of alpine 3", unmatched: 1,
		},
		{
			name: "release_past_its_end", release: &linux.Release{ID: "debian", VersionID: "10", VersionCodename: "buster"},
			packages: []pkg.Package{deb("openssl", "1.1.1", "", "")}, want: []string{"CVE-2026-5000 openssl exact-direct-match"},
			state: report.Done, problem: "the support of debian 10 ended on 2024-06-30",
		},
		{
			name: "no_os_release", packages: []pkg.Package{{Name: "openssl", Version: "3.0.14-1", Type: pkg.DebPkg}},
			state: report.Failed, problem: "does not say which distribution", unmatched: 1,
		},
		{
			name: "unknown_distribution", release: &linux.Release{ID: "homegrown", VersionID: "1"}, packages: []pkg.Package{deb("openssl", "3.0.14-1", "", "")},
			state: report.Failed, problem: "does not know the image's distribution", unmatched: 1,
		},
		{
			name: "ecosystem_without_records", release: debian12, packages: []pkg.Package{{Name: "rails", Version: "7.0", Type: pkg.GemPkg, PURL: "pkg:gem/rails@7.0"}},
			state: report.Failed, problem: "no records for packages of type gem", unmatched: 1,
		},
		{
			name: "version_that_cannot_be_compared", release: debian12, packages: []pkg.Package{deb("openssl", "not a version", "", "")},
			state: report.Failed, problem: "deb openssl not a version",
		},
		{
			name: "package_without_a_version", release: debian12, packages: []pkg.Package{deb("openssl", "UNKNOWN", "", "")},
			state: report.Done, problem: "1 package of the operating system without a version",
		},
		{name: "no_packages", release: debian12, state: report.Missing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := db.Match(t.Context(), document(tt.release, tt.packages...), vuln.MatchOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, found(m)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if m.State != tt.state || m.Reason == "" {
				t.Errorf("state %s (%s), want %s with a reason", m.State, m.Reason, tt.state)
			}
			if m.Packages != len(tt.packages) || m.Unmatched != tt.unmatched || m.Unjudged != tt.unmatched || m.Ignored != tt.ignored || m.Excluded != 0 {
				t.Errorf("packages %d, unmatched %d, unjudged %d, ignored %d, excluded %d; want %d, %d, %[7]d, %d, 0",
					m.Packages, m.Unmatched, m.Unjudged, m.Ignored, m.Excluded, len(tt.packages), tt.unmatched, tt.ignored)
			}
			if notes := told(m, report.Information); tt.ignored > 0 && len(notes) != tt.ignored {
				t.Errorf("notes %q do not explain what was ignored", notes)
			}
			switch problems := told(m, report.Unread); {
			case tt.problem == "" && len(problems) > 0:
				t.Errorf("problems %q, want none", problems)
			case tt.problem != "" && (len(problems) == 0 || !strings.Contains(problems[0], tt.problem)):
				t.Errorf("problems %q, want %q", problems, tt.problem)
			case tt.state == report.Failed && !strings.Contains(m.Reason, tt.problem):
				t.Errorf("reason %q, want %q", m.Reason, tt.problem)
			}
		})
	}
}

func TestMatchDetails(t *testing.T) {
	db := openDB(t, records())
	m, err := db.Match(t.Context(), document(debian12,
		deb("libssl3", "3.0.14-1", "openssl", ""),
		npm("left-pad", "1.3.0", "/app/b/package-lock.json"),
		npm("left-pad", "1.3.0", "/app/a/package-lock.json"),
	), vuln.MatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(m.Vulnerabilities, func(a, b report.Vulnerability) int { return strings.Compare(a.ID, b.ID) })
	want := []report.Vulnerability{
		{
			ID: "CVE-2026-1000", Aliases: []string{"GHSA-dddd-eeee-ffff"}, Severity: report.High,
			CVSS: []report.CVSS{{Source: "nvd@nist.gov", Type: "Primary", Version: "3.1", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", Score: 7.5}},
			EPSS: &report.EPSS{Score: 0.42, Percentile: 0.97, Date: "2026-11-22"},
			KEV:  true, KEVDetails: &report.KEV{DateAdded: "2026-02-01", DueDate: "2026-02-22", RansomwareUse: "Known"},
			Risk: 82.5, Description: "TLS goes wrong.",
			URL: "https://security-tracker.debian.org/tracker/CVE-2026-1000", URLs: []string{"https://example.org/more"},
			Namespace: "debian:distro:debian:12", Match: "exact-indirect-match",
			Package: report.Package{
				Name: "libssl3", Version: "3.0.14-1", Type: "deb", PURL: "pkg:deb/debian/libssl3@3.0.14-1?distro=debian-12",
				Upstreams: []report.Upstream{{Name: "openssl"}},
				Locations: []report.Location{{Path: "/var/lib/dpkg/status.d/libssl3", Layer: "sha256:layer"}},
			},
			Fix:      report.Fix{State: "fixed", Versions: []string{"3.0.15-1~deb12u1"}, Available: day("2026-03-04")},
			Decision: report.Decision{Status: report.Open},
		},
		{
			ID: "GHSA-aaaa-bbbb-cccc", Aliases: []string{"CVE-2026-3000"}, Severity: report.Critical, CVSS: []report.CVSS{},
			EPSS: &report.EPSS{Score: 0.1, Percentile: 0.5, Date: "2026-11-22"}, Risk: 9,
			Namespace: "github:language:javascript", Match: "exact-direct-match",
			Package: report.Package{
				Name: "left-pad", Version: "1.3.0", Type: "npm", PURL: "pkg:npm/left-pad@1.3.0", Language: "javascript",
				Locations: []report.Location{ // two places, one finding
					{Path: "/app/a/package-lock.json", Layer: "sha256:app"}, {Path: "/app/b/package-lock.json", Layer: "sha256:app"},
				},
			},
			Fix:      report.Fix{State: "fixed", Versions: []string{"1.3.1"}},
			Decision: report.Decision{Status: report.Open},
		},
	}
	if diff := cmp.Diff(want, m.Vulnerabilities); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// The alpine feed rates nothing; the severity is the NVD's then.
func TestMatchFillsInFromNVD(t *testing.T) {
	db := openDB(t, records())
	m, err := db.Match(t.Context(), document(alpine("3.20.3"), apk("libcrypto3", "3.3.2-r0", "openssl")), vuln.MatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Vulnerabilities) != 1 {
		t.Fatalf("findings %v", found(m))
	}
	v := m.Vulnerabilities[0]
	if v.Severity != report.Critical || v.Description != "From the NVD." || v.URL != "https://nvd.nist.gov/vuln/detail/CVE-2026-2000" {
		t.Errorf("severity %q, description %q, URL %q are not the NVD's", v.Severity, v.Description, v.URL)
	}
	if v.Namespace != "alpine:distro:alpine:3.20" || v.Fix.State != report.FixFixed {
		t.Errorf("namespace %q, fix %q are not the distribution's", v.Namespace, v.Fix.State)
	}
}

// TestPackagesAreNamedOnceAndFew: a list of thousands is a sentence still.
func TestPackagesAreNamedOnceAndFew(t *testing.T) {
	db := openDB(t, records())
	var all []pkg.Package
	for _, name := range []string{"a", "b", "b", "c", "d", "e", "f", "g"} {
		p := binary(name, "1", "acme")
		p.PURL, p.Locations = "pkg:dhi/"+name+"@1", at(fmt.Sprintf("/%d", len(all)), "sha256:app")
		all = append(all, p)
	}
	m, err := db.Match(t.Context(), document(debian12, all...), vuln.MatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	left := strings.Join(told(m, report.LeftOut), "\n")
	if !strings.HasPrefix(left, "8 packages") || strings.Count(left, "pkg:dhi/b@1") != 1 || !strings.HasSuffix(left, "e 1 (pkg:dhi/e@1), and 2 more") {
		t.Errorf("left out: %q", left)
	}
}

func TestMatchLeavesDockersOwnPackagesAlone(t *testing.T) {
	db := openDB(t, records())
	// Each would match by CPE, by ecosystem or by distribution if it were looked up.
	thing := binary("thing", "1.9", "acme")
	thing.PURL = "pkg:dhi/thing@1.9?platform=linux%2Famd64"
	pad := npm("left-pad", "1.3.0", "/opt/docker/sbom/left-pad")
	pad.PURL = "pkg:dhi/left-pad@1.3.0"
	ssl := deb("openssl", "3.0.14-1", "", "")
	ssl.PURL = "pkg:dhi/openssl@3.0.14-1"
	m, err := db.Match(t.Context(), document(debian12, thing, pad, ssl), vuln.MatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Vulnerabilities) != 0 || m.Packages != 0 || m.Excluded != 3 || m.Unjudged != 3 || m.Unmatched != 0 || m.State != report.Missing {
		t.Errorf("findings %v, packages %d, excluded %d, unjudged %d, state %s", found(m), m.Packages, m.Excluded, m.Unjudged, m.State)
	}
	left := told(m, report.LeftOut)
	if len(left) != 1 || !strings.Contains(left[0], "3 packages of the kind pkg:dhi") || !strings.Contains(left[0], "left-pad 1.3.0 (pkg:dhi/left-pad@1.3.0)") {
		t.Errorf("left out: %q does not tell", left)
	}
}

// A document without os-release, as SPDX is, names source and distribution in the
// package URL alone.
func TestMatchFromPURL(t *testing.T) {
	db := openDB(t, records())
	for _, release := range []*linux.Release{nil, debian12} { // with one, the source is still only in the URL
		p := pkg.Package{
			Name: "libssl3", Version: "3.0.14-1", Type: pkg.DebPkg,
			PURL: "pkg:deb/debian/libssl3@3.0.14-1?arch=amd64&distro=debian-12&upstream=openssl",
		}
		m, err := db.Match(t.Context(), document(release, p), vuln.MatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"CVE-2026-1000 libssl3 exact-indirect-match"}, found(m)); diff != "" || m.State != report.Done {
			t.Errorf("release %v: state %s (%s), findings (-want +got):\n%s", release, m.State, m.Reason, diff)
		}
	}
}

func TestMatchEnds(t *testing.T) {
	db := openDB(t, records())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := db.Match(ctx, document(debian12, deb("openssl", "1", "", "")), vuln.MatchOptions{})
	wantFault(t, err, fault.Interrupted, "canceled")
	_, err = db.Match(t.Context(), nil, vuln.MatchOptions{})
	wantFault(t, err, fault.Internal, "no SBOM")
}

// Grype takes the end of the context for one more thing to log: half of a search would
// look like all of it.
func TestMatchEndsInTheMiddle(t *testing.T) {
	db := openDB(t, records())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := document(debian12, deb("a", "not a version", "openssl", ""), deb("openssl", "3.0.14-1", "", ""))
	m, err := db.Match(ctx, s, vuln.MatchOptions{Logger: slog.New(onMessage{cancel})})
	if m != nil {
		t.Errorf("findings %v of a search that was ended", found(m))
	}
	wantFault(t, err, fault.Interrupted, "canceled")
}

// onMessage is a log handler that calls a function.
type onMessage struct{ call func() }

func (h onMessage) Enabled(context.Context, slog.Level) bool  { return true }
func (h onMessage) Handle(context.Context, slog.Record) error { h.call(); return nil }
func (h onMessage) WithAttrs([]slog.Attr) slog.Handler        { return h }
func (h onMessage) WithGroup(string) slog.Handler             { return h }

func TestMatchIsRepeatable(t *testing.T) {
	db := openDB(t, records())
	s := func() *vuln.Matches {
		m, err := db.Match(t.Context(), document(debian12,
			deb("libssl3", "3.0.14-1", "openssl", ""), deb("openssl", "3.0.14-1", "", ""), deb("zlib1g", "1", "zlib", ""),
			deb("bash", "5", "", ""), npm("left-pad", "1.3.0", "/a"), binary("thing", "1.9", "acme"), binary("openssl", "1.0", "openssl"),
		), vuln.MatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	first := s()
	for range 5 {
		if diff := cmp.Diff(first, s()); diff != "" {
			t.Fatalf("two runs differ (-first +later):\n%s", diff)
		}
	}
}
