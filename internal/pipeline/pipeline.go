// Package pipeline runs the stages over one image, or over every platform of it, and
// fills one report. It is the only package that knows all stages; they do not know
// each other.
//
// It guarantees that what was gathered is never lost: a stage that fails leaves its
// state and reason in the report and the others go on, and what a stage saw comes with
// its end, so that the policy judges it. A run that did not come to its end lets nothing
// pass. The image is read once; its attestations are fetched and verified while its layers
// come down, and the database is opened beside both.
//
// Start reading at [Run].
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/harden"
	"github.com/imagegate/imagegate/internal/harden/runcheck"
	"github.com/imagegate/imagegate/internal/image"
	"github.com/imagegate/imagegate/internal/policy"
	"github.com/imagegate/imagegate/internal/registry"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom"
)

// Want says which stages to run; resolving always runs. The zero value runs none of
// them, [Everything] all.
type Want struct {
	SBOM, Attestations, Vulnerabilities, VEX, Hardening bool
	// Explain names a vulnerability of which everything that was said is wanted.
	Explain string
}

// Everything is the whole gate.
func Everything() Want {
	return Want{SBOM: true, Attestations: true, Vulnerabilities: true, VEX: true, Hardening: true}
}

// pull says whether the layers are needed.
func (w Want) pull() bool { return w.SBOM || w.Vulnerabilities || w.Hardening }

// Deps are what a run needs of the world. Tool, Now and ReadFile are required.
type Deps struct {
	Tool report.Tool
	// Now is the time at which the verdict is taken; SourceDate, when set, is the time
	// written into reports instead (reproducible-builds.org, SOURCE_DATE_EPOCH).
	Now        time.Time
	SourceDate *time.Time
	// Clock measures how long stages take; nil measures nothing.
	Clock func() time.Time
	// ReadFile reads keys, trusted roots, certificates and VEX files.
	ReadFile func(string) ([]byte, error)
	// Glob finds the files that a vex option names.
	Glob func(string) ([]string, error)
	// TempDir holds layers until the end of the run; "" means the system's.
	TempDir string
	// Engine is the container engine's address (DOCKER_HOST).
	Engine string
	// Lint checks the files beside the image; nil means that nobody asked for it.
	Lint func(context.Context) (*harden.Result, error)
	// Run says how run-check starts the image, when it is asked for.
	Run runcheck.Options
	// Registry has what the configuration does not name of the registry client. How long a
	// silent server is waited for holds for the other servers too.
	Registry registry.Options
	// Advisories is the URL of the repository that the value auto of advisories and vex-feed
	// stands for; "" means Docker's own, and none that auto asks nobody.
	Advisories string
	// Logger gets debug records; nil discards them.
	Logger *slog.Logger
	// Progress is called when a stage begins or ends and while layers come down, from
	// several goroutines; nil means nobody watches.
	Progress func(Event)
}

// Event is a step of a run, for people who watch.
type Event struct {
	Stage    string
	Platform string
	// Done is set at the end of a stage.
	Done bool
	// Layer is set while layers come down.
	Layer *image.Progress
	// State and Reason are set at the end.
	State  report.State
	Reason string
}

// Timing is how long one stage took. Timings live apart from the report, which is
// to be comparable between runs.
type Timing struct {
	Stage    string        `json:"stage"`
	Platform string        `json:"platform,omitempty"`
	Start    time.Duration `json:"start"`
	Duration time.Duration `json:"duration"`
}

// Result is what a run produced.
type Result struct {
	// Report is canonical and has its verdict.
	Report *report.Report
	// Platforms has the report of each platform when there are several.
	Platforms []*report.Report
	// Files are the SBOMs, attestations and documents that were gathered.
	Files   []report.File
	Timings []Timing
	// Explained has what was said of the findings that Want.Explain names.
	Explained []Explained
}

