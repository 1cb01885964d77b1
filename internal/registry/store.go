package registry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// How referrers were found.
const (
	ViaAPI    = "referrers-api" // OCI 1.1 Referrers API
	ViaTag    = "referrers-tag" // the tag schema that stands in for it
	ViaLayout = "oci-layout"    // by looking through a local layout
)

// Store is one place where attestations of an image may be. It is safe for use by
// several goroutines.
type Store struct {
	src      source
	place    place
	opt      *Options
	deadline time.Time
}

// Name is the store's name for reports: the repository with its registry
// ("registry.scout.docker.com/org/dhi-python"), or the local source as written.
func (s *Store) Name() string { return s.place.name() }

// Referrers lists the descriptors of everything whose subject is h, of any artifact
// type, each digest once and every page of it, and says how they were found (one of
// the Via constants). An empty list without an error means "looked and found none".
// More than Options.MaxReferrers is an error that names the limit. A local source
// that cannot hold referrers answers with an error that is errors.ErrUnsupported.
//
// What the list says is the registry's word: whether a manifest really names h as its
// subject is seen in its bytes.
func (s *Store) Referrers(ctx context.Context, h v1.Hash) ([]v1.Descriptor, string, error) {
	op := fmt.Sprintf("list referrers of %s in %s", h, s.Name())
	if _, err := v1.NewHash(h.String()); err != nil {
		return nil, "", s.place.explain(op, err)
	}
	ctx, cancel := within(ctx, s.deadline)
	defer cancel()
	list, via, err := s.src.referrers(ctx, h)
	if err != nil {
		return nil, via, s.place.explain(op, err)
	}
	return list, via, nil
}

// Manifest reads the manifest or index that ref, a digest or a tag, names. Its bytes
// hash to the returned descriptor's digest, which is ref when ref is a digest.
func (s *Store) Manifest(ctx context.Context, ref string) (v1.Descriptor, []byte, error) {
	ctx, cancel := within(ctx, s.deadline)
	defer cancel()
	d, raw, err := s.src.manifest(ctx, ref)
	if err != nil {
		return v1.Descriptor{}, nil, s.place.explain(fmt.Sprintf("read manifest %s in %s", plain(ref, 130), s.Name()), err)
	}
	return d, raw, nil
}

// Blob reads the blob that d describes, at most limit bytes, and verifies its digest.
// A descriptor that says it is larger is refused before anything is requested.
func (s *Store) Blob(ctx context.Context, d v1.Descriptor, limit int64) ([]byte, error) {
	ctx, cancel := within(ctx, s.deadline)
	defer cancel()
	b, err := readBlob(ctx, s.src, d, limit, "blob size asked for")
	if err != nil {
		return nil, s.place.explain(fmt.Sprintf("read blob %s in %s", d.Digest, s.Name()), err)
	}
	return b, nil
}

// readBlob reads a whole blob. Data that the descriptor carries itself is used after
// the same check (OCI image spec, descriptor.md, "data").
func readBlob(ctx context.Context, src source, d v1.Descriptor, limit int64, limitName string) ([]byte, error) {
	if err := checkDescriptor(d, limit, limitName); err != nil {
		return nil, err
	}
	if d.Size > limit { // limit 0: nothing fits
		return nil, &LimitError{Limit: limitName, What: "size in bytes of " + d.Digest.String(), Max: limit}
	}
	if len(d.Data) > 0 {
		if int64(len(d.Data)) != d.Size {
			return nil, fmt.Errorf("blob %s: the descriptor embeds %d bytes and says %d", d.Digest, len(d.Data), d.Size)
		}
		if err := checkDigest("embedded blob", d.Data, d.Digest); err != nil {
			return nil, err
		}
		return bytes.Clone(d.Data), nil
	}
	rc, err := src.open(ctx, d)
	if err != nil {
		return nil, err
	}
	defer rc.Close() //nolint:errcheck // only read
	b := make([]byte, 0, min(d.Size, 1<<20)+bytes.MinRead)
	buf := bytes.NewBuffer(b)
	if _, err := io.Copy(buf, rc); err != nil { // bounded by the verifier: d.Size, at most limit
		return nil, err
	}
	return buf.Bytes(), nil
}
