package attest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/attest/strictjson"
	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
)

// Store is a place that may keep attestations: a repository, a layout on disk. What is
// absent is an error that is fs.ErrNotExist; what a store cannot be asked at all is
// errors.ErrUnsupported. Answers are not trusted: everything is hashed again here.
type Store interface {
	// Name says which store it is; for a repository its name ("dhi.io/python").
	Name() string
	// Referrers lists all manifests whose subject is the digest, and says by which
	// means it did.
	Referrers(ctx context.Context, subject v1.Hash) (list []v1.Descriptor, via string, err error)
	// Manifest reads a manifest by digest or tag.
	Manifest(ctx context.Context, ref string) (v1.Descriptor, []byte, error)
	// Blob reads a blob of at most max bytes.
	Blob(ctx context.Context, d v1.Descriptor, max int64) ([]byte, error)
}

// Subject is the image whose attestations are wanted.
type Subject struct {
	// Repository is where the image is known ("dhi.io/python"), without tag or digest.
	// The trust table is asked about it. It may be empty for an image on disk.
	Repository string
	// Digest is that of the platform's manifest.
	Digest v1.Hash
	// Index is that of the index that lists it; zero when there is none. IndexRaw are
	// its bytes.
	Index    v1.Hash
	IndexRaw []byte
	// DHI says that the index carries Docker's marks. It is a claim; it only chooses
	// whose key is asked for.
	DHI bool
	// Platform goes into the report in a run over several platforms.
	Platform string
}

// verification is one run of Verify.
type verification struct {
	subject Subject
	index   []v1.Descriptor
	lim     limits
	read    reader
	check   *checker
	row     trust.Row
	log     *slog.Logger
	probes  []report.Probe
	seen    []report.Observation
	heard   []storeRecord
}

// Verify looks for attestations of the subject in every store, reads them, and judges
// each. It makes two requests for each store and subject to find them, then two or
// three for each attestation, at most Options.Parallel at a time.
//
// The result always says what was found, also beside an error. The error is
// context.Canceled, a *fault.Error with code Unavailable when the context's deadline
// passed, or one with code Usage when subject or options make no sense. That nothing
// verified is no error: the policy decides on it.
func Verify(ctx context.Context, subject Subject, stores []Store, opt Options) (*Result, error) {
	v, err := newVerification(subject, stores, opt)
	if err != nil {
		return &Result{}, err
	}
	v.log.Debug("look for attestations", "subject", subject.Digest.String(), "stores", len(stores))
	candidates := v.candidates(v.discover(ctx))
	v.signatures(ctx, candidates)
	res := v.judge(candidates)
	switch err := ctx.Err(); {
	case errors.Is(err, context.DeadlineExceeded):
		return res, fault.New(fault.Unavailable, "verify attestations of "+subject.Digest.String(), "raise timeout, or look at the stores that answer slowly", err)
	case err != nil:
		return res, fmt.Errorf("verify attestations of %s: %w", subject.Digest, err)
	}
	return res, nil
}

func newVerification(subject Subject, stores []Store, opt Options) (*verification, error) {
	op := "verify attestations of " + subject.Digest.String()
	lim := opt.limits()
	v := &verification{subject: subject, lim: lim, read: reader{stores: stores, lim: lim}, log: opt.Logger}
	if v.log == nil {
		v.log = slog.New(slog.DiscardHandler)
	}
	if err := checkDescriptor(v1.Descriptor{Digest: subject.Digest}); err != nil {
		return nil, fault.New(fault.Usage, op, "the platform's manifest is named by a sha256 digest", err)
	}
	if err := v.readIndex(); err != nil {
		return nil, fault.New(fault.Unavailable, op, "", err)
	}
	row, roots, err := resolveTrust(subject, opt)
	if err != nil {
		return nil, err
	}
	if v.check, err = newChecker(row, roots, opt.Log, opt.Now); err != nil {
		return nil, fault.New(fault.Usage, op, "", err)
	}
	v.row = row
	for _, id := range row.Identities {
		if loose := id.Loose(); loose != "" {
			v.observe(report.Information, "not anchored with ^ and $, so longer names match too: "+loose)
		}
	}
	return v, nil
}

// readIndex checks that the index is the one that was named and lists the platform.
func (v *verification) readIndex() error {
	if v.subject.Index == (v1.Hash{}) || v.subject.Index == v.subject.Digest {
		return nil
	}
	raw := v.subject.IndexRaw
	if got := digestOf(raw); got != v.subject.Index {
		return fmt.Errorf("the index hashes to %s, not to %s", got, v.subject.Index)
	}
	if err := strictjson.Check(raw, v.lim.depth); err != nil {
		return fmt.Errorf("index %s: %w", v.subject.Index, err)
	}
	if _, err := strictjson.Fields(raw, "schemaVersion", "mediaType", "manifests", "annotations", "subject", "artifactType"); err != nil {
		return fmt.Errorf("index %s: %w", v.subject.Index, err)
	}
	var m v1.IndexManifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return fmt.Errorf("index %s: %w", v.subject.Index, err)
	}
	v.index = m.Manifests
	for _, d := range m.Manifests {
		if d.Digest == v.subject.Digest {
			return nil
		}
	}
	return fmt.Errorf("the index %s does not list %s", v.subject.Index, v.subject.Digest)
}

// resolveTrust picks the signers for a subject: the ones the user named, else those of
// the first row that matches. Keys that the row calls inactive stay refused.
func resolveTrust(subject Subject, opt Options) (trust.Row, []*trust.Root, error) {
	table := opt.Table
	if table == nil {
		var err error
		if table, err = trust.Builtin(); err != nil {
			return trust.Row{}, nil, err
		}
	}
	if err := table.Check(); err != nil {
		return trust.Row{}, nil, err
	}
	row, _ := table.For(subject.Repository, subject.DHI)
	if len(opt.Keys) > 0 || len(opt.Identities) > 0 {
		retired := slices.DeleteFunc(slices.Clone(row.Keys), func(k trust.Key) bool { return k.Inactive == "" })
		row.Keys, row.Identities, row.Hint = slices.Concat(opt.Keys, retired), opt.Identities, ""
	}
	for _, id := range row.Identities {
		if err := id.Check(); err != nil {
			return trust.Row{}, nil, err
		}
	}
	if opt.Log != "" && !opt.Log.Valid() {
		return trust.Row{}, nil, fault.Usagef("verify attestations", "the log policy is auto, require or ignore", "unknown log policy %q", opt.Log)
	}
	roots := opt.Roots
	if roots == nil {
		r, err := trust.Embedded()
		if err != nil {
			return trust.Row{}, nil, err
		}
		roots = []*trust.Root{r}
	}
	return row, roots, nil
}
