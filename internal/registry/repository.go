package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// acceptManifests lists what a manifest may be. Schema 1 is not asked for; a registry
// that sends it all the same is told apart by its structure.
func acceptManifests() http.Header {
	return http.Header{"Accept": {strings.Join([]string{
		string(types.OCIImageIndex), string(types.OCIManifestSchema1),
		string(types.DockerManifestList), string(types.DockerManifestSchema2),
		string(artifactManifest), "*/*;q=0.1",
	}, ", ")}}
}

// isAbsent says that the registry knows what was asked for not to be there.
func isAbsent(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// manifest reads the manifest that ref names. Its digest is computed from the bytes,
// and must be the digest asked for and the one that the registry states.
func (r *repository) manifest(ctx context.Context, ref string) (v1.Descriptor, []byte, error) {
	want, isDigest, err := splitRef(ref)
	if err != nil {
		return v1.Descriptor{}, nil, err
	}
	raw, header, err := r.fetch(ctx, r.url("manifests/"+ref), acceptManifests(), r.opt.MaxManifest, "MaxManifest", "manifest "+ref)
	if err != nil {
		return v1.Descriptor{}, nil, err
	}
	if isDigest {
		if err := checkDigest("manifest", raw, want); err != nil {
			return v1.Descriptor{}, nil, err
		}
	}
	if stated := header.Get("Docker-Content-Digest"); stated != "" {
		h, err := v1.NewHash(stated)
		if err != nil {
			return v1.Descriptor{}, nil, fmt.Errorf("manifest %s: the registry states the digest %q: %w", ref, plain(stated, 100), err)
		}
		if err := checkDigest("manifest (as the registry states)", raw, h); err != nil {
			return v1.Descriptor{}, nil, err
		}
	}
	d, err := describe(raw, header.Get("Content-Type"))
	if err != nil && mayBe(raw, kindIndex, kindManifest, kindArtifact, kindSchema1) {
		err = unfinished(err)
	}
	switch {
	case err != nil && isDigest:
		return v1.Descriptor{}, nil, fmt.Errorf("%s: %w", ref, err)
	case err != nil: // the tag is in the reference
		return v1.Descriptor{}, nil, err
	case isDigest:
		d.Digest = want // the same bytes, perhaps by another algorithm
	}
	return d, raw, nil
}

// splitRef tells a digest from a tag and refuses what is neither.
func splitRef(ref string) (h v1.Hash, isDigest bool, err error) {
	if strings.Contains(ref, ":") {
		h, err = v1.NewHash(ref)
		return h, true, err
	}
	if !validTag(ref) {
		return h, false, fmt.Errorf("%q is neither a digest nor a tag", plain(ref, 130))
	}
	return h, false, nil
}

// open streams a blob. See [Image.Layer].
func (r *repository) open(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	if err := r.connect(ctx); err != nil {
		return nil, err
	}
	body := &blobStream{ctx: ctx, r: r, d: d, url: r.settle(r.url("blobs/" + d.Digest.String()))}
	if err := r.retry(ctx, body.request); err != nil {
		return nil, err
	}
	v, err := newVerifier(body, d)
	if err != nil {
		return nil, errors.Join(err, body.Close())
	}
	return verified{v, body}, nil
}

// referrers lists everything that names h as its subject: by the Referrers API, all
// its pages, and where a registry has none by the tag that stands in for it (OCI
// distribution spec v1.1, "Listing Referrers" and "Referrers Tag Schema"). Nothing
// found is an empty list; not having been able to look is an error. Without the tag,
// "none" is believed after the registry's own 404 alone: what answers otherwise may know
// the API and did not get to it.
func (r *repository) referrers(ctx context.Context, h v1.Hash) ([]v1.Descriptor, string, error) {
	list, err := r.referrersAPI(ctx, h)
	var api *noAPIError
	if !errors.As(err, &api) {
		return list, ViaAPI, err
	}
	r.log.Debug("no Referrers API, asking for the tag", "repository", r.place.name(), "error", api.Error())
	list, err = r.referrersTag(ctx, h)
	switch {
	case isAbsent(err) && isAbsent(api.err):
		return nil, ViaTag, nil
	case isAbsent(err):
		return nil, ViaTag, fmt.Errorf("%w; the tag that would stand in for it: %s", api, err.Error())
	default:
		return list, ViaTag, err
	}
}

// noAPIError is an answer that a registry without the Referrers API may give.
type noAPIError struct{ err error }

func (e *noAPIError) Error() string { return "the Referrers API gave no list: " + e.err.Error() }
func (e *noAPIError) Unwrap() error { return e.err }

// referrersAPI lists by the API. The error is a *noAPIError where that is not offered.
func (r *repository) referrersAPI(ctx context.Context, h v1.Hash) ([]v1.Descriptor, error) {
	next := r.url("referrers/" + h.String())
	header := http.Header{"Accept": {string(types.OCIImageIndex)}}
	var c collector
	for page := range r.opt.MaxPages {
		if err := r.connect(ctx); err != nil {
			return nil, err
		}
		next = r.settle(next)
		body, got, err := r.fetch(ctx, next, header, r.opt.MaxManifest, "MaxManifest", "a page of referrers")
		if err != nil {
			switch {
			case page > 0 && isAbsent(err): // the list began: its end is not "none"
				err = unfinished(fmt.Errorf("a further page of referrers: %s", err.Error()))
			case page > 0:
				err = unfinished(err)
			case notOffered(err):
				err = &noAPIError{err}
			}
			return nil, err
		}
		idx, err := parseReferrers(body, r.opt.MaxReferrers)
		switch {
		case err != nil && (page > 0 || mayBe(body, kindIndex)):
			return nil, unfinished(err)
		case err != nil:
			return nil, &noAPIError{err}
		}
		if err := c.add(idx.Manifests, r.opt.MaxReferrers); err != nil {
			return nil, unfinished(err)
		}
		link, err := nextPage(next, got)
		if err != nil {
			return nil, unfinished(err)
		}
		if link == nil {
			return c.list, nil
		}
		next = link
	}
	return nil, unfinished(&LimitError{Limit: "MaxPages", What: "pages of referrers", Max: int64(r.opt.MaxPages)})
}

// notOffered lists the answers of registries that do not know the Referrers API, and of
// what such a registry redirects to. A refusal (401, 403) and a fault are none of them, nor
// is anything that a token service says: those mean "could not look".
func notOffered(err error) bool {
	var elsewhere *elsewhereError
	if errors.As(err, &elsewhere) && elsewhere.token {
		return false
	}
	s := statusOf(err)
	if s == nil {
		return false
	}
	switch s.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable,
		http.StatusGone, http.StatusUnsupportedMediaType, http.StatusNotImplemented:
		return true
	default:
		return false
	}
}

