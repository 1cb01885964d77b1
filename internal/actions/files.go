package actions

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	githubactions "github.com/sethvargo/go-githubactions"
)

// Limits of the runner, in bytes.
const (
	// MaxSummary is the largest step summary: over it, the runner shows none at all.
	// GitHub's workflow commands, "Step isolation and limits".
	MaxSummary = 1024 * 1024
	// MaxOutput is the largest value of one output. All outputs of a job together may
	// have 1 MiB.
	MaxOutput = 64 * 1024
)

// ErrTooLarge means that a limit of the runner would have been passed.
var ErrTooLarge = errors.New("over the runner's limit")

// Output sets the output name to value. It returns [ErrNotOffered] when GITHUB_OUTPUT
// is unset and [ErrTooLarge] for a value of more than [MaxOutput] bytes.
//
// The value is written between two lines of a fresh random delimiter that it does not
// contain, so no value can end itself and set another output.
func (r *Runner) Output(name, value string) error {
	if !validName(name) {
		return fmt.Errorf("set output %q: the name may have only letters, digits, - and _", name)
	}
	if len(value) > MaxOutput {
		return fmt.Errorf("set output %s: %d bytes, limit %d: %w", name, len(value), MaxOutput, ErrTooLarge)
	}
	// The runner reads UTF-8 and ends lines at LF, on Windows at CRLF too. A lone CR
	// has no meaning that a workflow could want.
	value = strings.ToValidUTF8(strings.ReplaceAll(value, "\r", ""), "\uFFFD")
	delimiter := newDelimiter(value)
	return r.file("GITHUB_OUTPUT", "output",
		name+"<<"+delimiter+githubactions.EOF+value+githubactions.EOF+delimiter)
}

// newDelimiter returns a random word that value does not contain.
func newDelimiter(value string) string {
	for {
		if d := "imagegate_" + rand.Text(); !strings.Contains(value, d) {
			return d
		}
	}
}

func validName(name string) bool {
	return name != "" && strings.IndexFunc(name, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_')
	}) < 0
}

// Summary appends markdown to the step's summary. It returns [ErrNotOffered] when
// GITHUB_STEP_SUMMARY is unset, and [ErrTooLarge], having written nothing, when the
// summary would become larger than [MaxSummary]: the runner would drop all of it.
func (r *Runner) Summary(markdown []byte) error {
	have := int64(0)
	switch info, err := os.Stat(r.getenv("GITHUB_STEP_SUMMARY")); {
	case err == nil:
		have = info.Size()
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("write step summary: %w", err)
	}
	if total := have + int64(len(markdown)) + int64(len(githubactions.EOF)); total > MaxSummary {
		return fmt.Errorf("write step summary: %d bytes with what is there, limit %d: %w", total, MaxSummary, ErrTooLarge)
	}
	return r.file("GITHUB_STEP_SUMMARY", "step-summary", string(markdown))
}

// file appends a file command. go-githubactions panics when it cannot; here that is
// an error like any other.
func (r *Runner) file(variable, command, message string) (err error) {
	if r.getenv(variable) == "" {
		return fmt.Errorf("write to %s, which is unset: %w", variable, ErrNotOffered)
	}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			err = fmt.Errorf("write to the file that %s names: %w", variable, p)
		default:
			err = fmt.Errorf("write to the file that %s names: %v", variable, p)
		}
	}()
	r.action.IssueFileCommand(&githubactions.Command{Name: command, Message: message})
	return nil
}