// Run gates one image. The result is never nil: it holds whatever was gathered, also
// when the error is not nil.
//
// The error is the fault that kept the run from a verdict of the policy: a bad
// reference or option (code Usage), an image that could not be read (Unavailable), an
// interrupt. The verdict is then [report.Error] with the same reason. A policy that
// failed is no error.
func Run(ctx context.Context, cfg *config.Config, want Want, deps Deps) (*Result, error) {
	if deps.Logger == nil {
		deps.Logger = slog.New(slog.DiscardHandler)
	}
	r := &run{cfg: cfg, want: want, deps: deps}
	if cfg.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, cfg.Timeout, fmt.Errorf("%w (option timeout)", registry.ErrTimeout))
		defer cancel()
	}
	return r.all(ctx)
}

// Undecided is the result of a run that could not begin, because of cause. Its report says
// that nothing was looked at.
func Undecided(cfg *config.Config, deps Deps, cause error) *Result {
	r := &run{cfg: cfg, want: Everything(), deps: deps}
	result, _ := r.failed(nil, cause) // the error is cause
	return result
}

// run is one call of Run.
type run struct {
	cfg     *config.Config
	want    Want
	deps    Deps
	db      *lazyDB
	timings timings
	folders []string // of the platforms so far
	files   linted
}

func (r *run) all(ctx context.Context) (*Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // a feed that nobody waits for any more
	r.timings.clock = r.deps.Clock
	r.timings.begin()
	if r.want.Vulnerabilities {
		r.db = openDB(ctx, r) // beside everything else
		defer r.db.close()
	}
	if r.want.pull() {
		go sbom.Warm()
	}
	inputs, err := r.readInputs()
	if err := errors.Join(err, r.lint(ctx)); err != nil {
		return r.failed(nil, err)
	}
	defer inputs.docker.close()
	for _, f := range inputs.feeds {
		if f.docker == nil {
			f.start(ctx)
		}
	}
	if !inputs.advisories.auto() {
		inputs.advisories.start(ctx, r, inputs)
	}
	if strings.HasPrefix(r.cfg.Image, documentPrefix) {
		return r.document(ctx, inputs)
	}
	img, targets, err := r.resolve(ctx, inputs)
	if err != nil {
		return r.failed(nil, err)
	}
	defer func() { _ = img.Close() }()
	if isDHI(img) {
		inputs.advisories.start(ctx, r, inputs) // it is likely to have packages of Docker's
	}

	result := &Result{}
	var reports []*report.Report
	var faults []error
	for _, t := range targets {
		one, err := r.platform(ctx, img, t, inputs, len(targets) > 1)
		if err != nil {
			faults = append(faults, err)
		}
		reports = append(reports, one.report)
		result.Files = append(result.Files, one.files...)
		result.Explained = append(result.Explained, one.explained...)
	}
	if why := cutShort(ctx); why != "" {
		for _, rep := range reports { // also of those that came to their end before
			if rep.Verdict.Result.Passes() {
				notFinished(rep, why)
			}
		}
	}
	result.Report = reports[0]
	if len(reports) > 1 {
		result.Report, result.Platforms = combine(reports), reports
	}
	result.Timings = r.timings.list()
	return result, errors.Join(faults...)
}

// resolve pins the reference and chooses the images to judge.
func (r *run) resolve(ctx context.Context, in *inputs) (*registry.Image, []target, error) {
	defer r.timings.start(report.StageResolve, "")()
	r.event(Event{Stage: report.StageResolve})
	want, err := v1.ParsePlatform(r.cfg.Platform)
	if err != nil || want.OS == "" || want.Architecture == "" { // before anything is asked for
		return nil, nil, fault.Usagef("read the platform", "write os/arch or os/arch/variant, such as linux/arm64", "%q is no platform", r.cfg.Platform)
	}
	img, err := registry.Open(ctx, r.cfg.Image, r.registryOptions(in))
	if err != nil {
		r.event(Event{Stage: report.StageResolve, Done: true, State: report.Failed, Reason: err.Error()})
		return nil, nil, err
	}
	r.event(Event{Stage: report.StageResolve, Done: true, State: report.Done, Reason: img.Root.Digest.String()})
	if !r.cfg.AllPlatforms {
		return img, onePlatform(img, *want), nil
	}
	all, err := everyPlatform(ctx, img)
	if err != nil {
		return nil, nil, errors.Join(err, img.Close())
	}
	return img, all, nil
}

