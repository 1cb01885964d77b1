// Package actions speaks the protocol of the GitHub Actions runner: inputs, outputs,
// the step summary, annotations, masks and groups. It is built on go-githubactions
// and takes away three of its habits: it never panics when a write does not succeed,
// it never uses a fixed heredoc delimiter (a value that held it could forge other
// outputs), and it never reads the process's environment by itself.
//
// Whatever it is given may come from a hostile image. A value stays inside the
// output, the annotation or the group that it was written to. The package knows
// nothing of reports.
//
// Start reading at [Runner].
package actions

import (
	"errors"
	"fmt"
	"io"
	"strings"

	githubactions "github.com/sethvargo/go-githubactions"
)

// ErrNotOffered means that the runner did not name the file for a command, as when
// GITHUB_OUTPUT is unset: the program does not run as a workflow step.
var ErrNotOffered = errors.New("the runner offers no file for it")

// Runner is the connection to the runner. It is not safe for concurrent use.
type Runner struct {
	action *githubactions.Action
	out    *lineWriter
	getenv func(string) string
}

// New returns a Runner that writes commands to w (the step's standard output) and
// finds the runner's variables with getenv.
func New(w io.Writer, getenv func(string) string) *Runner {
	out := &lineWriter{w: w, fresh: true}
	return &Runner{
		out:    out,
		getenv: getenv,
		action: githubactions.New(githubactions.WithWriter(commandWriter{out}), githubactions.WithGetenv(getenv)),
	}
}

// Writer returns the writer for text that is no command. Text must go through it, and
// not around it, so that a command after it begins on a line of its own. Text that
// may be hostile belongs into [Runner.StopCommands].
func (r *Runner) Writer() io.Writer { return r.out }

// Input returns the input with the given kebab-case name, without surrounding space.
// Empty means unset, because that is how the runner passes an input that was not
// given. Both INPUT_FAIL-ON-SEVERITY (as the runner writes it) and
// INPUT_FAIL_ON_SEVERITY (as a shell can write it) are read, in this order.
func (r *Runner) Input(name string) string {
	if v := r.action.GetInput(name); v != "" {
		return v
	}
	return r.action.GetInput(strings.ReplaceAll(name, "-", "_"))
}

// Debug writes a line that is shown only when the workflow asks for debug logging.
func (r *Runner) Debug(message string) error {
	return r.issue("debug", nil, limited(message, maxMessage))
}

// Mask makes the runner replace secret in every later line of the log. Each line of
// a secret is masked too, because the log is masked line by line. An empty secret is
// ignored.
func (r *Runner) Mask(secret string) error {
	parts := append([]string{secret}, strings.FieldsFunc(secret, func(c rune) bool { return c == '\n' || c == '\r' })...)
	for i, p := range parts {
		if strings.TrimSpace(p) == "" || i == 1 && p == secret {
			continue
		}
		if err := r.issue("add-mask", nil, p); err != nil {
			return err
		}
	}
	return nil
}

// Group begins a part of the log that the reader can unfold; it ends at
// [Runner.EndGroup] or at the next Group.
func (r *Runner) Group(title string) error {
	return r.issue("group", nil, limited(oneLine(title), maxTitle))
}

// EndGroup ends the group.
func (r *Runner) EndGroup() error { return r.issue("endgroup", nil, "") }

// issue writes one workflow command on a line of its own.
func (r *Runner) issue(name string, properties githubactions.CommandProperties, message string) error {
	r.out.err = nil
	if err := r.out.startLine(); err == nil {
		r.action.IssueCommand(&githubactions.Command{Name: name, Message: message, Properties: properties})
	}
	if r.out.err != nil {
		return fmt.Errorf("write workflow command %s: %w", name, r.out.err)
	}
	return nil
}

// lineWriter remembers whether the next byte begins a line, and the last error.
type lineWriter struct {
	w     io.Writer
	fresh bool
	err   error
}

func (l *lineWriter) Write(p []byte) (int, error) {
	n, err := l.w.Write(p)
	if n > 0 {
		l.fresh = p[n-1] == '\n'
	}
	if err != nil {
		l.err = err
	}
	return n, err
}

func (l *lineWriter) startLine() error {
	if l.fresh {
		return nil
	}
	_, err := l.Write([]byte("\n"))
	return err
}

// commandWriter hides errors from go-githubactions, which panics on them; the
// lineWriter keeps them for issue.
type commandWriter struct{ l *lineWriter }

func (c commandWriter) Write(p []byte) (int, error) {
	_, _ = c.l.Write(p) // kept in l.err
	return len(p), nil
}
