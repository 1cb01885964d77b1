package attest

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/imagegate/imagegate/internal/attest/trust"
)

// maxChain is the most certificates that may come with one signature.
const maxChain = 10

// parseChain reads PEM certificates that came with a signature. Self-signed ones are
// left out: roots come from the trusted root and from nowhere else.
func parseChain(text string) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	rest := []byte(text)
	for n := 0; ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return chain, nil
		}
		if n == maxChain {
			return nil, fmt.Errorf("more than %d certificates", maxChain)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate: %w", err)
		}
		if !bytes.Equal(c.RawSubject, c.RawIssuer) {
			chain = append(chain, c)
		}
	}
}

// byCertificate judges a keyless signature: certificate chain, certificate
// transparency, log entry or timestamp, the signature itself, then the identity.
func (c *checker) byCertificate(e *entity) outcome {
	who := describeCertificate(e.cert)
	if !certificateMade(e) {
		return badf("the signature does not match its certificate (%s)", who)
	}
	var errs []error
	chains := false
	for _, r := range c.roots {
		if !chainsTo(e, r) {
			continue
		}
		chains = true
		stamped, err := stampsWithin(e, r, e.certificateValidAt)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.Source, err))
			continue
		}
		if boundHere(e) && c.log != trust.LogIgnore && r.HasLog() {
			summary, at, err := keylessLogged(e, r, stamped)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", r.Source, err))
				continue
			}
			return c.identify(e, r, summary, at)
		}
		opts, err := c.keylessOptions(e, r)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		res, err := run(e, r.Material(), verify.WithoutIdentitiesUnsafe(), opts...)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.Source, err))
			continue
		}
		return c.identify(e, r, *res.Signature.Certificate, earliest(res))
	}
	if !chains {
		next := c.next()
		if slices.Contains(e.cert.Issuer.Organization, "GitHub, Inc.") {
			next = "; it says that GitHub's private instance issued it: give that one's root with trusted-root, as `gh attestation trusted-root` prints it"
		}
		return unknownf("signed by %s, whose certificate chains to no trusted root%s", who, next)
	}
	return badf("signed by %s, but it does not verify: %v", who, errors.Join(errs...))
}

// identify compares a signer that was proven with those that are trusted.
func (c *checker) identify(e *entity, r *trust.Root, summary certificate.Summary, at time.Time) outcome {
	who := fmt.Sprintf("%s (issuer %s)", clip(summary.SubjectAlternativeName), clip(summary.Issuer))
	if len(c.identities) == 0 {
		return unknownf("signed by %s, but no identity is trusted for this repository: name it with certificate-identity and certificate-oidc-issuer", who)
	}
	var last error
	for i, id := range c.identities {
		m, err := id.Matcher()
		if err == nil {
			err = m.Verify(summary)
		}
		if err != nil {
			last = err
			continue
		}
		out := outcome{
			grade: good, signer: "identity " + who, identity: &c.identities[i], root: r,
			reason: "signed by " + who, signedAt: at, subject: summary.SubjectAlternativeName, issuer: summary.Issuer,
		}
		if c.log != trust.LogIgnore && len(e.entries) > 0 && r.HasLog() {
			out.log, out.logged = describeLog(e, r), true
			out.reason += "; " + out.log
		}
		return out
	}
	return unknownf("signed by %s, which is not a trusted identity: %v", who, last)
}

// keylessOptions says what the instance owes: an SCT when it runs a certificate
// transparency log, a log entry when it runs a log, else a timestamp.
func (c *checker) keylessOptions(e *entity, r *trust.Root) ([]verify.VerifierOption, error) {
	var opts []verify.VerifierOption
	if r.HasCT() {
		opts = append(opts, verify.WithSignedCertificateTimestamps(1))
	}
	switch {
	case c.log == trust.LogIgnore, c.log == trust.LogAuto && !r.HasLog():
		if len(e.stamps) == 0 {
			return nil, errors.New("it has no RFC 3161 timestamp, so nothing proves when it was signed")
		}
		return append(opts, verify.WithSignedTimestamps(1)), nil
	case !r.HasLog():
		return nil, fmt.Errorf("%s runs no transparency log, and the policy requires an entry", r.Source)
	default:
		return append(opts, verify.WithTransparencyLog(1), verify.WithObserverTimestamps(1)), nil
	}
}

// chainsTo reports whether the certificate leads to one of the instance's authorities
// at the time at which it was issued. It only sorts reasons: run checks the chain
// again, at the proven time.
func chainsTo(e *entity, r *trust.Root) bool {
	_, err := verify.VerifyLeafCertificate(e.cert.NotBefore, readable(e.cert), r.Material())
	return err == nil
}

// readable is the certificate with its subject alternative name marked as handled:
// Fulcio may issue a kind of name that crypto/x509 does not know but
// SummarizeCertificate does. Other unknown critical extensions stay.
func readable(c *x509.Certificate) *x509.Certificate {
	leaf := *c
	leaf.UnhandledCriticalExtensions = slices.DeleteFunc(slices.Clone(c.UnhandledCriticalExtensions), func(id asn1.ObjectIdentifier) bool {
		return id.Equal(cryptoutils.SANOID)
	})
	return &leaf
}

// certificateMade reports whether the certificate's key made the signature.
func certificateMade(e *entity) bool {
	k, err := trust.FromPublic("certificate", e.cert.PublicKey)
	if err != nil {
		return false
	}
	v, err := newKeyVerifier(k)
	return err == nil && v.made(e)
}

// describeCertificate names a signer that is not proven yet.
func describeCertificate(c *x509.Certificate) string {
	s, err := certificate.SummarizeCertificate(c)
	if err != nil || s.SubjectAlternativeName == "" {
		return "certificate of " + clip(c.Subject.String())
	}
	return clip(s.SubjectAlternativeName) + " (issuer " + clip(s.Issuer) + ")"
}

// parseLeaf reads the one PEM certificate of a signer.
func parseLeaf(text string) (*x509.Certificate, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("no PEM certificate in it")
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("text after the certificate")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return c, nil
}
