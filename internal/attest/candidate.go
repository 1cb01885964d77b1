package attest

import (
	"errors"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// kind is what a manifest holds.
type kind int

const (
	kindOther     kind = iota
	kindStatement      // bare in-toto statement; its signatures are referrers of the manifest
	kindSignature      // cosign simple signing over the image itself
	kindEnvelope       // DSSE envelopes, as cosign's .att tag holds them
	kindBundle         // Sigstore bundles
	kindSBOM           // an SBOM attached with cosign's .sbom tag, which is no attestation
)

// candidate is one thing that may become an attestation: one layer of one manifest.
type candidate struct {
	obj   *object
	also  []place // other manifests around the same envelope or bundle
	kind  kind
	layer v1.Descriptor
	blob  *blob
	sigs  []*sigRef
	// lookup is why signatures could not be looked for everywhere; nil when they were.
	lookup error
}

// place is a layer of a manifest.
type place struct {
	obj   *object
	layer v1.Descriptor
}

// sigRef is one signature that was found for a candidate.
type sigRef struct {
	obj   *object
	layer v1.Descriptor
	blob  *blob
	out   *outcome // once it was judged
}

// kindOf sorts a manifest by what it says of itself; the bytes are held to it later.
func kindOf(o *object) kind {
	m := o.man
	switch {
	case m.ArtifactType == mediaStatement, m.ArtifactType == artifactBuildKit, o.inIndex():
		return kindStatement
	case isBundle(m.ArtifactType):
		return kindBundle
	case m.ArtifactType == artifactSignature, string(m.Config.MediaType) == artifactSignature:
		return kindSignature
	}
	for _, l := range m.Layers {
		switch t := string(l.MediaType); {
		case t == mediaSimpleSigning:
			return kindSignature
		case t == mediaStatement:
			return kindStatement
		case t == mediaEnvelope:
			return kindEnvelope
		case isBundle(t):
			return kindBundle
		}
	}
	for _, s := range o.sightings {
		if strings.HasSuffix(s.tag, ".sbom") {
			return kindSBOM
		}
	}
	return kindOther
}

// errForm is what a tag of attestations or signatures holds in a form that is not read.
var errForm = errors.New("it is in no form of an attestation or a signature that is read")

// candidates makes candidates of the manifests that were found: one for each layer. A
// manifest that could not be read is one too: it is reported, not forgotten. The same
// envelope or bundle in several manifests is one candidate, whatever else the manifests
// say: which of them comes first must not decide.
func (r *verification) candidates(found []*object) []*candidate {
	var out []*candidate
	type content struct {
		kind   kind
		digest v1.Hash
	}
	same := map[content]*candidate{}
	for _, o := range found {
		if o.leftAlone() {
			continue
		}
		if o.err != nil {
			out = append(out, &candidate{obj: o})
			continue
		}
		k, layers := kindOf(o), o.man.Layers
		if k == kindOther {
			if len(layers) > 0 && o.byTag() {
				o.err = fmt.Errorf("%w: its first layer is of type %q", errForm, clip(string(layers[0].MediaType)))
				out = append(out, &candidate{obj: o})
				continue
			}
			r.log.Debug("left alone", "manifest", o.digest.String(), "artifactType", o.man.ArtifactType)
			continue
		}
		if len(layers) == 0 {
			out = append(out, &candidate{obj: o, kind: k})
		}
		if k == kindStatement && len(layers) > 1 && !manyStatements(o) {
			layers = layers[:1] // bindStatement refuses it
		}
		for _, l := range layers {
			if c := same[content{k, l.Digest}]; c != nil && (k == kindEnvelope || k == kindBundle) && c.layer.Size == l.Size {
				c.also = append(c.also, place{o, l})
				c.blob.stores = append(c.blob.stores, storesOf(o.sightings)...)
				continue
			}
			c := r.candidate(o, k, l)
			same[content{k, l.Digest}] = c
			out = append(out, c)
		}
	}
	return out
}

func (r *verification) candidate(o *object, k kind, l v1.Descriptor) *candidate {
	c := &candidate{obj: o, kind: k, layer: l}
	if k == kindSignature {
		c.blob = r.payloadOf(o, l)
		c.sigs = []*sigRef{{obj: o, layer: l, blob: c.blob}}
		return c
	}
	c.blob = &blob{desc: l, max: r.lim.statement, name: "MaxStatement", stores: storesOf(o.sightings)}
	return c
}

// manyStatements reports whether a manifest may hold several statements: BuildKit's.
func manyStatements(o *object) bool {
	return o.inIndex() || o.man.ArtifactType == artifactBuildKit
}

func (r *verification) payloadOf(o *object, l v1.Descriptor) *blob {
	return &blob{desc: l, max: r.lim.payload, name: "MaxPayload", stores: storesOf(o.sightings)}
}

// blobsOf are the blobs to read, statements and payloads alike, each once.
func blobsOf(candidates []*candidate) []*blob {
	var out []*blob
	seen := map[*blob]bool{}
	add := func(b *blob) {
		if b != nil && !seen[b] {
			seen[b] = true
			out = append(out, b)
		}
	}
	for _, c := range candidates {
		add(c.blob)
		for _, s := range c.sigs {
			add(s.blob)
		}
	}
	return out
}
