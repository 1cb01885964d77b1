package report

import (
	"maps"
	"slices"
	"time"
)

// AllPlatforms is the platform of the subject of a combined report.
const AllPlatforms = "all"

// Combine makes one report of the reports of several platforms of one image. Its
// lists are the unions of theirs, each item with its platform; its subject is the
// index, of which only that is said on which all platforms agree; its counts are
// those of the united findings, so a vulnerability in two platforms counts twice.
//
// The verdict is the gravest of the platforms' (a definite failure outranks missing
// evidence) with all their reasons; a policy may replace it. Of no reports nothing
// was judged, and the verdict is [Error]. The result is canonical; the arguments are
// not changed.
func Combine(reports []*Report) *Report {
	if len(reports) == 0 {
		return (&Report{Verdict: Verdict{Result: Error, Reasons: []string{"No platform was judged."}}}).Canonical()
	}
	in := make([]*Report, len(reports))
	for i, r := range reports {
		in[i] = withPlatform(r.Canonical())
	}
	// The order of the platforms decides that of their reasons, so it must not be
	// the order in which they were done.
	in = sorted(in, func(a, b *Report) int { return comparePlatforms(a.Subject, b.Subject) })

	c := &Report{Tool: in[0].Tool, Policy: in[0].Policy, Subject: combineSubjects(in)}
	for _, r := range in {
		if r.Generated.After(c.Generated) {
			c.Generated = r.Generated
		}
		row := Platform{Platform: r.Subject.Platform, Digest: r.Subject.Digest, Result: r.Verdict.Result, Counts: r.Counts}
		if len(r.Platforms) == 1 {
			row.Path = r.Platforms[0].Path
		}
		c.Platforms = append(c.Platforms, row)
		c.Stages = append(c.Stages, r.Stages...)
		c.Discovery = append(c.Discovery, r.Discovery...)
		c.Attestations = append(c.Attestations, r.Attestations...)
		c.Vulnerabilities = append(c.Vulnerabilities, r.Vulnerabilities...)
		c.VEX.Documents = append(c.VEX.Documents, r.VEX.Documents...)
		c.Checks = append(c.Checks, r.Checks...)
		c.Evidence = append(c.Evidence, r.Evidence...)
		c.Observations = append(c.Observations, r.Observations...)
	}
	c.Checks = sharedChecks(c.Checks, len(in))
	c.Evidence = shared(c.Evidence, len(in), func(e Evidence) Evidence { e.Platform = ""; return e })
	c.Observations = shared(c.Observations, len(in), func(w Observation) Observation { w.Platform = ""; return w })
	c.SBOM = combineSBOMs(in)
	c.Database = combineDatabases(in)
	c.Advisories = combineAdvisories(in)
	c.Counts = CountVulnerabilities(c.Vulnerabilities)
	c.Verdict = combineVerdicts(in)
	return c.Canonical()
}

func comparePlatforms(a, b Subject) int {
	return slices.Compare([]string{a.Platform, a.Digest, a.Reference}, []string{b.Platform, b.Digest, b.Reference})
}

// withPlatform names the report's platform in each of its items that names none, and
// makes a verdict that was never taken an [Error]. r is canonical, so its lists are
// its own.
func withPlatform(r *Report) *Report {
	if gravity(r.Verdict.Result) < 0 {
		r.Verdict.Result = Error
	}
	p := r.Subject.Platform
	name := func(s *string) {
		if *s == "" {
			*s = p
		}
	}
	for i := range r.Stages {
		name(&r.Stages[i].Platform)
	}
	for i := range r.Discovery {
		name(&r.Discovery[i].Platform)
	}
	for i := range r.Attestations {
		name(&r.Attestations[i].Platform)
	}
	for i := range r.Vulnerabilities {
		name(&r.Vulnerabilities[i].Platform)
	}
	for i := range r.VEX.Documents {
		name(&r.VEX.Documents[i].Platform)
	}
	for i := range r.Checks {
		name(&r.Checks[i].Platform)
	}
	for i := range r.Evidence {
		name(&r.Evidence[i].Platform)
	}
	for i := range r.Observations {
		name(&r.Observations[i].Platform)
	}
	for i := range r.SBOM.Documents {
		name(&r.SBOM.Documents[i].Platform)
	}
	if r.SBOM.Drift != nil {
		for i := range r.SBOM.Drift.Items {
			name(&r.SBOM.Drift.Items[i].Platform)
		}
	}
	r.Verdict.Rules = slices.Clone(r.Verdict.Rules)
	for i := range r.Verdict.Rules {
		name(&r.Verdict.Rules[i].Platform)
	}
	return r
}

