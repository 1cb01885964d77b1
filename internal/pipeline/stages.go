package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom"
	"github.com/imagegate/imagegate/internal/vuln"
)

// identity records what was pinned.
func (p *platform) identity() {
	if p.img.Index != nil {
		p.evidence(report.Evidence{Kind: "index", Name: p.img.Reference, Digest: p.img.Root.Digest.String(), Size: p.img.Root.Size})
	}
	p.evidence(
		report.Evidence{Kind: "manifest", Name: p.name, Digest: p.man.Descriptor.Digest.String(), Size: p.man.Descriptor.Size},
		report.Evidence{Kind: "config", Name: p.name, Digest: p.man.Manifest.Config.Digest.String(), Size: p.man.Manifest.Config.Size},
	)
	for i, l := range p.report.Subject.Layers {
		p.evidence(report.Evidence{Kind: "layer", Name: fmt.Sprintf("layer %d", i), Digest: l.Digest, Size: l.Size})
	}
}

// writeSBOMs encodes the SBOM in each format that was asked for.
func (p *platform) writeSBOMs(list *sbom.SBOM) (seen []report.Observation) {
	defer p.timings.start("sbom documents", p.name)()
	for _, format := range p.cfg.SBOMFormats {
		var b bytes.Buffer
		if err := list.Encode(&b, sbom.Format(format)); err != nil {
			seen = append(seen, saw(report.StageSBOM, report.LeftOut, fmt.Sprintf("write %s: %v", format, err)))
			continue
		}
		name, mediaType := sbomFile(format)
		p.file(report.File{Path: name, MediaType: mediaType, Data: b.Bytes()})
		digest := digestOf(b.Bytes())
		p.mu.Lock()
		p.report.SBOM.Documents = append(p.report.SBOM.Documents, report.SBOMDocument{Format: format, Path: p.folder + name, Digest: digest, Size: int64(b.Len())})
		p.mu.Unlock()
		p.evidence(report.Evidence{Kind: "sbom", Name: format, Digest: digest, Size: int64(b.Len()), Path: name})
	}
	return seen
}

// sbomFile is the file name and media type of a format.
func sbomFile(format string) (name, mediaType string) {
	switch format {
	case "spdx-json":
		return "sbom.spdx.json", "application/spdx+json"
	case "cyclonedx-json":
		return "sbom.cyclonedx.json", "application/vnd.cyclonedx+json"
	default:
		return "sbom.syft.json", "application/vnd.syft+json"
	}
}

// attest finds and verifies the attestations.
func (p *platform) attest(ctx context.Context) ended {
	if !p.want.Attestations {
		return skipped(report.StageAttest)
	}
	defer p.timings.start(report.StageAttest, p.name)()
	p.event(Event{Stage: report.StageAttest, Platform: p.name})
	subject := attest.Subject{Digest: p.man.Descriptor.Digest, Repository: p.img.Repository, DHI: p.img.IsDHI()}
	if p.img.Index != nil {
		subject.Index, subject.IndexRaw = p.img.Root.Digest, p.img.RootRaw
	}
	var stores []attest.Store
	for _, s := range p.img.Stores(ctx) {
		stores = append(stores, s)
	}
	opt, seen := p.signers(ctx)
	res, err := attest.Verify(ctx, subject, append(stores, p.inputs.stores...), opt)
	p.mu.Lock()
	p.report.Discovery, p.report.Attestations = res.Probes, res.Attestations
	if p.folder != "" {
		for i := range p.report.Attestations {
			if p.report.Attestations[i].Path != "" {
				p.report.Attestations[i].Path = p.folder + p.report.Attestations[i].Path
			}
		}
	}
	p.verified, p.doubtful = res.Verified, res.Unverified
	p.mu.Unlock()
	p.file(res.Files...)
	p.evidence(res.Evidence...)
	seen = slices.Concat(seen, res.Observations, p.expected(opt))
	if err != nil {
		return failed(report.StageAttest, err, seen...) // and what was found before it stays
	}
	e := attestState(res)
	e.seen = seen
	return e
}

