package publish_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/publish"
	"github.com/imagegate/imagegate/internal/report"
)

// ourReport is a report of this program as far as publish reads it.
const ourReport = `{"schemaVersion": 1, "tool": {"name": "imagegate"}}`

// The evidence of an earlier run goes when a report says that it is ours, and nothing
// else does.
func TestEvidenceOfAnEarlierRun(t *testing.T) {
	evidence := []string{"attestations/vex-1/statement.json", "platforms/linux-amd64/sbom.spdx.json", "sbom.spdx.json"}
	kept := []string{"attestations/README.md", "platforms/linux-arm64/notes.txt", "sbom.mine.json", "other/report.json"}
	for _, tt := range []struct {
		name, earlier string
		gone          bool
	}{
		{"our_report", ourReport, true},
		{"report_of_another_tool", `{"tool": {"name": "other"}, "results": []}`, false},
		{"tool_is_no_object", `{"tool": "imagegate"}`, false},
		{"no_object", `[{"tool": {"name": "imagegate"}}]`, false},
		{"no_json", `<html>`, false},
		{"empty_report", ``, false},
		{"name_far_behind", `{"a": "` + strings.Repeat("x", 70<<10) + `", "tool": {"name": "imagegate"}}`, false},
		{"no_report", "-", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "precious.json")
			files := map[string]string{outside: "keep"}
			for _, name := range append(evidence, kept...) {
				files[filepath.Join(dir, filepath.FromSlash(name))] = name
			}
			if tt.earlier != "-" {
				files[filepath.Join(dir, report.FileReport)] = tt.earlier
			}
			for name, data := range files {
				if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(data), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink(filepath.Dir(outside), filepath.Join(dir, "platforms", "link")); err != nil {
				t.Skipf("no symbolic links here: %v", err)
			}
			b := publish.Bundle{Files: []report.File{
				{Path: report.FileReport, Data: []byte(ourReport)}, {Path: "attestations/vex-2/statement.json", Data: []byte("new")},
			}}
			if _, err := publish.Publish(b, publish.Target{Dir: dir}); err != nil {
				t.Fatal(err)
			}
			for _, name := range evidence {
				if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); os.IsNotExist(err) != tt.gone {
					t.Errorf("%s: %v, want it gone: %v", name, err, tt.gone)
				}
			}
			for _, name := range append(kept, "attestations/vex-2/statement.json", "platforms/link/precious.json") {
				if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
					t.Errorf("%s: %v, want it kept", name, err)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "attestations", "vex-1")); os.IsNotExist(err) != tt.gone {
				t.Errorf("the folder of what is gone: %v", err)
			}
		})
	}
}

// A folder that is a link is nobody's evidence, wherever it leads.
func TestLinkedFolderIsNotEmptied(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "source", "package.json")
	if err := errors.Join(os.Mkdir(filepath.Dir(source), 0o755), os.WriteFile(source, nil, 0o644),
		os.WriteFile(filepath.Join(dir, report.FileReport), []byte(ourReport), 0o644)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("source", filepath.Join(dir, "platforms")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	b := publish.Bundle{Files: []report.File{{Path: report.FileReport, Data: []byte(ourReport)}}}
	if _, err := publish.Publish(b, publish.Target{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(source); err != nil {
		t.Error(err)
	}
}
