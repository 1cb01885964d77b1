package attest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/attest/strictjson"
	"github.com/imagegate/imagegate/internal/fault"
)

// The bounds of a local store: entries of a folder, levels of nested indexes.
const (
	maxLocalFiles = 10_000
	maxNested     = 4
)

// OpenLocal opens a file or folder as a store of attestations, for runs without a
// registry. The folder may be an OCI layout, also one that `cosign save` or BuildKit
// wrote, with signatures and attestations as further entries of its index; or any
// folder of Sigstore bundles (.json, .jsonl, .sigstore, …), DSSE envelopes and bare
// statements. name is what reports call it, at is the path in fsys ("." for all of it).
//
// The errors have code Usage: nothing there, or a layout that cannot be read. What in a
// folder or layout could not be read [Verify] tells as a probe that failed.
func OpenLocal(fsys fs.FS, at, name string, opt Options) (Store, error) {
	op := "read attestations from " + name
	info, err := fs.Stat(fsys, at)
	if err != nil {
		return nil, fault.New(fault.Usage, op, "name a file or folder that exists", err)
	}
	l := &local{fsys: fsys, name: name, lim: opt.limits(), manifests: map[string][]byte{}, blobs: map[string][]byte{}, tags: map[string][]v1.Descriptor{}, subjects: map[v1.Hash][]v1.Descriptor{}}
	switch {
	case !info.IsDir():
		err = l.addFile(at)
	case exist(fsys, path.Join(at, "index.json")) && exist(fsys, path.Join(at, "oci-layout")):
		l.root = at
		err = l.openLayout()
	default:
		err = l.addFolder(at)
	}
	if err != nil {
		return nil, fault.New(fault.Usage, op, "", err)
	}
	return l, nil
}

// local is a store on disk.
type local struct {
	fsys fs.FS
	name string
	root string // of an OCI layout; "" for loose files
	lim  limits

	mu        sync.Mutex        // guards manifests
	manifests map[string][]byte // around loose files, made when they are asked for

	blobs    map[string][]byte
	tags     map[string][]v1.Descriptor
	subjects map[v1.Hash][]v1.Descriptor
	// marked are the atts, sigs and sboms that `cosign save` marks without saying of which
	// image: they are offered for every image, and what they say decides.
	marked map[string][]v1.Descriptor
	loose  []looseFile
	total  int64
	unread []flaw
	others []string
}

// looseFile is one bundle, envelope or statement that lies about.
type looseFile struct {
	mediaType string
	data      []byte
}

func exist(fsys fs.FS, p string) bool {
	_, err := fs.Stat(fsys, p)
	return err == nil
}

// Name implements [Store].
func (l *local) Name() string { return l.name }

// Referrers implements [Store]. A loose file is wrapped in a manifest for whatever
// image is asked about: the statement inside says of which image it speaks.
func (l *local) Referrers(_ context.Context, subject v1.Hash) ([]v1.Descriptor, string, error) {
	list := slices.Clone(l.subjects[subject])
	if l.root != "" {
		return list, "oci-layout", nil
	}
	for _, f := range l.loose {
		raw, err := wrap(f, subject)
		if err != nil {
			return nil, "", err
		}
		l.mu.Lock()
		l.manifests[digestOf(raw).String()] = raw
		l.mu.Unlock()
		list = append(list, v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: digestOf(raw), Size: int64(len(raw)), ArtifactType: f.mediaType})
	}
	return list, "files", nil
}

// Manifest implements [Store].
func (l *local) Manifest(_ context.Context, ref string) (v1.Descriptor, []byte, error) {
	list := l.tags[ref]
	if len(list) == 0 {
		list = l.markedAs(ref)
	}
	switch len(list) {
	case 0:
	case 1:
		ref = list[0].Digest.String()
	default:
		return v1.Descriptor{}, nil, &unfinishedError{fmt.Sprintf("the layout holds %d different entries for %s, and does not say which is meant", len(list), ref)}
	}
	h, err := v1.NewHash(ref)
	if err != nil {
		return v1.Descriptor{}, nil, fmt.Errorf("%s in %s: %w", ref, l.name, fs.ErrNotExist)
	}
	l.mu.Lock()
	raw, ok := l.manifests[ref]
	l.mu.Unlock()
	if !ok {
		raw, err = l.readBlob(h, l.lim.manifest)
	}
	return v1.Descriptor{Digest: h, Size: int64(len(raw))}, raw, err
}

// markedAs returns the entries that `cosign save` marks as what a tag would hold.
func (l *local) markedAs(tag string) []v1.Descriptor {
	if !strings.HasPrefix(tag, "sha256-") {
		return nil
	}
	switch path.Ext(tag) {
	case ".att":
		return l.marked["atts"]
	case ".sig":
		return l.marked["sigs"]
	case ".sbom":
		return l.marked["sboms"]
	}
	return nil
}

// Blob implements [Store].
func (l *local) Blob(_ context.Context, d v1.Descriptor, limit int64) ([]byte, error) {
	if data, ok := l.blobs[d.Digest.String()]; ok {
		return data, nil
	}
	return l.readBlob(d.Digest, limit)
}

func (l *local) readBlob(h v1.Hash, limit int64) ([]byte, error) {
	if l.root == "" || !isHex256(h.Hex) || h.Algorithm != "sha256" {
		return nil, fmt.Errorf("%s in %s: %w", h, l.name, fs.ErrNotExist)
	}
	return readFile(l.fsys, path.Join(l.root, "blobs", "sha256", h.Hex), limit)
}

// readFile reads a regular file of at most limit bytes.
func readFile(fsys fs.FS, at string, limit int64) ([]byte, error) {
	f, err := fsys.Open(at)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: %w", at, errors.Join(err, fs.ErrInvalid))
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", errLimit, at, limit)
	}
	return data, err
}

// wrap makes the manifest of a loose file.
func wrap(f looseFile, subject v1.Hash) ([]byte, error) {
	empty := v1.Descriptor{MediaType: "application/vnd.oci.empty.v1+json", Digest: digestOf([]byte("{}")), Size: 2}
	layer := v1.Descriptor{MediaType: types.MediaType(f.mediaType), Digest: digestOf(f.data), Size: int64(len(f.data))}
	m := v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: empty, ArtifactType: f.mediaType,
		Subject: &v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: subject},
	}
	if f.mediaType == mediaStatement {
		pt := map[string]string{annoPredicateType: predicateTypeOf(f.data)}
		layer.Annotations, m.Annotations = pt, pt
	}
	m.Layers = []v1.Descriptor{layer}
	return json.Marshal(m)
}

// predicateTypeOf reads the type of a statement that was sniffed as one.
func predicateTypeOf(data []byte) string {
	m, err := strictjson.Object(data)
	if err != nil {
		return ""
	}
	t, err := strictjson.Text(m, "predicateType")
	if err != nil {
		return ""
	}
	return t
}
