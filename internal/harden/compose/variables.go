package compose

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/tree"
)

// maxNested bounds defaults within defaults.
const maxNested = 20

// standing are variables of every shell, by what they mean in a path: where the project
// is, and whose home. They count as set.
var standing = map[string]string{"HOME": "~", "PWD": "."}

// open returns the variables that decide what text becomes and have no value here, in
// order, each once. A default decides, and so does an alternative ("${A:+b}") that is
// not taken (Compose specification, "Interpolation").
func open(text string, lookup func(string) (string, bool)) []string {
	out := openIn(text, lookup, 0)
	slices.Sort(out)
	return slices.Compact(out)
}

func openIn(text string, lookup func(string) (string, bool), depth int) []string {
	var out []string
	for depth <= maxNested {
		i := strings.IndexByte(text, '$')
		if i < 0 || i+1 == len(text) {
			break
		}
		text = text[i+1:]
		name := identifier(text)
		switch {
		case text[0] == '$': // an escaped dollar
			text = text[1:]
		case text[0] == '{':
			end := closing(text)
			if end < 0 {
				return out
			}
			out = append(out, openExpression(text[1:end], lookup, depth)...)
			text = text[end+1:]
		case name != "":
			if _, ok := lookup(name); !ok {
				out = append(out, name)
			}
			text = text[len(name):]
		}
	}
	return out
}

// openExpression looks at what stands between braces.
func openExpression(text string, lookup func(string) (string, bool), depth int) []string {
	name := identifier(text)
	op, arg := text[len(name):], ""
	value, set := lookup(name)
	if strings.HasPrefix(op, ":") {
		set, op = set && value != "", op[1:]
	}
	if op != "" {
		op, arg = op[:1], op[1:]
	}
	switch {
	case set != (op == "+"): // the value itself, or an alternative that is not taken
		return nil
	case op == "-", op == "+":
		return openIn(arg, lookup, depth+1)
	default:
		return []string{name}
	}
}

func identifier(text string) string {
	rest := strings.TrimLeftFunc(text, func(c rune) bool {
		return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
	})
	name := text[:len(text)-len(rest)]
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		return ""
	}
	return name
}

// closing is where the brace that text starts with is closed; -1 when it is not.
func closing(text string) int {
	depth := 0
	for i := range len(text) {
		switch {
		case text[i] == '{' && (i == 0 || text[i-1] == '$'):
			depth++
		case text[i] == '}':
			if depth--; depth <= 0 {
				return i
			}
		}
	}
	return -1
}

// substitute replaces variables. One that is required and has no value is taken as
// set, so that the rest of the project can be checked; a warning says so.
func (r *reader) substitute(text string, lookup template.Mapping) (string, error) {
	r.open = false
	if !strings.Contains(text, "$") {
		return text, nil
	}
	if len(text) > 64<<10 {
		return "", fmt.Errorf("a value of %d bytes with variables in it; the limit is 65536", len(text))
	}
	if strings.Count(text, "${") > 64 {
		return "", errors.New("a value with more than 64 variables")
	}
	lacking := open(text, lookup)
	for _, name := range lacking {
		if len(r.warn) < 100 {
			r.warn[fmt.Sprintf("the variable %s has no value", cut(name))] = true
		}
	}
	r.open = len(open(text, r.lookup)) > 0
	missing := map[string]string{}
	for range 8 {
		out, err := template.SubstituteWithOptions(text, func(key string) (string, bool) {
			if v, ok := missing[key]; ok {
				return v, true
			}
			v, ok := lookup(key)
			return v, ok || slices.Contains(lacking, key) // the template would log it
		}, template.WithoutLogging)
		var required *template.MissingRequiredError
		if !errors.As(err, &required) || missing[required.Variable] != "" {
			if len(out) > 1<<20 {
				return "", fmt.Errorf("a value grows to %d bytes by substitution", len(out))
			}
			if err == nil {
				err = r.addRange(out)
			}
			return out, err
		}
		missing[required.Variable] = "1"
	}
	return text, nil
}

// lenient lets a switch or a number be left open: a text that lacks a variable and is
// none is taken as false or zero, and [pass.settle] knows that it is not decided.
func (r *reader) lenient(casts map[tree.Path]interpolation.Cast) map[tree.Path]interpolation.Cast {
	out := map[tree.Path]interpolation.Cast{}
	for path, cast := range casts {
		out[path] = func(value string) (any, error) {
			v, err := cast(value)
			if err == nil || !r.open {
				return v, err
			}
			if v, err := cast("false"); err == nil {
				return v, nil
			}
			if v, err := cast("0"); err == nil {
				return v, nil
			}
			return v, err
		}
	}
	return out
}
