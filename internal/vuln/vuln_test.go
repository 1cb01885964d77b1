package vuln_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cpe"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/linux"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit/grypedb"
	"github.com/imagegate/imagegate/internal/vuln"
)

// now is the time of every run in these tests, built the age of their databases.
var (
	now   = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	built = now.Add(-24 * time.Hour)
)

func day(s string) *time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err) // a typing error in a test
	}
	return &t
}

// records is a small database: one record of each kind that matching treats in its own
// way.
func records() []grypedb.Record {
	return []grypedb.Record{
		{
			ID: "CVE-2026-1000", Distro: "debian 12", Package: "openssl", Constraint: "< 3.0.15-1~deb12u1", Severity: report.High,
			CVSS:        []report.CVSS{{Source: "nvd@nist.gov", Type: "Primary", Version: "3.1", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}},
			EPSS:        &report.EPSS{Score: 0.42, Percentile: 0.97},
			KEV:         &report.KEV{DateAdded: "2026-02-01", DueDate: "2026-02-22", RansomwareUse: "Known"},
			Fix:         report.Fix{State: report.FixFixed, Versions: []string{"3.0.15-1~deb12u1"}, Available: day("2026-03-04")},
			Description: "TLS goes wrong.",
			URLs:        []string{"https://security-tracker.debian.org/tracker/CVE-2026-1000", "https://example.org/more"},
		},
		{ID: "CVE-2026-1001", Distro: "debian 12", Package: "bash", Severity: report.Low, Fix: report.Fix{State: report.FixWontFix}},
		{ID: "CVE-2026-1002", Distro: "debian 12", Package: "bash", Constraint: "< 1", Severity: report.Low},
		{ID: "CVE-2026-1003", Distro: "debian 12", Package: "linux", Severity: report.High, Fix: report.Fix{State: report.FixNotFixed}},
		{ID: "CVE-2023-45853", Distro: "debian 12", Package: "zlib", Severity: report.Critical},
		{
			ID: "CVE-2026-2000", Distro: "alpine 3.20", Package: "openssl", Constraint: "< 3.3.9-r0",
			Fix: report.Fix{State: report.FixFixed, Versions: []string{"3.3.9-r0"}},
		},
		{ID: "CVE-2026-2000", CPE: "openssl:openssl", Constraint: "< 3.3.9", Severity: report.Critical, Description: "From the NVD.", URLs: []string{"https://nvd.nist.gov/vuln/detail/CVE-2026-2000"}},
		{
			ID: "GHSA-aaaa-bbbb-cccc", Aliases: []string{"CVE-2026-3000"}, Ecosystem: "npm", Package: "left-pad", Constraint: ">= 1.0.0, < 1.3.1",
			Severity: report.Critical, EPSS: &report.EPSS{Score: 0.1, Percentile: 0.5},
			Fix: report.Fix{State: report.FixFixed, Versions: []string{"1.3.1"}},
		},
		{ID: "GHSA-dddd-eeee-ffff", Aliases: []string{"CVE-2026-1000"}, Ecosystem: "python", Package: "openssl-wrapper", Constraint: "< 2.0", Severity: report.High},
		{ID: "CVE-2026-5000", Distro: "debian 10 buster", Package: "openssl", Severity: report.High, EOL: day("2024-06-30")},
		{ID: "CVE-2026-4000", CPE: "acme:thing", Constraint: "< 2.0", Severity: report.Medium},
	}
}

// openDB builds a database and opens it the way a user gives one.
func openDB(tb testing.TB, rs []grypedb.Record) *vuln.DB {
	tb.Helper()
	dir := tb.TempDir()
	file, err := grypedb.Build(dir, rs, built)
	if err != nil {
		tb.Fatal(err)
	}
	db, err := vuln.Open(tb.Context(), vuln.DBOptions{CacheDir: filepath.Join(dir, "cache"), DB: file, Now: now})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

func at(path, layer string) file.LocationSet {
	return file.NewLocationSet(file.NewLocationFromCoordinates(file.Coordinates{RealPath: path, FileSystemID: layer}))
}

func deb(name, version, source, sourceVersion string) pkg.Package {
	return pkg.Package{
		Name: name, Version: version, Type: pkg.DebPkg, PURL: "pkg:deb/debian/" + name + "@" + version + "?distro=debian-12",
		Locations: at("/var/lib/dpkg/status.d/"+name, "sha256:layer"),
		Metadata:  pkg.DpkgDBEntry{Package: name, Version: version, Source: source, SourceVersion: sourceVersion},
	}
}

func apk(name, version, origin string) pkg.Package {
	return pkg.Package{
		Name: name, Version: version, Type: pkg.ApkPkg, PURL: "pkg:apk/alpine/" + name + "@" + version,
		Locations: at("/lib/apk/db/installed", "sha256:layer"),
		Metadata:  pkg.ApkDBEntry{Package: name, Version: version, OriginPackage: origin},
	}
}

func npm(name, version, path string) pkg.Package {
	return pkg.Package{
		Name: name, Version: version, Type: pkg.NpmPkg, Language: pkg.JavaScript, PURL: "pkg:npm/" + name + "@" + version,
		Locations: at(path, "sha256:app"),
	}
}

func binary(name, version, vendor string) pkg.Package {
	return pkg.Package{
		Name: name, Version: version, Type: pkg.BinaryPkg, PURL: "pkg:generic/" + name + "@" + version,
		Locations: at("/usr/bin/"+name, "sha256:app"),
		CPEs:      []cpe.CPE{cpe.Must("cpe:2.3:a:"+vendor+":"+name+":"+version+":*:*:*:*:*:*:*", cpe.DeclaredSource)},
	}
}

var (
	debian12 = &linux.Release{ID: "debian", VersionID: "12", VersionCodename: "bookworm", PrettyName: "Debian GNU/Linux 12 (bookworm)"}
	alpine   = func(v string) *linux.Release { return &linux.Release{ID: "alpine", VersionID: v} }
)

func document(release *linux.Release, ps ...pkg.Package) *sbom.SBOM {
	for i := range ps {
		ps[i].SetID()
	}
	return &sbom.SBOM{Artifacts: sbom.Artifacts{Packages: pkg.NewCollection(ps...), LinuxDistribution: release}}
}

func owns(owner, part pkg.Package) artifact.Relationship {
	owner.SetID()
	part.SetID()
	return artifact.Relationship{From: owner, To: part, Type: artifact.OwnershipByFileOverlapRelationship}
}

// wantFault fails the test unless err has the code, a hint when one is wanted, and the
// text.
func wantFault(tb testing.TB, err error, code fault.Code, text string) {
	tb.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		tb.Fatalf("error %v (%T), want a *fault.Error", err, err)
	}
	if fault.CodeOf(err) != code || !strings.Contains(err.Error(), text) {
		tb.Errorf("code %d, error %q; want code %d and %q in it", fault.CodeOf(err), err, code, text)
	}
	if code != fault.Internal && code != fault.Interrupted && fault.HintOf(err) == "" {
		tb.Errorf("error %q has no hint", err)
	}
}
