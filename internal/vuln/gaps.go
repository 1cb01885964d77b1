package vuln

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/pkg"
	syftpkg "github.com/anchore/syft/syft/pkg"
)

// gaps finds the packages that the database has no records to judge by, which Grype
// does not tell from packages without a finding. It counts them in out.Unmatched and
// returns a sentence for each reason.
func (d *DB) gaps(in packages, matchers []match.Matcher, out *Matches) ([]string, error) {
	g := &gapFinder{db: d, places: map[string]*gap{}}
	for _, m := range matchers {
		g.own = append(g.own, m.PackageTypes()...)
	}
	for _, p := range in.list {
		if err := g.look(p, in.undetected); err != nil {
			return nil, err
		}
	}
	var problems []string
	for _, gap := range g.found {
		out.Unmatched += gap.packages
		problems = append(problems, fmt.Sprintf("%s: %s could not be matched", gap.why, count(gap.packages, "package")))
	}
	if g.versionless > 0 {
		problems = append(problems, fmt.Sprintf("%s of the operating system without a version could not be compared", count(g.versionless, "package")))
	}
	return append(problems, g.ended...), nil
}

type gapFinder struct {
	db *DB
	// own are the package types that have a matcher of their own.
	own []syftpkg.Type
	// places has what was learned of each release and package type; nil when it has
	// records.
	places      map[string]*gap
	found       []*gap
	ended       []string
	versionless int
}

type gap struct {
	why      string
	packages int
}

func (g *gapFinder) look(p pkg.Package, undetected bool) error {
	place := string(p.Type)
	if isOS(p.Type) {
		place = "?"
		if p.Distro != nil {
			place = p.Distro.String() + "\x00" + p.Distro.Codename
		}
		if strings.EqualFold(p.Version, "unknown") { // Grype passes over these
			g.versionless++
		}
	}
	known, ok := g.places[place]
	if !ok {
		why, err := g.why(p, undetected)
		if err != nil {
			return err
		}
		if why != "" {
			known = &gap{why: why}
			g.found = append(g.found, known)
		}
		g.places[place] = known
	}
	if known != nil {
		known.packages++
	}
	return nil
}

// why says why packages like p cannot be judged, "" when they can.
func (g *gapFinder) why(p pkg.Package, undetected bool) (string, error) {
	switch {
	case !isOS(p.Type):
		return g.db.coverType(p.Type, !slices.Contains(g.own, p.Type))
	case p.Distro == nil && undetected:
		return "Grype does not know the image's distribution", nil
	case p.Distro == nil:
		return "the image does not say which distribution it is", nil
	}
	c, err := g.db.cover(p.Distro, g.db.now)
	if !c.ended.IsZero() {
		g.ended = append(g.ended, fmt.Sprintf("the support of %s ended on %s: newer vulnerabilities may not be recorded",
			p.Distro, c.ended.Format(time.DateOnly)))
	}
	return c.gap, err
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
