package dockerfile

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/harden/script"
)

// ExecForm returns the instruction in exec form when text is one plain command, and
// otherwise the advice to put it into a script. The first can replace the line as is.
func ExecForm(name, text string) string {
	if words, ok := plainCommand(text); ok {
		b, err := json.Marshal(words)
		if err == nil {
			return name + " " + strings.ReplaceAll(string(b), `","`, `", "`)
		}
	}
	return "Move the shell text into a script or the program, and name that: " + name + " [\"/entrypoint\"]."
}

// plainCommand splits text into words when no shell is needed to run it.
func plainCommand(text string) ([]string, bool) {
	if strings.ContainsAny(text, "$`*?[]{}~;&|<>()\n\\\"'#=!") {
		return nil, false
	}
	cmds := script.Parse(text)
	if len(cmds) != 1 || len(cmds[0].Words) == 0 || len(cmds[0].Assign) > 0 {
		return nil, false
	}
	words := cmds[0].Words
	if words[0] == "exec" {
		words = words[1:]
	}
	if len(words) == 0 || slices.Contains(builtins, words[0]) {
		return nil, false
	}
	return words, true
}

// builtins are words that only a shell knows.
var builtins = []string{
	".", ":", "alias", "bg", "builtin", "cd", "command", "declare", "eval", "exit", "export", "fg", "hash", "jobs", "let", "local", "popd", "pushd",
	"read", "readonly", "return", "set", "shift", "shopt", "source", "time", "times", "trap", "type", "typeset", "ulimit", "umask", "unalias", "unset", "wait",
}
