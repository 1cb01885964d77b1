package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
func (p *platform) writeSBOMs(list *sbom.SBOM) {
	defer p.timings.start("sbom documents", p.name)()
	for _, format := range p.cfg.SBOMFormats {
		var b bytes.Buffer
		if err := list.Encode(&b, sbom.Format(format)); err != nil {
			p.saw(report.StageSBOM, report.LeftOut, fmt.Sprintf("write %s: %v", format, err))
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
func (p *platform) attest(ctx context.Context) {
	if !p.want.Attestations {
		p.stage(report.StageAttest, report.Skipped, "not asked for")
		return
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
	opt := p.signers(ctx)
	res, err := attest.Verify(ctx, subject, append(stores, p.inputs.stores...), opt)
	if err != nil {
		p.fail(report.StageAttest, err) // and what was found before it stays
	}
	if res == nil {
		return
	}
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
	p.observe(res.Observations...)
	p.file(res.Files...)
	p.evidence(res.Evidence...)
	p.expected(opt)
	if err == nil {
		p.attestState(res)
	}
}

// attestState sums up: found and verified, looked and found none, could not look.
func (p *platform) attestState(res *attest.Result) {
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
	var failed []string
	for _, probe := range res.Probes {
		if probe.State == report.ProbeFailed {
			failed = append(failed, probe.Store+": "+probe.Reason)
		}
	}
	switch {
	case len(res.Attestations) > 0:
		text := fmt.Sprintf("%d of %s verified", verified, count(len(res.Attestations), "attestation"))
		if unread > 0 {
			text += fmt.Sprintf(", %d could not be read", unread)
		}
		if len(failed) > 0 {
			text += "; could not look in " + strings.Join(failed, "; ")
		}
		p.stage(report.StageAttest, report.Done, text)
	case len(failed) > 0:
		p.fail(report.StageAttest, fault.New(fault.Unavailable, "",
			"run imagegate attest list for every place that was asked: one may want a login of its own, or more time (timeout)", errors.New(strings.Join(failed, "; "))))
	default:
		p.stage(report.StageAttest, report.Missing, "no attestation was found in "+count(len(res.Probes), "place"))
	}
}

// match finds the vulnerabilities of the packages of list, and those that list, a signed
// bill, hides of what was found.
func (p *platform) match(ctx context.Context, list, found *sbom.SBOM) {
	db, err := p.db.wait(ctx)
	if err != nil {
		p.report.Database = report.Database{State: report.Failed, Reason: err.Error()}
		p.fail(report.StageVuln, err)
		return
	}
	p.report.Database = db.Status()
	p.evidence(report.Evidence{Kind: "database", Name: "grype " + p.report.Database.Schema, Digest: p.report.Database.Checksum})
	if list.Packages() == 0 {
		p.stage(report.StageVuln, report.Missing, "there are no packages to match")
		return
	}
	defer p.timings.start(report.StageVuln, p.name)()
	p.event(Event{Stage: report.StageVuln, Platform: p.name})
	m, err := p.advised(ctx, db, list)
	if err != nil {
		p.fail(report.StageVuln, err)
		return
	}
	if list != found {
		if err := p.addHidden(ctx, db, found, m); err != nil {
			p.fail(report.StageVuln, err)
			return
		}
	}
	p.mu.Lock()
	p.report.Vulnerabilities, p.report.SBOM.Unjudged = m.Vulnerabilities, m.Unjudged
	p.mu.Unlock()
	p.observe(m.Observations...)
	p.stage(report.StageVuln, m.State, m.Reason)
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
