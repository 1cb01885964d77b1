package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// keptAside checks that the earlier report lies beside the directory, whole.
func (w *world) keptAside() {
	w.t.Helper()
	dir := w.path("report.previous")
	data, err := os.ReadFile(filepath.Join(dir, report.FileReport))
	var r report.Report
	if err != nil || json.Unmarshal(data, &r) != nil || r.Verdict.Result != report.Pass {
		w.t.Errorf("the earlier report is %.100q, %v", data, err)
	}
	for _, name := range []string{"summary.md", "platforms/linux-arm64/report.json", "platforms/linux-amd64/sbom.spdx.json"} {
		if !exists(filepath.Join(dir, filepath.FromSlash(name))) {
			w.t.Errorf("the earlier report lacks %s", name)
		}
	}
	if found, err := filepath.Glob(w.path("*.tmp")); err != nil || len(found) > 0 {
		w.t.Errorf("temporary folders are left: %v, %v", found, err)
	}
}

// Only one earlier report is kept, and a folder of that name that is somebody else's is
// left alone and told.
func TestPreviousReport(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	previous := func() report.Result {
		var r report.Report
		data, err := os.ReadFile(filepath.Join(w.path("report.previous"), report.FileReport))
		if err == nil {
			err = json.Unmarshal(data, &r)
		}
		if err != nil {
			return ""
		}
		return r.Verdict.Result
	}
	if w.passed(ref); previous() != "" {
		t.Error("the first run found an earlier report")
	}
	code, r, text := w.verify(ref, "--fail-on-severity", "medium")
	if must(t, code, r, text, fault.Policy, report.Fail); previous() != report.Pass {
		t.Errorf("kept aside is %q", previous())
	}
	if w.passed(ref); previous() != report.Fail || exists(filepath.Join(w.path("report.previous"), "platforms")) {
		t.Errorf("kept aside is %q", previous())
	}
	if err := os.RemoveAll(w.path("report.previous")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(w.path("report.previous"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(w.path("report.previous"), "mine.txt"), "mine")
	code, r, text = w.verify(ref)
	must(t, code, r, text, fault.OK, report.Pass)
	if !strings.Contains(text, "notice: ") || !strings.Contains(text, "somebody else's") || !exists(filepath.Join(w.path("report.previous"), "mine.txt")) {
		t.Errorf("the folder of somebody else is not told\n%s", text)
	}
}
