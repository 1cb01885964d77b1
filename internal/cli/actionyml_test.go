package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/imagegate/imagegate/internal/testkit"
)

// actionStep is one step of action.yml.
type actionStep struct {
	ID, Name, Run string
	Env           map[string]string
}

// actionFile is action.yml as far as these tests read it.
func actionFile(t *testing.T) (steps map[string]actionStep, outputs map[string]string) {
	t.Helper()
	var file struct {
		Outputs map[string]struct{ Value string }
		Runs    struct{ Steps []actionStep }
	}
	data, err := os.ReadFile(root + "action.yml")
	if err == nil {
		err = yaml.Unmarshal(data, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	steps, outputs = map[string]actionStep{}, map[string]string{}
	for _, s := range file.Runs.Steps {
		steps[s.Name] = s
	}
	for name, o := range file.Outputs {
		outputs[name] = o.Value
	}
	return steps, outputs
}

// script runs a step's script as the runner does and returns its exit code.
func script(t *testing.T, run string, env ...string) (int, string) {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.CommandContext(t.Context(), bash, "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", run)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// The step Verdict passes only on the program's own word: a verdict and the exit code 0.
func TestVerdictStep(t *testing.T) {
	steps, outputs := actionFile(t)
	for _, tt := range []struct {
		verdict, code string
		want          int
	}{
		{"pass", "0", 0}, {"warn", "0", 0}, {"fail", "0", 0}, {"error", "0", 0},
		{"fail", "2", 2}, {"error", "3", 3}, {"error", "4", 4}, {"error", "130", 130}, {"error", "137", 137}, {"pass", "1", 1},
		{"", "", 1}, {"", "0", 1}, {"pass", "", 1}, {"PASS", "0", 1}, {"passed", "0", 1}, {"pass\nwarn", "0", 1},
	} {
		code, out := script(t, steps["Verdict"].Run, "VERDICT="+tt.verdict, "CODE="+tt.code, "SARIF=skipped", "ARTIFACT=skipped")
		if code != tt.want || tt.verdict == "" && !strings.Contains(out, "::error") {
			t.Errorf("verdict %q, exit-code %q: exit %d, want %d\n%s", tt.verdict, tt.code, code, tt.want, out)
		}
	}
	for name, want := range map[string]string{"verdict": "|| 'error' }}", "reason": "|| 'the gate did not run' }}", "exit-code": "|| '1' }}"} {
		if !strings.HasSuffix(outputs[name], want) {
			t.Errorf("output %s is %q when the gate did not run, want it to end in %q", name, outputs[name], want)
		}
	}
}

// A build that fails is told as an error, outside of the group of its log.
func TestSetupStepThatCannotBuild(t *testing.T) {
	steps, _ := actionFile(t)
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte("#!/bin/sh\n[ \"$1\" = version ]\n"), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	outputs := filepath.Join(t.TempDir(), "output")
	code, out := script(t, steps["Find or build imagegate"].Run, "PATH="+bin+":/usr/bin:/bin", "IMAGEGATE_BINARY=", "IMAGEGATE_SOURCE="+bin,
		"GITHUB_OUTPUT="+outputs, "RUNNER_TEMP="+t.TempDir())
	data, err := os.ReadFile(outputs)
	if code != 1 || !strings.Contains(out, "::endgroup::\n::error ") || err != nil || strings.Contains(string(data), "path=") {
		t.Errorf("exit %d, outputs %q, %v\n%s", code, data, err, out)
	}
}

// A program that is not this one, or that dies, passes no gate.
func TestGateStepWithAnotherProgram(t *testing.T) {
	steps, _ := actionFile(t)
	for _, tt := range []struct {
		name, program string
		want          int
	}{
		{"stub", "exit 0", 1},
		{"older_one_writes_a_verdict_alone", `echo verdict=pass >> "$GITHUB_OUTPUT"`, 1},
		{"killed_at_once", "kill -9 $$", 1},
		{"killed_after_it_began", `printf 'exit-code=1\nverdict=error\n' >> "$GITHUB_OUTPUT"; kill -9 $$`, 137},
		{"ends_well_after_a_fault", `printf 'exit-code=1\nverdict=error\n' >> "$GITHUB_OUTPUT"`, 1},
		{"passes", `printf 'exit-code=1\nverdict=error\nexit-code=0\nverdict=pass\n' >> "$GITHUB_OUTPUT"`, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			runner, err := testkit.NewRunner(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			program := filepath.Join(t.TempDir(), "imagegate")
			if err := os.WriteFile(program, []byte("#!/bin/bash\n"+tt.program+"\n"), 0o755); err != nil { //nolint:gosec // a program
				t.Fatal(err)
			}
			if code, out := script(t, steps["Gate"].Run, "IMAGEGATE="+program, "GITHUB_OUTPUT="+runner.Getenv("GITHUB_OUTPUT")); code != 0 {
				t.Fatalf("the step Gate exits %d\n%s", code, out)
			}
			code, out := script(t, steps["Verdict"].Run, "VERDICT="+output(t, runner, "verdict"), "CODE="+output(t, runner, "exit-code"))
			if code != tt.want {
				t.Errorf("exit %d, want %d\n%s", code, tt.want, out)
			}
		})
	}
}
