package attest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/report"
)

// leaf is a short-lived certificate of the instance with its key.
func leaf(t *testing.T, v *instance, who, issuer string) (*x509.Certificate, *ecdsa.PrivateKey, []byte) {
	t.Helper()
	cert, private, err := v.GenerateLeafCert(who, issuer)
	if err != nil {
		t.Fatal(err)
	}
	key, ok := private.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatalf("key of type %T", private)
	}
	return cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}

// TestKeylessSimpleSigning: the form of cosign 1 and 2, with certificate and log entry
// in annotations, over the image.
func TestKeylessSimpleSigning(t *testing.T) {
	v := newInstance(t, "test instance")
	const who, issuer = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main", githubIssuer
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, a map[string]string, payload, sig, certPEM []byte)
		state  report.AttestationState
		reason string
	}{
		{"good", nil, report.Verified, "signed by " + who},
		{"without_log_entry", func(_ *testing.T, a map[string]string, _, _, _ []byte) { delete(a, annoRekorBundle) }, report.Invalid, "not enough verified log entries"},
		{"log_entry_of_another_certificate", func(t *testing.T, a map[string]string, payload, _, _ []byte) {
			_, key, other := leaf(t, v, who, issuer)
			sum := sha256.Sum256(payload)
			sig, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			a[annoRekorBundle] = v.promise(t, hashedRekord(t, payload, sig, other), time.Now().Add(time.Minute))
		}, report.Invalid, "transparency log signature does not match"},
		{"log_entry_after_the_certificate", func(t *testing.T, a map[string]string, payload, sig, certPEM []byte) {
			a[annoRekorBundle] = v.promise(t, hashedRekord(t, payload, sig, certPEM), time.Now().Add(30*time.Minute))
		}, report.Invalid, "certificate"},
		{"another_certificate", func(t *testing.T, a map[string]string, _, _, _ []byte) {
			_, _, other := leaf(t, v, who, issuer)
			a[annoCertificate] = string(other)
		}, report.Invalid, "the signature does not match its certificate"},
		{"certificate_is_no_pem", func(_ *testing.T, a map[string]string, _, _, _ []byte) { a[annoCertificate] = "x" }, report.Invalid, "certificate annotation"},
		{"chain_too_long", func(_ *testing.T, a map[string]string, _, _, certPEM []byte) {
			a[annoChain] = strings.Repeat(string(certPEM), 20)
		}, report.Invalid, "more than 10 certificates"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store, img := newStore("example.org/app"), imageDigest("a")
			_, key, certPEM := leaf(t, v, who, issuer)
			c := newChain(store, &signer{private: key}, img, vexType, nil)
			c.onSigLay = func(l map[string]any) {
				a, payload := l["annotations"].(map[string]string), store.blobs[l["digest"].(string)]
				sig, err := decodeBase64(a[annoSignature])
				if err != nil {
					t.Fatal(err)
				}
				a[annoCertificate] = string(certPEM)
				a[annoRekorBundle] = v.promise(t, hashedRekord(t, payload, sig, certPEM), time.Now().Add(time.Minute))
				if tt.change != nil {
					tt.change(t, a, payload, sig, certPEM)
				}
			}
			c.sign(t, img)
			res := mustVerify(t, Subject{Digest: img}, Options{
				Identities: []trust.Identity{{Subject: who, Issuer: issuer}}, Roots: []*trust.Root{v.root},
			}, store)
			a := only(t, res)
			if a.State != tt.state || !strings.Contains(a.Reason, tt.reason) {
				t.Errorf("state %s, reason %q; want %s, %q", a.State, a.Reason, tt.state, tt.reason)
			}
			if a.State == report.Verified {
				if subject, iss := res.Verified[0].Identity(); subject != who || iss != issuer || res.Verified[0].Key() != "" {
					t.Errorf("identity %s, %s", subject, iss)
				}
			}
		})
	}
}
