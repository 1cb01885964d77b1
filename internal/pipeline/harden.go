package pipeline

import (
	"context"
	"crypto/x509"
	"fmt"
	"io/fs"
	"iter"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/harden"
	"github.com/imagegate/imagegate/internal/harden/imagecheck"
	"github.com/imagegate/imagegate/internal/harden/runcheck"
	"github.com/imagegate/imagegate/internal/harden/score"
	"github.com/imagegate/imagegate/internal/image"
	"github.com/imagegate/imagegate/internal/registry"
	"github.com/imagegate/imagegate/internal/report"
)

// lint checks the files of the checkout, once for all platforms. A path that is no
// such file is the user's mistake; a file that cannot be read fails the stage.
func (r *run) lint(ctx context.Context) error {
	if r.deps.Lint == nil || !r.want.Hardening {
		return nil
	}
	defer r.timings.start("lint", "")()
	res, err := r.deps.Lint(ctx)
	if err != nil {
		r.files.failed, r.files.hint = "the files could not be checked: "+err.Error(), fault.HintOf(err)
		if fault.CodeOf(err) != fault.Unavailable {
			return err
		}
		return nil
	}
	r.files.Result = *res
	if len(res.Files) == 0 {
		r.files.failed, r.files.hint = "there is no Dockerfile and no Compose file to check", "in a workflow, actions/checkout belongs before this step; or name with lint where the files are"
	}
	return nil
}

// linted is what lint found.
type linted struct {
	harden.Result
	// failed says why the files could not be checked, hint what to do about it.
	failed, hint string
}

// add puts the outcomes into a report.
func (l *linted) add(rep *report.Report) {
	rep.Checks = append(rep.Checks, l.Checks...)
	rep.Observations = append(rep.Observations, l.Observations...)
}

// harden checks the image: its configuration and the files that were pulled. Without
// files (img is nil) the checks that need them are undecided.
func (p *platform) harden(ctx context.Context, img *image.Image) ended {
	if !p.want.Hardening {
		return skipped(report.StageHarden)
	}
	defer p.timings.start(report.StageHarden, p.name)()
	p.event(Event{Stage: report.StageHarden, Platform: p.name})
	in := imagecheck.Input{
		Reference: p.imageName(), Config: p.man.Config, Now: p.written(), Meta: fileMeta,
		Budget: imagecheck.Budget{Size: p.cfg.MaxImageSize, Layers: p.cfg.MaxLayers},
	}
	if img != nil {
		in.FS, in.Hidden = img.RootFS(), hidden(img)
	}
	for _, l := range p.man.Manifest.Layers {
		in.Layers = append(in.Layers, l.Size)
	}
	checks, err := imagecheck.Run(ctx, in)
	if err != nil {
		return failed(report.StageHarden, fmt.Errorf("check the image: %w", err))
	}
	p.mu.Lock()
	p.report.Checks = append(p.report.Checks, checks...)
	p.mu.Unlock()
	switch {
	case img == nil:
		return blind(report.StageHarden, "only the configuration could be checked: the layers could not be read", "")
	case p.run.files.failed != "":
		return blind(report.StageHarden, p.run.files.failed, p.run.files.hint)
	default:
		return ends(report.StageHarden, report.Done, tally(append(checks, p.run.files.Checks...)))
	}
}

// hidden hands over the files that no container sees.
func hidden(img *image.Image) iter.Seq[imagecheck.HiddenFile] {
	return func(yield func(imagecheck.HiddenFile) bool) {
		for f := range img.Hidden() {
			if !yield(imagecheck.HiddenFile{Path: f.Path, Layer: f.Layer, Size: f.Size, Open: f.Open}) {
				return
			}
		}
	}
}

// hardenFiles is the stage of a run without an image: why says what there is instead.
func (p *platform) hardenFiles(why string) ended {
	switch {
	case p.run.files.failed != "":
		return blind(report.StageHarden, p.run.files.failed, p.run.files.hint)
	case len(p.run.files.Files) > 0:
		return ends(report.StageHarden, report.Done, tally(p.run.files.Checks)+", of files alone: "+why)
	default:
		return ends(report.StageHarden, report.Skipped, why)
	}
}

