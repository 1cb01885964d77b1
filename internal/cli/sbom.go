package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/pipeline"
	"github.com/imagegate/imagegate/internal/report"
)

func sbomCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "sbom [flags] REF",
		Aliases: []string{"extract-sbom"},
		Short:   "List the packages of an image",
		Long: "Sbom pulls REF and prints its software bill of materials in the first format of sbom-formats. With\n" +
			"--report-dir every format is written there, the list is printed, and the exit code is that of the\n" +
			"report's verdict: an image in which no package was found is an error, unless allow-empty-sbom.\n\n" + exitCodes(),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.loadImage(cmd, args)
			if err != nil {
				return err
			}
			toDir := reports(cmd)
			if toDir {
				a.begin(cfg, nil)
			} else {
				cfg.SBOMFormats = cfg.SBOMFormats[:1]
			}
			return a.sbom(cmd, cfg, toDir)
		},
	}
	bindWithout(cmd, []string{"sbom-source"}, "Image", "Access", "Reports", "Terminal")
	bindNamed(cmd, "allow-empty-sbom")
	return cmd
}

// sbom prints or writes the documents. Several platforms make several documents,
// which only a directory can hold.
func (a *app) sbom(cmd *cobra.Command, cfg *config.Config, toDir bool) error {
	if cfg.AllPlatforms && !toDir {
		return fault.Usagef("print the SBOM", "give --report-dir", "several platforms make several documents")
	}
	result, err := a.run(cmd.Context(), cfg, pipeline.Want{SBOM: true})
	if err != nil {
		return err
	}
	for _, s := range result.Report.Stages {
		if s.Name == report.StageSBOM && s.State == report.Failed {
			return fault.Unavailablef("list the packages", s.Hint, "%s", s.Reason)
		}
	}
	if toDir {
		return a.end(ending{result: result, code: exitCode(cfg, result.Report, nil), publish: true, show: func(bool) error {
			var errs []error
			for _, d := range result.Report.SBOM.Documents {
				_, err := fmt.Fprintf(a.Stdout, "%s\t%s\n", d.Format, joinPath(cfg.ReportDir, d.Path))
				errs = append(errs, err)
			}
			return errors.Join(errs...)
		}})
	}
	i := slices.IndexFunc(result.Files, func(f report.File) bool { return strings.HasPrefix(f.Path, "sbom.") })
	if i < 0 {
		return fault.New(fault.Internal, "print the SBOM", "", fmt.Errorf("no document was written: %s", strings.Join(messages(result.Report.Observations), "; ")))
	}
	_, err = a.Stdout.Write(result.Files[i].Data)
	return err
}

func messages(seen []report.Observation) []string {
	out := make([]string, len(seen))
	for i, o := range seen {
		out[i] = o.Message
	}
	return out
}
