package advisory

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/imagegate/imagegate/internal/fault"
)

// Verifier verifies the detached signature of a file and says who made it. Its error
// names the file.
type Verifier func(ctx context.Context, f File) (signer string, err error)

// check is a file whose signature is to be verified, and how many records it holds.
type check struct {
	File
	info    *SourceInfo
	records int
}

// errUnsigned is a record of the vendor's repository without a signature.
var errUnsigned = errors.New("no signature lies beside it")

// Verify verifies the signature of every file that has one, several at a time, and of
// every record that has to have one. It may be called once.
//
// The error is a *[fault.Error] with code Unavailable: what the feed says is then nobody's
// word, and a record must not be left out, since its package would look clean.
func (f *Feed) Verify(ctx context.Context, verify Verifier) error {
	signers, errs := make([]string, len(f.checks)), make([]error, len(f.checks))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range f.checks {
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
		return fault.New(fault.Unavailable, opVerify, "raise timeout", context.Cause(ctx))
	}
	var wrong []error
	for i, c := range f.checks {
		if errs[i] != nil {
			wrong = append(wrong, errs[i])
			continue
		}
		c.info.Signed += c.records
		if !slices.Contains(c.info.Signers, signers[i]) {
			c.info.Signers = append(c.info.Signers, signers[i])
		}
	}
	f.checks = nil
	if more := len(wrong) - maxErrors; more > 0 {
		wrong = append(wrong[:maxErrors], fmt.Errorf("and %d more", more))
	}
	if len(wrong) > 0 {
		return fault.New(fault.Unavailable, opVerify, "check out one commit of the vendor's repository, with its .sig files", errors.Join(wrong...))
	}
	return nil
}

const opVerify = "verify the advisories' signatures"
