package attest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/report"
)

// signatures finds the signatures of the bare statements and reads them: the referrers of
// each attestation manifest in every store, and for those that no referrer signs well, the
// .sig tag.
func (r *verification) signatures(ctx context.Context, candidates []*candidate) {
	byManifest := map[v1.Hash][]*candidate{}
	var all, unsigned []v1.Hash
	for _, c := range candidates {
		if c.kind == kindStatement && c.obj.err == nil {
			if byManifest[c.obj.digest] == nil {
				all = append(all, c.obj.digest)
			}
			byManifest[c.obj.digest] = append(byManifest[c.obj.digest], c)
		}
	}
	asked := r.findSignatures(ctx, byManifest, all, false)
	r.read.blobs(ctx, blobsOf(candidates))
	for _, d := range all {
		if c := byManifest[d][0]; !slices.ContainsFunc(c.sigs, func(s *sigRef) bool { return r.judgedSignature(s, d).grade == good }) {
			unsigned = append(unsigned, d)
		}
	}
	asked = append(asked, r.findSignatures(ctx, byManifest, unsigned, true)...)
	r.read.blobs(ctx, blobsOf(candidates))
	r.probeSignatures(asked, len(all))
}

// judgedSignature is checkSignature, once for each signature.
func (r *verification) judgedSignature(s *sigRef, target v1.Hash) outcome {
	if s.out == nil {
		out := r.checkSignature(s, target)
		s.out = &out
	}
	return *s.out
}

// sigRefs are the signatures of one signature manifest.
func (r *verification) sigRefs(o *object) []*sigRef {
	if o.err != nil || len(o.man.Layers) == 0 {
		return []*sigRef{{obj: o}}
	}
	var out []*sigRef
	for _, l := range o.man.Layers {
		out = append(out, &sigRef{obj: o, layer: l, blob: r.payloadOf(o, l)})
	}
	return out
}

// findSignatures asks every store for the signatures of the manifests, by referrers or by
// tag, and adds them to the manifests' candidates. It returns the answers.
func (r *verification) findSignatures(ctx context.Context, of map[v1.Hash][]*candidate, manifests []v1.Hash, byTag bool) []listing {
	var ask []listing
	for _, d := range manifests {
		for s := range r.read.stores {
			if byTag {
				ask = append(ask, r.unlessLeftOut(trust.StoreTags, listing{store: s, subject: d, tag: tagOf(d, ".sig")}))
			} else {
				ask = append(ask, r.unlessLeftOut(trust.StoreReferrers, listing{store: s, subject: d}))
			}
		}
	}
	r.ask(ctx, ask)
	found := map[v1.Hash]*objects{}
	for _, d := range manifests {
		found[d] = newObjects()
	}
	for _, l := range ask {
		if l.err != nil && !errors.Is(l.err, fs.ErrNotExist) && !errors.Is(l.err, errors.ErrUnsupported) {
			for _, c := range of[l.subject] {
				c.lookup = errors.Join(c.lookup, fmt.Errorf("%s: %w", r.read.stores[l.store].Name(), l.err))
			}
		}
		r.collect(found[l.subject], l)
	}
	var all []*object
	for _, d := range manifests {
		all = append(all, found[d].sorted()...)
	}
	r.read.manifests(ctx, all)
	for _, d := range manifests {
		for _, o := range found[d].sorted() {
			for _, c := range of[d] {
				c.sigs = append(c.sigs, r.sigRefs(o)...)
			}
		}
	}
	return ask
}

// probeSignatures sums up, for each store, the questions about signatures: one probe
// for each attestation would bury the rest.
func (r *verification) probeSignatures(ask []listing, manifests int) {
	if manifests == 0 {
		return
	}
	for s, store := range r.read.stores {
		p := report.Probe{
			Store: store.Name(), Asked: fmt.Sprintf("signatures of %d attestation manifests", manifests),
			State: report.ProbeNone, Platform: r.subject.Platform,
		}
		failed, unsupported, asked := 0, 0, 0
		for _, l := range ask {
			if l.store != s {
				continue
			}
			asked++
			one := r.probe(l)
			p.Found += one.Found
			switch one.State {
			case report.ProbeFailed:
				if failed++; failed == 1 {
					p.Reason = one.Asked + ": " + one.Reason
				}
			case report.ProbeUnsupported:
				unsupported++
			}
		}
		switch {
		case failed > 0:
			p.State = report.ProbeFailed
			p.Reason = fmt.Sprintf("%d of %d questions failed, the first: %s", failed, asked, p.Reason)
		case p.Found > 0:
			p.State = report.ProbeFound
		case unsupported == asked:
			p.State = report.ProbeUnsupported
		}
		r.probes = append(r.probes, p)
	}
}
