package vex

import (
	"fmt"

	"github.com/imagegate/imagegate/internal/report"
)

// A statement that nobody vouches for neither suppresses nor reopens. It objects: where a
// finding is suppressed, and such a statement says otherwise and is newer, the reader has
// to know. One without a date cannot be shown to be newer, and does not object.

// recalls reports whether c, of the vendor's feed, takes back a clearance that is attached
// to the image or to its base: it does not clear, and is newer, in the order of time that
// decides among equals (one without a date is). It decides then, though what is attached has
// more authority: a registry can go on showing a statement that the vendor has taken back,
// and cannot hold back the feed.
func (c *candidate) recalls(top *candidate) bool {
	return c != nil && c.auth == feed && !c.s.suppresses() && top.s.suppresses() && top.auth > feed && compareTimes(c, top) > 0
}

// recalled tells of it.
func (r *run) recalled(f *finding, top, o *candidate) {
	has := "a newer statement"
	if o.at.IsZero() {
		has = "a statement without a date, which counts as newer"
	}
	r.observe(report.Information, fmt.Sprintf("%s: %s says %s, and the vendor's feed has %s, %s in %s; it is not suppressed",
		f.where(), top.d.source, clip(top.status()), has, clip(o.status()), o.d.source))
}

// objects reports whether a line is a stranger's that speaks against clearing a finding.
func (c *candidate) objects() bool {
	return (c.distance == applies || c.distance == barredTrust) && c.d.authority == unverified &&
		(c.s.kind == affected || c.s.kind == underInvestigation) && !c.at.IsZero()
}

// newer reports whether c is shown to be newer than what decides. A clearing statement
// without a date counts as the oldest.
func (c *candidate) newer(top *candidate) bool { return c.at.After(top.at) }

// object puts an objection beside a decision.
func (r *run) object(f *finding, d *report.Decision, top, o *candidate) {
	st := r.statement(f, o)
	d.Objection = &st
	than := "the one of " + day(top.at)
	if top.at.IsZero() {
		than = "the one without a date"
	}
	d.Reason += fmt.Sprintf(" Against it stands %s of %s in %s, which is not verified and is newer than %s in %s that decides.",
		clip(o.status()), day(o.at), o.d.source, than, top.d.source)
}

// objectionText says in an explanation what a stranger's statement does.
func objectionText(c, top *candidate) string {
	switch {
	case c.d.authority != unverified || c.s.kind != affected && c.s.kind != underInvestigation || c.distance != barredTrust:
		return ""
	case c.at.IsZero():
		return "; it has no date, so it is not shown to be newer and does not object"
	case top != nil && top.s.suppresses() && c.newer(top):
		return "; it is newer, and objects"
	default:
		return ""
	}
}
