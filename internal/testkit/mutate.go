package testkit

import (
	"encoding/base64"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// forge holds what is to be spoilt in one attestation. The zero value is honest.
type forge struct {
	statement []func(*Statement)
	bytes     []func([]byte) []byte
	manifest  []func(*v1.Manifest)
	key       *Key
	unsigned  bool
	signature func(*Draft)
	extra     []func(*Draft) // further signatures, pushed before the real one
}

func (f forge) statements(s *Statement) {
	for _, edit := range f.statement {
		edit(s)
	}
}

func (f forge) statementBytes(raw []byte) []byte {
	for _, edit := range f.bytes {
		raw = edit(raw)
	}
	return raw
}

func (f forge) manifests(m *v1.Manifest) {
	for _, edit := range f.manifest {
		edit(m)
	}
}

// Draft is a signature in the making.
type Draft struct {
	// Payload is what will be signed.
	Payload Payload
	// Signed, when not nil, changes the payload or the base64 signature after signing.
	Signed func(payload []byte, signature string) ([]byte, string)
	// Bundle, when not nil, makes the Rekor bundle annotation.
	Bundle func(payload []byte, signature string) string
	// Manifest, when not nil, changes the signature manifest.
	Manifest func(*v1.Manifest)
}

// Mutator spoils one link of an attestation's chain. The links after it stay honest:
// what is spoilt before signing is signed as it is.
type Mutator func(*Attestation)

// With is the attestation after all mutators. The attestation itself is unchanged.
func (a Attestation) With(ms ...Mutator) Attestation {
	a.forge.statement = slices.Clone(a.forge.statement)
	a.forge.bytes = slices.Clone(a.forge.bytes)
	a.forge.manifest = slices.Clone(a.forge.manifest)
	a.forge.extra = slices.Clone(a.forge.extra)
	for _, m := range ms {
		m(&a)
	}
	return a
}

// Attest is a copy of img in which the attestations of one predicate type, on every
// platform, have been through the mutators.
func (img Image) Attest(predicateType string, ms ...Mutator) Image {
	return img.edit(func(list []Attestation) []Attestation {
		for i, a := range list {
			if a.PredicateType == predicateType {
				list[i] = a.With(ms...)
			}
		}
		return list
	})
}

// Without is a copy of img that lacks the attestations of one predicate type.
func (img Image) Without(predicateType string) Image {
	return img.edit(func(list []Attestation) []Attestation {
		return slices.DeleteFunc(list, func(a Attestation) bool { return a.PredicateType == predicateType })
	})
}

// Plus is a copy of img with further attestations on every platform.
func (img Image) Plus(more ...Attestation) Image {
	return img.edit(func(list []Attestation) []Attestation { return append(list, more...) })
}

func (img Image) edit(change func([]Attestation) []Attestation) Image {
	img.Platforms = slices.Clone(img.Platforms)
	for i, p := range img.Platforms {
		img.Platforms[i].Attestations = change(slices.Clone(p.Attestations))
	}
	return img
}

// SignedBy signs with another key.
func SignedBy(k *Key) Mutator { return func(a *Attestation) { a.forge.key = k } }

// Unsigned leaves the signature out.
func Unsigned() Mutator { return func(a *Attestation) { a.forge.unsigned = true } }

// EditStatement changes the statement before it is encoded and signed.
func EditStatement(edit func(*Statement)) Mutator {
	return func(a *Attestation) { a.forge.statement = append(a.forge.statement, edit) }
}

// EditStatementBytes changes the encoded statement before its digest is taken.
func EditStatementBytes(edit func([]byte) []byte) Mutator {
	return func(a *Attestation) { a.forge.bytes = append(a.forge.bytes, edit) }
}

// EditManifest changes the attestation manifest before it is signed.
func EditManifest(edit func(*v1.Manifest)) Mutator {
	return func(a *Attestation) { a.forge.manifest = append(a.forge.manifest, edit) }
}

// EditSignature changes the signature; see [Draft] for its stages.
func EditSignature(edit func(*Draft)) Mutator {
	return func(a *Attestation) {
		before := a.forge.signature
		a.forge.signature = func(d *Draft) {
			if before != nil {
				before(d)
			}
			edit(d)
		}
	}
}

// OtherStatementSubject makes the statement speak of another digest.
func OtherStatementSubject(h v1.Hash) Mutator {
	return EditStatement(func(s *Statement) {
		s.Subject = []Subject{{Name: s.Subject[0].Name, Digest: map[string]string{h.Algorithm: h.Hex}}}
	})
}

// SecondStatementSubject makes the statement speak of another digest as well.
func SecondStatementSubject(h v1.Hash) Mutator {
	return EditStatement(func(s *Statement) {
		s.Subject = append(s.Subject, Subject{Name: s.Subject[0].Name, Digest: map[string]string{h.Algorithm: h.Hex}})
	})
}

// StatementPredicateType makes the statement disagree with the annotations.
func StatementPredicateType(uri string) Mutator {
	return EditStatement(func(s *Statement) { s.PredicateType = uri })
}

// AnnotatedPredicateType makes both annotations disagree with the statement.
func AnnotatedPredicateType(uri string) Mutator {
	return EditManifest(func(m *v1.Manifest) {
		m.Annotations = map[string]string{PredicateAnnotation: uri}
		m.Layers[0].Annotations = map[string]string{PredicateAnnotation: uri}
	})
}

// SignedDigest makes the payload name another manifest than the attestation's, such as
// the image itself.
func SignedDigest(h v1.Hash) Mutator {
	return EditSignature(func(d *Draft) { d.Payload.Critical.Image.DockerManifestDigest = h.String() })
}

// SignedReference makes the payload name another repository.
func SignedReference(ref string) Mutator {
	return EditSignature(func(d *Draft) { d.Payload.Critical.Identity.DockerReference = ref })
}

// PayloadByte flips byte n of the payload after signing; a negative n counts from the end.
func PayloadByte(n int) Mutator {
	return EditSignature(func(d *Draft) {
		d.Signed = func(payload []byte, sig string) ([]byte, string) { return flip(slices.Clone(payload), n), sig }
	})
}

// Bundle adds the Rekor bundle that make returns for the payload and its signature.
func Bundle(make func(payload []byte, signature string) string) Mutator {
	return EditSignature(func(d *Draft) { d.Bundle = make })
}

// GarbageSignatureFirst adds a signature that is well-formed and signs nothing, before
// the real one in order of arrival.
func GarbageSignatureFirst() Mutator {
	return func(a *Attestation) {
		a.forge.extra = append(a.forge.extra, func(d *Draft) {
			d.Payload.Optional = map[string]any{"note": "not the signature that you want"}
			d.Signed = func(payload []byte, _ string) ([]byte, string) {
				return payload, base64.StdEncoding.EncodeToString([]byte("no signature at all"))
			}
		})
	}
}

// BareStatementByte flips byte n of the statement before anything is signed: the chain
// is intact and the content is not what the publisher wrote.
func BareStatementByte(n int) Mutator {
	return EditStatementBytes(func(b []byte) []byte { return flip(b, n) })
}
