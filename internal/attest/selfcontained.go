package attest

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/report"
)

const annoBundlePredicate = "dev.sigstore.bundle.predicateType" // cosign 3, actions/attest

// judgeEnvelope judges a DSSE envelope: what it says of the image is inside and signed,
// so the manifest around it is only a wrapping.
func (r *verification) judgeEnvelope(j *judged) {
	j.att.Form = "dsse"
	if j.blob.err != nil {
		j.att.PredicateType = writtenType(j.candidate)
		j.decline(fmt.Errorf("the envelope could not be read: %w", j.blob.err))
		return
	}
	entities, err := r.entities(j)
	if len(entities) == 0 && err != nil {
		j.decline(brokenf("%w", err))
		return
	}
	if len(entities) == 0 {
		j.att.State, j.att.Reason = report.Unverified, "nobody signed it: the envelope has no signature"
		return
	}
	if !r.inside(j, entities[0].payload) {
		return
	}
	r.warnType(j, j.layer.Annotations["predicateType"])
	var outs []outcome
	for _, e := range entities {
		outs = append(outs, r.check.check(e))
	}
	j.settle(outs)
}

// entities are the signatures of an envelope. Certificate, log entry and timestamp are in
// the annotations of each layer that holds it; one that is broken does not spoil another.
func (r *verification) entities(j *judged) (out []*entity, first error) {
	var seen []map[string]string
	for _, p := range append([]place{{j.obj, j.layer}}, j.also...) {
		if slices.ContainsFunc(seen, func(a map[string]string) bool { return maps.Equal(a, p.layer.Annotations) }) {
			continue
		}
		seen = append(seen, p.layer.Annotations)
		list, err := parseEnvelope(p.layer, j.blob.data, r.lim, r.check.log)
		if first == nil {
			first = err
		}
		out = append(out, list...)
	}
	return out, first
}

// judgeBundle judges a Sigstore bundle that holds a statement about the image or a
// signature over its manifest.
func (r *verification) judgeBundle(j *judged) {
	j.att.Form = "sigstore-bundle"
	if j.blob.err != nil {
		j.att.PredicateType = writtenType(j.candidate)
		j.decline(fmt.Errorf("the bundle could not be read: %w", j.blob.err))
		return
	}
	b, err := r.openBundleBlob(j.blob)
	if err != nil {
		j.decline(brokenf("%w", err))
		return
	}
	if b.dsse {
		if !r.inside(j, b.payload) {
			return
		}
		r.warnType(j, j.obj.man.Annotations[annoBundlePredicate])
		j.settle([]outcome{r.check.check(&b.entity)})
		return
	}
	j.att.PredicateType = j.blobType()
	j.signature = true
	target := b.signs()
	if target != r.subject.Digest && (target != r.subject.Index || target == (v1.Hash{})) {
		j.decline(brokenf("the bundle signs %s %x, not %s", algorithmName(b.claimedAlgo), clipBytes(b.claimed), r.subject.Digest))
		return
	}
	j.att.Subject = target.String()
	j.settle([]outcome{r.checkMessage(b, target)})
}

func (j *judged) blobType() string { return string(j.layer.MediaType) }

func (r *verification) openBundleBlob(b *blob) (*bundled, error) {
	raw, err := parseBundle(b.data, r.lim)
	if err != nil {
		return nil, err
	}
	return openBundle(raw, r.lim)
}

// checkMessage judges a bundle's signature over a manifest.
func (r *verification) checkMessage(b *bundled, target v1.Hash) outcome {
	sum, err := hexBytes(target)
	if err != nil {
		return badf("%s", reasonOf(err))
	}
	e, err := b.ofMessage(sum, nil)
	if err != nil {
		return badf("%s", reasonOf(err))
	}
	return r.check.check(e)
}

// inside reads the statement of an envelope and holds it to the image: one of its
// subjects must be the platform's manifest or the index that lists it. Others may stand
// beside it, as in-toto allows: the signer bound all of them. It reports whether the
// judgement may go on.
func (r *verification) inside(j *judged, payload []byte) bool {
	s, err := parseStatement(payload, r.lim)
	if err != nil {
		j.decline(brokenf("%w", err))
		return false
	}
	j.statement, j.payload = s, payload
	j.att.PredicateType = s.predicateType
	j.signature = Family(s.predicateType) == FamilySignature
	switch {
	case s.names(r.subject.Digest):
		j.att.Subject = r.subject.Digest.String()
	case r.subject.Index != (v1.Hash{}) && s.names(r.subject.Index):
		j.att.Subject = r.subject.Index.String()
	default:
		j.decline(brokenf("the statement speaks of %s, not of %s", s.first(), r.subject.Digest))
		return false
	}
	return true
}

// warnType tells of an annotation that names another predicate type than the signed
// statement. The annotation is nobody's word, so it changes no judgement.
func (r *verification) warnType(j *judged, said string) {
	if said != "" && said != j.att.PredicateType {
		r.observe(report.Information, fmt.Sprintf("%s: an annotation of %s says predicate type %q, the signed statement %q",
			r.storeNames(j.candidate), short(j.obj.digest), clip(said), clip(j.att.PredicateType)))
	}
}

// checkBundleOver judges a bundle as a signature over the manifest target, as cosign 3
// makes it: a message signature, or the statement of predicate type sign/v1 about it.
// Statements of other types about the manifest say something else.
func (r *verification) checkBundleOver(s *sigRef, target v1.Hash) outcome {
	if errors.Is(s.blob.err, errBinding) {
		return badf("%s", reasonOf(s.blob.err))
	}
	if s.blob.err != nil {
		return unreadf("bundle %s could not be read: %s", short(s.layer.Digest), reasonOf(s.blob.err))
	}
	b, err := r.openBundleBlob(s.blob)
	if err != nil {
		return badf("bundle %s: %s", short(s.layer.Digest), reasonOf(err))
	}
	if !b.dsse {
		return r.checkMessage(b, target)
	}
	st, err := parseStatement(b.payload, r.lim)
	switch {
	case err != nil:
		return badf("bundle %s: %s", short(s.layer.Digest), reasonOf(err))
	case st.predicateType != predicateCosign:
		return unknownf("bundle %s holds a statement of type %q, not a signature", short(s.layer.Digest), clip(st.predicateType))
	case !st.names(target):
		return badf("the signature is over %s, not over %s", st.first(), target)
	}
	return r.check.check(&b.entity)
}
