package testkit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Annotations and labels of Docker Hardened Images.
const (
	TitleAnnotation   = "org.opencontainers.image.title"
	BuildIDAnnotation = "com.docker.dhi.build.id"
	LabelName         = "com.docker.dhi.name"
	LabelChainID      = "com.docker.dhi.chain-id"
)

// Image describes an image in the layout of Docker Hardened Images: an index, platform
// manifests, and signed in-toto statements as referrers of each platform manifest.
type Image struct {
	// Name is the canonical name, such as "dhi/python". It is the title of the index,
	// the label com.docker.dhi.name and the name in statement subjects.
	Name string

	// SignedAs is the docker-reference inside signatures. "" means
	// registry.scout.docker.com/ and the name, as DHI writes it wherever it is served.
	SignedAs string

	// Tags are the tags of the root manifest.
	Tags []string

	Platforms []Platform

	// Key signs the index and all attestations. nil means that nothing is signed.
	Key *Key

	// Annotations are further annotations of the index.
	Annotations map[string]string

	// NotDHI leaves out the marks by which an index is recognised as DHI, and the
	// labels com.docker.dhi.name and chain-id.
	NotDHI bool

	// Single pushes the only platform's manifest as the root, without an index.
	Single bool

	// UnsignedIndex leaves out the signature of the index, as on older images.
	UnsignedIndex bool

	// BuildKit adds to the index an attestation manifest per platform as BuildKit makes
	// them: listed with the platform unknown/unknown, and not runnable.
	BuildKit bool
}

// Platform is one platform of an [Image].
type Platform struct {
	// Platform is what the index and the config say; the zero value is linux/amd64.
	Platform v1.Platform
	Layers   []Layer
	// BaseLayers is how many of the layers are the hardened base, over which the label
	// com.docker.dhi.chain-id is computed. 0 means all: the image is not derived.
	BaseLayers int
	// Config is the image config. Platform and root file system are filled in; the
	// labels com.docker.dhi.name and chain-id are, when they are missing.
	Config       v1.ConfigFile
	Attestations []Attestation
	// Annotations are those of the platform manifest.
	Annotations map[string]string
}

// Blob is content with its descriptor.
type Blob struct {
	Descriptor v1.Descriptor
	Data       []byte
}

// NewBlob describes data.
func NewBlob(mediaType types.MediaType, data []byte) Blob {
	return Blob{v1.Descriptor{MediaType: mediaType, Size: int64(len(data)), Digest: digestOf(data)}, data}
}

// Digest is the digest of the content.
func (b Blob) Digest() v1.Hash { return b.Descriptor.Digest }

// Built is a built image: every byte that is to be pushed, by its role.
type Built struct {
	// Root is the manifest that the tags name: the index, or the platform manifest.
	Root      Blob
	Tags      []string
	Platforms []*BuiltPlatform
	// IndexSignature signs the index; nil when there is none.
	IndexSignature *Signature

	extra []Blob // BuildKit's manifests
}

// BuiltPlatform is one platform of a [Built] image.
type BuiltPlatform struct {
	Platform     v1.Platform
	Manifest     Blob
	Config       Blob
	Layers       []*LayerBlob
	Attestations []*BuiltAttestation
}

// Attestation is the first attestation of a predicate type; nil without one.
func (p *BuiltPlatform) Attestation(predicateType string) *BuiltAttestation {
	for _, a := range p.Attestations {
		if a.PredicateType == predicateType {
			return a
		}
	}
	return nil
}

// Platform is the built platform of that name, such as "linux/arm64"; nil without one.
func (b *Built) Platform(name string) *BuiltPlatform {
	for _, p := range b.Platforms {
		if p.Platform.String() == name {
			return p
		}
	}
	return nil
}

// Build makes all blobs and manifests in memory.
func (img Image) Build() (*Built, error) {
	b := &Built{Tags: img.Tags}
	for _, p := range img.Platforms {
		bp, err := img.platform(p)
		if err != nil {
			return nil, fmt.Errorf("build %s %s: %w", img.Name, p.Platform, err)
		}
		b.Platforms = append(b.Platforms, bp)
	}
	if img.Single {
		if len(b.Platforms) != 1 {
			return nil, fmt.Errorf("build %s: a single manifest wants one platform, not %d", img.Name, len(b.Platforms))
		}
		b.Root = b.Platforms[0].Manifest
		return b, nil
	}
	if err := img.index(b); err != nil {
		return nil, fmt.Errorf("build the index of %s: %w", img.Name, err)
	}
	return b, nil
}

