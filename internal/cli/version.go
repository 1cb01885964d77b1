package cli

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/imagegate/imagegate/internal/report"
)

// toolName is the product in reports.
const toolName = "imagegate"

// tool names the program in reports. Its version is the one that Go recorded when the
// module was built by version or from a tagged commit, else "devel".
func tool() report.Tool {
	t := report.Tool{Name: toolName, Version: "devel"}
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := strings.TrimPrefix(info.Main.Version, "v"); v != "" && v != "(devel)" {
			t.Version = v
		}
	}
	return t
}

func versionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, and those of the libraries that decide",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(a.Stdout, "%s %s\n", toolName, tool().Version)
			info, ok := debug.ReadBuildInfo()
			if !ok {
				return nil
			}
			fmt.Fprintf(a.Stdout, "go %s\n", strings.TrimPrefix(info.GoVersion, "go"))
			for _, m := range info.Deps {
				switch m.Path {
				case "github.com/anchore/syft", "github.com/anchore/grype", "github.com/openvex/go-vex", "github.com/sigstore/sigstore-go":
					fmt.Fprintf(a.Stdout, "%s %s\n", m.Path[strings.LastIndexByte(m.Path, '/')+1:], strings.TrimPrefix(m.Version, "v"))
				}
			}
			return nil
		},
	}
}
