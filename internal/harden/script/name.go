package script

import (
	"path"
	"slices"
	"strings"
)

// inline returns the script of "sh -c SCRIPT", "su USER -c SCRIPT" and "eval SCRIPT".
func (c Command) inline() (string, bool) {
	name, args := c.Name()
	if name == "eval" && len(args) > 0 {
		return strings.Join(args, " "), true
	}
	if name == "su" || name == "runuser" {
		for i, a := range args {
			if (a == "-c" || a == "--command") && i+1 < len(args) {
				return args[i+1], true
			}
		}
	}
	if !Shell(name) {
		return "", false
	}
	letters, rest := ShellOptions(args)
	if strings.Contains(letters, "c") && len(rest) > 0 {
		return rest[0], true
	}
	return "", false
}

// ShellOptions splits the arguments of a shell into the letters of its options ("-eo
// pipefail -c" has e, o and c) and what follows them.
func ShellOptions(args []string) (letters string, rest []string) {
	for len(args) > 0 && len(args[0]) > 1 && (args[0][0] == '-' || args[0][0] == '+') {
		a := args[0]
		args = args[1:]
		if a == "--" {
			break
		}
		if a[0] == '-' && a[1] != '-' {
			letters += a[1:]
		}
		if last := a[len(a)-1]; (last == 'o' || last == 'O') && a[1] != '-' && len(args) > 0 {
			args = args[1:] // its value
		}
	}
	return letters, args
}

// executed are the commands that find runs on what it finds: -exec COMMAND ;
func (c Command) executed() [][]string {
	if name, _ := c.Name(); name != "find" {
		return nil
	}
	var out [][]string
	for i, w := range c.Words {
		if w != "-exec" && w != "-execdir" && w != "-ok" {
			continue
		}
		words := c.Words[i+1:]
		if end := slices.IndexFunc(words, func(w string) bool { return w == ";" || w == "+" }); end >= 0 {
			words = words[:end]
		}
		if len(words) > 0 {
			out = append(out, words)
		}
	}
	return out
}

// Shell reports whether name is a shell.
func Shell(name string) bool {
	switch name {
	case "sh", "bash", "ash", "dash", "zsh", "ksh", "busybox":
		return true
	}
	return false
}

// Name returns the program that runs, without its directory, and its arguments. It
// looks through sudo, env, exec, time, nice, nohup, command, timeout, xargs, gosu and the
// like.
func (c Command) Name() (string, []string) {
	words := c.Words
	for len(words) > 0 {
		name := path.Base(words[0])
		switch name {
		case "exec", "command", "builtin", "nohup", "eatmydata", "time", "setsid":
			words = skipOptions(words[1:], "")
		case "nice", "ionice":
			words = skipOptions(words[1:], "nc")
		case "sudo", "doas", "env":
			withArg := "ugCpDhRT"
			if name == "env" {
				withArg = "uCS"
			}
			words = skipOptions(words[1:], withArg)
			for len(words) > 0 && isAssignment(words[0]) {
				words = words[1:]
			}
		case "stdbuf", "setpriv":
			words = skipOptions(words[1:], "ioe")
		case "xargs":
			words = skipOptions(words[1:], "adEIiLlnPs")
		case "timeout", "gosu", "su-exec", "chroot": // one operand of their own
			words = skipOptions(words[1:], "ks")
			if len(words) > 0 {
				words = words[1:]
			}
		case "busybox":
			if len(words) < 2 {
				return name, nil
			}
			words = words[1:]
		default:
			return name, words[1:]
		}
	}
	return "", nil
}

// skipOptions drops leading options; those whose last letter is in withArg take the
// next word too.
func skipOptions(words []string, withArg string) []string {
	for len(words) > 0 && strings.HasPrefix(words[0], "-") && words[0] != "-" {
		w := words[0]
		words = words[1:]
		if w == "--" {
			break
		}
		if !strings.HasPrefix(w, "--") && strings.IndexByte(withArg, w[len(w)-1]) >= 0 && len(words) > 0 {
			words = words[1:]
		}
	}
	return words
}

// Exports are the VAR=value words that put a variable into the environment of this
// command or of those after it: leading ones, and operands of export, env and sudo.
func (c Command) Exports() []string {
	out := slices.Clone(c.Assign)
	if len(c.Words) == 0 {
		return out
	}
	name := path.Base(c.Words[0])
	switch name {
	case "export", "declare", "typeset", "readonly", "env", "sudo":
	default:
		return out
	}
	for _, w := range c.Words[1:] {
		if isAssignment(w) {
			out = append(out, w)
		} else if !strings.HasPrefix(w, "-") && (name == "env" || name == "sudo") {
			break // the command
		}
	}
	return out
}

// Walk calls visit for every command and every nested one.
func Walk(cmds []Command, visit func(Command)) {
	for _, c := range cmds {
		visit(c)
		Walk(c.Subs, visit)
	}
}
