package attest

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/report"
)

// What was listed and could not be read to its end is unreadable: neither silence nor
// unsigned. Its family is known only from bytes that were seen.
func TestListedAndNotRead(t *testing.T) {
	refused := fmt.Errorf("403 Forbidden")
	gone := fmt.Errorf("404 Not Found: %w", fs.ErrNotExist)
	manifest := func(err error) func(*memStore, v1.Hash) {
		return func(s *memStore, att v1.Hash) {
			s.onManifest = func(ref string, raw []byte) ([]byte, error) {
				if ref == att.String() {
					return nil, err
				}
				return raw, nil
			}
		}
	}
	signature := func(err error) func(*memStore, v1.Hash) {
		return func(s *memStore, _ v1.Hash) {
			s.onManifest = func(_ string, raw []byte) ([]byte, error) {
				if strings.Contains(string(raw), artifactSignature) {
					return nil, err
				}
				return raw, nil
			}
		}
	}
	blob := func(payload bool, err error) func(*memStore, v1.Hash) {
		return func(s *memStore, _ v1.Hash) {
			s.onBlob = func(_ v1.Descriptor, raw []byte) ([]byte, error) {
				if strings.Contains(string(raw), simpleSigningType) == payload {
					return nil, err
				}
				return raw, nil
			}
		}
	}
	listing := func(edit func(*v1.Descriptor)) func(*memStore, v1.Hash) {
		return func(s *memStore, _ v1.Hash) {
			s.onList = func(_ v1.Hash, list []v1.Descriptor) []v1.Descriptor {
				list = append([]v1.Descriptor{}, list...)
				for i := range list {
					edit(&list[i])
				}
				return list
			}
		}
	}
	for _, tt := range []struct {
		name   string
		spoil  func(s *memStore, att v1.Hash)
		opt    Options
		family string
		want   string
	}{
		{"manifest_refused", manifest(refused), Options{}, FamilyUnknown, `403 Forbidden; the listing says predicate type "` + vexType},
		{"manifest_gone", manifest(gone), Options{}, FamilyUnknown, "404 Not Found"},
		{"manifest_listed_as_something_else", func(s *memStore, att v1.Hash) {
			manifest(gone)(s, att)
			listing(func(d *v1.Descriptor) { d.Annotations = map[string]string{annoPredicateType: "https://example.org/x"} })(s, att)
		}, Options{}, FamilyUnknown, `the listing says predicate type "https://example.org/x"`},
		{"manifest_listed_too_large", listing(func(d *v1.Descriptor) { d.Size = 5 << 20 }), Options{}, FamilyUnknown, "limit MaxManifest"},
		{"manifest_too_large", nil, Options{MaxManifest: 100}, FamilyUnknown, "limit MaxManifest"},
		{"statement_refused", blob(false, refused), Options{}, FamilyVEX, "the statement could not be read: dhi.io/python: 403"},
		{"statement_gone", blob(false, gone), Options{}, FamilyVEX, "404 Not Found"},
		{"statement_too_large", nil, Options{MaxStatement: 10}, FamilyVEX, "limit MaxStatement"},
		{"signature_manifest_refused", signature(refused), Options{}, FamilyVEX, "signature manifest sha256:"},
		{"signature_manifest_gone", signature(gone), Options{}, FamilyVEX, "404 Not Found"},
		{"payload_refused", blob(true, refused), Options{}, FamilyVEX, "signature payload sha256:"},
		{"payload_gone", blob(true, gone), Options{}, FamilyVEX, "404 Not Found"},
		{"payload_too_large", nil, Options{MaxPayload: 10}, FamilyVEX, "limit MaxPayload"},
		{"total", nil, Options{MaxTotal: 20}, FamilyUnknown, "limit MaxTotal"},
		{"objects", nil, Options{MaxObjects: 2}, FamilyVEX, "limit MaxObjects"},
		{"list_of_signatures_refused", func(s *memStore, att v1.Hash) { s.listErr[att.String()] = refused }, Options{}, FamilyVEX, "its signatures could not be looked up: dhi.io/python: 403"},
		{"list_of_signatures_refused_beside_a_strangers", func(s *memStore, att v1.Hash) {
			s.listErr[att.String()] = refused
			c := newChain(s, newSigner(t, "stranger"), imageDigest("a"), vexType, nil)
			c.onSigMan = func(m map[string]any) { delete(m, "subject") }
			s.tags[tagOf(att, ".sig")] = c.sign(t, att).String()
		}, Options{}, FamilyVEX, "further signatures could not be looked up"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store, s, image := newStore(repoName), newSigner(t, "test"), imageDigest("a")
			att := newChain(store, s, image, vexType, map[string]any{"a": 1}).push(t)
			if tt.spoil != nil {
				tt.spoil(store, att)
			}
			tt.opt.Keys = []trust.Key{s.key}
			res := mustVerify(t, Subject{Repository: repoName, Digest: image}, tt.opt, store)
			got := only(t, res)
			if got.State != report.Unreadable || got.Family != tt.family || !strings.Contains(got.Reason, tt.want) {
				t.Errorf("%s %s because %q, want unreadable %s because %q", got.State, got.Family, got.Reason, tt.family, tt.want)
			}
			again, err := VerifyDir(t.Context(), saved(res), Options{Keys: tt.opt.Keys})
			if err != nil {
				t.Fatal(err)
			}
			if a := only(t, again[0].Result); a.State != got.State || a.Family != got.Family {
				t.Errorf("from the saved evidence it is %s %s because %q", a.State, a.Family, a.Reason)
			}
		})
	}
}

// A wrapping of which the manifest was read tells the family of what it wraps, unless
// another one around the same bytes says otherwise.
func TestFamilyOfAnEnvelopeNotRead(t *testing.T) {
	vex, other := map[string]string{"predicateType": vexType}, map[string]string{"predicateType": "https://example.org/x"}
	for _, tt := range []struct {
		name    string
		wrapped []map[string]string
		family  string
	}{
		{"said_once", []map[string]string{vex}, FamilyVEX},
		{"not_said", []map[string]string{nil}, FamilyUnknown},
		{"said_differently", []map[string]string{vex, other}, FamilyUnknown},
		{"said_by_one_of_two", []map[string]string{nil, vex}, FamilyVEX},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store, s, image := newStore(repoName), newSigner(t, "test"), imageDigest("a")
			store.onBlob = func(v1.Descriptor, []byte) ([]byte, error) { return nil, fs.ErrNotExist }
			for _, annotations := range tt.wrapped {
				pushLayer(t, store, mediaEnvelope, mediaEnvelope, []byte(`{"payload":"x"}`), annotations, &image)
			}
			got := only(t, mustVerify(t, Subject{Repository: repoName, Digest: image}, Options{Keys: []trust.Key{s.key}}, store))
			if got.State != report.Unreadable || got.Family != tt.family {
				t.Errorf("%s %s: %s; want unreadable %s", got.State, got.Family, got.Reason, tt.family)
			}
		})
	}
}
