package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom"
)

// documentPrefix begins a reference that names a bill of materials and no image.
const documentPrefix = "sbom:"

// document gates a bill of materials alone. There is no image to pull, none to find
// attestations for and none to check: those stages are skipped and say so, and what the
// bill says of itself (layers, labels, distribution) is taken on the word of whoever
// named it, as the package list is.
func (r *run) document(ctx context.Context, in *inputs) (*Result, error) {
	const op = "read the bill of materials"
	name := strings.TrimPrefix(r.cfg.Image, documentPrefix)
	switch {
	case r.cfg.AllPlatforms:
		return r.failed(nil, fault.Usagef(op, "drop platforms", "a bill of materials has no platforms to choose from"))
	case r.cfg.Base != "":
		return r.failed(nil, fault.Usagef(op, "give base-sbom in its place", "a bill of materials has no layers to compare with those of base"))
	case r.want.Attestations && len(r.cfg.Attestations) > 0:
		return r.failed(nil, fault.Usagef(op, "drop attestation, or name the image", "attestations are about an image, and a bill of materials is not one"))
	case r.want.Attestations && r.cfg.SBOMSource == sbomAttested:
		return r.failed(nil, fault.Usagef(op, "drop sbom-source, or name the image", "nothing attests a bill of materials that is in a file"))
	}
	data, list, format, err := r.readSBOM(name)
	if err != nil {
		return r.failed(nil, err)
	}
	p := &platform{run: r, inputs: in, report: r.newReport(), settled: make(chan struct{}), layered: true}
	close(p.settled)
	p.report.Subject = report.Subject{Reference: r.cfg.Image, Source: "sbom", Distro: list.Distro(), Labels: list.Labels()}
	p.report.Policy.Require = p.require()
	p.report.SBOM.Packages, p.report.SBOM.Types, p.report.SBOM.Generator = list.Packages(), list.Types(), list.Generator()
	p.evidence(report.Evidence{Kind: "sbom", Name: name, Digest: digestOf(data), Size: int64(len(data))})
	p.end(ends(report.StageResolve, report.Done, fmt.Sprintf("read %s (%s)", name, format)))
	const none = "a bill of materials was given, and no image"
	for _, stage := range []string{report.StagePull, report.StageAttest} {
		p.end(ends(stage, report.Skipped, none))
	}
	p.end(p.hardenFiles(none))
	if r.want.Hardening {
		if r.cfg.RunCheck {
			p.end(blind(report.StageRun, none, "drop run-check, or name the image"))
		}
		p.observe(r.unbounded(none)...)
	}
	if list.Packages() == 0 {
		p.end(ends(report.StageSBOM, report.Missing, "the bill of materials lists no package"))
	} else {
		p.end(ends(report.StageSBOM, report.Done, count(list.Packages(), "package")))
	}
	chain := ""
	if len(list.DiffIDs()) > 0 { // without layers a label says nothing
		chain = list.Labels()[chainLabel]
	}
	p.findBoundary(list.DiffIDs(), chain)
	if in.baseSBOM != nil {
		p.ground.purls = purlsOf(in.baseSBOM)
	}
	p.members(list, nil)
	p.observe(p.writeSBOMs(list)...)
	if r.want.Vulnerabilities {
		p.end(p.match(ctx, list, list))
	} else {
		p.end(skipped(report.StageVuln))
	}
	if r.want.Attestations {
		p.claims()
	}
	p.end(p.decide(ctx))
	p.endOf(ctx)
	p.finish()
	return &Result{Report: p.report, Files: p.files, Explained: p.explained, Timings: r.timings.list()}, errors.Join(p.faults...)
}

// unbounded tells the bounds that the user gave and that nothing can be held to: why says
// what there is instead of an image.
func (r *run) unbounded(why string) (seen []report.Observation) {
	usual, err := config.Load(config.Sources{Only: []string{}})
	if err != nil {
		return []report.Observation{saw(report.StageHarden, report.LeftOut, err.Error())}
	}
	if r.cfg.MaxImageSize != usual.MaxImageSize {
		seen = append(seen, saw(report.StageHarden, report.LeftOut, "max-image-size: "+why))
	}
	if r.cfg.MaxLayers != usual.MaxLayers {
		seen = append(seen, saw(report.StageHarden, report.LeftOut, "max-layers: "+why))
	}
	return seen
}

// readSBOM reads a bill of materials that the user named.
func (r *run) readSBOM(name string) ([]byte, *sbom.SBOM, sbom.Format, error) {
	op := "read the bill of materials " + name
	data, err := r.deps.ReadFile(name)
	if err != nil {
		return nil, nil, "", fault.New(fault.Usage, op, "give the path of a JSON document of Syft, SPDX or CycloneDX", err)
	}
	list, format, err := sbom.Decode(bytes.NewReader(data), 0)
	if err != nil {
		return nil, nil, "", fault.New(fault.Usage, op, fault.HintOf(err), err)
	}
	return data, list, format, nil
}

// readEvidence reads what the user named for membership, advisories and VEX rules.
func (r *run) readEvidence(in *inputs) error {
	var errs []error
	var err error
	if r.cfg.BaseSBOM != "" {
		if _, in.baseSBOM, _, err = r.readSBOM(r.cfg.BaseSBOM); err != nil {
			errs = append(errs, err)
		}
	}
	if in.advisories, err = r.readAdvisories(in); err != nil {
		errs = append(errs, err)
	}
	if in.accept, err = r.readRules(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
