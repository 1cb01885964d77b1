package attest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/report"
)

// memStore is a registry in memory: manifests, blobs and tags by name, referrers by
// the manifests' own subject. Its fields break it in the ways that stores break.
type memStore struct {
	mu        sync.Mutex
	name      string
	manifests map[string][]byte
	blobs     map[string][]byte
	tags      map[string]string
	subjects  map[string][]v1.Descriptor

	listErr     map[string]error // by subject
	unsupported bool
	blobCalls   map[string]int
	onManifest  func(ref string, raw []byte) ([]byte, error)
	onBlob      func(d v1.Descriptor, raw []byte) ([]byte, error)
	onList      func(subject v1.Hash, list []v1.Descriptor) []v1.Descriptor
}

func newStore(name string) *memStore {
	return &memStore{
		name: name, manifests: map[string][]byte{}, blobs: map[string][]byte{}, tags: map[string]string{},
		subjects: map[string][]v1.Descriptor{}, listErr: map[string]error{}, blobCalls: map[string]int{},
	}
}

func (s *memStore) Name() string { return s.name }

func (s *memStore) Referrers(ctx context.Context, subject v1.Hash) ([]v1.Descriptor, string, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	if s.unsupported {
		return nil, "", fmt.Errorf("no referrers here: %w", errors.ErrUnsupported)
	}
	if err := s.listErr[subject.String()]; err != nil {
		return nil, "", err
	}
	list := s.subjects[subject.String()]
	if s.onList != nil {
		list = s.onList(subject, list)
	}
	return list, "referrers-api", nil
}

func (s *memStore) Manifest(ctx context.Context, ref string) (v1.Descriptor, []byte, error) {
	if err := ctx.Err(); err != nil {
		return v1.Descriptor{}, nil, err
	}
	digest, ok := s.tags[ref]
	if !ok {
		digest = ref
	}
	raw, ok := s.manifests[digest]
	if !ok {
		return v1.Descriptor{}, nil, fmt.Errorf("manifest %s: %w", ref, fs.ErrNotExist)
	}
	if s.onManifest != nil {
		var err error
		if raw, err = s.onManifest(ref, raw); err != nil {
			return v1.Descriptor{}, nil, err
		}
	}
	return v1.Descriptor{Digest: digestOf(raw), Size: int64(len(raw))}, raw, nil
}

func (s *memStore) Blob(ctx context.Context, d v1.Descriptor, _ int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(d.Data) > 0 { // as the registry's stores do
		return d.Data, nil
	}
	s.mu.Lock()
	s.blobCalls[d.Digest.String()]++
	s.mu.Unlock()
	raw, ok := s.blobs[d.Digest.String()]
	if !ok {
		return nil, fmt.Errorf("blob %s: %w", d.Digest, fs.ErrNotExist)
	}
	if s.onBlob != nil {
		return s.onBlob(d, raw)
	}
	return raw, nil
}

// blob stores data and returns its descriptor.
func (s *memStore) blob(mediaType string, data []byte, annotations map[string]string) map[string]any {
	d := digestOf(data).String()
	s.blobs[d] = data
	return map[string]any{"mediaType": mediaType, "digest": d, "size": len(data), "annotations": annotations}
}

// push stores a manifest and lists it for its subject, as a registry does.
func (s *memStore) push(t testing.TB, m map[string]any) v1.Hash {
	t.Helper()
	return s.pushRaw(t, marshal(t, m))
}

