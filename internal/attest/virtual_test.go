package attest

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore-go/pkg/tlog"

	"github.com/imagegate/imagegate/internal/attest/trust"
)

// instance is a whole Sigstore in memory: certificate authority, log, timestamps.
type instance struct {
	*ca.VirtualSigstore
	root *trust.Root
}

func newInstance(t testing.TB, name string) *instance {
	t.Helper()
	v, err := ca.NewVirtualSigstore()
	if err != nil {
		t.Fatal(err)
	}
	return &instance{v, trust.NewRoot(name, withoutCT{v})}
}

// withoutCT is an instance that runs no certificate transparency log: the one in memory
// issues certificates without a timestamp of its own.
type withoutCT struct{ root.TrustedMaterial }

func (withoutCT) CTLogs() map[string]*root.TransparencyLog { return nil }

// hashedRekord is the body of a Rekor v1 entry for a signature over a message.
func hashedRekord(t testing.TB, message, sig, keyPEM []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(message)
	return marshal(t, map[string]any{
		"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": map[string]any{
			"data":      map[string]any{"hash": map[string]any{"algorithm": "sha256", "value": hex.EncodeToString(sum[:])}},
			"signature": map[string]any{"content": sig, "publicKey": map[string]any{"content": keyPEM}},
		},
	})
}

// promise signs a body as the log does and returns cosign's annotation.
func (v *instance) promise(t testing.TB, body []byte, at time.Time) string {
	t.Helper()
	id, err := v.RekorLogID()
	if err != nil {
		t.Fatal(err)
	}
	p := tlog.RekorPayload{Body: base64.StdEncoding.EncodeToString(body), IntegratedTime: at.Unix(), LogIndex: 1000, LogID: id}
	set, err := v.RekorSignPayload(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(marshal(t, map[string]any{
		"SignedEntryTimestamp": set,
		"Payload":              map[string]any{"body": p.Body, "integratedTime": p.IntegratedTime, "logIndex": p.LogIndex, "logID": p.LogID},
	}))
}

func (s *signer) pem(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(s.private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// withoutEntries removes the log entries of a bundle.
func withoutEntries(t testing.TB, data []byte) []byte {
	t.Helper()
	var b map[string]any
	if err := json.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	delete(b["verificationMaterial"].(map[string]any), "tlogEntries")
	return marshal(t, b)
}

// testTime is a fixed time within the life of the test instances' logs.
var testTime = time.Unix(1_700_000_000, 0)
