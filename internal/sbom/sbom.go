// Package sbom lists what is installed in a pulled image, with Syft, and writes the
// list in the three formats that others read.
//
// It makes no network request and runs no tool of the host. A file that cannot be
// parsed costs that file and is told by [SBOM.Observations]; a cataloger that fails, or a
// package database of the operating system that is not read to its end, costs the
// completeness of the list and is told by [SBOM.Incomplete]. What it writes is
// deterministic: equal images and equal [Options] give equal bytes.
//
// It knows nothing of vulnerabilities, and it does not judge: an image in which nothing
// was found has [SBOM.Packages] 0, and what that means is for the caller to say.
//
// Start reading at [Extract].
package sbom

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"

	"github.com/imagegate/imagegate/internal/report"
)

// SBOM is a bill of materials, extracted or decoded.
type SBOM struct {
	syft      *sbom.SBOM
	created   time.Time
	generator string
	// failed are catalogers, and broken databases with the reason.
	failed, broken []string
	observations   []report.Observation
}

// Syft returns the bill in the form that Grype matches. It is shared, not copied.
func (s *SBOM) Syft() *sbom.SBOM { return s.syft }

// Packages is the number of packages. 0 is a state of its own: the catalogers ran and
// found nothing that they know.
func (s *SBOM) Packages() int { return s.syft.Artifacts.Packages.PackageCount() }

// Types counts the packages by type, in the order of the type names.
func (s *SBOM) Types() []report.PackageCount {
	n := map[string]int{}
	for p := range s.syft.Artifacts.Packages.Enumerate() {
		n[string(p.Type)]++
	}
	out := make([]report.PackageCount, 0, len(n))
	for t, count := range n {
		out = append(out, report.PackageCount{Type: t, Packages: count})
	}
	slices.SortFunc(out, func(a, b report.PackageCount) int { return cmp.Compare(a.Type, b.Type) })
	return out
}

// Distro is what the image's os-release says, or nil without one.
func (s *SBOM) Distro() *report.Distro {
	r := s.syft.Artifacts.LinuxDistribution
	if r == nil {
		return nil
	}
	d := &report.Distro{
		ID: r.ID, Version: cmp.Or(r.VersionID, r.BuildID), Codename: r.VersionCodename,
		IDLike: slices.Clone(r.IDLike), PrettyName: r.PrettyName,
	}
	// A document without os-release is given one made of its package URLs, in which a
	// distribution is like itself.
	d.IDLike = slices.DeleteFunc(d.IDLike, func(like string) bool { return like == r.ID })
	if len(d.IDLike) == 0 && r.ID == "dhi" {
		d.IDLike = s.family()
	}
	return d
}

// family is what the packages say of an image whose os-release does not: those of apk
// are Alpine's kind, those of dpkg Debian's. Nil when there are none, or both.
func (s *SBOM) family() []string {
	apk, deb := len(s.syft.Artifacts.Packages.Sorted(pkg.ApkPkg)) > 0, len(s.syft.Artifacts.Packages.Sorted(pkg.DebPkg)) > 0
	switch {
	case apk && !deb:
		return []string{"alpine"}
	case deb && !apk:
		return []string{"debian"}
	default:
		return nil
	}
}

// Generator names what found the packages, such as "syft v1.54.1".
func (s *SBOM) Generator() string { return s.generator }

// Observations tell which files could not be read as what they seem to be, and which
// hold no package. They quote text of the image. A decoded bill has none.
func (s *SBOM) Observations() []report.Observation { return slices.Clone(s.observations) }

// Incomplete says why the list is not complete, sorted; nil when it is. Each reason is
// about one cataloger that did not run to its end, or one database of the operating
// system's packages, at the root of the image, that was not read to its end.
func (s *SBOM) Incomplete() []string {
	var out []string
	for _, name := range s.failed {
		out = append(out, name+" did not finish")
	}
	const most = 20
	if n := len(s.broken) - most; n > 0 {
		return append(append(out, s.broken[:most]...), fmt.Sprintf("and %d more package databases", n))
	}
	return append(out, s.broken...)
}
