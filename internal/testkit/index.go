package testkit

import (
	"maps"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// index makes the index over the built platforms, and its signature.
func (img Image) index(b *Built) error {
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Annotations: maps.Clone(img.Annotations)}
	for _, p := range b.Platforms {
		d := p.Manifest.Descriptor
		d.Platform = p.Platform.DeepCopy()
		if !img.NotDHI {
			d.Annotations = map[string]string{BuildIDAnnotation: "build-" + d.Digest.Hex[:12]}
		}
		index.Manifests = append(index.Manifests, d)
	}
	if img.BuildKit {
		for _, p := range b.Platforms {
			d, err := b.buildKit(p)
			if err != nil {
				return err
			}
			index.Manifests = append(index.Manifests, d)
		}
	}
	if !img.NotDHI {
		if index.Annotations == nil {
			index.Annotations = map[string]string{}
		}
		index.Annotations[TitleAnnotation] = img.Name
	}
	var err error
	if b.Root, err = jsonBlob(index.MediaType, index); err != nil {
		return err
	}
	if img.Key == nil || img.UnsignedIndex {
		return nil
	}
	b.IndexSignature, err = img.sign(img.Key, b.Root.Descriptor, nil, nil)
	return err
}

// buildKit adds the manifest that BuildKit writes beside a platform's, with no
// statements in it, and returns its entry in the index.
func (b *Built) buildKit(p *BuiltPlatform) (v1.Descriptor, error) {
	config, err := jsonBlob(types.OCIConfigJSON, v1.ConfigFile{Architecture: "unknown", OS: "unknown", RootFS: v1.RootFS{Type: "layers"}})
	if err != nil {
		return v1.Descriptor{}, err
	}
	m, err := jsonBlob(types.OCIManifestSchema1, v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: config.Descriptor, Layers: []v1.Descriptor{},
		Annotations: map[string]string{"vnd.docker.reference.digest": p.Manifest.Digest().String()},
	})
	if err != nil {
		return v1.Descriptor{}, err
	}
	b.extra = append(b.extra, config, m)
	d := m.Descriptor
	d.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
	d.Annotations = map[string]string{
		"vnd.docker.reference.type":   "attestation-manifest",
		"vnd.docker.reference.digest": p.Manifest.Digest().String(),
	}
	return d, nil
}
