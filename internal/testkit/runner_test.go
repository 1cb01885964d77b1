package testkit_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/testkit"
)

func TestRunner(t *testing.T) {
	r, err := testkit.NewRunner(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r.SetInput("fail-on-severity", "low")
	if got := r.Getenv("INPUT_FAIL-ON-SEVERITY"); got != "low" {
		t.Errorf("input = %q", got)
	}
	if !slices.Contains(r.Environ(), "GITHUB_ACTIONS=true") {
		t.Errorf("environ = %v", r.Environ())
	}
	if err := os.WriteFile(r.Getenv("GITHUB_OUTPUT"), []byte("verdict=pass\nreason<<X\na\n\nb=c\nX\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"verdict": "pass", "reason": "a\n\nb=c", "other": ""} {
		if got, err := r.Output(name); err != nil || got != want {
			t.Errorf("Output(%q) = %q, %v; want %q", name, got, err, want)
		}
	}
	if got, err := r.Summary(); err != nil || got != "" {
		t.Errorf("Summary = %q, %v", got, err)
	}
	r.Unsetenv("GITHUB_OUTPUT")
	if _, ok := r.LookupEnv("GITHUB_OUTPUT"); ok {
		t.Error("Unsetenv left the variable")
	}
}

func TestParseOutputs(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     []testkit.Output
		wantErr  string
	}{
		{"empty", "", nil, ""},
		{"equals_before_heredoc", "a=b<<c\n", []testkit.Output{{Name: "a", Value: "b<<c"}}, ""},
		{"heredoc_before_equals", "a<<b=c\nx\nb=c\n", []testkit.Output{{Name: "a", Value: "x"}}, ""},
		{"empty_value", "a=\nb<<E\nE\n", []testkit.Output{{Name: "a"}, {Name: "b"}}, ""},
		{"windows_lines", "a=1\r\nb=2\r\n", []testkit.Output{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}}, ""},
		{"delimiter_only_whole_line", "a<<E\n E\nE \nE\n", []testkit.Output{{Name: "a", Value: " E\nE "}}, ""},
		{"no_delimiter", "a<<E\nx\n", nil, "no line holds"},
		{"empty_delimiter", "a<<\nx\n\n", nil, "no line holds"},
		{"no_name", "=x\n", nil, "has no name"},
		{"not_an_output", "hello\n", nil, "is no output"},
		{"set_again", "a=1\na=2\n", []testkit.Output{{Name: "a", Value: "1"}, {Name: "a", Value: "2"}}, ""},
		{"unfinished_line", "a=1", nil, "does not end"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := testkit.ParseOutputs(tt.in)
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("error = %v, want %q", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("outputs (-want +got):\n%s", diff)
			}
		})
	}
}
