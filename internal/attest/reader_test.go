package attest

import (
	"fmt"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/report"
)

// otherBytes is the error of a store that checks digests itself.
type otherBytes struct{}

func (otherBytes) Error() string    { return "a long story about a digest" }
func (otherBytes) Mismatch() string { return "content does not match its digest" }

// A store that gives other bytes than those that were named contradicts itself; one
// that gives none may still hold what is genuine.
func TestOtherBytesAreInvalid(t *testing.T) {
	wrapped := fmt.Errorf("read blob: %w", otherBytes{})
	for _, tt := range []struct {
		name  string
		spoil func(s *memStore, att v1.Hash)
		state report.AttestationState
		want  string
	}{
		{"statement", func(s *memStore, _ v1.Hash) {
			s.onBlob = func(d v1.Descriptor, raw []byte) ([]byte, error) {
				if strings.Contains(string(raw), statementV01) && !strings.Contains(string(raw), simpleSigningType) {
					return nil, wrapped
				}
				return raw, nil
			}
		}, report.Invalid, "broken chain: dhi.io/python serves other bytes for the statement sha256:"},
		{"attestation_manifest", func(s *memStore, att v1.Hash) {
			s.onManifest = func(ref string, raw []byte) ([]byte, error) {
				if ref == att.String() {
					return nil, wrapped
				}
				return raw, nil
			}
		}, report.Invalid, "broken chain: dhi.io/python serves other bytes for the manifest sha256:"},
		{"signature_payload", func(s *memStore, _ v1.Hash) {
			s.onBlob = func(d v1.Descriptor, raw []byte) ([]byte, error) {
				if strings.Contains(string(raw), simpleSigningType) {
					return nil, wrapped
				}
				return raw, nil
			}
		}, report.Invalid, "broken chain: dhi.io/python serves other bytes for the payload sha256:"},
		{"signature_manifest", func(s *memStore, att v1.Hash) {
			s.onManifest = func(_ string, raw []byte) ([]byte, error) {
				if strings.Contains(string(raw), artifactSignature) {
					return nil, wrapped
				}
				return raw, nil
			}
		}, report.Invalid, "broken chain: dhi.io/python serves other bytes for the manifest sha256:"},
		{"no_bytes_at_all", func(s *memStore, _ v1.Hash) {
			s.onBlob = func(v1.Descriptor, []byte) ([]byte, error) { return nil, fmt.Errorf("the server has a fault") }
		}, report.Unreadable, "the statement could not be read: dhi.io/python: the server has a fault"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store, s, image := newStore(repoName), newSigner(t, "test"), imageDigest("a")
			att := newChain(store, s, image, vexType, map[string]any{"a": 1}).push(t)
			tt.spoil(store, att)
			got := only(t, mustVerify(t, Subject{Repository: repoName, Digest: image}, Options{Keys: []trust.Key{s.key}}, store))
			if got.State != tt.state || !strings.HasPrefix(got.Reason, tt.want) || len(got.Reason) > 260 {
				t.Errorf("%s because %q, want %s because %q…", got.State, got.Reason, tt.state, tt.want)
			}
		})
	}
}
