package vex

import (
	"fmt"

	"github.com/imagegate/imagegate/internal/report"
)

// vendorJudged reports whether the finding is of the vendor's own advisories.
func (r *run) vendorJudged(f *finding) bool {
	return r.opt.VendorJudged != nil && r.opt.VendorJudged(*f.v)
}

// contradiction says why a statement that clears what the vendor's advisory lists does
// not count: one of the two is wrong, and nothing says which.
func contradiction(f *finding, c *candidate) string {
	return fmt.Sprintf("the vendor's feed contradicts itself: advisory %s lists this version as affected, a VEX statement says %s; nothing is suppressed",
		clip(f.v.ID), clip(c.status()))
}

// integrity is the decision of a finding that the vendor's advisory reports and a
// statement clears.
func (r *run) integrity(f *finding, top *candidate) report.Decision {
	why := contradiction(f, top)
	r.observe(report.LeftOut, f.where()+": "+why)
	return report.Decision{Status: report.Open, Reason: sentence(why),
		NearMiss: &report.NearMiss{Statement: r.statement(f, top), Reason: why}}
}

// incomplete tells of an advisory that no statement knows of. There the advisories are
// authoritative and the statements context, so this decides nothing.
func (r *run) incomplete(f *finding) {
	if r.vendorJudged(f) && len(r.docs) > 0 {
		r.observe(report.Information, f.where()+": the vendor's feed is not complete: the advisory has no VEX statement for this product and version")
	}
}