// parseReferrers decodes a page of referrers, at most limit of them.
func parseReferrers(raw []byte, limit int) (*v1.IndexManifest, error) {
	idx, err := parseIndex(raw, limit)
	var l *LimitError
	if errors.As(err, &l) {
		return nil, &LimitError{Limit: "MaxReferrers", What: "referrers of one digest", Max: int64(limit)}
	}
	return idx, err
}

// referrersTag reads the index that clients keep under a tag where the registry has
// no Referrers API. A tag that is not there is fs.ErrNotExist.
func (r *repository) referrersTag(ctx context.Context, h v1.Hash) ([]v1.Descriptor, error) {
	_, raw, err := r.manifest(ctx, referrersTagOf(h))
	if err != nil {
		return nil, err
	}
	idx, err := parseReferrers(raw, r.opt.MaxReferrers)
	if err != nil {
		return nil, unfinished(fmt.Errorf("referrers tag %s: %w", referrersTagOf(h), err))
	}
	var c collector
	err = c.add(idx.Manifests, r.opt.MaxReferrers)
	return c.list, unfinished(err)
}

// referrersTagOf is the tag that stands in for the Referrers API: the digest with a
// dash, at most 32 characters of algorithm and 64 of hash.
func referrersTagOf(h v1.Hash) string {
	return h.Algorithm[:min(len(h.Algorithm), 32)] + "-" + h.Hex[:min(len(h.Hex), 64)]
}

// collector gathers descriptors, each digest once, up to a limit.
type collector struct {
	list []v1.Descriptor
	seen map[v1.Hash]bool
}

func (c *collector) add(ds []v1.Descriptor, limit int) error {
	if c.seen == nil {
		c.seen = map[v1.Hash]bool{}
	}
	for _, d := range ds {
		if c.seen[d.Digest] {
			continue
		}
		if len(c.list) >= limit {
			return &LimitError{Limit: "MaxReferrers", What: "referrers of one digest", Max: int64(limit)}
		}
		c.seen[d.Digest] = true
		c.list = append(c.list, d)
	}
	return nil
}
