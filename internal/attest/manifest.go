package attest

import (
	"encoding/json"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/attest/strictjson"
)

// maxLayers is the most layers of one attestation or signature manifest. cosign's tags
// hold one layer for each signature.
const maxLayers = 1000

var errManifest = errors.New("not a usable manifest")

// errIndex is what a list of other manifests wraps: no attestation has that form.
var errIndex = fmt.Errorf("%w: it is an index", errManifest)

// parseManifest reads an image manifest (OCI image-spec v1.1, manifest.md) whose
// members have one meaning.
func parseManifest(raw []byte, lim limits) (*v1.Manifest, error) {
	if err := strictjson.Check(raw, lim.depth); err != nil {
		return nil, fmt.Errorf("%w: %w", errManifest, err)
	}
	top, err := strictjson.Fields(raw, "schemaVersion", "mediaType", "artifactType", "config", "layers", "subject", "annotations", "manifests")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errManifest, err)
	}
	if _, ok := top["manifests"]; ok {
		if top["layers"] != nil || top["config"] != nil {
			return nil, fmt.Errorf("%w: it is an index and an image manifest in one", errManifest)
		}
		return nil, errIndex
	}
	var layers []json.RawMessage
	if l, ok := top["layers"]; ok {
		if err := json.Unmarshal(l, &layers); err != nil {
			return nil, fmt.Errorf("%w: layers: %w", errManifest, err)
		}
	}
	if len(layers) > maxLayers {
		return nil, fmt.Errorf("%w: %d layers, more than %d", errManifest, len(layers), maxLayers)
	}
	for _, d := range append(layers, top["config"], top["subject"]) {
		if d == nil || string(d) == "null" {
			continue
		}
		if _, err := strictjson.Fields(d, "mediaType", "digest", "size", "data", "urls", "annotations", "platform", "artifactType"); err != nil {
			return nil, fmt.Errorf("%w: descriptor: %w", errManifest, err)
		}
	}
	var m v1.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", errManifest, err)
	}
	for _, l := range m.Layers {
		if err := checkDescriptor(l); err != nil {
			return nil, fmt.Errorf("%w: layer: %w", errManifest, err)
		}
	}
	if m.Subject != nil {
		if err := checkDescriptor(*m.Subject); err != nil {
			return nil, fmt.Errorf("%w: subject: %w", errManifest, err)
		}
	}
	return &m, nil
}

// checkDescriptor wants a sha256 digest and a size that is none below zero.
func checkDescriptor(d v1.Descriptor) error {
	if d.Digest.Algorithm != "sha256" || !isHex256(d.Digest.Hex) {
		return fmt.Errorf("digest %q is not sha256", clip(d.Digest.String()))
	}
	if d.Size < 0 {
		return fmt.Errorf("size %d is below zero", d.Size)
	}
	return nil
}
