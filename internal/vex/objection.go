package vex

import (
	"fmt"

	"github.com/imagegate/imagegate/internal/report"
)

// A statement that nobody vouches for neither suppresses nor reopens. It objects: where a
// finding is suppressed, and such a statement says otherwise and is newer, the reader has
// to know. One without a date cannot be shown to be newer, and does not object.

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
