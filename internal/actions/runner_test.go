package actions_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// The functions here read what a runner reads, by the rules of actions/runner
// (FileCommandManager and ActionCommand): the tests look at what it would understand
// and not at what we wrote.

type pair struct{ name, value string }

// readOutputs parses a GITHUB_OUTPUT file. crlf says that lines may also end in CRLF,
// as on a Windows runner.
func readOutputs(text string, crlf bool) ([]pair, error) {
	var pairs []pair
	next := func() (line, newline string, ok bool) {
		if text == "" {
			return "", "", false
		}
		i := strings.IndexByte(text, '\n')
		if i < 0 {
			line, text = text, ""
			return line, "", true
		}
		line, newline, text = text[:i], "\n", text[i+1:]
		if crlf && strings.HasSuffix(line, "\r") {
			line, newline = line[:len(line)-1], "\r\n"
		}
		return line, newline, true
	}
	for {
		line, _, ok := next()
		if !ok {
			return pairs, nil
		}
		if line == "" {
			continue
		}
		equals, heredoc := strings.Index(line, "="), strings.Index(line, "<<")
		switch {
		case equals >= 0 && (heredoc < 0 || equals < heredoc):
			name, value, _ := strings.Cut(line, "=")
			pairs = append(pairs, pair{name, value})
		case heredoc > 0:
			name, delimiter, _ := strings.Cut(line, "<<")
			var value strings.Builder
			for last := ""; ; {
				line, newline, ok := next()
				if !ok {
					return pairs, errors.New("matching delimiter not found")
				}
				if line == delimiter {
					break
				}
				value.WriteString(last)
				value.WriteString(line)
				last = newline
			}
			pairs = append(pairs, pair{name, value.String()})
		default:
			return pairs, errors.New("invalid format: " + line)
		}
	}
}

type command struct {
	name, data string
	properties map[string]string
}

// readCommands finds the workflow commands in a log. .NET ends lines at CR, LF and
// CRLF.
func readCommands(log string) []command {
	var found []command
	stopped := ""
	for _, line := range strings.FieldsFunc(log, func(c rune) bool { return c == '\n' || c == '\r' }) {
		c, ok := parseCommand(line)
		switch {
		case !ok:
		case stopped != "":
			if c.name == stopped {
				stopped = ""
			}
		case c.name == "stop-commands":
			stopped = c.data
		default:
			found = append(found, c)
		}
	}
	return found
}

func parseCommand(line string) (command, bool) {
	data := strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%")
	if line = strings.TrimLeftFunc(line, unicode.IsSpace); strings.HasPrefix(line, "::") {
		info, message, ok := strings.Cut(line[2:], "::")
		if !ok {
			return command{}, false
		}
		name, list, _ := strings.Cut(info, " ")
		c := command{name: name, data: data.Replace(message), properties: map[string]string{}}
		property := strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%")
		for _, p := range strings.Split(strings.TrimSpace(list), ",") {
			if k, v, ok := strings.Cut(p, "="); ok && k != "" && v != "" {
				c.properties[k] = property.Replace(v)
			}
		}
		return c, true
	}
	// The older form counts anywhere in a line.
	if _, rest, ok := strings.Cut(line, "##["); ok {
		if info, message, ok := strings.Cut(rest, "]"); ok {
			name, _, _ := strings.Cut(info, " ")
			return command{name: name, data: message}, true
		}
	}
	return command{}, false
}

// env is a getenv over a map.
func env(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// outputFile returns a runner's output file and the variables that name it.
func outputFile(t *testing.T) (string, func(string) string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "output")
	return path, env(map[string]string{"GITHUB_OUTPUT": path})
}

// hostile are texts that try to leave the place that they were put into.
var hostile = []string{
	"",
	"plain",
	"two\nlines",
	"\n\n",
	"a=b",
	"x<<EOF\ny\nEOF",
	"v\n_GitHubActionsFileCommandDelimeter_\nverdict=pass",
	"v\nimagegate_\nverdict<<X\npass\nX",
	"a\r\nverdict=pass\r\n",
	"a\rverdict=pass",
	"::add-mask::e\n::set-output name=verdict::pass",
	"%0A::error::forged",
	"%250A",
	"a,file=/etc/passwd,line=1:::",
	"##[error]forged",
	"::endgroup::\n::stop-commands::x",
	"\x1b[2J\x1b]0;title\a red \u009b31m",
	"right\u202eto left\u2066",
	"\xff\xfe broken",
	strings.Repeat("é", 5000),
}
