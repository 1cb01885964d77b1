package advisory

import (
	"errors"
	"fmt"
	"slices"
)

// verdict is what one affected entry says of one version.
type verdict struct {
	hit bool
	// listed is true when the version is named, and not only inside a range.
	listed bool
	// fixes are the first fixed version of each range that the version is in; unfixed is
	// true when one of them has none.
	fixes   []string
	unfixed bool
}

// judge says whether a version is affected: listed in versions, or inside one of the
// ranges (OSV schema, "Evaluation"). The error means that it could not be said, as when
// a range cannot be read; a version that is listed is affected whatever the ranges are.
func (a *affected) judge(version string) (verdict, error) {
	compare := orderOf(a.Package.Ecosystem)
	var v verdict
	for _, listed := range a.Versions {
		if listed == version {
			v.hit, v.listed = true, true
		} else if c, err := compare(listed, version); err == nil && c == 0 {
			v.hit, v.listed = true, true
		}
	}
	var errs []error
	for _, r := range a.Ranges {
		switch r.Type {
		case "GIT": // commits are not versions
			continue
		case rangeType(a.Package.Ecosystem):
		default:
			errs = append(errs, fmt.Errorf("ranges of type %q have no meaning in %s", clip(r.Type), clip(a.Package.Ecosystem)))
			continue
		}
		in, fix, err := r.holds(version, compare)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if in {
			v.hit = true
			v.fix(fix)
		}
	}
	if v.hit {
		return v, nil
	}
	return v, errors.Join(errs...)
}

func (v *verdict) fix(version string) {
	switch {
	case version == "":
		v.unfixed = true
	case !slices.Contains(v.fixes, version):
		v.fixes = append(v.fixes, version)
	}
}

// point is an event at its version.
type point struct {
	event
	version string
}

// holds walks over the events in the order of their versions; those of one version keep
// the order in which they were written. It returns the fix that ends the affected
// stretch, "" when none does.
func (r *span) holds(version string, compare order) (in bool, fix string, err error) {
	points, limits, err := r.points(compare)
	if err != nil {
		return false, "", err
	}
	if len(limits) > 0 {
		below := false
		for _, limit := range limits {
			c, err := compare(version, limit)
			if err != nil {
				return false, "", err
			}
			below = below || c < 0
		}
		if !below {
			return false, "", nil
		}
	}
	ended := false // the stretch that version is in ends without a fix
	for _, p := range points {
		c := 1 // everything is after the beginning
		if p.Introduced != "0" {
			if c, err = compare(version, p.version); err != nil {
				return false, "", err
			}
		}
		switch {
		case p.Introduced != "":
			in = in || c >= 0
		case p.Fixed != "" && c >= 0:
			in = false
		case p.Fixed != "" && in && fix == "" && !ended:
			fix = p.Fixed
		case p.LastAffected != "" && c > 0:
			in = false
		case p.LastAffected != "":
			ended = ended || in
		}
	}
	if len(points) > 0 && points[0].version == "" { // begins at the beginning: the version itself was never read
		if _, err := compare(version, version); err != nil {
			return false, "", err
		}
	}
	if !in {
		fix = ""
	}
	return in, fix, nil
}

// points checks and sorts the events. "0" stands for the beginning of all versions.
func (r *span) points(compare order) (points []point, limits []string, err error) {
	started, endless := false, false
	for _, e := range r.Events {
		p, set := point{event: e}, 0
		for _, v := range []string{e.Introduced, e.Fixed, e.LastAffected, e.Limit} {
			if v != "" {
				p.version, set = v, set+1
			}
		}
		if set != 1 {
			return nil, nil, errors.New("an event of a range is not one of introduced, fixed, last_affected and limit")
		}
		if e.Introduced == "0" {
			p.version = ""
		} else if e.Limit == "*" {
			endless = true
			continue
		} else if _, err := compare(p.version, p.version); err != nil {
			return nil, nil, err
		}
		if e.Limit != "" {
			limits = append(limits, e.Limit)
			continue
		}
		started = started || e.Introduced != ""
		points = append(points, p)
	}
	if !started {
		return nil, nil, errNoStart
	}
	if endless {
		limits = nil
	}
	slices.SortStableFunc(points, func(a, b point) int {
		switch {
		case a.version == "" && b.version == "":
			return 0
		case a.version == "":
			return -1
		case b.version == "":
			return 1
		}
		c, compareErr := compare(a.version, b.version)
		if compareErr != nil {
			err = compareErr
		}
		return c
	})
	return points, limits, err
}
