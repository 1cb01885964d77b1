package vuln

import (
	"fmt"
	"slices"

	"github.com/anchore/grype/grype/match"
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

func (in packages) notes() []string {
	var out []string
	if in.dhi > 0 {
		out = append(out, count(in.dhi, "package")+" of the kind pkg:dhi left out: only Docker's own advisories speak of them")
	}
	if in.owned > 0 {
		out = append(out, count(in.owned, "package")+" matched as part of the package of the operating system that owns the files")
	}
	return out
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
