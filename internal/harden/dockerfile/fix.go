package dockerfile

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/edit"
	"github.com/imagegate/imagegate/internal/report"
)

// Fixes returns the edits that are safe: they change neither what is built nor how it
// behaves, except for what the check is about.
//
//   - HIG-D002: a base that is written out is pinned to the digest that digest returns
//     for it; the tag stays in the reference and in a comment above.
//   - HIG-D008: a shell form of one plain command becomes the exec form, where the
//     default shell would run it and ENTRYPOINT and CMD do not depend on each other.
//   - HIG-D005: USER 65532:65532 is added where the base is known to run as that
//     already, so that the file says what the image does.
//
// Results are those of [Run]; what was silenced is left alone. A nil digest pins
// nothing.
func Fixes(f *File, results []report.Check, digest func(image string) (string, bool)) []edit.Edit {
	var out []edit.Edit
	open := func(id string, line int, states ...string) bool {
		for _, r := range results {
			for _, s := range states {
				if r.ID == id && r.State == s && (line == 0 || r.Line == line) {
					return true
				}
			}
		}
		return false
	}
	for _, s := range f.Stages {
		if e, ok := f.pin(s, digest); ok && open("HIG-D002", s.Line, report.CheckFailed) {
			out = append(out, e)
		}
		for _, st := range s.Steps {
			if e, ok := f.exec(s, st); ok && open("HIG-D008", st.Line, report.CheckFailed) {
				out = append(out, e)
			}
		}
	}
	final := f.Final()
	_, named := final.user()
	if user := final.Root().Base.Ref.UserID(); user != "" && named == 0 && open("HIG-D005", 0, report.CheckUndecided) {
		at := f.lastLine() + 1
		for _, st := range final.Steps {
			switch st.Cmd.(type) {
			case *instructions.EntrypointCommand, *instructions.CmdCommand:
				at = min(at, st.Line)
			}
		}
		out = append(out, edit.Edit{First: at, Last: at - 1, Lines: []string{"USER " + user}, ID: "HIG-D005", Why: "name the user that the base has"})
	}
	return out
}

// lastLine is the last line that holds anything.
func (f *File) lastLine() int {
	for i := len(f.lines); i > 0; i-- {
		if strings.TrimSpace(f.lines[i-1]) != "" {
			return i
		}
	}
	return 0
}

// pin rewrites FROM when the image is written out on one line.
func (f *File) pin(s *Stage, digest func(string) (string, bool)) (edit.Edit, bool) {
	b := s.Base
	if digest == nil || b.Stage != nil || b.Scratch || b.Err != nil || b.Ref.Digest != "" || b.Raw != b.Image || s.Line > len(f.lines) {
		return edit.Edit{}, false
	}
	d, ok := digest(b.Image)
	if !ok || !strings.HasPrefix(d, "sha256:") || len(d) != 71 {
		return edit.Edit{}, false
	}
	line := strings.TrimRight(f.lines[s.Line-1], "\r")
	indent := ""
	if rest, marked := strings.CutPrefix(line, "\ufeff"); marked { // it stays at the beginning
		line, indent = rest, "\ufeff"
	}
	at := wordAt(line, b.Image)
	if at < 0 {
		return edit.Edit{}, false
	}
	indent += line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	end := at + len(b.Image)
	return edit.Edit{
		First: s.Line, Last: s.Line, ID: "HIG-D002", Why: "pin " + b.Image,
		Lines: []string{indent + "# " + b.Image, line[:end] + "@" + d + line[end:]},
	}, true
}

// wordAt finds the first word of line that is word; -1 when none is.
func wordAt(line, word string) int {
	for from := 0; ; {
		i := strings.Index(line[from:], word)
		if i < 0 {
			return -1
		}
		i += from
		from = i + len(word)
		if i > 0 && strings.IndexByte(" \t", line[i-1]) >= 0 && (from == len(line) || strings.IndexByte(" \t", line[from]) >= 0) {
			return i
		}
	}
}

// exec rewrites a shell form that stands on one line.
func (f *File) exec(s *Stage, st *Step) (edit.Edit, bool) {
	if st.OnBuild || st.Line != st.End || st.Line > len(f.lines) || !f.plainShell(s) {
		return edit.Edit{}, false
	}
	var words []string
	var shellForm bool
	switch c := st.Cmd.(type) {
	case *instructions.EntrypointCommand:
		words, shellForm = c.CmdLine, c.PrependShell
	case *instructions.CmdCommand:
		words, shellForm = c.CmdLine, c.PrependShell
	}
	text := strings.Join(words, " ")
	if _, ok := plainCommand(text); !ok || !shellForm || f.both() {
		return edit.Edit{}, false
	}
	line := f.lines[st.Line-1]
	start := len(line) - len(strings.TrimLeft(line, " \t"))
	return edit.Edit{First: st.Line, Last: st.Line, Lines: []string{line[:start] + ExecForm(firstField(line), text)}, ID: "HIG-D008", Why: "exec form"}, true
}

// both reports whether the file has ENTRYPOINT as well as CMD. Then the form of one
// decides what becomes of the other: a shell form ignores CMD, an exec form takes it for
// its arguments.
func (f *File) both() bool {
	entry, cmd := false, false
	f.steps(func(st *Step) {
		switch st.Cmd.(type) {
		case *instructions.EntrypointCommand:
			entry = true
		case *instructions.CmdCommand:
			cmd = true
		}
	})
	return entry && cmd
}

// plainShell reports whether the shell form of s is run by a shell that adds nothing:
// no SHELL is set, and it is no Windows.
func (f *File) plainShell(s *Stage) bool {
	if f.escape != '\\' || strings.HasPrefix(s.Root().Base.Ref.Name, "mcr.microsoft.com/windows") {
		return false
	}
	for _, st := range s.effective() {
		if _, ok := st.Cmd.(*instructions.ShellCommand); ok {
			return false
		}
	}
	return true
}
