package attest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/imagegate/imagegate/internal/attest/trust"
)

// keyVerifier checks signatures by one trusted key, with each of the hashes that
// signers use for its type: cosign signs with SHA-256 whatever the curve, Sigstore's
// own clients with the hash of the curve, and a log wants Ed25519ph where a plain
// signature is Ed25519.
type keyVerifier struct {
	key     trust.Key
	choices []signature.Verifier
}

var errNoMatch = errors.New("the signature was not made by this key")

func newKeyVerifier(k trust.Key) (*keyVerifier, error) {
	v := &keyVerifier{key: k}
	hashes := []crypto.Hash{crypto.SHA256}
	switch p := k.Public().(type) {
	case *ecdsa.PublicKey:
		switch p.Curve {
		case elliptic.P384():
			hashes = []crypto.Hash{crypto.SHA384, crypto.SHA256}
		case elliptic.P521():
			hashes = []crypto.Hash{crypto.SHA512, crypto.SHA256}
		}
	case ed25519.PublicKey:
		plain, err := signature.LoadED25519Verifier(p)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", k.Name, err)
		}
		pre, err := signature.LoadED25519phVerifier(p)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", k.Name, err)
		}
		v.choices = []signature.Verifier{plain, pre}
		return v, nil
	}
	for _, h := range hashes {
		c, err := signature.LoadVerifier(k.Public(), h)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", k.Name, err)
		}
		v.choices = append(v.choices, c)
	}
	return v, nil
}

// VerifySignature implements signature.Verifier. With only a digest to go by, plain
// Ed25519 cannot verify: it would check a signature over no bytes at all.
func (v *keyVerifier) VerifySignature(sig, message io.Reader, opts ...signature.VerifyOption) error {
	s, err := io.ReadAll(sig)
	if err != nil {
		return fmt.Errorf("read signature: %w", err)
	}
	m, err := io.ReadAll(message)
	if err != nil {
		return fmt.Errorf("read message: %w", err)
	}
	var digest []byte
	for _, o := range opts {
		o.ApplyDigest(&digest)
	}
	for _, c := range v.choices {
		if _, plain := c.(*signature.ED25519Verifier); plain && digest != nil {
			continue
		}
		if c.VerifySignature(bytes.NewReader(s), bytes.NewReader(m), opts...) == nil {
			return nil
		}
	}
	return errNoMatch
}

// PublicKey implements signature.Verifier.
func (v *keyVerifier) PublicKey(...signature.PublicKeyOption) (crypto.PublicKey, error) {
	return v.key.Public(), nil
}

// ValidAtTime implements root.TimeConstrainedVerifier.
func (v *keyVerifier) ValidAtTime(t time.Time) bool { return v.key.ValidAt(t) }

// withKey is a Sigstore instance whose only signer is the key.
type withKey struct {
	root.TrustedMaterial
	key *keyVerifier
}

// PublicKeyVerifier returns the key whatever the hint: which key to try was decided by
// the signature itself, and a hint is not authenticated.
func (w withKey) PublicKeyVerifier(string) (root.TimeConstrainedVerifier, error) { return w.key, nil }

// FulcioCertificateAuthorities is empty: with a key no certificate counts.
func (w withKey) FulcioCertificateAuthorities() []root.CertificateAuthority { return nil }
