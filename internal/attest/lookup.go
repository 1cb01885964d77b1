package attest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/report"
)

// signatures finds the signatures of the bare statements: the referrers of each
// attestation manifest in every store, and where there are none the .sig tag.
func (r *verification) signatures(ctx context.Context, candidates []*candidate) {
	byManifest := map[v1.Hash][]*candidate{}
	var order []v1.Hash
	for _, c := range candidates {
		if c.kind == kindStatement && c.obj.err == nil {
			if byManifest[c.obj.digest] == nil {
				order = append(order, c.obj.digest)
			}
			byManifest[c.obj.digest] = append(byManifest[c.obj.digest], c)
		}
	}
	found := r.findSignatures(ctx, order)
	for d, f := range found {
		for _, c := range byManifest[d] {
			c.lookup = f.err
			for _, o := range f.objects {
				c.sigs = append(c.sigs, r.sigRefs(o)...)
			}
		}
	}
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

// signed are the signature manifests of one attestation manifest.
type signed struct {
	objects []*object
	err     error
}

func (r *verification) findSignatures(ctx context.Context, manifests []v1.Hash) map[v1.Hash]*signed {
	out := map[v1.Hash]*signed{}
	var ask, tags []listing
	for _, d := range manifests {
		for s := range r.read.stores {
			ask = append(ask, listing{store: s, subject: d})
		}
	}
	r.ask(ctx, ask)
	with := map[v1.Hash]bool{}
	for _, l := range ask {
		use, _, _ := r.considered(l)
		with[l.subject] = with[l.subject] || len(use) > 0
	}
	for _, d := range manifests {
		for s := range r.read.stores {
			if !with[d] {
				tags = append(tags, listing{store: s, subject: d, tag: tagOf(d, ".sig")})
			}
		}
	}
	r.ask(ctx, tags)
	ask = append(ask, tags...)
	r.probeSignatures(ask, len(manifests))

	var all []*object
	sets := map[v1.Hash]*objects{}
	for _, d := range manifests {
		sets[d] = newObjects()
		out[d] = &signed{}
	}
	for _, l := range ask {
		if l.err != nil && !errors.Is(l.err, fs.ErrNotExist) && !errors.Is(l.err, errors.ErrUnsupported) {
			out[l.subject].err = errors.Join(out[l.subject].err, fmt.Errorf("%s: %w", r.read.stores[l.store].Name(), l.err))
		}
		r.collect(sets[l.subject], l)
	}
	for _, d := range manifests {
		out[d].objects = sets[d].sorted()
		all = append(all, out[d].objects...)
	}
	r.read.manifests(ctx, all)
	return out
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
