package attest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/report"
)

// judged is a candidate with its judgement.
type judged struct {
	*candidate
	att       report.Attestation
	statement *statement // nil when none could be read
	payload   []byte     // the statement's bytes, when they are inside an envelope
	best      outcome
	sig       *sigRef // the signature that decided; nil when none did
	signature bool    // it says nothing but that the image is signed
	covered   *judged // the signature over the index that counts for it
	binding   error   // why the chain does not hold; nil when it does
}

// judge ends every candidate as verified, unverified, unreadable or invalid.
func (r *verification) judge(candidates []*candidate) *Result {
	res := &Result{}
	all := make([]*judged, len(candidates))
	for i, c := range candidates {
		all[i] = &judged{candidate: c, signature: c.kind == kindSignature}
		r.judgeOne(all[i])
	}
	r.coverByIndex(all)
	k := newKeeper(res, r.subject.Platform)
	for _, j := range all {
		r.finish(k, j)
	}
	k.record(r)
	res.Probes, res.Observations = r.probes, r.seen
	return res
}

func (r *verification) judgeOne(j *judged) {
	switch {
	case j.obj.err != nil:
		r.judgeUnreadable(j)
	case j.kind == kindStatement:
		r.judgeStatement(j)
	case j.kind == kindSignature:
		r.judgeSignature(j)
	case j.blob == nil:
		j.decline(brokenf("manifest %s has no layer", short(j.obj.digest)))
	case j.kind == kindEnvelope:
		r.judgeEnvelope(j)
	case j.kind == kindBundle:
		r.judgeBundle(j)
	case j.kind == kindSBOM:
		j.att.Form, j.att.PredicateType = "none", j.blobType()
		j.att.Subject = j.obj.sightings[0].subject.String()
		j.att.State, j.att.Reason = report.Unverified, "an SBOM attached with cosign's .sbom tag is no attestation: nobody signed it"
	}
}

// coverByIndex lets a verified signature over the index count for the attestations
// that the index itself lists: their digests are in the bytes that were signed. It is
// how BuildKit's attestations are signed at all.
func (r *verification) coverByIndex(all []*judged) {
	var over *judged
	for _, j := range all {
		if j.signature && j.att.State == report.Verified && j.att.Subject == hashText(r.subject.Index) {
			over = j
			break
		}
	}
	if over == nil {
		return
	}
	for _, j := range all {
		unsigned := j.att.State == report.Unverified || j.att.State == report.Unreadable // its own signatures
		if j.kind == kindStatement && j.obj.inIndex() && j.binding == nil && j.obj.err == nil && unsigned {
			j.best = over.best
			j.att.State, j.att.Signer, j.att.Log, j.att.SignedAt = report.Verified, over.att.Signer, over.att.Log, over.att.SignedAt
			j.att.SignatureDigest = over.att.SignatureDigest
			j.att.Form, j.covered = over.att.Form, over
			j.att.Reason = fmt.Sprintf("listed by the index %s, which is %s", short(r.subject.Index), over.best.reason)
		}
	}
}

// judgeStatement combines the chain to the statement with the signatures over its
// manifest.
func (r *verification) judgeStatement(j *judged) {
	j.att.Form = "cosign-simple-signing"
	s, subject, err := r.bindStatement(j.candidate)
	j.statement = s
	j.att.Subject = hashText(subject)
	j.att.PredicateType = writtenType(j.candidate)
	if s != nil {
		j.att.PredicateType = s.predicateType
	}
	if err != nil {
		j.decline(err)
		return
	}
	r.weigh(j, func(sig *sigRef) outcome { return r.judgedSignature(sig, j.obj.digest) })
	switch {
	case j.best.grade == none:
		j.att.Form = "none"
	case j.sig != nil && isBundle(string(j.sig.layer.MediaType)):
		j.att.Form = "sigstore-bundle"
	}
}

// judgeSignature judges a signature over the image or its index.
func (r *verification) judgeSignature(j *judged) {
	j.att.Form, j.att.PredicateType = "cosign-simple-signing", mediaSimpleSigning
	target := r.targetOf(j)
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
	r.weigh(j, func(sig *sigRef) outcome { return r.checkSignature(sig, target) })
}

// targetOf is the manifest that a signature manifest is about: its subject, or for a
// tag, which has none, the one of the tagged digests that the payload names.
func (r *verification) targetOf(j *judged) v1.Hash {
	if m := j.obj.man; m.Subject != nil {
		return m.Subject.Digest
	}
	if j.blob != nil && j.blob.err == nil {
		if signed, err := parsePayload(j.blob.data, r.lim); err == nil {
			for _, s := range j.obj.sightings {
				if s.subject == signed {
					return signed
				}
			}
		}
	}
	return j.obj.sightings[0].subject
}

