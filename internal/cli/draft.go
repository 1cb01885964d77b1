package cli

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imagegate/imagegate/internal/actions"
	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/pipeline"
	"github.com/imagegate/imagegate/internal/publish"
	"github.com/imagegate/imagegate/internal/report"
)

// draft is the report of a run that goes on. From its first moment the places that the
// report goes to say that nothing was decided, and so they do whatever ends the run.
type draft struct {
	cfg    *config.Config
	target publish.Target
	// published is set when the run has brought its own report there.
	published bool
}

var errUnfinished = errors.New("the run did not finish: it still goes on, or was killed")

// begin starts the report. What cannot be written now cannot be later either, and is told
// then.
func (a *app) begin(cfg *config.Config, runner *actions.Runner) {
	a.draft = &draft{cfg: cfg, target: publish.Target{Dir: cfg.ReportDir, SARIFFile: cfg.SARIFFile, Runner: runner}}
	files, err := reportFiles(cfg, a.nothing(cfg, errUnfinished))
	if err != nil {
		return
	}
	res, _ := a.draft.target.Begin(files)
	for _, n := range res.Notices {
		a.notice(n)
	}
}

// nothing is the result of a run that looked at nothing, because of cause.
func (a *app) nothing(cfg *config.Config, cause error) *pipeline.Result {
	sourceDate, _ := a.sourceDate() // which may be the mistake
	return pipeline.Undecided(cfg, pipeline.Deps{Tool: tool(), Now: a.Now().UTC(), SourceDate: sourceDate}, cause)
}

// abandon ends the report of a run that ended with err before it had one.
func (a *app) abandon(err error) error {
	if a.draft == nil || a.draft.published || err == nil {
		return nil
	}
	_, err = a.publish(a.nothing(a.draft.cfg, err), fault.CodeOf(err))
	return err
}

// The marks of commands: one that writes its report directory also when none is named,
// and one that writes the SARIF file alone.
const (
	alwaysReports = "always reports"
	writesSARIF   = "writes SARIF"
)

// reports says whether a command that was called like this writes the report directory.
func reports(cmd *cobra.Command) bool {
	return cmd.Annotations[alwaysReports] != "" || cmd.Flags().Changed("report-dir")
}

// mistaken begins the report of a command that was called wrongly, as far as it is known
// where that goes: an earlier verdict there is not this call's. A directory that nobody
// named is touched only when it holds an earlier report.
func (a *app) mistaken(cmd *cobra.Command) {
	if cmd.Flags().Lookup("report-dir") == nil {
		return
	}
	for _, name := range []string{"report-dir", "sarif-file"} { // the parser stops at a mistake
		if v, ok := argument(a.Args, name); ok && cmd.Flags().Lookup(name) != nil && !cmd.Flags().Changed(name) {
			_ = cmd.Flags().Set(name, v)
		}
	}
	cfg := places(config.Sources{Flags: flagValues(cmd), Getenv: a.Getenv, ReadFile: readFile, GOOS: a.GOOS, GOARCH: a.GOARCH})
	if !reports(cmd) && cmd.Annotations[writesSARIF] == "" {
		return
	}
	if !reports(cmd) || !cmd.Flags().Changed("report-dir") && !publish.Earlier(cfg.ReportDir, tool().Name) {
		cfg.ReportDir = ""
	}
	a.begin(cfg, nil)
}

// places reads the options that say of what and where to, and of these none that is a
// mistake.
func places(s config.Sources) *config.Config {
	all := []string{"image", "report-dir", "sarif-file", "summary", "annotations", "category", "upload-artifact", "artifact-name", "retention-days"}
	load := func(names []string) (*config.Config, error) {
		s.Only = names
		return config.Load(s)
	}
	if _, err := load([]string{}); err != nil { // the configuration file
		s.ReadFile = nil
	}
	cfg, err := load(slices.DeleteFunc(all, func(name string) bool {
		_, err := load([]string{name})
		return err != nil
	}))
	if err != nil {
		return &config.Config{}
	}
	return cfg
}

// argument finds the value of a flag among arguments that could not be parsed.
func argument(args []string, name string) (string, bool) {
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if v, ok := strings.CutPrefix(arg, "--"+name+"="); ok {
			return v, true
		}
		if arg == "--"+name && i+1 < len(args) {
			return args[i+1], true
		}
	}
	return "", false
}

// ending is what a run comes to: its result, how it is shown, and its exit code so far.
type ending struct {
	result *pipeline.Result
	code   fault.Code
	// why explains the code where the verdict does not.
	why string
	// publish brings the result to where the draft is.
	publish bool
	// show prints it. written says that there is a report to point to.
	show func(written bool) error
}

// end publishes and shows a result and sets the exit code. No verdict that lets an image
// pass stands beside another exit code: it is taken back when the run ended with a fault
// or failed a rule of the command, or when it could not be written or shown. The error is what went wrong here.
func (a *app) end(e ending) error {
	a.code = e.code
	if e.code != fault.OK {
		as := report.Error
		if e.code == fault.Policy {
			as = report.Fail
		}
		e.result.Withdraw(as, fmt.Sprintf("the run ended with exit code %d: %s", e.code, cmp.Or(e.why, e.code.Describe())))
	}
	written := false
	var errs []error
	tried := func(doing string, err error) {
		if err == nil {
			return
		}
		errs = append(errs, err)
		before := a.code
		if a.code == fault.OK {
			a.code = fault.CodeOf(err)
		}
		if e.result.Withdraw(report.Error, doing+": "+err.Error()) || a.code != before {
			if e.publish { // as far as it goes: what went wrong is known
				written, _ = a.publish(e.result, a.code)
			}
		}
	}
	if e.publish {
		var err error
		written, err = a.publish(e.result, a.code)
		tried("the outcome could not be published", err)
	}
	tried("the outcome could not be shown", e.show(written))
	return errors.Join(errs...)
}
