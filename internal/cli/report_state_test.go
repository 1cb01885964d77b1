package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/cli"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// passed leaves the report of a run that passed, over two platforms, and a SARIF file
// beside it.
func (w *world) passed(ref string) {
	w.t.Helper()
	code, r, text := w.verify(ref, "--platforms", "all", "--require", "dhi", "--sarif-file", w.path("x.sarif"))
	must(w.t, code, r, text, fault.OK, report.Pass)
	if w.file("platforms/linux-amd64/report.json") == "" || !exists(w.path("x.sarif")) {
		w.t.Fatal("the earlier run left no report to be mistaken for another's")
	}
}

// saysError checks that the report directory holds no verdict but error, in any of its
// files, and that the SARIF file, when the run was to write one, is not the earlier one.
func (w *world) saysError(sarif bool) *report.Report {
	w.t.Helper()
	for name, data := range w.files() {
		if base := path.Base(name); base != report.FileReport && base != report.FileEvidence {
			continue
		}
		var whole struct{ Verdict report.Verdict }
		var short struct{ Verdict report.Result } // of evidence.json
		if json.Unmarshal(data, &whole) != nil && json.Unmarshal(data, &short) != nil || whole.Verdict.Result+short.Verdict != report.Error {
			w.t.Errorf("%s says %q", name, whole.Verdict.Result+short.Verdict)
		}
	}
	if s := w.file(report.FileSummary); !strings.Contains(s, "ERROR") || strings.Contains(s, "PASS") {
		w.t.Errorf("the summary says %.200q", s)
	}
	if s := w.file(report.FileSARIF); !strings.Contains(s, `"executionSuccessful": false`) {
		w.t.Errorf("the SARIF report says %.200q", s)
	}
	if data, err := os.ReadFile(w.path("x.sarif")); sarif && err == nil && !strings.Contains(string(data), `"executionSuccessful": false`) {
		w.t.Error("the earlier SARIF file is still there")
	}
	r := w.report()
	if r == nil || r.Verdict.Result != report.Error {
		w.t.Fatalf("the report is %+v", r)
	}
	return r
}

// A call that is a mistake leaves no earlier pass to be taken for its own: exit 4, and the
// verdict in the folder is error.
func TestMistakenCallAfterAPass(t *testing.T) {
	for _, tt := range []struct {
		name  string
		epoch string
		args  []string // DIR stands for the report directory
	}{
		{"misspelt_reference", "", []string{"verify", "Not A Reference", "--report-dir", "DIR"}},
		{"unknown_flag_before", "", []string{"verify", "--no-such-flag", "dhi.io/a:1", "--report-dir", "DIR", "--sarif-file=SARIF"}},
		{"unknown_flag_after", "", []string{"verify", "dhi.io/a:1", "--report-dir=DIR", "--no-such-flag"}},
		{"bad_value", "", []string{"verify", "dhi.io/a:1", "--report-dir", "DIR", "--fail-on-severity", "severe"}},
		{"no_image", "", []string{"verify", "--report-dir", "DIR"}},
		{"two_images", "", []string{"verify", "a", "b", "--report-dir", "DIR"}},
		{"no_such_config", "", []string{"verify", "dhi.io/a:1", "--report-dir", "DIR", "--config", "gone.yaml"}},
		{"platform_that_is_none", "", []string{"verify", "dhi.io/a:1", "--report-dir", "DIR", "--platform", "x"}},
		{"no_such_base_sbom", "", []string{"verify", "dhi.io/a:1", "--report-dir", "DIR", "--base-sbom", "gone.json"}},
		{"time_that_is_none", "yesterday", []string{"verify", "dhi.io/a:1", "--report-dir", "DIR"}},
		{"scan", "", []string{"scan", "Not A Reference", "--report-dir", "DIR"}},
		{"vex", "", []string{"vex", "Not A Reference", "--report-dir", "DIR"}},
		{"sbom", "", []string{"sbom", "Not A Reference", "--report-dir", "DIR"}},
		{"attest_list", "", []string{"attest", "list", "--report-dir", "DIR"}},
		{"attest_verify", "", []string{"attest", "verify", "Not A Reference", "--report-dir", "DIR"}},
		{"lint", "", []string{"lint", "gone/Dockerfile", "--report-dir", "DIR"}},
		{"run_check", "", []string{"run-check", "dhi.io/a:1", "--observe", "soon", "--report-dir", "DIR"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(w.image())
			w.passed(ref)
			w.env["SOURCE_DATE_EPOCH"] = tt.epoch
			args := make([]string, len(tt.args))
			for i, a := range tt.args {
				args[i] = strings.NewReplacer("DIR", w.path("report"), "SARIF", w.path("x.sarif")).Replace(a)
			}
			code, _, stderr := w.run(args...)
			if code != fault.Usage {
				t.Errorf("exit %d, want 4\n%s", code, stderr)
			}
			if r := w.saysError(tt.name == "unknown_flag_before"); len(r.Verdict.Reasons) == 0 || strings.Contains(r.Verdict.Reasons[0], "did not finish") {
				t.Errorf("the reason is %q, want the mistake", r.Verdict.Reasons)
			}
			w.keptAside()
			w.run(args...) // a second mistake does not take its place
			w.keptAside()
		})
	}
}

