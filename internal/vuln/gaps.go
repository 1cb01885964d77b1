package vuln

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/pkg"
	syftpkg "github.com/anchore/syft/syft/pkg"

	"github.com/imagegate/imagegate/internal/report"
)

// gapFinder finds the packages that the database has no records to judge by, which Grype
// does not tell from packages without a finding. What a gap is made of is a type of
// packages: records of one package exist only where it had a vulnerability.
type gapFinder struct {
	db *DB
	// own are the package types that have a matcher of their own.
	own []syftpkg.Type
	// undetected is true when there is an os-release that Grype knows no data for.
	undetected bool
	// places has what was learned of each release and package type; nil when it has
	// records.
	places map[string]*gap
	found  []*gap
	ended  []string
	// names has which packages of which release have a record.
	names       map[string]bool
	versionless int
}

type gap struct {
	why string
	// foreign is true when the release is known, and packages of this type are not of it.
	foreign bool
	// packages of the running system, and those of another one inside the image.
	packages, aside int
}

func (d *DB) newGapFinder(in packages, matchers []match.Matcher) *gapFinder {
	g := &gapFinder{db: d, undetected: in.undetected, places: map[string]*gap{}, names: map[string]bool{}}
	for _, m := range matchers {
		g.own = append(g.own, m.PackageTypes()...)
	}
	return g
}

// count looks every package up and adds what it finds to out.
func (g *gapFinder) count(list []pkg.Package, out *Matches) error {
	for i := range list {
		p := &list[i]
		known, err := g.at(p)
		switch {
		case err != nil:
			return err
		case known == nil:
		case known.foreign && !ofTheSystem(p):
			known.aside++
		default:
			known.packages++
		}
		if isOS(p.Type) && strings.EqualFold(p.Version, "unknown") { // Grype passes over these
			g.versionless++
		}
	}
	for _, gap := range g.found {
		if n := gap.packages; n > 0 {
			text := fmt.Sprintf("%s: %s could not be matched", gap.why, count(n, "package"))
			out.Unmatched, out.Reason = out.Unmatched+n, cmp.Or(out.Reason, text)
			out.See(report.Unread, n, text)
		}
		if n := gap.aside; n > 0 {
			out.See(report.Unread, n, fmt.Sprintf("%s: %s outside of the system's own database could not be matched", gap.why, count(n, "package")))
		}
		out.Unjudged += gap.packages + gap.aside
	}
	if n := g.versionless; n > 0 {
		out.See(report.Unread, n, count(n, "package")+" of the operating system without a version could not be compared")
	}
	for _, text := range g.ended {
		out.See(report.Unread, 0, text)
	}
	return nil
}

// at returns the gap that p lies in, nil when the database has records to judge it by.
func (g *gapFinder) at(p *pkg.Package) (*gap, error) {
	place := string(p.Type)
	if isOS(p.Type) {
		place += "\x00" + release(p.Distro)
	}
	known, ok := g.places[place]
	if ok {
		return known, nil
	}
	why, foreign, err := g.why(p)
	if err != nil {
		return nil, err
	}
	if why != "" {
		known = &gap{why: why, foreign: foreign}
		g.found = append(g.found, known)
	}
	g.places[place] = known
	return known, nil
}

func release(d *distro.Distro) string {
	if d == nil {
		return ""
	}
	return strings.Join([]string{d.Name(), d.Version, d.Codename, strings.Join(d.Channels, ",")}, "\x00")
}

