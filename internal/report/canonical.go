package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Canonical returns a copy of r in the one order: every list sorted by a total
// order, nil lists made empty, times in UTC and whole seconds. It is the only place
// that sorts, so reports of equal evidence are equal byte for byte. Lists whose order
// means something (layers, verdict reasons, stages by course of the run) keep it.
func (r *Report) Canonical() *Report {
	c := *r
	c.SchemaVersion = SchemaVersion
	c.Generated = second(c.Generated)
	c.Subject.Created = secondPtr(c.Subject.Created)
	c.Subject.EndOfLife = secondPtr(c.Subject.EndOfLife)
	c.Subject.Layers = notNil(c.Subject.Layers)
	if c.Subject.Labels == nil {
		c.Subject.Labels = map[string]string{}
	}
	c.Platforms = sorted(c.Platforms, func(a, b Platform) int {
		return cmp.Or(cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.Digest, b.Digest))
	})
	c.Stages = sorted(c.Stages, func(a, b Stage) int {
		return cmp.Or(cmp.Compare(stageRank(a.Name), stageRank(b.Name)), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.Reason, b.Reason))
	})
	c.SBOM.Types = sorted(c.SBOM.Types, func(a, b PackageCount) int { return cmp.Compare(a.Type, b.Type) })
	c.SBOM.Documents = sorted(c.SBOM.Documents, func(a, b SBOMDocument) int {
		return cmp.Or(cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.Format, b.Format), cmp.Compare(a.Path, b.Path))
	})
	if c.SBOM.Drift != nil {
		d := *c.SBOM.Drift
		d.Items = sorted(d.Items, func(a, b Drift) int {
			return cmp.Or(cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Type, b.Type),
				cmp.Compare(a.Name, b.Name), cmp.Compare(a.Attested, b.Attested), cmp.Compare(a.Found, b.Found))
		})
		c.SBOM.Drift = &d
	}
	c.Discovery = sorted(c.Discovery, func(a, b Probe) int {
		return cmp.Or(cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.Store, b.Store), cmp.Compare(a.Asked, b.Asked),
			cmp.Compare(a.State, b.State), cmp.Compare(a.Reason, b.Reason))
	})
	c.Attestations = sorted(c.Attestations, compareAttestations)
	for i := range c.Attestations {
		c.Attestations[i].SignedAt = secondPtr(c.Attestations[i].SignedAt)
	}
	c.Database.Built = secondPtr(c.Database.Built)
	c.Advisories = canonicalAdvisories(c.Advisories)
	c.Vulnerabilities = canonicalVulnerabilities(c.Vulnerabilities)
	c.VEX.Documents = sorted(c.VEX.Documents, func(a, b VEXDocument) int {
		return cmp.Or(cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Digest, b.Digest),
			cmp.Compare(a.ID, b.ID), cmp.Compare(a.Reason, b.Reason))
	})
	for i := range c.VEX.Documents {
		c.VEX.Documents[i].Timestamp = secondPtr(c.VEX.Documents[i].Timestamp)
	}
	c.Checks = sorted(c.Checks, func(a, b Check) int {
		return cmp.Or(cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Location, b.Location),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.State, b.State), cmp.Compare(a.Reason, b.Reason))
	})
	c.Score, c.Compliance = c.Score.canonical(), c.Compliance.canonical()
	c.Evidence = sorted(c.Evidence, func(a, b Evidence) int {
		return cmp.Or(cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Digest, b.Digest), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Size, b.Size))
	})
	c.Observations = slices.Compact(sorted(c.Observations, func(a, b Observation) int {
		return cmp.Or(cmp.Compare(a.Platform, b.Platform), cmp.Compare(stageRank(a.Stage), stageRank(b.Stage)),
			cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Family, b.Family), cmp.Compare(a.Message, b.Message))
	}))
	c.Policy.Require = notNil(c.Policy.Require)
	c.Verdict.Reasons = notNil(c.Verdict.Reasons)
	c.Verdict.Rules = notNil(c.Verdict.Rules)
	return &c
}

