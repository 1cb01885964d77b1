package pipeline

import (
	"context"
	"encoding/json"
	"io/fs"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/registry"
	"github.com/imagegate/imagegate/internal/report"
)

// Reverified is one subject of a report directory, judged again.
type Reverified struct {
	// Report is canonical and has its verdict.
	Report *report.Report
	// Base says that the subject is not the image but what it was built on.
	Base bool
}

// Reverify verifies the evidence in a report directory again, without a network, and
// holds it to the same rules as a run that looks at attestations alone: who signed, what
// is required, what provenance must say. It returns one canonical report with a verdict
// for each subject of the directory. The errors are those of attest.VerifyDir, and of
// options that cannot be read (code Usage).
func Reverify(ctx context.Context, cfg *config.Config, deps Deps, dir fs.FS) ([]Reverified, error) {
	r := &run{cfg: cfg, deps: deps}
	in, err := r.readInputs()
	if err != nil {
		return nil, err
	}
	again, err := attest.VerifyDir(ctx, dir, in.attestOptions(cfg, deps))
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(again, func(one attest.Reverified) bool { return !one.Base }) {
		return nil, fault.Usagef("verify saved evidence", "name the report directory of an earlier run", "it holds evidence of a base image alone")
	}
	r.want.Attestations = true
	var out []Reverified
	for _, one := range again {
		p := &platform{run: r, img: savedImage(one.Subject), inputs: in, name: one.Subject.Platform, report: r.newReport(), verified: one.Result.Verified}
		p.report.Subject = report.Subject{
			Registry: p.img.Registry, Repository: one.Subject.Repository, Digest: one.Subject.Digest.String(), Platform: one.Subject.Platform,
		}
		p.report.Attestations, p.report.Discovery = one.Result.Attestations, one.Result.Probes
		p.report.Policy.Require = nil
		if !one.Base {
			p.report.Policy.Require = p.require()
		}
		p.end(ends(report.StageResolve, report.Skipped, "verified from saved evidence"))
		p.contents(ctx) // which was not asked for
		e := attestState(one.Result)
		e.seen = one.Result.Observations
		p.end(e)
		if !one.Base {
			p.claims()
			p.observe(p.substance()...)
		}
		out = append(out, Reverified{Report: p.finish().report, Base: one.Base})
	}
	return out, nil
}

// savedImage is what the record of a report directory says of an image: enough for the
// trust table to choose a row. The index was verified by its digest.
func savedImage(s attest.Subject) *registry.Image {
	img := &registry.Image{Source: registry.SourceRegistry, Repository: s.Repository}
	img.Registry, _, _ = strings.Cut(s.Repository, "/")
	var index v1.IndexManifest
	if s.DHI && json.Unmarshal(s.IndexRaw, &index) == nil {
		img.Index = &index
	}
	return img
}