func (s *memStore) pushRaw(t testing.TB, raw []byte) v1.Hash {
	t.Helper()
	h := digestOf(raw)
	s.manifests[h.String()] = raw
	var man v1.Manifest
	if err := json.Unmarshal(raw, &man); err != nil {
		t.Fatal(err)
	}
	if man.Subject != nil {
		d := v1.Descriptor{
			MediaType: man.MediaType, Digest: h, Size: int64(len(raw)),
			ArtifactType: man.ArtifactType, Annotations: man.Annotations,
		}
		key := man.Subject.Digest.String()
		s.subjects[key] = append(s.subjects[key], d)
	}
	return h
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

const (
	vexType  = "https://openvex.dev/ns/v0.2.0"
	repoName = "dhi.io/python"
	ociType  = "application/vnd.oci.image.manifest.v1+json"
)

// signer is a key pair of a test.
type signer struct {
	private *ecdsa.PrivateKey
	key     trust.Key
}

func newSigner(t testing.TB, name string) *signer {
	t.Helper()
	p, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := trust.FromPublic(name, p.Public())
	if err != nil {
		t.Fatal(err)
	}
	return &signer{private: p, key: k}
}

func (s *signer) sign(t testing.TB, message []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(message)
	sig, err := s.private.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// chain builds one attestation in the layout of Docker Hardened Images. Every field is
// a place at which a test may break it before the next link is made.
type chain struct {
	store     *memStore
	signer    *signer
	image     v1.Hash
	statement map[string]any
	onState   func(raw []byte) []byte       // the statement's bytes, after encoding
	onLayer   func(layer map[string]any)    // the attestation manifest's layer
	onMan     func(manifest map[string]any) // the attestation manifest
	onPayload func(payload map[string]any)  // the simple-signing payload
	onSig     func(sig []byte) []byte       // the signature
	onSigLay  func(layer map[string]any)    // the signature manifest's layer
	onSigMan  func(manifest map[string]any) // the signature manifest
	unsigned  bool
}

func newChain(store *memStore, s *signer, image v1.Hash, predicateType string, predicate any) *chain {
	return &chain{
		store: store, signer: s, image: image,
		statement: map[string]any{
			"_type": statementV01, "predicateType": predicateType, "predicate": predicate,
			"subject": []any{
				map[string]any{"name": "dhi/python", "digest": map[string]any{"sha256": image.Hex}},
				map[string]any{"name": "dhi.io/python", "digest": map[string]any{"sha256": image.Hex}},
			},
		},
	}
}

// push writes the chain and returns the digest of the attestation manifest.
func (c *chain) push(t testing.TB) v1.Hash {
	t.Helper()
	raw := marshal(t, c.statement)
	if c.onState != nil {
		raw = c.onState(raw)
	}
	pt := map[string]string{annoPredicateType: c.statement["predicateType"].(string)}
	layer := c.store.blob(mediaStatement, raw, pt)
	if c.onLayer != nil {
		c.onLayer(layer)
	}
	empty := c.store.blob("application/vnd.oci.empty.v1+json", []byte("{}"), nil)
	man := map[string]any{
		"schemaVersion": 2, "mediaType": ociType, "artifactType": mediaStatement, "annotations": pt,
		"config": empty, "layers": []any{layer},
		"subject": map[string]any{"mediaType": ociType, "digest": c.image.String(), "size": 1234},
	}
	if c.onMan != nil {
		c.onMan(man)
	}
	att := c.store.push(t, man)
	if !c.unsigned {
		c.sign(t, att)
	}
	return att
}

// sign attaches a simple-signing signature to a manifest.
func (c *chain) sign(t testing.TB, target v1.Hash) v1.Hash {
	t.Helper()
	payload := map[string]any{
		"critical": map[string]any{
			"identity": map[string]any{"docker-reference": "registry.scout.docker.com/dhi/python"},
			"image":    map[string]any{"docker-manifest-digest": target.String()},
			"type":     simpleSigningType,
		},
		"optional": map[string]any{"type": statementV01},
	}
	if c.onPayload != nil {
		c.onPayload(payload)
	}
	raw := marshal(t, payload)
	sig := c.signer.sign(t, raw)
	if c.onSig != nil {
		sig = c.onSig(sig)
	}
	layer := c.store.blob(mediaSimpleSigning, raw, map[string]string{annoSignature: base64.StdEncoding.EncodeToString(sig)})
	if c.onSigLay != nil {
		c.onSigLay(layer)
	}
	config := c.store.blob(artifactSignature, []byte("{}"), nil)
	man := map[string]any{
		"schemaVersion": 2, "mediaType": ociType, "artifactType": artifactSignature,
		"config": config, "layers": []any{layer},
		"subject": map[string]any{"mediaType": ociType, "digest": target.String(), "size": 750},
	}
	if c.onSigMan != nil {
		c.onSigMan(man)
	}
	return c.store.push(t, man)
}

// imageDigest is some image.
func imageDigest(name string) v1.Hash { return digestOf([]byte("image " + name)) }

func mustVerify(t testing.TB, subject Subject, opt Options, stores ...Store) *Result {
	t.Helper()
	res, err := Verify(t.Context(), subject, stores, opt)
	if err != nil {
		t.Fatalf("Verify: %v", err)
	}
	return res
}

// only returns the one attestation that is not about signatures of the image.
func only(t testing.TB, res *Result) report.Attestation {
	t.Helper()
	if len(res.Attestations) != 1 {
		t.Fatalf("%d attestations, want 1: %+v", len(res.Attestations), res.Attestations)
	}
	return res.Attestations[0]
}

// pae is what a DSSE signature over a statement signs.
func pae(payload []byte) []byte { return dsse.PAE(mediaStatement, payload) }
