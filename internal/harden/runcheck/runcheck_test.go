package runcheck

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// fakeEngine speaks the Engine API over a unix socket, as far as Run uses it.
type fakeEngine struct {
	images   map[string]bool
	log      string // output of the hardened container
	exit     int    // status with which it ends at once; -1 keeps it running
	stopExit int
	changes  string
	startErr string
	status   string        // answer of exec
	config   string        // of its images
	polls    int           // how many times the container runs before it ends with exit; 0 is none
	slow     chan struct{} // closed when create has begun, which then takes its time
	arch     string        // of its images
	auth     string        // header of the last pull

	mu      sync.Mutex
	created []create
	live    map[string]bool
	stopped map[string]bool
	pulled  []string
}

func (f *fakeEngine) start(t *testing.T) string {
	t.Helper()
	f.live, f.stopped = map[string]bool{}, map[string]bool{}
	sock := filepath.Join(t.TempDir(), "e.sock")
	l, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: f.handler(), ReadHeaderTimeout: time.Second}
	go srv.Serve(l) //nolint:errcheck // it ends with Close
	t.Cleanup(func() { srv.Close() })
	return "unix://" + sock
}

func frame(stream byte, s string) []byte {
	h := make([]byte, 8)
	h[0] = stream
	binary.BigEndian.PutUint32(h[4:], uint32(len(s)))
	return append(h, s...)
}

