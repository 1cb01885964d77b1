package pipeline

import (
	"bytes"
	"context"
	"fmt"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/registry"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom"
)

// attestBase verifies the attestations of the base and reads its bill.
func (p *platform) attestBase(ctx context.Context, img *registry.Image, man *registry.Manifest, b *report.Base) []report.Observation {
	subject := attest.Subject{Digest: man.Descriptor.Digest, Repository: img.Repository, DHI: img.IsDHI()}
	if img.Index != nil {
		subject.Index, subject.IndexRaw = img.Root.Digest, img.RootRaw
	}
	var stores []attest.Store
	for _, s := range img.Stores(ctx) {
		stores = append(stores, s)
	}
	res, err := attest.Verify(ctx, subject, stores, p.inputs.attestOptions(p.cfg, p.deps))
	if err != nil {
		b.Reason += fmt.Sprintf("; its attestations could not be verified: %v", err)
		return []report.Observation{{Stage: report.StageAttest, Kind: report.Unread, Family: attest.FamilyVEX,
			Message: "attestations of the base image: " + err.Error()}}
	}
	b.Attestations, b.Verified = len(res.Attestations), len(res.Verified)
	b.Reason += fmt.Sprintf("; %d of its %s verified", b.Verified, count(b.Attestations, "attestation"))
	p.ground.verified, p.ground.issued = res.Verified, len(p.issued(img, res.Verified)) > 0
	for _, f := range res.Files {
		f.Path = report.FolderBase + "/" + f.Path
		p.file(f)
	}
	for _, e := range res.Evidence {
		e.Name = "base image: " + e.Name
		if e.Path != "" {
			e.Path = report.FolderBase + "/" + e.Path
		}
		p.evidence(e)
	}
	if p.ground.purls == nil {
		p.ground.purls = p.attestedPURLs(res.Verified)
	}
	return ofBase(res)
}

// ofBase tells what was seen of the base's attestations, which have no list of their own
// in the report. Only VEX of the base decides anything: of what is shown to be something
// else it is enough to know.
func ofBase(res *attest.Result) []report.Observation {
	var out []report.Observation
	add := func(kind report.Kind, family, message string) {
		out = append(out, report.Observation{Stage: report.StageAttest, Kind: kind, Family: family, Message: "base image: " + message})
	}
	for _, o := range res.Observations {
		add(o.Kind, o.Family, o.Message)
	}
	for _, probe := range res.Probes {
		if probe.State == report.ProbeFailed {
			add(report.Unread, attest.FamilyVEX, probe.Store+": "+probe.Reason)
		}
	}
	for _, a := range res.Attestations {
		kind, family := report.Information, a.Family
		if a.Family == attest.FamilyVEX || a.Family == attest.FamilyUnknown {
			kind, family = report.Unread, attest.FamilyVEX
		}
		if a.State == report.Unreadable || a.State == report.Invalid {
			add(kind, family, fmt.Sprintf("the %s attestation %s is %s: %s", a.Family, a.Digest, a.State, a.Reason))
		}
	}
	return out
}

// attestedPURLs are the packages that verified bills of materials list; nil when there
// is none that can be read.
func (p *platform) attestedPURLs(verified []attest.Verified) []string {
	var out []string
	for _, v := range verified {
		if v.Family() != "sbom" {
			continue
		}
		list, _, err := sbom.Decode(bytes.NewReader(v.Predicate()), 0)
		if err != nil { // Docker's own format is one of them
			p.deps.Logger.Debug("an attested bill of materials was not read", "attestation", v.Digest(), "error", err)
			continue
		}
		out = append(out, purlsOf(list)...)
	}
	return out
}

func purlsOf(list *sbom.SBOM) []string {
	out := []string{}
	for _, p := range list.Installed() {
		if p.PURL != "" {
			out = append(out, p.PURL)
		}
	}
	return out
}
