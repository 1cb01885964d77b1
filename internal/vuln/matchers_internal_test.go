package vuln

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/grype/grype/vulnerability"
	"github.com/anchore/syft/syft/linux"
	syftpkg "github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit/grypedb"
)

// broken is a matcher that fails for packages of one name and finds nothing in others.
type broken struct {
	match.Matcher
	name string
	fail func() error
}

func (b broken) Match(vp vulnerability.Provider, p pkg.Package) ([]match.Match, []match.IgnoreFilter, error) {
	if p.Name == b.name {
		return nil, nil, b.fail()
	}
	return b.Matcher.Match(vp, p)
}

// A matcher that fails for one package leaves the others as they are, and the run says
// that it is not complete.
func TestMatcherFailures(t *testing.T) {
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	file, err := grypedb.Build(dir, []grypedb.Record{{ID: "CVE-2026-1", Distro: "debian 12", Package: "good", Severity: report.High}}, now)
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), DBOptions{DB: file, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, tt := range []struct {
		name string
		fail func() error
		want string
	}{
		{"error", func() error { return errors.New("disk image is malformed") }, "deb bad 1: dpkg-matcher did not finish: disk image is malformed"},
		{"fatal_error", func() error { return match.NewFatalError(match.DpkgMatcher, errors.New("maven is down")) }, "maven is down"},
		{"panic", func() error { var m map[string]int; m["x"] = 1; return nil }, "panic: assignment to entry in nil map"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ms := defaultMatchers()
			ms[0] = broken{Matcher: ms[0], name: "bad", fail: tt.fail}
			s := &sbom.SBOM{}
			s.Artifacts.LinuxDistribution = &linux.Release{ID: "debian", VersionID: "12", VersionCodename: "bookworm"}
			s.Artifacts.Packages = syftpkg.NewCollection(
				syftpkg.Package{Name: "bad", Version: "1", Type: syftpkg.DebPkg}, syftpkg.Package{Name: "good", Version: "1", Type: syftpkg.DebPkg})
			m, err := db.Match(t.Context(), s, MatchOptions{matchers: ms})
			if err != nil {
				t.Fatal(err)
			}
			if len(m.Vulnerabilities) != 1 || m.Vulnerabilities[0].Package.Name != "good" {
				t.Errorf("findings %v, want the one in the other package", m.Vulnerabilities)
			}
			if o := m.Observations[0]; o.Kind != report.Unread || m.Observations[1].Kind != report.Information || !strings.Contains(o.Message, tt.want) {
				t.Errorf("observations %+v, want one unread with %q", m.Observations, tt.want)
			}
			if m.State != report.Failed || !strings.Contains(m.Reason, "1 package") {
				t.Errorf("state %s (%s)", m.State, m.Reason)
			}
		})
	}
}

// TestVersionThatCannotBeCompared: a package of the system whose version is none is not clean
// where the database has a record of it.
func TestVersionThatCannotBeCompared(t *testing.T) {
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	file, err := grypedb.Build(t.TempDir(), []grypedb.Record{{ID: "CVE-2026-1", Distro: "debian 12", Package: "known", Constraint: "< 2-1", Severity: report.High}}, now)
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), DBOptions{DB: file, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, tt := range []struct {
		name, pkg, version string
		findings           int
		want               report.State
	}{
		{"version", "known", "1-1", 1, report.Done},
		{"no_version_of_dpkg", "known", "1%2B1-1", 0, report.Failed},
		{"and_no_record", "unknown", "1%2B1-1", 0, report.Done},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &sbom.SBOM{}
			s.Artifacts.LinuxDistribution = &linux.Release{ID: "debian", VersionID: "12", VersionCodename: "bookworm"}
			s.Artifacts.Packages = syftpkg.NewCollection(syftpkg.Package{Name: tt.pkg, Version: tt.version, Type: syftpkg.DebPkg})
			m, err := db.Match(t.Context(), s, MatchOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if m.State != tt.want || len(m.Vulnerabilities) != tt.findings {
				t.Errorf("state %s (%s), findings %v, observations %+v", m.State, m.Reason, m.Vulnerabilities, m.Observations)
			}
		})
	}
}

func TestLogKeepsWhatGrypeSurvives(t *testing.T) {
	r := &receiver{turn: make(chan struct{}, 1)}
	l := &listener{log: DBOptions{}.withDefaults().Logger}
	e := entry{to: r}
	e.Warn("nobody listens") // and it is gone
	r.active.Store(l)
	l.setPackage("deb a 1")
	e.WithFields("error", errors.New("bad\n\tversion")).Debug("match constraint error")
	e.WithFields("error", errors.New("only traced")).Trace("x")
	e.Debug("no error, no problem")
	e.Infof("%d", 1)
	l.setPackage("deb b 1")
	e.Nested("error", errors.New("bad version")).Debugf("match %s error", "constraint")
	l.setPackage("")
	e.Warnf("odd %s", "thing")
	unread := func(n int, text string) report.Observation {
		return report.Observation{Stage: report.StageVuln, Kind: report.Unread, Count: n, Message: text}
	}
	both := unread(2, "deb a 1 and 1 more package: match constraint error: bad version")
	if got, want := l.problems(10), []report.Observation{both, unread(1, "odd thing")}; !slices.Equal(got, want) {
		t.Errorf("problems %+v, want %+v", got, want)
	}
	if got, want := l.problems(1), []report.Observation{both, unread(1, "1 more problem")}; !slices.Equal(got, want) {
		t.Errorf("limited to one: %+v, want %+v", got, want)
	}
}
