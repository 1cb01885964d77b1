package attest

import (
	"errors"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/report"
)

// judged is a candidate with its judgement.
type judged struct {
	*candidate
	att       report.Attestation
	statement *statement // nil when none could be read
	best      outcome
	sig       *sigRef // the signature that decided; nil when none did
}

// judge ends every candidate as verified, unverified or invalid.
func (r *verification) judge(candidates []*candidate) *Result {
	res := &Result{Probes: r.probes, Warnings: r.warnings}
	k := newKeeper(res, r.subject.Platform)
	for _, c := range candidates {
		j := &judged{candidate: c}
		switch c.kind {
		case kindStatement:
			r.judgeStatement(j)
		case kindSignature:
			r.judgeSignature(j)
		default:
			r.judgeUnreadable(j)
		}
		r.finish(k, j)
	}
	return res
}

// judgeStatement combines the chain to the statement with the signatures over its
// manifest.
func (r *verification) judgeStatement(j *judged) {
	j.att.Form = "cosign-simple-signing"
	s, subject, err := r.bindStatement(j.candidate)
	j.statement = s
	j.att.Subject = hashText(subject)
	j.att.PredicateType = claimedType(j.candidate)
	if s != nil {
		j.att.PredicateType = s.predicateType
	}
	if err != nil {
		j.decline(err)
		return
	}
	r.weigh(j, func(sig *sigRef) outcome { return r.checkSimple(sig, j.obj.digest) })
	if j.best.grade == none {
		j.att.Form = "none"
	}
}

// judgeSignature judges a signature over the image or its index.
func (r *verification) judgeSignature(j *judged) {
	j.att.Form, j.att.PredicateType = "cosign-simple-signing", mediaSimpleSigning
	target := j.obj.sightings[0].subject
	if m := j.obj.man; m.Subject != nil {
		target = m.Subject.Digest
	}
	if target != r.subject.Digest && target != r.subject.Index {
		j.decline(brokenf("the signature manifest's subject is %s, not %s", target, r.subject.Digest))
		return
	}
	j.att.Subject = target.String()
	if len(j.sigs) == 0 {
		j.decline(brokenf("the signature manifest has no layer"))
		return
	}
	if !j.obj.byTag() {
		if err := r.listed(j.obj, target); err != nil {
			j.decline(err)
			return
		}
	}
	r.weigh(j, func(sig *sigRef) outcome { return r.checkSimple(sig, target) })
}

// judgeUnreadable reports what was listed but could not be read.
func (r *verification) judgeUnreadable(j *judged) {
	j.att.PredicateType, j.att.Form = claimedType(j.candidate), "none"
	j.att.Subject = j.obj.sightings[0].subject.String()
	j.decline(j.obj.err)
}

// decline ends a candidate whose chain does not hold. What could not be read may still
// be genuine; what contradicts itself is invalid.
func (j *judged) decline(err error) {
	j.att.State, j.att.Reason = report.Unverified, reasonOf(err)
	if errors.Is(err, errBinding) || errors.Is(err, errManifest) || errors.Is(err, errStatement) {
		j.att.State = report.Invalid
	}
}

// weigh tries every signature and lets the best one decide: a good one is not hidden
// by a bad one.
func (r *verification) weigh(j *judged, check func(*sigRef) outcome) {
	for _, s := range j.sigs {
		if o := check(s); o.grade > j.best.grade {
			j.best, j.sig = o, s
		}
	}
	switch j.best.grade {
	case good:
		j.att.State, j.att.Reason = report.Verified, j.best.reason
		if n := len(j.sigs) - 1; n > 0 {
			j.att.Reason += fmt.Sprintf("; one of %d signatures", n+1)
		}
		j.att.Signer, j.att.Log = j.best.signer, j.best.log
		if t := j.best.signedAt; !t.IsZero() {
			j.att.SignedAt = &t
		}
	case bad:
		j.att.State, j.att.Reason = report.Invalid, j.best.reason
	case unknown:
		j.att.State, j.att.Reason = report.Unverified, j.best.reason
	case none:
		j.att.State, j.att.Reason = report.Unverified, "nobody signed it"
		if j.lookup != nil {
			j.att.Reason = "its signatures could not be looked up: " + reasonOf(j.lookup)
		}
	}
	if j.best.grade != good && j.best.grade != none {
		if j.lookup != nil {
			j.att.Reason += "; further signatures could not be looked up: " + reasonOf(j.lookup)
		}
		if n := len(j.sigs); n > 1 {
			j.att.Reason = fmt.Sprintf("none of %d signatures counts, the nearest: %s", n, j.att.Reason)
		}
	}
	if j.sig != nil {
		j.att.SignatureDigest = j.sig.obj.digest.String()
	}
}

// finish fills in what all attestations have and hands them to the right list.
func (r *verification) finish(k *keeper, j *judged) {
	a := &j.att
	a.Family = familyOf(j)
	a.Digest = j.obj.digest.String()
	a.Store = r.storeNames(j.obj)
	a.Platform = r.subject.Platform
	if j.blob != nil {
		a.Size = j.blob.desc.Size
		a.PayloadDigest = j.blob.desc.Digest.String()
	}
	a.Command = r.command(j)
	k.keep(j)
	switch a.State {
	case report.Verified:
		v := Verified{
			predicateType: a.PredicateType, digest: a.Digest, payload: a.PayloadDigest, subject: a.Subject,
			signer: a.Signer, store: a.Store, path: a.Path,
		}
		if j.statement != nil {
			v.predicate = j.statement.predicate
		}
		if a.SignedAt != nil {
			v.signedAt = a.SignedAt.UTC().Truncate(time.Second)
		}
		k.res.Verified = append(k.res.Verified, v)
	case report.Unverified:
		if j.statement != nil {
			k.res.Unverified = append(k.res.Unverified, Unverified{
				PredicateType: a.PredicateType, Family: a.Family, Predicate: j.statement.predicate,
				Digest: a.Digest, Subject: a.Subject, Store: a.Store, Path: a.Path, Reason: a.Reason,
			})
		}
	}
	k.res.Attestations = append(k.res.Attestations, *a)
}

func familyOf(j *judged) string {
	if j.kind == kindSignature {
		return FamilySignature
	}
	return Family(j.att.PredicateType)
}

// claimedType is the predicate type as annotations name it, for what could not be read.
func claimedType(c *candidate) string {
	if t := c.layer.Annotations[annoPredicateType]; t != "" {
		return t
	}
	if c.obj.man != nil && c.obj.man.Annotations[annoPredicateType] != "" {
		return c.obj.man.Annotations[annoPredicateType]
	}
	for _, s := range c.obj.sightings {
		if t := s.desc.Annotations[annoPredicateType]; t != "" {
			return t
		}
	}
	return ""
}

func (r *verification) storeNames(o *object) string {
	names := ""
	seen := map[string]bool{}
	for _, s := range storesOf(o.sightings) {
		if n := r.read.stores[s].Name(); !seen[n] {
			seen[n] = true
			if names != "" {
				names += ", "
			}
			names += n
		}
	}
	return names
}

func hashText(h v1.Hash) string {
	if h == (v1.Hash{}) {
		return ""
	}
	return h.String()
}
