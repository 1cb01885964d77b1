package trust

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/imagegate/imagegate/internal/fault"
)

// maxKeys is the most PEM blocks read from one file: a keyring, not a dump.
const maxKeys = 32

// Key is a public key that may sign, or one that must not.
type Key struct {
	// Name is how reports call it: "dhi-2", or the path it was read from.
	Name string
	// Ref is what cosign's --key wants: a path or a URL. "" means Name.
	Ref string
	// NotBefore and NotAfter bound the time of a signature; zero means unbounded. A
	// key read from a certificate has the certificate's.
	NotBefore, NotAfter time.Time
	// Inactive says why the key is refused; "" means that it is in use.
	Inactive string

	public crypto.PublicKey
	spki   [sha256.Size]byte
}

// ParseKeys reads every public key and certificate in the PEM text. Several keys in
// one file are a keyring: each is accepted. A private key, an unknown block, text
// without a block and more than 32 blocks are errors with code Usage, and so is a key
// that Sigstore considers weak (RSA below 2,048 bits, curves other than NIST P-256,
// P-384 and P-521, and Ed25519).
func ParseKeys(name string, text []byte) ([]Key, error) {
	op := "read public key " + name
	const hint = "give a PEM file with a PUBLIC KEY or a CERTIFICATE, as cosign writes to cosign.pub"
	var keys []Key
	rest := text
	for {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		if len(keys) == maxKeys {
			return nil, fault.Usagef(op, hint, "more than %d keys", maxKeys)
		}
		k, err := parseBlock(block)
		if err != nil {
			return nil, fault.New(fault.Usage, op, hint, err)
		}
		k.Name = name
		if len(keys) > 0 {
			k.Name = fmt.Sprintf("%s#%d", name, len(keys)+1)
		}
		k.Ref = name
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, fault.Usagef(op, hint, "no PEM block found")
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, fault.Usagef(op, hint, "text after the last PEM block")
	}
	return keys, nil
}

func parseBlock(block *pem.Block) (Key, error) {
	var k Key
	switch {
	case block.Type == "CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return k, fmt.Errorf("certificate: %w", err)
		}
		k.public, k.NotBefore, k.NotAfter = c.PublicKey, c.NotBefore, c.NotAfter
	case block.Type == "PUBLIC KEY":
		p, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return k, fmt.Errorf("public key: %w", err)
		}
		k.public = p
	case block.Type == "RSA PUBLIC KEY":
		p, err := x509.ParsePKCS1PublicKey(block.Bytes)
		if err != nil {
			return k, fmt.Errorf("RSA public key: %w", err)
		}
		k.public = p
	case strings.Contains(block.Type, "PRIVATE KEY"):
		return k, fmt.Errorf("this is a private key (%s): keep it secret and give its public half", block.Type)
	default:
		return k, fmt.Errorf("PEM block %q holds no public key", block.Type)
	}
	return newKey(k)
}

// FromPublic makes a key of one that is already in memory.
func FromPublic(name string, public crypto.PublicKey) (Key, error) {
	return newKey(Key{Name: name, Ref: name, public: public})
}

func newKey(k Key) (Key, error) {
	switch k.public.(type) {
	case *ecdsa.PublicKey, *rsa.PublicKey, ed25519.PublicKey:
	default:
		return k, fmt.Errorf("key type %T is not supported; ECDSA, RSA and Ed25519 are", k.public)
	}
	if err := cryptoutils.ValidatePubKey(k.public); err != nil {
		return k, fmt.Errorf("weak key: %w", err)
	}
	der, err := x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		return k, fmt.Errorf("encode public key: %w", err)
	}
	k.spki = sha256.Sum256(der)
	return k, nil
}

// Public is the key itself.
func (k Key) Public() crypto.PublicKey { return k.public }

// Fingerprint is "sha256:" and the hex digest of the key's SubjectPublicKeyInfo.
func (k Key) Fingerprint() string { return "sha256:" + hex.EncodeToString(k.spki[:]) }

// Hint is the base64 digest of the SubjectPublicKeyInfo, as Sigstore bundles name a key.
func (k Key) Hint() string { return base64.StdEncoding.EncodeToString(k.spki[:]) }

// String names the key in reports: key dhi-2 (sha256:118b…).
func (k Key) String() string { return "key " + k.Name + " (" + k.Fingerprint() + ")" }

// Equal reports whether k and other are the same public key, whatever their names.
func (k Key) Equal(other Key) bool { return k.spki == other.spki }

// ValidAt reports whether a signature made at t may count. A zero t means that the
// time is not proven.
func (k Key) ValidAt(t time.Time) bool {
	return (k.NotBefore.IsZero() || !t.Before(k.NotBefore)) && (k.NotAfter.IsZero() || !t.After(k.NotAfter))
}

// Validity is when the key may sign, in words; "" when it is unbounded.
func (k Key) Validity() string {
	var words []string
	if !k.NotBefore.IsZero() {
		words = append(words, "from "+k.NotBefore.UTC().Format(time.DateOnly))
	}
	if !k.NotAfter.IsZero() {
		words = append(words, "to "+k.NotAfter.UTC().Format(time.DateOnly))
	}
	return strings.Join(words, " ")
}
