package attest

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/imagegate/imagegate/internal/attest/strictjson"
)

var errBundle = errors.New("not a usable Sigstore bundle")

// parseBundle reads a Sigstore bundle, v0.1 to v0.3 (protobuf-specs,
// sigstore_bundle.proto). sigstore-go holds it to the rules of its version.
func parseBundle(data []byte, lim limits) (b *bundle.Bundle, err error) {
	defer func() { // the library's parser of hostile bytes must not end the run
		if p := recover(); p != nil {
			b, err = nil, fmt.Errorf("%w: it made the parser panic: %v", errBundle, p)
		}
	}()
	if err := strictjson.Check(data, lim.depth); err != nil {
		return nil, fmt.Errorf("%w: %w", errBundle, err)
	}
	var p protobundle.Bundle
	if err := protojson.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("%w: %w", errBundle, err)
	}
	if b, err = bundle.NewBundle(&p); err != nil {
		return nil, fmt.Errorf("%w: %w", errBundle, err)
	}
	return b, nil
}

// bundled is a bundle taken apart: one signature over a DSSE payload or over a message
// of which only the digest is known.
type bundled struct {
	entity
	// dsse says that payload is a DSSE payload.
	dsse bool
	// claimed is the digest that the bundle names; a hint that must come true.
	claimed     []byte
	claimedAlgo crypto.Hash
}

// openBundle takes a bundle apart. For a DSSE envelope the entity is complete; for a
// message signature the caller says over which bytes with ofMessage.
func openBundle(b *bundle.Bundle, lim limits) (*bundled, error) {
	out := &bundled{}
	var err error
	if out.version, err = b.Version(); err != nil {
		return nil, fmt.Errorf("%w: %w", errBundle, err)
	}
	if out.entries, err = b.TlogEntries(); err != nil {
		return nil, fmt.Errorf("%w: %w", errBundle, err)
	}
	for _, e := range out.entries {
		if err := checkKind(e, lim); err != nil {
			return nil, fmt.Errorf("%w: log entry: %w", errBundle, err)
		}
	}
	if out.stamps, err = b.Timestamps(); err != nil {
		return nil, fmt.Errorf("%w: %w", errBundle, err)
	}
	content, err := b.VerificationContent()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBundle, err)
	}
	if out.cert = content.Certificate(); out.cert == nil {
		out.hint = content.PublicKey().Hint()
	}
	out.chain = content.Intermediates()
	sig, err := b.SignatureContent()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBundle, err)
	}
	if env := sig.EnvelopeContent(); env != nil {
		return out, out.fromEnvelope(env.RawEnvelope())
	}
	m := sig.MessageSignatureContent()
	out.sig, out.claimed = m.Signature(), m.Digest()
	if out.claimedAlgo, err = hashNamed(m.DigestAlgorithm()); err != nil {
		return nil, fmt.Errorf("%w: %w", errBundle, err)
	}
	return out, nil
}

func (b *bundled) fromEnvelope(env *dsse.Envelope) error {
	if len(env.Signatures) != 1 {
		return fmt.Errorf("%w: its envelope has %d signatures, not one", errBundle, len(env.Signatures))
	}
	payload, err := base64.StdEncoding.DecodeString(env.Payload)
	if err != nil {
		return fmt.Errorf("%w: payload: %w", errBundle, err)
	}
	if b.sig, err = base64.StdEncoding.DecodeString(env.Signatures[0].Sig); err != nil {
		return fmt.Errorf("%w: signature: %w", errBundle, err)
	}
	if env.PayloadType != mediaStatement {
		return fmt.Errorf("%w: its payload type is %q, not %q", errBundle, clip(env.PayloadType), mediaStatement)
	}
	b.dsse, b.payload, b.payloadType = true, payload, env.PayloadType
	return nil
}

// signs is the manifest that a message signature says it is over; zero when it says none.
// It has to come true.
func (b *bundled) signs() v1.Hash {
	if b.claimedAlgo != crypto.SHA256 || len(b.claimed) != crypto.SHA256.Size() {
		return v1.Hash{}
	}
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(b.claimed)}
}

// ofMessage completes a message signature with the message's digest, and the message
// itself when it is at hand.
func (b *bundled) ofMessage(digest []byte, message []byte) (*entity, error) {
	if len(b.claimed) == 0 {
		return nil, fmt.Errorf("%w: it names no message digest", errBundle)
	}
	if !bytes.Equal(digest, b.claimed) {
		return nil, brokenf("the signature is for another version of the file: the bundle signs %s %x, not %x", algorithmName(b.claimedAlgo), clipBytes(b.claimed), digest)
	}
	e := b.entity
	e.digest, e.digestAlgo, e.payload = digest, b.claimedAlgo, message
	return &e, nil
}

func hashNamed(name string) (crypto.Hash, error) {
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		if algorithmName(h) == name {
			return h, nil
		}
	}
	return 0, fmt.Errorf("message digest algorithm %q is not supported", clip(name))
}

func clipBytes(b []byte) []byte { return b[:min(len(b), 64)] }
