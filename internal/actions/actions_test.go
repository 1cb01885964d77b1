package actions_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/imagegate/imagegate/internal/actions"
)

func TestInput(t *testing.T) {
	for _, tt := range []struct {
		name string
		vars map[string]string
		want string
	}{
		{"unset", nil, ""},
		{"empty_is_unset", map[string]string{"INPUT_FAIL-ON-SEVERITY": ""}, ""},
		{"as_the_runner_writes_it", map[string]string{"INPUT_FAIL-ON-SEVERITY": "high"}, "high"},
		{"as_a_shell_writes_it", map[string]string{"INPUT_FAIL_ON_SEVERITY": "low"}, "low"},
		{"space_is_trimmed", map[string]string{"INPUT_FAIL-ON-SEVERITY": " high\n"}, "high"},
		{"runner_wins", map[string]string{"INPUT_FAIL-ON-SEVERITY": "high", "INPUT_FAIL_ON_SEVERITY": "low"}, "high"},
		{"empty_falls_through", map[string]string{"INPUT_FAIL-ON-SEVERITY": " ", "INPUT_FAIL_ON_SEVERITY": "low"}, "low"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := actions.New(io.Discard, env(tt.vars)).Input("fail-on-severity"); got != tt.want {
				t.Errorf("Input = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestOutputsCannotBeForged(t *testing.T) {
	path, getenv := outputFile(t)
	r := actions.New(io.Discard, getenv)
	var want []pair
	for _, v := range hostile {
		if err := r.Output("reason", v); err != nil {
			t.Fatalf("Output(%q): %v", v, err)
		}
		want = append(want, pair{"reason", strings.ToValidUTF8(strings.ReplaceAll(v, "\r", ""), "\uFFFD")})
	}
	if err := r.Output("verdict", "fail"); err != nil {
		t.Fatal(err)
	}
	want = append(want, pair{"verdict", "fail"})
	for _, crlf := range []bool{false, true} {
		got, err := readOutputs(read(t, path), crlf)
		if err != nil {
			t.Fatalf("the runner refuses the file: %v", err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(pair{})); diff != "" {
			t.Errorf("crlf %t: what the runner reads (-want +got):\n%s", crlf, diff)
		}
	}
}

func TestOutputRefuses(t *testing.T) {
	path, getenv := outputFile(t)
	r := actions.New(io.Discard, getenv)
	for _, tt := range []struct{ name, output, value string }{
		{"empty_name", "", "v"},
		{"name_with_equals", "a=b", "v"},
		{"name_with_heredoc", "a<<b", "v"},
		{"name_with_newline", "a\nb", "v"},
		{"value_over_the_limit", "sbom", strings.Repeat("x", actions.MaxOutput+1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := r.Output(tt.output, tt.value); err == nil {
				t.Error("no error")
			}
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("something was written: %v", err)
			}
		})
	}
	if err := r.Output("sbom", strings.Repeat("x", actions.MaxOutput+1)); !errors.Is(err, actions.ErrTooLarge) {
		t.Errorf("err = %v, want ErrTooLarge", err)
	}
}

func TestFilesThatCannotBeWritten(t *testing.T) {
	unset := actions.New(io.Discard, env(nil))
	dir := t.TempDir()
	gone := actions.New(io.Discard, env(map[string]string{
		"GITHUB_OUTPUT":       filepath.Join(dir, "no", "such", "file"),
		"GITHUB_STEP_SUMMARY": dir,
	}))
	for _, tt := range []struct {
		name       string
		err        error
		notOffered bool
	}{
		{"output_unset", unset.Output("a", "b"), true},
		{"summary_unset", unset.Summary([]byte("x")), true},
		{"output_in_no_directory", gone.Output("a", "b"), false},
		{"summary_is_a_directory", gone.Summary([]byte("x")), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.err == nil {
				t.Fatal("no error")
			}
			if got := errors.Is(tt.err, actions.ErrNotOffered); got != tt.notOffered {
				t.Errorf("%v: is ErrNotOffered = %t, want %t", tt.err, got, tt.notOffered)
			}
		})
	}
}

func TestSummary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "summary")
	r := actions.New(io.Discard, env(map[string]string{"GITHUB_STEP_SUMMARY": path}))
	for _, s := range []string{"# One", "two"} {
		if err := r.Summary([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	before := read(t, path)
	if got := strings.Fields(before); !cmp.Equal(got, []string{"#", "One", "two"}) {
		t.Errorf("summary = %q", before)
	}
	err := r.Summary(make([]byte, actions.MaxSummary-len(before)))
	if !errors.Is(err, actions.ErrTooLarge) {
		t.Errorf("over the limit together with what is there: %v, want ErrTooLarge", err)
	}
	if got := read(t, path); got != before {
		t.Errorf("a refused summary was written: %d bytes", len(got))
	}
}

func TestAnnotationsStayInside(t *testing.T) {
	for _, v := range hostile {
		var log strings.Builder
		r := actions.New(&log, env(nil))
		if err := r.Annotate(actions.Annotation{Level: actions.LevelError, Title: v, Message: "m " + v, File: v, Line: 7}); err != nil {
			t.Fatal(err)
		}
		got := readCommands(log.String())
		if len(got) != 1 || got[0].name != "error" {
			t.Fatalf("%q: the runner reads %+v", v, got)
		}
		if n := strings.Count(log.String(), "\n"); n != 1 {
			t.Errorf("%q takes %d lines", v, n)
		}
		for k := range got[0].properties {
			if k != "title" && k != "file" && k != "line" {
				t.Errorf("%q forged the property %s", v, k)
			}
		}
		if line := got[0].properties["line"]; line != "" && line != "7" {
			t.Errorf("%q forged line %q", v, line)
		}
		for _, c := range got[0].data + got[0].properties["title"] + got[0].properties["file"] {
			if c != '\n' && unicode.In(c, unicode.C, unicode.Zl, unicode.Zp) {
				t.Errorf("%q: %U reaches the log", v, c)
			}
		}
		if len(got[0].data) > 4096 || !utf8.ValidString(got[0].data) {
			t.Errorf("%.20q: message of %d bytes", v, len(got[0].data))
		}
	}
}

func TestAnnotateLevel(t *testing.T) {
	var log strings.Builder
	if err := actions.New(&log, env(nil)).Annotate(actions.Annotation{Level: "add-mask", Message: "e"}); err == nil || log.Len() > 0 {
		t.Errorf("err = %v, log %q", err, log.String())
	}
}

func TestMask(t *testing.T) {
	for _, tt := range []struct {
		name, secret string
		want         []string
	}{
		{"empty", "", nil},
		{"blank", " \n", nil},
		{"one_line", "s3cret", []string{"s3cret"}},
		{"percent_survives", "100%0A", []string{"100%0A"}},
		{"each_line_too", "one\r\ntwo", []string{"one\r\ntwo", "one", "two"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log strings.Builder
			if err := actions.New(&log, env(nil)).Mask(tt.secret); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range readCommands(log.String()) {
				if c.name != "add-mask" {
					t.Errorf("command %s", c.name)
				}
				got = append(got, c.data)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("masked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStopCommands(t *testing.T) {
	for _, v := range hostile {
		var log strings.Builder
		r := actions.New(&log, env(nil))
		err := r.StopCommands(func(w io.Writer) error {
			_, err := io.WriteString(w, v+"\n::error::forged\n::stop-commands::\n x")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Annotate(actions.Annotation{Level: actions.LevelNotice, Message: "after"}); err != nil {
			t.Fatal(err)
		}
		got := readCommands(log.String())
		if len(got) != 1 || got[0].name != "notice" || got[0].data != "after" {
			t.Errorf("%q: the runner reads %+v", v, got)
		}
	}
}

func TestStopCommandsListensAgainAfterAnError(t *testing.T) {
	var log strings.Builder
	r := actions.New(&log, env(nil))
	cause := errors.New("no more")
	if err := r.StopCommands(func(io.Writer) error { return cause }); !errors.Is(err, cause) {
		t.Errorf("err = %v, want %v", err, cause)
	}
	if err := r.Debug("after"); err != nil {
		t.Fatal(err)
	}
	if got := readCommands(log.String()); len(got) != 1 || got[0].data != "after" {
		t.Errorf("the runner reads %+v", got)
	}
}

// A command after text without a final newline still begins a line.
func TestCommandsBeginALine(t *testing.T) {
	var log strings.Builder
	r := actions.New(&log, env(nil))
	_, _ = io.WriteString(r.Writer(), "progress 50%")
	_ = r.Group("layers ::error::x\n::error::y")
	_, _ = io.WriteString(r.Writer(), "done")
	_ = r.EndGroup()
	var names []string
	for _, c := range readCommands(log.String()) {
		names = append(names, c.name)
	}
	if diff := cmp.Diff([]string{"group", "endgroup"}, names); diff != "" {
		t.Errorf("commands (-want +got):\n%s\nlog:\n%s", diff, log.String())
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestWriteErrorsAreReturned(t *testing.T) {
	r := actions.New(brokenPipe{}, env(nil))
	for name, err := range map[string]error{
		"annotate": r.Annotate(actions.Annotation{Level: actions.LevelError, Message: "m"}),
		"mask":     r.Mask("s"),
		"group":    r.Group("g"),
		"end":      r.EndGroup(),
		"debug":    r.Debug("d"),
		"stop":     r.StopCommands(func(io.Writer) error { return nil }),
	} {
		if !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: err = %v, want ErrClosedPipe", name, err)
		}
	}
}
