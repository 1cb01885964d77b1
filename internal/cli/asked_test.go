package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// What was asked for and could not be looked at is no pass: a warning at least, and an
// error where checks may fail the gate.
func TestAskedForAndNotLookedAt(t *testing.T) {
	const good = "FROM scratch\nCOPY app /app\nUSER 65532:65532\nHEALTHCHECK CMD [\"/app\", \"health\"]\nENTRYPOINT [\"/app\"]\n"
	for _, tt := range []struct {
		name   string
		files  map[string]string
		flags  []string
		code   fault.Code
		want   report.Result
		reason string
		hint   string // of a stage
	}{
		{"no_file_to_lint", nil, []string{"--lint", "."}, fault.OK, report.Warn, "no Dockerfile and no Compose file", "actions/checkout"},
		{"no_file_to_lint_and_checks_decide", nil, []string{"--lint", ".", "--fail-on-check", "critical"}, fault.Unavailable, report.Error, "no Dockerfile and no Compose file", "actions/checkout"},
		{"no_engine", nil, []string{"--run-check"}, fault.OK, report.Warn, "could not look", "DOCKER_HOST"},
		{"no_engine_and_checks_decide", nil, []string{"--run-check", "--fail-on-check", "critical"}, fault.Unavailable, report.Error, "could not look", "DOCKER_HOST"},
		{"file_that_was_looked_at", map[string]string{"Dockerfile": good}, []string{"--lint", "."}, fault.OK, report.Pass, "", ""},
		{"file_that_is_none", map[string]string{"Dockerfile": "FORM x\n"}, []string{"--lint", "."}, fault.OK, report.Warn, "Dockerfile could not be parsed", ""},
		{"included_file_not_there", map[string]string{"compose.yaml": "include: [gone.yaml]\nservices: {a: {image: a}}\n"}, []string{"--lint", "."}, fault.OK, report.Warn, "gone.yaml, which is not there", ""},
		{"included_file_of_elsewhere", map[string]string{"compose.yaml": "include: ['https://example.invalid/a.git']\nservices: {a: {image: a}}\n"}, []string{"--lint", "."}, fault.OK, report.Warn, "not fetched", ""},
		{"variable_without_a_value", map[string]string{"compose.yaml": "services: {a: {image: 'a:${TAG}'}}\n"}, []string{"--lint", "."}, fault.OK, report.Pass, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(w.image())
			w.env["DOCKER_HOST"] = "unix://" + w.path("no.sock")
			t.Chdir(t.TempDir())
			for name, data := range tt.files {
				write(t, name, data)
			}
			code, r, text := w.verify(ref, tt.flags...)
			must(t, code, r, text, tt.code, tt.want)
			if !strings.Contains(strings.Join(r.Verdict.Reasons, "\n"), tt.reason) {
				t.Errorf("the reasons are %q, want %q in them", r.Verdict.Reasons, tt.reason)
			}
			hints := ""
			for _, s := range r.Stages {
				hints += s.Hint + "\n"
			}
			if !strings.Contains(hints, tt.hint) {
				t.Errorf("the hints are %q, want %q in them", hints, tt.hint)
			}
			if tt.want == report.Pass || !strings.HasPrefix(tt.flags[0], "--lint") || len(tt.files) == 0 {
				return
			}
			// Lint alone says the same.
			code, stdout, stderr := w.run("lint", "--fail-on-severity", "none")
			if code != fault.OK || !strings.Contains(stdout, "\nWARN ") || !strings.Contains(stdout, tt.reason) {
				t.Errorf("lint alone: exit %d\n%s%s", code, stdout, stderr)
			}
		})
	}
	t.Run("link_that_leads_out", func(t *testing.T) {
		w := newWorld(t, testkit.RegistryOptions{})
		outside := write(t, filepath.Join(t.TempDir(), "Dockerfile"), good)
		t.Chdir(t.TempDir())
		write(t, "Dockerfile", good)
		if err := os.Symlink(outside, "Dockerfile.prod"); err != nil {
			t.Skip(err)
		}
		code, stdout, stderr := w.run("lint")
		if code != fault.OK || !strings.Contains(stdout, "WARN ") || !strings.Contains(stdout, "Dockerfile.prod is a link") {
			t.Errorf("exit %d\n%s%s", code, stdout, stderr)
		}
	})
}
