package attest

import (
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// errBinding is what a break in the chain from image to statement wraps.
var errBinding = errors.New("broken chain")

func brokenf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errBinding}, args...)...)
}

// bindStatement follows the chain from the image to a bare statement and returns the
// statement and the digest that it speaks of. The layout is that of Docker Hardened
// Images and, for a manifest inside the index, BuildKit's. Every link must hold:
// listing = manifest bytes, manifest.subject = image, one layer, layer bytes =
// descriptor, statement subjects = image and nothing else, and the predicate type of
// statement, manifest, layer and listing one and the same.
func (r *verification) bindStatement(c *candidate) (*statement, v1.Hash, error) {
	m := c.obj.man
	inIndex := c.obj.inIndex()
	subject, err := r.boundSubject(m, inIndex)
	if err != nil {
		return nil, v1.Hash{}, err
	}
	if err := r.listed(c.obj, subject); err != nil {
		return nil, subject, err
	}
	if len(m.Layers) == 0 || len(m.Layers) > 1 && !manyStatements(c.obj) {
		return nil, subject, brokenf("the attestation manifest has %d layers, not one", len(m.Layers))
	}
	if string(c.layer.MediaType) != mediaStatement {
		return nil, subject, brokenf("the layer's media type is %q, not %q", clip(string(c.layer.MediaType)), mediaStatement)
	}
	switch {
	case errors.Is(c.blob.err, errBinding):
		return nil, subject, c.blob.err
	case c.blob.err != nil:
		return nil, subject, fmt.Errorf("the statement could not be read: %w", c.blob.err)
	}
	s, err := parseStatement(c.blob.data, r.lim)
	if err != nil {
		return nil, subject, brokenf("%w", err)
	}
	if !s.names(subject) {
		return s, subject, brokenf("the statement speaks of %s, not of %s", s.foreign(subject), subject)
	}
	if f := s.foreign(subject); f != "" {
		return s, subject, brokenf("the statement has a second subject, %s, beside %s", f, subject)
	}
	layerType, ok := c.layer.Annotations[annoPredicateType]
	if !ok || layerType != s.predicateType {
		return s, subject, brokenf("the layer says predicate type %q, the statement %q", clip(layerType), clip(s.predicateType))
	}
	manifestType, ok := m.Annotations[annoPredicateType]
	if ok && manifestType != s.predicateType || !ok && m.ArtifactType == mediaStatement {
		return s, subject, brokenf("the manifest says predicate type %q, the statement %q", clip(manifestType), clip(s.predicateType))
	}
	return s, subject, nil
}

// boundSubject returns which of the two digests the manifest is attached to.
func (r *verification) boundSubject(m *v1.Manifest, inIndex bool) (v1.Hash, error) {
	if m.Subject == nil {
		if inIndex { // the index itself, read by digest, ties it to the platform
			return r.subject.Digest, nil
		}
		return v1.Hash{}, brokenf("the attestation manifest has no subject")
	}
	switch d := m.Subject.Digest; d {
	case r.subject.Digest:
		return d, nil
	case r.subject.Index:
		if !inIndex {
			return d, nil
		}
		fallthrough
	default:
		return v1.Hash{}, brokenf("the attestation manifest's subject is %s, not %s", d, r.subject.Digest)
	}
}

// listed wants at least one listing that describes the manifest as it is. A store that
// lists it wrongly does not spoil one that lists it rightly.
func (r *verification) listed(o *object, subject v1.Hash) error {
	var last error
	for _, s := range o.sightings {
		if last = describes(s, o, subject); last == nil {
			return nil
		}
	}
	return last
}

func describes(s sighting, o *object, subject v1.Hash) error {
	d, m := s.desc, o.man
	switch {
	case s.tag != "":
		return nil
	case s.subject != subject:
		return brokenf("it was listed as a referrer of %s, but its subject is %s", s.subject, subject)
	case d.Size != int64(len(o.raw)):
		return brokenf("the listing says %d bytes, the manifest has %d", d.Size, len(o.raw))
	case m.MediaType != "" && d.MediaType != "" && d.MediaType != m.MediaType:
		return brokenf("the listing says media type %q, the manifest %q", clip(string(d.MediaType)), clip(string(m.MediaType)))
	case d.ArtifactType != "" && m.ArtifactType != "" && d.ArtifactType != m.ArtifactType && d.ArtifactType != string(m.Config.MediaType):
		return brokenf("the listing says artifact type %q, the manifest %q", clip(d.ArtifactType), clip(m.ArtifactType))
	}
	if t, ok := d.Annotations[annoPredicateType]; ok && t != m.Annotations[annoPredicateType] && !s.inIndex {
		return brokenf("the listing says predicate type %q, the manifest %q", clip(t), clip(m.Annotations[annoPredicateType]))
	}
	return nil
}

// checkSignature judges one signature over the manifest target, whatever its form.
func (r *verification) checkSignature(s *sigRef, target v1.Hash) outcome {
	if s.obj.err == nil && s.blob != nil && isBundle(string(s.layer.MediaType)) {
		if m := s.obj.man; !s.obj.byTag() && (m.Subject == nil || m.Subject.Digest != target) {
			return unknownf("signature manifest %s is attached to another manifest", short(s.obj.digest))
		}
		return r.checkBundleOver(s, target)
	}
	return r.checkSimple(s, target)
}

// checkSimple judges one simple-signing signature over the manifest target.
func (r *verification) checkSimple(s *sigRef, target v1.Hash) outcome {
	switch {
	case errors.Is(s.obj.err, errBinding):
		return badf("%s", reasonOf(s.obj.err))
	case s.obj.err != nil:
		return unreadf("signature manifest %s could not be read: %s", short(s.obj.digest), reasonOf(s.obj.err))
	case s.blob == nil:
		return badf("signature manifest %s has no layer", short(s.obj.digest))
	}
	byTag := s.obj.byTag()
	if m := s.obj.man; !byTag && (m.Subject == nil || m.Subject.Digest != target) {
		return unknownf("signature manifest %s is attached to another manifest", short(s.obj.digest))
	}
	if string(s.layer.MediaType) != mediaSimpleSigning {
		return unknownf("signature manifest %s holds %q, no signature of a known form", short(s.obj.digest), clip(string(s.layer.MediaType)))
	}
	if errors.Is(s.blob.err, errBinding) {
		return badf("%s", reasonOf(s.blob.err))
	}
	if s.blob.err != nil {
		return unreadf("signature payload %s could not be read: %s", short(s.layer.Digest), reasonOf(s.blob.err))
	}
	signed, err := parsePayload(s.blob.data, r.lim)
	if err != nil {
		return badf("signature payload %s: %s", short(s.layer.Digest), reasonOf(err))
	}
	if signed != target {
		return badf("the signature is over manifest %s, not over %s", signed, target)
	}
	e, err := fromAnnotations(s.layer, s.blob.data, r.lim, r.check.log)
	if err != nil {
		return badf("signature %s: %s", short(s.layer.Digest), reasonOf(err))
	}
	return r.check.check(e)
}

// short is a digest that a person can compare: sha256: and twelve digits.
func short(d v1.Hash) string {
	if len(d.Hex) < 12 {
		return d.String()
	}
	return d.Algorithm + ":" + d.Hex[:12]
}
