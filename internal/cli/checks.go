package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/harden"
	"github.com/imagegate/imagegate/internal/harden/check"
)

func checksCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "checks [ID]",
		Short:   "List the hardening checks, or explain one",
		Long:    "Checks lists every hardening check with its id, severity and title. With an id it prints why the\ncheck is there, what to do, the recommendations that it answers, and an example that fails and one\nthat passes.",
		Example: "  imagegate checks\n  imagegate checks HIG-D002",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listChecks()
			}
			c, ok := harden.Find(args[0])
			if !ok {
				return fault.Usagef("explain a check", "run imagegate checks for the ids", "there is no check %q", args[0])
			}
			_, err := fmt.Fprintln(a.Stdout, strings.TrimRight(harden.Describe(c), "\n"))
			return err
		},
	}
}

// listChecks prints a table, one heading for each kind.
func (a *app) listChecks() error {
	var b strings.Builder
	var kind check.Kind
	for _, c := range harden.Checks() {
		if c.Kind != kind {
			if kind != "" {
				b.WriteByte('\n')
			}
			kind = c.Kind
			fmt.Fprintf(&b, "%s (%s)\n", strings.ToUpper(string(kind[:1]))+string(kind[1:]), whoRuns(kind))
		}
		fmt.Fprintf(&b, "  %s  %-10s  %s\n", c.ID, cmp.Or(string(c.Effective()), "-"), c.Title)
	}
	_, err := fmt.Fprint(a.Stdout, b.String())
	return err
}

// whoRuns names the command that runs the checks of a kind.
func whoRuns(k check.Kind) string {
	switch k {
	case check.Image:
		return "imagegate verify"
	case check.Dockerfile, check.Compose:
		return "imagegate lint, or verify with --lint"
	case check.Container:
		return "imagegate run-check, or verify with --run-check"
	}
	return ""
}
