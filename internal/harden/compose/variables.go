package compose

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/tree"

	"github.com/imagegate/imagegate/internal/report"
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
// set, so that the rest of the project can be checked; an observation says so.
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
		if len(r.seen) < 100 {
			r.seen[fmt.Sprintf("the variable %s has no value", cut(name))] = report.Information
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
			if !ok && slices.Contains(lacking, key) {
				v, ok = r.fill(text, key), true // the template would log one without a value
			}
			return v, ok
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

// empty is how Compose fills in for a variable without a value.
func empty(string, string) string { return "" }

// The forms of texts, with "$" for each variable, that take numbers and addresses, and
// of the names of variables that hold them.
var (
	addressFirst = regexp.MustCompile(`^\$:[0-9$-]*:[0-9$-]+(/[a-z]+)?$`)
	portForm     = regexp.MustCompile(`^([0-9.]+:|\[[0-9a-f:]+\]:)?[0-9$-]+(:[0-9$-]+)?(/[a-z]+)?$`)
	addressName  = regexp.MustCompile(`(?i)(^|_)(IP|IPV4|ADDR|ADDRESS|BIND|LISTEN|INTERFACE|HOST)(_|$)`)
	durationName = regexp.MustCompile(`(?i)(INTERVAL|TIMEOUT|PERIOD|DELAY|WINDOW)`)
	numberName   = regexp.MustCompile(`(?i)(PORT|MEM|CPU|SIZE|LIMIT|COUNT|REPLICAS|PIDS|UID|GID|USER)`)
)

// guess fills in with something that fits where an empty text does not. What it is
// decides nothing: [pass.settle] sees that the value is open.
func guess(text, name string) string {
	form := blank(text)
	first := strings.TrimLeft(text[strings.IndexByte(text, '$')+1:], "{")
	switch {
	case addressFirst.MatchString(form) && identifier(first) == name, form == "$" && addressName.MatchString(name):
		return "0.0.0.0"
	case form == "$" && durationName.MatchString(name):
		return "1s"
	case form == "$" && numberName.MatchString(name), form != "$" && (portForm.MatchString(form) || addressFirst.MatchString(form)):
		return "1"
	}
	return "unset"
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
	for value, paths := range map[string][]string{
		"0": {"mem_limit", "mem_reservation", "memswap_limit", "shm_size", "deploy.resources.limits.memory", "deploy.resources.reservations.memory"},
		"0s": {
			"stop_grace_period", "healthcheck.interval", "healthcheck.timeout", "healthcheck.start_period", "healthcheck.start_interval",
			"deploy.restart_policy.delay", "deploy.restart_policy.window",
		},
	} {
		for _, path := range paths {
			out[tree.NewPath("services", "*", path)] = func(text string) (any, error) {
				if r.open {
					return value, nil
				}
				return text, nil
			}
		}
	}
	return out
}
