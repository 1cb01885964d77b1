package vex

import (
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

// finding is a finding prepared for looking up.
type finding struct {
	v   *report.Vulnerability
	id  identity
	ids []string // upper case: its id, then its aliases
	// keys are the numbers of id.names in the index.
	keys []uint32
}

// faces splits a finding that is several CVEs in one (a GHSA or vendor advisory) into
// one list of names for each: clearing one of them does not clear the others. A
// statement that names the finding's own id, or any alias that is no CVE, is heard
// for all.
func (f *finding) faces() [][]string {
	var cves int
	for _, id := range f.ids {
		if isCVE(id) {
			cves++
		}
	}
	if cves <= 1 {
		return [][]string{f.ids}
	}
	out := make([][]string, 0, cves)
	for _, cve := range f.ids {
		if !isCVE(cve) {
			continue
		}
		var face []string
		for i, id := range f.ids {
			if i == 0 || !isCVE(id) || id == cve {
				face = append(face, id)
			}
		}
		out = append(out, face)
	}
	return out
}

func isCVE(id string) bool { return strings.HasPrefix(id, "CVE-") }

func prepare(v *report.Vulnerability, image *Image) finding {
	f := finding{v: v, id: identify(v.Package, image)}
	for _, id := range append([]string{v.ID}, v.Aliases...) {
		if id = strings.ToUpper(strings.TrimSpace(id)); id != "" && !slices.Contains(f.ids, id) {
			f.ids = append(f.ids, id)
		}
	}
	return f
}
