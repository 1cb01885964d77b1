package attest

import (
	"encoding/base64"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sigstore/sigstore-go/pkg/tlog"

	"github.com/imagegate/imagegate/internal/attest/strictjson"
	"github.com/imagegate/imagegate/internal/attest/trust"
)

// fromAnnotations makes the entity of a cosign signature layer: the payload is the
// layer, everything else is in the layer's annotations (cosign SIGNATURE_SPEC.md). What
// is there must be readable: a broken certificate or log entry is no absent one.
// With LogIgnore the log entry is not even read.
func fromAnnotations(layer v1.Descriptor, payload []byte, lim limits, log trust.LogPolicy) (*entity, error) {
	e := &entity{payload: payload, version: "v0.1"}
	text, ok := layer.Annotations[annoSignature]
	if !ok {
		return nil, errors.New("the layer has no signature annotation")
	}
	var err error
	if e.sig, err = base64.StdEncoding.DecodeString(text); err != nil {
		return nil, fmt.Errorf("signature annotation: %w", err)
	}
	return e, annotate(e, layer, lim, log)
}

// annotate reads certificate, chain, log entry and timestamp of a layer into e.
func annotate(e *entity, layer v1.Descriptor, lim limits, log trust.LogPolicy) error {
	if text := layer.Annotations[annoCertificate]; text != "" {
		leaf, err := parseLeaf(text)
		if err != nil {
			return fmt.Errorf("certificate annotation: %w", err)
		}
		e.cert = leaf
	}
	if text := layer.Annotations[annoChain]; text != "" {
		chain, err := parseChain(text)
		if err != nil {
			return fmt.Errorf("certificate chain annotation: %w", err)
		}
		e.chain = chain
	}
	if text := layer.Annotations[annoRekorBundle]; text != "" && log != trust.LogIgnore {
		raw, err := parseRekorBundle(text, lim)
		if err != nil {
			return fmt.Errorf("transparency-log annotation: %w", err)
		}
		entry, err := parseEntry(raw)
		if err != nil {
			return fmt.Errorf("transparency-log annotation: %w", err)
		}
		e.entries = []*tlog.Entry{entry}
	}
	if text := layer.Annotations[annoTimestamp]; text != "" {
		stamp, err := parseStamp(text, lim)
		if err != nil {
			return fmt.Errorf("timestamp annotation: %w", err)
		}
		e.stamps = [][]byte{stamp}
	}
	return nil
}

// parseStamp reads cosign's wrapping of an RFC 3161 timestamp:
// {"SignedRFC3161Timestamp": base64}.
func parseStamp(text string, lim limits) ([]byte, error) {
	if err := strictjson.Check([]byte(text), lim.depth); err != nil {
		return nil, err
	}
	top, err := strictjson.Fields([]byte(text), "SignedRFC3161Timestamp")
	if err != nil {
		return nil, err
	}
	b64, err := strictjson.Text(top, "SignedRFC3161Timestamp")
	if err != nil {
		return nil, err
	}
	stamp, err := base64.StdEncoding.DecodeString(b64)
	if err != nil || len(stamp) == 0 {
		return nil, errors.New("no timestamp in it")
	}
	return stamp, nil
}
