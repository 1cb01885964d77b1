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

// checkOf is the outcome of a check at a place; "" for any.
func checkOf(r *report.Report, id, location string) report.Check {
	for _, c := range r.Checks {
		if c.ID == id && (location == "" || c.Location == location) {
			return c
		}
	}
	return report.Check{}
}

// soft is the image of the world, made worse: root, a shell, a setuid program.
func soft(img testkit.Image) testkit.Image {
	for i := range img.Platforms {
		p := &img.Platforms[i]
		p.Config.Config.User = ""
		p.Layers = append(p.Layers, testkit.Layer{Files: []testkit.File{
			{Path: "bin/sh", Content: []byte("\x7fELF"), Mode: 0o755},
			{Path: "bin/su", Content: []byte("\x7fELF"), Mode: 0o4755},
		}})
	}
	return img
}

// TestGateChecksTheImage: the checks are in the report, and change no verdict unless
// they are asked to.
func TestGateChecksTheImage(t *testing.T) {
	for _, tt := range []struct {
		name   string
		image  func(testkit.Image) testkit.Image
		flags  []string
		code   fault.Code
		want   report.Result
		states map[string]string
		reason string
	}{
		{"hardened", func(i testkit.Image) testkit.Image { return i }, []string{"--fail-on-check", "high"}, fault.OK, report.Pass,
			map[string]string{"HIG-I001": report.CheckPassed, "HIG-I003": report.CheckPassed, "HIG-I005": report.CheckPassed}, ""},
		{"soft_only_informs", soft, nil, fault.OK, report.Pass,
			map[string]string{"HIG-I001": report.CheckFailed, "HIG-I003": report.CheckFailed, "HIG-I005": report.CheckFailed}, ""},
		{"soft_fails_from_high", soft, []string{"--fail-on-check", "high"}, fault.Policy, report.Fail,
			map[string]string{"HIG-I001": report.CheckFailed}, "HIG-I001"},
		{"soft_passes_from_critical", soft, []string{"--fail-on-check", "critical"}, fault.OK, report.Pass, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(tt.image(w.image()))
			code, r, text := w.verify(ref, tt.flags...)
			must(t, code, r, text, tt.code, tt.want)
			for id, state := range tt.states {
				if c := checkOf(r, id, ""); c.State != state {
					t.Errorf("%s is %q because %q, want %s", id, c.State, c.Reason, state)
				}
			}
			if s := stageOf(r, report.StageHarden); s.State != report.Done {
				t.Errorf("the stage is %+v", s)
			}
			if r.Score == nil || r.Score.Total != 12 || len(r.Score.Items) != 12 || r.Compliance == nil || len(r.Compliance.Controls) < 5 {
				t.Fatalf("the score is %+v, %+v", r.Score, r.Compliance)
			}
			if !strings.Contains(strings.Join(r.Verdict.Reasons, "\n"), tt.reason) {
				t.Errorf("reasons %q do not name %s", r.Verdict.Reasons, tt.reason)
			}
			if want := "Score " + r.Score.Card; !strings.Contains(text, want) || !strings.Contains(w.file("summary.md"), "Scorecard: "+r.Score.Card) {
				t.Errorf("%s is not shown:\n%s", want, text)
			}
			for digest, n := range w.registry.BlobGets() {
				if n != 1 {
					t.Errorf("blob %s was requested %d times", digest, n)
				}
			}
		})
	}
}

