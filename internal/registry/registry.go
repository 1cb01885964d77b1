// Package registry turns an image reference into bytes that can be trusted. It
// resolves a tag to a digest once and reads everything else by that digest: from a
// registry, an OCI layout directory, a "docker save" archive or a container engine.
//
// It guarantees that every read is bounded (see [Options]) and hashed against the
// digest that named it before the last byte is handed out; that credentials reach
// the registry they belong to and its token service, and no redirect target; that
// HTTPS is never given up for HTTP; and that "looked and found none" and "could not
// look" are different answers: an absent thing satisfies errors.Is(err,
// fs.ErrNotExist), everything else that went wrong does not.
//
// It knows nothing of SBOMs, signatures or vulnerabilities. A referrer is a
// descriptor here: who signed it, and whether it tells the truth, is for the stages
// that read it.
//
// Start reading at [Open].
package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The sources that [Open] reads, as they appear in [Image.Source].
const (
	SourceRegistry      = "registry"
	SourceOCIDir        = "oci-dir"
	SourceDockerArchive = "docker-archive"
	SourceDocker        = "docker"
)

// source is where bytes come from. Each implementation verifies what it returns
// against the digest that was asked for.
type source interface {
	// manifest reads the manifest or index that ref, a digest or a tag, names.
	manifest(ctx context.Context, ref string) (v1.Descriptor, []byte, error)
	// open streams a blob; the stream fails instead of ending when it is not d.
	open(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error)
	// referrers lists what names h as its subject, and says how it was found out.
	referrers(ctx context.Context, h v1.Hash) ([]v1.Descriptor, string, error)
}

// Image is a reference that was resolved. It is safe for use by several goroutines.
type Image struct {
	// Reference is what was asked for, as written.
	Reference string
	// Source is one of the Source constants.
	Source string
	// Registry is the registry's name ("dhi.io"; Docker Hub is "docker.io" under any
	// of its names) and Repository the name with the registry ("dhi.io/python"). Both
	// are empty when the source is no registry.
	Registry, Repository string
	// Tag is the tag that was resolved: "latest" when the reference names neither tag
	// nor digest, empty when it names a digest.
	Tag string
	// Root describes what the reference names, with the bytes in RootRaw; its
	// annotations are those of the bytes. Index is the bytes decoded when they are an
	// index, and nil for a single manifest.
	Root    v1.Descriptor
	RootRaw []byte
	Index   *v1.IndexManifest
	// RepoDigests are the registry digests under which a container engine knows the
	// image ("dhi.io/python@sha256:..."). Only the docker source has any, and they are
	// the engine's word, not verified.
	RepoDigests []string

	src      source
	rt       http.RoundTripper
	store    *Store
	external *Store
	single   *Manifest
	opt      *Options
	deadline time.Time
	cleanup  func() error

	mu     sync.Mutex
	loaded map[v1.Hash]*Manifest

	listing sync.Mutex
	listed  []Entry // nil until the platforms were read
}

// Open resolves ref. A registry is asked for one manifest (and for the config when
// that manifest is no index); no layer is downloaded. ref is one of
//
//	dhi.io/python:3.13, dhi.io/python@sha256:...   an image in a registry
//	oci-dir:PATH, oci-dir:PATH:TAG, oci-dir:PATH@sha256:...
//	docker-archive:PATH, docker-archive:PATH:NAME   what docker save wrote
//	docker:NAME                                     an image in a container engine
//
// The image must be closed: the docker source keeps a temporary file until then.
// Options.Timeout starts to run here and covers all that is read from the image.
//
// The error is a *fault.Error: code Usage when ref or an option cannot be used, and
// Unavailable when the image is unavailable.
func Open(ctx context.Context, ref string, opt Options) (*Image, error) {
	o := opt.withDefaults()
	p, err := parse(ref, pathExists)
	if err != nil {
		return nil, err
	}
	// The budget's end is read from a context, so that the one clock is the runtime's.
	budget, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	deadline, _ := budget.Deadline()
	img := &Image{Reference: strings.TrimSpace(ref), Source: p.source, rt: o.transport(), opt: o, deadline: deadline, loaded: map[v1.Hash]*Manifest{}}
	ctx, stop := within(ctx, deadline)
	defer stop()

	switch p.source {
	case SourceRegistry:
		err = img.openRegistry(ctx, p)
	case SourceOCIDir:
		err = img.openDir(ctx, p)
	case SourceDockerArchive:
		err = img.openArchive(ctx, p)
	case SourceDocker:
		err = img.openEngine(ctx, p)
	}
	if err != nil {
		return nil, errors.Join(err, img.Close())
	}
	o.Logger.Debug("image resolved", slog.String("reference", img.Reference), slog.String("digest", img.Root.Digest.String()), slog.String("mediaType", string(img.Root.MediaType)))
	return img, nil
}

