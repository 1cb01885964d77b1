package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/pipeline"
	"github.com/imagegate/imagegate/internal/render"
	"github.com/imagegate/imagegate/internal/report"
)

func vexCommand(a *app) *cobra.Command {
	var explain string
	cmd := &cobra.Command{
		Use:     "vex [flags] REF",
		Aliases: []string{"check-vex"},
		Short:   "Show why each finding is, or is not, suppressed",
		Long: "Vex runs the gate without judging: it prints each finding with the decision, the statement, who\n" +
			"signed it, and for an open finding the statement that came closest. It exits 0 when everything\n" +
			"could be looked at, 3 when not.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.loadImage(cmd, args)
			if err != nil {
				return err
			}
			want := pipeline.Everything()
			want.Hardening = false
			want.Explain = explain
			return a.gate(cmd.Context(), cfg, want, gateOptions{
				publish: reports(cmd),
				showResult: func(r *pipeline.Result) error {
					return errors.Join(render.VEXDecisions(a.Stdout, r.Report, explain),
						render.VEXExplained(a.Stdout, r.Report, explained(r.Explained)))
				},
				exit: func(r *report.Report, err error) (fault.Code, string) {
					if code := fault.CodeOf(err); code != fault.OK {
						return code, ""
					}
					for _, s := range r.Stages {
						if s.State == report.Failed {
							return fault.Unavailable, s.Name + " failed: " + s.Reason
						}
					}
					return fault.OK, ""
				},
			})
		},
	}
	cmd.Example = "  imagegate vex dhi.io/python:3.13\n  imagegate vex dhi.io/python:3.13 --explain CVE-2025-4802"
	bind(cmd, "Image", "Access", "Trust", "VEX", "Database", "Reports", "Terminal")
	cmd.Flags().StringVar(&explain, "explain", "", "Only this vulnerability, by any of its names, with every statement that was heard about it")
	return cmd
}

func explained(list []pipeline.Explained) []render.Explained {
	out := make([]render.Explained, len(list))
	for i, e := range list {
		out[i] = render.Explained{Finding: e.Finding, More: e.More}
		for _, s := range e.Statements {
			out[i].Statements = append(out[i].Statements, render.Considered(s))
		}
	}
	return out
}