// Where no directory is named, a mistake makes none, and takes back an earlier verdict.
func TestMistakenCallWithoutADirectory(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	t.Chdir(w.dir)
	if code, _, _ := w.run("verify", "--no-such-flag"); code != fault.Usage || exists("imagegate-report") {
		t.Errorf("exit %d, and a folder is there: %v", code, exists("imagegate-report"))
	}
	w.passed(ref)
	if err := os.Rename(w.path("report"), w.path("imagegate-report")); err != nil {
		t.Fatal(err)
	}
	code, _, _ := w.run("verify", "--no-such-flag")
	if err := os.Rename(w.path("imagegate-report"), w.path("report")); err != nil {
		t.Fatal(err)
	}
	if w.saysError(false); code != fault.Usage || !exists("imagegate-report.previous") {
		t.Errorf("exit %d, want 4", code)
	}
	w.passed(ref)
	if err := os.Rename(w.path("report"), w.path("imagegate-report")); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"scan", "lint"} { // which write no report unless they are told where
		w.run(command, "--no-such-flag")
		if data, err := os.ReadFile(filepath.Join("imagegate-report", report.FileReport)); err != nil || !strings.Contains(string(data), `"result": "pass"`) {
			t.Errorf("%s touched a folder that nobody asked it to: %v", command, err)
		}
	}
}

// While a run goes on the folder says error, and so it does when the run is killed.
func TestKilledAfterAPass(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, b := w.push(w.image())
	w.passed(ref)
	program, err := exec.LookPath("imagegate")
	if err != nil {
		t.Skip(err)
	}
	asked := make(chan struct{}, 10)
	w.registry.Inject(testkit.Asks(testkit.KindBlob, b.Platform("linux/amd64").Layers[0].Digest().String()),
		func(_ http.ResponseWriter, req *http.Request, _ http.Handler) {
			asked <- struct{}{}
			<-req.Context().Done()
		}, 0)
	cmd := exec.CommandContext(t.Context(), program, append([]string{
		"verify", ref, "--registry-username", login, "--registry-password-file", w.passwordFile(), "--key", w.path("key.pem"),
		"--report-dir", w.path("report"), "--sarif-file", w.path("x.sarif"), "--platform", "linux/amd64", "--timeout", "2m",
	}, w.dbFlags...)...)
	cmd.Env = append(os.Environ(), "HOME="+w.dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	w.saysError(true)
	w.keptAside()
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it was not killed")
	}
	if r := w.saysError(true); !strings.Contains(strings.Join(r.Verdict.Reasons, " "), "did not finish") || r.Subject.Reference != ref {
		t.Errorf("the verdict is %+v about %q", r.Verdict, r.Subject.Reference)
	}
	if exists(w.path("x.sarif")) {
		t.Error("the earlier SARIF file is still there")
	}
	w.registry.Heal()
	w.passed(ref)
	w.keptAside()
}

