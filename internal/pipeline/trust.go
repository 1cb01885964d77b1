package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/attest/claims"
	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/fetch"
	"github.com/imagegate/imagegate/internal/registry"
	"github.com/imagegate/imagegate/internal/report"
)

// TrustTable is the table that a configuration gives: the user's rows, then the
// built-in ones. The first row that matches decides.
func TrustTable(cfg *config.Config, read func(string) ([]byte, error)) (trust.Table, error) {
	builtin, err := trust.Builtin()
	if err != nil {
		return nil, fault.New(fault.Internal, "read the built-in trust table", "", err)
	}
	specs := make([]trust.Spec, len(cfg.Trust))
	for i, row := range cfg.Trust {
		specs[i] = trust.Spec{Match: row.Match, Log: row.Log, Expect: row.Expect, Stores: row.Stores, Hint: row.Hint}
		for _, k := range row.Keys {
			specs[i].Keys = append(specs[i].Keys, trust.KeySpec(k))
		}
		for _, id := range row.Identities {
			specs[i].Identities = append(specs[i].Identities, trust.Identity{
				Subject: id.Identity, SubjectRegexp: id.IdentityRegexp, Issuer: id.Issuer, IssuerRegexp: id.IssuerRegexp,
			})
		}
		for _, b := range row.Builders {
			specs[i].Builders = append(specs[i].Builders, trust.Builder{ID: b.ID, Signer: b.Signer, Level: b.Level})
		}
	}
	origin := cfg.ConfigFile
	if origin == "" {
		origin = config.DefaultFile
	}
	rows, err := trust.FromSpecs(specs, origin, read)
	if err != nil {
		return nil, err
	}
	return append(rows, builtin...), nil
}

// openLocal opens the stores that the option attestation names, and a layout on disk
// that the image itself comes from: tools write signatures beside the image there.
func openLocal(cfg *config.Config, opt attest.Options) ([]attest.Store, error) {
	var stores []attest.Store
	var errs []error
	for _, path := range cfg.Attestations {
		dir, name := filepath.Split(filepath.Clean(path))
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			dir, name = path, "."
		}
		if dir == "" {
			dir = "."
		}
		root, err := os.OpenRoot(dir)
		if err == nil {
			var s attest.Store
			if s, err = attest.OpenLocal(root.FS(), name, path, opt); err == nil {
				stores = append(stores, s)
				continue
			}
		}
		errs = append(errs, fault.New(fault.Usage, "open the attestations in "+path,
			"give a Sigstore bundle, an envelope, a folder of them, or an OCI layout", err))
	}
	return stores, errors.Join(errs...)
}

// signers completes the verifier's options for one repository. Where keyless signers
// count, the trusted root is kept fresh through TUF, with the embedded one to stand in;
// keys need no root but for log entries, and the embedded one has those.
func (p *platform) signers(ctx context.Context) (opt attest.Options, seen []report.Observation) {
	opt = p.inputs.attestOptions(p.cfg, p.deps)
	if len(opt.Roots) > 0 || p.img.Source != registry.SourceRegistry {
		return opt, nil
	}
	row, _ := opt.Table.For(p.img.Repository, p.img.IsDHI())
	if len(opt.Identities) == 0 && (len(opt.Keys) > 0 || len(row.Identities) == 0) {
		return opt, nil
	}
	repository := trust.Fetch{Client: p.client()}
	if p.cfg.Cache && p.cfg.CacheDir != "" {
		repository.CacheDir = filepath.Join(p.cfg.CacheDir, "tuf")
	}
	root, warning, err := repository.Root(ctx)
	switch {
	case err != nil:
		seen = append(seen, saw(report.StageAttest, report.Unread, "no trusted root is available: "+err.Error()))
	case warning != "":
		seen = append(seen, saw(report.StageAttest, report.Information, warning))
	}
	if root != nil {
		opt.Roots = []*trust.Root{root}
		if !root.Expires.IsZero() && root.Expires.Before(p.deps.Now) {
			seen = append(seen, saw(report.StageAttest, report.LeftOut, fmt.Sprintf("the trusted root from %s was to be refreshed by %s", root.Source, root.Expires.UTC().Format(time.DateOnly))))
		}
	}
	return opt, seen
}