// openRegistry resolves a reference in a registry.
func (img *Image) openRegistry(ctx context.Context, p parsed) error {
	repo := newRepository(p.repo, img.rt, img.opt, img.deadline)
	img.Registry, img.Repository, img.Tag = repo.place.registry, repo.place.name(), p.tag
	external, err := img.externalPlan(p.repo)
	if err != nil {
		return err
	}
	op := "resolve " + img.Reference
	img.use(repo, repo.place)
	desc, raw, err := repo.manifest(ctx, p.identifier())
	if err != nil {
		return repo.explainResolve(ctx, op, p.tag, err)
	}
	if err := img.setRoot(ctx, op, desc, raw); err != nil {
		return repo.place.explain(op, err)
	}
	img.external = external()
	return nil
}

// use makes src the image's own source.
func (img *Image) use(src source, where place) {
	img.src = src
	img.store = &Store{src: src, place: where, opt: img.opt, deadline: img.deadline}
}

// setRoot records what the reference names, and loads the one manifest there is when
// that is no index.
func (img *Image) setRoot(ctx context.Context, op string, desc v1.Descriptor, raw []byte) error {
	kind, err := kindOf(raw)
	if err != nil {
		return err
	}
	img.Root, img.RootRaw = desc, raw
	switch kind {
	case kindIndex:
		img.Index, err = parseIndex(raw, img.opt.MaxDescriptors)
		return err
	case kindManifest:
		m, err := img.load(ctx, desc, raw)
		if err != nil {
			return err
		}
		img.single = m
		return nil
	default:
		return notAnImage(op, kind.String())
	}
}

// Layer streams the blob that d describes. The stream is bounded by d.Size, resumes
// on a broken connection, and its digest is verified before io.EOF: whoever reads to
// the end without an error has the bytes that d names. The first request is made
// before Layer returns. The caller closes the stream.
//
// Layers that may not be distributed (foreign layers) are refused: they would come
// from a host that the manifest's author chose.
func (img *Image) Layer(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	op := fmt.Sprintf("pull layer %s of %s", d.Digest, img.Reference)
	if isForeign(d.MediaType) {
		return nil, foreignLayer(op, d)
	}
	if err := checkDescriptor(d, img.opt.MaxLayer, "MaxLayer"); err != nil {
		return nil, img.store.place.explain(op, err)
	}
	ctx, cancel := within(ctx, img.deadline)
	rc, err := img.src.open(ctx, d)
	if err != nil {
		cancel()
		return nil, img.store.place.explain(op, err)
	}
	return &stream{ReadCloser: rc, cancel: cancel, explain: func(err error) error { return img.store.place.explain(op, err) }}, nil
}

// Stores returns where attestations of the image may be: its own source first, then
// the registry that holds the attestations of mirrors (see
// Options.AttestationRegistry). It makes no request.
func (img *Image) Stores(context.Context) []*Store {
	stores := []*Store{img.store}
	if img.external != nil {
		stores = append(stores, img.external)
	}
	return stores
}

// Close removes what Open put on disk. Streams that are still open may fail after
// it. It may be called more than once.
func (img *Image) Close() error {
	img.mu.Lock()
	defer img.mu.Unlock()
	if own, ok := img.rt.(*http.Transport); ok && img.opt.Transport == nil {
		own.CloseIdleConnections()
	}
	if img.cleanup == nil {
		return nil
	}
	err := img.cleanup()
	img.cleanup = nil
	return err
}

// within derives the context of one operation: the caller's, ended at the budget's
// end with a cause that says so. A caller whose own time ends then, or before, is the one
// that ends it: of two timers for one moment either may be first, and the caller must not
// be left with an operation that was out of time in a run that is not.
func within(ctx context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	if own, ok := ctx.Deadline(); ok && !deadline.Before(own) {
		return context.WithCancel(ctx)
	}
	return context.WithDeadlineCause(ctx, deadline, errBudget)
}

// stream ends the operation's context with the stream, and puts its errors into
// words.
type stream struct {
	io.ReadCloser
	cancel  context.CancelFunc
	explain func(error) error
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // io.EOF is returned as it is
		err = s.explain(err)
	}
	return n, err
}

func (s *stream) Close() error {
	defer s.cancel()
	return s.ReadCloser.Close()
}
