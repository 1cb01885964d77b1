package vuln

import (
	"regexp"
	"slices"
	"strings"

	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/syft/syft/artifact"
	syftpkg "github.com/anchore/syft/syft/pkg"
)

// leaveOwned takes out of the list what is only a part of a package of the operating
// system: its files belong to that package, both have the same upstream version, and the
// distribution's data speak of that package. Where they tell of unfixed vulnerabilities
// too, they know the part better than anyone; elsewhere only bare binaries are left to
// them. The kinds are the grype command's; Grype would also take a version that begins
// like the owner's, and an owner that nobody ever heard of.
func (in *packages) leaveOwned(known func(owner *pkg.Package) (bool, error)) error {
	var failed error
	before := len(in.all)
	in.all = slices.DeleteFunc(in.all, func(p *pkg.Package) bool {
		return slices.ContainsFunc(p.RelatedPackages[artifact.OwnershipByFileOverlapRelationship], func(owner *pkg.Package) bool {
			if failed != nil || owner == nil || !mayOwn(owner, p) || !sameUpstream(owner, p) {
				return false
			}
			ok, err := known(owner)
			failed = err
			return ok && err == nil
		})
	})
	in.owned = before - len(in.all)
	return failed
}

func mayOwn(owner, p *pkg.Package) bool {
	return owner.Distro != nil && isOS(owner.Type) && !isOS(p.Type) && (p.Type == syftpkg.BinaryPkg || tellsUnfixed(owner.Distro))
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

// sameUpstream reports whether a package of the operating system was built from the
// version that its part says to be.
func sameUpstream(owner, part *pkg.Package) bool {
	own := plain(part.Version)
	if own == "" || strings.EqualFold(own, "unknown") {
		return false
	}
	whole := upstreamVersion(owner.Version, owner.Type)
	if _, really, ok := strings.Cut(whole, "+really"); ok { // an older one under a number that sorts higher
		whole = really
	}
	return plain(whole) == own || plain(repacked.ReplaceAllString(whole, "")) == own
}

// upstreamVersion drops the epoch and the distribution's own revision.
func upstreamVersion(v string, t syftpkg.Type) string {
	_, v = cutEpoch(v)
	switch t {
	case syftpkg.ApkPkg, syftpkg.PortagePkg:
		return revision.ReplaceAllString(v, "")
	default:
		if i := strings.LastIndexByte(v, '-'); i >= 0 {
			v = v[:i]
		}
		return v
	}
}

var (
	revision = regexp.MustCompile(`-r[0-9]+$`)
	// repacked is what distributions write behind the version of sources that they changed.
	repacked = regexp.MustCompile(`(\+.*|[.~]?dfsg.*|~(ds|repack|git).*)$`)
	// candidate is the separator before a pre-release: 2.0~rc1, 2.0_rc1 and 2.0-rc.1 are one.
	candidate = regexp.MustCompile(`[-._~]?(a|b|c|alpha|beta|dev|pre|post|rc)[-._]?([0-9]*)$`)
)

// plain writes equal versions of several ecosystems in one way.
func plain(v string) string {
	_, v = cutEpoch(v)
	v = candidate.ReplaceAllString(strings.ToLower(bareVersion(v)), "$1$2")
	for strings.HasSuffix(v, ".0") {
		v = strings.TrimSuffix(v, ".0")
	}
	return v
}
