package vex

import (
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// doubts are what a decision was made in spite of, or because of.
type doubts struct {
	contradicted, refused bool
}

// record adds a finding and its decision to the run's hygiene.
func (r *run) record(f *finding, d *report.Decision, had doubts) {
	h := &r.hygiene
	switch {
	case had.refused:
		h.Refused++
	case had.contradicted:
		h.Contradictory++
	}
	st := d.Statement
	if st == nil {
		if f.v.Severity == report.Critical && had == (doubts{}) {
			h.CriticalWithoutStatement++
		}
		return
	}
	if d.Status == report.Suppressed {
		if st.OverBroad {
			h.OverBroad++
		}
		if st.Signer == "" {
			h.Unsigned++
		}
		if r.opt.old(st.Timestamp) {
			h.Stale++
		}
		return
	}
	if st.Status == "under_investigation" {
		h.Investigating++
		if st.Timestamp != nil && r.opt.Now.After(*st.Timestamp) {
			h.OldestInvestigationDays = max(h.OldestInvestigationDays, int(r.opt.Now.Sub(*st.Timestamp)/(24*time.Hour)))
		}
	}
}

// old reports whether a statement of that time is past MaxAge. Nothing shows that one
// without a date is not.
func (o *Options) old(at *time.Time) bool {
	return o.MaxAge > 0 && (at == nil || !o.Now.IsZero() && at.Before(o.Now.Add(-o.MaxAge)))
}