// client makes requests that are not the registry's, with the user's authorities.
func (p *platform) client() *http.Client {
	if p.deps.Registry.Transport != nil {
		return &http.Client{Transport: p.deps.Registry.Transport}
	}
	return &http.Client{Transport: fetch.Transport(p.inputs.roots)}
}

// claims turns what the verified attestations say into checks. Rules that the user gave
// and families that are required are enforced: a check of theirs that does not pass
// fails the gate.
func (p *platform) claims() {
	var row trust.Row
	if p.img != nil {
		row, _ = p.inputs.table.For(p.img.Repository, p.img.IsDHI())
	}
	opt := claims.Options{
		Provenance: claims.ProvenancePolicy{
			BuilderID: p.cfg.BuilderID, BuildType: p.cfg.BuildType, SourceURI: p.cfg.SourceURI, SourceRef: p.cfg.SourceRef,
			Level: p.cfg.SLSALevel, Builders: slices.Concat(row.Builders, trust.BuiltinBuilders()),
		},
		Require: p.report.Policy.Require, Now: p.written(), Blind: p.blindToAttestations(),
	}
	asked := opt.Provenance.BuilderID != "" || opt.Provenance.BuildType != "" || opt.Provenance.SourceURI != "" ||
		opt.Provenance.SourceRef != "" || opt.Provenance.Level > 0
	if asked && !slices.Contains(opt.Require, "provenance") {
		opt.Require = append(slices.Clone(opt.Require), "provenance")
	}
	if p.cfg.VSAVerifier != "" || p.cfg.VSAResource != "" || p.cfg.VSAMaxAge > 0 || len(p.cfg.VSALevels) > 0 {
		opt.VSA = &claims.VSAPolicy{
			Verifier: p.cfg.VSAVerifier, Resource: p.cfg.VSAResource, Levels: p.cfg.VSALevels, MaxAge: p.cfg.VSAMaxAge, Now: p.written(),
		}
		if !slices.Contains(opt.Require, "vsa") {
			opt.Require = append(slices.Clone(opt.Require), "vsa")
		}
	}
	for _, c := range claims.Evaluate(p.verified, opt) {
		if p.img == nil && c.State == report.CheckNotApplicable {
			continue // a bill of materials offers no claims at all
		}
		family, _, _ := cut(c.Location)
		c.Enforced = slices.Contains(opt.Require, family)
		p.report.Checks = append(p.report.Checks, c)
	}
}

// blindToAttestations says why attestations could not be looked for; "" when they could.
func (p *platform) blindToAttestations() string {
	for _, s := range p.report.Stages {
		if s.Name == report.StageAttest && (s.State == report.Failed || s.State == report.Skipped) {
			return s.Reason
		}
	}
	return ""
}

// cut takes the family off the location of a claim's check, "provenance sha256:…".
func cut(location string) (family, digest string, ok bool) {
	for i, r := range location {
		if r == ' ' {
			return location[:i], location[i+1:], true
		}
	}
	return location, "", false
}

// expected warns when a family that the publisher is known to attach is not among the
// verified ones: somebody may have taken it away. Required families are told by the
// policy.
func (p *platform) expected(opt attest.Options) (seen []report.Observation) {
	row, ok := opt.Table.For(p.img.Repository, p.img.IsDHI())
	if !ok {
		return nil
	}
	for _, family := range row.Expect {
		there := slices.ContainsFunc(p.verified, func(v attest.Verified) bool { return v.Family() == family })
		if !there && !slices.Contains(p.report.Policy.Require, family) {
			seen = append(seen, report.Observation{Stage: report.StageAttest, Kind: report.FoundNone, Family: family,
				Message: fmt.Sprintf("the publisher attaches a %s attestation (trust row %s, %s); no verified one was found", family, row.Match, row.Origin)})
		}
	}
	return seen
}
