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

// The reports of a run that came as far as an image, and of one that has just begun.
const (
	lookedReport = `{"tool": {"name": "imagegate"}, "subject": {"source": "registry"}, "verdict": {"result": "pass"}}`
	begunReport  = `{"tool": {"name": "imagegate"}, "subject": {"source": ""}, "verdict": {"result": "error"}}`
)

// lay writes files below dir and returns it.
func lay(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	for name, data := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(data), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// What was there before a run is kept beside the directory when it is a report of ours
// with something in it, and what is somebody else's stays where it is.
func TestBegin(t *testing.T) {
	draft := []report.File{{Path: report.FileSummary, Data: []byte("ERROR")}, {Path: report.FileReport, Data: []byte(begunReport)}}
	for _, tt := range []struct {
		name, there, previous string // the reports in the directory and in its Previous
		kept                  string // what is in Previous afterwards
		gone                  bool   // whether the reports of platforms are
		notice                string
	}{
		{"first_run", "", "", "", false, ""},
		{"ours", lookedReport, "", lookedReport, true, ""},
		{"ours_again", lookedReport, begunReport, lookedReport, true, ""},
		{"unfinished", begunReport, lookedReport, lookedReport, true, ""},
		{"of_another_tool", `{"tool": {"name": "other"}}`, "", "", false, ""},
		{"previous_of_another_tool", lookedReport, `{"tool": {"name": "other"}}`, `{"tool": {"name": "other"}}`, true, "somebody else's"},
		{"subject_without_end", `{"tool": {"name": "imagegate"}, "subject": {"source": "` + strings.Repeat("x", 70<<10), "", "any", true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := lay(t, filepath.Join(t.TempDir(), "report"), map[string]string{
				"mine.txt": "mine", "sbom.syft.json": "list", "platforms/a/report.json": "pass", "platforms/a/sbom.spdx.json": "list",
			})
			if tt.there != "" {
				lay(t, dir, map[string]string{report.FileReport: tt.there})
			}
			if tt.previous != "" {
				lay(t, publish.Previous(dir), map[string]string{report.FileReport: tt.previous})
			}
			target := publish.Target{Dir: dir}
			res, err := target.Begin(draft)
			if err != nil || (len(res.Notices) > 0) != (tt.notice != "") || tt.notice != "" && !strings.Contains(res.Notices[0], tt.notice) {
				t.Errorf("notices %q, err %v", res.Notices, err)
			}
			if read(t, filepath.Join(dir, report.FileReport)) != begunReport || read(t, filepath.Join(dir, report.FileSummary)) != "ERROR" {
				t.Error("the directory does not say that nothing was decided")
			}
			data, err := os.ReadFile(filepath.Join(publish.Previous(dir), report.FileReport))
			if got := string(data); got != tt.kept && (tt.kept != "any" || err != nil) {
				t.Errorf("kept is %.80q, want %.80q", got, tt.kept)
			}
			if _, err := os.Stat(filepath.Join(dir, "platforms", "a", report.FileReport)); os.IsNotExist(err) != tt.gone {
				t.Errorf("the report of a platform: %v, want it gone: %v", err, tt.gone)
			}
			for _, name := range []string{"mine.txt", "sbom.syft.json", "platforms/a/sbom.spdx.json"} { // the run may read them
				if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
					t.Error(err)
				}
			}
			if left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), "*.tmp")); err != nil || len(left) > 0 {
				t.Errorf("left are %q, %v", left, err)
			}
			// At the end only what was a run's of ours before it began is cleared away.
			if _, err := publish.Publish(publish.Bundle{Files: []report.File{{Path: report.FileReport, Data: []byte(lookedReport)}}}, target); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(dir, "sbom.syft.json")); os.IsNotExist(err) != tt.gone {
				t.Errorf("the list of packages: %v, want it gone: %v", err, tt.gone)
			}
			if _, err := os.Stat(filepath.Join(dir, "mine.txt")); err != nil {
				t.Error(err)
			}
		})
	}
}