// TestGateChecksOddImages: what a later layer hides, changes or links to, through the
// gate and the layers of a registry.
func TestGateChecksOddImages(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	img := w.image()
	key := []byte("-----BEGIN " + "PRIVATE KEY-----\n")
	busybox := append(append([]byte("\x7fELF"), make([]byte, 70_000)...), "BusyBox v1.38.0 multi-call binary"...)
	for i := range img.Platforms {
		p := &img.Platforms[i]
		p.Config.Config.User = "late"
		p.Config.Config.Entrypoint = []string{"run.sh"}
		p.Config.Config.WorkingDir = "/srv"
		p.Config.Config.Env = []string{"PATH=/opt/bin:/usr/bin"}
		p.Layers = append(p.Layers, testkit.Layer{Files: []testkit.File{
			{Path: "root/.ssh/id_ed25519", Content: key, Mode: 0o600},
			{Path: "etc/passwd", Content: []byte("root:x:0:0::/root:/sbin/nologin\nbroken line\n")},
			{Path: "srv/tls/server.key", Content: key, Mode: 0o600},
			{Path: "usr/bin/late-setuid", Content: []byte("\x7fELF"), Mode: 0o755},
			{Path: "opt/applets/[", Content: busybox, Mode: 0o755},
			{Path: "opt/applets/dpkg", Hardlink: "opt/applets/["},
			{Path: "loop/a", Symlink: "b"}, {Path: "loop/b", Symlink: "a"},
			{Path: "usr/bin/bash", Symlink: "../../../../../../gone/bash"},
			{Path: "opt/bin/run.sh", Symlink: "/srv/../../../../srv/run"},
			{Path: "srv/run", Content: []byte("#!/usr/local/bin/interpreter\n"), Mode: 0o755},
		}}, testkit.Layer{Files: []testkit.File{
			{Path: "root/.ssh", Whiteout: true},
			{Path: "srv/tls", Opaque: true},
			{Path: "usr/bin/late-setuid", Content: []byte("\x7fELF"), Mode: 0o4755},
			{Path: "etc/passwd", Content: []byte("root:x:0:0::/root:/sbin/nologin\nlate:x:0:7::/:/sbin/nologin\n")},
		}})
	}
	ref, _ := w.push(img)
	_, r, text := w.verify(ref, "--max-layers", "2", "--max-image-size", "1k")
	for _, tt := range []struct{ id, location, state, reason string }{
		{"HIG-I001", "config.User", report.CheckFailed, "is root"},
		{"HIG-I003", "/opt/applets/[", report.CheckFailed, "by another name"},
		{"HIG-I004", "", report.CheckPassed, ""},
		{"HIG-I005", "/usr/bin/late-setuid", report.CheckFailed, "setuid"},
		{"HIG-I009", "/root/.ssh/id_ed25519", report.CheckFailed, "a later layer removes it"},
		{"HIG-I009", "/srv/tls/server.key", report.CheckFailed, "a later layer removes it"},
		{"HIG-I012", "/opt/bin/run.sh", report.CheckFailed, "/usr/local/bin/interpreter"},
		{"HIG-I020", "", report.CheckFailed, "the budget is"},
		{"HIG-I029", "/etc/passwd", report.CheckFailed, "late"},
	} {
		if c := checkOf(r, tt.id, tt.location); c.State != tt.state || !strings.Contains(c.Reason, tt.reason) {
			t.Errorf("%s at %q is %q because %q; want %s because %q\n%s", tt.id, tt.location, c.State, c.Reason, tt.state, tt.reason, text)
		}
	}
	if c := checkOf(r, "HIG-I003", "/usr/bin/bash"); c.ID != "" {
		t.Errorf("a link to nothing is %s: %s", c.State, c.Reason)
	}
}

func TestGateChecksEveryPlatform(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	img := soft(w.image())
	img.Platforms[1].Config.Config.User = "65532:65532"
	ref, _ := w.push(img)
	code, r, text := w.verify(ref, "--platforms", "all", "--fail-on-check", "high")
	must(t, code, r, text, fault.Policy, report.Fail)
	if got := strings.Join(r.Verdict.Reasons, "\n"); !strings.Contains(got, "linux/amd64: ") || strings.Contains(got, "linux/arm64: 1 finding of the hardening") {
		t.Errorf("reasons are %s", got)
	}
	shell := 0
	for _, c := range r.Checks {
		if c.ID == "HIG-I003" {
			shell++
			if c.Platform != "" {
				t.Errorf("the shell of both platforms is told for %s", c.Platform)
			}
		}
		if c.ID == "HIG-I001" && c.Platform == "" {
			t.Errorf("the user of one platform is told for both")
		}
	}
	if shell != 1 || r.Score == nil {
		t.Errorf("the shell is told %d times; score %+v", shell, r.Score)
	}
}

