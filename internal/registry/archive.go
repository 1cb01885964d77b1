package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/words"
)

// archive is what "docker save" wrote before Docker 25: configs and layers listed in
// manifest.json, and no manifest that a registry would know. One is made from it, so
// its digest names this content but is not the digest that any registry has.
type archive struct {
	files     files
	opt       *Options
	manifests map[v1.Hash][]byte
	names     map[v1.Hash]string // blobs, by their file
}

// saved is one image of manifest.json (moby, image/tarexport).
type saved struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// openArchive opens a docker-archive source.
func (img *Image) openArchive(ctx context.Context, p parsed) error {
	op := "open " + img.Reference
	f, err := os.Open(p.path)
	if err != nil {
		return fault.New(fault.Usage, op, "docker-archive takes the file that docker save wrote", err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(fault.Usagef(op, "docker-archive takes the file that docker save wrote; for a directory use oci-dir:", "%s is not a regular file", p.path), f.Close())
	}
	f, remove, err := unpacked(f, img.opt)
	if err != nil {
		return place{source: SourceDockerArchive, path: p.path}.explain(op, err)
	}
	img.cleanup = remove
	return img.openTarRoot(ctx, op, f, p)
}

// openTarRoot opens an archive that is on disk, in whichever of the two forms it is.
// What Docker 25 and later write is both; the OCI form has the real digests.
func (img *Image) openTarRoot(ctx context.Context, op string, f *os.File, p parsed) error {
	where := place{source: img.Source, path: p.path}
	t, err := openTar(f)
	if err != nil {
		return where.explain(op, err)
	}
	if _, ok := t.entries["index.json"]; ok {
		l, err := openLayout(t, img.opt)
		if err != nil {
			return where.explain(op, err)
		}
		return img.openLayoutRoot(ctx, op, l, p)
	}
	a := &archive{files: t, opt: img.opt, manifests: map[v1.Hash][]byte{}, names: map[v1.Hash]string{}}
	h, err := a.load(ctx, op, p)
	if err != nil {
		return where.explain(op, err)
	}
	external, err := img.externalPlan(p.repo)
	if err != nil {
		return err
	}
	img.use(a, where)
	img.Tag = p.tag
	desc, raw, err := a.manifest(ctx, h.String())
	if err != nil {
		return where.explain(op, err)
	}
	if err := img.setRoot(ctx, op, desc, raw); err != nil {
		return where.explain(op, err)
	}
	img.external = external()
	return nil
}

// load reads manifest.json and makes the manifest of the image that p names.
func (a *archive) load(ctx context.Context, op string, p parsed) (v1.Hash, error) {
	raw, err := readFile(a.files, "manifest.json", a.opt.MaxManifest)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("it is no image archive: %w", err)
	}
	if err := strictJSON(raw); err != nil {
		return v1.Hash{}, fmt.Errorf("manifest.json: %w", err)
	}
	var list []saved
	if err := json.Unmarshal(raw, &list); err != nil {
		return v1.Hash{}, fmt.Errorf("manifest.json: %w", err)
	}
	entry, err := pick(op, list, p.tag)
	if err != nil {
		return v1.Hash{}, err
	}
	h, err := a.build(ctx, entry)
	if err == nil && p.digest != "" && h.String() != p.digest {
		err = fault.Usagef(op, "an archive of this form has no registry digest: leave it out, or save the image with Docker 25 or later", "the archive's image is %s, not %s", h, p.digest)
	}
	return h, err
}

