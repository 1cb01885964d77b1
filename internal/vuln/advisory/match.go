package advisory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/words"
)

// MatchedBy is report.Vulnerability.Match of a finding of this package.
const MatchedBy = "advisory"

// Result is what the advisories say of a list of packages.
type Result struct {
	// Vulnerabilities are the findings, all open, in the order of the packages and, for
	// one package, of the ids.
	Vulnerabilities []report.Vulnerability
	// Packages were looked up.
	Packages int
	// Undecided packages could not be judged by some advisory that names them, or by
	// none at all; Problems says why. A finding may be missing.
	Undecided int
	Problems  []string
}

// maxProblems bounds Result.Problems.
const maxProblems = 50

// Match looks packages up. Give it those that are Docker's, and no others: what no
// advisory names has no known vulnerability. d is what os-release says; it tells the
// release where a package URL does not.
func (f *Feed) Match(packages []report.Package, d *report.Distro) Result {
	res := Result{Vulnerabilities: []report.Vulnerability{}}
	seen := map[string]bool{}
	for _, p := range packages {
		res.Packages++
		at, err := locate(p, d)
		if err != nil {
			res.undecided(p, err.Error())
			continue
		}
		found, problems := f.judge(at, p)
		if len(problems) > 0 {
			res.undecided(p, problems...)
		}
		for _, v := range found {
			id := strings.Join([]string{v.ID, p.PURL, p.Name, p.Version}, "\x00")
			if !seen[id] { // the same package at two places of the image
				seen[id] = true
				res.Vulnerabilities = append(res.Vulnerabilities, v)
			}
		}
	}
	return res
}

// Names reports whether a record is about a package of p's name in its release, whatever
// its version.
func (f *Feed) Names(p report.Package, d *report.Distro) bool {
	at, err := locate(p, d)
	return err == nil && len(f.entries[at.key]) > 0
}

// Covers reports whether any record is about p's release, whatever the package. Where none
// is, that no record names p says nothing of it.
func (f *Feed) Covers(p report.Package, d *report.Distro) bool {
	at, err := locate(p, d)
	if err != nil {
		return false
	}
	for k := range f.entries {
		if k.ecosystem == at.ecosystem {
			return true
		}
	}
	return false
}

func (r *Result) undecided(p report.Package, problems ...string) {
	r.Undecided++
	for _, why := range problems {
		switch n := len(r.Problems); {
		case n < maxProblems:
			r.Problems = append(r.Problems, fmt.Sprintf("advisories could not judge %s %s: %s", clip(p.Name), clip(p.Version), why))
		case n == maxProblems:
			r.Problems = append(r.Problems, "more packages could not be judged by the advisories")
		}
	}
}

// judge asks every record that names the package. A record may name it several times,
// once for each source that it was made of; any of them is enough.
func (f *Feed) judge(at lookup, p report.Package) (found []report.Vulnerability, problems []string) {
	byID := map[string]*report.Vulnerability{}
	for _, e := range f.entries[at.key] {
		v, err := e.affected.judge(at.version)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", e.record.ID, err))
			continue
		}
		if !v.hit {
			continue
		}
		if had := byID[e.record.ID]; had != nil {
			had.Fix = join(had.Fix, v.fixOf())
			severity, scores := e.severity()
			had.Severity = graver(had.Severity, severity)
			for _, score := range scores {
				if !slices.Contains(had.CVSS, score) {
					had.CVSS = append(had.CVSS, score)
				}
			}
			continue
		}
		finding := e.finding(p, v)
		byID[e.record.ID] = &finding
	}
	for _, v := range byID {
		found = append(found, *v)
	}
	slices.SortFunc(found, func(a, b report.Vulnerability) int { return cmp.Compare(a.ID, b.ID) })
	slices.Sort(problems)
	return found, slices.Compact(problems)
}

func (e entry) finding(p report.Package, v verdict) report.Vulnerability {
	r := e.record
	severity, scores := e.severity()
	out := report.Vulnerability{
		ID: r.ID, Aliases: r.names(), Severity: severity, CVSS: scores,
		Description: text(cmp.Or(r.Summary, r.Details)), Namespace: e.affected.Package.Ecosystem, Match: MatchedBy,
		Package: p, Fix: v.fixOf(), Decision: report.Decision{Status: report.Open},
	}
	for _, ref := range r.Refs {
		switch {
		case !strings.HasPrefix(ref.URL, "https://") || len(ref.URL) > 4*maxText:
		case out.URL == "":
			out.URL = ref.URL
		case len(out.URLs) < 20:
			out.URLs = append(out.URLs, ref.URL)
		}
	}
	return out
}

// severity is what the record says of the package, else of itself: in words, and where
// there are none by its CVSS vectors, which are returned beside.
func (e entry) severity() (report.Severity, []report.CVSS) {
	list := e.affected.Severity
	if len(list) == 0 {
		list = e.record.Severity
	}
	computed, scores := severityOf(list)
	for _, s := range []string{e.affected.Specific.Severity, e.record.Specific.Severity} {
		if strings.EqualFold(s, "moderate") { // GitHub's word
			s = string(report.Medium)
		}
		if severity, ok := report.ParseSeverity(s); ok && severity != report.Unknown {
			return severity, scores
		}
	}
	return computed, scores
}

func graver(a, b report.Severity) report.Severity {
	if b.Rank() > a.Rank() {
		return b
	}
	return a
}

// fixOf says where it is fixed. A version that is only listed says nothing of that.
func (v verdict) fixOf() report.Fix {
	fix := report.Fix{State: report.FixUnknown, Versions: slices.Clone(v.fixes)}
	switch {
	case len(v.fixes) > 0:
		fix.State = report.FixFixed
	case v.unfixed:
		fix.State = report.FixNotFixed
	}
	if fix.Versions == nil {
		fix.Versions = []string{}
	}
	return fix
}

func join(a, b report.Fix) report.Fix {
	for _, v := range b.Versions {
		if !slices.Contains(a.Versions, v) {
			a.Versions = append(a.Versions, v)
		}
	}
	switch {
	case len(a.Versions) > 0:
		a.State = report.FixFixed
	case a.State == report.FixUnknown:
		a.State = b.State
	}
	return a
}

// text keeps a description at a readable length.
func text(s string) string { return words.Clip(s, 4096) }