// TestGateWithoutLayers: what could not be read is not passed, and a policy that asks
// for checks does not take it for good.
func TestGateWithoutLayers(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, b := w.push(w.image())
	for _, l := range b.Platform("linux/amd64").Layers {
		w.registry.Inject(testkit.Asks(testkit.KindBlob, l.Digest().String()), testkit.Status(404, nil), 0)
	}
	code, r, text := w.verify(ref, "--fail-on-check", "high")
	must(t, code, r, text, fault.Unavailable, report.Error)
	if s := stageOf(r, report.StageHarden); s.State != report.Failed {
		t.Errorf("the stage is %+v", s)
	}
	if c := checkOf(r, "HIG-I003", ""); c.State != report.CheckUndecided {
		t.Errorf("whether there is a shell is %q", c.State)
	}
	if c := checkOf(r, "HIG-I001", ""); c.State != report.CheckPassed {
		t.Errorf("the user, which the configuration tells, is %q", c.State)
	}
}

// beside runs the rest of the test in a working directory with a Dockerfile.
func (w *world) beside(dockerfile string) {
	w.t.Helper()
	dir := w.t.TempDir()
	for name, text := range map[string]string{"svc/Dockerfile": dockerfile, ".dockerignore": ignored} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
	w.t.Chdir(dir)
}

func TestGateLintsBesideTheImage(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	w.beside("FROM python:3.13\nUSER root\n")
	code, r, text := w.verify(ref, "--lint", ".")
	must(t, code, r, text, fault.OK, report.Pass)
	if c := checkOf(r, "HIG-D005", "svc/Dockerfile"); c.State != report.CheckFailed || c.Line != 2 {
		t.Errorf("the Dockerfile's user is %+v", c)
	}
	code, r, text = w.verify(ref, "--lint", ".", "--fail-on-check", "high")
	must(t, code, r, text, fault.Policy, report.Fail)

	code, r, text = w.verify(ref, "--lint", ".", "--platforms", "all")
	must(t, code, r, text, fault.OK, report.Pass)
	n := 0
	for _, c := range r.Checks {
		if c.ID == "HIG-D005" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("one line of a Dockerfile is told %d times for two platforms", n)
	}

	code, r, text = w.verify(ref, "--lint", "nowhere")
	must(t, code, r, text, fault.Usage, report.Error)
	if strings.Contains(text, "pull") {
		t.Errorf("a mistake in a path was told after the download:\n%s", text)
	}
	if err := os.Remove("svc/Dockerfile"); err != nil {
		t.Fatal(err)
	}
	code, r, text = w.verify(ref, "--lint", ".", "--fail-on-check", "high")
	must(t, code, r, text, fault.Unavailable, report.Error)
	code, r, text = w.verify(ref, "--lint", ".")
	must(t, code, r, text, fault.OK, report.Warn)
	if s := stageOf(r, report.StageHarden); s.State != report.Failed || !strings.Contains(s.Reason, "no Dockerfile") {
		t.Errorf("the stage is %+v", s)
	}
}

func TestActionLints(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	w.beside("FROM python:3.13\nUSER root\nENV A=\"::error::forged\x1b[31m\"\n")
	in := w.inputs(ref)
	in["lint"] = "svc\n"
	in["fail-on-check"] = "high"
	runner := w.runner()
	code, log := w.step(runner, in)
	if code != fault.Policy {
		t.Errorf("exit %d\n%s", code, log)
	}
	if !strings.Contains(log, "::error file=svc/Dockerfile,line=2,title=HIG-D005 (high)::") {
		t.Errorf("no annotation at the line:\n%s", log)
	}
	if !strings.Contains(log, "::warning file=svc/Dockerfile,line=1,title=HIG-D002 (medium)::") {
		t.Errorf("no annotation at the base:\n%s", log)
	}
	if strings.Contains(log, "::error::forged") {
		t.Errorf("the Dockerfile made an annotation:\n%s", log)
	}
	r := w.report()
	if got := output(t, runner, "score"); r.Score == nil || got != r.Score.Card || !strings.HasSuffix(got, "/12") {
		t.Errorf("output score is %q", got)
	}
	for _, name := range []string{"checks-passed", "checks-failed"} {
		if got := output(t, runner, name); got == "" || got == "0" {
			t.Errorf("output %s is %q", name, got)
		}
	}
	summary, err := runner.Summary()
	if err != nil || !strings.Contains(summary, "HIG-D005") || !strings.Contains(summary, "Scorecard") {
		t.Errorf("the summary lacks the finding: %v", err)
	}
	if sarif := w.file("results.sarif"); !strings.Contains(sarif, `"uri": "svc/Dockerfile"`) {
		t.Errorf("the SARIF file does not point at the Dockerfile")
	}
}