func (img Image) platform(p Platform) (*BuiltPlatform, error) {
	if p.Platform.OS == "" {
		p.Platform = v1.Platform{OS: "linux", Architecture: "amd64"}
	}
	bp := &BuiltPlatform{Platform: p.Platform}
	config := p.Config
	config.OS, config.Architecture, config.Variant = p.Platform.OS, p.Platform.Architecture, p.Platform.Variant
	config.RootFS = v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}}
	m := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Annotations: p.Annotations, Layers: []v1.Descriptor{}}
	for _, l := range p.Layers {
		blob, err := l.Pack()
		if err != nil {
			return nil, err
		}
		bp.Layers = append(bp.Layers, blob)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, blob.DiffID)
		m.Layers = append(m.Layers, blob.Descriptor)
	}
	if !img.NotDHI {
		base := config.RootFS.DiffIDs
		if p.BaseLayers > 0 {
			base = base[:min(p.BaseLayers, len(base))]
		}
		labels := map[string]string{LabelName: img.Name, LabelChainID: ChainID(base).String()}
		maps.Copy(labels, config.Config.Labels)
		config.Config.Labels = labels
	}
	var err error
	if bp.Config, err = jsonBlob(types.OCIConfigJSON, config); err != nil {
		return nil, err
	}
	m.Config = bp.Config.Descriptor
	if bp.Manifest, err = jsonBlob(m.MediaType, m); err != nil {
		return nil, err
	}
	for _, a := range p.Attestations {
		ba, err := img.attest(a, bp.Manifest.Descriptor)
		if err != nil {
			return nil, fmt.Errorf("attest %s: %w", a.PredicateType, err)
		}
		bp.Attestations = append(bp.Attestations, ba)
	}
	return bp, nil
}

// ChainID identifies a stack of layers (image-spec, config.md, "Layer ChainID"). The
// ChainID of no layers is the zero Hash.
func ChainID(diffIDs []v1.Hash) v1.Hash {
	var chain v1.Hash
	for i, d := range diffIDs {
		if i == 0 {
			chain = d
			continue
		}
		chain = v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%x", sha256.Sum256([]byte(chain.String()+" "+d.String())))}
	}
	return chain
}

// Labels are the labels that DHI puts on a runtime image of Debian 13, for the given
// name, version and creation time; the test changes what it is about.
func Labels(name, version string, created time.Time) map[string]string {
	short := strings.TrimPrefix(name, "dhi/")
	return map[string]string{
		LabelName:                         name,
		"com.docker.dhi.version":          version,
		"com.docker.dhi.variant":          "runtime",
		"com.docker.dhi.flavor":           "",
		"com.docker.dhi.distro":           "debian-13",
		"com.docker.dhi.compliance":       "cis",
		"com.docker.dhi.shell":            "",
		"com.docker.dhi.package-manager":  "",
		"com.docker.dhi.date.release":     created.UTC().Format(time.DateOnly),
		"com.docker.dhi.date.end-of-life": created.UTC().AddDate(2, 0, 0).Format(time.DateOnly),
		"com.docker.dhi.created":          created.UTC().Format(time.RFC3339),
		"com.docker.dhi.definition":       "image/" + short + "/debian-13/" + version,
		"com.docker.dhi.entitlement":      "public",
		"com.docker.dhi.title":            short + " " + version,
		"com.docker.dhi.url":              "https://dhi.io/catalog/" + short,
	}
}

func jsonBlob(mediaType types.MediaType, v any) (Blob, error) {
	raw, err := encode(v)
	if err != nil {
		return Blob{}, fmt.Errorf("encode %s: %w", mediaType, err)
	}
	return NewBlob(mediaType, raw), nil
}

// encode is json.Marshal that leaves <, > and & alone, as other publishers do: package
// URLs are full of them.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Push builds the image and pushes it.
func (img Image) Push(ctx context.Context, t Target) (*Built, error) {
	b, err := img.Build()
	if err != nil {
		return nil, err
	}
	if err := b.Push(ctx, t); err != nil {
		return nil, err
	}
	return b, nil
}
