package cli_test

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// TestScripts runs the program as a process of its own, as the README shows it. Besides
// testscript's own commands a script has:
//
//	exits CODE PROGRAM ARG...   run a program and compare its exit code
//	layout DIR                  write the test's image as an OCI layout, and its key to key.pem; sets
//	                            STATEMENT (of its VEX) and LAYER, the blobs of linux/amd64
//	flip FILE BYTE              change one bit of a file
//	registry                    serve the image: sets REF and REGISTRY
//	dhi                         serve it as dhi.io and a mirror of it: sets HTTPS_PROXY and CA
//
// DB and CACHE are the test's vulnerability database, LOGIN and the file password the
// login of every registry here.
func TestScripts(t *testing.T) {
	db, err := archive()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := cache()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("DOCKER_CONFIG", filepath.Join(env.WorkDir, "docker"))
			env.Setenv("DB", db)
			env.Setenv("CACHE", dir)
			env.Setenv("LOGIN", login)
			return os.WriteFile(filepath.Join(env.WorkDir, "password"), []byte(password+"\n"), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exitsCommand, "layout": layoutCommand, "flip": flipCommand, "registry": registryCommand, "dhi": dhiCommand,
		},
	})
}

func exitsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// scriptKey writes the public key of the test's images.
func scriptKey(ts *testscript.TestScript) *testkit.Key {
	key, err := testkit.SeededKey("the key of the test")
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("key.pem"), key.PublicPEM(), 0o644))
	return key
}

func scriptImage(ts *testscript.TestScript) *testkit.Built {
	built, err := (&world{key: scriptKey(ts)}).image().Build()
	ts.Check(err)
	return built
}

func layoutCommand(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: layout DIR")
	}
	built := scriptImage(ts)
	ts.Check(built.Push(scriptContext(ts), testkit.Layout(ts.MkAbs(args[0]))))
	amd := built.Platform("linux/amd64")
	ts.Setenv("STATEMENT", amd.Attestation(testkit.PredicateOpenVEX).Statement.Digest().Hex)
	ts.Setenv("LAYER", amd.Layers[0].Digest().Hex)
}

func flipCommand(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: flip FILE BYTE")
	}
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	data, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), flipped(data, at), 0o644))
}

func registryCommand(ts *testscript.TestScript, _ bool, _ []string) {
	reg, err := testkit.StartRegistry(testkit.RegistryOptions{Username: login, Password: password, Auth: testkit.Bearer})
	ts.Check(err)
	ts.Defer(func() { _ = reg.Close() })
	ts.Check(scriptImage(ts).Push(scriptContext(ts), reg.Repository("dhi/app")))
	ts.Setenv("REF", reg.Host()+"/dhi/app:1.0")
	ts.Setenv("REGISTRY", reg.Host())
}

// A real signal to a real process: it ends with 130, and leaves what it has.
func TestSignal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGINT to send")
	}
	w := newWorld(t, testkit.RegistryOptions{})
	ref, b := w.push(w.image())
	layer := b.Platform("linux/amd64").Layers[0].Digest().String()
	asked := make(chan struct{})
	var once sync.Once
	w.registry.Inject(testkit.Asks(testkit.KindBlob, layer), func(rw http.ResponseWriter, req *http.Request, next http.Handler) {
		once.Do(func() { close(asked) })
		testkit.Delay(time.Hour)(rw, req, next)
	}, 0)
	temp := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "imagegate", append([]string{ // which TestMain has put on the PATH
		"verify", ref, "--platform", "linux/amd64", "--registry-username", login, "--registry-password-file", w.passwordFile(),
		"--key", w.path("key.pem"), "--report-dir", w.path("report"), "--db-max-age", "0",
	}, w.dbFlags...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	cmd.Dir = w.dir
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-asked:
	case err := <-ended:
		t.Fatalf("it ended before it asked for the layer: %v\n%s", err, log.String())
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err := <-ended
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != int(fault.Interrupted) {
		t.Errorf("%v, want exit code 130\n%s", err, log.String())
	}
	if r := w.report(); r == nil || r.Verdict.Result != report.Error || stageOf(r, report.StagePull).State != report.Failed {
		t.Errorf("the report is %+v", r)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
}
