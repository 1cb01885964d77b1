package advisory

import (
	"context"
	"errors"
	"fmt"
	"path"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
)

// Verifier verifies the detached signature of a file and says who made it. Its error
// names the file.
type Verifier func(ctx context.Context, f File) (signer string, err error)

// check is a file whose signature is to be verified, how many records it holds, and which
// packages it names when it is one.
type check struct {
	File
	info    *SourceInfo
	records int
	keys    []key
}

// concerns reports whether the file may decide about one of the packages: it names it,
// also in a record that was taken back, it lies in the folder of its name, or it is not
// one record, so that it may have been any.
func (c check) concerns(wanted map[key]bool, names map[string]bool) bool {
	return c.records != 1 || names[path.Base(path.Dir(c.Name))] ||
		slices.ContainsFunc(c.keys, func(k key) bool { return wanted[k] })
}

// errUnsigned is a record of the vendor's repository without a signature.
var errUnsigned = errors.New("no signature lies beside it")

// Verify verifies the signature of every file that has one, several at a time, and of
// every record that has to have one. Those verified before are passed over.
//
// The error is a *[fault.Error] with code Unavailable: what the feed says is then nobody's
// word, and a record must not be left out, since its package would look clean.
func (f *Feed) Verify(ctx context.Context, verify Verifier) error {
	todo := f.checks
	f.checks = nil
	return f.verify(ctx, todo, verify)
}

// VerifyFor is Verify for what may decide about these packages, as [Feed.Match] looks them
// up; the rest of a large feed decides nothing about them.
func (f *Feed) VerifyFor(ctx context.Context, packages []report.Package, d *report.Distro, verify Verifier) error {
	wanted, names := map[key]bool{}, map[string]bool{}
	for _, p := range packages {
		if at, err := locate(p, d); err == nil {
			wanted[at.key], names[path.Base(at.name)] = true, true
		}
	}
	var todo, rest []check
	for _, c := range f.checks {
		if c.concerns(wanted, names) {
			todo = append(todo, c)
		} else {
			rest = append(rest, c)
		}
	}
	f.checks = rest
	return f.verify(ctx, todo, verify)
}

func (f *Feed) verify(ctx context.Context, checks []check, verify Verifier) error {
	signers, errs := make([]string, len(checks)), make([]error, len(checks))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range checks {
		group.Go(func() error {
			if c.Signature == nil {
				errs[i] = fmt.Errorf("%s: %w", c.Name, errUnsigned)
			} else {
				signers[i], errs[i] = verify(ctx, c.File)
			}
			return nil
		})
	}
	_ = group.Wait() // each file has its own error
	if err := ctx.Err(); err != nil {
		f.checks = append(f.checks, checks...)
		return fault.New(fault.Unavailable, opVerify, "raise timeout", context.Cause(ctx))
	}
	var wrong []error
	for i, c := range checks {
		if errs[i] != nil {
			wrong = append(wrong, errs[i])
			f.checks = append(f.checks, c) // it is no better the next time
			continue
		}
		c.info.Signed += c.records
		if !slices.Contains(c.info.Signers, signers[i]) {
			c.info.Signers = append(c.info.Signers, signers[i])
		}
	}
	if more := len(wrong) - maxErrors; more > 0 {
		wrong = append(wrong[:maxErrors], fmt.Errorf("and %d more", more))
	}
	if len(wrong) > 0 {
		return fault.New(fault.Unavailable, opVerify, "check out one commit of the vendor's repository, with its .sig files", errors.Join(wrong...))
	}
	return nil
}

const opVerify = "verify the advisories' signatures"
