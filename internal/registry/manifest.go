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
	// Platform is what the index says, and where it says nothing the config.
	Platform v1.Platform
	// Rivals are what a runtime may run in its place: set by [Image.Manifest].
	Rivals []Rival
}

// Manifest reads the image for platform want: at most one manifest and one config
// are requested beside those of entries without a platform, and what was read is kept.
// arm64 and arm64/v8 are the same; a lower variant answers when the wanted one is not
// there. A platform that the image does not have is a *fault.Error with code Usage that
// lists those it has.
func (img *Image) Manifest(ctx context.Context, want v1.Platform) (*Manifest, error) {
	ctx, cancel := within(ctx, img.deadline)
	defer cancel()
	if img.Index == nil {
		have := img.single.Platform
		only := []Entry{{Descriptor: img.Root, Platform: have}}
		if known(have.OS) && known(have.Architecture) && choose(only, want) < 0 {
			return nil, img.noPlatform(only, want)
		}
		return img.single, nil
	}
	list, err := img.entries(ctx)
	if err == nil {
		err = img.nested(list, want)
	}
	if err != nil {
		return nil, err
	}
	i := choose(list, want)
	if i < 0 {
		if err := img.unread(list, want); err != nil {
			return nil, err
		}
		return nil, img.noPlatform(list, want)
	}
	m, err := img.read(ctx, list[i])
	if err != nil {
		return nil, err
	}
	m.Rivals = rivals(list, want, i)
	return m, nil
}

// load decodes a manifest and reads its config. Its platform is the config's word.
func (img *Image) load(ctx context.Context, d v1.Descriptor, raw []byte) (*Manifest, error) {
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
	return &Manifest{
		Descriptor: d, Raw: raw, Manifest: m, ConfigRaw: config, Config: &c,
		Platform: normal(v1.Platform{OS: c.OS, Architecture: c.Architecture, Variant: c.Variant, OSVersion: c.OSVersion}),
	}, nil
}

// isImageConfig accepts the two config types of images. Others are artifacts.
func isImageConfig(t types.MediaType) bool { return t.IsConfig() }
