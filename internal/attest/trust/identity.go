package trust

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/imagegate/imagegate/internal/fault"
)

// Identity is a keyless signer: who signed (the certificate's subject alternative
// name) and who vouched for that (the OpenID Connect issuer). The names and the
// meaning of the fields are cosign's: the plain ones are compared exactly, the regular
// expressions are Go's and match anywhere unless they are anchored.
type Identity struct {
	Subject       string
	SubjectRegexp string
	Issuer        string
	IssuerRegexp  string
}

// Check reports whether the identity is complete: something about the subject, something
// about the issuer, and regular expressions that compile. The error has code Usage.
func (i Identity) Check() error {
	const op = "read certificate identity"
	if i.Subject == "" && i.SubjectRegexp == "" {
		return fault.Usagef(op, "give certificate-identity or certificate-identity-regexp", "no subject for issuer %q", i.Issuer+i.IssuerRegexp)
	}
	if i.Issuer == "" && i.IssuerRegexp == "" {
		return fault.Usagef(op, "give certificate-oidc-issuer or certificate-oidc-issuer-regexp", "no issuer for subject %q", i.Subject+i.SubjectRegexp)
	}
	for _, re := range []string{i.SubjectRegexp, i.IssuerRegexp} {
		if _, err := regexp.Compile(re); err != nil {
			return fault.Usagef(op, "regular expressions are in Go's syntax (RE2)", "%w", err)
		}
	}
	return nil
}

// Loose says which of the regular expressions also match longer text than was probably
// meant, because they are not anchored at both ends; "" when none is.
func (i Identity) Loose() string {
	var loose []string
	for _, re := range []struct{ option, value string }{
		{"certificate-identity-regexp", i.SubjectRegexp}, {"certificate-oidc-issuer-regexp", i.IssuerRegexp},
	} {
		if re.value != "" && (!strings.HasPrefix(re.value, "^") || !strings.HasSuffix(re.value, "$")) {
			loose = append(loose, re.option+" "+re.value)
		}
	}
	return strings.Join(loose, ", ")
}

// Matcher is the identity in sigstore-go's terms.
func (i Identity) Matcher() (verify.CertificateIdentity, error) {
	m, err := verify.NewShortCertificateIdentity(i.Issuer, i.IssuerRegexp, i.Subject, i.SubjectRegexp)
	if err != nil {
		return m, fmt.Errorf("certificate identity: %w", err)
	}
	return m, nil
}

// String names the identity in reports.
func (i Identity) String() string {
	return "identity " + either(i.Subject, i.SubjectRegexp) + " (issuer " + either(i.Issuer, i.IssuerRegexp) + ")"
}

func either(exact, re string) string {
	switch {
	case exact != "" && re != "":
		return exact + " and ~" + re
	case exact != "":
		return exact
	default:
		return "~" + re
	}
}