// attestState sums up: found and verified, looked and found none, could not look.
func attestState(res *attest.Result) ended {
	verified, unread := 0, 0
	for _, a := range res.Attestations {
		switch a.State {
		case report.Verified:
			verified++
		case report.Unreadable:
			unread++
		case report.Unverified, report.Invalid:
		}
	}
	var blind []string
	for _, probe := range res.Probes {
		if probe.State == report.ProbeFailed {
			blind = append(blind, probe.Store+": "+probe.Reason)
		}
	}
	switch {
	case len(res.Attestations) > 0:
		text := fmt.Sprintf("%d of %s verified", verified, count(len(res.Attestations), "attestation"))
		if unread > 0 {
			text += fmt.Sprintf(", %d could not be read", unread)
		}
		if len(blind) > 0 {
			text += "; could not look in " + strings.Join(blind, "; ")
		}
		return ends(report.StageAttest, report.Done, text)
	case len(blind) > 0:
		return failed(report.StageAttest, fault.New(fault.Unavailable, "",
			"run imagegate attest list for every place that was asked: one may want a login of its own, or more time (timeout)", errors.New(strings.Join(blind, "; "))))
	default:
		return ends(report.StageAttest, report.Missing, "no attestation was found in "+count(len(res.Probes), "place"))
	}
}

// match finds the vulnerabilities of the packages of list, and those that list, a signed
// bill, hides of what was found.
func (p *platform) match(ctx context.Context, list, found *sbom.SBOM) ended {
	db, err := p.db.wait(ctx)
	if err != nil {
		p.report.Database = report.Database{State: report.Failed, Reason: err.Error()}
		return failed(report.StageVuln, err)
	}
	p.report.Database = db.Status()
	p.evidence(report.Evidence{Kind: "database", Name: "grype " + p.report.Database.Schema, Digest: p.report.Database.Checksum})
	if list.Packages() == 0 {
		return ends(report.StageVuln, report.Missing, "there are no packages to match")
	}
	defer p.timings.start(report.StageVuln, p.name)()
	p.event(Event{Stage: report.StageVuln, Platform: p.name})
	lists := []*sbom.SBOM{list}
	if list != found {
		lists = append(lists, found)
	}
	by, err := p.advice(ctx, lists...)
	if err != nil {
		return failed(report.StageVuln, err)
	}
	m, err := p.advised(ctx, db, list, by)
	if err == nil && list != found {
		err = p.addHidden(ctx, db, found, by, m)
	}
	if err != nil {
		return failed(report.StageVuln, err)
	}
	if by.feed != nil {
		p.adviseSources(m, by.feed)
	}
	p.mu.Lock()
	p.report.Vulnerabilities, p.report.SBOM.Unjudged = m.Vulnerabilities, m.Unjudged
	p.mu.Unlock()
	return ends(report.StageVuln, m.State, m.Reason, m.Observations...)
}

// dbOptions says which database to open.
func (r *run) dbOptions() (vuln.DBOptions, error) {
	in, err := r.readRoots()
	if err != nil {
		return vuln.DBOptions{}, err
	}
	dir := r.cfg.CacheDir
	if !r.cfg.Cache {
		dir = "" // a temporary one
	}
	maxAge := r.cfg.DBMaxAge
	if maxAge == 0 {
		maxAge = -1 // any age: there, 0 means the default
	}
	return vuln.DBOptions{
		CacheDir: dir, DB: r.cfg.DB, MaxAge: maxAge, Now: r.deps.Now, Timeout: r.cfg.Timeout, RootCAs: in,
		UserAgent: r.deps.Tool.Name + "/" + r.deps.Tool.Version, Logger: r.deps.Logger,
		IdleTimeout: r.deps.Registry.IdleTimeout, RetryWait: r.deps.Registry.Backoff,
	}, nil
}
