package actions_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/imagegate/imagegate/internal/actions"
)

// Whatever a value holds, the runner reads exactly the outputs that were set.
func FuzzOutput(f *testing.F) {
	for _, v := range hostile {
		f.Add("reason", v)
	}
	f.Add("a=b", "x")
	f.Fuzz(func(t *testing.T, name, value string) {
		path := filepath.Join(t.TempDir(), "output")
		r := actions.New(io.Discard, env(map[string]string{"GITHUB_OUTPUT": path}))
		if err := r.Output(name, value); err != nil {
			if _, err := os.Stat(path); err == nil {
				t.Fatalf("refused, but written: %q", read(t, path))
			}
			return
		}
		if err := r.Output("verdict", "fail"); err != nil {
			t.Fatal(err)
		}
		for _, crlf := range []bool{false, true} {
			got, err := readOutputs(read(t, path), crlf)
			if err != nil || len(got) != 2 || got[0].name != name || got[1] != (pair{"verdict", "fail"}) {
				t.Fatalf("the runner reads %q, %v", got, err)
			}
			if want := strings.ToValidUTF8(strings.ReplaceAll(value, "\r", ""), "\uFFFD"); got[0].value != want {
				t.Fatalf("value = %q, want %q", got[0].value, want)
			}
		}
	})
}

// An annotation is one line and one command, and printable text comes back as it was.
func FuzzAnnotation(f *testing.F) {
	for _, v := range hostile {
		f.Add(v, v, v)
	}
	f.Fuzz(func(t *testing.T, title, message, file string) {
		var log strings.Builder
		r := actions.New(&log, env(nil))
		if err := r.Annotate(actions.Annotation{Level: actions.LevelWarning, Title: title, Message: message, File: file}); err != nil {
			t.Fatal(err)
		}
		if strings.Count(log.String(), "\n") != 1 {
			t.Fatalf("not one line: %q", log.String())
		}
		got := readCommands(log.String())
		if len(got) != 1 || got[0].name != "warning" {
			t.Fatalf("the runner reads %+v", got)
		}
		for k := range got[0].properties {
			if k != "title" && k != "file" {
				t.Fatalf("forged property %q", k)
			}
		}
		printable := strings.IndexFunc(message, func(c rune) bool {
			return c == '\t' || c == '\r' || c == '\uFFFD' || unicode.In(c, unicode.C, unicode.Zl, unicode.Zp) && c != '\n'
		}) < 0
		if printable && len(message) <= 4096 && got[0].data != message {
			t.Fatalf("message = %q, want %q", got[0].data, message)
		}
	})
}
