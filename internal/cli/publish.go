package cli

import (
	"bytes"
	"errors"
	"slices"
	"strconv"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/pipeline"
	"github.com/imagegate/imagegate/internal/publish"
	"github.com/imagegate/imagegate/internal/render"
	"github.com/imagegate/imagegate/internal/report"
)

// publish renders the result and brings it to where the draft is: the report directory
// and, with a runner, the step. A renderer or an output that fails is told and stops no
// other, but a verdict that lets the image pass goes out last, and only beside all of it.
func (a *app) publish(result *pipeline.Result, code fault.Code) (written bool, err error) {
	a.draft.published = true
	cfg, runner := a.draft.cfg, a.draft.target.Runner
	files, err := reportFiles(cfg, result)
	whole := result.Report.Verdict.Result.Passes()
	if err != nil && whole {
		return false, err
	}
	errs := []error{err}
	if cfg.UploadSARIF && runner != nil && !decided(result.Report) {
		a.notice("the SARIF report is not uploaded: vulnerabilities were not decided, and code scanning would close its alerts")
	}
	b := publish.Bundle{Files: files, Whole: whole}
	if runner != nil {
		b.Outputs = append(stepOutputs(cfg, result.Report, code), publish.Outputs(result.Report)...)
		chooseSBOM(b.Outputs, cfg, result.Report)
		if cfg.Summary {
			b.Summary = fileData(files, report.FileSummary)
		}
		if cfg.Annotations {
			for _, an := range render.Annotations(result.Report, "", 0) {
				b.Annotations = append(b.Annotations, publish.Annotation(an))
			}
		}
	}
	res, err := publish.Publish(b, a.draft.target)
	for _, n := range res.Notices {
		a.notice(n)
	}
	return slices.Contains(res.Files, report.FileReport), errors.Join(append(errs, err)...)
}

// decided says that the packages were listed to their end and vulnerabilities looked for
// on every platform, or that the policy accepts an image without packages, and that the
// run came to its end.
func decided(r *report.Report) bool {
	if slices.ContainsFunc(r.Verdict.Rules, func(rule report.Rule) bool { return rule.Name == report.RuleRun }) {
		return false
	}
	looked := false
	for _, s := range r.Stages {
		switch s.Name {
		case report.StageVuln:
			looked = true
			if s.State != report.Done && (s.State != report.Missing || r.Verdict.Result == report.Error) {
				return false
			}
		case report.StageResolve, report.StagePull, report.StageSBOM:
			if s.State == report.Failed {
				return false
			}
		}
	}
	return looked
}

// reportFiles are all files of the report directory.
func reportFiles(cfg *config.Config, result *pipeline.Result) ([]report.File, error) {
	files := slices.Clone(result.Files)
	var errs []error
	add := func(name, mediaType string, write func(*bytes.Buffer) error) {
		f, err := publish.File(name, mediaType, write)
		if errors.Is(err, render.ErrNoStatements) {
			return // nothing was applied, so there is nothing to hand on
		}
		if err != nil {
			errs = append(errs, err)
			return
		}
		files = append(files, f)
	}
	r := result.Report
	add(report.FileReport, "application/json", func(b *bytes.Buffer) error { return render.JSON(b, r) })
	add(report.FileSchema, "application/schema+json", func(b *bytes.Buffer) error { _, err := b.Write(report.Schema()); return err })
	add(report.FileSummary, "text/markdown", func(b *bytes.Buffer) error { return render.Markdown(b, r, 0) })
	add(report.FileSARIF, "application/sarif+json", func(b *bytes.Buffer) error {
		return render.SARIF(b, r, render.SARIFOptions{Category: cfg.Category})
	})
	add(report.FileEvidence, "application/json", func(b *bytes.Buffer) error { return render.Evidence(b, r) })
	add(report.FileVEX, "application/json", func(b *bytes.Buffer) error { return render.OpenVEX(b, r) })
	for _, p := range result.Platforms {
		if len(p.Platforms) == 1 {
			add(p.Platforms[0].Path, "application/json", func(b *bytes.Buffer) error { return render.JSON(b, p) })
		}
	}
	timings := make([]publish.Timing, len(result.Timings))
	for i, t := range result.Timings {
		timings[i] = publish.Timing(t)
	}
	f, err := publish.TimingsFile(timings)
	if err == nil {
		files = append(files, f)
	}
	return files, errors.Join(append(errs, err)...)
}

func fileData(files []report.File, name string) []byte {
	for _, f := range files {
		if f.Path == name {
			return f.Data
		}
	}
	return nil
}

// chooseSBOM makes the output sbom the first format that was asked for, and not the
// first by name.
func chooseSBOM(outputs []publish.Output, cfg *config.Config, r *report.Report) {
	for i, o := range outputs {
		for _, d := range r.SBOM.Documents {
			if o.Name == "sbom" && len(cfg.SBOMFormats) > 0 && d.Format == cfg.SBOMFormats[0] {
				outputs[i].File = d.Path
				return
			}
		}
	}
}

// stepOutputs are the outputs that later steps of action.yml read, and the exit code.
func stepOutputs(cfg *config.Config, r *report.Report, code fault.Code) []publish.Output {
	return []publish.Output{
		{Name: "exit-code", Value: strconv.Itoa(int(code))},
		{Name: "upload-sarif", Value: strconv.FormatBool(cfg.UploadSARIF && decided(r))},
		{Name: "category", Value: render.Category(r, cfg.Category)},
		{Name: "upload-artifact", Value: strconv.FormatBool(cfg.UploadArtifact)},
		{Name: "artifact-name", Value: artifactName(cfg, r)},
		{Name: "retention-days", Value: strconv.Itoa(cfg.RetentionDays)},
	}
}