func (f *fakeEngine) handler() http.Handler {
	m := http.NewServeMux()
	fail := func(w http.ResponseWriter, code int, msg string) {
		w.WriteHeader(code)
		json.NewEncoder(w).Encode(map[string]string{"message": msg})
	}
	m.HandleFunc("GET /v1.41/version", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"Version":"9.9","Arch":"amd64","Components":[{"Name":"Fake Engine"}]}`)
	})
	m.HandleFunc("GET /v1.41/images/{name...}", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		name := strings.TrimSuffix(r.PathValue("name"), "/json")
		if !f.images[name] {
			fail(w, 404, "no such image: "+name)
			return
		}
		if f.config == "" {
			f.config = "null"
		}
		fmt.Fprintf(w, `{"Architecture":%q,"Config":%s}`, f.arch, f.config)
	})
	m.HandleFunc("POST /v1.41/images/create", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.pulled = append(f.pulled, r.URL.Query().Get("fromImage")+"|"+r.URL.Query().Get("tag"))
		if strings.Contains(r.URL.RawQuery, "missing") {
			fmt.Fprintln(w, `{"status":"Pulling"}`)
			fmt.Fprintln(w, `{"error":"manifest unknown"}`)
			return
		}
		f.auth = r.Header.Get("X-Registry-Auth")
		if f.images == nil {
			f.images = map[string]bool{}
		}
		f.images[r.URL.Query().Get("fromImage")] = true
	})
	m.HandleFunc("POST /v1.41/images/load", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		name, err := io.ReadAll(r.Body)
		switch {
		case err != nil:
			fail(w, 500, err.Error())
		case strings.Contains(string(name), "broken"):
			fmt.Fprintln(w, `{"stream":"Loading"}`)
			fmt.Fprintln(w, `{"error":"invalid archive"}`)
		default:
			f.images[string(name)] = true
		}
	})
	m.HandleFunc("DELETE /v1.41/images/{name...}", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.live) > 0 {
			fail(w, 409, "in use")
			return
		}
		delete(f.images, r.PathValue("name"))
	})
	m.HandleFunc("POST /v1.41/containers/create", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		var c create
		if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
			fail(w, 400, err.Error())
			return
		}
		id := fmt.Sprintf("c%d", len(f.created))
		f.created = append(f.created, c)
		f.live[id] = true
		if f.slow != nil {
			close(f.slow)
			time.Sleep(50 * time.Millisecond)
		}
		w.WriteHeader(201)
		fmt.Fprintf(w, `{"Id":%q}`, id)
	})
	m.HandleFunc("POST /v1.41/containers/{id}/start", func(w http.ResponseWriter, _ *http.Request) {
		if f.startErr != "" {
			fail(w, 500, f.startErr)
			return
		}
		w.WriteHeader(204)
	})
	m.HandleFunc("GET /v1.41/containers/{id}/json", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		code := max(f.exit, 0)
		if f.stopped[r.PathValue("id")] {
			code = f.stopExit
		}
		running := f.exit < 0 && !f.stopped[r.PathValue("id")]
		if f.polls > 0 {
			f.polls--
			running = true
		}
		fmt.Fprintf(w, `{"State":{"Running":%t,"Pid":4242,"ExitCode":%d},"Config":{"WorkingDir":"/app"}}`, running, code)
	})
	m.HandleFunc("POST /v1.41/containers/{id}/stop", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if r.URL.Query().Get("t") == "" {
			fail(w, 400, "no t")
			return
		}
		f.stopped[r.PathValue("id")] = true
		w.WriteHeader(204)
	})
	m.HandleFunc("GET /v1.41/containers/{id}/logs", func(w http.ResponseWriter, _ *http.Request) {
		w.Write(frame(1, "hello\n"))
		w.Write(frame(2, f.log))
	})
	m.HandleFunc("GET /v1.41/containers/{id}/changes", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, f.changes) })
	m.HandleFunc("POST /v1.41/containers/{id}/exec", func(w http.ResponseWriter, _ *http.Request) {
		if f.status == "" {
			fail(w, 500, "cat: not found")
			return
		}
		w.WriteHeader(201)
		fmt.Fprint(w, `{"Id":"x1"}`)
	})
	m.HandleFunc("POST /v1.41/exec/{id}/start", func(w http.ResponseWriter, _ *http.Request) { w.Write(frame(1, f.status)) })
	m.HandleFunc("DELETE /v1.41/containers/{id}", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.live, r.PathValue("id"))
		w.WriteHeader(204)
	})
	return m
}

const procStatus = "Name:\tapp\nNSpid:\t4242\t1\nState:\tS (sleeping)\nPPid:\t1\nUid:\t65532\t65532\t65532\t65532\nGid:\t65532\t65532\t65532\t65532\n" +
	"CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n"

func proc() fstest.MapFS {
	return fstest.MapFS{
		"4242/status": {Data: []byte(procStatus)},
		"77/status":   {Data: []byte("State:\tZ (zombie)\nPPid:\t4242\n")},
		"78/status":   {Data: []byte("State:\tZ (zombie)\nPPid:\t1\n")},
		"self/status": {Data: []byte("State:\tZ (zombie)\nPPid:\t4242\n")},
	}
}

func state(results []report.Check, id string) string {
	out := ""
	for _, r := range results {
		if r.ID == id {
			out += r.State + " "
		}
	}
	return strings.TrimSpace(out)
}

func TestRun(t *testing.T) {
	for _, tt := range []struct {
		name   string
		engine *fakeEngine
		opt    Options
		want   map[string]string
		denied []string
	}{
		{
			"good", &fakeEngine{exit: -1, changes: `[{"Path":"/tmp","Kind":0},{"Path":"/tmp/x","Kind":1},{"Path":"/etc/hosts","Kind":0},{"Path":"/etc","Kind":0}]`}, Options{Proc: proc()},
			map[string]string{"HIG-R001": "passed", "HIG-R002": "passed", "HIG-R003": "passed", "HIG-R004": "passed", "HIG-R005": "passed", "HIG-R006": "passed", "HIG-R007": "failed", "HIG-R008": "passed"}, nil,
		},
		{
			"writes_and_dies", &fakeEngine{exit: 1, log: "Error: EROFS: read-only file system, mkdir 'profiles'\n", changes: `[{"Path":"/app","Kind":0},{"Path":"/app/profiles","Kind":1}]`}, Options{},
			map[string]string{"HIG-R001": "failed", "HIG-R002": "failed", "HIG-R003": "undecided", "HIG-R006": "undecided", "HIG-R007": "undecided"}, []string{"/app/profiles"},
		},
		{
			"writes_silently", &fakeEngine{exit: -1, changes: `[{"Path":"/var","Kind":0},{"Path":"/var/lib","Kind":0},{"Path":"/var/lib/app.db","Kind":1}]`, status: procStatus}, Options{},
			map[string]string{"HIG-R001": "passed", "HIG-R002": "failed", "HIG-R003": "passed", "HIG-R007": "undecided"}, nil,
		},
		{
			"ignores_sigterm", &fakeEngine{exit: -1, stopExit: 137, changes: "null"}, Options{Proc: proc()},
			map[string]string{"HIG-R006": "failed"}, nil,
		},
		{
			"cannot_start", &fakeEngine{exit: -1, startErr: "exec: \"/app\": permission denied"}, Options{},
			map[string]string{"HIG-R001": "failed", "HIG-R002": "undecided", "HIG-R003": "undecided", "HIG-R006": "undecided"}, nil,
		},
		{
			"writes_to_its_volume", &fakeEngine{exit: -1, config: `{"Cmd":["/app"],"Volumes":{"/data":{}}}`, changes: `[{"Path":"/data","Kind":1}]`}, Options{Proc: proc()},
			map[string]string{"HIG-R002": "passed"}, nil,
		},
		{
			"is_seen_before_it_ends", &fakeEngine{exit: 0, polls: 1, changes: "[]"}, Options{Proc: proc()},
			map[string]string{"HIG-R001": "passed", "HIG-R003": "passed", "HIG-R005": "passed", "HIG-R006": "not-applicable", "HIG-R007": "undecided"}, nil,
		},
		{
			"writes_early_and_says_much", &fakeEngine{exit: -1, log: "open '/var/x': Read-only file system\n" + strings.Repeat("line\n", maxBody/4), changes: "[]"}, Options{},
			map[string]string{"HIG-R002": "failed"}, []string{"/var/x"},
		},
		{
			"runs_out_of_memory", &fakeEngine{exit: 137, changes: "[]"}, Options{},
			map[string]string{"HIG-R001": "failed", "HIG-R006": "undecided"}, nil,
		},
		{
			"ends_by_itself", &fakeEngine{exit: 0, changes: "[]"}, Options{},
			map[string]string{"HIG-R001": "passed", "HIG-R002": "passed", "HIG-R006": "not-applicable"}, nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := tt.engine
			e.images = map[string]bool{"example/app:1": true}
			tt.opt.Host, tt.opt.Observe = e.start(t), 20*time.Millisecond
			o, err := Run(t.Context(), "example/app:1", tt.opt)
			if err != nil {
				t.Fatal(err)
			}
			results := Judge(o)
			for id, want := range tt.want {
				if got := state(results, id); got != want {
					t.Errorf("%s is %q, want %q (%+v)", id, got, want, o)
				}
			}
			if diff := cmp.Diff(tt.denied, o.Denied); diff != "" {
				t.Errorf("denied (-want +got):\n%s", diff)
			}
			if len(e.live) != 0 {
				t.Errorf("containers are left behind: %v", e.live)
			}
			h := e.created[0].HostConfig
			if !h.ReadonlyRootfs || h.CapDrop[0] != "ALL" || h.SecurityOpt[0] != "no-new-privileges" || h.NetworkMode != "none" || h.Memory == 0 || h.PidsLimit == 0 ||
				!strings.Contains(h.Tmpfs["/tmp"], "noexec,nosuid") || e.created[0].User != "65532:65532" {
				t.Errorf("it was not started hardened: %+v", e.created[0])
			}
		})
	}
}

func TestRunOfAnArchive(t *testing.T) {
	for _, tt := range []struct {
		name    string
		archive func(context.Context, io.Writer, string) error
		code    fault.Code
	}{
		{"loaded_and_removed", func(_ context.Context, w io.Writer, name string) error { _, err := io.WriteString(w, name); return err }, fault.OK},
		{"refused", func(_ context.Context, w io.Writer, _ string) error {
			_, err := io.WriteString(w, "broken")
			return err
		}, fault.Unavailable},
		{"cannot_be_read", func(context.Context, io.Writer, string) error { return errors.New("no such layer") }, fault.Unavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := &fakeEngine{exit: 0, images: map[string]bool{}, changes: "[]"}
			o, err := Run(t.Context(), "oci-dir:here", Options{Host: e.start(t), Observe: time.Millisecond, Archive: tt.archive})
			if fault.CodeOf(err) != tt.code {
				t.Fatalf("Run: %v, want code %d", err, tt.code)
			}
			if len(e.images)+len(e.live) != 0 || len(e.pulled) != 0 {
				t.Errorf("left behind: images %v, containers %v; pulled %v", e.images, e.live, e.pulled)
			}
			if err == nil && (o.Image != "oci-dir:here" || len(e.created) != 2 || !strings.HasPrefix(e.created[0].Image, "imagegate.invalid/run-check:")) {
				t.Errorf("%s ran as %+v", o.Image, e.created)
			}
		})
	}
}

func TestRunOfAnImageWithoutAProgram(t *testing.T) {
	e := &fakeEngine{images: map[string]bool{"example/app:1": true}, config: `{"Cmd":null}`}
	o, err := Run(t.Context(), "example/app:1", Options{Host: e.start(t)})
	if err != nil {
		t.Fatal(err)
	}
	if got := state(Judge(o), "HIG-R001"); got != report.CheckFailed || len(e.created) > 0 {
		t.Errorf("HIG-R001 is %s and %d containers were made", got, len(e.created))
	}
}

// TestRunSeesRootOfAUserNamespace: outside of a rootless container its root is another.
func TestRunSeesRootOfAUserNamespace(t *testing.T) {
	p := proc()
	p["4242/status"] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(procStatus, "65532", "1000"))}
	p["4242/uid_map"] = &fstest.MapFile{Data: []byte("         0       1000          1\n         1     100000      65536\n")}
	p["4242/gid_map"] = &fstest.MapFile{Data: []byte("0 500 100\n")}
	e := &fakeEngine{exit: -1, images: map[string]bool{"example/app:1": true}, changes: "[]"}
	o, err := Run(t.Context(), "example/app:1", Options{Host: e.start(t), Observe: time.Millisecond, Proc: p})
	if err != nil {
		t.Fatal(err)
	}
	if o.Status == nil || o.Status.UID != 0 || o.Status.GID != 1000 {
		t.Errorf("status is %+v, want uid 0 and gid 1000", o.Status)
	}
}

// TestRunInterruptedWhileItCreates: the container is there although nobody waited for
// its id.
func TestRunInterruptedWhileItCreates(t *testing.T) {
	e := &fakeEngine{exit: -1, images: map[string]bool{"example/app:1": true}, slow: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-e.slow
		cancel()
	}()
	if _, err := Run(ctx, "example/app:1", Options{Host: e.start(t)}); !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	if len(e.created) != 1 || len(e.live) != 0 {
		t.Errorf("%d containers were made and %v are left behind", len(e.created), e.live)
	}
}

func TestRunPullsOneTag(t *testing.T) {
	e := &fakeEngine{exit: 0, changes: "[]"}
	host := e.start(t)
	if _, err := Run(t.Context(), "example/app", Options{Host: host, Observe: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"example/app|latest"}; !cmp.Equal(e.pulled, want) {
		t.Errorf("pulled %v, want %v", e.pulled, want)
	}
}

// TestRunKnowsItsProcesses: an engine in a virtual machine numbers processes of its own,
// and the one of that number here must not be taken for the container.
func TestRunKnowsItsProcesses(t *testing.T) {
	p := proc()
	p["4242/status"] = &fstest.MapFile{Data: []byte(strings.Replace(procStatus, "\t4242\t1\n", "\t4242\n", 1))}
	e := &fakeEngine{exit: -1, images: map[string]bool{"example/app:1": true}, changes: "[]"}
	o, err := Run(t.Context(), "example/app:1", Options{Host: e.start(t), Observe: time.Millisecond, Proc: p})
	if err != nil {
		t.Fatal(err)
	}
	if o.Status != nil {
		t.Errorf("status is %+v, want none", o.Status)
	}
}

func TestRunPullsWithTheLogin(t *testing.T) {
	e := &fakeEngine{exit: 0, changes: "[]"}
	host := e.start(t)
	if _, err := Run(t.Context(), "example/app:1", Options{Host: host, Observe: time.Millisecond, Username: "org", Password: "pass/word?"}); err != nil {
		t.Fatal(err)
	}
	got, err := base64.URLEncoding.DecodeString(e.auth)
	if err != nil || string(got) != `{"password":"pass/word?","username":"org"}` {
		t.Errorf("X-Registry-Auth is %q (%v)", got, err)
	}
}

func TestNoLoginInTheClear(t *testing.T) {
	for host, open := range map[string]bool{
		"unix:///run/x.sock": false, "tcp://127.0.0.1:2375": false, "tcp://[::1]:2375": false, "tcp://localhost:2375": false,
		"tcp://docker:2375": true, "tcp://192.0.2.1:2375": true, "http://127.0.0.1.example:2375": true,
	} {
		e, err := dial(host)
		if err != nil || e.open != open {
			t.Errorf("dial(%q) is open: %t, %v; want %t", host, e.open, err, open)
		}
	}
}

func TestRunRefusesAnotherArchitecture(t *testing.T) {
	e := &fakeEngine{exit: 0, arch: "arm64"}
	_, err := Run(t.Context(), "example/app:1", Options{Host: e.start(t)})
	if fault.CodeOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "arm64") {
		t.Errorf("%v, want that it could not look", err)
	}
	if len(e.created) > 0 {
		t.Errorf("a container was made")
	}
}

func TestRunErrors(t *testing.T) {
	e := &fakeEngine{exit: -1, images: map[string]bool{"example/app:1": true}}
	host := e.start(t)
	for _, tt := range []struct {
		name, image string
		opt         Options
		code        fault.Code
	}{
		{"no_engine", "x:1", Options{Host: "unix:///does/not/exist.sock"}, fault.Unavailable},
		{"unknown_scheme", "x:1", Options{Host: "ssh://host"}, fault.Usage},
		{"no_reference", "x y", Options{Host: host}, fault.Usage},
		{"query_in_reference", "x?force=1", Options{Host: host}, fault.Usage},
		{"relative_tmpfs", "x:1", Options{Host: host, Tmpfs: []string{"tmp"}}, fault.Usage},
		{"tmpfs_over_the_root", "x:1", Options{Host: host, Tmpfs: []string{"//"}}, fault.Usage},
		{"tmpfs_with_options", "x:1", Options{Host: host, Tmpfs: []string{"/tmp:exec"}}, fault.Usage},
		{"size_of_tmpfs", "x:1", Options{Host: host, TmpfsSize: "1m,exec"}, fault.Usage},
		{"not_there_and_no_pull", "x:1", Options{Host: host, NoPull: true}, fault.Unavailable},
		{"pull_fails_in_its_stream", "missing/x:1", Options{Host: host}, fault.Unavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Run(t.Context(), tt.image, tt.opt)
			if got := fault.CodeOf(err); got != tt.code {
				t.Errorf("Run: %v has code %d, want %d", err, got, tt.code)
			}
			if fault.HintOf(err) == "" {
				t.Errorf("no hint: %v", err)
			}
		})
	}
	t.Run("cancelled_cleans_up", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		if _, err := Run(ctx, "example/app:1", Options{Host: host, Observe: time.Minute}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run: %v", err)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if len(e.live) != 0 {
			t.Errorf("containers are left behind: %v", e.live)
		}
	})
}

func TestDenied(t *testing.T) {
	for line, want := range map[string]string{
		"Error: EROFS: read-only file system, mkdir 'profiles'":                                      "/app/profiles",
		"mkdir: can't create directory '/var/x': Read-only file system":                              "/var/x",
		"OSError: [Errno 30] Read-only file system: '/data/db.sqlite'":                               "/data/db.sqlite",
		"2026/01/01 open /var/lib/x/y.db: read-only file system":                                     "/var/lib/x/y.db",
		"java.nio.file.FileSystemException: /opt/app/logs: Read-only file system":                    "/opt/app/logs",
		"nginx: [emerg] mkdir() \"/var/cache/nginx/client_temp\" failed (30: Read-only file system)": "/var/cache/nginx/client_temp",
		"touch: cannot touch 'a.txt': Read-only file system":                                         "/app/a.txt",
		"bash: /x: Read-only file system":                                                            "/x",
		"/entrypoint.sh: line 3: /app/out.txt: Read-only file system":                                "/app/out.txt",
		"/entrypoint.sh: line 3: can't create /etc/app.conf: Read-only file system":                  "/etc/app.conf",
		"[/srv/main.js] Error: EROFS: read-only file system, open '/srv/log'":                        "/srv/log",
		"{\"logger\":\"/srv/x\",\"msg\":\"open /data/y: read-only file system\"}":                    "/data/y",
		"Can't open /var/x: Read-only file system at /usr/bin/tool line 3.":                          "/var/x",
		"could not open '/etc/passwd': Permission denied":                                            "",
		"Read-only file system": "",
	} {
		got := strings.Join(Denied([]string{line}, "/app"), " ")
		if got != want {
			t.Errorf("Denied(%q) = %q, want %q", line, got, want)
		}
	}
}

func TestChecksAreDocumented(t *testing.T) {
	if err := check.ValidateAll(Checks()); err != nil {
		t.Error(err)
	}
}

func TestExamples(t *testing.T) {
	for _, c := range Checks() {
		t.Run(c.ID, func(t *testing.T) {
			for text, want := range map[string]string{c.Bad: report.CheckFailed, c.Good: report.CheckPassed} {
				o, err := ParseObservation([]byte(text))
				if err != nil {
					t.Fatal(err)
				}
				if got := state(Judge(o), c.ID); got != want {
					t.Errorf("%s is %q, want %q of %s", c.ID, got, want, text)
				}
			}
		})
	}
}

func TestNotRunIsNeverAPass(t *testing.T) {
	for _, r := range NotRun("x", "no engine") {
		if r.State != report.CheckUndecided {
			t.Errorf("%s is %s without a run", r.ID, r.State)
		}
	}
}

func TestSuggest(t *testing.T) {
	o := &Observation{Image: "example/app:1", User: "65532:65532", Tmpfs: []string{"/tmp"}, Memory: 256 << 20, PIDs: 100, Network: "none", Denied: []string{"/app/profiles"}, Changed: []string{"/var/lib/app/x.db"}}
	s := Suggest(o)
	for _, want := range []string{"--read-only", "--tmpfs /app/profiles:noexec,nosuid,size=64m", "--tmpfs /var/lib/app:noexec", "--network=none", "--user 65532:65532"} {
		if !strings.Contains(s.DockerRun, want) {
			t.Errorf("docker run lacks %q:\n%s", want, s.DockerRun)
		}
	}
	for _, want := range []string{"read_only: true", "- \"/app/profiles:noexec,nosuid,size=64m\"", "cap_drop: [ALL]"} {
		if !strings.Contains(s.Compose, want) {
			t.Errorf("compose lacks %q:\n%s", want, s.Compose)
		}
	}
	for _, want := range []string{"runAsUser: 65532", "readOnlyRootFilesystem: true", "mountPath: \"/app/profiles\"", "emptyDir:"} {
		if !strings.Contains(s.Kubernetes, want) {
			t.Errorf("kubernetes lacks %q:\n%s", want, s.Kubernetes)
		}
	}
	again := Suggest(&Observation{
		Image: "x:1", User: "7", TmpfsSize: "8m", Tmpfs: []string{"/tmp"}, Volumes: []string{"/data"}, Entrypoint: []string{"/bin/a", "-v"}, Cmd: []string{"two words", "$A$(B)"},
	})
	for text, wants := range map[string][]string{
		again.DockerRun:  {"/tmp:noexec,nosuid,size=8m", "--entrypoint /bin/a", "x:1 -v 'two words' '$A$(B)'\n"},
		again.Compose:    {`entrypoint: ["/bin/a", "-v"]`, `command: ["two words", "$$A$$(B)"]`},
		again.Kubernetes: {`command: ["/bin/a", "-v"]`, `args: ["two words", "$A$$(B)"]`, "sizeLimit: 8Mi", `mountPath: "/data"`, "emptyDir: {}"},
	} {
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("nothing says %q:\n%s", want, text)
			}
		}
	}
	evil := Suggest(&Observation{Image: "x:1", User: "65532", Denied: []string{"/a'; rm -rf /"}})
	if strings.Contains(evil.DockerRun, "/a'; rm") {
		t.Errorf("a path of the image breaks out of its word:\n%s", evil.DockerRun)
	}
}

func FuzzOutput(f *testing.F) {
	f.Add([]byte("EROFS: read-only file system, open '/x'"), procStatus)
	f.Add(frame(2, "x"), "Uid:\t\n")
	f.Fuzz(func(t *testing.T, log []byte, status string) {
		out := demultiplex(log)
		if len(out) > len(log) {
			t.Errorf("%d bytes from %d", len(out), len(log))
		}
		for _, p := range Denied(strings.Split(string(out), "\n"), "/w") {
			if !strings.HasPrefix(p, "/") {
				t.Errorf("denied %q is not absolute", p)
			}
		}
		parseStatus(fields(status))
	})
}

func TestDemultiplex(t *testing.T) {
	framed := append(frame(1, "a\n"), frame(2, "b\n")...)
	if got := demultiplex(framed); !bytes.Equal(got, []byte("a\nb\n")) {
		t.Errorf("framed: %q", got)
	}
	if got := demultiplex([]byte("plain text of a terminal")); string(got) != "plain text of a terminal" {
		t.Errorf("terminal: %q", got)
	}
}