// canonicalVulnerabilities sorts by gravity first, so that whoever reads only the top
// of the list reads the worst: open before suppressed, then severity, then names.
func canonicalVulnerabilities(in []Vulnerability) []Vulnerability {
	out := make([]Vulnerability, len(in))
	for i, v := range in {
		v.Aliases = sorted(v.Aliases, strings.Compare)
		v.URLs = sorted(v.URLs, strings.Compare)
		v.CVSS = sorted(v.CVSS, func(a, b CVSS) int {
			return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Version, b.Version),
				cmp.Compare(a.Vector, b.Vector), cmp.Compare(a.Score, b.Score))
		})
		v.Package.Upstreams = sorted(v.Package.Upstreams, func(a, b Upstream) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
		})
		v.Package.Locations = sorted(v.Package.Locations, func(a, b Location) int {
			return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Layer, b.Layer))
		})
		v.Fix.Versions = sorted(v.Fix.Versions, strings.Compare)
		v.Fix.Available = secondPtr(v.Fix.Available)
		if s := v.Decision.Statement; s != nil {
			c := *s
			c.Timestamp = secondPtr(c.Timestamp)
			v.Decision.Statement = &c
		}
		if s := v.Decision.Objection; s != nil {
			c := *s
			c.Timestamp = secondPtr(c.Timestamp)
			v.Decision.Objection = &c
		}
		if m := v.Decision.NearMiss; m != nil {
			c := *m
			c.Statement.Timestamp = secondPtr(c.Statement.Timestamp)
			v.Decision.NearMiss = &c
		}
		out[i] = v
	}
	return sorted(out, compareVulnerabilities)
}

func compareVulnerabilities(a, b Vulnerability) int {
	return cmp.Or(
		cmp.Compare(a.Decision.Status, b.Decision.Status), // open < suppressed
		-cmp.Compare(a.Severity.Rank(), b.Severity.Rank()),
		cmp.Compare(a.ID, b.ID),
		cmp.Compare(a.Package.Type, b.Package.Type),
		cmp.Compare(a.Package.Name, b.Package.Name),
		cmp.Compare(a.Package.Version, b.Package.Version),
		cmp.Compare(a.Package.PURL, b.Package.PURL),
		cmp.Compare(a.Platform, b.Platform),
		cmp.Compare(a.Namespace, b.Namespace),
		slices.CompareFunc(a.Package.Locations, b.Package.Locations, func(x, y Location) int {
			return cmp.Or(cmp.Compare(x.Path, y.Path), cmp.Compare(x.Layer, y.Layer))
		}),
		cmp.Compare(a.Match, b.Match),
		slices.Compare(a.Fix.Versions, b.Fix.Versions),
		cmp.Compare(a.Decision.Reason, b.Decision.Reason),
	)
}

func compareAttestations(a, b Attestation) int {
	return cmp.Or(
		cmp.Compare(a.Platform, b.Platform),
		cmp.Compare(a.Family, b.Family),
		cmp.Compare(a.PredicateType, b.PredicateType),
		cmp.Compare(a.Store, b.Store),
		cmp.Compare(a.Digest, b.Digest),
		cmp.Compare(a.SignatureDigest, b.SignatureDigest),
		cmp.Compare(a.State, b.State),
		cmp.Compare(a.Signer, b.Signer),
		cmp.Compare(a.Reason, b.Reason),
		cmp.Compare(a.PayloadDigest, b.PayloadDigest),
	)
}

// stageRank is the place of a stage in the course of a run; unknown ones come last.
func stageRank(name string) int {
	order := StageNames()
	if i := slices.Index(order, name); i >= 0 {
		return i
	}
	return len(order)
}

// sorted returns a sorted copy of in that is never nil. Rows that compare equal are
// told apart by their whole JSON form, so the order is total whatever a comparison
// leaves out: only rows that print alike may keep the order in which they came.
func sorted[T any](in []T, compare func(a, b T) int) []T {
	out := append(make([]T, 0, len(in)), in...)
	slices.SortStableFunc(out, func(a, b T) int {
		if c := compare(a, b); c != 0 {
			return c
		}
		return bytes.Compare(asJSON(a), asJSON(b))
	})
	return out
}

// asJSON is the JSON form of a row, or nil when it has none (a score that is no
// number); such rows have no place in a report anyway.
func asJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}

func notNil[T any](in []T) []T {
	if in == nil {
		return []T{}
	}
	return in
}

func second(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func secondPtr(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	s := second(*t)
	return &s
}
