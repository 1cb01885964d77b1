package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/harden/runcheck"
	"github.com/imagegate/imagegate/internal/pipeline"
	"github.com/imagegate/imagegate/internal/policy"
	"github.com/imagegate/imagegate/internal/render"
	"github.com/imagegate/imagegate/internal/report"
)

func runCheckCommand(a *app) *cobra.Command {
	var opt runcheck.Options
	var memory, observe string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "run-check [flags] REF [-- ARG...]",
		Short: "Start an image as a hardened container, and watch it",
		Long: "Run-check starts REF on the container engine of DOCKER_HOST (Docker, or podman system service) as\n" +
			"65532:65532 with a read-only root, without capabilities, network or new privileges, with limits of\n" +
			"memory and processes, and a tmpfs on each --tmpfs. It watches whether the image starts, what it\n" +
			"tries to write, who it is and how it stops, then removes the container, and prints how to run it\n" +
			"hardened. The engine pulls REF when it does not have it; oci-dir:PATH and docker-archive:PATH are\n" +
			"loaded into it and removed afterwards. Arguments after -- replace the command.\n\n" +
			"It fails at findings of fail-on-severity or above. Without an engine it exits 3: it could not look.\n\n" + exitCodes(),
		Example: "  imagegate run-check dhi.io/python:3.13 -- python -m http.server\n  imagegate run-check --tmpfs /tmp --tmpfs /app/profiles registry.example/app:1",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load(cmd, args[:1])
			if err != nil {
				return err
			}
			if reports(cmd) {
				a.begin(cfg, nil)
			}
			if cmd.ArgsLenAtDash() > 1 || cmd.ArgsLenAtDash() < 0 && len(args) > 1 {
				return fault.Usagef("read the arguments", "write -- before the arguments of the container", "more than one reference")
			}
			if opt.Observe, err = config.ParseDuration(observe); err != nil {
				return fault.New(fault.Usage, "read --observe", "", err)
			}
			if opt.Memory, err = config.ParseBytes(memory); err != nil {
				return fault.New(fault.Usage, "read --memory", "", err)
			}
			if opt.Grace < 1 || opt.PIDs < 1 || opt.Observe <= 0 || opt.Observe > 10*time.Minute || opt.Grace > 600 {
				return fault.Usagef("read the arguments", "use positive numbers and at most 10 minutes", "--observe, --grace and --pids are out of their range")
			}
			opt.Cmd = args[1:]
			name, done, err := pipeline.Runnable(cmd.Context(), cfg, args[0], &opt)
			if err != nil {
				return errors.Join(err, done())
			}
			if opt.Archive == nil {
				pipeline.Login(cmd.Context(), cfg, name, &opt)
			}
			return errors.Join(a.runCheck(cmd.Context(), cfg, name, a.runOptions(opt), asJSON), done())
		},
	}
	bindNamed(cmd, "fail-on-severity", "fail-build", "report-dir", "config", "registry-username", "registry-password-stdin",
		"registry-password-file", "timeout", "quiet", "verbose")
	cmd.Flags().StringArrayVar(&opt.Tmpfs, "tmpfs", nil, "Path that may be written, several times (default /tmp)")
	cmd.Flags().StringVar(&opt.TmpfsSize, "tmpfs-size", "64m", "Size of each tmpfs")
	cmd.Flags().StringVar(&opt.User, "user", "65532:65532", "User and group")
	cmd.Flags().StringVar(&opt.Network, "network", "none", "Network of the engine")
	cmd.Flags().StringVar(&memory, "memory", "256m", "Limit of memory")
	cmd.Flags().Int64Var(&opt.PIDs, "pids", 100, "Limit of processes")
	cmd.Flags().StringArrayVar(&opt.Entrypoint, "entrypoint", nil, "Program to start instead of the image's, several times for its arguments")
	cmd.Flags().StringArrayVar(&opt.Env, "env", nil, "NAME=VALUE to add to the environment")
	cmd.Flags().StringVar(&observe, "observe", "5s", "How long to watch")
	cmd.Flags().IntVar(&opt.Grace, "grace", 10, "Seconds to stop in")
	cmd.Flags().BoolVar(&opt.NoPull, "no-pull", false, "Do not let the engine pull the image")
	cmd.Flags().BoolVar(&opt.NoProbe, "no-probe", false, "Leave out the second run, with a writable root, that finds silent writes")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print the observation as JSON")
	return cmd
}

// runOptions adds what the process knows: the engine, the clock and, where the engine
// can be on this machine, its processes.
func (a *app) runOptions(opt runcheck.Options) runcheck.Options {
	opt.Host, opt.Now = a.Getenv("DOCKER_HOST"), a.Now
	if a.GOOS == "linux" && (opt.Host == "" || strings.HasPrefix(opt.Host, "unix:")) {
		opt.Proc = os.DirFS("/proc")
	}
	return opt
}

