package cli_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/cli"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// A report directory that cannot be written hides no failure, whose exit code and verdict
// stay. A pass is taken back: exit 1, and the verdict is error. (A directory below a
// regular file is refused to everyone; a mode would not stop root.)
func TestUnwritableReportDirectory(t *testing.T) {
	for _, tt := range []struct {
		name  string
		flags []string
		code  fault.Code
		want  string
	}{
		{"pass", nil, fault.Internal, "ERROR"},
		{"policy_fails", []string{"--fail-on-severity", "medium"}, fault.Policy, "FAIL"},
		{"evidence_is_missing", []string{"--db-max-age", "1h"}, fault.Unavailable, "ERROR"},
		{"verdict_only", []string{"--quiet"}, fault.Internal, "ERROR: the outcome could not be published: make the report directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(w.image())
			dir := filepath.Join(write(t, w.path("file"), ""), "report")
			flags := append([]string{"--key", w.path("key.pem"), "--report-dir", dir}, w.dbFlags...)
			code, stdout, stderr := w.call("verify", ref, append(flags, tt.flags...)...)
			if code != tt.code || !strings.HasPrefix(stdout, tt.want) {
				t.Errorf("exit %d, want %d and %s first\n%s%s", code, tt.code, tt.want, stdout, stderr)
			}
			complains(t, stderr, "make the report directory", "report-dir")
			if strings.Contains(stdout, "report: ") {
				t.Errorf("a report is named that was not written:\n%s", stdout)
			}
		})
	}
	t.Run("action", func(t *testing.T) {
		w := newWorld(t, testkit.RegistryOptions{})
		ref, b := w.push(w.image())
		runner, in := w.runner(), w.inputs(ref)
		in["report-dir"] = filepath.Join(write(t, w.path("file"), ""), "report")
		code, log := w.step(runner, in)
		if code != fault.Internal || output(t, runner, "verdict") != "error" || output(t, runner, "exit-code") != "1" || output(t, runner, "digest") != b.Platform("linux/amd64").Manifest.Digest().String() {
			t.Errorf("exit %d, verdict %q\n%s", code, output(t, runner, "verdict"), log)
		}
		for _, name := range []string{"report-dir", "json", "sarif", "sbom", "vex"} {
			if got := output(t, runner, name); got != "" {
				t.Errorf("output %s = %q names what was not written", name, got)
			}
		}
		if summary, err := runner.Summary(); err != nil || !strings.Contains(summary, "ERROR") || strings.Contains(summary, "PASS") {
			t.Errorf("summary %q, %v", summary, err)
		}
		complains(t, log, "make the report directory", "report-dir")
	})
}

// Commands that write no report name none.
func TestReportIsNamedOnlyWhenWritten(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	t.Chdir(w.dir)
	_, stdout, _ := w.call("scan", ref, append(w.dbFlags, "--fail-on-severity", "none")...)
	if strings.Contains(stdout, "report: ") {
		t.Errorf("scan names a report:\n%s", stdout)
	}
	_, stdout, _ = w.call("scan", ref, append(w.dbFlags, "--report-dir", w.path("report"))...)
	if !strings.Contains(stdout, "report: "+filepath.Join(w.path("report"), "report.json")) || w.file("report.json") == "" {
		t.Errorf("scan with a directory names none:\n%s", stdout)
	}
	if _, err := os.Stat("imagegate-report"); err == nil {
		t.Error("scan left a report where nobody asked for one")
	}
}

// trigger is a buffer that is pulled when a text has been written to it.
type trigger struct {
	bytes.Buffer
	text string
	pull func()
}

func (w *trigger) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if strings.Contains(w.String(), w.text) {
		w.pull()
	}
	return n, err
}

// An interrupt ends the run with 130 at once, and what was gathered is written.
func TestInterrupted(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, b := w.push(w.image())
	w.ownTemp()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	w.registry.Inject(testkit.Asks(testkit.KindBlob, b.Platform("linux/amd64").Layers[0].Digest().String()), testkit.Delay(time.Hour), 0)
	var out bytes.Buffer
	errs := &trigger{text: "attestations linux/amd64: ", pull: interrupt} // they have come, and a layer has not
	std := w.io(&out, &errs.Buffer, append([]string{
		"verify", ref, "--registry-username", login, "--registry-password-file", w.passwordFile(), "--key", w.path("key.pem"), "--report-dir", w.path("report"),
	}, w.dbFlags...)...)
	std.Stderr = errs
	code := cli.Main(ctx, std)
	r := w.report()
	must(t, code, r, out.String()+errs.String(), fault.Interrupted, report.Error)
	if len(r.Attestations) != 4 || r.Attestations[0].State != report.Verified || stageOf(r, report.StagePull).State != report.Failed {
		t.Errorf("what was gathered is lost: %+v, %+v", r.Stages, r.Attestations)
	}
	complains(t, errs.String(), "pull", "")
}

