package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/demo"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/pipeline"
)

func demoCommand(a *app) *cobra.Command {
	var tamper bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the whole gate on an embedded image, offline",
		Long: "Demo starts a registry in this process, pushes a small signed image to it, and gates that image\n" +
			"over HTTP with the very same pipeline as verify. With --tamper, one bit of the signed VEX\n" +
			"attestation is flipped in the registry, and the gate must say so.\n\n" + exitCodes(),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := os.MkdirTemp("", "imagegate-demo-")
			if err != nil {
				return fault.New(fault.Internal, "make a directory for the demo", "free disk space", err)
			}
			defer func() { _ = os.RemoveAll(dir) }()
			d, err := demo.Start(cmd.Context(), demo.Options{Dir: dir, Tamper: tamper, Now: a.Now().UTC()})
			if err != nil {
				return fmt.Errorf("start the demo: %w", err)
			}
			defer func() { _ = d.Close() }()
			cfg, err := a.demoConfig(cmd, d, dir)
			if err != nil {
				return err
			}
			if !cfg.Quiet {
				fmt.Fprintf(a.Stderr, "demo: %s, signed with a key made just now\n", d.Reference)
				if d.Tampered != "" {
					fmt.Fprintf(a.Stderr, "demo: %s\n", d.Tampered)
				}
			}
			return a.gate(cmd.Context(), cfg, pipeline.Everything(), gateOptions{publish: true})
		},
	}
	bind(cmd, "Image", "VEX", "Policy", "Reports", "Terminal")
	cmd.Flags().BoolVar(&tamper, "tamper", false, "Flip one bit of the VEX attestation in the registry")
	return cmd
}

// demoConfig is the configuration that the command line gives, on the demo's image,
// key, login and database.
func (a *app) demoConfig(cmd *cobra.Command, d *demo.Demo, dir string) (*config.Config, error) {
	flags, err := given(cmd)
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{
		"image": d.Reference, "registry-username": d.Username, "registry-password": d.Password,
		"key": string(d.KeyPEM), "db": d.DBArchive, "cache-dir": dir,
	} {
		flags[name] = []string{value}
	}
	if _, ok := flags["require"]; !ok {
		flags["require"] = []string{"dhi"}
	}
	cfg, err := config.Load(config.Sources{Flags: flags, NoFile: true, ReadFile: readFile, GOOS: a.GOOS, GOARCH: "amd64"})
	if err == nil {
		cfg.Warnings = nil // the demo's password is no secret
	}
	return cfg, err
}