// runCheck runs the image, shows what was seen, and sets the exit code.
func (a *app) runCheck(ctx context.Context, cfg *config.Config, ref string, opt runcheck.Options, asJSON bool) error {
	sourceDate, err := a.sourceDate()
	if err != nil {
		return err
	}
	if cfg.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, cfg.Timeout)
		defer cancel()
	}
	o, err := runcheck.Run(ctx, ref, opt)
	if err != nil {
		return err
	}
	rep := &report.Report{
		Tool: tool(), Generated: a.Now().UTC(), Subject: report.Subject{Reference: ref, Source: report.SourceContainer},
		Database: report.Database{State: report.Skipped}, Checks: runcheck.Judge(o),
		Stages: []report.Stage{{Name: report.StageHarden, State: report.Done, Reason: "a container of " + ref + " on " + o.Engine}},
	}
	if sourceDate != nil {
		rep.Generated = *sourceDate
	}
	p := policy.Policy{}
	if limit, ok := report.ParseSeverity(cfg.FailOnSeverity); ok {
		p.FailOnCheck, rep.Policy.FailOnCheck = limit, string(limit)
	}
	pipeline.Score(rep)
	rep.Score = nil // twelve items about an image and its files cannot be told from one container
	rep.Verdict = policy.EvaluateChecks(rep.Canonical(), p)
	rep = rep.Canonical()
	return a.end(ending{
		result: &pipeline.Result{Report: rep}, code: exitCode(cfg, rep, nil), publish: a.draft != nil,
		show: func(bool) error { return a.showRunCheck(cfg, rep, o, asJSON) },
	})
}

// showRunCheck prints what was seen and how to run the image hardened.
func (a *app) showRunCheck(cfg *config.Config, rep *report.Report, o *runcheck.Observation, asJSON bool) error {
	if asJSON {
		data, err := json.MarshalIndent(o, "", "  ")
		if err != nil {
			return fault.New(fault.Internal, "print the observation", "", err)
		}
		_, err = fmt.Fprintf(a.Stdout, "%s\n", data)
		return err
	}
	if !cfg.Quiet {
		a.showObservation(o)
	}
	if err := render.Lint(a.Stdout, rep, render.LintOptions{Color: a.color(), Quiet: cfg.Quiet}); err != nil {
		return err
	}
	if !cfg.Quiet {
		s := runcheck.Suggest(o)
		for _, part := range []struct{ title, text string }{
			{"docker run", s.DockerRun}, {"Compose service", s.Compose}, {"Kubernetes", s.Kubernetes},
		} {
			if _, err := fmt.Fprintf(a.Stdout, "\n# %s\n%s", part.title, paste(part.text)); err != nil {
				return err
			}
		}
	}
	return nil
}

// showObservation prints what was seen, a line each.
func (a *app) showObservation(o *runcheck.Observation) {
	line := func(label, format string, args ...any) {
		fmt.Fprintf(a.Stdout, "%-12s %s\n", label, render.Terminal(fmt.Sprintf(format, args...)))
	}
	line("Engine", "%s", o.Engine)
	line("Started as", "%s, read-only root, no capabilities, no new privileges, tmpfs %s, network %s, %d MiB, %d processes",
		o.User, strings.Join(o.Tmpfs, " "), o.Network, o.Memory>>20, o.PIDs)
	switch {
	case !o.Started:
		line("Start", "refused: %s", o.StartError)
	case o.Running:
		line("Start", "it was running at the end of the observation")
	default:
		line("Start", "it ended with status %d", o.ExitCode)
	}
	for _, p := range o.Denied {
		line("Denied", "write to %s", p)
	}
	for _, p := range o.Changed {
		line("Wrote", "%s, when the root was writable", p)
	}
	if s := o.Status; s != nil {
		line("Process", "uid %d, gid %d, effective capabilities %s, no new privileges %d", s.UID, s.GID, s.CapEff, s.NoNewPrivs)
	}
	if s := o.Stop; s != nil {
		how := fmt.Sprintf("%s: status %d", s.Signal, s.ExitCode)
		if s.Killed {
			how = fmt.Sprintf("%s: not within %d s, killed", s.Signal, s.Grace)
		} else if s.Milliseconds > 0 {
			how += fmt.Sprintf(" after %d ms", s.Milliseconds)
		}
		line("Stop", "%s", how)
	}
	if !o.Running && len(o.Log) > 0 {
		for _, text := range o.Log[max(0, len(o.Log)-5):] {
			line("Output", "%s", text)
		}
	}
	fmt.Fprintln(a.Stdout)
}

// paste keeps the indent of each line and neutralises the rest: paths and names in it
// come from the image.
func paste(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		rest := strings.TrimLeft(line, " ")
		lines[i] = line[:len(line)-len(rest)] + render.Terminal(rest)
	}
	return strings.Join(lines, "\n")
}
