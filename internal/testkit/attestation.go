package testkit

import (
	"encoding/json"
	"fmt"
	"maps"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Media types and annotations of attestations and cosign signatures.
const (
	InTotoMediaType      = "application/vnd.in-toto+json"
	EmptyMediaType       = "application/vnd.oci.empty.v1+json"
	SignatureMediaType   = "application/vnd.dev.cosign.artifact.sig.v1+json"
	SimpleSigningType    = "application/vnd.dev.cosign.simplesigning.v1+json"
	PredicateAnnotation  = "in-toto.io/predicate-type"
	SignatureAnnotation  = "dev.cosignproject.cosign/signature"
	BundleAnnotation     = "dev.sigstore.cosign/bundle"
	StatementType        = "https://in-toto.io/Statement/v0.1"
	simpleSigningPayload = "cosign container image signature"
)

// Predicate types that DHI publishes.
const (
	PredicateOpenVEX     = "https://openvex.dev/ns/v0.2.0"
	PredicateCycloneDX   = "https://cyclonedx.org/bom/v1.6"
	PredicateSPDX        = "https://spdx.dev/Document"
	PredicateProvenance  = "https://slsa.dev/provenance/v1"
	PredicateProvenance0 = "https://slsa.dev/provenance/v0.2"
	PredicateVSA         = "https://slsa.dev/verification_summary/v1"
	PredicateVulns       = "https://in-toto.io/attestation/vulns/v0.1"
	PredicateSecrets     = "https://scout.docker.com/secrets/v0.1"
	PredicateVirus       = "https://scout.docker.com/virus/v0.1"
	PredicateTests       = "https://scout.docker.com/tests/v0.1"
	PredicateSource      = "https://docker.com/dhi/source/v0.1"
)

// Statement is an in-toto Statement (in-toto attestation spec, v0.1 layer).
type Statement struct {
	Type          string          `json:"_type"`
	PredicateType string          `json:"predicateType"`
	Subject       []Subject       `json:"subject"`
	Predicate     json.RawMessage `json:"predicate"`
}

// Subject is what a [Statement] is about.
type Subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// Payload is cosign's simple-signing payload.
type Payload struct {
	Critical struct {
		Identity struct {
			DockerReference string `json:"docker-reference"`
		} `json:"identity"`
		Image struct {
			DockerManifestDigest string `json:"docker-manifest-digest"`
		} `json:"image"`
		Type string `json:"type"`
	} `json:"critical"`
	Optional map[string]any `json:"optional"`
}

// Attestation is one attestation of a platform.
type Attestation struct {
	PredicateType string
	// Predicate is encoded to JSON. A json.RawMessage or []byte is taken as encoded: it
	// is compacted when it is JSON, and goes in as it is when it is not.
	Predicate any

	forge forge
}

// BuiltAttestation is a built attestation with its signatures.
type BuiltAttestation struct {
	PredicateType string
	Manifest      Blob
	Config        Blob
	// Statement is the layer: the bare in-toto statement.
	Statement  Blob
	Signatures []*Signature
}

// Signature is a cosign signature as a referrer of what it signs.
type Signature struct {
	Manifest Blob
	Config   Blob
	// Payload is the layer: the simple-signing payload.
	Payload Blob
	// Base64 is the signature over the payload.
	Base64 string
}

// attest makes the attestation manifest for the platform manifest child, and its
// signatures.
func (img Image) attest(a Attestation, child v1.Descriptor) (*BuiltAttestation, error) {
	statement, err := img.statement(a, child)
	if err != nil {
		return nil, err
	}
	ba := &BuiltAttestation{
		PredicateType: a.PredicateType,
		Config:        NewBlob(EmptyMediaType, []byte("{}")),
		Statement:     NewBlob(InTotoMediaType, statement),
	}
	annotations := map[string]string{PredicateAnnotation: a.PredicateType}
	ba.Statement.Descriptor.Annotations = annotations
	config := ba.Config.Descriptor
	config.Data = ba.Config.Data
	subject := child
	subject.Platform, subject.Annotations = nil, nil
	m := v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		ArtifactType:  InTotoMediaType,
		Config:        config,
		Layers:        []v1.Descriptor{ba.Statement.Descriptor},
		Subject:       &subject,
		Annotations:   maps.Clone(annotations),
	}
	a.forge.manifests(&m)
	if ba.Manifest, err = jsonBlob(m.MediaType, m); err != nil {
		return nil, err
	}
	key := img.Key
	if a.forge.key != nil {
		key = a.forge.key
	}
	if key == nil || a.forge.unsigned {
		return ba, nil
	}
	ba.Signatures, err = img.signatures(a, key, ba.Manifest.Descriptor, child)
	return ba, err
}