// A run that saw no vulnerabilities, or not all packages, must not close the alerts of
// earlier ones: code scanning takes a list without results for that.
func TestNothingDecidedUploadsNoSARIF(t *testing.T) {
	for _, tt := range []struct {
		name    string
		inputs  map[string]string
		status  string // replaces what the image has of dpkg
		code    fault.Code
		want    string
		verdict string
	}{
		{"decided", nil, "", fault.OK, "true", "pass"},
		{"found_and_failed", map[string]string{"fail-on-severity": "medium"}, "", fault.Policy, "true", "fail"},
		{"database_too_old", map[string]string{"db-max-age": "1h"}, "", fault.OK, "false", "warn"},
		{"packages_not_read_to_their_end", nil, " not a field\nPackage: libc6\nVersion: 1\nStatus: install ok installed\n\n", fault.Unavailable, "false", "error"},
		{"one_of_two_platforms_could_not_be_read", map[string]string{"platforms": "all"}, "", fault.Unavailable, "false", "error"},
		{"outcome_could_not_be_written", map[string]string{"sarif-file": "key.pem/x.sarif"}, "", fault.Internal, "false", "error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			t.Chdir(w.dir)
			img := w.image()
			for i := range img.Platforms {
				if tt.status != "" {
					img.Platforms[i].Layers[0].Files[1].Content = []byte(tt.status)
				}
			}
			ref, b := w.push(img)
			if tt.inputs["platforms"] != "" {
				w.registry.Inject(testkit.Asks(testkit.KindManifest, b.Platform("linux/arm64").Manifest.Digest().String()), testkit.Status(404, nil), 0)
			}
			runner, in := w.runner(), w.inputs(ref)
			in["upload-sarif"], in["fail-on-severity"] = "true", "none"
			for name, value := range tt.inputs {
				in[name] = value
			}
			code, log := w.step(runner, in)
			if code != tt.code || output(t, runner, "verdict") != tt.verdict {
				t.Errorf("exit %d, want %d; verdict %q, want %q\n%s", code, tt.code, output(t, runner, "verdict"), tt.verdict, log)
			}
			if got := output(t, runner, "upload-sarif"); got != tt.want || strings.Contains(log, "is not uploaded") != (tt.want == "false") {
				t.Errorf("output upload-sarif is %q\n%s", got, log)
			}
		})
	}
}

func TestInterruptedBeforeItBegan(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	for _, command := range []string{"verify", "scan", "sbom", "vex", "attest list", "attest verify", "attest get"} {
		var out, errs bytes.Buffer
		args := append(strings.Fields(command), ref, "--registry-username", login, "--registry-password-file", w.passwordFile())
		if command == "verify" {
			args = append(args, "--report-dir", w.path("report"))
		}
		if code := cli.Main(ctx, w.io(&out, &errs, args...)); code != fault.Interrupted {
			t.Errorf("%s: exit %d, want 130\n%s%s", command, code, out.String(), errs.String())
		}
	}
}

// The option timeout bounds the run wherever it waits, says so, and exits 3.
func TestTimeout(t *testing.T) {
	for _, tt := range []struct {
		name   string
		match  func(b *testkit.Built) testkit.Match
		stage  string
		before []string // what is done by then
	}{
		{"resolve", func(*testkit.Built) testkit.Match { return testkit.Any }, report.StageResolve, nil},
		{"layer", func(b *testkit.Built) testkit.Match {
			return testkit.Asks(testkit.KindBlob, b.Platform("linux/amd64").Layers[0].Digest().String())
		}, report.StagePull, []string{report.StageResolve}},
		{"attestations", func(*testkit.Built) testkit.Match { return testkit.Asks(testkit.KindReferrers, "") }, report.StageAttest,
			[]string{report.StageResolve, report.StageSBOM}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, b := w.push(w.image())
			w.registry.Inject(tt.match(b), testkit.Delay(time.Hour), 0)
			// A busy machine may need longer for what comes before: then once more, with
			// more time.
			for timeout := 4 * time.Second; ; timeout *= 4 {
				code, r, text := w.verify(ref, "--timeout", timeout.String(), "--require", "dhi", "--fail-on-severity", "none")
				must(t, code, r, text, fault.Unavailable, report.Error)
				if timeout < time.Minute && slices.ContainsFunc(tt.before, func(name string) bool { return stageOf(r, name).State != report.Done }) {
					continue
				}
				s := stageOf(r, tt.stage)
				t.Logf("%s\n  hint: %s", s.Reason, s.Hint)
				if s.State != report.Failed || !strings.Contains(s.Reason+s.Hint, "time") || !strings.Contains(s.Hint, "timeout") {
					t.Errorf("stage %s is %+v", tt.stage, s)
				}
				for _, name := range tt.before {
					if stageOf(r, name).State != report.Done {
						t.Errorf("what stage %s found is lost", name)
					}
				}
				return
			}
		})
	}
}
