package attest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/imagegate/imagegate/internal/attest/trust"
)

// grade is how far one signature came. The order matters: the best one decides.
type grade int

const (
	none    grade = iota // there is no signature
	unknown              // it may be genuine, but nobody known made it
	unread               // it could not be read, so whose it is stays open
	bad                  // it contradicts itself, its log entry or what it signs
	good                 // a trusted signer made it
)

// outcome is the judgement on one signature.
type outcome struct {
	grade    grade
	reason   string
	signer   string
	log      string
	signedAt time.Time
	key      *trust.Key      // set when a key made it
	identity *trust.Identity // set when an identity matched
	subject  string          // the identity's own name and issuer
	issuer   string
	root     *trust.Root
	logged   bool
}

func unknownf(format string, args ...any) outcome {
	return outcome{grade: unknown, reason: fmt.Sprintf(format, args...)}
}

func unreadf(format string, args ...any) outcome {
	return outcome{grade: unread, reason: fmt.Sprintf(format, args...)}
}

func badf(format string, args ...any) outcome {
	return outcome{grade: bad, reason: fmt.Sprintf(format, args...)}
}

// checker judges signatures against one set of signers.
type checker struct {
	active, refused []*keyVerifier
	identities      []trust.Identity
	roots           []*trust.Root
	log             trust.LogPolicy
	hint            string
	now             time.Time
}

func newChecker(row trust.Row, roots []*trust.Root, log trust.LogPolicy, now time.Time) (*checker, error) {
	c := &checker{identities: row.Identities, roots: roots, log: cmp.Or(log, row.Log, trust.LogAuto), hint: row.Hint, now: now}
	add := func(k trust.Key) error {
		v, err := newKeyVerifier(k)
		switch {
		case err != nil:
			return err
		case k.Inactive != "":
			c.refused = append(c.refused, v)
		default:
			c.active = append(c.active, v)
		}
		return nil
	}
	for _, k := range row.Keys {
		if err := add(k); err != nil {
			return nil, err
		}
	}
	builtin, err := trust.BuiltinKeys()
	if err != nil {
		return nil, err
	}
	for _, k := range builtin { // known, so that it is refused by name
		if k.Inactive != "" {
			if err := add(k); err != nil {
				return nil, err
			}
		}
	}
	for _, k := range c.active {
		for _, r := range c.refused {
			if k.key.Equal(r.key) {
				return nil, fmt.Errorf("%s is refused: %s", k.key, r.key.Inactive)
			}
		}
	}
	return c, nil
}

// check judges one signature. A library that panics on hostile bytes makes the
// signature bad; it does not end the run.
func (c *checker) check(e *entity) (out outcome) {
	defer func() {
		if p := recover(); p != nil {
			out = badf("the signature made the verifier panic: %v", p)
		}
	}()
	if len(e.sig) == 0 {
		return badf("the signature is empty")
	}
	for _, k := range c.active {
		if k.made(e) {
			return c.byKey(e, k)
		}
	}
	for _, k := range c.refused {
		if k.made(e) {
			return badf("signed by %s, which is refused: %s", k.key, k.key.Inactive)
		}
	}
	if e.cert != nil {
		return c.byCertificate(e)
	}
	return c.byStranger(e)
}

// made reports whether the key made the signature.
func (v *keyVerifier) made(e *entity) bool {
	if e.payload == nil && e.digest != nil {
		return v.VerifySignature(bytes.NewReader(e.sig), bytes.NewReader(nil), options.WithDigest(e.digest)) == nil
	}
	return v.VerifySignature(bytes.NewReader(e.sig), bytes.NewReader(e.message())) == nil
}

// byKey finishes the judgement on a signature that a trusted key made: its log entry,
// when there is one or one is wanted, and the key's validity.
func (c *checker) byKey(e *entity, k *keyVerifier) outcome {
	bare := *e
	bare.cert, bare.chain = nil, nil // the key was named, so a certificate beside it says nothing
	e = &bare
	out := outcome{grade: good, signer: k.key.String(), key: &k.key, reason: "signed by " + k.key.String()}
	logged := len(e.entries) > 0 && c.log != trust.LogIgnore
	if !logged && c.log == trust.LogRequire {
		return badf("signed by %s, but without the transparency-log entry that the policy requires", k.key)
	}
	if !logged && len(e.stamps) == 0 {
		return c.withoutTime(out)
	}
	var errs []error
	for _, r := range c.roots {
		stamped, err := stampsWithin(e, r, k.ValidAtTime)
		if err != nil {
			return badf("signed by %s, but %v", k.key, err)
		}
		switch {
		case logged && boundHere(e):
			at, err := keyLogged(e, r, k)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", r.Source, err))
				continue
			}
			out.signedAt = earlier(at, stamped)
		default:
			res, err := runWithKey(e, withKey{r.Material(), k}, logged)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", r.Source, err))
				continue
			}
			out.signedAt = earliest(res)
		}
		out.root, out.logged = r, logged
		if logged {
			out.log = describeLog(e, r)
			out.reason += "; " + out.log
		}
		if out.signedAt.IsZero() {
			return c.withoutTime(out)
		}
		return out
	}
	if !logged { // a timestamp of an authority that nobody here knows proves nothing
		return c.withoutTime(out)
	}
	return badf("signed by %s, but its transparency-log entry does not verify: %v", k.key, errors.Join(errs...))
}

// withoutTime accepts a signature whose time is not proven, unless its key is valid
// only for a time and the run is not in it.
func (c *checker) withoutTime(out outcome) outcome {
	k := out.key
	if k.NotBefore.IsZero() && k.NotAfter.IsZero() || !c.now.IsZero() && k.ValidAt(c.now) {
		return out
	}
	return badf("signed by %s, which is valid only %s, and nothing proves that the signature was made then", k, k.Validity())
}

// byStranger explains a signature that no known key made and that names no certificate.
func (c *checker) byStranger(e *entity) outcome {
	for _, entry := range e.entries {
		logged := entry.PublicKey()
		for _, k := range append(c.active, c.refused...) {
			if sameKey(logged, k.key.Public()) {
				return badf("its transparency-log entry names %s, but that key did not make this signature", k.key)
			}
		}
	}
	for _, k := range c.active {
		if e.hint != "" && e.hint == k.key.Hint() {
			return badf("it names %s, but that key did not make this signature", k.key)
		}
	}
	return unknownf("no trusted key made its signature%s", c.next())
}

// next is the hint of the trust row, or a general one.
func (c *checker) next() string {
	switch {
	case len(c.active) == 0 && len(c.identities) == 0 && c.hint == "":
		return "; no signer is trusted for this repository: name one with key, or with certificate-identity and certificate-oidc-issuer"
	case c.hint != "":
		return "; " + c.hint
	default:
		return ""
	}
}
