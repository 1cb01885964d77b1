package testkit

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
)

// Key is an ECDSA P-256 key pair that signs as cosign and DHI do: ASN.1 DER over the
// SHA-256 of the payload. Signatures are deterministic (RFC 6979), so a seeded key
// gives the same image, digests included, on every run.
type Key struct {
	private *ecdsa.PrivateKey
	public  []byte // PKIX, DER
}

// NewKey makes a fresh key from the system's randomness.
func NewKey() (*Key, error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate a signing key: %w", err)
	}
	return wrapKey(k)
}

// SeededKey makes the key that belongs to seed. It is as secret as the seed is, which
// in a test is not at all.
func SeededKey(seed string) (*Key, error) {
	scalar := sha256.Sum256([]byte(seed))
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		return nil, fmt.Errorf("derive a signing key from a seed: %w", err)
	}
	return wrapKey(k)
}

func wrapKey(k *ecdsa.PrivateKey) (*Key, error) {
	der, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		return nil, fmt.Errorf("encode the public key: %w", err)
	}
	return &Key{private: k, public: der}, nil
}

// Public is the public key.
func (k *Key) Public() *ecdsa.PublicKey { return &k.private.PublicKey }

// PublicPEM is the public key as cosign writes it to cosign.pub.
func (k *Key) PublicPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.public})
}

// PrivatePEM is the private key in PKCS #8, without a password.
func (k *Key) PrivatePEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, fmt.Errorf("encode the private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Fingerprint is the SHA-256 of the public key's SubjectPublicKeyInfo, in hex: the
// number that DHI keys are pinned by.
func (k *Key) Fingerprint() string {
	sum := sha256.Sum256(k.public)
	return hex.EncodeToString(sum[:])
}

// Sign returns the base64 signature of payload, as the annotation
// dev.cosignproject.cosign/signature holds it.
func (k *Key) Sign(payload []byte) (string, error) {
	sum := sha256.Sum256(payload)
	sig, err := k.private.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return base64.StdEncoding.EncodeToString(sig), nil
}

// Bundle signs data as the files of a feed are signed: a Sigstore bundle to lie beside
// them, without a log entry.
func (k *Key) Bundle(data []byte) ([]byte, error) {
	signature, err := k.Sign(data)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	return json.Marshal(map[string]any{
		"mediaType":            "application/vnd.dev.sigstore.bundle.v0.3+json",
		"verificationMaterial": map[string]any{"publicKey": map[string]any{"hint": ""}},
		"messageSignature": map[string]any{
			"messageDigest": map[string]any{"algorithm": "SHA2_256", "digest": base64.StdEncoding.EncodeToString(sum[:])},
			"signature":     signature,
		},
	})
}
