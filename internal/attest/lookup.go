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
	signed := func(d v1.Hash) bool {
		return slices.ContainsFunc(byManifest[d][0].sigs, func(s *sigRef) bool { return r.judgedSignature(s, d).grade == good })
	}
	for _, d := range all {
		if !signed(d) {
			unsigned = append(unsigned, d)
		}
	}
	asked = append(asked, r.findSignatures(ctx, byManifest, unsigned, true)...)
	r.read.blobs(ctx, blobsOf(candidates))
	r.probeSignatures(asked, len(all), signed)
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
// tag, and adds them to the manifests' candidates. It returns what came of each question.
func (r *verification) findSignatures(ctx context.Context, of map[v1.Hash][]*candidate, manifests []v1.Hash, byTag bool) []answer {
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
		_, err := r.considered(l)
		if l.err != nil && !errors.Is(l.err, fs.ErrNotExist) && !errors.Is(l.err, errors.ErrUnsupported) {
			err = l.err
		}
		if err != nil {
			for _, c := range of[l.subject] {
				c.lookup = errors.Join(c.lookup, fmt.Errorf("%s: %w", r.read.stores[l.store].Name(), err))
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
			if o.leftAlone() {
				continue
			}
			for _, c := range of[d] {
				c.sigs = append(c.sigs, r.sigRefs(o)...)
			}
		}
	}
	var out []answer
	for _, l := range ask {
		p := r.probe(l, found[l.subject])
		r.remember(l, p, found[l.subject])
		out = append(out, answer{l, p})
	}
	return out
}

// answer is one question with what came of it.
type answer struct {
	listing
	probe report.Probe
}

// probeSignatures sums up, for each store, the questions about signatures: one probe
// for each attestation would bury the rest. A question that failed counts as one only
// where no good signature was found all the same.
func (r *verification) probeSignatures(asked []answer, manifests int, signed func(v1.Hash) bool) {
	if manifests == 0 {
		return
	}
	for s, store := range r.read.stores {
		p := report.Probe{
			Store: store.Name(), Asked: fmt.Sprintf("signatures of %d attestation manifests", manifests),
			State: report.ProbeNone, Platform: r.subject.Platform,
		}
		var failed, open, unsupported, all int
		var first string
		for _, a := range asked {
			if a.store != s {
				continue
			}
			all++
			p.Found += a.probe.Found
			switch a.probe.State {
			case report.ProbeFailed:
				if failed++; failed == 1 {
					first = a.asked() + ": " + a.probe.Reason
				}
				if !signed(a.subject) {
					open++
				}
			case report.ProbeUnsupported:
				unsupported++
			}
		}
		switch {
		case open > 0:
			p.State = report.ProbeFailed
		case p.Found > 0:
			p.State = report.ProbeFound
		case unsupported == all:
			p.State = report.ProbeUnsupported
		}
		if failed > 0 {
			p.Reason = fmt.Sprintf("%d of %d questions failed, the first: %s", failed, all, first)
			if open == 0 {
				p.Reason += "; each of these attestations has a good signature"
			}
		}
		r.probes = append(r.probes, p)
	}
}
