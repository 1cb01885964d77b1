package cli

import (
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
			cfg, err := a.load(cmd, args)
			if err != nil {
				return err
			}
			if err := needImage(cmd, cfg); err != nil {
				return err
			}
			return a.gate(cmd.Context(), cfg, pipeline.Everything(), gateOptions{
				publish: cmd.Flags().Changed("report-dir"),
				show:    func(r *report.Report) error { return render.VEXDecisions(a.Stdout, r, explain) },
				exit: func(r *report.Report, err error) fault.Code {
					if code := fault.CodeOf(err); code != fault.OK {
						return code
					}
					for _, s := range r.Stages {
						if s.State == report.Failed {
							return fault.Unavailable
						}
					}
					return fault.OK
				},
			})
		},
	}
	bind(cmd, "Image", "Access", "Trust", "VEX", "Database", "Reports", "Terminal")
	cmd.Flags().StringVar(&explain, "explain", "", "Only this vulnerability, by any of its names")
	return cmd
}
