package runcheck

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// realEngine is the engine of DOCKER_HOST, or a podman that this test starts.
func realEngine(t *testing.T) string {
	t.Helper()
	if os.Getenv("IMAGEGATE_E2E") == "" {
		t.Skip("set IMAGEGATE_E2E=1 to run containers for real")
	}
	if h := os.Getenv("DOCKER_HOST"); h != "" {
		return h
	}
	podman, err := exec.LookPath("podman")
	if err != nil {
		t.Skipf("no DOCKER_HOST and no podman: %v", err)
	}
	dir, err := os.MkdirTemp("", "run-check") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	conf := filepath.Join(dir, "containers.conf")
	text := "[containers]\ndefault_ulimits = [\"nofile=1024:1024\",\"nproc=1024:1024\"]\n[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sock := filepath.Join(dir, "e.sock")
	cmd := exec.Command(podman, "--storage-driver=vfs", "--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "system", "service", "--time=0", "unix://"+sock)
	cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+conf)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	for range 100 {
		if _, err := os.Stat(sock); err == nil {
			return "unix://" + sock
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("podman did not come up: %s", log.String())
	return ""
}

// importImage gives the engine an image with one static program in it.
func importImage(t *testing.T, host string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "program")
	build := exec.Command("go", "build", "-o", bin, "./testdata/program")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	data, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, dir := range []string{"tmp/", "app/", "dev/", "proc/", "sys/", "etc/"} {
		w.WriteHeader(&tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o777})
	}
	w.WriteHeader(&tar.Header{Name: "program", Mode: 0o755, Size: int64(len(data))})
	w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	e, err := dial(host)
	if err != nil {
		t.Fatal(err)
	}
	q := url.Values{"fromSrc": {"-"}, "repo": {"registry.example/run-check-test"}, "tag": {"1"}, "changes": {`ENTRYPOINT ["/program"]`, "WORKDIR /app"}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.base+api+"/images/create?"+q.Encode(), &buf)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-tar")
	resp, err := e.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 200 {
		t.Fatalf("import: %s: %s", resp.Status, body)
	}
	var id string // the last status is the image's id; podman 4 forgets the name
	for line := range bytes.Lines(body) {
		var m struct{ Status string }
		if json.Unmarshal(line, &m) == nil && m.Status != "" {
			id = strings.TrimSpace(m.Status)
		}
	}
	tag := url.Values{"repo": {"registry.example/run-check-test"}, "tag": {"1"}}
	if _, err := e.do(t.Context(), http.MethodPost, "/images/"+id+"/tag", tag, nil); err != nil {
		t.Fatalf("tag %q of %s: %v", id, body, err)
	}
	return "registry.example/run-check-test:1"
}

func TestRealEngine(t *testing.T) {
	host := realEngine(t)
	image := importImage(t, host)
	for _, tt := range []struct {
		mode string
		want map[string]string
	}{
		{"good", map[string]string{"HIG-R001": "passed", "HIG-R002": "passed", "HIG-R003": "passed", "HIG-R004": "passed", "HIG-R005": "passed", "HIG-R006": "passed", "HIG-R007": "passed"}},
		{"write", map[string]string{"HIG-R001": "failed", "HIG-R002": "failed"}},
		{"ignore", map[string]string{"HIG-R001": "passed", "HIG-R006": "failed"}},
		{"zombie", map[string]string{"HIG-R001": "passed", "HIG-R007": "failed"}},
	} {
		t.Run(tt.mode, func(t *testing.T) {
			o, err := Run(t.Context(), image, Options{Host: host, Cmd: []string{tt.mode}, Observe: 2 * time.Second, Grace: 2, Proc: os.DirFS("/proc"), Now: time.Now, NoPull: true})
			if err != nil {
				t.Fatal(err)
			}
			text, _ := json.MarshalIndent(o, "", " ")
			t.Logf("%s", text)
			results := Judge(o)
			for id, want := range tt.want {
				if got := state(results, id); !strings.HasPrefix(got, want) {
					t.Errorf("%s is %q, want %q", id, got, want)
				}
			}
			if tt.mode == "write" {
				if !slices.Contains(o.Denied, "/app/profiles") {
					t.Errorf("denied %v does not name /app/profiles", o.Denied)
				}
				if s := Suggest(o); !strings.Contains(s.DockerRun, "--tmpfs /app/profiles:") {
					t.Errorf("the suggestion lacks the tmpfs:\n%s", s.DockerRun)
				}
			}
		})
	}
	e, err := dial(host)
	if err != nil {
		t.Fatal(err)
	}
	var left []struct{ Names []string }
	if err := e.get(t.Context(), "/containers/json", url.Values{"all": {"1"}, "filters": {`{"label":["org.imagegate.run-check=true"]}`}}, &left); err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("containers are left behind: %s", fmt.Sprint(left))
	}
}