// A run that was cut short says so in its report, also where the policy would be content
// with what had been seen by then.
func TestInterruptedWhileMatching(t *testing.T) {
	for _, tt := range []struct{ name, at, choice string }{
		{"before", "sbom linux/amd64: ", "--platform=linux/amd64"}, {"after", "vulnerabilities linux/amd64: ", "--platform=linux/amd64"},
		{"of_the_second_platform", "sbom linux/arm64: ", "--platforms=all"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(w.image())
			w.passed(ref)
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			var out bytes.Buffer
			errs := &trigger{text: tt.at, pull: interrupt}
			std := w.io(&out, &errs.Buffer, append([]string{
				"verify", ref, "--registry-username", login, "--registry-password-file", w.passwordFile(), "--key", w.path("key.pem"),
				"--report-dir", w.path("report"), "--sarif-file", w.path("x.sarif"), "--fail-on-severity", "none", tt.choice,
			}, w.dbFlags...)...)
			std.Stderr = errs
			code := cli.Main(ctx, std)
			if code != fault.Interrupted {
				t.Errorf("exit %d, want 130\n%s%s", code, out.String(), errs.String())
			}
			r := w.saysError(true)
			if !strings.Contains(strings.Join(r.Verdict.Reasons, " "), "interrupted") {
				t.Errorf("the reasons are %q", r.Verdict.Reasons)
			}
			if strings.HasPrefix(out.String(), "PASS") {
				t.Errorf("it prints a pass\n%s", out.String())
			}
			w.keptAside()
		})
	}
}

// A run whose time was over before everything was looked at decides nothing, whatever the
// policy asks for.
func TestOutOfTimeIsNoPass(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	w.passed(ref)
	w.registry.Inject(testkit.Asks(testkit.KindReferrers, ""), testkit.Delay(time.Hour), 0)
	code, r, text := w.verify(ref, "--timeout", "3s", "--fail-on-severity", "none")
	must(t, code, r, text, fault.Unavailable, report.Error)
	if !strings.Contains(strings.Join(r.Verdict.Reasons, " "), "timeout") {
		t.Errorf("the reasons are %q", r.Verdict.Reasons)
	}
	w.saysError(false)
	w.keptAside()
}

// broken is an output that takes nothing, as /dev/full.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// A pass whose outcome cannot be written or shown is none: exit 1, and the verdict is
// error wherever it could be written.
func TestPassThatCannotBeWritten(t *testing.T) {
	args := func(w *world, ref string, more ...string) []string {
		return append(append([]string{
			"verify", ref, "--registry-username", login, "--registry-password-file", w.passwordFile(), "--key", w.path("key.pem"), "--report-dir", w.path("report"),
		}, w.dbFlags...), more...)
	}
	for _, tt := range []struct {
		name   string
		stdout bool
		more   func(w *world) []string
		code   fault.Code
		want   report.Result
	}{
		{"sarif_file", false, func(w *world) []string { return []string{"--sarif-file", filepath.Join(w.path("key.pem"), "x.sarif")} }, fault.Internal, report.Error},
		{"standard_output", true, nil, fault.Internal, report.Error},
		{"standard_output_quiet", true, func(*world) []string { return []string{"--quiet"} }, fault.Internal, report.Error},
		{"failure_stays", true, func(*world) []string { return []string{"--fail-on-severity", "medium"} }, fault.Policy, report.Fail},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(w.image())
			w.passed(ref)
			var more []string
			if tt.more != nil {
				more = tt.more(w)
			}
			var out, errs bytes.Buffer
			std := w.io(&out, &errs, args(w, ref, more...)...)
			if tt.stdout {
				std.Stdout = broken{}
			}
			code := cli.Main(t.Context(), std)
			must(t, code, w.report(), out.String()+errs.String(), tt.code, tt.want)
			if strings.HasPrefix(out.String(), "PASS") {
				t.Errorf("it prints a pass\n%s", out.String())
			}
			if tt.want == report.Error {
				w.saysError(false)
			}
			w.keptAside()
		})
	}
	if runtime.GOOS == "windows" {
		return
	}
	t.Run("device_that_is_full", func(t *testing.T) {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Skip(err)
		}
		defer func() { _ = full.Close() }()
		w := newWorld(t, testkit.RegistryOptions{})
		ref, _ := w.push(w.image())
		var out, errs bytes.Buffer
		std := w.io(&out, &errs, args(w, ref)...)
		std.Stdout = full
		must(t, cli.Main(t.Context(), std), w.report(), errs.String(), fault.Internal, report.Error)
	})
}

