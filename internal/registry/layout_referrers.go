package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// maxNesting bounds indexes within indexes.
const maxNesting = 4

// referrers lists the manifests of the layout whose subject is h, and what the
// layout's entry for the referrers tag of h lists.
func (l *layout) referrers(ctx context.Context, h v1.Hash) ([]v1.Descriptor, string, error) {
	list, err := l.listed(ctx, h)
	return list, ViaLayout, unfinished(err)
}

func (l *layout) listed(ctx context.Context, h v1.Hash) ([]v1.Descriptor, error) {
	subjects, err := l.bySubject(ctx)
	if err != nil {
		return nil, err
	}
	var c collector
	if err := c.add(subjects[h], l.opt.MaxReferrers); err != nil {
		return nil, err
	}
	d, err := l.lookup(referrersTagOf(h))
	if isAbsent(err) {
		return c.list, nil
	}
	if err != nil {
		return nil, err
	}
	raw, err := l.readListed(ctx, d.Digest)
	if err != nil {
		return nil, err
	}
	idx, err := parseReferrers(raw, l.opt.MaxReferrers)
	if err != nil {
		return nil, fmt.Errorf("referrers tag %s: %w", referrersTagOf(h), err)
	}
	err = c.add(idx.Manifests, l.opt.MaxReferrers)
	return c.list, err
}

// bySubject looks through the layout once.
func (l *layout) bySubject(ctx context.Context) (map[v1.Hash][]v1.Descriptor, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.subjects == nil {
		found := map[v1.Hash][]v1.Descriptor{}
		if err := l.walk(ctx, l.index.Manifests, found, map[v1.Hash]bool{}, 0); err != nil {
			return nil, err
		}
		l.subjects = found
	}
	return l.subjects, nil
}

// walk reads every manifest that the entries name, once, and notes its subject. A
// manifest that the layout does not hold is no error where it is for a platform, or listed
// by an index within: a layout may hold one platform of an index. Any other that the
// layout itself lists may be a referrer, and is one. So is one that is not what its digest
// names. An entry that is called something else than a manifest is told by its bytes.
func (l *layout) walk(ctx context.Context, entries []v1.Descriptor, found map[v1.Hash][]v1.Descriptor, seen map[v1.Hash]bool, depth int) error {
	if depth > maxNesting {
		return &LimitError{Limit: "maxNesting", What: "indexes within indexes", Max: maxNesting}
	}
	for _, d := range entries {
		if seen[d.Digest] || !l.mayBeManifest(d) {
			continue
		}
		if len(seen) >= l.opt.MaxReferrers {
			return &LimitError{Limit: "MaxReferrers", What: "manifests of a layout", Max: int64(l.opt.MaxReferrers)}
		}
		seen[d.Digest] = true
		read := l.read
		if depth == 0 && !offered(d) {
			read = l.readListed
		}
		raw, err := read(ctx, d.Digest)
		if isAbsent(err) {
			continue
		}
		if err != nil {
			return err
		}
		err = l.note(ctx, d.Digest, raw, found, seen, depth)
		if err != nil && !(calledOther(d) && errors.Is(err, errNoManifest)) {
			return err
		}
	}
	return nil
}

// calledOther reports whether an entry has a media type, and not one of a manifest.
func calledOther(d v1.Descriptor) bool {
	return d.MediaType != "" && kindOfType(d.MediaType) == kindUnknown
}

// mayBeManifest reports whether an entry is to be read. What it is called decides nothing:
// only what does not begin as a JSON object is plainly something else.
func (l *layout) mayBeManifest(d v1.Descriptor) bool {
	if !calledOther(d) {
		return true
	}
	name, err := blobName(d.Digest)
	if err != nil {
		return true // which is told when it is read
	}
	rc, _, err := l.files.open(name)
	if err != nil {
		return true
	}
	defer rc.Close() //nolint:errcheck // only read
	start := make([]byte, 512)
	n, err := io.ReadFull(rc, start)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	start = bytes.TrimLeft(start[:n], " \t\r\n")
	return len(start) > 0 && start[0] == '{'
}

// note records the subject of one manifest, and walks on when it is an index.
func (l *layout) note(ctx context.Context, h v1.Hash, raw []byte, found map[v1.Hash][]v1.Descriptor, seen map[v1.Hash]bool, depth int) error {
	d, err := describe(raw, "")
	if err != nil {
		return fmt.Errorf("%s: %w", h, err)
	}
	d.Digest = h
	var s struct {
		Subject *v1.Descriptor `json:"subject"`
		Config  struct {
			MediaType types.MediaType `json:"mediaType"`
		} `json:"config"`
		Manifests []v1.Descriptor `json:"manifests"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("%s: %w", h, err)
	}
	if s.Subject != nil {
		if d.ArtifactType == "" {
			d.ArtifactType = string(s.Config.MediaType) // OCI distribution spec v1.1, "Listing Referrers"
		}
		found[s.Subject.Digest] = append(found[s.Subject.Digest], d)
	}
	return l.walk(ctx, s.Manifests, found, seen, depth+1)
}
