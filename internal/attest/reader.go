package attest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
)

// errLimit is what passing a bound of [Options] wraps.
var errLimit = errors.New("limit")

// sighting is one place in which a manifest was listed.
type sighting struct {
	store   int           // index into the stores
	subject v1.Hash       // what it was listed for
	desc    v1.Descriptor // as listed
	tag     string        // set when a tag led to it
	inIndex bool          // set when the image's own index led to it
}

// object is one manifest, whatever number of places listed it.
type object struct {
	digest    v1.Hash
	sightings []sighting
	raw       []byte
	man       *v1.Manifest
	err       error
}

// inIndex reports whether the image's own index lists the manifest.
func (o *object) inIndex() bool {
	return slices.ContainsFunc(o.sightings, func(s sighting) bool { return s.inIndex })
}

// byTag reports whether only a tag led to the manifest.
func (o *object) byTag() bool {
	return !slices.ContainsFunc(o.sightings, func(s sighting) bool { return s.tag == "" })
}

// leftAlone reports whether the manifest, which only a list of referrers led to, says of
// itself that it is something else than an attestation or a signature. What the list says
// of it is no reason: whoever lists could call the newest statement something else.
func (o *object) leftAlone() bool {
	if slices.ContainsFunc(o.sightings, func(s sighting) bool { return s.tag != "" || s.inIndex }) {
		return false
	}
	if o.man == nil {
		return errors.Is(o.err, errIndex)
	}
	return !relevant(cmp.Or(o.man.ArtifactType, string(o.man.Config.MediaType)))
}

// size is the smallest size with which the manifest was listed: who lists it wrongly
// keeps nobody from reading it.
func (o *object) size() int64 {
	size := o.sightings[0].desc.Size
	for _, s := range o.sightings {
		size = min(size, s.desc.Size)
	}
	return size
}

// blob is one layer of an object.
type blob struct {
	desc   v1.Descriptor
	max    int64
	name   string // of the option that bounds it
	stores []int
	data   []byte
	err    error
	done   bool
}

// reader reads by digest from the stores, within the limits. Admission is decided in
// one goroutine, before anything is fetched, so that which object meets a limit does
// not depend on the order of answers.
type reader struct {
	stores  []Store
	lim     limits
	bytes   int64
	objects int
}

func (r *reader) admit(size int64) error {
	if r.objects++; r.objects > r.lim.objects {
		return fmt.Errorf("%w MaxObjects: more than %d manifests and blobs", errLimit, r.lim.objects)
	}
	if size > r.lim.total-r.bytes {
		return fmt.Errorf("%w MaxTotal: more than %d bytes in all", errLimit, r.lim.total)
	}
	r.bytes += size
	return nil
}

// manifests reads those objects that have no bytes yet and parses all of them.
func (r *reader) manifests(ctx context.Context, objects []*object) {
	var todo []*object
	for _, o := range objects {
		if o.raw != nil || o.err != nil {
			continue
		}
		size := o.size()
		if size > r.lim.manifest {
			o.err = fmt.Errorf("%w MaxManifest: it says it has %d bytes, more than %d", errLimit, size, r.lim.manifest)
		} else if o.err = r.admit(size); o.err == nil {
			todo = append(todo, o)
		}
	}
	r.each(len(todo), func(i int) { todo[i].raw, todo[i].err = r.manifest(ctx, todo[i]) })
	for _, o := range objects {
		if o.err == nil && o.man == nil {
			o.man, o.err = parseManifest(o.raw, r.lim)
		}
	}
}

// manifest tries the stores that listed the object in turn. One that answers with
// other bytes does not keep the next from giving the right ones.
func (r *reader) manifest(ctx context.Context, o *object) ([]byte, error) {
	var errs []error
	for _, s := range storesOf(o.sightings) {
		_, raw, err := r.stores[s].Manifest(ctx, o.digest.String())
		switch {
		case err != nil:
			errs = append(errs, readError(r.stores[s], "manifest", o.digest, err))
		case int64(len(raw)) > r.lim.manifest:
			errs = append(errs, fmt.Errorf("%s: %w MaxManifest: %d bytes, more than %d", r.stores[s].Name(), errLimit, len(raw), r.lim.manifest))
		case digestOf(raw) != o.digest:
			errs = append(errs, brokenf("%s: the manifest hashes to %s, not to %s", r.stores[s].Name(), digestOf(raw), o.digest))
		default:
			return raw, nil
		}
	}
	return nil, errors.Join(errs...)
}

