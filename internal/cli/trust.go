package cli

import (
	"github.com/spf13/cobra"

	"github.com/imagegate/imagegate/internal/pipeline"
	"github.com/imagegate/imagegate/internal/render"
)

func trustCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trust",
		Short: "Show whose signatures count",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	list := &cobra.Command{
		Use:   "list",
		Short: "Print the trust table: for which repositories which keys and identities count, and where each row comes from",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			table, err := pipeline.TrustTable(cfg, readFile)
			if err != nil {
				return err
			}
			rows := make([]render.TrustRow, 0, len(table))
			for _, l := range table.List() {
				rows = append(rows, render.TrustRow{
					Match: l.Match, Signers: l.Signers, Log: string(l.Log), Expect: l.Expect, Stores: l.Stores, Origin: l.Origin, Hint: l.Hint, Shadowed: l.Shadowed,
				})
			}
			return render.TrustTable(a.Stdout, rows)
		},
	}
	bindNamed(list, "config")
	cmd.AddCommand(list)
	return cmd
}
