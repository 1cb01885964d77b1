package fault_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
)

func TestCodeOf(t *testing.T) {
	cause := errors.New("no tag")
	f := fault.New(fault.Unavailable, "resolve x", "try y", cause)
	for _, tt := range []struct {
		name string
		err  error
		want fault.Code
	}{
		{"nil_is_ok", nil, fault.OK},
		{"fault", f, fault.Unavailable},
		{"wrapped_fault", fmt.Errorf("run: %w", f), fault.Unavailable},
		{"joined_fault", errors.Join(errors.New("a"), f), fault.Unavailable},
		{"unknown_is_internal", cause, fault.Internal},
		{"cancelled_outranks_the_fault_around_it", fault.New(fault.Unavailable, "pull", "", context.Canceled), fault.Interrupted},
		{"deadline_is_not_an_interrupt", context.DeadlineExceeded, fault.Internal},
		{"exit_error_of_a_child_is_not_ours", &exec.ExitError{}, fault.Internal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := fault.CodeOf(tt.err); got != tt.want {
				t.Errorf("CodeOf(%v) = %d, want %d", tt.err, got, tt.want)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	f := fault.Usagef("parse platform", "use os/arch", "%q has no slash", "linux")
	if got, want := f.Error(), `parse platform: "linux" has no slash`; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
	if got, want := fault.HintOf(fmt.Errorf("x: %w", f)), "use os/arch"; got != want {
		t.Errorf("HintOf = %q, want %q", got, want)
	}
	outer := fault.New(fault.Unavailable, "verify", "", f)
	if got, want := fault.HintOf(outer), "use os/arch"; got != want {
		t.Errorf("HintOf looks through a fault without a hint: got %q, want %q", got, want)
	}
	if got := fault.HintOf(errors.New("plain")); got != "" {
		t.Errorf("HintOf(plain) = %q, want none", got)
	}
}

func TestEveryCodeIsDescribed(t *testing.T) {
	seen := map[fault.Code]bool{}
	for _, c := range fault.Codes() {
		if seen[c] || c.Describe() == "unknown" {
			t.Errorf("code %d is listed twice or not described", c)
		}
		seen[c] = true
	}
}
