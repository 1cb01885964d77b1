// Package fault is the error that a person can act on. It carries the exit code
// of the program, what was being done, the cause, and the next step.
//
// The exit codes are a contract with scripts and workflows; see [Code]. A code is
// asked for with [CodeOf], the step with [HintOf], and both look through wrapped
// and joined errors.
//
// Start reading at [Error].
package fault

import (
	"context"
	"errors"
	"fmt"
)

// Code is an exit code of the program. The numbers are a published contract: they
// are never renumbered.
type Code int

// The exit codes, in the order in which they are documented.
const (
	OK          Code = 0   // the verdict is pass or warn
	Internal    Code = 1   // a fault here: a bug, a full disk, an unwritable directory
	Policy      Code = 2   // the policy failed: something was found
	Unavailable Code = 3   // required evidence is unavailable, so nothing was decided
	Usage       Code = 4   // bad input or configuration
	Interrupted Code = 130 // SIGINT or SIGTERM, as shells report it
)

// Describe says in one line what a code means, for --help and the README.
func (c Code) Describe() string {
	switch c {
	case OK:
		return "the verdict is pass or warn"
	case Internal:
		return "a fault of the program or of the machine it runs on"
	case Policy:
		return "the policy failed"
	case Unavailable:
		return "required evidence is unavailable, so nothing was decided"
	case Usage:
		return "bad input or configuration"
	case Interrupted:
		return "interrupted"
	default:
		return "unknown"
	}
}

// Codes lists every exit code in documentation order.
func Codes() []Code {
	return []Code{OK, Internal, Policy, Unavailable, Usage, Interrupted}
}

// Error is a failure with a remedy. Op says what was being done ("resolve
// dhi.io/python"), Hint what the reader can do next; both are safe to print. Err
// keeps the cause for errors.Is and errors.As.
type Error struct {
	Code Code
	Op   string
	Hint string
	Err  error
}

// Error returns "op: cause". The hint is not part of it: it is printed on a line of
// its own by whoever shows the error.
func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Op
	case e.Op == "":
		return e.Err.Error()
	default:
		return e.Op + ": " + e.Err.Error()
	}
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns an Error with a code, what was being done, the next step (may be
// empty), and the cause.
func New(code Code, op, hint string, err error) *Error {
	return &Error{Code: code, Op: op, Hint: hint, Err: err}
}

// Usagef returns an Error with code [Usage] whose cause is the formatted text. %w
// works as in fmt.Errorf.
func Usagef(op, hint, format string, args ...any) *Error {
	return New(Usage, op, hint, fmt.Errorf(format, args...))
}

// Unavailablef returns an Error with code [Unavailable] whose cause is the formatted
// text. %w works as in fmt.Errorf.
func Unavailablef(op, hint, format string, args ...any) *Error {
	return New(Unavailable, op, hint, fmt.Errorf(format, args...))
}

// CodeOf returns the exit code for err. It asks for *Error by type, and not for any
// error with an ExitCode method: *exec.ExitError has one too.
func CodeOf(err error) Code {
	var f *Error
	switch {
	case err == nil:
		return OK
	case errors.Is(err, context.Canceled):
		return Interrupted
	case errors.As(err, &f):
		return f.Code
	default:
		return Internal
	}
}

// HintOf returns the first hint found in err's tree, or "".
func HintOf(err error) string {
	for err != nil {
		var f *Error
		if !errors.As(err, &f) {
			return ""
		}
		if f.Hint != "" {
			return f.Hint
		}
		err = f.Err
	}
	return ""
}
