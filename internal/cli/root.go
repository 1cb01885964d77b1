package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
)

// newRoot builds the command tree. Commands are thin: each says which stages it wants
// and what it shows.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "imagegate",
		Short: "Verify hardened container images before they ship",
		Long: "imagegate pulls a hardened image once, lists its packages, finds and verifies its signed\n" +
			"attestations, matches vulnerabilities, lets only verified VEX suppress them, applies a policy,\n" +
			"and leaves a report with the evidence.\n\n" + exitCodes(),
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              cobra.NoArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		a.mistaken(cmd)
		return fault.New(fault.Usage, "read the arguments", "run "+cmd.CommandPath()+" --help", err)
	})
	root.AddCommand(
		verifyCommand(a), actionCommand(a), demoCommand(a), lintCommand(a), checksCommand(a), runCheckCommand(a),
		scanCommand(a), sbomCommand(a), attestCommand(a), vexCommand(a), trustCommand(a), provenanceCommand(a), versionCommand(a),
	)
	strict(a, root)
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", ".FlagUsagesWrapped 120 "))
	return root
}

// strict makes cobra's complaints about arguments usage faults, for c and all below.
func strict(a *app, c *cobra.Command) {
	c.SuggestionsMinimumDistance = 2
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			if err == nil {
				return nil
			}
			a.mistaken(cmd)
			hint := "run " + cmd.CommandPath() + " --help"
			if cmd.HasSubCommands() && len(args) > 0 {
				if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
					hint = "do you mean " + cmd.CommandPath() + " " + strings.Join(near, ", or "+cmd.CommandPath()+" ") + "?"
				}
			}
			return fault.New(fault.Usage, "read the arguments", hint, err)
		}
	}
	for _, sub := range c.Commands() {
		strict(a, sub)
	}
}

// exitCodes is the contract, for --help.
func exitCodes() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, c := range fault.Codes() {
		fmt.Fprintf(&b, "  %3d  %s\n", int(c), c.Describe())
	}
	return b.String()
}

// load reads the configuration of a command: its flags, the file, the defaults.
func (a *app) load(cmd *cobra.Command, args []string) (*config.Config, error) {
	flags := flagValues(cmd)
	if len(args) > 0 {
		flags["image"] = []string{args[0]}
	}
	cfg, err := config.Load(config.Sources{
		Flags: flags, Getenv: a.Getenv, ReadFile: readFile, Stdin: a.Stdin, GOOS: a.GOOS, GOARCH: a.GOARCH,
	})
	if err != nil {
		a.mistaken(cmd)
	}
	return cfg, err
}

// loadImage is load for a command that wants an image, as an argument or as the key
// image of the file.
func (a *app) loadImage(cmd *cobra.Command, args []string) (*config.Config, error) {
	cfg, err := a.load(cmd, args)
	if err == nil && cfg.Image == "" {
		a.mistaken(cmd)
		return nil, fault.Usagef("read the arguments", "for example: "+cmd.CommandPath()+" dhi.io/python:3.13", "no image was given")
	}
	return cfg, err
}
