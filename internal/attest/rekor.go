package attest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	rekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/tlog"

	"github.com/imagegate/imagegate/internal/attest/strictjson"
)

var errRekorBundle = errors.New("not a Rekor bundle")

// parseRekorBundle reads the transparency-log entry that cosign puts into the
// annotation dev.sigstore.cosign/bundle: an entry and the log's promise to include it.
func parseRekorBundle(text string, lim limits) (*rekor.TransparencyLogEntry, error) {
	if int64(len(text)) > lim.payload {
		return nil, fmt.Errorf("%w: %d bytes, more than %d", errRekorBundle, len(text), lim.payload)
	}
	if err := strictjson.Check([]byte(text), lim.depth); err != nil {
		return nil, fmt.Errorf("%w: %w", errRekorBundle, err)
	}
	top, err := strictjson.Fields([]byte(text), "SignedEntryTimestamp", "Payload")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRekorBundle, err)
	}
	if top["Payload"] == nil || top["SignedEntryTimestamp"] == nil {
		return nil, fmt.Errorf("%w: no payload or no signed entry timestamp", errRekorBundle)
	}
	if _, err := strictjson.Fields(top["Payload"], "body", "integratedTime", "logIndex", "logID"); err != nil {
		return nil, fmt.Errorf("%w: payload: %w", errRekorBundle, err)
	}
	var b struct {
		SET     []byte `json:"SignedEntryTimestamp"`
		Payload struct {
			Body           string `json:"body"`
			IntegratedTime int64  `json:"integratedTime"`
			LogIndex       int64  `json:"logIndex"`
			LogID          string `json:"logID"`
		} `json:"Payload"`
	}
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return nil, fmt.Errorf("%w: %w", errRekorBundle, err)
	}
	body, err := base64.StdEncoding.DecodeString(b.Payload.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: body: %w", errRekorBundle, err)
	}
	logID, err := hex.DecodeString(b.Payload.LogID)
	if err != nil {
		return nil, fmt.Errorf("%w: logID: %w", errRekorBundle, err)
	}
	if len(body) == 0 || len(logID) == 0 || len(b.SET) == 0 || b.Payload.LogIndex < 0 {
		return nil, fmt.Errorf("%w: a field is empty or below zero", errRekorBundle)
	}
	kind, err := entryKind(body, lim)
	if err != nil {
		return nil, fmt.Errorf("%w: body: %w", errRekorBundle, err)
	}
	return &rekor.TransparencyLogEntry{
		LogIndex:          b.Payload.LogIndex,
		LogId:             &common.LogId{KeyId: logID},
		KindVersion:       kind,
		IntegratedTime:    b.Payload.IntegratedTime,
		InclusionPromise:  &rekor.InclusionPromise{SignedEntryTimestamp: b.SET},
		CanonicalizedBody: body,
	}, nil
}

// entryKind reads what kind of entry a log entry's body is.
func entryKind(body []byte, lim limits) (*rekor.KindVersion, error) {
	if err := strictjson.Check(body, lim.depth); err != nil {
		return nil, err
	}
	top, err := strictjson.Fields(body, "kind", "apiVersion", "spec")
	if err != nil {
		return nil, err
	}
	kind, err := strictjson.Text(top, "kind")
	if err != nil {
		return nil, err
	}
	version, err := strictjson.Text(top, "apiVersion")
	if err != nil {
		return nil, err
	}
	return &rekor.KindVersion{Kind: kind, Version: version}, nil
}

// checkKind refuses an entry that a bundle calls by another kind than its body has:
// sigstore-go compares the bundle's word with itself.
func checkKind(e *tlog.Entry, lim limits) error {
	tle := e.TransparencyLogEntry()
	body, err := entryKind(tle.GetCanonicalizedBody(), lim)
	if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if said := tle.GetKindVersion(); said.GetKind() != body.GetKind() || said.GetVersion() != body.GetVersion() {
		return fmt.Errorf("the bundle calls it %s %s, its body says %s %s", clip(said.GetKind()), clip(said.GetVersion()), clip(body.GetKind()), clip(body.GetVersion()))
	}
	return nil
}

// parseEntry makes an entry of what parseRekorBundle returned. A panic of the library's
// parsers makes it an error.
func parseEntry(t *rekor.TransparencyLogEntry) (e *tlog.Entry, err error) {
	defer func() {
		if p := recover(); p != nil {
			e, err = nil, fmt.Errorf("%w: it made the parser panic: %v", errRekorBundle, p)
		}
	}()
	if e, err = tlog.ParseTransparencyLogEntry(t); err != nil {
		return nil, fmt.Errorf("%w: %w", errRekorBundle, err)
	}
	return e, nil
}
