package vuln

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/pkg"

	"github.com/imagegate/imagegate/internal/report"
)

// count writes a number with its noun.
func count(n int, noun string, plural ...string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case len(plural) > 0:
		return fmt.Sprintf("%d %s", n, plural[0])
	default:
		return fmt.Sprintf("%d %ss", n, noun)
	}
}

// named is how many packages a sentence names before it only counts.
const named = 5

// See adds one observation; n is how many things it speaks of.
func (m *Matches) See(kind report.Kind, n int, text string) {
	m.Observations = append(m.Observations, report.Observation{Stage: report.StageVuln, Kind: kind, Message: text, Count: n})
}

// tell says what the list of packages itself shows: what is left out, whose identity is
// in doubt, and what was matched by another name.
func (m *Matches) tell(in packages) {
	if n := len(in.disputed); n > 0 {
		m.Unjudged += n
		m.See(report.Unread, n, fmt.Sprintf("%s could not be identified, because the package URL is of another kind than the package: %s",
			count(n, "package"), examples(in.disputed, written)))
		if slices.ContainsFunc(in.disputed, func(p *pkg.Package) bool { return isOS(p.Type) }) {
			m.Unmatched += n
			m.Reason = cmp.Or(m.Reason, m.Observations[len(m.Observations)-1].Message)
		}
	}
	if n := len(in.dhi); n > 0 {
		m.Unjudged += n
		m.See(report.LeftOut, n, fmt.Sprintf("%s of the kind pkg:dhi left out, because only Docker's own advisories speak of them (option advisories): %s",
			count(n, "package"), examples(in.dhi, written)))
	}
	if n := len(in.renamed); n > 0 {
		m.See(report.Information, n, fmt.Sprintf("%s matched by the package URL, which differs from the name or version beside it: %s",
			count(n, "package"), examples(in.renamed, func(s string) string { return s })))
	}
	if in.owned > 0 {
		m.See(report.Information, in.owned, count(in.owned, "package")+" matched as part of the package of the operating system that owns the files")
	}
}

// examples names the first of a list; the same package at several places is one.
func examples[T any](list []T, name func(T) string) string {
	var out []string
	seen := map[string]bool{}
	for _, p := range list {
		if s := name(p); !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	if more := len(out) - named; more > 0 {
		out = append(out[:named], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(out, ", ")
}

// ignoredNotes explains the matches that were taken back, sorted, at most limit lines.
func ignoredNotes(ignored []match.IgnoredMatch, limit int) []string {
	var out []string
	for _, m := range ignored {
		reason := ""
		if len(m.AppliedIgnoreRules) > 0 {
			reason = m.AppliedIgnoreRules[0].Reason
		}
		switch reason {
		case "":
			reason = "a correction built into Grype"
		case "distro-fixed":
			reason = "the distribution fixed it in the package that owns the files"
		case "distro-nak":
			reason = "the distribution says that the package is not affected"
		}
		out = append(out, fmt.Sprintf("%s in %s %s ignored: %s", m.Vulnerability.ID, m.Package.Name, m.Package.Version, reason))
	}
	slices.Sort(out)
	out = slices.Compact(out)
	if len(out) > limit {
		out = append(out[:limit:limit], fmt.Sprintf("%d more ignored matches", len(out)-limit))
	}
	return out
}
