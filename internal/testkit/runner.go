package testkit

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Runner is the environment that a GitHub runner gives a step: the files for outputs,
// the summary and so on, and the variables that name them.
type Runner struct {
	// Dir holds everything; Temp is RUNNER_TEMP and Workspace GITHUB_WORKSPACE in it.
	Dir, Temp, Workspace string

	env map[string]string
}

// NewRunner lays out the files below dir, which must exist, for a push to the main
// branch of the repository acme/shop.
func NewRunner(dir string) (*Runner, error) {
	r := &Runner{Dir: dir, Temp: filepath.Join(dir, "temp"), Workspace: filepath.Join(dir, "work")}
	err := errors.Join(os.MkdirAll(r.Temp, 0o755), os.MkdirAll(r.Workspace, 0o755))
	r.env = map[string]string{
		"CI": "true", "GITHUB_ACTIONS": "true", "RUNNER_OS": "Linux", "RUNNER_ARCH": "X64",
		"RUNNER_TEMP": r.Temp, "RUNNER_TOOL_CACHE": filepath.Join(dir, "tools"), "GITHUB_WORKSPACE": r.Workspace,
		"GITHUB_REPOSITORY": "acme/shop", "GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_NAME": "push",
		"GITHUB_SHA": strings.Repeat("0123456789", 4), "GITHUB_RUN_ID": "1", "GITHUB_RUN_ATTEMPT": "1",
		"GITHUB_SERVER_URL": "https://github.com", "GITHUB_API_URL": "https://api.github.com",
	}
	for name, file := range map[string]string{
		"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary.md",
		"GITHUB_ENV": "env", "GITHUB_PATH": "path", "GITHUB_STATE": "state",
	} {
		r.env[name] = filepath.Join(dir, file)
		err = errors.Join(err, os.WriteFile(r.env[name], nil, 0o600))
	}
	if err != nil {
		return nil, fmt.Errorf("lay out the runner's files: %w", err)
	}
	return r, nil
}

// Getenv reads a variable of the step; it stands in for os.Getenv.
func (r *Runner) Getenv(name string) string { return r.env[name] }

// LookupEnv stands in for os.LookupEnv.
func (r *Runner) LookupEnv(name string) (string, bool) {
	v, ok := r.env[name]
	return v, ok
}

// Environ lists the variables as NAME=value, sorted.
func (r *Runner) Environ() []string {
	list := make([]string, 0, len(r.env))
	for _, name := range slices.Sorted(maps.Keys(r.env)) {
		list = append(list, name+"="+r.env[name])
	}
	return list
}

// Setenv sets a variable, Unsetenv removes it.
func (r *Runner) Setenv(name, value string) { r.env[name] = value }

// Unsetenv removes a variable, such as GITHUB_OUTPUT on an old runner.
func (r *Runner) Unsetenv(name string) { delete(r.env, name) }

// SetInput sets an input as the runner passes it: INPUT_, and the name in upper case
// with spaces as underscores. Hyphens stay.
func (r *Runner) SetInput(name, value string) {
	r.env["INPUT_"+strings.ToUpper(strings.ReplaceAll(name, " ", "_"))] = value
}

// Output is one output that the step has set.
type Output struct{ Name, Value string }

// Outputs are the step's outputs in the order of the file.
func (r *Runner) Outputs() ([]Output, error) {
	data, err := r.read("GITHUB_OUTPUT")
	if err != nil {
		return nil, err
	}
	return ParseOutputs(data)
}

// Output is the value of the named output as a later step would see it: the last one
// set. It is an error when the file does not parse.
func (r *Runner) Output(name string) (string, error) {
	list, err := r.Outputs()
	value := ""
	for _, o := range list {
		if o.Name == name {
			value = o.Value
		}
	}
	return value, err
}

// Summary is the job summary.
func (r *Runner) Summary() (string, error) { return r.read("GITHUB_STEP_SUMMARY") }

func (r *Runner) read(name string) (string, error) {
	data, err := os.ReadFile(r.env[name])
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(data), err
}

// ParseOutputs reads the file protocol of GITHUB_OUTPUT and GITHUB_ENV as the runner
// does (actions/runner, FileCommandManager): NAME=value, or NAME<<DELIMITER, lines, and
// DELIMITER alone on a line. Empty lines between entries are skipped. A name may be set
// again, and then the last value counts.
func ParseOutputs(data string) ([]Output, error) {
	var list []Output
	lines := strings.Split(strings.ReplaceAll(data, "\r\n", "\n"), "\n")
	if lines[len(lines)-1] != "" {
		return nil, fmt.Errorf("the last line %q does not end", lines[len(lines)-1])
	}
	for i := 0; i < len(lines); i++ {
		if lines[i] == "" {
			continue
		}
		o, used, err := parseOutput(lines[i:])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		list = append(list, o)
		i += used - 1
	}
	return list, nil
}

// parseOutput reads the entry that starts at lines[0] and says how many lines it took.
func parseOutput(lines []string) (o Output, used int, err error) {
	equals, heredoc := strings.Index(lines[0], "="), strings.Index(lines[0], "<<")
	switch {
	case equals >= 0 && (heredoc < 0 || equals < heredoc):
		o.Name, o.Value, used = lines[0][:equals], lines[0][equals+1:], 1
	case heredoc >= 0:
		o.Name = lines[0][:heredoc]
		delimiter := lines[0][heredoc+2:]
		end := slices.Index(lines[1:], delimiter)
		if delimiter == "" || end < 0 {
			return o, 0, fmt.Errorf("output %q: no line holds its delimiter %q", o.Name, delimiter)
		}
		o.Value, used = strings.Join(lines[1:1+end], "\n"), end+2
	default:
		return o, 0, fmt.Errorf("%q is no output", lines[0])
	}
	if o.Name == "" {
		return o, 0, fmt.Errorf("%q has no name", lines[0])
	}
	return o, used, nil
}
