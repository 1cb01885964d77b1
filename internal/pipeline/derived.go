package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
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

// maxBases bounds how many images that provenance names are asked for.
const maxBases = 16

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
func (p *platform) findBase(ctx context.Context) {
	if p.inputs.baseSBOM != nil {
		p.ground.purls = purlsOf(p.inputs.baseSBOM)
	}
	state := p.ground.boundary.State
	if state != vex.Derived && (p.cfg.Base == "" || state != vex.NoBase) {
		return
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
		err := p.tryBase(ctx, name)
		if err == nil {
			return
		}
		why = append(why, fmt.Sprintf("%s (%s) is not: %v", name.reference, name.source, err))
	}
	if p.report.Subject.Base == nil { // no label, and base names an image that it is not built on
		p.warn(report.StageAttest, "the base image was not found: "+strings.Join(why, "; "))
		return
	}
	b := *p.report.Subject.Base
	b.Reason += "; which image that is was not shown, so none of its VEX counts: "
	if len(names) == 0 {
		b.Reason += "no verified provenance of the image names a base by digest. Build with --provenance=mode=max and sign it, or give base"
	} else {
		b.Reason += strings.Join(why, "; ")
	}
	p.setBase(b)
	p.warn(report.StageAttest, "base image: "+b.Reason)
}

// tryBase accepts an image as the base when its layers are the first of ours.
func (p *platform) tryBase(ctx context.Context, name baseName) error {
	opt := p.registryOptions(p.inputs)
	if p.img.Source != registry.SourceRegistry || !strings.HasPrefix(name.reference, p.img.Registry+"/") {
		opt.Username, opt.Password = "", "" // the login is for the image's registry only
	}
	img, err := registry.Open(ctx, name.reference, opt)
	if err != nil {
		return err
	}
	defer func() { _ = img.Close() }()
	man, err := img.Manifest(ctx, p.man.Platform)
	if err != nil {
		return err
	}
	layers := diffIDs(man)
	boundary := p.ground.boundary
	if boundary.State == vex.NoBase && len(layers) > 0 {
		chain := vex.ChainIDs(layers)
		boundary = vex.FindBoundary(p.ground.diffIDs, chain[len(chain)-1])
	}
	if err := boundary.CheckBase(p.ground.diffIDs, layers); err != nil {
		return err
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
		p.attestBase(ctx, img, man, &b)
	}
	p.setBase(b)
	return nil
}

// attestBase verifies the attestations of the base and reads its bill.
func (p *platform) attestBase(ctx context.Context, img *registry.Image, man *registry.Manifest, b *report.Base) {
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
		p.warn(report.StageAttest, "attestations of the base image: "+err.Error())
		return
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
	for _, w := range res.Warnings {
		p.warn(report.StageAttest, "base image: "+w)
	}
	if p.ground.purls == nil {
		p.ground.purls = p.attestedPURLs(res.Verified)
	}
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

// provenBases are the images that the verified provenance of the image was built from,
// by digest. Provenance of more than one stage names several.
func (p *platform) provenBases() []baseName {
	var out []baseName
	for _, v := range p.verified {
		if v.Family() != "provenance" {
			continue
		}
		for _, ref := range materials(v.Predicate()) {
			name := baseName{ref, "provenance"}
			if !slices.Contains(out, name) && len(out) < maxBases {
				out = append(out, name)
			}
		}
	}
	return out
}

// materials reads the images among the dependencies of SLSA provenance (v1,
// buildDefinition.resolvedDependencies; v0.2, materials), as references by digest.
func materials(predicate []byte) []string {
	type dependency struct {
		URI    string            `json:"uri"`
		Digest map[string]string `json:"digest"`
	}
	var doc struct {
		Definition struct {
			Resolved []dependency `json:"resolvedDependencies"`
		} `json:"buildDefinition"`
		Materials []dependency `json:"materials"`
	}
	if json.Unmarshal(predicate, &doc) != nil {
		return nil
	}
	var out []string
	for _, d := range slices.Concat(doc.Definition.Resolved, doc.Materials) {
		if ref, ok := imageOf(d.URI, d.Digest["sha256"]); ok {
			out = append(out, ref)
		}
	}
	return out
}

// imageOf turns pkg:docker/dhi.io/bash@5?digest=sha256:… into dhi.io/bash@sha256:…. A
// name without a registry is Docker Hub's.
func imageOf(uri, sha256 string) (string, bool) {
	rest, ok := strings.CutPrefix(uri, "pkg:docker/")
	if !ok {
		return "", false
	}
	rest, query, _ := strings.Cut(rest, "?")
	name, version, _ := strings.Cut(rest, "@")
	name, nameErr := url.PathUnescape(name)
	version, versionErr := url.PathUnescape(version)
	values, queryErr := url.ParseQuery(query)
	if nameErr != nil || versionErr != nil || queryErr != nil || name == "" || strings.ContainsAny(name, "@ \\") {
		return "", false
	}
	digest := values.Get("digest")
	switch {
	case digest != "":
	case strings.HasPrefix(version, "sha256:"):
		digest = version
	case sha256 != "":
		digest = "sha256:" + sha256
	default:
		return "", false
	}
	// Nothing but a repository of a registry: a name such as oci-dir:/… is read from the
	// disk, and provenance has no business there.
	host, _, _ := strings.Cut(name, "/")
	_, port, hasPort := strings.Cut(host, ":")
	if hasPort && (port == "" || strings.Trim(port, "0123456789") != "" || host == name) {
		return "", false
	}
	hex, ok := strings.CutPrefix(digest, "sha256:")
	if !ok || len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return "", false
	}
	return name + "@" + digest, true
}