func (img Image) statement(a Attestation, child v1.Descriptor) ([]byte, error) {
	var predicate []byte
	switch p := a.Predicate.(type) {
	case json.RawMessage:
		predicate = p
	case []byte:
		predicate = p
	default:
		var err error
		if predicate, err = encode(p); err != nil {
			return nil, fmt.Errorf("encode the predicate: %w", err)
		}
	}
	s := Statement{
		Type:          StatementType,
		PredicateType: a.PredicateType,
		Subject:       []Subject{{Name: img.Name, Digest: map[string]string{child.Digest.Algorithm: child.Digest.Hex}}},
		Predicate:     json.RawMessage(`{}`),
	}
	if json.Valid(predicate) {
		s.Predicate = predicate
	}
	a.forge.statements(&s)
	raw, err := encode(s)
	if err != nil {
		return nil, fmt.Errorf("encode the statement: %w", err)
	}
	if !json.Valid(predicate) { // the predicate is the last member
		raw = append(raw[:len(raw)-len(`{}}`)], append(predicate, '}')...)
	}
	return a.forge.statementBytes(raw), nil
}

func (img Image) signatures(a Attestation, key *Key, manifest, child v1.Descriptor) ([]*Signature, error) {
	optional := map[string]any{
		"type":          StatementType,
		"predicateType": a.PredicateType,
		"subject":       img.Name + "@" + child.Digest.String(),
	}
	var list []*Signature
	for _, f := range a.forge.extra {
		s, err := img.sign(key, manifest, optional, f)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	s, err := img.sign(key, manifest, optional, a.forge.signature)
	if err != nil {
		return nil, err
	}
	return append(list, s), nil
}

// sign makes a cosign signature of the manifest subject. edit, when not nil, may spoil
// the draft at its stages.
func (img Image) sign(key *Key, subject v1.Descriptor, optional map[string]any, edit func(*Draft)) (*Signature, error) {
	d := &Draft{}
	d.Payload.Critical.Identity.DockerReference = img.SignedAs
	if img.SignedAs == "" {
		d.Payload.Critical.Identity.DockerReference = "registry.scout.docker.com/" + img.Name
	}
	d.Payload.Critical.Image.DockerManifestDigest = subject.Digest.String()
	d.Payload.Critical.Type = simpleSigningPayload
	d.Payload.Optional = optional
	if edit != nil {
		edit(d)
	}
	payload, err := encode(d.Payload)
	if err != nil {
		return nil, fmt.Errorf("encode the payload: %w", err)
	}
	sig, err := key.Sign(payload)
	if err != nil {
		return nil, err
	}
	if d.Signed != nil {
		payload, sig = d.Signed(payload, sig)
	}
	layer := NewBlob(SimpleSigningType, payload)
	layer.Descriptor.Annotations = map[string]string{SignatureAnnotation: sig}
	if d.Bundle != nil {
		layer.Descriptor.Annotations[BundleAnnotation] = d.Bundle(payload, sig)
	}
	config, err := jsonBlob(SignatureMediaType, v1.ConfigFile{
		RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{layer.Digest()}},
	})
	if err != nil {
		return nil, err
	}
	subject.Platform, subject.Annotations = nil, nil
	m := v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		ArtifactType:  SignatureMediaType,
		Config:        config.Descriptor,
		Layers:        []v1.Descriptor{layer.Descriptor},
		Subject:       &subject,
	}
	if d.Manifest != nil {
		d.Manifest(&m)
	}
	s := &Signature{Config: config, Payload: layer, Base64: sig}
	s.Manifest, err = jsonBlob(m.MediaType, m)
	return s, err
}
