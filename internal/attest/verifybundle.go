package attest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/fault"
)

// BundleResult says what verified.
type BundleResult struct {
	// Signer is the key or identity, Log the transparency-log entry or "".
	Signer, Log string
	// SignedAt is the proven time; zero when none was proven.
	SignedAt time.Time
	// PredicateType and Statement are set when the bundle holds a statement.
	PredicateType string
	Statement     []byte
	// Command checks the same with cosign.
	Command string
}

// VerifyBundle verifies a Sigstore bundle over a file or digest, as the clients of
// sigstore-conformance do: a message signature must be over the artifact, a DSSE
// statement must have it among its subjects. data may hold several bundles as JSON
// lines; one that verifies is enough. The signers are opt.Keys and opt.Identities, at
// least one of which must be given; the trust table is not asked.
//
// The error has code Policy when the bundle does not verify and Usage when the
// question makes no sense.
func VerifyBundle(ctx context.Context, artifact Artifact, data []byte, opt Options) (*BundleResult, error) {
	op := "verify bundle of " + artifact.Name
	if len(opt.Keys) == 0 && len(opt.Identities) == 0 {
		return nil, fault.Usagef(op, "name one with key, or with certificate-identity and certificate-oidc-issuer", "no signer was named")
	}
	opt.Table = trust.Table{}
	row, roots, err := resolveTrust(Subject{}, opt)
	if err != nil {
		return nil, err
	}
	c, err := newChecker(row, roots, opt.Log, opt.Now)
	if err != nil {
		return nil, fault.New(fault.Usage, op, "", err)
	}
	lim := opt.limits()
	if int64(len(data)) > lim.statement {
		return nil, fault.Usagef(op, "", "%w MaxStatement: the bundle has %d bytes, more than %d", errLimit, len(data), lim.statement)
	}
	var errs []error
	for i, one := range splitLines(data) {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
		if i == lim.referrers {
			errs = append(errs, fmt.Errorf("%w MaxReferrers: more than %d bundles", errLimit, lim.referrers))
			break
		}
		res, err := c.verifyOne(artifact, one, lim)
		if err == nil {
			return res, nil
		}
		if fault.CodeOf(err) == fault.Usage {
			return nil, err
		}
		errs = append(errs, err)
	}
	return nil, fault.New(fault.Policy, op, "", errors.Join(errs...))
}

// splitLines returns the bundles of a .jsonl file, or the whole as one.
func splitLines(data []byte) [][]byte {
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	for _, l := range lines {
		if l = bytes.TrimSpace(l); len(l) > 0 && (l[0] != '{' || l[len(l)-1] != '}') {
			return [][]byte{data} // one bundle, written over several lines
		}
	}
	var out [][]byte
	for _, l := range lines {
		if l = bytes.TrimSpace(l); len(l) > 0 {
			out = append(out, l)
		}
	}
	if len(out) == 0 {
		return [][]byte{data}
	}
	return out
}

func (c *checker) verifyOne(artifact Artifact, data []byte, lim limits) (*BundleResult, error) {
	raw, err := parseBundle(data, lim)
	if err != nil {
		return nil, err
	}
	b, err := openBundle(raw, lim)
	if err != nil {
		return nil, err
	}
	res := &BundleResult{}
	e := &b.entity
	if b.dsse {
		s, err := parseStatement(b.payload, lim)
		if err != nil {
			return nil, err
		}
		if err := artifact.among(s); err != nil {
			return nil, err
		}
		res.PredicateType, res.Statement = s.predicateType, b.payload
	} else if e, err = artifact.signed(b, lim); err != nil {
		return nil, err
	}
	o := c.check(e)
	if o.grade != good {
		return nil, errors.New(o.reason)
	}
	res.Signer, res.Log, res.SignedAt = o.signer, o.log, o.signedAt
	res.Command = bundleCommand(artifact, o, b.dsse)
	return res, nil
}

// bundleCommand is the same question for cosign.
func bundleCommand(a Artifact, o outcome, statement bool) string {
	args := []string{"cosign", "verify-blob"}
	if statement {
		args = []string{"cosign", "verify-blob-attestation", "--check-claims=true"}
	}
	args = append(args, "--bundle", "BUNDLE")
	if o.key != nil {
		args = append(args, "--key", keyRef(*o.key))
	} else if o.identity != nil {
		args = append(args, identityArgs(*o.identity)...)
	}
	if !o.logged {
		args = append(args, "--insecure-ignore-tlog=true")
	}
	if a.Open == nil {
		return shell(append(args, a.Digest))
	}
	return shell(append(args, a.Name))
}
