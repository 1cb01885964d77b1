package config

import (
	"fmt"
	"strconv"
	"strings"
)

// ActionInputs returns the inputs of action.yml as YAML, made from the option table.
// Their defaults are empty on purpose: an input outranks the configuration file, and
// a default written in action.yml would arrive as an input.
func ActionInputs() string {
	var b strings.Builder
	for _, in := range actionInputs() {
		fmt.Fprintf(&b, "  %s:\n    description: %s\n    required: %t\n", in.name, strconv.Quote(in.help), in.name == "image")
		if in.name != "image" {
			b.WriteString("    default: \"\"\n")
		}
	}
	return b.String()
}

// ActionEnv returns the environment of the gate's step: composite actions get no
// INPUT_ variables of their own, so each input is mapped. The names use underscores,
// which shells can keep.
func ActionEnv() string {
	var b strings.Builder
	for _, in := range actionInputs() {
		fmt.Fprintf(&b, "        INPUT_%s: ${{ inputs.%s }}\n", strings.ToUpper(strings.ReplaceAll(in.name, "-", "_")), in.name)
	}
	return b.String()
}

// ActionOutputs returns the outputs of action.yml as YAML.
func ActionOutputs() string {
	var b strings.Builder
	for _, o := range Outputs() {
		if o.Internal {
			continue
		}
		unset := ""
		if o.Unset != "" {
			unset = " || '" + o.Unset + "'"
		}
		fmt.Fprintf(&b, "  %s:\n    description: %s\n    value: ${{ steps.%s.outputs.%s%s }}\n", o.Name, strconv.Quote(o.Help), o.Step, o.Name, unset)
	}
	return b.String()
}

type actionInput struct{ name, help string }

func actionInputs() []actionInput {
	var out []actionInput
	for _, o := range Options() {
		if o.Use == FlagOnly {
			continue
		}
		help := o.Usage()
		if o.Default != "" {
			help += " (default " + o.Default + ")"
		}
		out = append(out, actionInput{o.Name, help})
		if o.Alias != "" {
			out = append(out, actionInput{o.Alias, "Another name of " + o.Name})
		}
	}
	return out
}
