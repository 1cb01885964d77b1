package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/cli"
	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// step runs imagegate action as a step with the given inputs.
func (w *world) step(runner *testkit.Runner, inputs map[string]string) (fault.Code, string) {
	w.t.Helper()
	for name, value := range inputs {
		runner.SetInput(name, value)
	}
	var out, errs bytes.Buffer
	std := w.io(&out, &errs, "action")
	std.Getenv = runner.Getenv
	code := cli.Main(w.t.Context(), std)
	return code, out.String() + errs.String()
}

func (w *world) runner() *testkit.Runner {
	w.t.Helper()
	r, err := testkit.NewRunner(w.t.TempDir())
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) inputs(ref string) map[string]string {
	return map[string]string{
		"image": ref, "registry-username": login, "registry-password": password, "key": string(w.key.PublicPEM()),
		"db": w.dbFlags[1], "cache-dir": w.dbFlags[3], "report-dir": w.path("report"), "require": "dhi", "platform": "",
	}
}

func output(t *testing.T, r *testkit.Runner, name string) string {
	t.Helper()
	v, err := r.Output(name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestActionPasses(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, b := w.push(w.image())
	runner := w.runner()
	code, log := w.step(runner, w.inputs(ref))
	if code != fault.OK {
		t.Fatalf("exit %d\n%s", code, log)
	}
	digest := b.Platform("linux/amd64").Manifest.Digest().String()
	for name, want := range map[string]string{
		"verdict": "pass", "digest": digest, "image-ref": w.registry.Host() + "/dhi/app@" + digest,
		"critical": "0", "high": "0", "medium": "1", "low": "0", "suppressed": "1",
		"report-dir": w.path("report"), "json": filepath.Join(w.path("report"), "report.json"),
		"sarif": filepath.Join(w.path("report"), "results.sarif"), "sbom": filepath.Join(w.path("report"), "sbom.syft.json"),
		"vex": filepath.Join(w.path("report"), "vex.openvex.json"), "retention-days": "90", "upload-artifact": "true", "upload-sarif": "false",
	} {
		if got := output(t, runner, name); got != want {
			t.Errorf("output %s = %q, want %q", name, got, want)
		}
	}
	for _, want := range []string{testkit.PredicateOpenVEX, testkit.PredicateProvenance, testkit.PredicateSPDX} {
		if got := output(t, runner, "verified"); !strings.Contains(got, want) {
			t.Errorf("output verified = %q, want %s in it", got, want)
		}
	}
	for _, o := range config.Outputs() {
		if o.Step == "gate" && o.Name != "exit-code" {
			if _, err := runner.Output(o.Name); err != nil {
				t.Errorf("output %s: %v", o.Name, err)
			}
		}
	}
	summary, err := runner.Summary()
	if err != nil || !strings.Contains(summary, "PASS") {
		t.Errorf("summary %q, %v", summary, err)
	}
	if !strings.Contains(log, "::add-mask::"+password) || strings.Count(log, password) != 1 {
		t.Errorf("the password is not masked once and never printed:\n%s", log)
	}
	if !strings.Contains(log, "::group::") || !strings.Contains(log, "::endgroup::") {
		t.Errorf("no group in the log:\n%s", log)
	}
}

func TestActionOutputsAreNeverForged(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	img := w.image()
	for i := range img.Platforms {
		labels := img.Platforms[i].Config.Config.Labels
		labels["com.docker.dhi.title"] = "a\n_GitHubActionsFileCommandDelimeter_\nverdict=pass\n::set-output name=verdict::pass"
		labels["org.opencontainers.image.title"] = "<script>alert(1)</script>`$(id)`"
	}
	ref, _ := w.push(img)
	runner := w.runner()
	in := w.inputs(ref)
	in["fail-on-severity"] = "medium"
	code, log := w.step(runner, in)
	if code != fault.Policy || output(t, runner, "verdict") != "fail" {
		t.Fatalf("exit %d, verdict %q\n%s", code, output(t, runner, "verdict"), log)
	}
	for _, line := range strings.Split(log, "\n") {
		if strings.HasPrefix(line, "::error::forged") || strings.HasPrefix(line, "::set-output") || strings.Contains(line, "\x1b[31m") {
			t.Errorf("hostile text reached the log: %q", line)
		}
	}
	summary, err := runner.Summary()
	if err != nil {
		t.Fatal(err)
	}
	for _, hostile := range []string{"<script>", "](https://evil.invalid)"} {
		if strings.Contains(summary, hostile) {
			t.Errorf("the summary holds %q", hostile)
		}
	}
}

func TestActionWithoutGitHubOutput(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	runner := w.runner()
	runner.Unsetenv("GITHUB_OUTPUT")
	code, log := w.step(runner, w.inputs(ref))
	if code != fault.Internal || !strings.Contains(log, "GITHUB_OUTPUT") || w.report() == nil {
		t.Errorf("exit %d, want 1 and a report all the same\n%s", code, log)
	}
}

func TestActionBadInput(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	for name, in := range map[string]map[string]string{
		"no_image":       {},
		"bad_value":      {"image": "a", "fail-on-severity": "severe"},
		"bad_image":      {"image": "Not A Reference"},
		"login_in_image": {"image": "https://user:" + password + "@registry.example/a"},
		"no_config":      {"image": "a", "config": w.path("none.yaml")},
	} {
		t.Run(name, func(t *testing.T) {
			runner := w.runner()
			runner.Setenv("HOME", t.TempDir())
			t.Chdir(t.TempDir())
			in["report-dir"] = "here"
			code, log := w.step(runner, in)
			if code != fault.Usage || output(t, runner, "verdict") != "error" || output(t, runner, "reason") == "" {
				t.Errorf("exit %d, verdict %q\n%s", code, output(t, runner, "verdict"), log)
			}
			for _, name := range []string{"critical", "high", "suppressed", "score"} {
				if got := output(t, runner, name); got != "" {
					t.Errorf("nothing was looked at, and %s is %q", name, got)
				}
			}
			data, err := os.ReadFile(filepath.Join(in["report-dir"], report.FileReport))
			var r report.Report
			if err != nil || json.Unmarshal(data, &r) != nil || r.Verdict.Result != report.Error || len(r.Vulnerabilities) > 0 {
				t.Errorf("the report is %s, %v", data, err)
			}
			if _, err := os.Stat(output(t, runner, "json")); err != nil {
				t.Error(err)
			}
			summary, err := runner.Summary()
			if err != nil || !strings.Contains(summary, "ERROR") || !strings.Contains(summary, "nothing was looked at") || !strings.Contains(summary, "Next step") {
				t.Errorf("summary %q, %v", summary, err)
			}
			for place, text := range map[string]string{"log": log, "summary": summary, "report": string(data)} {
				if strings.Contains(text, password) {
					t.Errorf("the password is in the %s", place)
				}
			}
		})
	}
}

func TestForkWithoutSecretsIsNeutral(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	in := w.inputs(ref)
	in["registry-password"] = ""

	t.Setenv("DOCKER_CONFIG", t.TempDir())
	for _, user := range []string{"", login} { // a variable may be there where the secret is not
		in["registry-username"] = user
		fork := w.fork()
		code, log := w.step(fork, in)
		if code != fault.OK || output(t, fork, "verdict") != "error" || !strings.Contains(output(t, fork, "reason"), "no secrets") {
			t.Errorf("fork with user %q: exit %d, verdict %q\n%s", user, code, output(t, fork, "verdict"), log)
		}
		if strings.Contains(log, "::error") {
			t.Errorf("a fork sees an error annotation:\n%s", log)
		}
	}

	push := w.runner()
	in["registry-username"] = ""
	code, log := w.step(push, in)
	if code != fault.Unavailable || output(t, push, "verdict") != "error" {
		t.Errorf("push without a login: exit %d\n%s", code, log)
	}
}

func TestSameEvidenceSameBytes(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{Shuffle: true})
	w.env["SOURCE_DATE_EPOCH"] = "1777636800"
	ref, b := w.push(w.image())
	first := map[string][]byte{}
	for run := range 3 {
		if run == 1 { // now the layers come last
			for _, l := range b.Platform("linux/amd64").Layers {
				w.registry.Inject(testkit.Asks(testkit.KindBlob, l.Digest().String()), testkit.Delay(150*time.Millisecond), 0)
			}
		}
		if run == 2 { // and now the attestations do
			w.registry.Heal()
			w.registry.Inject(testkit.Asks(testkit.KindReferrers, ""), testkit.Delay(150*time.Millisecond), 0)
		}
		code, r, text := w.verify(ref, "--platforms", "all", "--require", "dhi")
		must(t, code, r, text, fault.OK, report.Pass)
		for _, name := range []string{"report.json", "summary.md", "results.sarif", "evidence.json", "vex.openvex.json"} {
			data, err := os.ReadFile(filepath.Join(w.path("report"), name))
			if err != nil {
				t.Fatal(err)
			}
			if run == 0 {
				first[name] = data
			} else if !bytes.Equal(first[name], data) {
				t.Errorf("run %d: %s is another", run, name)
			}
		}
	}
	var r map[string]any
	if err := json.Unmarshal(first["report.json"], &r); err != nil || r["generated"] != "2026-05-01T12:00:00Z" {
		t.Errorf("generated is %v, %v", r["generated"], err)
	}
	w.env["SOURCE_DATE_EPOCH"] = "yesterday"
	if code, _, text := w.verify(ref); code != fault.Usage || !strings.Contains(text, "SOURCE_DATE_EPOCH") {
		t.Errorf("a bad SOURCE_DATE_EPOCH: exit %d\n%s", code, text)
	}
}

func TestLayersOnceBesideAttestations(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, b := w.push(w.image())
	layers := map[string]bool{}
	beside := []testkit.Match{testkit.Asks(testkit.KindReferrers, "")}
	for _, l := range b.Platform("linux/amd64").Layers {
		layers[l.Digest().String()] = true
		beside = append(beside, testkit.Asks(testkit.KindBlob, l.Digest().String()))
	}
	if len(layers) < 2 {
		t.Fatalf("%d layers cannot be downloaded beside each other", len(layers))
	}
	met := w.registry.Gather(30*time.Second, beside...)
	code, r, text := w.verify(ref)
	must(t, code, r, text, fault.OK, report.Pass)
	if !met() {
		t.Error("no attestation was asked for while all layers were being downloaded")
	}
	for digest, n := range w.registry.BlobGets() {
		if n != 1 {
			t.Errorf("blob %s was requested %d times", digest, n)
		}
	}
	if got := w.registry.Count(func(q testkit.Request) bool { return layers[q.Reference] }); got != len(layers) {
		t.Errorf("%d requests for %d layers", got, len(layers))
	}
}
