package vex

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/imagegate/imagegate/internal/report"
)

func (r *run) observe(kind report.Kind, message string) {
	r.saw = append(r.saw, report.Observation{Stage: report.StageVEX, Kind: kind, Message: message})
}

// where names a finding in a sentence.
func (f *finding) where() string {
	return fmt.Sprintf("%s in %s %s", clip(f.v.ID), clip(f.v.Package.Name), clip(f.v.Package.Version))
}

// observations tells what was seen, sorted and each once.
func (r *run) observations() []report.Observation {
	for i, d := range r.docs {
		r.oddities(d, &r.stands[i])
	}
	slices.SortFunc(r.saw, func(a, b report.Observation) int {
		return cmp.Or(cmp.Compare(a.Message, b.Message), cmp.Compare(a.Kind, b.Kind))
	})
	return slices.Compact(r.saw)
}

// oddities tells of the statements of a document that do not count as they are written.
// A stranger's document has no say, so its oddities are in its row only.
func (r *run) oddities(d *document, stand *standing) {
	if stand.authority == 0 || d.authority == unverified && r.opt.policy() != PolicyAny {
		return
	}
	if n := d.census.ambiguous; n > 0 {
		r.saw = append(r.saw, report.Observation{Stage: report.StageVEX, Kind: report.LeftOut, Count: n,
			Message: fmt.Sprintf("%s: %s may suppress nothing, because readers of JSON do not agree on it: it has %s", d.source, counted(n, "statement"), d.ambiguity)})
	}
	if n := d.future(r.opt); n > 0 {
		r.saw = append(r.saw, report.Observation{Stage: report.StageVEX, Kind: report.Information, Count: n,
			Message: fmt.Sprintf("%s: %s dated later than tomorrow, which counts as no date", d.source, counted(n, "statement"))})
	}
}
