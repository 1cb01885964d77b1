package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/imagegate/imagegate/internal/config"
)

// optionFlag holds what a flag was given, as text: the option table reads it. It is a
// pflag.Value.
type optionFlag struct {
	kind  config.Kind
	given []string
}

func (f *optionFlag) String() string { return "" }
func (f *optionFlag) Type() string   { return string(f.kind) }

func (f *optionFlag) Set(value string) error {
	f.given = append(f.given, value)
	return nil
}

// bind adds the options of the groups to a command as flags.
func bind(cmd *cobra.Command, groups ...string) { bindWithout(cmd, nil, groups...) }

// bindWithout is bind for a command to which some of the options would say nothing: what
// is asked for with a flag is looked at.
func bindWithout(cmd *cobra.Command, names []string, groups ...string) {
	for _, o := range config.Options() {
		if o.Name != "image" && slices.Contains(groups, o.Group) && !slices.Contains(names, o.Name) {
			bindOption(cmd, o)
		}
	}
	cmd.Flags().SortFlags = false
}

// bindNamed adds single options to a command as flags.
func bindNamed(cmd *cobra.Command, names ...string) {
	for _, o := range config.Options() {
		if slices.Contains(names, o.Name) {
			bindOption(cmd, o)
		}
	}
	cmd.Flags().SortFlags = false
}

func bindOption(cmd *cobra.Command, o config.Option) {
	usage := o.Usage()
	if o.Default != "" && o.Default != "false" {
		usage += " (default " + o.Default + ")"
	}
	for _, name := range []string{o.Name, o.Alias} {
		if name == "" {
			continue
		}
		f := cmd.Flags().VarPF(&optionFlag{kind: o.Kind}, name, "", usage)
		f.Hidden = name == o.Alias
		if o.Kind == config.Bool {
			f.NoOptDefVal = "true"
		}
	}
}

// flagValues collects the options that were given as flags.
func flagValues(cmd *cobra.Command) map[string][]string {
	flags := map[string][]string{}
	for _, o := range config.Options() {
		for _, name := range []string{o.Name, o.Alias} {
			if name == "" {
				continue
			}
			if f := cmd.Flags().Lookup(name); f != nil {
				if v, ok := f.Value.(*optionFlag); ok && len(v.given) > 0 {
					flags[name] = v.given
				}
			}
		}
	}
	return flags
}

// joinBools writes "--fail-build false" as "--fail-build=false": the parser takes a word
// after a flag that may stand alone for an argument, and true and false name no image.
// The result is never nil, for which cobra would read os.Args.
func joinBools(args []string) []string {
	bools := map[string]bool{}
	for _, o := range config.Options() {
		if o.Kind == config.Bool {
			bools["--"+o.Name] = true
		}
	}
	out := make([]string, 0, len(args))
	for i, arg := range args {
		if arg == "--" {
			return append(out, args[i:]...)
		}
		if n := len(out); (arg == "true" || arg == "false") && n > 0 && bools[out[n-1]] {
			out[n-1] += "=" + arg
			continue
		}
		out = append(out, arg)
	}
	return out
}
