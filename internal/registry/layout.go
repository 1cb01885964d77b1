package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/words"
)

// Annotations of a layout's index: OCI image spec, annotations.md and image-layout.md;
// containerd's name for an image; and the kinds that cosign save writes.
const (
	annotationRefName   = "org.opencontainers.image.ref.name"
	annotationImageName = "io.containerd.image.name"
	annotationKind      = "kind"
	kindPrefix          = "dev.cosignproject.cosign/"
	kindSigs            = kindPrefix + "sigs"
	kindAtts            = kindPrefix + "atts"
)

// layout is an OCI image layout (OCI image spec v1.1, image-layout.md), in a directory
// or in an archive.
type layout struct {
	files files
	opt   *Options
	index *v1.IndexManifest

	mu       sync.Mutex
	subjects map[v1.Hash][]v1.Descriptor // nil until the layout was looked through
}

// openLayout reads the layout's two fixed files.
func openLayout(f files, opt *Options) (*layout, error) {
	marker, err := readFile(f, "oci-layout", 4<<10)
	if err != nil {
		return nil, fmt.Errorf("it is no OCI layout: %w", err)
	}
	var version struct {
		Version string `json:"imageLayoutVersion"`
	}
	if err := json.Unmarshal(marker, &version); err != nil || !strings.HasPrefix(version.Version, "1.") {
		return nil, fmt.Errorf("it is no OCI layout of version 1: oci-layout says %q", plain(version.Version, 40))
	}
	raw, err := readFile(f, "index.json", opt.MaxManifest)
	if err != nil {
		return nil, fmt.Errorf("OCI layout: %w", err)
	}
	idx, err := parseIndex(raw, opt.MaxReferrers)
	if err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	return &layout{files: f, opt: opt, index: idx}, nil
}

// openDir opens an oci-dir source.
func (img *Image) openDir(ctx context.Context, p parsed) error {
	op := "open " + img.Reference
	root, err := os.OpenRoot(p.path)
	if err != nil {
		return fault.New(fault.Usage, op, "oci-dir takes the directory that holds index.json", err)
	}
	img.cleanup = root.Close
	l, err := openLayout(dirFiles{root}, img.opt)
	if err != nil {
		return place{source: SourceOCIDir, path: p.path}.explain(op, err)
	}
	return img.openLayoutRoot(ctx, op, l, p)
}

// openLayoutRoot chooses the image of a layout and makes it the root.
func (img *Image) openLayoutRoot(ctx context.Context, op string, l *layout, p parsed) error {
	where := place{source: img.Source, path: p.path}
	external, err := img.externalPlan(p.repo)
	if err != nil {
		return err
	}
	img.use(l, where)
	img.Tag = p.tag
	ref := p.digest
	if ref == "" {
		d, err := l.root(ctx, op, p.tag)
		if err != nil {
			return where.explain(op, err)
		}
		ref = d.Digest.String()
	}
	desc, raw, err := l.manifest(ctx, ref)
	if err != nil {
		return where.explain(op, err)
	}
	if err := img.setRoot(ctx, op, desc, raw); err != nil {
		return where.explain(op, err)
	}
	img.external = external()
	return nil
}

// root chooses the entry of the index that is the image: the one that tag names, or
// the only one that is an image and not a signature or an attestation of one.
func (l *layout) root(ctx context.Context, op, tag string) (v1.Descriptor, error) {
	var found []v1.Descriptor
	var names []string
	for _, d := range l.index.Manifests {
		if tag != "" && !named(d, tag) || tag == "" && !l.isRoot(ctx, d) {
			continue
		}
		if len(found) > 0 && found[0].Digest == d.Digest {
			continue
		}
		found = append(found, d)
		names = append(names, nameOf(d))
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return v1.Descriptor{}, fault.Usagef(op, "choose one with @DIGEST or :NAME: "+words.List(names, 20), "it holds %d images", len(found))
	case tag != "":
		for _, d := range l.index.Manifests {
			names = append(names, nameOf(d))
		}
		return v1.Descriptor{}, fault.New(fault.Unavailable, op, "it holds: "+words.List(names, 20), fmt.Errorf("no image named %q: %w", tag, fs.ErrNotExist))
	default:
		return v1.Descriptor{}, fmt.Errorf("it holds no image: %w", fs.ErrNotExist)
	}
}

// isRoot says whether an entry can be the image itself.
func (l *layout) isRoot(ctx context.Context, d v1.Descriptor) bool {
	kind := d.Annotations[annotationKind]
	switch {
	case kind == kindSigs, kind == kindAtts, isDigestTag(d.Annotations[annotationRefName]):
		return false
	case isUnknown(d.Platform) && !d.MediaType.IsIndex():
		return false
	case d.ArtifactType != "" && !types.MediaType(d.ArtifactType).IsConfig():
		return false
	case len(l.index.Manifests) == 1:
		return true
	}
	raw, err := l.read(ctx, d.Digest)
	if err != nil {
		return true // the error is told when it is read as the root
	}
	var s struct {
		Subject      *v1.Descriptor `json:"subject"`
		ArtifactType string         `json:"artifactType"`
	}
	return json.Unmarshal(raw, &s) != nil || s.Subject == nil && s.ArtifactType == ""
}

// isDigestTag recognises "sha256-<hex>", alone and with a suffix such as ".sig": the
// tags under which referrers and cosign's signatures are kept.
func isDigestTag(tag string) bool {
	hex, ok := strings.CutPrefix(tag, "sha256-")
	if !ok || len(hex) < 64 {
		return false
	}
	return strings.Trim(hex[:64], "0123456789abcdef") == ""
}

