// Command imagegate verifies hardened container images: their signed attestations,
// their vulnerabilities with verified VEX, and a policy. See README.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/imagegate/imagegate/internal/cli"
)

func main() {
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
