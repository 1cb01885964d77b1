package attest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/words"
)

// tagSuffixes are cosign's tags for a digest: sha256-<hex> and one of these (cosign
// SIGNATURE_SPEC.md, "Tag-based discovery").
var tagSuffixes = [...]string{".sig", ".att", ".sbom"}

// listing is the answer of one store about one subject.
type listing struct {
	store   int
	subject v1.Hash
	tag     string // set when a tag was asked for instead of referrers
	descs   []v1.Descriptor
	desc    v1.Descriptor // of the tag's manifest
	raw     []byte        // the tag's manifest
	via     string
	err     error
}

// discover asks every store about the image and its index, collects the manifests that
// were listed, each once, and reads them. Every question becomes a probe.
func (r *verification) discover(ctx context.Context) []*object {
	subjects := []v1.Hash{r.subject.Digest}
	if r.subject.Index != (v1.Hash{}) && r.subject.Index != r.subject.Digest {
		subjects = append(subjects, r.subject.Index)
	}
	var ask []listing
	for s := range r.read.stores {
		for _, d := range subjects {
			ask = append(ask, r.unlessLeftOut(trust.StoreReferrers, listing{store: s, subject: d}))
			for _, suffix := range tagSuffixes {
				ask = append(ask, r.unlessLeftOut(trust.StoreTags, listing{store: s, subject: d, tag: tagOf(d, suffix)}))
			}
		}
	}
	r.ask(ctx, ask)
	found := newObjects()
	for _, l := range ask {
		r.collect(found, l)
	}
	r.indexed(found)
	all := found.sorted()
	r.read.manifests(ctx, all)
	for _, l := range ask {
		p := r.probe(l, found)
		r.probes = append(r.probes, p)
		r.remember(l, p, found)
	}
	r.probeFiles()
	return all
}

// errLeftOut says that the trust row names other places.
var errLeftOut = fmt.Errorf("%w: the trust row leaves it out", errors.ErrUnsupported)

// unlessLeftOut answers a question beforehand when the trust row leaves its kind of
// place out. Files that the user named are asked in any case.
func (r *verification) unlessLeftOut(kind string, l listing) listing {
	if _, local := r.read.stores[l.store].(*local); !local && !r.row.Looks(kind) {
		l.err = errLeftOut
	}
	return l
}

// ask puts all questions, in parallel.
func (r *verification) ask(ctx context.Context, ask []listing) {
	r.read.each(len(ask), func(i int) {
		l, store := &ask[i], r.read.stores[ask[i].store]
		if l.err != nil {
			return
		}
		if l.tag != "" {
			l.desc, l.raw, l.err = store.Manifest(ctx, l.tag)
			return
		}
		l.descs, l.via, l.err = store.Referrers(ctx, l.subject)
	})
}

func tagOf(d v1.Hash, suffix string) string { return d.Algorithm + "-" + d.Hex + suffix }

// asked names a question in the words of the report.
func (l listing) asked() string {
	if l.tag != "" {
		return "tag " + l.tag
	}
	return "referrers of " + l.subject.String()
}

// probe tells what came of one question once the manifests were read, in the words of the
// report. A list that was not taken in to its end is one that could not be asked for.
func (r *verification) probe(l listing, found *objects) report.Probe {
	p := report.Probe{Store: r.read.stores[l.store].Name(), Asked: l.asked(), State: report.ProbeNone, Platform: r.subject.Platform}
	use, short := r.considered(l)
	other := 0
	for _, d := range use {
		if found.by[d.Digest].leftAlone() {
			other++
		}
	}
	p.Found = len(use) - other
	if l.tag != "" && l.err == nil {
		p.Found = 1
	}
	switch {
	case errors.Is(l.err, fs.ErrNotExist):
	case errors.Is(l.err, errors.ErrUnsupported):
		p.State, p.Reason = report.ProbeUnsupported, reasonOf(l.err)
	case l.err != nil:
		p.State, p.Reason, p.Partial = report.ProbeFailed, reasonOf(l.err), len(l.descs) > 0 || unfinished(l.err)
	case short != nil:
		p.State, p.Reason, p.Partial = report.ProbeFailed, p.Asked+": "+reasonOf(short), true
	case p.Found > 0:
		p.State = report.ProbeFound
	}
	if l.err == nil && l.via != "" {
		p.Reason = join(p.Reason, "by "+l.via)
	}
	if other > 0 {
		p.Reason = join(p.Reason, fmt.Sprintf("%d of other artifact types were left alone", other))
	}
	return p
}

