package actions

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	githubactions "github.com/sethvargo/go-githubactions"
)

// The longest title and message that an annotation shows, in bytes. The runner takes
// more, but cuts what people see; what is longer belongs into the report.
const (
	maxTitle   = 255
	maxMessage = 4096
)

// The levels of an annotation.
const (
	LevelError   = "error"
	LevelWarning = "warning"
	LevelNotice  = "notice"
)

// Annotation is a remark that the runner shows beside the workflow run and, with
// File, beside the code.
type Annotation struct {
	// Level is error, warning or notice.
	Level   string
	Title   string
	Message string
	// File is relative to the workspace; Line counts from 1, and 0 means none.
	File string
	Line int
}

// Annotate shows a. Control characters are taken out; the rest of the text is
// escaped as the runner wants it, so it cannot end the command and begin another.
func (r *Runner) Annotate(a Annotation) error {
	switch a.Level {
	case LevelError, LevelWarning, LevelNotice:
	default:
		return fmt.Errorf("annotate: level %q is none of error, warning, notice", a.Level)
	}
	p := githubactions.CommandProperties{}
	if title := limited(oneLine(a.Title), maxTitle); title != "" {
		p["title"] = title
	}
	if file := oneLine(a.File); file != "" {
		p["file"] = file
		if a.Line > 0 {
			p["line"] = strconv.Itoa(a.Line)
		}
	}
	return r.issue(a.Level, p, limited(harmless(a.Message), maxMessage))
}

// harmless replaces what could change how the log is shown: control characters other
// than the line feed, and formatting characters such as those that reverse the
// direction of text.
func harmless(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n':
			return c
		case c == '\t' || c == '\r':
			return ' '
		case unicode.In(c, unicode.C, unicode.Zl, unicode.Zp):
			return utf8.RuneError
		}
		return c
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}

// oneLine is harmless without line feeds.
func oneLine(s string) string {
	return strings.TrimSpace(strings.ReplaceAll(harmless(s), "\n", " "))
}

// limited cuts s to at most n bytes, at a character, and shows that it did.
func limited(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const mark = "…"
	end := n - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}