// TestRunCheckWithoutEngine: no engine is "could not look", in the command and in the
// gate, where it warns, and is an error when checks decide.
func TestRunCheckWithoutEngine(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	w.env["DOCKER_HOST"] = "unix://" + w.path("nobody.sock")
	code, stdout, stderr := w.run("run-check", "dhi.io/python:3.13")
	if code != fault.Unavailable || stdout != "" || !strings.Contains(stderr, "hint: ") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	ref, _ := w.push(w.image())
	code, r, text := w.verify(ref, "--run-check")
	must(t, code, r, text, fault.OK, report.Warn)
	if c := checkOf(r, "HIG-R001", ""); c.State != report.CheckUndecided || !strings.Contains(c.Reason, "could not look") {
		t.Errorf("whether it starts is %+v", c)
	}
	if s := stageOf(r, report.StageRun); s.State != report.Failed {
		t.Errorf("the stage is %+v", s)
	}
	code, r, text = w.verify(ref, "--run-check", "--fail-on-check", "critical")
	must(t, code, r, text, fault.Unavailable, report.Error)
}

func TestRunCheckBadInput(t *testing.T) {
	w := checkout(t, nil)
	for _, args := range [][]string{
		{}, {"a b"}, {"x:1", "y:1"}, {"x:1", "--tmpfs", "relative"}, {"x:1", "--memory", "much"}, {"x:1", "--memory", "-1m"},
		{"x:1", "--observe", "soon"}, {"x:1", "--observe", "0s"}, {"x:1", "--grace", "0"}, {"x:1", "--pids", "many"}, {"x:1", "--fail-on-severity", "x"},
	} {
		w.env["DOCKER_HOST"] = "unix:///nowhere.sock"
		if code, _, stderr := w.run(append([]string{"run-check"}, args...)...); code != fault.Usage {
			t.Errorf("%q: exit %d, want %d: %s", args, code, fault.Usage, stderr)
		}
	}
	w.env["DOCKER_HOST"] = "ssh://somewhere"
	if code, _, _ := w.run("run-check", "x:1"); code != fault.Usage {
		t.Errorf("an engine that cannot be spoken to: exit %d", code)
	}
}

// TestBillOfMaterialsBesideFiles: without an image the checks of an image did not run,
// and only the files may speak for hardening.
func TestBillOfMaterialsBesideFiles(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	_, r, text := w.verify(ref)
	if r == nil {
		t.Fatal(text)
	}
	bill := w.path("sbom.syft.json")
	if err := os.WriteFile(bill, []byte(w.file("sbom.syft.json")), 0o644); err != nil {
		t.Fatal(err)
	}
	w.beside("FROM python:3.13\nUSER root\n")
	off := []string{"--require", "none", "--fail-on-severity", "none"}
	code, r, text := w.verify("sbom:"+bill, append(off, "--fail-on-check", "high")...)
	must(t, code, r, text, fault.Unavailable, report.Error)
	code, r, text = w.verify("sbom:"+bill, append(off, "--fail-on-check", "high", "--lint", ".")...)
	must(t, code, r, text, fault.Policy, report.Fail)
	if s := stageOf(r, report.StageHarden); s.State != report.Done || !strings.Contains(s.Reason, "of files alone") {
		t.Errorf("the stage is %+v", s)
	}
}
