package cli

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imagegate/imagegate/internal/actions"
	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/pipeline"
	"github.com/imagegate/imagegate/internal/publish"
	"github.com/imagegate/imagegate/internal/registry"
	"github.com/imagegate/imagegate/internal/render"
	"github.com/imagegate/imagegate/internal/report"
)

func actionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "action",
		Short: "Gate an image as a step of a GitHub workflow",
		Long: "Action is verify with the inputs of action.yml, read from INPUT_… variables, and with outputs, job\n" +
			"summary and annotations written to the runner.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.action(cmd.Context()) },
	}
}

// action runs the gate as a step. Whatever happens, the outputs verdict and reason are
// written, so that a later step never reads an empty verdict as a good one.
func (a *app) action(ctx context.Context) error {
	runner := actions.New(a.Stdout, a.Getenv)
	where, contextErr := runner.Context()
	if secret := runner.Input("registry-password"); secret != "" {
		if err := runner.Mask(secret); err != nil {
			return fault.New(fault.Internal, "mask the password", "", err)
		}
	}
	cfg, err := config.Load(config.Sources{
		Input: runner.Input, Getenv: a.Getenv, ReadFile: readFile, GOOS: a.GOOS, GOARCH: a.GOARCH,
	})
	if err == nil && cfg.Image == "" {
		err = fault.Usagef("read the inputs", "give the image to gate, such as dhi.io/python:3.13", "the input image is missing")
	}
	if err != nil {
		return errors.Join(err, a.undecided(runner, err))
	}
	if contextErr != nil {
		cfg.Warnings = append(cfg.Warnings, contextErr.Error())
	}
	if where.Platform != "" && runner.Input("platform") == "" && cfg.Platform == config.DefaultPlatform(a.GOARCH) {
		cfg.Platform = where.Platform
	}
	if err := runner.Group("imagegate " + cfg.Image); err != nil {
		return fault.New(fault.Internal, "write to the log", "", err)
	}
	inner := *a
	inner.Stderr = runner.Writer() // one stream, so that the group holds what belongs to it
	result, runErr := inner.run(ctx, cfg, pipeline.Everything())
	groupErr := runner.EndGroup()
	if result == nil {
		return errors.Join(runErr, a.undecided(runner, runErr))
	}
	neutral := where.Restricted && withheld(cfg, runErr)
	if neutral {
		neutralise(result.Report)
		cfg.Annotations = false // one notice instead of errors: it is nobody's mistake
		groupErr = errors.Join(groupErr, runner.Annotate(actions.Annotation{
			Level: actions.LevelNotice, Title: toolName, Message: result.Report.Verdict.Reasons[0],
		}))
	}
	_, pubErr := a.publish(cfg, result, runner)
	pubErr = errors.Join(groupErr, pubErr)
	showErr := runner.StopCommands(func(w io.Writer) error {
		return render.Text(w, result.Report, render.TextOptions{})
	})
	a.code = exitCode(cfg, result.Report, runErr)
	if neutral {
		a.code = fault.OK
	} else if runErr != nil {
		a.printError(runErr)
	}
	if err := errors.Join(pubErr, showErr); err != nil {
		a.printError(err)
		if a.code == fault.OK && result.Report.Verdict.Result == report.Pass && fault.CodeOf(err) != fault.OK {
			a.code = fault.Internal
		}
	}
	return nil
}

// undecided writes the outputs of a run that could not begin.
func (a *app) undecided(runner *actions.Runner, err error) error {
	reason := render.Terminal(strings.ReplaceAll(err.Error(), "\n", "; "))
	_, pubErr := publish.Publish(publish.Bundle{
		Outputs:     publish.ErrorOutputs(reason),
		Annotations: []publish.Annotation{{Level: actions.LevelError, Title: toolName, Message: reason}},
	}, publish.Target{Runner: runner})
	return pubErr
}

// withheld says whether the registry wanted a login that GitHub did not give the run:
// pull requests from forks and of Dependabot get no secrets.
func withheld(cfg *config.Config, err error) bool {
	return cfg.RegistryPassword == "" && errors.Is(err, registry.ErrUnauthorized)
}

// neutralise explains a verdict that could not be taken through nobody's fault.
func neutralise(r *report.Report) {
	const text = "Nothing was decided: this run gets no secrets (a pull request from a fork, or Dependabot), and the registry wants a login. Run the gate on a push, or in a workflow_run workflow."
	r.Verdict = report.Verdict{Result: report.Error, Reasons: []string{text}, Rules: []report.Rule{{Name: "credentials", Result: report.Error, Message: text}}}
}