// named says whether an entry goes by a name: the whole of it, or its tag.
func named(d v1.Descriptor, name string) bool {
	for _, have := range []string{d.Annotations[annotationRefName], d.Annotations[annotationImageName]} {
		if have != "" && (have == name || strings.HasSuffix(have, ":"+name) || strings.HasSuffix(have, "/"+name)) {
			return true
		}
	}
	return false
}

func nameOf(d v1.Descriptor) string {
	for _, key := range []string{annotationImageName, annotationRefName} {
		if s := d.Annotations[key]; s != "" {
			return plain(s, 200)
		}
	}
	return d.Digest.String()
}

// manifest reads by digest, or by name from the index. A name that the index does not
// list is fs.ErrNotExist; one that it lists and does not hold is not.
func (l *layout) manifest(ctx context.Context, ref string) (v1.Descriptor, []byte, error) {
	h, isDigest, err := splitRef(ref)
	if err != nil {
		return v1.Descriptor{}, nil, err
	}
	read := l.read
	if !isDigest {
		d, err := l.lookup(ref)
		if err != nil {
			return v1.Descriptor{}, nil, unfinished(err)
		}
		h, read = d.Digest, l.readListed
	}
	raw, err := read(ctx, h)
	if err != nil {
		return v1.Descriptor{}, nil, unfinished(err)
	}
	d, err := describe(raw, "")
	if err != nil {
		return v1.Descriptor{}, nil, unfinished(fmt.Errorf("%s: %w", ref, err))
	}
	d.Digest = h
	return d, raw, nil
}

// lookup finds an entry by tag. In a layout that cosign save wrote, the signatures
// and attestations carry a kind and no tag: there "sha256-<hex>.sig" and ".att" name
// them, for the digest of the image entry. Several that differ are an error: which is
// meant is not said.
func (l *layout) lookup(tag string) (v1.Descriptor, error) {
	found := l.entriesWith(annotationRefName, tag)
	for suffix, want := range map[string]string{".sig": kindSigs, ".att": kindAtts} {
		if digest, ok := strings.CutSuffix(tag, suffix); ok && len(found) == 0 && l.isCosignImage(digest) {
			found = l.entriesWith(annotationKind, want)
		}
	}
	switch len(found) {
	case 0:
		return v1.Descriptor{}, fmt.Errorf("no %q in the layout: %w", plain(tag, 130), fs.ErrNotExist)
	case 1:
		return found[0], nil
	default:
		return v1.Descriptor{}, fmt.Errorf("the layout lists %d different manifests as %q, and does not say which is meant", len(found), plain(tag, 130))
	}
}

// entriesWith are the entries with an annotation, each digest once.
func (l *layout) entriesWith(name, value string) []v1.Descriptor {
	var c collector
	for _, d := range l.index.Manifests {
		if d.Annotations[name] == value {
			_ = c.add([]v1.Descriptor{d}, l.opt.MaxReferrers) // as many as the index may have
		}
	}
	return c.list
}

// isCosignImage says whether "sha256-<hex>" is the one image of a cosign layout.
func (l *layout) isCosignImage(digest string) bool {
	for _, d := range l.index.Manifests {
		switch d.Annotations[annotationKind] {
		case kindPrefix + "image", kindPrefix + "imageIndex":
			if referrersTagOf(d.Digest) == digest {
				return true
			}
		}
	}
	return false
}

// blobName is where a layout keeps a digest. The digest is validated, so that the name
// has no separators of its own.
func blobName(h v1.Hash) (string, error) {
	valid, err := v1.NewHash(h.String())
	if err != nil {
		return "", err
	}
	return "blobs/" + valid.Algorithm + "/" + valid.Hex, nil
}

// read returns a manifest's bytes, verified.
func (l *layout) read(ctx context.Context, h v1.Hash) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	name, err := blobName(h)
	if err != nil {
		return nil, err
	}
	raw, err := readFile(l.files, name, l.opt.MaxManifest)
	if err != nil {
		return nil, err
	}
	return raw, checkDigest("manifest", raw, h)
}

// readListed is read for what the layout says that it holds.
func (l *layout) readListed(ctx context.Context, h v1.Hash) ([]byte, error) {
	raw, err := l.read(ctx, h)
	if isAbsent(err) {
		err = fmt.Errorf("the layout lists %s and does not hold it: %s", h, err.Error())
	}
	return raw, err
}

// open streams a blob, verified.
func (l *layout) open(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	name, err := blobName(d.Digest)
	if err != nil {
		return nil, err
	}
	return openFile(ctx, l.files, name, d)
}

// openFile streams a file as the blob that d describes, verified.
func openFile(ctx context.Context, f files, name string, d v1.Descriptor) (io.ReadCloser, error) {
	rc, size, err := f.open(name)
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", d.Digest, err)
	}
	if size != d.Size {
		err := &DigestError{What: "blob", Want: d.Digest, Got: fmt.Sprintf("a file of %d bytes for its %d", size, d.Size)}
		return nil, errors.Join(err, rc.Close())
	}
	v, err := newVerifier(&cancellable{ctx, rc}, d)
	if err != nil {
		return nil, errors.Join(err, rc.Close())
	}
	return verified{v, rc}, nil
}

// cancellable is a reader that stops when its context does.
type cancellable struct {
	ctx context.Context //nolint:containedctx // lives as long as one stream
	r   io.Reader
}

func (c *cancellable) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}
