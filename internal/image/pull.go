package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/imagegate/imagegate/internal/fault"
)

// puller is one run of [Pull].
type puller struct {
	blobs  Blobs
	opt    Options
	budget *budget
	dir    string
	in     Input
	stored []*blob  // what is fetched: each blob once
	layers []*layer // what the image is made of, in build order

	// copies counts how often the indexer asked for an archive that lies in its cache
	// already. It is 0 unless a release of stereoscope names its cache differently.
	copies atomic.Int64
}

// Pull fetches all layers of the image at the same time, at most Options.Parallel, each
// blob once, and indexes every layer as soon as it is complete and verified while
// others still come down.
//
// The first failure cancels the rest, removes what was written, and is returned: a
// *[fault.Error] naming the layer and its digest. A layer that does not hash to its
// diff ID, is truncated, or passes a limit (*[LimitError]) has code Unavailable; a disk
// that is full has code Internal; faults of blobs keep theirs. The caller must Close the
// image.
//
// The layer media types are those of the OCI image-spec v1.1 and of Docker; see also
// [Options] for everything that is bounded.
func Pull(ctx context.Context, blobs Blobs, in Input, opt Options) (*Image, error) {
	p := &puller{blobs: blobs, in: in, opt: opt.withDefaults()}
	p.budget = &budget{opt: p.opt}
	if err := p.plan(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(p.opt.TempDir, "imagegate-layers-")
	if err != nil {
		return nil, fault.New(fault.Internal, "make a directory for layers", hintDisk, err)
	}
	p.dir = dir
	img, err := p.run(ctx)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return img, nil
}

// plan checks that manifest and configuration agree before anything is fetched.
func (p *puller) plan() error {
	const op = "read the image manifest"
	bad := func(format string, args ...any) error {
		return fault.Unavailablef(op, hintCorrupt, format, args...)
	}
	m, c := p.in.Manifest, p.in.Config
	if m == nil || c == nil {
		return fault.New(fault.Internal, op, "", errors.New("no manifest or no configuration was given"))
	}
	if sum := sha256.Sum256(p.in.ConfigRaw); m.Config.Digest.Hex != hex.EncodeToString(sum[:]) {
		return bad("the configuration hashes to sha256:%x, and the manifest promises %s", sum, m.Config.Digest)
	}
	if len(m.Layers) > p.opt.MaxLayers {
		return fault.New(fault.Unavailable, op, hintLimit, limit("MaxLayers", "the manifest", int64(p.opt.MaxLayers), "layers"))
	}
	if got, want := len(c.RootFS.DiffIDs), len(m.Layers); got != want {
		return bad("the manifest has %d layers, and the configuration %d diff IDs", want, got)
	}
	byDigest := map[v1.Hash]*blob{}
	for i, d := range m.Layers {
		if _, err := declared(string(d.MediaType)); err != nil {
			return layerError(fault.Unavailable, i, d.Digest, "give the reference of an image, and not of another artifact", err)
		}
		id := c.RootFS.DiffIDs[i]
		if id.Algorithm != "sha256" || len(id.Hex) != sha256.Size*2 {
			return layerError(fault.Unavailable, i, d.Digest, hintCorrupt, fmt.Errorf("diff ID %q: only sha256 is known", id))
		}
		l := &layer{index: i, pull: p, diffID: id, desc: d, ready: make(chan struct{})}
		l.info = Layer{Index: i, Digest: d.Digest, DiffID: id, MediaType: string(d.MediaType), Size: d.Size}
		p.layers = append(p.layers, l)
		b := byDigest[d.Digest]
		if b == nil {
			b = &blob{desc: d}
			byDigest[d.Digest] = b
			p.stored = append(p.stored, b)
		}
		b.layers = append(b.layers, l)
		b.weight += int64(len(m.Layers) - i)
	}
	return nil
}

// run fetches and indexes side by side.
func (p *puller) run(parent context.Context) (*Image, error) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	simg := p.stereoscope()
	indexed := make(chan error, 1)
	go func() {
		err := index(ctx, simg)
		if err != nil {
			cancel(err) // no use in downloading the rest
		}
		indexed <- err
	}()

	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(p.opt.Parallel)
	for _, b := range p.stored {
		g.Go(func() error {
			err := context.Cause(gctx)
			if err == nil {
				err = p.fetch(gctx, b)
			}
			for _, l := range b.layers {
				l.err = err
				close(l.ready)
			}
			return err
		})
	}
	fetchErr := g.Wait()
	indexErr := <-indexed
	if err := p.cause(parent, fetchErr, indexErr); err != nil {
		return nil, errors.Join(err, simg.Cleanup())
	}
	if err := addImplied(simg); err != nil {
		return nil, errors.Join(fault.New(fault.Internal, "index the layers", "", err), simg.Cleanup())
	}
	return p.finish(simg), nil
}

// cause picks the error that explains the others. A failed fetch makes the index fail
// and the other way round, so the one that was not cancelled came first.
func (p *puller) cause(ctx context.Context, fetchErr, indexErr error) error {
	const op = "pull the image"
	if err := ctx.Err(); err != nil && (fetchErr != nil || indexErr != nil) {
		if errors.Is(err, context.DeadlineExceeded) {
			return fault.New(fault.Unavailable, op, "the time allowed ran out: raise the timeout", err)
		}
		return fmt.Errorf("%s: %w", op, err)
	}
	var f *fault.Error
	switch {
	case fetchErr == nil && indexErr == nil:
		return nil
	case fetchErr != nil && errors.As(fetchErr, &f):
		return fetchErr
	case indexErr != nil:
		return fault.New(fault.Unavailable, "index the layers", hintCorrupt, indexErr)
	default:
		return fault.New(fault.Unavailable, op, "", fetchErr)
	}
}
