package attest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/attest/strictjson"
	"github.com/imagegate/imagegate/internal/attest/trust"
)

// maxSignatures is the most signatures of one DSSE envelope.
const maxSignatures = 64

var errEnvelope = errors.New("not a usable DSSE envelope")

// parseEnvelope reads a DSSE envelope (DSSE v1.0, envelope.md) as cosign stores it in a
// layer, and returns one entity for each of its signatures. Certificate, log entry and
// timestamp come from the layer's annotations.
func parseEnvelope(layer v1.Descriptor, data []byte, lim limits, log trust.LogPolicy) ([]*entity, error) {
	if err := strictjson.Check(data, lim.depth); err != nil {
		return nil, fmt.Errorf("%w: %w", errEnvelope, err)
	}
	top, err := strictjson.Fields(data, "payloadType", "payload", "signatures")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errEnvelope, err)
	}
	kind, err := strictjson.Text(top, "payloadType")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errEnvelope, err)
	}
	if kind != mediaStatement {
		return nil, fmt.Errorf("%w: its payload type is %q, not %q", errEnvelope, clip(kind), mediaStatement)
	}
	text, err := strictjson.Text(top, "payload")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errEnvelope, err)
	}
	payload, err := decodeBase64(text)
	if err != nil {
		return nil, fmt.Errorf("%w: payload: %w", errEnvelope, err)
	}
	common := entity{payload: payload, payloadType: kind, version: "v0.1", envelope: digestOf(data)}
	if err := annotate(&common, layer, lim, log); err != nil {
		return nil, fmt.Errorf("%w: %w", errEnvelope, err)
	}
	return signaturesOf(top["signatures"], common)
}

func signaturesOf(raw json.RawMessage, common entity) ([]*entity, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil && raw != nil {
		return nil, fmt.Errorf("%w: signatures: %w", errEnvelope, err)
	}
	if len(list) > maxSignatures {
		return nil, fmt.Errorf("%w: %d signatures, more than %d", errEnvelope, len(list), maxSignatures)
	}
	var out []*entity
	for i, one := range list {
		m, err := strictjson.Fields(one, "keyid", "sig")
		if err != nil {
			return nil, fmt.Errorf("%w: signature %d: %w", errEnvelope, i+1, err)
		}
		text, err := strictjson.Text(m, "sig")
		if err != nil {
			return nil, fmt.Errorf("%w: signature %d: %w", errEnvelope, i+1, err)
		}
		e := common
		if e.sig, err = decodeBase64(text); err != nil {
			return nil, fmt.Errorf("%w: signature %d: %w", errEnvelope, i+1, err)
		}
		out = append(out, &e)
	}
	return out, nil
}

// decodeBase64 reads the standard or the URL-safe alphabet, as DSSE v1.0 asks.
func decodeBase64(text string) ([]byte, error) {
	if b, err := base64.StdEncoding.DecodeString(text); err == nil {
		return b, nil
	}
	return base64.URLEncoding.DecodeString(text)
}
