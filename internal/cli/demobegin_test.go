package cli_test

import (
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// The demo leaves no earlier pass to be taken for its own, also when it cannot start.
func TestDemoThatCannotStartAfterAPass(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	w.passed(ref)
	t.Setenv("TMPDIR", w.path("gone"))
	code, stdout, stderr := w.run("demo", "--report-dir", w.path("report"))
	must(t, code, w.saysError(false), stdout+stderr, fault.Internal, report.Error)
}
