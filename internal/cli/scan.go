package cli

import (
	"github.com/spf13/cobra"

	"github.com/imagegate/imagegate/internal/pipeline"
)

func scanCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "scan [flags] REF",
		Aliases: []string{"cve-scan"},
		Short:   "Find the vulnerabilities of an image, without looking for attestations",
		Long: "Scan pulls REF, lists its packages and matches vulnerabilities. Only VEX files that you name with\n" +
			"--vex, or that lie in the folder .vex, may suppress a finding. The severity gate applies. What\n" +
			"attestations must say (require, max-drift, sbom-source) is for verify. REF may also be sbom:PATH, a\n" +
			"bill of materials of Syft, SPDX or CycloneDX.\n\n" + exitCodes(),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.loadImage(cmd, args)
			if err != nil {
				return err
			}
			want := pipeline.Want{SBOM: true, Vulnerabilities: true, VEX: true}
			return a.gate(cmd.Context(), cfg, want, gateOptions{publish: reports(cmd)})
		},
	}
	bindWithout(cmd, []string{"require", "max-drift", "sbom-source"}, "Image", "Access", "VEX", "Policy", "Database", "Reports", "Terminal")
	return cmd
}
