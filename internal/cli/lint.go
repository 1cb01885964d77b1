package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/harden"
	"github.com/imagegate/imagegate/internal/pipeline"
	"github.com/imagegate/imagegate/internal/policy"
	"github.com/imagegate/imagegate/internal/render"
	"github.com/imagegate/imagegate/internal/report"
)

// lintFlags are the flags that only lint has.
type lintFlags struct {
	buildArgs, env      []string
	fix, write, resolve bool
	// registry is the only one that registry-username is sent to.
	registry string
}

func lintCommand(a *app) *cobra.Command {
	var flags lintFlags
	cmd := &cobra.Command{
		Use:   "lint [flags] [PATH...]",
		Short: "Check Dockerfiles and Compose files",
		Long: "Lint checks the Dockerfiles and Compose files at the paths; a directory is walked, and a pattern such as\n" +
			"services/*/Dockerfile stands for what it matches. Without a path it takes those of the option lint, and\n" +
			"the working directory when that has none. It fails at findings of fail-on-severity or above.\n" +
			"Imagegate checks lists the checks.\n\n" +
			"A file may name any registry, so --resolve sends registry-username to none but that of --registry.\n\n" +
			"--fix prints the remedies that are safe as a unified diff, and the findings on standard error;\n" +
			"--resolve asks the registries what the tags of base images are now, and lets --fix pin them.\n\n" + exitCodes(),
		Example: "  imagegate lint\n  imagegate lint --fail-on-severity medium services/ Dockerfile.prod\n  imagegate lint --fix --resolve | git apply",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				args = cfg.Lint
			}
			if len(args) == 0 {
				args = []string{"."}
			}
			return a.lint(cmd.Context(), cfg, args, flags, reports(cmd))
		},
		Annotations: map[string]string{writesSARIF: "true"},
	}
	bindNamed(cmd, "fail-on-severity", "fail-build", "lint-exclude", "hardened-bases", "report-dir", "sarif-file", "category", "config",
		"registry-username", "registry-password-stdin", "registry-password-file", "plain-http", "ca-file", "timeout", "quiet", "verbose")
	cmd.Flags().StringArrayVar(&flags.buildArgs, "build-arg", nil, "NAME=VALUE of an ARG, as of docker build")
	cmd.Flags().StringArrayVar(&flags.env, "env", nil, "NAME=VALUE of a variable in Compose files, on top of .env")
	cmd.Flags().BoolVar(&flags.fix, "fix", false, "Print the safe remedies as a unified diff")
	cmd.Flags().BoolVar(&flags.write, "write", false, "With --fix, change the files instead of printing the diff")
	cmd.Flags().StringVar(&flags.registry, "registry", "dhi.io", "Registry that registry-username is for; the others get what the Docker configuration has for them")
	cmd.Flags().BoolVar(&flags.resolve, "resolve", false, "Ask the registries which digest each base image's tag has now")
	return cmd
}

// lint checks files, shows what it found, and sets the exit code.
func (a *app) lint(ctx context.Context, cfg *config.Config, paths []string, flags lintFlags, write bool) error {
	if !write {
		cfg.ReportDir = "" // only the file that was asked for
	}
	if cfg.Category == "" {
		cfg.Category = "hardened-image-gate/lint"
	}
	if cfg.Image = strings.Join(paths, " "); write || cfg.SARIFFile != "" {
		a.begin(cfg, nil)
	}
	opt := lintOptions(cfg)
	var argErr, envErr error
	opt.BuildArgs, argErr = variables("build-arg", flags.buildArgs)
	opt.Env, envErr = variables("env", flags.env)
	if err := errors.Join(argErr, envErr); err != nil {
		return err
	}
	if flags.write && !flags.fix {
		return fault.Usagef("read the arguments", "add --fix", "--write does nothing without --fix")
	}
	sourceDate, err := a.sourceDate()
	if err != nil {
		return err
	}
	if cfg.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, cfg.Timeout)
		defer cancel()
	}
	rep := &report.Report{
		Tool: tool(), Generated: a.Now().UTC(), Subject: report.Subject{Reference: strings.Join(paths, " "), Source: report.SourceFiles},
		Database: report.Database{State: report.Skipped},
	}
	if sourceDate != nil {
		rep.Generated = *sourceDate
	}
	var bases []base
	if flags.resolve {
		if bases, err = a.resolveBases(ctx, cfg, paths, opt, flags.registry); err != nil {
			return err
		}
	}
	shown := a.Stdout
	if flags.fix {
		shown = a.Stderr // standard output is for the diff
		if err := a.fix(ctx, paths, opt, bases, flags.write); err != nil {
			return err
		}
	}
	res, err := lintFiles(ctx, paths, opt)
	if err != nil {
		return err
	}
	if len(res.Files) == 0 {
		return fault.Unavailablef("lint "+strings.Join(paths, " "), "name the files, or the directory that they are in",
			"%s", strings.Join(append([]string{"there is no Dockerfile and no Compose file, so nothing was checked"}, messages(res.Observations)...), "; "))
	}
	rep.Checks, rep.Observations = res.Checks, res.Observations
	baseErr := addBases(rep, bases)
	rep.Stages = []report.Stage{{Name: report.StageHarden, State: report.Done, Reason: lintSummary(res)}}
	p := policy.Policy{}
	if limit, ok := report.ParseSeverity(cfg.FailOnSeverity); ok {
		p.FailOnCheck, rep.Policy.FailOnCheck = limit, string(limit)
	}
	pipeline.Score(rep)
	rep.Verdict = policy.EvaluateChecks(rep.Canonical(), p)
	rep = rep.Canonical()

	endErr := a.end(ending{
		result: &pipeline.Result{Report: rep}, code: exitCode(cfg, rep, baseErr), publish: a.draft != nil,
		show: func(bool) error {
			err := render.Lint(shown, rep, render.LintOptions{Color: a.color() && !flags.fix, Quiet: cfg.Quiet})
			if !cfg.Quiet {
				showBases(shown, bases)
			}
			return err
		},
	})
	if err := errors.Join(baseErr, endErr); err != nil {
		a.printError(err)
	}
	return nil
}

// lintSummary says what was looked at.
func lintSummary(res *harden.Result) string {
	refused := 0
	for _, f := range res.Files {
		if f.Refused != "" {
			refused++
		}
	}
	text := fmt.Sprintf("%d Dockerfiles and Compose files", len(res.Files))
	if len(res.Files) == 1 {
		text = "1 file: " + res.Files[0].Path
	}
	if refused > 0 {
		text += fmt.Sprintf(", %d of which could not be parsed", refused)
	}
	return text
}