// fileMeta reads owner and capabilities from the pulled image.
func fileMeta(info fs.FileInfo) imagecheck.Meta {
	s, ok := info.Sys().(*image.Stat)
	if !ok || s == nil {
		return imagecheck.Meta{}
	}
	_, caps := s.Xattrs["security.capability"]
	return imagecheck.Meta{UID: s.UID, GID: s.GID, Capabilities: caps, Known: true}
}

// tally sums up outcomes in words.
func tally(checks []report.Check) string {
	c := score.Comply(checks)
	text := fmt.Sprintf("%d of %s passed", c.Passed, count(c.Applicable(), "check"))
	if c.Failed > 0 {
		text += fmt.Sprintf(", %d failed", c.Failed)
	}
	if c.Undecided > 0 {
		text += fmt.Sprintf(", %d could not decide", c.Undecided)
	}
	return text
}

// Score fills the scorecard and the table of controls from the checks of r; without
// checks there are none.
func Score(r *report.Report) {
	r.Score, r.Compliance = nil, nil
	if len(r.Checks) == 0 {
		return
	}
	card := score.Twelve(r.Checks)
	r.Score = &report.Score{Card: card.String(), Passed: card.Passed, Total: card.Total}
	for _, o := range card.Outcomes {
		r.Score.Items = append(r.Score.Items, report.ScoreItem{Number: o.Number, Name: o.Name, State: o.State, By: o.By})
	}
	c := score.Comply(r.Checks)
	r.Compliance = &report.Compliance{Passed: c.Passed, Failed: c.Failed, Undecided: c.Undecided, NotApplicable: c.NotApplicable}
	for _, control := range c.Controls {
		r.Compliance.Controls = append(r.Compliance.Controls, report.Control{
			Document: control.Document, ID: control.ID, Passed: control.Passed, Failed: control.Failed,
			Undecided: control.Undecided, NotApplicable: control.NotApplicable, Failing: control.Failing,
		})
	}
}

// runCheck starts the image on the container engine and watches it. The engine pulls
// the very manifest that is judged, by digest.
func (p *platform) runCheck(ctx context.Context) ended {
	defer p.timings.start(report.StageRun, p.name)()
	p.event(Event{Stage: report.StageRun, Platform: p.name})
	opt, reason, hint := p.deps.Run, "", ""
	name := runnable(p.img, p.man, &opt)
	if opt.Archive == nil {
		Login(ctx, p.cfg, name, &opt)
	}
	o, err := runcheck.Run(ctx, name, opt)
	if err != nil {
		if ctx.Err() != nil {
			return failed(report.StageRun, ctx.Err())
		}
		reason, hint = err.Error(), fault.HintOf(err)
	}
	checks := runcheck.NotRun(p.imageName(), reason)
	if reason == "" {
		checks = runcheck.Judge(o)
	}
	p.mu.Lock()
	p.report.Checks = append(p.report.Checks, checks...)
	p.mu.Unlock()
	if reason != "" {
		return blind(report.StageRun, "could not look: "+reason, hint)
	}
	return ends(report.StageRun, report.Done, tally(checks)+" under "+o.Engine)
}

// Login hands the login that we would use for a reference to a container engine. One
// that cannot be found is left to the engine, which may have its own.
func Login(ctx context.Context, cfg *config.Config, ref string, opt *runcheck.Options) {
	login, err := registry.Credentials(ctx, ref, registry.Options{Username: cfg.RegistryUsername, Password: cfg.RegistryPassword})
	if err == nil {
		opt.Username, opt.Password, opt.IdentityToken = login.Username, login.Password, login.IdentityToken
	}
}

// Subject says what an image is, from its manifest and configuration.
func Subject(img *registry.Image, m *registry.Manifest) report.Subject { return subject(img, m) }

// Roots are the certificate authorities of ca-file on top of the system's; nil means
// only those.
func Roots(cfg *config.Config, read func(string) ([]byte, error)) (*x509.CertPool, error) {
	return (&run{cfg: cfg, deps: Deps{ReadFile: read}}).readRoots()
}
