package attest

import (
	"errors"
	"fmt"

	"github.com/imagegate/imagegate/internal/report"
)

// decline ends a candidate whose chain does not hold. What could not be read may still
// be genuine, and may say anything; what contradicts itself is invalid.
func (j *judged) decline(err error) {
	j.binding = err
	j.att.State, j.att.Reason = report.Unreadable, reasonOf(err)
	if errors.Is(err, errBinding) || errors.Is(err, errManifest) || errors.Is(err, errStatement) {
		j.att.State = report.Invalid
	}
}

// weigh tries every signature and lets the best one decide: a good one is not hidden
// by a bad one.
func (r *verification) weigh(j *judged, check func(*sigRef) outcome) {
	var outs []outcome
	for _, s := range j.sigs {
		outs = append(outs, check(s))
	}
	if best := j.settle(outs); best >= 0 {
		j.sig = j.sigs[best]
		j.att.SignatureDigest = j.sig.obj.digest.String()
	}
}

// settle ends a candidate by the best of its signatures and returns which one it is;
// -1 when there is none.
func (j *judged) settle(outs []outcome) int {
	best := -1
	for i, o := range outs {
		if o.grade > j.best.grade {
			j.best, best = o, i
		}
	}
	a, n := &j.att, len(outs)
	switch j.best.grade {
	case good:
		a.State, a.Reason = report.Verified, j.best.reason
		if n > 1 {
			a.Reason += fmt.Sprintf("; one of %d signatures", n)
		}
		a.Signer, a.Log = j.best.signer, j.best.log
		if t := j.best.signedAt; !t.IsZero() {
			a.SignedAt = &t
		}
		return best
	case bad:
		a.State, a.Reason = report.Invalid, j.best.reason
	case unread:
		a.State, a.Reason = report.Unreadable, j.best.reason
	case unknown:
		a.State, a.Reason = report.Unverified, j.best.reason
	case none:
		a.State, a.Reason = report.Unverified, "nobody signed it"
		if j.lookup != nil {
			a.State, a.Reason = report.Unreadable, "its signatures could not be looked up: "+reasonOf(j.lookup)
		}
		return best
	}
	if j.lookup != nil {
		if a.State == report.Unverified {
			a.State = report.Unreadable
		}
		a.Reason += "; further signatures could not be looked up: " + reasonOf(j.lookup)
	}
	if n > 1 {
		a.Reason = fmt.Sprintf("none of %d signatures counts, the nearest: %s", n, a.Reason)
	}
	return best
}
