// Package cli is the program: its commands, action mode, and what a person sees when
// something goes wrong. It builds what the pipeline needs, runs it, renders the
// report and publishes it, and turns the verdict into an exit code.
//
// It guarantees that everything reaches it through [IO]: it reads no environment, no
// clock and no arguments of its own, so that the whole program is one function that
// a test can call.
//
// Start reading at [Main].
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/render"
)

// IO is the process as the program sees it.
type IO struct {
	// Args are the arguments without the program's name.
	Args           []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Now            func() time.Time
	// GOOS and GOARCH are the machine's.
	GOOS, GOARCH string
	// Advisories is the URL of the repository that is read where advisories and vex-feed are
	// auto; "" means Docker's own, and none that nobody is asked.
	Advisories string
	// StdoutTerminal and StderrTerminal say where a person watches: progress is drawn
	// over itself on the one, and colors go to the other.
	StdoutTerminal, StderrTerminal bool
}

// color follows no-color.org, and leaves old Windows consoles alone.
func (s IO) color() bool {
	return s.StdoutTerminal && s.Getenv("NO_COLOR") == "" && s.Getenv("TERM") != "dumb" &&
		(s.GOOS != "windows" || s.Getenv("WT_SESSION") != "")
}

// Main runs the program and returns its exit code, one of [fault.Codes]. It prints an
// error as "imagegate: what was being done: cause", and the next step on a line
// "hint: …".
func Main(ctx context.Context, std IO) fault.Code {
	a := &app{IO: std}
	root := newRoot(a)
	root.SetArgs(joinBools(std.Args))
	root.SetIn(std.Stdin)
	root.SetOut(std.Stdout)
	root.SetErr(std.Stderr)
	err := root.ExecuteContext(ctx)
	if err = errors.Join(err, a.abandon(err)); err != nil {
		a.printError(err)
	}
	if err == nil && a.code != fault.OK {
		return a.code
	}
	if code := fault.CodeOf(err); code != fault.OK {
		return code
	}
	return a.code
}

// app is one run of the program.
type app struct {
	IO
	// code is the exit code of a command that ended without an error: the verdict's.
	code fault.Code
	// draft is the report of a command that writes one; nil before it is known where to.
	draft *draft
}

// printError shows every error of a joined one on its own line, each followed by its
// hint. Causes may quote registries and images, so they are neutralised.
func (a *app) printError(err error) {
	seen := map[string]bool{}
	for _, e := range flatten(err) {
		text := render.Terminal(e.Error())
		if seen[text] {
			continue
		}
		seen[text] = true
		fmt.Fprintf(a.Stderr, "imagegate: %s\n", text)
		if hint := fault.HintOf(e); hint != "" {
			fmt.Fprintf(a.Stderr, "hint: %s\n", render.Terminal(hint))
		}
	}
}

// flatten takes joined errors apart. An error that wraps one error stays whole.
func flatten(err error) []error {
	var joined interface{ Unwrap() []error }
	if _, isFault := err.(*fault.Error); !isFault && errors.As(err, &joined) { //nolint:errorlint // the outermost type is asked for
		var out []error
		for _, e := range joined.Unwrap() {
			out = append(out, flatten(e)...)
		}
		return out
	}
	return []error{err}
}
