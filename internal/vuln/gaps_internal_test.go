package vuln

import (
	"errors"
	"testing"
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/vulnerability"
	"github.com/anchore/syft/syft/cpe"
	"github.com/anchore/syft/syft/linux"
	syftpkg "github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit/grypedb"
)

var errDamaged = errors.New("database disk image is malformed")

// damaged is a database of which some questions cannot be answered.
type damaged struct {
	v6.Reader
	os       func(v6.OSSpecifier) bool
	packages func(*v6.PackageSpecifier, *v6.GetPackageOptions) bool
	cpes     bool
}

func (d damaged) GetOperatingSystems(s v6.OSSpecifier) ([]v6.OperatingSystem, error) {
	if d.os != nil && d.os(s) {
		return nil, errDamaged
	}
	return d.Reader.GetOperatingSystems(s)
}

func (d damaged) GetAffectedPackages(p *v6.PackageSpecifier, o *v6.GetPackageOptions) ([]v6.AffectedPackageHandle, error) {
	if d.packages != nil && d.packages(p, o) {
		return nil, errDamaged
	}
	return d.Reader.GetAffectedPackages(p, o)
}

func (d damaged) GetAffectedCPEs(c *cpe.Attributes, o *v6.GetCPEOptions) ([]v6.AffectedCPEHandle, error) {
	if d.cpes {
		return nil, errDamaged
	}
	return d.Reader.GetAffectedCPEs(c, o)
}

type endless struct{ vulnerability.Provider }

func (endless) GetOperatingSystemEOL(*distro.Distro) (*time.Time, *time.Time, error) {
	return nil, nil, errDamaged
}

// TestDamagedDatabaseCoversNothing: a question about coverage that fails is no answer, and
// not the answer that all is covered.
func TestDamagedDatabaseCoversNothing(t *testing.T) {
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	file, err := grypedb.Build(t.TempDir(), []grypedb.Record{{ID: "CVE-2026-1", Distro: "debian 12", Package: "bash", Severity: report.High}}, now)
	if err != nil {
		t.Fatal(err)
	}
	bash := syftpkg.Package{Name: "bash", Version: "5-1", Type: syftpkg.DebPkg}
	part := syftpkg.Package{Name: "bash", Version: "5", Type: syftpkg.BinaryPkg}
	for _, tt := range []struct {
		name string
		pkg  syftpkg.Package
		with func(db *DB)
		ok   bool
	}{
		{"sound", bash, func(*DB) {}, true},
		{"release", bash, func(db *DB) {
			db.reader = damaged{Reader: db.reader, os: func(s v6.OSSpecifier) bool { return !s.DisableFallback }}
		}, false},
		{"exact_release", bash, func(db *DB) {
			db.reader = damaged{Reader: db.reader, os: func(s v6.OSSpecifier) bool { return s.DisableFallback }}
		}, false},
		{"records_of_the_release", bash, func(db *DB) {
			db.reader = damaged{Reader: db.reader, packages: func(p *v6.PackageSpecifier, _ *v6.GetPackageOptions) bool { return p == nil }}
		}, false},
		{"records_of_the_type_in_the_release", bash, func(db *DB) {
			db.reader = damaged{Reader: db.reader, packages: func(p *v6.PackageSpecifier, _ *v6.GetPackageOptions) bool { return p != nil && p.Ecosystem == "deb" }}
		}, false},
		{"end_of_support", bash, func(db *DB) { db.provider = endless{db.provider} }, false},
		{"records_of_the_ecosystem", part, func(db *DB) {
			db.reader = damaged{Reader: db.reader, packages: func(*v6.PackageSpecifier, *v6.GetPackageOptions) bool { return true }}
		}, false},
		{"records_by_cpe", part, func(db *DB) { db.reader = damaged{Reader: db.reader, cpes: true} }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db, err := Open(t.Context(), DBOptions{DB: file, Now: now})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			s := &sbom.SBOM{}
			s.Artifacts.LinuxDistribution = &linux.Release{ID: "debian", VersionID: "12", VersionCodename: "bookworm"}
			s.Artifacts.Packages = syftpkg.NewCollection(tt.pkg)
			whole := *db
			tt.with(&whole)
			m, err := whole.Match(t.Context(), s, MatchOptions{})
			if tt.ok {
				if err != nil || m.State != report.Done {
					t.Fatalf("%+v, %v", m, err)
				}
				return
			}
			if m != nil || fault.CodeOf(err) != fault.Unavailable || !errors.Is(err, errDamaged) {
				t.Errorf("%+v, %v; want unavailable and the database's own error", m, err)
			}
		})
	}
}
