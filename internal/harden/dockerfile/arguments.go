package dockerfile

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// firstWord is the first argument that is no option, nor the value of a -o; an option
// when there is nothing else.
func firstWord(args []string) string {
	for i, a := range args {
		if !strings.HasPrefix(a, "-") && (i == 0 || args[i-1] != "-o") {
			return a
		}
	}
	if len(args) > 0 {
		return args[0]
	}
	return ""
}

func firstField(s string) string {
	if f := strings.Fields(s); len(f) > 0 {
		return f[0]
	}
	return ""
}

func has(args []string, flag string) bool {
	for _, a := range args {
		if a == flag || strings.HasPrefix(a, flag+"=") {
			return true
		}
	}
	return false
}

func inline(files []instructions.ShellInlineFile) []string {
	var out []string
	for _, f := range files {
		out = append(out, f.Data)
	}
	return out
}
