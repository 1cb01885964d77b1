package config

import (
	"fmt"
	"strings"
)

// MarkdownTable returns the option table as Markdown, one heading and table a group,
// for the README. Names are the same as flag (with two dashes), action input and
// configuration key.
func MarkdownTable() string {
	var b strings.Builder
	for _, g := range Groups() {
		fmt.Fprintf(&b, "**%s**\n\n| name | default | meaning |\n| --- | --- | --- |\n", g)
		for _, o := range Options() {
			if o.Group != g {
				continue
			}
			name := "`" + o.Name + "`"
			if o.Alias != "" {
				name += " (also `" + o.Alias + "`)"
			}
			if o.Kind == List {
				name += ", list"
			}
			if o.Use == FlagOnly {
				name += ", flag only"
			}
			def := ""
			if o.Default != "" {
				def = "`" + o.Default + "`"
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", name, def, strings.ReplaceAll(o.Usage(), "|", "\\|"))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Usage is the help of an option with its legal values.
func (o Option) Usage() string {
	if len(o.Values) > 1 && !mentionsAll(o.Help, o.Values) {
		return o.Help + "; one of " + strings.Join(o.Values, ", ")
	}
	return o.Help
}

func mentionsAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}
