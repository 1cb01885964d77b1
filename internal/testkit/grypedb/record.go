// Package grypedb builds small, real Grype databases of schema v6: the same SQLite
// file, archive and listing that Anchore distributes, with a handful of records in
// them. Tests and the demo give the result to the very code that reads the published
// database; nothing is stubbed.
//
// It guarantees that equal records and an equal build time give a database with equal
// contents. It does not know how Anchore's feeds are gathered: records are taken as
// written, and nothing fills in what they leave out.
//
// Start reading at [Build].
package grypedb

import (
	"fmt"
	"strings"
	"time"

	db "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/syft/syft/pkg"

	"github.com/imagegate/imagegate/internal/report"
)

// Record says that one vulnerability affects one package. Records with the same
// provider and ID are one vulnerability that affects several packages; the first of
// them describes it. Exactly one of Distro, Ecosystem and CPE says where the package
// lives.
type Record struct {
	// ID names the vulnerability (CVE-…, GHSA-…), Aliases are its other names.
	ID      string
	Aliases []string

	// Distro is a release: "debian 12", "alpine 3.20", or with a codename that is not
	// well known, "debian 14 forky".
	Distro string
	// Ecosystem is a package type as Syft names it: npm, python, go-module, gem,
	// java-archive, rust-crate.
	Ecosystem string
	// CPE is a vendor and product, "vendor:product", for packages that are only found
	// by CPE.
	CPE string

	// Package is the name in the distro or ecosystem: for Debian and Alpine the source
	// package, as in their feeds.
	Package string
	// Constraint are the affected versions ("< 1.2.3", ">= 1.0, < 1.4"); "" is every
	// version.
	Constraint string

	// Severity is the source's own rating; "" leaves it to the first CVSS vector.
	Severity report.Severity
	CVSS     []report.CVSS
	EPSS     *report.EPSS
	KEV      *report.KEV
	// Fix has the state, the fixed version (the first is used) and the date at which
	// it could be had. An empty state is unknown.
	Fix         report.Fix
	Description string
	URLs        []string
	// Published is the date of the record. Zero means the time of the build.
	Published time.Time
	// EOL is the end of the distro release's support; nil means that none is known. The
	// first record of a release says it for all.
	EOL *time.Time
}

// Provider is the feed that such a record would come from.
func (r Record) Provider() string {
	switch {
	case r.Distro != "":
		name, _, _ := strings.Cut(r.Distro, " ")
		return name
	case r.Ecosystem != "":
		return "github"
	default:
		return "nvd"
	}
}

func (r Record) validate() error {
	places := 0
	for _, s := range []string{r.Distro, r.Ecosystem, r.CPE} {
		if s != "" {
			places++
		}
	}
	switch {
	case r.ID == "":
		return fmt.Errorf("record of package %q has no ID", r.Package)
	case places != 1:
		return fmt.Errorf("record %s: exactly one of Distro, Ecosystem and CPE is wanted", r.ID)
	case r.CPE == "" && r.Package == "":
		return fmt.Errorf("record %s: no package", r.ID)
	case r.CPE != "" && strings.Count(r.CPE, ":") != 1:
		return fmt.Errorf("record %s: CPE %q is not vendor:product", r.ID, r.CPE)
	}
	return nil
}

// operatingSystem returns the release's row, nil for records of no distro. Grype asks
// for the codename too when os-release has one, so it has to be there.
func (r Record) operatingSystem() (*db.OperatingSystem, error) {
	if r.Distro == "" {
		return nil, nil
	}
	f := strings.Fields(r.Distro)
	if len(f) < 2 || len(f) > 3 {
		return nil, fmt.Errorf("record %s: distro %q is not \"name version [codename]\"", r.ID, r.Distro)
	}
	major, minor, _ := strings.Cut(f[1], ".")
	os := &db.OperatingSystem{Name: f[0], ReleaseID: f[0], MajorVersion: major, MinorVersion: minor, EOLDate: r.EOL}
	if len(f) == 3 {
		os.Codename = f[2]
	} else {
		os.Codename = codename(f[0], f[1])
	}
	return os, nil
}

func codename(name, version string) string {
	switch name + " " + version {
	case "debian 11":
		return "bullseye"
	case "debian 12":
		return "bookworm"
	case "debian 13":
		return "trixie"
	case "ubuntu 22.04":
		return "jammy"
	case "ubuntu 24.04":
		return "noble"
	default:
		return ""
	}
}

// ecosystem is the package type under which the package is filed, and versions the
// scheme by which its versions are ordered.
func (r Record) ecosystem() (ecosystem, versions string) {
	if r.Ecosystem != "" {
		switch pkg.Type(r.Ecosystem) {
		case pkg.PythonPkg, pkg.GoModulePkg, pkg.JavaPkg, pkg.GemPkg:
			return r.Ecosystem, r.Ecosystem
		default:
			return r.Ecosystem, "semver"
		}
	}
	switch r.Provider() {
	case "alpine", "wolfi", "chainguard":
		return string(pkg.ApkPkg), "apk"
	case "debian", "ubuntu":
		return string(pkg.DebPkg), "dpkg"
	case "nvd":
		return "", "semver"
	default:
		return string(pkg.RpmPkg), "rpm"
	}
}
