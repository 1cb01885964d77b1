package vuln

import (
	"cmp"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

// merge joins findings that are the same vulnerability of the same package: found at
// several places in the image, or in the records of several sources. The result does
// not depend on their order.
func merge(in []report.Vulnerability) []report.Vulnerability {
	type key struct{ id, name, version, kind, purl string }
	groups := map[key][]report.Vulnerability{}
	var order []key
	for _, v := range in {
		k := key{strings.ToLower(v.ID), v.Package.Name, v.Package.Version, v.Package.Type, v.Package.PURL}
		if _, ok := groups[k]; !ok {
			order = append(order, k)
		}
		groups[k] = append(groups[k], v)
	}
	out := make([]report.Vulnerability, 0, len(order))
	for _, k := range order {
		out = append(out, join(groups[k]))
	}
	return out
}

// join keeps the record that speaks with most authority and adds what the others know.
func join(vs []report.Vulnerability) report.Vulnerability {
	slices.SortFunc(vs, func(a, b report.Vulnerability) int {
		return cmp.Or(
			cmp.Compare(authority(a), authority(b)),
			cmp.Compare(a.Namespace, b.Namespace),
			cmp.Compare(a.Match, b.Match),
			cmp.Compare(a.Severity.Rank(), b.Severity.Rank())*-1,
			cmp.Compare(strings.Join(a.Fix.Versions, " "), strings.Join(b.Fix.Versions, " ")),
		)
	})
	v := vs[0]
	for _, o := range vs[1:] {
		if v.Severity == report.Unknown {
			v.Severity = o.Severity
		}
		for _, s := range o.CVSS {
			if !slices.Contains(v.CVSS, s) {
				v.CVSS = append(v.CVSS, s)
			}
		}
		if v.EPSS == nil {
			v.EPSS = o.EPSS
		}
		if !v.KEV {
			v.KEV, v.KEVDetails = o.KEV, o.KEVDetails
		}
		v.Risk = max(v.Risk, o.Risk)
		v.Description = cmp.Or(v.Description, o.Description)
		v.URL = cmp.Or(v.URL, o.URL)
		v.Fix = joinFix(v.Fix, o.Fix)
		for _, l := range o.Package.Locations {
			if !slices.Contains(v.Package.Locations, l) {
				v.Package.Locations = append(v.Package.Locations, l)
			}
		}
	}
	slices.SortFunc(v.Package.Locations, func(a, b report.Location) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Layer, b.Layer))
	})
	return v
}

// authority puts a distribution's or an ecosystem's record before one found by CPE.
func authority(v report.Vulnerability) int {
	if strings.HasSuffix(v.Namespace, ":cpe") {
		return 1
	}
	return 0
}

// joinFix keeps the first fix, unless the other knows one and the first does not.
func joinFix(a, b report.Fix) report.Fix {
	if a.State != report.FixFixed && b.State == report.FixFixed || a.State == report.FixUnknown {
		return b
	}
	if a.State == b.State {
		for _, v := range b.Versions {
			if !slices.Contains(a.Versions, v) {
				a.Versions = append(a.Versions, v)
			}
		}
		if b.Available != nil && (a.Available == nil || b.Available.Before(*a.Available)) {
			a.Available = b.Available
		}
	}
	return a
}