// blobs reads each blob that was not read yet, once for its digest and size, from any of
// the stores of all that ask for it.
func (r *reader) blobs(ctx context.Context, blobs []*blob) {
	type content struct {
		digest v1.Hash
		size   int64
	}
	first := map[content]*blob{}
	var todo, again []*blob
	for _, b := range blobs {
		if b.done {
			continue
		}
		b.done = true
		if digestOf(b.desc.Data) != b.desc.Digest { // embedded bytes that lie keep nobody from the blob
			b.desc.Data = nil
		}
		f := first[content{b.desc.Digest, b.desc.Size}]
		switch {
		case b.desc.Size > b.max:
			b.err = fmt.Errorf("%w %s: %d bytes, more than %d; it was not downloaded", errLimit, b.name, b.desc.Size, b.max)
		case f != nil:
			f.stores = append(f.stores, b.stores...)
			again = append(again, b)
		default:
			if b.err = r.admit(b.desc.Size); b.err == nil {
				first[content{b.desc.Digest, b.desc.Size}] = b
				todo = append(todo, b)
			}
		}
	}
	r.each(len(todo), func(i int) { todo[i].data, todo[i].err = r.blob(ctx, todo[i]) })
	for _, b := range again {
		f := first[content{b.desc.Digest, b.desc.Size}]
		b.data, b.err = f.data, f.err
	}
}

func (r *reader) blob(ctx context.Context, b *blob) ([]byte, error) {
	var errs []error
	slices.Sort(b.stores)
	for _, s := range slices.Compact(b.stores) {
		data, err := r.stores[s].Blob(ctx, b.desc, b.max)
		switch {
		case err != nil:
			errs = append(errs, readError(r.stores[s], strings.ToLower(strings.TrimPrefix(b.name, "Max")), b.desc.Digest, err))
		case int64(len(data)) > b.max:
			errs = append(errs, fmt.Errorf("%s: %w %s: more than %d bytes", r.stores[s].Name(), errLimit, b.name, b.max))
		case int64(len(data)) != b.desc.Size:
			errs = append(errs, brokenf("%s: blob %s has %d bytes, its descriptor says %d", r.stores[s].Name(), b.desc.Digest, len(data), b.desc.Size))
		case digestOf(data) != b.desc.Digest:
			errs = append(errs, brokenf("%s: the blob hashes to %s, not to %s", r.stores[s].Name(), digestOf(data), b.desc.Digest))
		default:
			return data, nil
		}
	}
	return nil, errors.Join(errs...)
}

// readError tells a store that gives other bytes than those that were named, which
// breaks the chain, from one that gives none. Stores that check digests say so by an
// error with the method Mismatch.
func readError(s Store, what string, d v1.Hash, err error) error {
	var other interface {
		error
		Mismatch() string
	}
	if errors.As(err, &other) {
		return brokenf("%s serves other bytes for the %s %s: %s", s.Name(), what, d, other.Mismatch())
	}
	return fmt.Errorf("%s: %w", s.Name(), err)
}

// unfinished reports whether a store answered and its answer was not read to its end, where
// others did not answer. Stores say so by an error with the method Unfinished.
func unfinished(err error) bool {
	var begun interface {
		error
		Unfinished() bool
	}
	return errors.As(err, &begun) && begun.Unfinished()
}

// unfinishedError is what is [unfinished] in a store of this package.
type unfinishedError struct{ text string }

func (e *unfinishedError) Error() string  { return e.text }
func (*unfinishedError) Unfinished() bool { return true }

// each runs n tasks, at most lim.parallel at a time, and waits for all of them.
func (r *reader) each(n int, task func(int)) {
	var g errgroup.Group
	g.SetLimit(r.lim.parallel)
	for i := range n {
		g.Go(func() error {
			task(i)
			return nil
		})
	}
	_ = g.Wait() // tasks keep their own errors
}

func storesOf(sightings []sighting) []int {
	var out []int
	seen := map[int]bool{}
	for _, s := range sightings {
		if !seen[s.store] {
			seen[s.store] = true
			out = append(out, s.store)
		}
	}
	return out
}

func hexBytes(d v1.Hash) ([]byte, error) { return hex.DecodeString(d.Hex) }

func digestOf(data []byte) v1.Hash {
	sum := sha256.Sum256(data)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}
