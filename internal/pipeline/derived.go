package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/registry"
	"github.com/imagegate/imagegate/internal/report"
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
	switch state := p.ground.boundary.State; {
	case state == vex.Derived, state == vex.NoBase && p.cfg.Base != "":
	case p.cfg.Base != "":
		return []report.Observation{saw(report.StageAttest, report.LeftOut, fmt.Sprintf("base image: %s (base) was not looked at: %s", p.cfg.Base, p.report.Subject.Base.Reason))}
	default:
		return nil
	}
	kind := report.Information // its VEX does not count, which hides nothing
	names, more := p.provenBases()
	switch {
	case p.cfg.Base != "":
		names, more, kind = []baseName{{p.cfg.Base, "base"}}, 0, report.LeftOut
	case more > 0:
		kind = report.LeftOut
	}
	defer p.timings.start("base", p.name)()
	var why []string
	family := ""
	for _, name := range names {
		of, err := p.tryBase(ctx, name)
		var other otherImage
		switch {
		case err == nil:
			return of
		case errors.As(err, &other):
			why = append(why, fmt.Sprintf("%s (%s) is not: %v", name.reference, name.source, err))
		default: // it may be the base, and its VEX may speak against what suppresses
			kind, family = report.Unread, attest.FamilyVEX
			why = append(why, fmt.Sprintf("%s (%s) could not be looked at: %v", name.reference, name.source, err))
		}
	}
	if more > 0 {
		why = append(why, fmt.Sprintf("%s more were not looked at, at most %d are", count(more, "name"), maxBases))
	}
	reason := "it was not found: " + strings.Join(why, "; ")
	if p.report.Subject.Base != nil { // else no label, and base names an image that it is not built on
		b := *p.report.Subject.Base
		b.Reason += "; which image that is was not shown, so none of its VEX counts: "
		if len(names) == 0 {
			b.Reason += "no verified provenance of the image names a base by digest. Build with --provenance=mode=max and sign it, or give base"
		} else {
			b.Reason += strings.Join(why, "; ")
		}
		p.setBase(b)
		reason = b.Reason
	}
	return []report.Observation{{Stage: report.StageAttest, Kind: kind, Family: family, Message: "base image: " + reason}}
}

// otherImage is an error that shows that an image is not the base: its registry has none
// of that name, it has none for the platform, or its layers are others. Any other error
// shows nothing.
type otherImage struct{ error }

func (e otherImage) Unwrap() error { return e.error }

// tryBase accepts an image as the base when its layers are the first of ours.
func (p *platform) tryBase(ctx context.Context, name baseName) (seen []report.Observation, err error) {
	opt := p.registryOptions(p.inputs)
	if p.img.Source != registry.SourceRegistry || !strings.HasPrefix(name.reference, p.img.Registry+"/") {
		opt.Username, opt.Password = "", "" // the login is for the image's registry only
	}
	img, err := registry.Open(ctx, name.reference, opt)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || fault.CodeOf(err) == fault.Usage {
			err = otherImage{err}
		}
		return nil, err
	}
	defer func() { _ = img.Close() }()
	man, err := img.Manifest(ctx, p.man.Platform)
	if err != nil {
		if fault.CodeOf(err) == fault.Usage {
			err = otherImage{err}
		}
		return nil, err
	}
	layers := diffIDs(man)
	boundary := p.ground.boundary
	if boundary.State == vex.NoBase && len(layers) > 0 {
		chain := vex.ChainIDs(layers)
		boundary = vex.FindBoundary(p.ground.diffIDs, chain[len(chain)-1])
	}
	if err := boundary.CheckBase(p.ground.diffIDs, layers); err != nil {
		return nil, otherImage{err}
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

func diffIDs(m *registry.Manifest) []string {
	out := make([]string, 0, len(m.Config.RootFS.DiffIDs))
	for _, id := range m.Config.RootFS.DiffIDs {
		out = append(out, id.String())
	}
	return out
}
