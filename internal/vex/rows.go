package vex

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// set is a set of small numbers.
type set []uint64

func (s *set) set(n uint32) {
	for uint32(len(*s)) <= n/64 {
		*s = append(*s, 0)
	}
	(*s)[n/64] |= 1 << (n % 64)
}

func (s set) count() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// tally is what became of the statements of one document.
type tally struct{ applicable, used set }

// rows are the report's rows, in the order of docs.
func (r *run) rows(docs []Document) []report.VEXDocument {
	at := map[*document]int{}
	for i, d := range r.docs {
		at[d] = i
	}
	out := make([]report.VEXDocument, 0, len(docs))
	for _, doc := range docs {
		d := doc.d
		if d == nil {
			out = append(out, report.VEXDocument{State: report.DocumentRejected, Trust: report.TrustUnverified, Reason: "no document was read"})
			continue
		}
		t := &r.seen[at[d]]
		row := report.VEXDocument{
			ID: d.id, Digest: d.digest, Source: d.source, State: report.DocumentUnused, Author: d.author,
			Version: d.version[0], Signer: d.signer, Trust: d.trust(), Statements: len(d.statements),
			Applicable: t.applicable.count(), Used: t.used.count(), OverBroad: d.census.broad,
			Contradictory: d.census.contradictory, Duplicate: d.census.duplicate,
			Format: d.format, Undated: d.census.undated, ReusedIDs: d.census.reused,
			Stale: d.stale(r.opt), FutureDated: d.future(r.opt), Ambiguous: d.census.ambiguous,
		}
		row.Timestamp = told(d.timestamp)
		if row.Used > 0 {
			row.State = report.DocumentUsed
		} else {
			row.Reason = r.unusedBecause(d, &r.stands[at[d]], &row)
		}
		out = append(out, row)
	}
	return out
}

// unusedBecause says why a document decided nothing.
func (r *run) unusedBecause(d *document, stand *standing, row *report.VEXDocument) string {
	switch {
	case r.opt.policy() == PolicyOff:
		return "vex-policy is off"
	case d.authority == unverified && r.opt.policy() != PolicyAny:
		return "unsigned, or its signature did not verify"
	case !r.concerns(d):
		return "not about this image"
	case stand.superseded != edition{}:
		return "superseded by version " + stand.superseded.String()
	case row.Applicable > 0:
		return "other statements decided"
	default:
		return "no statement is about a finding"
	}
}

// concerns reports whether a document can be about the image at all.
func (r *run) concerns(d *document) bool {
	for s := range d.subjects {
		if r.names.digests[s] || r.names.based[s] {
			return true
		}
	}
	for repo := range d.repos {
		if r.names.repos[repo] || r.names.base[repo] {
			return true
		}
	}
	return d.subjects == nil && d.repos == nil
}

// stale counts the suppressing statements older than Options.MaxAge.
func (d *document) stale(opt *Options) int {
	n := 0
	for i := range d.statements {
		at := d.dated(&d.statements[i], opt)
		if d.statements[i].suppresses() && opt.old(told(at)) {
			n++
		}
	}
	return n
}

// told is a time for the report: nil for none.
func told(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// future counts the statements whose date is too late to be one.
func (d *document) future(opt *Options) int {
	n := 0
	for i := range d.statements {
		if opt.future(d.issued(&d.statements[i])) {
			n++
		}
	}
	return n
}

// contradicted reports whether what prevails disagrees with a clearance of the same
// authority that is not shown to be older.
func contradicted(top, cleared *candidate) bool {
	return !top.s.suppresses() && cleared != nil && cleared.auth == top.auth &&
		(top.at.Equal(cleared.at) || top.at.IsZero() || cleared.at.IsZero())
}

// conflicts remembers statements that say opposite things of a finding: at equal
// authority and time, which keeps it open, and across authorities, where the higher
// one decides and the reader should know of the other.
func (r *run) conflicts(f *finding, top, cleared, objection *candidate) {
	what := f.where()
	switch {
	case contradicted(top, cleared):
		r.observe(report.Information, fmt.Sprintf("%s: %s says %s and %s says %s with equal authority, and neither is newer; it is not suppressed",
			what, cleared.d.source, clip(cleared.status()), top.d.source, clip(top.status())))
	case top.s.suppresses() && objection != nil && objection.auth < top.auth:
		r.observe(report.Information, fmt.Sprintf("%s: %s says %s, but %s has more authority and says %s",
			what, objection.d.source, clip(objection.status()), top.d.source, clip(top.status())))
	}
}
