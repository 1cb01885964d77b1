package cli

import (
	"fmt"
	"strings"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/render"
	"github.com/imagegate/imagegate/internal/report"
)

// showReport prints the report for a person; with quiet only the verdict and its
// first reason. written says that there is a report to point to.
func (a *app) showReport(cfg *config.Config, r *report.Report, written bool) error {
	if cfg.Quiet {
		line := strings.ToUpper(string(r.Verdict.Result))
		if len(r.Verdict.Reasons) > 0 {
			line += ": " + r.Verdict.Reasons[0]
		}
		_, err := fmt.Fprintln(a.Stdout, render.Terminal(line))
		return err
	}
	if err := render.Text(a.Stdout, r, render.TextOptions{Color: a.color()}); err != nil || !written {
		return err
	}
	_, err := fmt.Fprintf(a.Stdout, "report: %s\n", render.Terminal(joinPath(cfg.ReportDir, report.FileReport)))
	return err
}

// notice tells what was left out through nobody's mistake.
func (a *app) notice(text string) { fmt.Fprintln(a.Stderr, "notice: "+render.Terminal(text)) }