// The step has said error, and exit code 1, before it looks at anything, and the verdict
// is what it says last.
func TestStepSaysErrorUntilItsEnd(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	w.passed(ref)
	runner := w.runner()
	seen := map[string]string{}
	w.registry.Inject(testkit.Any, func(rw http.ResponseWriter, req *http.Request, next http.Handler) {
		for _, name := range []string{"verdict", "exit-code", "reason"} {
			seen[name], _ = runner.Output(name)
		}
		w.saysError(false)
		next.ServeHTTP(rw, req)
	}, 1)
	code, log := w.step(runner, w.inputs(ref))
	if code != fault.OK || seen["verdict"] != "error" || seen["exit-code"] != "1" || seen["reason"] == "" {
		t.Errorf("exit %d, and at its beginning the step had said %v\n%s", code, seen, log)
	}
	list, err := runner.Outputs()
	if err != nil || len(list) == 0 || list[len(list)-1] != (testkit.Output{Name: "verdict", Value: "pass"}) {
		t.Errorf("the last output is %+v, %v", list, err)
	}
	if got := output(t, runner, "exit-code"); got != "0" {
		t.Errorf("exit-code is %q", got)
	}
	if got := output(t, runner, "report-dir"); strings.Contains(got, "previous") || w.file("report.previous/report.json") != "" {
		t.Errorf("the earlier report is uploaded: %s", got)
	}
	// A failing gate that is not to fail the build says so itself.
	runner, in := w.runner(), w.inputs(ref)
	in["fail-on-severity"], in["fail-build"] = "medium", "false"
	code, log = w.step(runner, in)
	if code != fault.OK || output(t, runner, "verdict") != "fail" || output(t, runner, "exit-code") != "0" {
		t.Errorf("exit %d, verdict %q\n%s", code, output(t, runner, "verdict"), log)
	}
	// A database that is not there is a mistake in the inputs.
	runner, in = w.runner(), w.inputs(ref)
	in["db"], in["fail-on-severity"] = w.path("gone.tar.zst"), "none"
	code, log = w.step(runner, in)
	if code != fault.Usage || output(t, runner, "verdict") != "error" || output(t, runner, "exit-code") != "4" {
		t.Errorf("exit %d, verdict %q, exit-code %q\n%s", code, output(t, runner, "verdict"), output(t, runner, "exit-code"), log)
	}
}

// What holds for the gate holds for the commands beside it: a folder without a file to
// lint is no pass, and a pass that cannot be written is none.
func TestLintReportState(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	t.Chdir(t.TempDir())
	write(t, "Dockerfile", "FROM scratch\nUSER 65532\nHEALTHCHECK NONE\nENTRYPOINT [\"/app\"]\n")
	lint := func(args ...string) (fault.Code, string) {
		code, stdout, stderr := w.run(append([]string{"lint", "--fail-on-severity", "none"}, args...)...)
		return code, stdout + stderr
	}
	code, text := lint("--report-dir", w.path("report"), "--sarif-file", w.path("x.sarif"))
	must(t, code, w.report(), text, fault.OK, report.Pass)
	code, text = lint("--report-dir", w.path("report"), "--sarif-file", filepath.Join(w.path("key.pem"), "x.sarif"))
	if must(t, code, w.report(), text, fault.Internal, report.Error); !strings.Contains(text, "ERROR the outcome could not be published") {
		t.Errorf("it prints\n%s", text)
	}
	code, text = lint("--report-dir", w.path("report"), "--sarif-file", w.path("x.sarif"))
	must(t, code, w.report(), text, fault.OK, report.Pass)
	if err := os.Remove("Dockerfile"); err != nil {
		t.Fatal(err)
	}
	code, text = lint("--report-dir", w.path("report"), "--sarif-file", w.path("x.sarif"))
	must(t, code, w.report(), text, fault.Unavailable, report.Error)
	w.saysError(true)
	code, text = lint("--sarif-file", w.path("x.sarif"), "--no-such-flag")
	if w.saysError(true); code != fault.Usage {
		t.Errorf("exit %d, want 4\n%s", code, text)
	}
}