// considered returns the descriptors of a list that are followed, at most MaxReferrers,
// and why those are not all of it. What the list calls their type only gives the order:
// the manifest says what it is.
func (r *verification) considered(l listing) (use []v1.Descriptor, short error) {
	var others []v1.Descriptor
	var first error
	broken := 0
	for _, d := range l.descs {
		switch err := checkDescriptor(d); {
		case err != nil:
			if broken++; first == nil {
				first = err
			}
		case relevant(d.ArtifactType):
			use = append(use, d)
		default:
			others = append(others, d)
		}
	}
	use = append(use, others...)
	if broken > 0 {
		short = fmt.Errorf("%d of the %d entries cannot be followed, the first: %w", broken, len(l.descs), first)
	}
	if n := len(use); n > r.lim.referrers {
		use = use[:r.lim.referrers]
		short = errors.Join(fmt.Errorf("%w MaxReferrers: %d referrers, of which the first %d were considered", errLimit, n, len(use)), short)
	}
	return use, short
}

// collect adds what a listing found.
func (r *verification) collect(found *objects, l listing) {
	if l.err != nil && len(l.descs) == 0 {
		if l.tag != "" && errors.Is(l.err, errBinding) && checkDescriptor(l.desc) == nil { // saved evidence that was changed
			found.add(sighting{store: l.store, subject: l.subject, desc: l.desc, tag: l.tag}).err = l.err
		}
		return
	}
	if l.tag != "" {
		d := v1.Descriptor{Digest: digestOf(l.raw), Size: int64(len(l.raw))}
		o := found.add(sighting{store: l.store, subject: l.subject, desc: d, tag: l.tag})
		if d.Size > r.lim.manifest {
			o.err = fmt.Errorf("%w MaxManifest: %d bytes, more than %d", errLimit, d.Size, r.lim.manifest)
			return
		}
		o.raw = l.raw
		return
	}
	use, _ := r.considered(l)
	for _, d := range use {
		found.add(sighting{store: l.store, subject: l.subject, desc: d})
	}
}

// indexed adds the attestation manifests that BuildKit puts into the index beside the
// platforms (BuildKit, attestation-storage.md). The index was read by digest.
func (r *verification) indexed(found *objects) {
	if !r.row.Looks(trust.StoreIndex) {
		return
	}
	for _, d := range r.index {
		if d.Annotations[annoReferenceType] != referenceAttest || d.Annotations[annoReferenceOf] != r.subject.Digest.String() {
			continue
		}
		if err := checkDescriptor(d); err != nil {
			r.observe(report.Unread, fmt.Sprintf("the index %s lists an attestation of %s that cannot be followed: %v", r.subject.Index, r.subject.Digest, err))
			continue
		}
		for s := range r.read.stores {
			found.add(sighting{store: s, subject: r.subject.Digest, desc: d, inIndex: true})
		}
	}
}

// objects are manifests by digest.
type objects struct{ by map[v1.Hash]*object }

func newObjects() *objects { return &objects{by: map[v1.Hash]*object{}} }

func (s *objects) add(at sighting) *object {
	o := s.by[at.desc.Digest]
	if o == nil {
		o = &object{digest: at.desc.Digest}
		s.by[at.desc.Digest] = o
	}
	o.sightings = append(o.sightings, at)
	return o
}

func (s *objects) sorted() []*object {
	out := make([]*object, 0, len(s.by))
	for _, o := range s.by {
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b *object) int { return strings.Compare(a.digest.Hex, b.digest.Hex) })
	return out
}

// observe adds what was seen beside attestations and probes.
func (r *verification) observe(kind report.Kind, message string) {
	r.seen = append(r.seen, report.Observation{Stage: report.StageAttest, Kind: kind, Message: message, Platform: r.subject.Platform})
}

// reasonOf is an error as one line of bounded length.
func reasonOf(err error) string { return oneLine(err.Error()) }

func oneLine(text string) string {
	return words.Clip(strings.Join(strings.Fields(strings.ReplaceAll(text, "\n", "; ")), " "), 600)
}

func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
}
