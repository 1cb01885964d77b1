package vuln

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/grype/grype/version"
	"github.com/anchore/grype/grype/vulnerability"

	"github.com/imagegate/imagegate/internal/report"
)

// converter turns matches into findings. It looks other records of the same
// vulnerability up once.
type converter struct {
	provider vulnerability.Provider
	related  map[vulnerability.Reference]*vulnerability.Metadata
	err      error
}

func (c *converter) finding(m match.Match) report.Vulnerability {
	meta := m.Vulnerability.Metadata
	if meta == nil {
		meta = &vulnerability.Metadata{ID: m.Vulnerability.ID, Severity: "unknown"}
	}
	severity, _ := report.ParseSeverity(meta.Severity)
	v := report.Vulnerability{
		ID:          m.Vulnerability.ID,
		Severity:    severity,
		CVSS:        scores(meta.Cvss),
		EPSS:        latest(meta.EPSS),
		Risk:        math.Round(meta.RiskScore()*100) / 100,
		Description: meta.Description,
		URL:         meta.DataSource,
		URLs:        meta.URLs,
		Namespace:   m.Vulnerability.Namespace,
		Match:       string(strongest(m.Details)),
		Package:     thePackage(m.Package),
		Fix:         theFix(m.Vulnerability.Fix, m.Package),
		Decision:    report.Decision{Status: report.Open},
	}
	for _, a := range m.Vulnerability.Advisories {
		if a.Link != "" && a.Link != v.URL && !slices.Contains(v.URLs, a.Link) {
			v.URLs = append(slices.Clip(v.URLs), a.Link)
		}
	}
	v.KEVDetails = exploited(meta.KnownExploited)
	v.KEV = v.KEVDetails != nil
	c.fillIn(&v, m.Vulnerability.RelatedVulnerabilities)
	return v
}

// fillIn takes from the other records of the same vulnerability, the NVD's before all,
// what the distribution's or the ecosystem's own record does not say.
func (c *converter) fillIn(v *report.Vulnerability, related []vulnerability.Reference) {
	for _, ref := range related {
		if v.Severity != report.Unknown && len(v.CVSS) > 0 && v.Description != "" && v.URL != "" {
			return
		}
		meta := c.lookUp(ref)
		if meta == nil {
			continue
		}
		if v.Severity == report.Unknown {
			v.Severity, _ = report.ParseSeverity(meta.Severity)
		}
		if len(v.CVSS) == 0 {
			v.CVSS = scores(meta.Cvss)
		}
		v.Description = cmp.Or(v.Description, meta.Description)
		if strings.Contains(meta.DataSource, "://") { // without a record Grype puts the feed's name here
			v.URL = cmp.Or(v.URL, meta.DataSource)
		}
	}
}

func (c *converter) lookUp(ref vulnerability.Reference) *vulnerability.Metadata {
	key := vulnerability.Reference{ID: ref.ID, Namespace: ref.Namespace}
	if meta, ok := c.related[key]; ok {
		return meta
	}
	meta, err := c.provider.VulnerabilityMetadata(key) //nolint:staticcheck // the only way to the metadata of a reference
	if err != nil {
		c.err = err
	}
	if c.related == nil {
		c.related = map[vulnerability.Reference]*vulnerability.Metadata{}
	}
	c.related[key] = meta
	return meta
}

func scores(in []vulnerability.Cvss) []report.CVSS {
	out := make([]report.CVSS, 0, len(in))
	for _, s := range in {
		score := report.CVSS{Source: s.Source, Type: s.Type, Version: s.Version, Vector: s.Vector, Score: s.Metrics.BaseScore}
		if !slices.Contains(out, score) {
			out = append(out, score)
		}
	}
	return out
}

// latest is the estimate of the latest day, the gravest of that day.
func latest(in []vulnerability.EPSS) *report.EPSS {
	if len(in) == 0 {
		return nil
	}
	e := slices.MaxFunc(in, func(a, b vulnerability.EPSS) int {
		return cmp.Or(a.Date.Compare(b.Date), cmp.Compare(a.EPSS, b.EPSS))
	})
	out := &report.EPSS{Score: e.EPSS, Percentile: e.Percentile}
	if !e.Date.IsZero() {
		out.Date = e.Date.Format(time.DateOnly)
	}
	return out
}

// exploited is the entry that was added first.
func exploited(in []vulnerability.KnownExploited) *report.KEV {
	day := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return t.Format(time.DateOnly)
	}
	if len(in) == 0 {
		return nil
	}
	k := slices.MinFunc(in, func(a, b vulnerability.KnownExploited) int {
		return cmp.Or(cmp.Compare(day(a.DateAdded), day(b.DateAdded)), cmp.Compare(a.CVE, b.CVE))
	})
	return &report.KEV{
		DateAdded: day(k.DateAdded), DueDate: day(k.DueDate),
		RansomwareUse: k.KnownRansomwareCampaignUse, RequiredAction: k.RequiredAction,
	}
}

// strongest is the surest way in which a match was made.
func strongest(details match.Details) match.Type {
	rank := []match.Type{match.ExactDirectMatch, match.ExactIndirectMatch, match.CPEMatch}
	for _, t := range rank {
		if slices.Contains(details.Types(), t) {
			return t
		}
	}
	return ""
}

func thePackage(p pkg.Package) report.Package {
	out := report.Package{
		Name: p.Name, Version: p.Version, Type: string(p.Type), PURL: p.PURL, Language: string(p.Language),
		Locations: []report.Location{},
	}
	for _, u := range p.Upstreams {
		out.Upstreams = append(out.Upstreams, report.Upstream{Name: u.Name, Version: u.Version})
	}
	var all []report.Location
	for _, l := range p.Locations.ToSlice() {
		loc := report.Location{Path: l.RealPath, Layer: l.FileSystemID}
		all = append(all, loc)
		if l.Annotations["evidence"] != "supporting" { // licences and file lists tell nobody where it is
			out.Locations = append(out.Locations, loc)
		}
	}
	if len(out.Locations) == 0 && len(all) > 0 {
		out.Locations = all
	}
	return out
}

func theFix(f vulnerability.Fix, p pkg.Package) report.Fix {
	out := report.Fix{State: string(f.State), Versions: sortVersions(f.Versions, pkg.VersionFormat(p))}
	if out.State == "" {
		out.State = report.FixUnknown
	}
	for _, a := range f.Available {
		if a.Date.IsZero() {
			continue
		}
		if day := a.Date.UTC(); out.Available == nil || day.Before(*out.Available) {
			out.Available = &day
		}
	}
	return out
}

// sortVersions orders versions by their scheme; what the scheme cannot read comes last.
func sortVersions(in []string, format version.Format) []string {
	out := make([]string, 0, len(in))
	for _, v := range in {
		if v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	slices.SortStableFunc(out, func(a, b string) int {
		x, y := version.New(a, format), version.New(b, format)
		xErr, yErr := x.Validate(), y.Validate()
		switch {
		case xErr != nil && yErr != nil:
			return cmp.Compare(a, b)
		case xErr != nil:
			return 1
		case yErr != nil:
			return -1
		}
		c, err := x.Compare(y)
		if err != nil || c == 0 {
			return cmp.Compare(a, b)
		}
		return c
	})
	return out
}
