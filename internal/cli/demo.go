package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/demo"
	"github.com/imagegate/imagegate/internal/fault"
)

func demoCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo [--tamper] [COMMAND] [flags]",
		Short: "Run the whole gate on an embedded image, offline",
		Long: "Demo starts a registry in this process, pushes a small signed image to it, and gates that image\n" +
			"over HTTP with the very same pipeline as verify. With --tamper, one bit of the signed VEX\n" +
			"attestation is flipped in the registry, and the gate must say so.\n\n" +
			"Another command runs on the same image, with the login, the key and the database filled in, and\n" +
			"flags go to it.\n\n" + exitCodes(),
		Example: "  imagegate demo\n  imagegate demo --tamper\n  imagegate demo attest list\n  imagegate demo vex --explain CVE-2025-0395",
		// The flags are those of the command that is run.
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if slices.ContainsFunc(args, func(s string) bool { return s == "-h" || s == "--help" }) {
				return cmd.Help()
			}
			return a.demo(cmd.Context(), args)
		},
	}
	return cmd
}

// demo serves the image and runs a command on it, verify when none is named.
func (a *app) demo(ctx context.Context, args []string) error {
	plain := slices.DeleteFunc(slices.Clone(args), func(s string) bool { return s == "--tamper" })
	command, flags := []string{"verify"}, plain
	if len(plain) > 0 && !strings.HasPrefix(plain[0], "-") {
		command, flags = plain[:1], plain[1:]
		if len(flags) > 0 && !strings.HasPrefix(flags[0], "-") {
			command, flags = plain[:2], plain[2:]
		}
	}
	root := newRoot(a)
	target, rest, err := root.Find(command)
	if err != nil || len(rest) > 0 || !target.Runnable() || target.Flags().Lookup("platform") == nil {
		return fault.Usagef("run the demo", "for example: imagegate demo, imagegate demo attest list, imagegate demo vex",
			"%q is no command that takes an image", strings.Join(command, " "))
	}

	if f := target.Flags().Lookup("config"); f != nil && !given(flags, f.Name) {
		_ = f.Value.Set(config.None)
	}
	a.mistaken(target) // no earlier verdict stands while the registry starts
	dir, err := os.MkdirTemp("", "imagegate-demo-")
	if err != nil {
		return fault.New(fault.Internal, "make a directory for the demo", "free disk space", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	d, err := demo.Start(ctx, demo.Options{Dir: dir, Tamper: len(plain) < len(args), Now: a.Now().UTC()})
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	a.Advisories = d.Advisories.URL()
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(d.Password), 0o600); err != nil {
		return fault.New(fault.Internal, "write the demo's password", "free disk space", err)
	}
	argv := append(slices.Clone(command), d.Reference)
	for _, option := range [][2]string{ // without the files of the working directory it is the same in each
		{"registry-username", d.Username}, {"registry-password-file", secret}, {"key", string(d.KeyPEM)},
		{"db", d.DBArchive}, {"cache-dir", dir}, {"platform", d.Platforms[0]}, {"require", "dhi"}, {"config", config.None}, {"vex-folder", config.None},
	} {
		if target.Flags().Lookup(option[0]) != nil && !given(flags, option[0]) {
			argv = append(argv, "--"+option[0]+"="+option[1])
		}
	}
	if !slices.ContainsFunc(flags, func(s string) bool { return strings.HasPrefix(s, "--quiet") }) {
		fmt.Fprintf(a.Stderr, "demo: %s, signed with a key made just now\n", d.Reference)
		if d.Tampered != "" {
			fmt.Fprintf(a.Stderr, "demo: %s\n", d.Tampered)
		}
	}
	root.SetArgs(append(argv, flags...))
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	return root.ExecuteContext(ctx)
}

// given says whether a flag is among the arguments; platforms stands for platform too,
// since they exclude each other.
func given(args []string, name string) bool {
	return slices.ContainsFunc(args, func(s string) bool {
		s, _, _ = strings.Cut(strings.TrimLeft(s, "-"), "=")
		return s == name || name == "platform" && s == "platforms"
	})
}
