package cli_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/testkit"
)

// standIns are the actions that action.yml uses, by the folder of testdata/act that
// stands in for each.
var standIns = map[string]string{
	"actions/upload-artifact": "upload-artifact",
	"actions/cache":           "cache",
	"github/codeql-action":    "codeql-action",
}

// TestActionWithAct runs action.yml itself, with act on this host, against a registry
// in this process, and looks at what a workflow would see.
func TestActionWithAct(t *testing.T) {
	needTools(t, "act", "git", "bash")
	w := newWorld(t, testkit.RegistryOptions{})
	ref, b := w.push(w.image())
	binary := filepath.Join(t.TempDir(), "imagegate")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	digest := b.Platform("linux/amd64").Manifest.Digest().String()

	t.Run("pass", func(t *testing.T) {
		a := w.act(t, binary, map[string]string{
			"image": ref, "registry-username": login, "registry-password": password, "key": string(w.key.PublicPEM()),
			"db": w.dbFlags[1], "cache-dir": w.dbFlags[3], "db-max-age": "0", "require": "dhi", "upload-sarif": "true", "platform": "linux/amd64",
		}, nil)
		if a.err != nil {
			t.Fatalf("act: %v\n%s", a.err, a.log)
		}
		for name, want := range map[string]string{
			"verdict": "pass", "digest": digest, "high": "0", "medium": "1", "suppressed": "1", "exit-code": "0",
			"artifact-id": "4711", "artifact-url": "https://example.invalid/artifacts/4711",
		} {
			if got := a.outputs[name]; got != want {
				t.Errorf("output %s = %q, want %q", name, got, want)
			}
		}
		if !strings.Contains(a.summary, "PASS") {
			t.Errorf("summary: %q", a.summary)
		}
		artifacts, err := filepath.Glob(filepath.Join(a.standIn, "artifacts", "*", "report.json"))
		if err != nil || len(artifacts) != 1 || !strings.Contains(artifacts[0], digest[7:19]) {
			t.Errorf("uploaded reports: %v, %v", artifacts, err)
		}
		for _, file := range []string{"uploaded.sarif", "category"} {
			if data, err := os.ReadFile(filepath.Join(a.standIn, file)); err != nil || len(data) == 0 {
				t.Errorf("%s: %v", file, err)
			}
		}
		if days, err := os.ReadFile(filepath.Join(a.standIn, "retention-days")); err != nil || strings.TrimSpace(string(days)) != "90" {
			t.Errorf("retention-days: %q, %v", days, err)
		}
		if strings.Contains(a.log, password) {
			t.Errorf("the password is in the log")
		}
	})
	t.Run("fail_uploads_all_the_same", func(t *testing.T) {
		a := w.act(t, binary, map[string]string{
			"image": ref, "registry-username": login, "registry-password": password, "key": string(w.key.PublicPEM()),
			"db": w.dbFlags[1], "cache-dir": w.dbFlags[3], "db-max-age": "0", "fail-on-severity": "medium", "upload-sarif": "true", "artifact-name": "mine",
			"retention-days": "7", "platform": "linux/amd64",
		}, map[string]string{"STANDIN_NO_CODE_SCANNING": "true"})
		if a.err == nil {
			t.Errorf("the job did not fail\n%s", a.log)
		}
		if a.outputs["verdict"] != "fail" || a.outputs["exit-code"] != "2" || !strings.Contains(a.outputs["reason"], "CVE-2023-50495") {
			t.Errorf("outputs are %v\n%s", a.outputs, a.log)
		}
		if _, err := os.Stat(filepath.Join(a.standIn, "artifacts", "mine", "report.json")); err != nil {
			t.Errorf("the report was not uploaded: %v", err)
		}
		if !strings.Contains(a.log, "security-events: write") {
			t.Errorf("the missing permission is not explained\n%s", a.log)
		}
	})
	t.Run("no_such_binary", func(t *testing.T) {
		a := w.act(t, filepath.Join(t.TempDir(), "none"), map[string]string{"image": ref}, nil)
		if a.err == nil || !strings.Contains(a.log, "names no executable file") {
			t.Errorf("act: %v\n%s", a.err, a.log)
		}
	})
}

// TestActionBuildsItself runs action.yml without a binary, from a copy of the source.
func TestActionBuildsItself(t *testing.T) {
	needTools(t, "act", "git", "bash")
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	a := w.act(t, "", map[string]string{
		"image": ref, "registry-username": login, "registry-password": password, "key": string(w.key.PublicPEM()),
		"db": w.dbFlags[1], "cache-dir": w.dbFlags[3], "db-max-age": "0", "upload-artifact": "false", "platform": "linux/amd64",
	}, nil)
	if a.err != nil || a.outputs["verdict"] != "pass" || a.outputs["artifact-id"] != "" {
		t.Errorf("act: %v, outputs %v\n%s", a.err, a.outputs, a.log)
	}
	if _, err := os.Stat(filepath.Join(a.standIn, "artifacts")); !os.IsNotExist(err) {
		t.Errorf("an artifact was uploaded although upload-artifact is false: %v", err)
	}
}