// A link among the files of an earlier report is followed neither from nor to anywhere.
func TestBeginFollowsNoLink(t *testing.T) {
	parent := t.TempDir()
	outside := filepath.Join(t.TempDir(), "precious.json")
	lay(t, filepath.Dir(outside), map[string]string{"precious.json": "precious"})
	dir := lay(t, filepath.Join(parent, "report"), map[string]string{report.FileReport: lookedReport, "attestations/a.json": "a"})
	for _, link := range []string{filepath.Join(dir, "attestations", "b.json"), filepath.Join(dir, report.FileVEX)} {
		if err := os.Symlink(outside, link); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	if err := os.Symlink(filepath.Dir(outside), publish.Previous(dir)); err != nil {
		t.Fatal(err)
	}
	draft := []report.File{{Path: report.FileReport, Data: []byte(begunReport)}}
	target := publish.Target{Dir: dir}
	if res, err := target.Begin(draft); err != nil || len(res.Notices) != 1 {
		t.Errorf("notices %q, err %v", res.Notices, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(outside)); err != nil || len(entries) != 1 || read(t, outside) != "precious" {
		t.Errorf("outside: %v, %v", entries, err)
	}
	if err := errors.Join(os.Remove(publish.Previous(dir)), os.WriteFile(filepath.Join(dir, report.FileReport), []byte(lookedReport), 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := target.Begin(draft); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(publish.Previous(dir), "attestations", "a.json")); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"attestations/b.json", report.FileVEX} {
		if _, err := os.Lstat(filepath.Join(publish.Previous(dir), filepath.FromSlash(name))); err == nil {
			t.Errorf("%s was copied through a link", name)
		}
	}
}

// The report of a platform is judged by what it says itself where the report above it is
// gone, and a link in its place is no way out of the directory.
func TestBeginLeavesNoVerdictOfAPlatform(t *testing.T) {
	const other = `{"tool": {"name": "other"}, "verdict": {"result": "pass"}}`
	draft := []report.File{{Path: report.FileReport, Data: []byte(begunReport)}}
	for name, tt := range map[string]struct {
		above string
		gone  bool // what does not say that it is ours
	}{"ours": {lookedReport, true}, "gone": {"", false}, "cut": {`{"tool": {"na`, false}, "of_another_tool": {other, false}} {
		t.Run(name, func(t *testing.T) {
			outside := lay(t, t.TempDir(), map[string]string{report.FileReport: lookedReport})
			dir := lay(t, t.TempDir(), map[string]string{
				"platforms/a/report.json": lookedReport, "platforms/b/report.json": other, "platforms/a/mine.txt": "mine",
			})
			if tt.above != "" {
				lay(t, dir, map[string]string{report.FileReport: tt.above})
			}
			link := filepath.Join(dir, "platforms", "c")
			if err := os.Symlink(outside, link); err != nil {
				t.Skipf("no symbolic links here: %v", err)
			}
			target := publish.Target{Dir: dir}
			if _, err := target.Begin(draft); err != nil {
				t.Error(err)
			}
			for name, gone := range map[string]bool{"a/report.json": true, "b/report.json": tt.gone, "c": tt.gone, "a/mine.txt": false} {
				if _, err := os.Lstat(filepath.Join(dir, "platforms", filepath.FromSlash(name))); os.IsNotExist(err) != gone {
					t.Errorf("%s: %v, want it gone: %v", name, err, gone)
				}
			}
			if read(t, filepath.Join(outside, report.FileReport)) != lookedReport {
				t.Error("a link was followed")
			}
		})
	}
	t.Run("link", func(t *testing.T) {
		outside := lay(t, t.TempDir(), map[string]string{"a/report.json": lookedReport})
		dir := lay(t, t.TempDir(), map[string]string{report.FileReport: lookedReport})
		if err := os.Symlink(outside, filepath.Join(dir, "platforms")); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
		target := publish.Target{Dir: dir}
		if _, err := target.Begin(draft); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(filepath.Join(dir, "platforms")); !os.IsNotExist(err) || read(t, filepath.Join(outside, "a", report.FileReport)) != lookedReport {
			t.Errorf("the link: %v", err)
		}
	})
}

// A bundle that is to be whole brings no verdict beside what could not be written.
func TestWhole(t *testing.T) {
	dir := lay(t, t.TempDir(), map[string]string{"file": "", report.FileReport: begunReport})
	b := publish.Bundle{Whole: true, Files: []report.File{
		{Path: report.FileReport, Data: []byte(lookedReport)}, {Path: report.FileSARIF, Data: []byte("{}")},
	}}
	target := publish.Target{Dir: dir, SARIFFile: filepath.Join(dir, "file", "x.sarif")}
	if _, err := publish.Publish(b, target); err == nil || read(t, filepath.Join(dir, report.FileReport)) != begunReport {
		t.Errorf("err = %v, and the report says %s", err, read(t, filepath.Join(dir, report.FileReport)))
	}
	b.Whole = false
	if _, err := publish.Publish(b, target); err == nil || read(t, filepath.Join(dir, report.FileReport)) != lookedReport {
		t.Errorf("err = %v, and the report says %s", err, read(t, filepath.Join(dir, report.FileReport)))
	}
}

// An earlier SARIF file does not outlive the beginning of a run; a device of that name
// does.
func TestBeginRemovesSARIF(t *testing.T) {
	dir := lay(t, t.TempDir(), map[string]string{"x.sarif": "{}"})
	target := publish.Target{SARIFFile: filepath.Join(dir, "x.sarif")}
	for range 2 { // also where there is none
		if _, err := target.Begin(nil); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(target.SARIFFile); !os.IsNotExist(err) {
			t.Errorf("the earlier SARIF file: %v", err)
		}
	}
	target.SARIFFile = filepath.Join(dir, "folder")
	if err := os.Mkdir(target.SARIFFile, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := target.Begin(nil); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(target.SARIFFile); err != nil {
		t.Error(err)
	}
}
