package cli_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/imagegate/imagegate/internal/cli"
	"github.com/imagegate/imagegate/internal/config"
)

// TestMain makes this test binary the program as well: as imagegate on the PATH it
// does what main.go does, in a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(tidy{m}, map[string]func(){"imagegate": program})
}

// Nobody outside this machine is asked for advisories, unless a test sets the variable: empty,
// it is the program as it is.
func program() {
	advisories, ok := os.LookupEnv("IMAGEGATE_TEST_ADVISORIES")
	if !ok {
		advisories = config.None
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, cli.IO{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Now: time.Now, GOOS: runtime.GOOS, GOARCH: runtime.GOARCH, Advisories: advisories,
	})
	stop()
	os.Exit(int(code))
}

// tidy removes what the tests share and fails the run when one of them wrote a report
// where the sources are.
type tidy struct{ *testing.M }

func (t tidy) Run() int {
	code := t.M.Run()
	for _, shared := range []func() (string, error){archive, cache} {
		path, err := shared()
		if err != nil {
			continue
		}
		if filepath.Ext(path) != "" {
			path = filepath.Dir(path)
		}
		_ = os.RemoveAll(path)
	}
	if _, err := os.Stat("imagegate-report"); err == nil {
		fmt.Fprintln(os.Stderr, "a test ran the program without report-dir and left imagegate-report among the sources")
		_ = os.RemoveAll("imagegate-report")
		return max(code, 1)
	}
	return code
}
