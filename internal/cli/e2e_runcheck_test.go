package cli_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// startPodman starts podman's Docker-compatible service with a store of its own, and
// lets it pull from the registry without TLS. It returns the address for DOCKER_HOST
// and a function that lists the containers that are there.
func startPodman(t *testing.T, registry string) (host string, containers func() string) {
	t.Helper()
	needTools(t, "podman", "runc")
	dir, err := os.MkdirTemp("", "ig-podman") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for name, text := range map[string]string{
		"containers.conf": "[containers]\ndefault_ulimits = [\"nofile=1024:1024\",\"nproc=1024:1024\"]\n[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n",
		"registries.conf": fmt.Sprintf("[[registry]]\nlocation = %q\ninsecure = true\n", registry),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	podman := func(args ...string) *exec.Cmd {
		cmd := exec.Command("podman", append([]string{"--storage-driver=vfs", "--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run")}, args...)...)
		cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+filepath.Join(dir, "containers.conf"), "CONTAINERS_REGISTRIES_CONF="+filepath.Join(dir, "registries.conf"))
		return cmd
	}
	sock := filepath.Join(dir, "e.sock")
	var log bytes.Buffer
	service := podman("system", "service", "--time=0", "unix://"+sock)
	service.Stdout, service.Stderr = &log, &log
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = service.Process.Kill()
		_ = service.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	for range 100 {
		if _, err := os.Stat(sock); err == nil {
			return "unix://" + sock, func() string {
				out, err := podman("ps", "--all", "--quiet").CombinedOutput()
				if err != nil {
					return err.Error()
				}
				return strings.TrimSpace(string(out))
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("podman did not come up: %s", log.String())
	return "", nil
}

// containerProgram builds what the container runs; see its source for the modes.
func containerProgram(t *testing.T) []byte {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "program")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin, "../harden/runcheck/testdata/program")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	data, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestE2ERunCheck runs containers for real, through the front door: from a registry
// with a login, by the command and inside the gate.
func TestE2ERunCheck(t *testing.T) {
	needTools(t, "podman", "runc")
	w := newWorld(t, testkit.RegistryOptions{})
	bin := containerProgram(t)
	img := w.image()
	arch := strings.TrimSpace(output1(t, "go", "env", "GOARCH"))
	for i := range img.Platforms {
		p := &img.Platforms[i]
		p.Layers = append(p.Layers, testkit.Layer{Files: []testkit.File{
			{Path: "program", Content: bin, Mode: 0o755}, {Path: "tmp", Dir: true, Mode: 0o1777}, {Path: "srv", Dir: true, Mode: 0o777},
		}})
		p.Config.Config.Entrypoint, p.Config.Config.WorkingDir = []string{"/program"}, "/srv"
		if p.Platform.Architecture != arch {
			p.Platform = v1.Platform{OS: "linux", Architecture: "riscv64"}
		}
	}
	ref, b := w.push(img)
	host, containers := startPodman(t, w.registry.Host())
	w.env["DOCKER_HOST"] = host
	pinned := w.registry.Host() + "/dhi/app@" + b.Platform("linux/"+arch).Manifest.Digest().String()
	// The login is that of docker login; the engine has none of its own.
	docker := t.TempDir()
	writeJSON(t, filepath.Join(docker, "config.json"), map[string]any{"auths": map[string]any{
		w.registry.Host(): map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte(login + ":" + password))},
	}})
	t.Setenv("DOCKER_CONFIG", docker)
	run := func(args ...string) (fault.Code, string, string) {
		t.Helper()
		code, stdout, stderr := w.run(append([]string{"run-check", "--observe", "2s", "--grace", "3", "--report-dir", w.path("report")}, args...)...)
		if left := containers(); left != "" {
			t.Errorf("%q left the containers %s", args, left)
		}
		neutral(t, "standard output", stdout)
		return code, stdout, stderr
	}

	code, stdout, stderr := run(pinned)
	must(t, code, w.report(), stdout+stderr, fault.OK, report.Pass)
	for _, id := range []string{"HIG-R001", "HIG-R002", "HIG-R003", "HIG-R004", "HIG-R005", "HIG-R006", "HIG-R007"} {
		if c := checkOf(w.report(), id, ""); c.State != report.CheckPassed {
			t.Errorf("%s of a good image is %s: %s", id, c.State, c.Reason)
		}
	}
	for _, want := range []string{"PASS", "Process      uid 65532, gid 65532", "SIGTERM: status 0", "# docker run\ndocker run --read-only", "# Compose service\n    image: ", "# Kubernetes\ncontainers:"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("nothing says %q:\n%s", want, stdout)
		}
	}

	code, stdout, _ = run(pinned, "--", "write")
	if code != fault.Policy || !strings.Contains(stdout, "Denied       write to /srv/profiles") || !strings.Contains(stdout, "--tmpfs /srv/profiles:noexec,nosuid") {
		t.Errorf("an image that writes outside of its tmpfs: exit %d\n%s", code, stdout)
	}
	if c := checkOf(w.report(), "HIG-R002", ""); c.State != report.CheckFailed || !strings.Contains(c.Reason, "/srv/profiles") {
		t.Errorf("HIG-R002 is %+v", c)
	}
	if code, stdout, _ = run(pinned, "--tmpfs", "/tmp", "--tmpfs", "/srv", "--", "write"); code != fault.OK {
		t.Errorf("with the tmpfs that was suggested: exit %d\n%s", code, stdout)
	}
	if code, stdout, _ = run(pinned, "--fail-on-severity", "medium", "--", "ignore"); code != fault.Policy || !strings.Contains(stdout, "killed") {
		t.Errorf("an image that ignores SIGTERM: exit %d\n%s", code, stdout)
	}
	code, stdout, _ = run(pinned, "--json", "--no-probe")
	var o struct{ Started, Running bool }
	if err := json.Unmarshal([]byte(stdout), &o); err != nil || code != fault.OK || !o.Started || !o.Running {
		t.Errorf("the observation: exit %d, %v\n%s", code, err, stdout)
	}
	if code, _, stderr = run(w.registry.Host() + "/dhi/app:nowhere"); code != fault.Unavailable {
		t.Errorf("an image that is not there: exit %d: %s", code, stderr)
	}

	// The test's database knows no Go modules, so the rule about findings is off.
	gate := []string{"--run-check", "--fail-on-severity", "none", "--fail-on-check", "high", "--platform"}
	code, r, text := w.verify(ref, append(gate, "linux/"+arch)...)
	if s := stageOf(r, report.StageRun); code != fault.OK || s.State != report.Done || !strings.Contains(s.Reason, "Podman") {
		t.Errorf("exit %d, and the stage is %+v\n%s", code, s, text)
	}
	code, r, text = w.verify(ref, append(gate, "linux/riscv64")...)
	if s := stageOf(r, report.StageRun); code != fault.Unavailable || s.State != report.Failed || !strings.Contains(s.Reason, "riscv64") {
		t.Errorf("another architecture: exit %d, and the stage is %+v\n%s", code, s, text)
	}
	if left := containers(); left != "" {
		t.Errorf("the gate left the containers %s", left)
	}
}

func output1(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