// why says why packages like p cannot be judged, "" when they can.
func (g *gapFinder) why(p *pkg.Package) (why string, foreign bool, err error) {
	switch {
	case !isOS(p.Type):
		why, err = g.db.coverType(p.Type, !slices.Contains(g.own, p.Type))
		return why, false, err
	case p.Distro == nil && g.undetected:
		return "Grype does not know the image's distribution", false, nil
	case p.Distro == nil:
		return "the image does not say which distribution it is", false, nil
	}
	c, err := g.db.cover(p.Distro, g.db.now)
	if err != nil || c.gap != "" {
		return c.gap, false, err
	}
	if t := managerOf(p.Distro.Type); t != "" && t != p.Type {
		return fmt.Sprintf("%s has packages of type %s, and nothing of type %s", title(p.Distro), t, p.Type), true, nil
	}
	if other, err := g.db.otherTypes(p.Distro, p.Type); err != nil || len(other) > 0 {
		return fmt.Sprintf("the database has no records for packages of type %s in %s, only of type %s",
			p.Type, title(p.Distro), strings.Join(other, ", ")), true, err
	}
	if text := fmt.Sprintf("the support of %s ended on %s: newer vulnerabilities may not be recorded",
		p.Distro, c.ended.Format(time.DateOnly)); !c.ended.IsZero() && !slices.Contains(g.ended, text) {
		g.ended = append(g.ended, text)
	}
	return "", false, nil
}

// managerOf is the type of a distribution's packages; "" when it is not known, or it has
// none.
func managerOf(t distro.Type) syftpkg.Type {
	switch t {
	case distro.Debian, distro.Ubuntu, distro.Raspbian, distro.Echo:
		return syftpkg.DebPkg
	case distro.Alpine, distro.Wolfi, distro.Chainguard, distro.MinimOS, distro.SecureOS, distro.PostmarketOS:
		return syftpkg.ApkPkg
	case distro.RedHat, distro.CentOS, distro.Fedora, distro.AmazonLinux, distro.OracleLinux, distro.OpenSuseLeap, distro.SLES,
		distro.Photon, distro.Mariner, distro.Azure, distro.RockyLinux, distro.AlmaLinux, distro.Scientific, distro.Hummingbird:
		return syftpkg.RpmPkg
	case distro.ArchLinux:
		return syftpkg.AlpmPkg
	case distro.Gentoo:
		return syftpkg.PortagePkg
	default: // whatever is like one of these has its type by then
		return ""
	}
}

// ofTheSystem reports whether p stands in the database of packages at the root of the
// image, and not in that of another system inside of it, or in an archive. A document
// that does not say where means the system's.
func ofTheSystem(p *pkg.Package) bool {
	places := p.Locations.ToUnorderedSlice()
	if len(places) == 0 {
		return true
	}
	for _, l := range places {
		if atRoot.MatchString(l.RealPath) || atRoot.MatchString(l.AccessPath) {
			return true
		}
	}
	return false
}

var atRoot = regexp.MustCompile(`^/?((usr|var)/)?(lib|share|db)/(apk|dpkg|opkg|pacman|pkg|rpm|rpmmanifest|sysimage)/`)

// knows reports whether the data of its distribution have a record of p, under its own
// name or its source's.
func (g *gapFinder) knows(p *pkg.Package) (bool, error) {
	if missing, err := g.at(p); err != nil || missing != nil {
		return false, err
	}
	names := []string{p.Name}
	for _, u := range p.Upstreams {
		names = append(names, u.Name)
	}
	for _, name := range names {
		key := release(p.Distro) + "\x00" + name
		known, ok := g.names[key]
		if !ok && name != "" {
			var err error
			if known, err = g.db.hasPackages(&v6.PackageSpecifier{Name: name, Ecosystem: string(p.Type)}, specifiers(p.Distro)); err != nil {
				return false, err
			}
			g.names[key] = known
		}
		if known {
			return true, nil
		}
	}
	return false, nil
}

// coverType looks for records of the packages of one ecosystem. Types without a matcher
// of their own are looked up by CPE too, so for them the NVD's records will do.
func (d *DB) coverType(t syftpkg.Type, byCPE bool) (string, error) {
	has, err := d.hasPackages(&v6.PackageSpecifier{Ecosystem: string(t)}, nil)
	if err != nil || has {
		return "", err
	}
	if byCPE {
		found, err := d.reader.GetAffectedCPEs(nil, &v6.GetCPEOptions{Limit: 1})
		if errors.Is(err, v6.ErrLimitReached) || len(found) > 0 {
			return "", nil
		}
		if err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("the database has no records for packages of type %s", t), nil
}