// registryOptions say how registries are reached.
func (r *run) registryOptions(in *inputs) registry.Options {
	opt := r.deps.Registry
	opt.Username, opt.Password = r.cfg.RegistryUsername, r.cfg.RegistryPassword
	opt.PlainHTTP, opt.RootCAs, opt.AttestationRegistry = r.cfg.PlainHTTP, in.roots, r.cfg.AttestationRegistry
	opt.Timeout, opt.Engine, opt.TempDir = r.cfg.Timeout, r.deps.Engine, r.deps.TempDir
	opt.UserAgent, opt.Logger = r.deps.Tool.Name+"/"+r.deps.Tool.Version, r.deps.Logger
	return opt
}

// failed is the result of a run that ended before there was a platform to judge.
func (r *run) failed(rep *report.Report, err error) (*Result, error) {
	if rep == nil {
		rep = r.newReport()
		rep.Subject.Reference = r.cfg.Image
		if slices.Equal(rep.Policy.Require, []string{config.RequireAuto}) {
			rep.Policy.Require = nil // what it means depends on the image
		}
		reason := strings.ReplaceAll(err.Error(), "\n", "; ") // one mistake a line
		rep.Stages = []report.Stage{{Name: report.StageResolve, State: report.Failed, Reason: reason, Hint: fault.HintOf(err)}}
	}
	r.judge(rep)
	return &Result{Report: rep.Canonical(), Timings: r.timings.list()}, err
}

// newReport is a report in which nothing was looked at.
func (r *run) newReport() *report.Report {
	rep := &report.Report{Tool: r.deps.Tool, Generated: r.written()}
	rep.Policy = report.Policy{
		FailOnSeverity: r.cfg.FailOnSeverity, OnlyFixed: r.cfg.OnlyFixed, Require: r.cfg.Require,
		VEXPolicy: r.cfg.VEXPolicy, FailOnEOL: r.cfg.FailOnEOL,
	}
	if r.cfg.UnknownSeverity != report.UnratedAuto {
		rep.Policy.UnknownSeverity = r.cfg.UnknownSeverity
	}
	rep.Policy.FailOnUnread = r.cfg.FailOnUnread
	if r.want.Hardening && r.cfg.FailOnCheck != config.SeverityNone {
		rep.Policy.FailOnCheck = r.cfg.FailOnCheck
	}
	r.files.add(rep)
	if r.cfg.MaxAge > 0 {
		rep.Policy.MaxAge = r.cfg.MaxAge.String()
	}
	r.vexRules(rep)
	rep.Database.State = report.Skipped
	return rep
}

// written is the time that goes into reports.
func (r *run) written() time.Time {
	if r.deps.SourceDate != nil {
		return *r.deps.SourceDate
	}
	return r.deps.Now
}

// combine joins the platforms' reports and takes one verdict.
func combine(reports []*report.Report) *report.Report {
	c := report.Combine(reports)
	platforms := make([]report.Platform, len(reports))
	verdicts := make([]report.Verdict, len(reports))
	for i, rep := range reports {
		platforms[i] = report.Platform{Platform: rep.Subject.Platform}
		verdicts[i] = rep.Verdict
	}
	c.Verdict = policy.Join(platforms, verdicts)
	Score(c)
	return c.Canonical()
}

func (r *run) event(e Event) {
	if r.deps.Progress != nil {
		r.deps.Progress(e)
	}
}
