package vuln

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/vulnerability"
	syftpkg "github.com/anchore/syft/syft/pkg"

	v6 "github.com/anchore/grype/grype/db/v6"
)

// coverage says what the database knows of one release of a distribution.
type coverage struct {
	// gap says why packages of the release cannot be judged, "" when they can.
	gap string
	// ended is the day at which the release's support ended, zero when it has not.
	ended time.Time
}

// cover asks the database for its records of d. Grype itself answers nothing in both
// cases, when a release is clean and when there is no record of it; and where it has
// other releases of the same major version (Alpine 3.18 for 3.20) it compares with those.
func (d *DB) cover(dist *distro.Distro, now time.Time) (coverage, error) {
	spec := *specifiers(dist)[0]
	used, err := d.reader.GetOperatingSystems(spec)
	if err != nil && !errors.Is(err, v6.ErrMissingOSIdentification) {
		return coverage{}, err
	}
	exact := spec
	exact.DisableFallback = true
	own, err := d.reader.GetOperatingSystems(exact)
	if err != nil && !errors.Is(err, v6.ErrMissingOSIdentification) {
		return coverage{}, err
	}
	own = append(own, wholeMajor(used)...)
	switch {
	case len(used) == 0:
		return coverage{gap: "the database has no records for " + title(dist)}, nil
	case len(own) == 0:
		return coverage{gap: fmt.Sprintf("the database has no records for %s, only for other releases of %s %s",
			title(dist), dist.ID(), dist.MajorVersion())}, nil
	}
	has, err := d.hasPackages(nil, v6.OSSpecifiers{&spec})
	if err != nil {
		return coverage{}, err
	}
	if !has {
		return coverage{gap: fmt.Sprintf("the database knows %s but has no records for it", title(dist))}, nil
	}
	c := coverage{}
	if checker, ok := d.provider.(vulnerability.EOLChecker); ok && !now.IsZero() {
		end, _, err := checker.GetOperatingSystemEOL(dist)
		if err != nil {
			return coverage{}, err
		}
		if end != nil && end.Before(now) {
			c.ended = *end
		}
	}
	return c, nil
}

// title is how a release is called. Grype gives no name to a distribution that it does not
// know, which a package URL may name.
func title(d *distro.Distro) string {
	if d.ID() == "" {
		return strings.TrimSpace(d.Name() + " " + d.VersionString())
	}
	return d.String()
}

// specifiers is how the database is asked for a release.
func specifiers(d *distro.Distro) v6.OSSpecifiers {
	return v6.OSSpecifiers{{
		Name:             d.Name(),
		MajorVersion:     d.MajorVersion(),
		MinorVersion:     d.MinorVersion(),
		RemainingVersion: d.RemainingVersion(),
		LabelVersion:     d.LabelVersion(),
	}}
}

// otherTypes returns the types of packages that the database's records of a release are
// about, nil when some are about t, or none says its type.
func (d *DB) otherTypes(dist *distro.Distro, t syftpkg.Type) (other []string, err error) {
	for _, o := range append([]syftpkg.Type{t}, osTypes...) {
		has, err := d.hasPackages(&v6.PackageSpecifier{Ecosystem: string(o)}, specifiers(dist))
		switch {
		case err != nil:
			return nil, err
		case has && o == t:
			return nil, nil
		case has:
			other = append(other, string(o))
		}
	}
	return other, nil
}

// wholeMajor keeps the rows that stand for every minor release of their major version,
// and rolling ones.
func wholeMajor(rows []v6.OperatingSystem) []v6.OperatingSystem {
	var out []v6.OperatingSystem
	for _, r := range rows {
		if r.MinorVersion == "" {
			out = append(out, r)
		}
	}
	return out
}

func (d *DB) hasPackages(p *v6.PackageSpecifier, os v6.OSSpecifiers) (bool, error) {
	found, err := d.reader.GetAffectedPackages(p, &v6.GetPackageOptions{OSs: os, Limit: 1})
	switch {
	case errors.Is(err, v6.ErrLimitReached): // and then nothing is handed out
		return true, nil
	case err == nil:
		return len(found) > 0, nil
	case errors.Is(err, v6.ErrOSNotPresent):
		return false, nil
	default:
		return false, err
	}
}
