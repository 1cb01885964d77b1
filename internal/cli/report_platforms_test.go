package cli_test

import (
	"os"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// The reports of platforms that an earlier pass left do not stand beside an error, also
// where the report above them is gone, and no link in their place leads to them.
func TestMistakenCallAfterAPassOfPlatforms(t *testing.T) {
	for name, between := range map[string]func(w *world) error{
		"report_removed": func(w *world) error { return os.Remove(w.path("report/report.json")) },
		"report_cut":     func(w *world) error { return os.WriteFile(w.path("report/report.json"), []byte("{"), 0o644) },
		"folder_is_a_link": func(w *world) error {
			if err := os.Rename(w.path("report/platforms"), w.path("elsewhere")); err != nil {
				return err
			}
			return os.Symlink(w.path("elsewhere"), w.path("report/platforms"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(w.image())
			w.passed(ref)
			if err := between(w); err != nil {
				t.Skip(err)
			}
			code, stdout, stderr := w.run("verify", "--report-dir", w.path("report"))
			must(t, code, w.saysError(false), stdout+stderr, fault.Usage, report.Error)
			if exists(w.path("report/platforms/linux-amd64/report.json")) {
				t.Error("the earlier report of a platform can still be read")
			}
		})
	}
}
