package cli

import (
	"context"
	"errors"
	"io"

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

// action runs the gate as a step. Whatever happens, report, outputs and summary are
// written, so that a later step never reads an empty verdict, or an earlier report, as a
// good one.
func (a *app) action(ctx context.Context) error {
	runner := actions.New(a.Stdout, a.Getenv)
	// The last value of an output is the one that counts: whatever ends the step, it is this
	// one until there is a verdict. A runner without outputs is told then.
	for _, o := range []publish.Output{
		{Name: "exit-code", Value: "1"}, {Name: "reason", Value: errUnfinished.Error()}, {Name: "verdict", Value: string(report.Error)},
	} {
		_ = runner.Output(o.Name, o.Value)
	}
	where, contextErr := runner.Context()
	input := runner.Input
	given := input("registry-password")
	if err := runner.Mask(given); err != nil {
		return fault.New(fault.Internal, "mask the password", "", err)
	}
	if where.Restricted && given == "" && input("registry-password-file") == "" {
		// A user whose password was withheld is nobody's mistake either.
		input = without(input, "registry-username")
	}
	cfg, err := config.Load(config.Sources{
		Input: input, Getenv: a.Getenv, ReadFile: readFile, GOOS: a.GOOS, GOARCH: a.GOARCH,
	})
	if err == nil && cfg.Image == "" {
		err = fault.Usagef("read the inputs", "give the image to gate, such as dhi.io/python:3.13", "the input image is missing")
	}
	if err != nil {
		// Of the inputs, only those count that say of what and where to.
		a.begin(places(config.Sources{Input: input, Getenv: a.Getenv, ReadFile: readFile, GOOS: a.GOOS, GOARCH: a.GOARCH}), runner)
		return err
	}
	a.begin(cfg, runner)
	if cfg.RegistryPassword != given { // it is in a file
		if err := runner.Mask(cfg.RegistryPassword); err != nil {
			return fault.New(fault.Internal, "mask the password", "", err)
		}
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
		return runErr
	}
	code := exitCode(cfg, result.Report, runErr)
	neutral := where.Restricted && withheld(cfg, runErr) && result.Report.Verdict.Result == report.Error
	if neutral {
		code = fault.OK
		neutralise(result.Report)
		cfg.Annotations = false // one notice instead of errors: it is nobody's mistake
		groupErr = errors.Join(groupErr, runner.Annotate(actions.Annotation{
			Level: actions.LevelNotice, Title: toolName, Message: result.Report.Verdict.Reasons[0],
		}))
		runErr = nil
	}
	err = a.end(ending{result: result, code: code, publish: true, show: func(bool) error {
		return errors.Join(groupErr, runner.StopCommands(func(w io.Writer) error {
			return render.Text(w, result.Report, render.TextOptions{})
		}))
	}})
	if err = errors.Join(runErr, err); err != nil {
		a.printError(err)
	}
	return nil
}

// without hides one input.
func without(input func(string) string, hidden string) func(string) string {
	return func(name string) string {
		if name == hidden {
			return ""
		}
		return input(name)
	}
}

// withheld says whether the registry wanted a login that GitHub did not give the run:
// pull requests from forks and of Dependabot get no secrets.
func withheld(cfg *config.Config, err error) bool {
	return cfg.RegistryPassword == "" && errors.Is(err, registry.ErrUnauthorized)
}

// neutralise explains a verdict that could not be taken through nobody's fault. A definite
// failure is a verdict, whatever else was withheld.
func neutralise(r *report.Report) {
	const text = "Nothing was decided: this run gets no secrets (a pull request from a fork, or Dependabot), and the registry wants a login. Run the gate on a push, or in a workflow_run workflow."
	r.Verdict = report.Verdict{Result: report.Error, Reasons: []string{text}, Rules: []report.Rule{{Name: "credentials", Result: report.Error, Message: text}}}
}