// judgeUnreadable reports what was listed but whose manifest could not be read, or is none.
// Of bytes that were not seen, the listing's word goes into the reason only: whoever lists
// could call the newest VEX something else.
func (r *verification) judgeUnreadable(j *judged) {
	j.att.Form = "none"
	j.att.Subject = j.obj.sightings[0].subject.String()
	j.decline(j.obj.err)
	if said := listedType(j.obj); j.obj.raw != nil {
		j.att.PredicateType = said
	} else if said != "" {
		j.att.Reason += fmt.Sprintf("; the listing says predicate type %q", said)
	}
}

// finish fills in what all attestations have and hands them to the right list.
func (r *verification) finish(k *keeper, j *judged) {
	a := &j.att
	a.Family = familyOf(j)
	a.Digest = j.obj.digest.String()
	if (j.kind == kindEnvelope || j.kind == kindBundle) && j.blob != nil {
		a.Digest = j.layer.Digest.String()
	}
	a.Store = r.storeNames(j.candidate)
	a.Platform = r.subject.Platform
	if j.blob != nil {
		a.Size = j.blob.desc.Size
		a.PayloadDigest = j.blob.desc.Digest.String()
	}
	if j.payload != nil {
		a.PayloadDigest = digestOf(j.payload).String()
	}
	a.Reason = oneLine(a.Reason)
	a.Command = r.command(j)
	k.keep(j)
	switch a.State {
	case report.Verified:
		v := Verified{
			predicateType: a.PredicateType, digest: a.Digest, payload: a.PayloadDigest, subject: a.Subject,
			signer: a.Signer, store: a.Store, path: a.Path, identity: j.best.subject, issuer: j.best.issuer,
		}
		if j.best.key != nil {
			v.key = j.best.key.Fingerprint()
		}
		if j.statement != nil && !j.signature {
			v.predicate = j.statement.predicate
		}
		if a.SignedAt != nil {
			v.signedAt = a.SignedAt.UTC().Truncate(time.Second)
		}
		k.res.Verified = append(k.res.Verified, v)
	case report.Unverified, report.Unreadable:
		if j.statement != nil && !j.signature {
			k.res.Unverified = append(k.res.Unverified, Unverified{
				PredicateType: a.PredicateType, Family: a.Family, Predicate: j.statement.predicate,
				Digest: a.Digest, Subject: a.Subject, Store: a.Store, Path: a.Path, Reason: a.Reason,
			})
		}
	}
	k.res.Attestations = append(k.res.Attestations, *a)
}

func familyOf(j *judged) string {
	switch {
	case j.obj.raw == nil || errors.Is(j.obj.err, errForm) || j.blob != nil && j.blob.data == nil && j.att.PredicateType == "":
		return FamilyUnknown
	case j.signature:
		return FamilySignature
	case j.kind == kindSBOM:
		return FamilySBOM
	}
	return Family(j.att.PredicateType)
}

// writtenType is the predicate type of a blob that could not be read, on which all
// manifests around it agree in their own annotations; "" when they do not.
func writtenType(c *candidate) string {
	var all []string
	for _, p := range append([]place{{c.obj, c.layer}}, c.also...) {
		all = append(all, typesIn(p.layer.Annotations, p.obj.man.Annotations)...)
	}
	if all = slices.Compact(slices.Sorted(slices.Values(all))); len(all) != 1 {
		return ""
	}
	return clip(all[0])
}

// listedType is the predicate type as the first listing names it. It is nobody's word.
func listedType(o *object) string {
	for _, s := range o.sightings {
		if all := typesIn(s.desc.Annotations); len(all) > 0 {
			return clip(all[0])
		}
	}
	return ""
}

func typesIn(annotations ...map[string]string) (out []string) {
	for _, name := range []string{annoPredicateType, annoBundlePredicate, "predicateType"} {
		for _, a := range annotations {
			if a[name] != "" {
				out = append(out, a[name])
			}
		}
	}
	return out
}

func (r *verification) storeNames(c *candidate) string {
	names := ""
	seen := map[string]bool{}
	sightings := c.obj.sightings
	for _, p := range c.also {
		sightings = append(slices.Clip(sightings), p.obj.sightings...)
	}
	for _, s := range storesOf(sightings) {
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
