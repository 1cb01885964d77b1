package attest

import (
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/attest/strictjson"
)

var errPayload = errors.New("not a simple-signing payload")

// parsePayload reads a cosign simple-signing payload (cosign SIGNATURE_SPEC.md) and
// returns the manifest digest that it signs. What the payload says of the repository
// is not compared: Docker's own says registry.scout.docker.com wherever the image is.
func parsePayload(data []byte, lim limits) (v1.Hash, error) {
	if err := strictjson.Check(data, lim.depth); err != nil {
		return v1.Hash{}, fmt.Errorf("%w: %w", errPayload, err)
	}
	top, err := strictjson.Fields(data, "critical", "optional")
	if err != nil {
		return v1.Hash{}, fmt.Errorf("%w: %w", errPayload, err)
	}
	if top["critical"] == nil {
		return v1.Hash{}, fmt.Errorf("%w: no critical section", errPayload)
	}
	critical, err := strictjson.Fields(top["critical"], "identity", "image", "type")
	if err != nil {
		return v1.Hash{}, fmt.Errorf("%w: critical: %w", errPayload, err)
	}
	kind, err := strictjson.Text(critical, "type")
	if err != nil {
		return v1.Hash{}, fmt.Errorf("%w: critical: %w", errPayload, err)
	}
	if kind != simpleSigningType {
		return v1.Hash{}, fmt.Errorf("%w: critical.type is %q, not %q", errPayload, clip(kind), simpleSigningType)
	}
	if critical["image"] == nil {
		return v1.Hash{}, fmt.Errorf("%w: no critical.image", errPayload)
	}
	image, err := strictjson.Fields(critical["image"], "docker-manifest-digest")
	if err != nil {
		return v1.Hash{}, fmt.Errorf("%w: critical.image: %w", errPayload, err)
	}
	text, err := strictjson.Text(image, "docker-manifest-digest")
	if err != nil {
		return v1.Hash{}, fmt.Errorf("%w: critical.image: %w", errPayload, err)
	}
	digest, err := v1.NewHash(text)
	if err != nil || digest.Algorithm != "sha256" || !isHex256(digest.Hex) {
		return v1.Hash{}, fmt.Errorf("%w: docker-manifest-digest is %q, not a sha256 digest", errPayload, clip(text))
	}
	return digest, nil
}
