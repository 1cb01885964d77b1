package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/registry"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom"
	"github.com/imagegate/imagegate/internal/vex"
)

// chainLabel names the chain ID of the last layer of a Docker Hardened Image. Whatever
// is built on the image inherits it.
const chainLabel = dhiLabels + "chain-id"

// ground is what is known of the image that this one is built on.
type ground struct {
	boundary vex.Boundary
	diffIDs  []string
	// digests and repository are set once the base was found and its layers compared.
	digests    []string
	repository string
	// issued is true for a base that Docker vouches for: one of its images, with something
	// that its key signed.
	issued bool
	// verified are the base's own attestations; their VEX is for packages of the base
	// only.
	verified []attest.Verified
	// purls are the packages of the base by its verified bill, or by base-sbom. Nil when
	// there is none.
	purls []string
}

// findBoundary compares the label with the layers. It asks nobody.
func (p *platform) findBoundary(diffIDs []string, chainID string) {
	p.ground.diffIDs = diffIDs
	p.ground.boundary = vex.FindBoundary(diffIDs, chainID)
	var b report.Base
	switch p.ground.boundary.State {
	case vex.WholeBase:
		b.Reason = "the chain ID that the image is labelled with is that of its last layer: nothing was added"
	case vex.Derived:
		b.Reason = fmt.Sprintf("the first %d of %s are the base's", p.ground.boundary.Layers, count(len(diffIDs), "layer"))
	case vex.Unproven:
		b.Reason = "no layer of the image has the chain ID that it is labelled with: it was squashed, or only the label was copied, so nothing in it is shown to be the base's"
	default:
		return
	}
	p.setBase(b)
}

// setBase records what is known of the base.
func (p *platform) setBase(b report.Base) {
	b.Boundary, b.Layers = string(p.ground.boundary.State), p.ground.boundary.Layers
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report.Subject.Base = &b
}

// baseName is an image that may be the base, and who says so.
type baseName struct{ reference, source string }

// findBase finds the base image by the option or by verified provenance, compares its
// layers, and verifies its attestations in turn, by the same rules as the image's own.
// A chain ID is no key of a registry: without a name the base stays unknown, and only
// the layers tell its packages.
func (p *platform) findBase(ctx context.Context) []report.Observation {
	if p.inputs.baseSBOM != nil {
		p.ground.purls = purlsOf(p.inputs.baseSBOM)
	}
	state := p.ground.boundary.State
	if state != vex.Derived && (p.cfg.Base == "" || state != vex.NoBase) {
		return nil
	}
	var names []baseName
	if p.cfg.Base != "" {
		names = []baseName{{p.cfg.Base, "base"}}
	} else {
		names = p.provenBases()
	}
	defer p.timings.start("base", p.name)()
	var why []string
	for _, name := range names {
		of, err := p.tryBase(ctx, name)
		if err == nil {
			return of
		}
		why = append(why, fmt.Sprintf("%s (%s) is not: %v", name.reference, name.source, err))
	}
	if p.report.Subject.Base == nil { // no label, and base names an image that it is not built on
		return []report.Observation{saw(report.StageAttest, report.LeftOut, "the base image was not found: "+strings.Join(why, "; "))}
	}
	b := *p.report.Subject.Base
	b.Reason += "; which image that is was not shown, so none of its VEX counts: "
	if len(names) == 0 {
		b.Reason += "no verified provenance of the image names a base by digest. Build with --provenance=mode=max and sign it, or give base"
	} else {
		b.Reason += strings.Join(why, "; ")
	}
	p.setBase(b)
	kind := report.Information // its VEX does not count, which hides nothing
	if p.cfg.Base != "" {
		kind = report.LeftOut
	}
	return []report.Observation{saw(report.StageAttest, kind, "base image: "+b.Reason)}
}

// tryBase accepts an image as the base when its layers are the first of ours.
func (p *platform) tryBase(ctx context.Context, name baseName) (seen []report.Observation, err error) {
	opt := p.registryOptions(p.inputs)
	if p.img.Source != registry.SourceRegistry || !strings.HasPrefix(name.reference, p.img.Registry+"/") {
		opt.Username, opt.Password = "", "" // the login is for the image's registry only
	}
	img, err := registry.Open(ctx, name.reference, opt)
	if err != nil {
		return nil, err
	}
	defer func() { _ = img.Close() }()
	man, err := img.Manifest(ctx, p.man.Platform)
	if err != nil {
		return nil, err
	}
	layers := diffIDs(man)
	boundary := p.ground.boundary
	if boundary.State == vex.NoBase && len(layers) > 0 {
		chain := vex.ChainIDs(layers)
		boundary = vex.FindBoundary(p.ground.diffIDs, chain[len(chain)-1])
	}
	if err := boundary.CheckBase(p.ground.diffIDs, layers); err != nil {
		return nil, err
	}
	p.ground.boundary = boundary
	p.ground.digests, p.ground.repository = []string{man.Descriptor.Digest.String()}, img.Repository
	b := report.Base{Reference: img.Reference, Digest: man.Descriptor.Digest.String(), Source: name.source,
		Reason: fmt.Sprintf("the first %d of %s are those of %s", boundary.Layers, count(len(p.ground.diffIDs), "layer"), img.Reference)}
	if img.Index != nil {
		b.IndexDigest = img.Root.Digest.String()
		p.ground.digests = append(p.ground.digests, b.IndexDigest)
	}
	p.evidence(report.Evidence{Kind: "base", Name: img.Reference, Digest: b.Digest, Size: man.Descriptor.Size})
	if p.want.Attestations {
		seen = p.attestBase(ctx, img, man, &b)
	}
	p.setBase(b)
	return seen, nil
}

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

func diffIDs(m *registry.Manifest) []string {
	out := make([]string, 0, len(m.Config.RootFS.DiffIDs))
	for _, id := range m.Config.RootFS.DiffIDs {
		out = append(out, id.String())
	}
	return out
}
