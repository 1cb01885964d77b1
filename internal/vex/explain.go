package vex

import (
	"slices"

	"github.com/imagegate/imagegate/internal/report"
)

// Considered is one statement about a finding's vulnerability and what it came to.
type Considered struct {
	Statement report.Statement `json:"statement"`
	// Applies is true when it is about this very package in this image. Decides is true
	// for the one that prevailed.
	Applies bool `json:"applies"`
	Decides bool `json:"decides"`
	// Reason says why it does not apply, or to what it lost. "" for the one that decides.
	Reason string `json:"reason,omitempty"`
}

// maxConsidered bounds what [Explain] tells of one finding.
const maxConsidered = 200

// Explain lists every statement about a finding, the one that decides first, then
// those that apply in the order in which they would, then the others by how near they
// came. At most 200 are told; more is the number of those left out.
//
// The error is that of [Decide].
func Explain(finding report.Vulnerability, docs []Document, image Image, opt Options) (list []Considered, more int, err error) {
	if err := opt.Validate(); err != nil {
		return nil, 0, err
	}
	r, prepared := newRun([]report.Vulnerability{finding}, docs, &image, &opt)
	f := &prepared[0]
	r.say = true
	var all []candidate
	seen := map[entry]bool{}
	keep := func(c candidate) {
		if !seen[c.entry] {
			seen[c.entry] = true
			all = append(all, c)
		}
	}
	r.each(f, f.ids, keep)
	r.eachNear(f, f.ids, keep)
	slices.SortStableFunc(all, func(a, b candidate) int {
		switch {
		case (a.distance == applies) != (b.distance == applies):
			return int(min(a.distance, 1)) - int(min(b.distance, 1))
		case a.distance == applies:
			return rank(prevails(&a, &b), prevails(&b, &a))
		default:
			return rank(nearer(&a, &b), nearer(&b, &a))
		}
	})
	if i := slices.IndexFunc(all, func(c candidate) bool { return c.distance == applies && c.auth == feed }); i > 0 && all[i].recalls(&all[0]) {
		o := all[i]
		all = slices.Insert(slices.Delete(all, i, i+1), 0, o)
	}
	var top *candidate
	if len(all) > 0 && all[0].distance == applies {
		top = &all[0]
	}
	list = []Considered{}
	for i := range all {
		if len(list) == maxConsidered {
			return list, len(all) - i, nil
		}
		c := &all[i]
		said := Considered{Statement: r.statement(f, c), Applies: c.distance == applies, Reason: c.why}
		said.Reason += objectionText(c, top)
		switch {
		case said.Applies && i == 0 && c.s.suppresses() && r.vendorJudged(f):
			said.Reason = contradiction(f, c)
		case said.Applies && i == 0:
			said.Decides = opt.policy() != PolicyOff
		case said.Applies:
			said.Reason = overtaken(c, &all[0])
		}
		list = append(list, said)
	}
	return list, 0, nil
}

func rank(before, after bool) int {
	switch {
	case before:
		return -1
	case after:
		return 1
	default:
		return 0
	}
}