// acted is what a run of act left.
type acted struct {
	err     error
	log     string
	outputs map[string]string
	summary string
	standIn string
}

// act runs a workflow with one step that uses the action, in a checkout of its own.
func (w *world) act(t *testing.T, binary string, inputs, env map[string]string) acted {
	t.Helper()
	dir := t.TempDir()
	a := acted{standIn: filepath.Join(dir, "stand-in")}
	checkout := filepath.Join(dir, "checkout")
	for _, d := range []string{a.standIn, filepath.Join(checkout, ".github/workflows")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if binary == "" {
		copyTree(t, checkout, "go.mod", "go.sum", "main.go", "internal", "action.yml")
	} else {
		copyTree(t, checkout, "action.yml")
		inputs["binary"] = binary
	}
	inputs["report-dir"] = filepath.Join(dir, "report")
	inputs["advisories"], inputs["vex-feed"] = "none", "none" // no repository of Docker's is asked
	with, err := json.Marshal(inputs)                         // JSON is YAML
	if err != nil {
		t.Fatal(err)
	}
	workflow := fmt.Sprintf(`on: push
jobs:
  gate:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # act copies the tree
      - id: gate
        uses: ./
        with: %s
      - if: always()
        shell: bash
        env:
          OUTPUTS: ${{ toJSON(steps.gate.outputs) }}
        run: |
          printf '%%s' "$OUTPUTS" > "$STANDIN_DIR/outputs.json"
`, with)
	file := filepath.Join(checkout, ".github/workflows/gate.yml")
	if err := os.WriteFile(file, []byte(workflow), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"}, {"add", "-A"},
		{"-c", "user.name=test", "-c", "user.email=test@example.invalid", "commit", "-q", "-m", "test"},
		{"remote", "add", "origin", "https://github.com/acme/shop"},
	} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = checkout
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	args := []string{
		"push", "-W", file, "-j", "gate", "-P", "ubuntu-latest=-self-hosted", "--pull=false", "--action-offline-mode",
		"--use-new-action-cache", "--action-cache-path", filepath.Join(dir, "actions"), "--no-cache-server",
		"--artifact-server-path", filepath.Join(dir, "artifact-server"), "--artifact-server-addr", "127.0.0.1", "--artifact-server-port", freePort(t),
		"--env", "STANDIN_DIR=" + a.standIn, "--env", "HOME=" + dir, "--env", "GOFLAGS=-buildvcs=false",
	}
	for k, v := range env {
		args = append(args, "--env", k+"="+v)
	}
	for _, use := range pinnedActions(t) {
		args = append(args, "--local-repository", use)
	}
	cmd := exec.CommandContext(t.Context(), "act", args...)
	cmd.Dir = checkout
	goCache, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	caches := strings.Fields(string(goCache))
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix:///nonexistent.sock", "HOME="+dir, "GOCACHE="+caches[0], "GOMODCACHE="+caches[1])
	cmd.Args = append(cmd.Args, "--env", "GOCACHE="+caches[0], "--env", "GOMODCACHE="+caches[1])
	out, err := cmd.CombinedOutput()
	a.err, a.log = err, string(out)
	if data, err := os.ReadFile(filepath.Join(a.standIn, "outputs.json")); err == nil {
		if err := json.Unmarshal(data, &a.outputs); err != nil {
			t.Fatalf("outputs: %v\n%s", err, data)
		}
	}
	if data, err := os.ReadFile(filepath.Join(inputs["report-dir"], "summary.md")); err == nil {
		a.summary = string(data)
	}
	return a
}

// pinnedActions maps every action that action.yml uses, at the commit it is pinned to,
// to its stand-in.
func pinnedActions(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(root + "action.yml")
	if err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs(root + "testdata/act")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, line := range strings.Split(string(text), "\n") {
		use, ok := strings.CutPrefix(strings.TrimSpace(line), "uses: ")
		if !ok {
			continue
		}
		use, _, _ = strings.Cut(use, " ")
		action, commit, _ := strings.Cut(use, "@")
		parts := strings.SplitN(action, "/", 3)
		folder, ok := standIns[parts[0]+"/"+parts[1]]
		if !ok || len(commit) != 40 {
			t.Fatalf("action.yml uses %q: no stand-in, or not pinned to a full commit", use)
		}
		out = append(out, parts[0]+"/"+parts[1]+"@"+commit+"="+filepath.Join(here, folder))
	}
	return out
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// copyTree copies files and folders of the module.
func copyTree(t *testing.T, to string, names ...string) {
	t.Helper()
	for _, name := range names {
		if info, err := os.Stat(root + name); err != nil {
			t.Fatal(err)
		} else if info.IsDir() {
			if err := os.CopyFS(filepath.Join(to, name), os.DirFS(root+name)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		data, err := os.ReadFile(root + name)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
