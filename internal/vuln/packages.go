package vuln

import (
	"slices"
	"strings"

	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/packageurl-go"
	"github.com/anchore/syft/syft/artifact"
	syftpkg "github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
)

// packages are what an SBOM gives to match.
type packages struct {
	list []pkg.Package
	// distro is what os-release says, nil when nothing says it.
	distro *distro.Distro
	// undetected is true when there is an os-release that Grype knows no data for.
	undetected bool
	// dhi counts the packages that only Docker's own advisories speak of.
	dhi int
	// owned counts the packages that are matched as parts of a package of the system.
	owned int
}

// gather turns an SBOM into Grype's packages the way the grype command does it.
func gather(s *sbom.SBOM) packages {
	out := packages{}
	release := s.Artifacts.LinuxDistribution
	out.distro = distro.FromRelease(release, distro.DefaultFixChannels())
	out.undetected = release != nil && out.distro == nil

	var all []*pkg.Package
	for _, p := range pkg.FromCollection(s.Artifacts.Packages, s.Relationships, pkg.SynthesisConfig{}) {
		fromPURL(p, release != nil)
		if isDHI(p) {
			out.dhi++
			continue
		}
		if p.Distro == nil {
			p.Distro = out.distro
		}
		all = append(all, p)
	}
	before := len(all)
	all = slices.DeleteFunc(all, ownedByOS)
	out.owned = before - len(all)
	out.list = pkg.FromPtrs(all)
	if out.distro == nil { // a document of another format names it in its package URLs
		for _, p := range out.list {
			if isOS(p.Type) && p.Distro != nil {
				out.distro = p.Distro
				break
			}
		}
	}
	return out
}

// isDHI reports whether p is one of Docker's own components (pkg:dhi/…). Only the DHI
// feed speaks of them: the records of Debian, Alpine or PyPI for a package of that name
// describe another build. Grype has no rule for them and would try their CPEs.
func isDHI(p *pkg.Package) bool {
	return p.Type == "dhi" || strings.HasPrefix(p.PURL, "pkg:dhi/")
}

func isOS(t syftpkg.Type) bool {
	switch t {
	case syftpkg.DebPkg, syftpkg.RpmPkg, syftpkg.ApkPkg, syftpkg.AlpmPkg, syftpkg.PortagePkg:
		return true
	default:
		return false
	}
}

// ownedByOS reports whether p is only a part of a package of the operating system: its
// files belong to that package and the versions agree. Where the distribution's feed
// tells of unfixed vulnerabilities too, the feed knows p better than anyone; elsewhere
// only bare binaries are left to it. These are the grype command's rules.
func ownedByOS(p *pkg.Package) bool {
	return slices.ContainsFunc(p.RelatedPackages[artifact.OwnershipByFileOverlapRelationship], func(owner *pkg.Package) bool {
		switch {
		case owner == nil || owner.Distro == nil:
			return false
		case !strings.HasPrefix(owner.Version, p.Version) && !strings.HasPrefix(p.Version, owner.Version):
			return false
		case p.Type == syftpkg.BinaryPkg:
			return true
		default:
			return isOS(owner.Type) && !isOS(p.Type) && tellsUnfixed(owner.Distro)
		}
	})
}

// tellsUnfixed reports whether the feed of a distribution lists vulnerabilities that
// it has not fixed.
func tellsUnfixed(d *distro.Distro) bool {
	if d.Type == distro.AmazonLinux { // says that it is like RHEL; its feed is not
		return false
	}
	for _, t := range []distro.Type{
		distro.ArchLinux, distro.Azure, distro.Debian, distro.Mariner, distro.RedHat, distro.SLES, distro.Ubuntu,
	} {
		if strings.EqualFold(string(t), d.Name()) ||
			slices.ContainsFunc(d.IDLike, func(like string) bool { return strings.EqualFold(string(t), like) }) {
			return true
		}
	}
	return false
}

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
