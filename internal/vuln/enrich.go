package vuln

import (
	"cmp"
	"slices"
	"strings"

	"github.com/anchore/grype/grype/vulnerability"

	"github.com/imagegate/imagegate/internal/report"
)

// Enrich adds to findings that were made without the database what its records say of
// the same vulnerability: other names, and severity, scores, KEV and EPSS where the
// finding has none of its own. It finds nothing and decides nothing. A database that
// cannot be read leaves the findings as they are; the error says so.
func (d *DB) Enrich(vs []report.Vulnerability) error {
	c := &converter{provider: d.provider}
	names := aliases{}
	var ids []string
	for _, v := range vs {
		ids = append(append(ids, v.ID), v.Aliases...)
	}
	slices.Sort(ids)
	if err := names.lookUp(d.reader, slices.Compact(ids)); err != nil {
		return err
	}
	for i := range vs {
		c.enrich(&vs[i], names)
	}
	return c.err
}

func (c *converter) enrich(v *report.Vulnerability, names aliases) {
	for _, id := range append([]string{v.ID}, v.Aliases...) {
		for _, other := range names.of(id) {
			known := slices.ContainsFunc(v.Aliases, func(s string) bool { return strings.EqualFold(s, other) })
			if !known && !strings.EqualFold(v.ID, other) {
				v.Aliases = append(v.Aliases, other)
			}
		}
	}
	for _, id := range append([]string{v.ID}, v.Aliases...) {
		var source string
		switch upper := strings.ToUpper(id); {
		case strings.HasPrefix(upper, "CVE-"):
			source = "nvd:cpe"
		case strings.HasPrefix(upper, "GHSA-"):
			source = "github"
		default:
			continue
		}
		meta := c.lookUp(vulnerability.Reference{ID: id, Namespace: source})
		if meta == nil {
			continue
		}
		if v.Severity == report.Unknown || v.Severity == "" {
			v.Severity, _ = report.ParseSeverity(meta.Severity)
		}
		if len(v.CVSS) == 0 {
			v.CVSS = scores(meta.Cvss)
		}
		if v.EPSS == nil {
			v.EPSS = latest(meta.EPSS)
		}
		if !v.KEV {
			v.KEVDetails = exploited(meta.KnownExploited)
			v.KEV = v.KEVDetails != nil
		}
		v.Description = cmp.Or(v.Description, meta.Description)
	}
}
