package testkit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Target is a repository that takes blobs and manifests: [Registry.Repository],
// [Remote] or [Layout]. Referrers are filed by the target, from the subject of the
// manifest, by the API or the tag schema as the target has it.
type Target interface {
	PutBlob(ctx context.Context, data []byte) error
	// PutManifest stores raw under ref, which is a tag or the digest of raw.
	PutManifest(ctx context.Context, ref, mediaType string, raw []byte) error
}

// Remote is a repository of any registry, reached over the network. Credentials and
// transport come in opts.
func Remote(repo name.Repository, opts ...remote.Option) Target {
	return &remoteTarget{repo, opts}
}

type remoteTarget struct {
	repo name.Repository
	opts []remote.Option
}

func (t *remoteTarget) with(ctx context.Context) []remote.Option {
	return append(slices.Clone(t.opts), remote.WithContext(ctx))
}

func (t *remoteTarget) PutBlob(ctx context.Context, data []byte) error {
	if err := remote.WriteLayer(t.repo, static.NewLayer(data, types.OCILayer), t.with(ctx)...); err != nil {
		return fmt.Errorf("put a blob into %s: %w", t.repo, err)
	}
	return nil
}

func (t *remoteTarget) PutManifest(ctx context.Context, ref, mediaType string, raw []byte) error {
	var at name.Reference = t.repo.Tag(ref)
	if _, err := v1.NewHash(ref); err == nil {
		at = t.repo.Digest(ref)
	}
	if err := remote.Put(at, taggable{raw, types.MediaType(mediaType)}, t.with(ctx)...); err != nil {
		return fmt.Errorf("put the manifest %s: %w", at, err)
	}
	return nil
}

// taggable is a manifest as bytes.
type taggable struct {
	raw       []byte
	mediaType types.MediaType
}

func (t taggable) RawManifest() ([]byte, error)        { return t.raw, nil }
func (t taggable) MediaType() (types.MediaType, error) { return t.mediaType, nil }

// Layout is an OCI image layout in a directory, which is made when it is missing. Tags
// are kept in org.opencontainers.image.ref.name of index.json, and referrers under
// their tag schema there, as oras and regclient do it.
func Layout(dir string) Target { return &layout{dir: dir, index: referrerIndex(nil)} }

type layout struct {
	dir   string
	index v1.IndexManifest
	refs  []referrer
}

func (t *layout) PutBlob(_ context.Context, data []byte) error {
	h := digestOf(data)
	dir := filepath.Join(t.dir, "blobs", h.Algorithm)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write the layout: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, h.Hex), data, 0o644); err != nil {
		return fmt.Errorf("write the layout: %w", err)
	}
	return nil
}

func (t *layout) PutManifest(ctx context.Context, ref, mediaType string, raw []byte) error {
	if err := t.PutBlob(ctx, raw); err != nil {
		return err
	}
	d := v1.Descriptor{MediaType: types.MediaType(mediaType), Size: int64(len(raw)), Digest: digestOf(raw)}
	var m v1.Manifest
	if err := json.Unmarshal(raw, &m); err == nil && m.Subject != nil {
		if err := t.file(ctx, m, d); err != nil {
			return err
		}
	}
	if _, err := v1.NewHash(ref); err != nil {
		t.tag(ref, d)
	}
	return t.save()
}

// file keeps a manifest as a referrer of its subject.
func (t *layout) file(ctx context.Context, m v1.Manifest, d v1.Descriptor) error {
	d.ArtifactType, d.Annotations = m.ArtifactType, m.Annotations
	t.refs = append(t.refs, referrer{m.Subject.Digest, d})
	list := []v1.Descriptor{}
	for _, r := range t.refs {
		if r.subject == m.Subject.Digest {
			list = append(list, r.descriptor)
		}
	}
	raw, err := json.Marshal(referrerIndex(list))
	if err != nil {
		return fmt.Errorf("encode referrers: %w", err)
	}
	if err := t.PutBlob(ctx, raw); err != nil {
		return err
	}
	t.tag(m.Subject.Digest.Algorithm+"-"+m.Subject.Digest.Hex,
		v1.Descriptor{MediaType: types.OCIImageIndex, Size: int64(len(raw)), Digest: digestOf(raw)})
	return nil
}

func (t *layout) tag(ref string, d v1.Descriptor) {
	const refName = "org.opencontainers.image.ref.name" // image-spec, annotations.md
	t.index.Manifests = slices.DeleteFunc(t.index.Manifests, func(d v1.Descriptor) bool {
		return d.Annotations[refName] == ref
	})
	d.Annotations = map[string]string{refName: ref}
	t.index.Manifests = append(t.index.Manifests, d)
}

func (t *layout) save() error {
	raw, err := json.Marshal(t.index)
	if err != nil {
		return fmt.Errorf("encode index.json: %w", err)
	}
	return errors.Join(
		write(t.dir, "index.json", raw),
		write(t.dir, "oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)),
	)
}

func write(dir, file string, data []byte) error {
	if err := os.WriteFile(filepath.Join(dir, file), data, fs.FileMode(0o644)); err != nil {
		return fmt.Errorf("write the layout: %w", err)
	}
	return nil
}
