package vuln

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/packageurl-go"
	syftpkg "github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
)

// packages are what an SBOM gives to match.
type packages struct {
	all []*pkg.Package
	// distro is what os-release says, nil when nothing says it.
	distro *distro.Distro
	// undetected is true when there is an os-release that Grype knows no data for.
	undetected bool
	// dhi are the packages that only Docker's own advisories speak of, disputed those of
	// which it is not clear what they are.
	dhi, disputed []*pkg.Package
	// owned counts the packages that are matched as parts of a package of the system.
	owned int
	// renamed are packages whose name or version was not that of their package URL, as
	// their document writes them.
	renamed []string
}

// gather turns an SBOM into Grype's packages the way the grype command does it, except
// that a package is what its package URL says.
func gather(s *sbom.SBOM) packages {
	out := packages{}
	release := s.Artifacts.LinuxDistribution
	out.distro = distro.FromRelease(release, distro.DefaultFixChannels())
	out.undetected = release != nil && out.distro == nil

	for _, p := range pkg.FromCollection(s.Artifacts.Packages, s.Relationships, pkg.SynthesisConfig{}) {
		if isDHI(p) {
			out.dhi = append(out.dhi, p)
			continue
		}
		as := written(p)
		switch identify(p) {
		case renamed:
			out.renamed = append(out.renamed, as)
		case disputed:
			out.disputed = append(out.disputed, p)
		case agreed:
		}
		fromPURL(p, release != nil)
		if p.Distro == nil {
			p.Distro = out.distro
		}
		out.all = append(out.all, p)
	}
	if out.distro == nil { // a document of another format names it in its package URLs
		for _, p := range out.all {
			if isOS(p.Type) && p.Distro != nil {
				out.distro = p.Distro
				break
			}
		}
	}
	return out
}

// written is a package as its document has it, at a readable length.
func written(p *pkg.Package) string {
	return fmt.Sprintf("%.200s %.100s (%.300s)", p.Name, p.Version, p.PURL)
}

// isDHI reports whether p is one of Docker's own components (pkg:dhi/…). Only the DHI
// feed speaks of them: the records of Debian, Alpine or PyPI for a package of that name
// describe another build. Grype has no rule for them and would try their CPEs.
func isDHI(p *pkg.Package) bool {
	return p.Type == "dhi" || strings.HasPrefix(p.PURL, "pkg:dhi/")
}

// osTypes are the packages of operating systems.
var osTypes = []syftpkg.Type{syftpkg.DebPkg, syftpkg.RpmPkg, syftpkg.ApkPkg, syftpkg.AlpmPkg, syftpkg.PortagePkg}

func isOS(t syftpkg.Type) bool { return slices.Contains(osTypes, t) }

// fromPURL fills in what documents other than Syft's own keep only in the qualifiers of
// a package URL: the source package and, when no os-release says it, the distribution.
func fromPURL(p *pkg.Package, hasRelease bool) {
	if p.PURL == "" || len(p.Upstreams) > 0 && (hasRelease || p.Distro != nil) {
		return
	}
	purl, err := packageurl.FromString(p.PURL)
	if err != nil {
		return // what is missing then is told where it is missed
	}
	for _, q := range purl.Qualifiers {
		switch {
		case q.Key == syftpkg.PURLQualifierUpstream && len(p.Upstreams) == 0:
			if u := upstream(q.Value, p.Type); u.Name != "" && u.Name != p.Name {
				p.Upstreams = []pkg.UpstreamPackage{u}
			}
		case q.Key == syftpkg.PURLQualifierDistro && !hasRelease && p.Distro == nil:
			if name, version := distro.ParseDistroString(q.Value); name != "" {
				p.Distro = distro.NewFromNameVersion(name, version)
			}
		}
	}
}

// upstream reads "name", "name@version" or, for RPM, "name-version-release.src.rpm".
func upstream(value string, t syftpkg.Type) pkg.UpstreamPackage {
	if t != syftpkg.RpmPkg {
		name, version, _ := strings.Cut(value, "@")
		return pkg.UpstreamPackage{Name: name, Version: version}
	}
	stem := strings.TrimSuffix(strings.TrimSuffix(value, ".rpm"), ".src")
	release := strings.LastIndexByte(stem, '-')
	if release < 0 {
		return pkg.UpstreamPackage{}
	}
	version := strings.LastIndexByte(stem[:release], '-')
	if version < 0 {
		return pkg.UpstreamPackage{}
	}
	return pkg.UpstreamPackage{Name: stem[:version], Version: stem[version+1:]}
}
