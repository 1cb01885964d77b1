package dockerfile

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// maxExpanded bounds one value after ARG substitution, in bytes: variables that
// double each other would else grow without end.
const maxExpanded = 16 << 10

// predefined are the arguments that BuildKit sets by itself. A platform has to be
// assumed; linux/amd64 is, and no check depends on it.
func (f *File) predefined() []string {
	return []string{
		"BUILDPLATFORM=linux/amd64", "BUILDOS=linux", "BUILDARCH=amd64", "BUILDVARIANT=", "BUILDOSVERSION=",
		"TARGETPLATFORM=linux/amd64", "TARGETOS=linux", "TARGETARCH=amd64", "TARGETVARIANT=", "TARGETOSVERSION=", "TARGETSTAGE=default",
	}
}

// declare adds the arguments of an ARG before the first FROM.
func (f *File) declare(a *instructions.ArgCommand, lex *shell.Lex, env []string, unset map[string]bool) []string {
	for _, arg := range a.Args {
		value, ok := f.opt.BuildArgs[arg.Key]
		if !ok && arg.Value != nil {
			value, ok = expand(lex, *arg.Value, env), true
		}
		unset[arg.Key] = !ok
		if ok {
			env = set(env, arg.Key, value)
		}
	}
	return env
}

// substitute replaces the variables of word by their values. One that has none here,
// and no default in its place, stays as it is written: it may come from --build-arg or
// from the environment of the base image.
func (f *File) substitute(lex *shell.Lex, word string, env []string) (string, error) {
	out, unmatched, err := lex.ProcessWord(word, variables(env))
	if err != nil || len(unmatched) == 0 {
		return out, err
	}
	env, open := env[:len(env):len(env)], false
	for name := range unmatched {
		if needs(word, name) {
			open = true
		} else {
			env = append(env, name+"=")
		}
	}
	if !open {
		return out, nil
	}
	keep := shell.NewLex(f.escape)
	keep.SkipUnsetEnv = true
	out, _, err = keep.ProcessWord(word, variables(env))
	return out, err
}

// needs reports whether word has the variable in a place without a default: $NAME,
// ${NAME}, ${NAME#…} and the like, but not ${NAME:-…} or ${NAME:+…}.
func needs(word, name string) bool {
	for rest := word; ; {
		before, after, found := strings.Cut(rest, name)
		if !found {
			return false
		}
		rest = after
		switch op := strings.TrimPrefix(after, ":"); {
		case after != "" && identifier(rune(after[0])): // a longer name
		case strings.HasSuffix(before, "${"):
			if op == "" || op[0] != '-' && op[0] != '+' {
				return true
			}
		case strings.HasSuffix(before, "$"):
			return true
		}
	}
}

// identifier reports whether r may stand in the name of a variable.
func identifier(r rune) bool {
	return r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
}

// expand substitutes what it can and keeps the word otherwise.
func expand(lex *shell.Lex, word string, env []string) string {
	out, _, err := lex.ProcessWord(word, variables(env))
	if err != nil || len(out) > maxExpanded {
		return word
	}
	return out
}

// variables are NAME=value pairs as BuildKit's lexer asks for them. It asks for few, so
// they are looked for where they stand.
type variables []string

// Get implements [shell.EnvGetter].
func (v variables) Get(name string) (string, bool) { return lookup(v, name) }

// Keys implements [shell.EnvGetter].
func (v variables) Keys() []string {
	out := make([]string, len(v))
	for i, kv := range v {
		out[i], _, _ = strings.Cut(kv, "=")
	}
	return out
}

// set returns env with one variable changed. What earlier steps hold of env stays as it is.
func set(env []string, key, value string) []string {
	kv := key + "=" + value
	for i, old := range env {
		if strings.HasPrefix(old, kv[:len(key)+1]) {
			env = slices.Clone(env)
			env[i] = kv
			return env
		}
	}
	return append(env, kv)
}

func lookup(env []string, key string) (string, bool) {
	for i := len(env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(env[i], key); ok && strings.HasPrefix(value, "=") {
			return value[1:], true
		}
	}
	return "", false
}
