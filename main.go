// Command imagegate verifies hardened container images: their signed attestations,
// their vulnerabilities with verified VEX, and a policy. See README.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/imagegate/imagegate/internal/cli"
)

// gcPercent lets the heap grow less before it is collected than Go's 100 does: the peak
// stays below that of Syft alone, for some CPU beside the download (docs/performance.md).
const gcPercent = 60

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, cli.IO{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Now: time.Now, GOOS: runtime.GOOS, GOARCH: runtime.GOARCH,
		StdoutTerminal: terminal(os.Stdout), StderrTerminal: terminal(os.Stderr),
	})
	stop()
	os.Exit(int(code))
}

func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