// shared replaces rows that all n platforms have, but for the platform, with one
// that names no platform: the index and the database are evidence for all of them.
func shared[T comparable](rows []T, n int, common func(T) T) []T {
	if n < 2 {
		return rows
	}
	seen := map[T]map[T]bool{}
	for _, row := range rows {
		key := common(row)
		if seen[key] == nil {
			seen[key] = map[T]bool{}
		}
		seen[key][row] = true
	}
	var out []T
	told := map[T]bool{}
	for _, row := range rows {
		key := common(row)
		switch {
		case len(seen[key]) < n:
			out = append(out, row)
		case !told[key]:
			told[key] = true
			out = append(out, key)
		}
	}
	return out
}

func combineSubjects(in []*Report) Subject {
	s := in[0].Subject
	s.Platform = AllPlatforms
	if s.IndexDigest != "" {
		s.Digest = s.IndexDigest
	}
	// These belong to one manifest, not to the index.
	s.MediaType, s.ConfigDigest, s.Layers, s.Annotations, s.Size = "", "", nil, nil, 0
	s.Labels = maps.Clone(s.Labels)
	for _, r := range in {
		o := r.Subject
		s.Size += o.Size
		maps.DeleteFunc(s.Labels, func(k, v string) bool { other, ok := o.Labels[k]; return !ok || other != v })
		// The oldest creation and the earliest end of life are the cautious ones.
		s.Created = earliest(s.Created, o.Created)
		s.EndOfLife = earliest(s.EndOfLife, o.EndOfLife)
		if s.User != o.User {
			s.User = ""
		}
		if !sameJSON(s.Distro, o.Distro) {
			s.Distro = nil
		}
		if !sameJSON(s.DHI, o.DHI) {
			s.DHI = nil
		}
		if !sameJSON(s.Base, o.Base) {
			s.Base = nil
		}
	}
	return s
}

func sameJSON(a, b any) bool { return string(asJSON(a)) == string(asJSON(b)) }

func earliest(a, b *time.Time) *time.Time {
	if a == nil || b != nil && b.Before(*a) {
		return b
	}
	return a
}

func combineSBOMs(in []*Report) SBOM {
	var c SBOM
	types := map[string]int{}
	for _, r := range in {
		c.Packages += r.SBOM.Packages
		c.Unjudged += r.SBOM.Unjudged
		if c.Generator == "" {
			c.Generator = r.SBOM.Generator
		}
		for _, t := range r.SBOM.Types {
			types[t.Type] += t.Packages
		}
		c.Documents = append(c.Documents, r.SBOM.Documents...)
		if d := r.SBOM.Drift; d != nil {
			if c.Drift == nil {
				c.Drift = &SBOMDriftReport{}
			}
			c.Drift.Attested += d.Attested
			c.Drift.Found += d.Found
			c.Drift.Items = append(c.Drift.Items, d.Items...)
		}
	}
	for t, n := range types {
		c.Types = append(c.Types, PackageCount{Type: t, Packages: n})
	}
	return c
}

// combineDatabases returns the database of the platform that fared worst with it.
func combineDatabases(in []*Report) Database {
	rank := func(s State) int { return slices.Index([]State{Done, Skipped, Missing, Failed}, s) }
	c := in[0].Database
	for _, r := range in[1:] {
		if rank(r.Database.State) > rank(c.State) {
			c = r.Database
		}
	}
	return c
}

// gravity orders results, -1 for whatever is no known one.
func gravity(r Result) int {
	return slices.Index([]Result{Pass, Warn, Error, Fail}, r)
}

func combineVerdicts(in []*Report) Verdict {
	v := Verdict{Result: Pass}
	for _, r := range in {
		if gravity(r.Verdict.Result) > gravity(v.Result) {
			v.Result = r.Verdict.Result
		}
	}
	// The reasons of the gravest platforms come first.
	for _, grave := range []bool{true, false} {
		for _, r := range in {
			if (r.Verdict.Result == v.Result) != grave {
				continue
			}
			for _, reason := range r.Verdict.Reasons {
				v.Reasons = append(v.Reasons, r.Subject.Platform+": "+reason)
			}
			v.Rules = append(v.Rules, r.Verdict.Rules...)
		}
	}
	return v
}
