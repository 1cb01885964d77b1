package cli

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/harden/runcheck"
	"github.com/imagegate/imagegate/internal/pipeline"
	"github.com/imagegate/imagegate/internal/policy"
	"github.com/imagegate/imagegate/internal/report"
)

func verifyCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "verify [flags] REF",
		Aliases: []string{"security-full"},
		Short:   "Gate an image: everything below, with one verdict",
		Long: "Verify resolves REF, pulls it once, lists its packages, verifies its attestations, matches\n" +
			"vulnerabilities, lets verified VEX suppress them, and applies the policy.\n\n" +
			"REF is a reference (dhi.io/python:3.13), oci-dir:PATH, docker-archive:PATH, docker:REF, or\n" +
			"sbom:PATH for a bill of materials alone.\n\n" + exitCodes(),
		Example: "  imagegate verify dhi.io/python:3.13\n  imagegate verify --platforms all --fail-on-severity critical registry.example/app@sha256:…",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.loadImage(cmd, args)
			if err != nil {
				return err
			}
			return a.gate(cmd.Context(), cfg, pipeline.Everything(), gateOptions{publish: true})
		},
		Annotations: map[string]string{alwaysReports: "true"},
	}
	bind(cmd, config.Groups()...)
	return cmd
}

// gateOptions say how a gate's outcome is shown.
type gateOptions struct {
	// publish writes the report directory.
	publish bool
	// show replaces the terminal form of the report; showResult has all of the result.
	show       func(*report.Report) error
	showResult func(*pipeline.Result) error
	// exit replaces the exit code of the verdict, and says why it is another.
	exit func(*report.Report, error) (fault.Code, string)
}

// gate runs the pipeline, shows and publishes what it found, and sets the exit code.
// The error is what a person must read besides the report.
func (a *app) gate(ctx context.Context, cfg *config.Config, want pipeline.Want, opt gateOptions) error {
	if opt.publish {
		a.begin(cfg, nil)
	}
	result, runErr := a.run(ctx, cfg, want)
	if result == nil {
		return runErr
	}
	code, why := exitCode(cfg, result.Report, runErr), ""
	if opt.exit != nil {
		code, why = opt.exit(result.Report, runErr)
	}
	endErr := a.end(ending{
		result: result, code: code, why: why, publish: opt.publish,
		show: func(written bool) error {
			switch {
			case opt.showResult != nil:
				return opt.showResult(result)
			case opt.show != nil:
				return opt.show(result.Report)
			}
			return a.showReport(cfg, result.Report, written)
		},
	})
	if err := errors.Join(runErr, endErr); err != nil {
		a.printError(err)
	}
	return nil
}

// exitCode is the contract: an interrupt first, then a definite failure, then what
// kept the run from a verdict, then the verdict.
func exitCode(cfg *config.Config, r *report.Report, err error) fault.Code {
	code := policy.ExitCode(r.Verdict.Result)
	switch f := fault.CodeOf(err); {
	case f == fault.Interrupted:
		return f
	case code == fault.Policy:
	case f == fault.Usage || f == fault.Internal:
		return f
	case f != fault.OK:
		code = f
	}
	if !cfg.FailBuild {
		return fault.OK
	}
	return code
}

// run runs the pipeline with what the program has of the world. The result is nil
// only when the run could not begin.
func (a *app) run(ctx context.Context, cfg *config.Config, want pipeline.Want) (*pipeline.Result, error) {
	sourceDate, err := a.sourceDate()
	if err != nil {
		return nil, err
	}
	level := slog.LevelWarn
	if cfg.Verbose || a.Getenv("RUNNER_DEBUG") == "1" {
		level = slog.LevelDebug
	}
	watch := a.watcher(cfg)
	defer watch.close()
	for _, w := range cfg.Warnings {
		watch.line("warning: " + w)
	}
	return pipeline.Run(ctx, cfg, want, pipeline.Deps{
		Tool: tool(), Now: a.Now().UTC(), SourceDate: sourceDate, Clock: a.Now,
		ReadFile: readFile, Glob: glob, Engine: a.Getenv("DOCKER_HOST"), Advisories: a.Advisories,
		Logger:   slog.New(slog.NewTextHandler(watch, &slog.HandlerOptions{Level: level})),
		Progress: watch.event, Lint: lintBeside(cfg), Run: a.runOptions(runcheck.Options{}),
	})
}

// sourceDate reads SOURCE_DATE_EPOCH. One that is no whole number of seconds is an
// error: silently using the clock would break the promise that it makes.
func (a *app) sourceDate() (*time.Time, error) {
	v := a.Getenv("SOURCE_DATE_EPOCH")
	if v == "" {
		return nil, nil
	}
	seconds, err := strconv.ParseInt(v, 10, 64)
	if err != nil || seconds < 0 {
		return nil, fault.Usagef("read SOURCE_DATE_EPOCH", "set it to whole seconds since 1970-01-01, or unset it", "%q is no time", v)
	}
	t := time.Unix(seconds, 0).UTC()
	return &t, nil
}
