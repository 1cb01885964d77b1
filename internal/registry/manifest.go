package registry

import (
	"context"
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Manifest is the image of one platform: its manifest and its config, both as bytes
// that hash to their digests and decoded.
type Manifest struct {
	// Descriptor is the index's entry when there is an index, with its annotations.
	Descriptor v1.Descriptor
	Raw        []byte
	Manifest   *v1.Manifest
	ConfigRaw  []byte
	Config     *v1.ConfigFile
	// Platform is what the index says, or without an index the config.
	Platform v1.Platform
}

// Manifest reads the image for platform want: at most one manifest and one config
// are requested, and what was read is kept. arm64 and arm64/v8 are the same; a lower
// variant answers when the wanted one is not there. A platform that the image does
// not have is a *fault.Error with code Usage that lists those it has.
func (img *Image) Manifest(ctx context.Context, want v1.Platform) (*Manifest, error) {
	ctx, cancel := within(ctx, img.deadline)
	defer cancel()
	if img.Index == nil {
		have := img.single.Platform
		if known(have.OS) && known(have.Architecture) && choose([]v1.Descriptor{{MediaType: img.Root.MediaType, Platform: &have}}, want) < 0 {
			return nil, img.noPlatform(want)
		}
		return img.single, nil
	}
	if err := img.nested(want); err != nil {
		return nil, err
	}
	i := choose(img.Index.Manifests, want)
	if i < 0 {
		return nil, img.noPlatform(want)
	}
	d := img.Index.Manifests[i]
	op := fmt.Sprintf("read %s of %s", normal(*d.Platform).String(), img.Reference)
	if err := checkDescriptor(d, img.opt.MaxManifest, "MaxManifest"); err != nil {
		return nil, img.store.place.explain(op, err)
	}
	img.mu.Lock()
	m := img.loaded[d.Digest]
	img.mu.Unlock()
	if m != nil {
		return m, nil
	}
	got, raw, err := img.src.manifest(ctx, d.Digest.String())
	if err != nil {
		return nil, img.store.place.explain(op, err)
	}
	if got.Size != d.Size {
		return nil, img.store.place.explain(op, fmt.Errorf("manifest %s has %d bytes, the index says %d", d.Digest, got.Size, d.Size))
	}
	m, err = img.load(ctx, d, raw, d.Platform)
	if err != nil {
		return nil, img.store.place.explain(op, err)
	}
	img.mu.Lock()
	img.loaded[d.Digest] = m
	img.mu.Unlock()
	return m, nil
}

// load decodes a manifest and reads its config. platform is the index's word, nil
// for a manifest that stands alone.
func (img *Image) load(ctx context.Context, d v1.Descriptor, raw []byte, platform *v1.Platform) (*Manifest, error) {
	if t := kindOfType(d.MediaType); t != kindUnknown && t != kindManifest {
		return nil, fmt.Errorf("the index calls %s %s, and the platform needs an image manifest", d.Digest, t)
	}
	m, err := parseManifest(raw, img.opt.MaxDescriptors)
	if err != nil {
		return nil, err
	}
	if !isImageConfig(m.Config.MediaType) {
		return nil, notAnImage("read "+img.Reference, fmt.Sprintf("an artifact with a config of type %q", plain(string(m.Config.MediaType), 100)))
	}
	if err := checkDescriptor(m.Config, img.opt.MaxConfig, "MaxConfig"); err != nil {
		return nil, err
	}
	config, err := readBlob(ctx, img.src, m.Config, img.opt.MaxConfig, "MaxConfig")
	if err != nil {
		return nil, fmt.Errorf("image config: %w", err)
	}
	if err := strictJSON(config); err != nil {
		return nil, fmt.Errorf("image config %s: %w", m.Config.Digest, err)
	}
	var c v1.ConfigFile
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, fmt.Errorf("image config %s: %w", m.Config.Digest, err)
	}
	out := &Manifest{Descriptor: d, Raw: raw, Manifest: m, ConfigRaw: config, Config: &c}
	switch {
	case platform != nil:
		out.Platform = normal(*platform)
	default:
		out.Platform = normal(v1.Platform{OS: c.OS, Architecture: c.Architecture, Variant: c.Variant, OSVersion: c.OSVersion})
	}
	return out, nil
}

// isImageConfig accepts the two config types of images. Others are artifacts.
func isImageConfig(t types.MediaType) bool { return t.IsConfig() }