func pick(op string, list []saved, tag string) (saved, error) {
	var names []string
	var found []saved
	for _, s := range list {
		names = append(names, plain(strings.Join(s.RepoTags, " "), 200))
		if tag == "" {
			found = append(found, s)
			continue
		}
		for _, t := range s.RepoTags {
			if t == tag || strings.HasSuffix(t, ":"+tag) || strings.HasSuffix(t, "/"+tag) {
				found = append(found, s)
				break
			}
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return saved{}, fault.Usagef(op, "choose one with :NAME: "+words.List(names, 20), "it holds %d images", len(found))
	default:
		return saved{}, fault.New(fault.Unavailable, op, "it holds: "+words.List(names, 20), fmt.Errorf("no such image in it: %w", fs.ErrNotExist))
	}
}

// build makes the manifest of one saved image. A layer that is not compressed has the
// digest that the config states, which is verified when it is read; a compressed one
// is hashed here.
func (a *archive) build(ctx context.Context, s saved) (v1.Hash, error) {
	if len(s.Layers) > a.opt.MaxDescriptors {
		return v1.Hash{}, &LimitError{Limit: "MaxDescriptors", What: "layers of an image", Max: int64(a.opt.MaxDescriptors)}
	}
	rc, size, err := a.files.open(s.Config)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("image config: %w", err)
	}
	raw, err := readLimited(rc, a.opt.MaxConfig, "MaxConfig", "the image config")
	if err = errors.Join(err, rc.Close()); err != nil {
		return v1.Hash{}, fmt.Errorf("image config: %w", err)
	}
	var config v1.ConfigFile
	if err := json.Unmarshal(raw, &config); err != nil {
		return v1.Hash{}, fmt.Errorf("image config: %w", err)
	}
	m := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Layers: []v1.Descriptor{}}
	m.Config = v1.Descriptor{MediaType: types.OCIConfigJSON, Size: size, Digest: sum(raw)}
	if stated := strings.TrimSuffix(path.Base(s.Config), ".json"); len(stated) == 64 && stated != m.Config.Digest.Hex {
		return v1.Hash{}, &DigestError{What: "image config", Want: v1.Hash{Algorithm: "sha256", Hex: plain(stated, 64)}, Got: m.Config.Digest.String()}
	}
	a.names[m.Config.Digest] = s.Config
	if len(config.RootFS.DiffIDs) != len(s.Layers) {
		return v1.Hash{}, fmt.Errorf("the config names %d layers and manifest.json %d", len(config.RootFS.DiffIDs), len(s.Layers))
	}
	for i, name := range s.Layers {
		d, err := a.layer(ctx, name, config.RootFS.DiffIDs[i])
		if err != nil {
			return v1.Hash{}, fmt.Errorf("layer %d: %w", i+1, err)
		}
		a.names[d.Digest] = name
		m.Layers = append(m.Layers, d)
	}
	made, err := json.Marshal(m)
	if err != nil {
		return v1.Hash{}, err
	}
	h := sum(made)
	a.manifests[h] = made
	return h, nil
}

func (a *archive) layer(ctx context.Context, name string, diffID v1.Hash) (v1.Descriptor, error) {
	rc, size, err := a.files.open(name)
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer rc.Close() //nolint:errcheck // only read
	var magic [4]byte
	n, err := io.ReadFull(rc, magic[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return v1.Descriptor{}, err
	}
	d := v1.Descriptor{MediaType: types.OCIUncompressedLayer, Size: size, Digest: diffID}
	switch head := string(magic[:n]); {
	case strings.HasPrefix(head, "\x1f\x8b"):
		d.MediaType = types.OCILayer
	case head == "\x28\xb5\x2f\xfd":
		d.MediaType = types.OCILayerZStd
	default:
		return d, nil
	}
	d.Digest, _, err = v1.SHA256(io.MultiReader(strings.NewReader(string(magic[:n])), &cancellable{ctx, rc}))
	return d, err
}

func sum(raw []byte) v1.Hash {
	h, _, _ := v1.SHA256(strings.NewReader(string(raw))) // a reader of memory does not fail
	return h
}

func (a *archive) manifest(_ context.Context, ref string) (v1.Descriptor, []byte, error) {
	h, isDigest, err := splitRef(ref)
	if err != nil {
		return v1.Descriptor{}, nil, err
	}
	raw, ok := a.manifests[h]
	if !isDigest || !ok {
		return v1.Descriptor{}, nil, fmt.Errorf("no %q in the archive: %w", ref, fs.ErrNotExist)
	}
	d, err := describe(raw, "")
	return d, raw, err
}

func (a *archive) open(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	name, ok := a.names[d.Digest]
	if !ok {
		return nil, fmt.Errorf("blob %s is not in the archive: %w", d.Digest, fs.ErrNotExist)
	}
	return openFile(ctx, a.files, name, d)
}

// referrers says that this form has no room for them, which is not "none found".
func (a *archive) referrers(context.Context, v1.Hash) ([]v1.Descriptor, string, error) {
	return nil, "", fmt.Errorf("an archive of this form holds no attestations: %w", errors.ErrUnsupported)
}
