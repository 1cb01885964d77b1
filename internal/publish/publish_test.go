package publish_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/imagegate/imagegate/internal/actions"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/publish"
	"github.com/imagegate/imagegate/internal/report"
)

// step is a workflow step: its runner, its log, and the files that the runner reads.
type step struct {
	*actions.Runner
	log             *strings.Builder
	output, summary string
}

func newStep(t *testing.T) step {
	dir := t.TempDir()
	s := step{log: &strings.Builder{}, output: filepath.Join(dir, "output"), summary: filepath.Join(dir, "summary")}
	vars := map[string]string{"GITHUB_OUTPUT": s.output, "GITHUB_STEP_SUMMARY": s.summary}
	s.Runner = actions.New(s.log, func(name string) string { return vars[name] })
	return s
}

// outputs reads the outputs as the runner does; all of ours are written as heredocs.
func (s step) outputs(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	lines := strings.Split(read(t, s.output), "\n")
	for i := 0; i < len(lines)-1; i++ {
		name, delimiter, ok := strings.Cut(lines[i], "<<")
		if !ok {
			t.Fatalf("line %d of the output file is no heredoc: %q", i+1, lines[i])
		}
		var value []string
		for i++; lines[i] != delimiter; i++ {
			value = append(value, lines[i])
		}
		out[name] = strings.Join(value, "\n")
	}
	return out
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func sample() *report.Report {
	return &report.Report{
		Subject: report.Subject{Repository: "dhi.io/python", Digest: "sha256:22", Platform: "linux/amd64"},
		Stages:  []report.Stage{{Name: report.StageVuln, State: report.Done}},
		Counts:  report.Counts{Critical: 1, High: 2, Medium: 3, Low: 4, Negligible: 5, Unknown: 6, Suppressed: 7},
		SBOM:    report.SBOM{Unjudged: 8, Documents: []report.SBOMDocument{{Format: "syft-json", Path: "sbom/python.syft.json"}}},
		Score:   &report.Score{Card: "11/12", Passed: 11, Total: 12}, Compliance: &report.Compliance{Passed: 28, Failed: 2},
		Attestations: []report.Attestation{
			{PredicateType: "https://openvex.dev/ns/v0.2.0", State: report.Verified},
			{PredicateType: "https://openvex.dev/ns/v0.2.0", State: report.Verified, Digest: "sha256:33"},
			{PredicateType: "https://slsa.dev/provenance/v1", State: report.Verified},
			{PredicateType: "https://cyclonedx.org/bom", State: report.Unverified},
			{PredicateType: "https://spdx.dev/Document", State: report.Invalid},
		},
		Verdict: report.Verdict{Result: report.Fail, Reasons: []string{"two findings", "and more"}},
	}
}

func bundle() publish.Bundle {
	return publish.Bundle{
		Files: []report.File{
			{Path: report.FileReport, Data: []byte("{}\n")},
			{Path: report.FileSARIF, Data: []byte("sarif")},
			{Path: report.FileEvidence, Data: []byte("evidence")},
			{Path: report.FileSummary, Data: []byte("# summary")},
			{Path: "sbom/python.syft.json", Data: []byte("sbom")},
			{Path: "attestations/1/vex.json", Data: nil},
		},
		Summary:     []byte("# summary"),
		Outputs:     publish.Outputs(sample()),
		Annotations: []publish.Annotation{{Level: "error", Title: "t", Message: "m", File: "Dockerfile", Line: 3}},
	}
}

func TestPublish(t *testing.T) {
	s, dir := newStep(t), filepath.Join(t.TempDir(), "a", "report")
	sarif := filepath.Join(t.TempDir(), "new", "copy.sarif")
	res, err := publish.Publish(bundle(), publish.Target{Dir: dir, SARIFFile: sarif, Runner: s.Runner})
	if err != nil {
		t.Fatal(err)
	}
	wantFiles := []string{"report.json", "results.sarif", "evidence.json", "summary.md", "sbom/python.syft.json", "attestations/1/vex.json"}
	if diff := cmp.Diff(publish.Result{Dir: dir, Files: wantFiles}, res); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	for _, f := range bundle().Files {
		if got := read(t, filepath.Join(dir, filepath.FromSlash(f.Path))); got != string(f.Data) {
			t.Errorf("%s = %q, want %q", f.Path, got, f.Data)
		}
	}
	if got := read(t, sarif); got != "sarif" {
		t.Errorf("sarif-file = %q", got)
	}
	want := map[string]string{
		"verdict": "fail", "reason": "two findings", "image-ref": "dhi.io/python@sha256:22", "digest": "sha256:22",
		"critical": "1", "high": "2", "medium": "3", "low": "4", "negligible": "5", "unknown": "6", "suppressed": "7", "unjudged": "8",
		"score": "11/12", "checks-passed": "28", "checks-failed": "2",
		"verified":   "https://openvex.dev/ns/v0.2.0,https://slsa.dev/provenance/v1",
		"report-dir": dir, "json": filepath.Join(dir, "report.json"), "sarif": filepath.Join(dir, "results.sarif"),
		"sbom": filepath.Join(dir, "sbom", "python.syft.json"), "vex": "", "evidence": filepath.Join(dir, "evidence.json"),
		"summary-file": filepath.Join(dir, "summary.md"),
	}
	if diff := cmp.Diff(want, s.outputs(t)); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	if got := strings.TrimSpace(read(t, s.summary)); got != "# summary" {
		t.Errorf("summary = %q", got)
	}
	if got, want := s.log.String(), "::error file=Dockerfile,line=3,title=t::m\n"; got != want {
		t.Errorf("log = %q, want %q", got, want)
	}
}

// A directory that cannot be had must not hide the verdict.
func TestUnwritableDirectoryStopsNothingElse(t *testing.T) {
	s := newStep(t)
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"is_a_file": blocked, "below_a_file": filepath.Join(blocked, "report")} {
		t.Run(name, func(t *testing.T) {
			_ = os.Remove(s.output)
			res, err := publish.Publish(bundle(), publish.Target{Dir: dir, Runner: s.Runner})
			if fault.CodeOf(err) != fault.Internal || !strings.Contains(fault.HintOf(err), "report-dir") {
				t.Errorf("err = %v, code %d, hint %q", err, fault.CodeOf(err), fault.HintOf(err))
			}
			if res.Dir != "" || res.Files != nil {
				t.Errorf("result = %+v, want nothing written", res)
			}
			got := s.outputs(t)
			if got["verdict"] != "fail" || got["report-dir"] != "" || got["json"] != "" {
				t.Errorf("outputs = %v", got)
			}
			if !strings.Contains(read(t, s.summary), "# summary") || !strings.Contains(s.log.String(), "::error") {
				t.Error("summary or annotations are missing")
			}
		})
	}
}

func TestPathsThatAreRefused(t *testing.T) {
	for _, tt := range []struct{ name, path string }{
		{"parent", "../escape"},
		{"parent_within", "a/../../escape"},
		{"absolute", "/tmp/escape"},
		{"empty", ""},
		{"the_directory_itself", "."},
		{"backslash", `a\..\escape`},
		{"colon", "attestations/sha256:33.json"},
		{"wildcard", "a*b"},
		{"newline", "a\nb"},
		{"hidden", ".git/config"},
		{"hidden_below", "a/.b"},
		{"trailing_slash", "a/"},
		{"broken_utf8", "a\xff"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			parent := t.TempDir()
			dir := filepath.Join(parent, "report")
			b := publish.Bundle{Files: []report.File{{Path: tt.path, Data: []byte("x")}, {Path: "good.json", Data: []byte("y")}}}
			res, err := publish.Publish(b, publish.Target{Dir: dir})
			if fault.CodeOf(err) != fault.Internal {
				t.Errorf("err = %v, want an internal fault", err)
			}
			if diff := cmp.Diff([]string{"good.json"}, res.Files); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
			entries, err := os.ReadDir(parent)
			if err != nil || len(entries) != 1 {
				t.Errorf("beside the report directory: %v, %v", entries, err)
			}
			entries, err = os.ReadDir(dir)
			if err != nil || len(entries) != 1 {
				t.Errorf("in the report directory: %v, %v", entries, err)
			}
		})
	}
}

func TestTwoFilesOfOneName(t *testing.T) {
	b := publish.Bundle{Files: []report.File{{Path: "a.json", Data: []byte("1")}, {Path: "A.json", Data: []byte("2")}}}
	res, err := publish.Publish(b, publish.Target{Dir: t.TempDir()})
	if err == nil || len(res.Files) != 1 {
		t.Errorf("written %v, err %v: on some systems these are one file", res.Files, err)
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	victim := filepath.Join(outside, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"attestations": outside, "report.json": victim} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	b := publish.Bundle{Files: []report.File{{Path: "attestations/vex.json", Data: []byte("x")}, {Path: "report.json", Data: []byte("ours")}}}
	res, err := publish.Publish(b, publish.Target{Dir: dir})
	if err == nil {
		t.Error("a directory that links outside is no error")
	}
	if diff := cmp.Diff([]string{"report.json"}, res.Files); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	if got := read(t, victim); got != "precious" {
		t.Errorf("the file that a link pointed to is now %q", got)
	}
	if got := read(t, filepath.Join(dir, "report.json")); got != "ours" {
		t.Errorf("report.json = %q", got)
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
		t.Errorf("outside: %v, %v", entries, err)
	}
}

// A second run leaves no file of the first that is not its own, and nobody else's is
// touched.
func TestEarlierRunLeavesNothingStale(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{report.FileVEX: "yesterday", "mine.txt": "keep"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := publish.Publish(bundle(), publish.Target{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, report.FileVEX)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the VEX file of the earlier run: %v", err)
	}
	if got := read(t, filepath.Join(dir, "mine.txt")); got != "keep" {
		t.Errorf("mine.txt = %q", got)
	}
	entries, err := filepath.Glob(filepath.Join(dir, "*.tmp"))
	if err != nil || len(entries) > 0 {
		t.Errorf("temporary files are left: %v, %v", entries, err)
	}
}

func TestOutsideAWorkflow(t *testing.T) {
	r := actions.New(io.Discard, func(string) string { return "" })
	res, err := publish.Publish(bundle(), publish.Target{Dir: t.TempDir(), Runner: r})
	if !errors.Is(err, actions.ErrNotOffered) || fault.CodeOf(err) != fault.Internal {
		t.Errorf("err = %v, want one that GITHUB_OUTPUT is unset", err)
	}
	if n := strings.Count(err.Error(), "GITHUB_OUTPUT"); n != 1 {
		t.Errorf("said %d times: %v", n, err)
	}
	if len(res.Files) != 6 || len(res.Notices) != 1 || !strings.Contains(res.Notices[0], "GITHUB_STEP_SUMMARY") {
		t.Errorf("result = %+v", res)
	}
}

func TestNoTarget(t *testing.T) {
	res, err := publish.Publish(bundle(), publish.Target{})
	if err != nil || res.Dir != "" || res.Files != nil || res.Notices != nil {
		t.Errorf("result = %+v, err = %v; want nothing", res, err)
	}
}

func TestSARIFFileWithoutSARIF(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.sarif")
	if _, err := publish.Publish(publish.Bundle{}, publish.Target{SARIFFile: file}); fault.CodeOf(err) != fault.Internal {
		t.Errorf("err = %v", err)
	}
}

func TestOutputsAreTame(t *testing.T) {
	r := sample()
	r.Verdict.Reasons = []string{"x\"; $(curl evil) `id` 'q' \\ | & <a> \n::error::y \x1b[31m \u202e " + strings.Repeat("é", 3000)}
	r.Subject.Repository = "reg/$(id)"
	for _, o := range publish.Outputs(r) {
		if strings.ContainsAny(o.Value, "\"'`$\\;&|<>(){}\n\r\x1b") {
			t.Errorf("%s = %q", o.Name, o.Value)
		}
		if len(o.Value) > 2000 {
			t.Errorf("%s has %d bytes", o.Name, len(o.Value))
		}
	}
}

// Verified means verified on every platform.
func TestVerifiedOnEveryPlatform(t *testing.T) {
	r := sample()
	r.Platforms = []report.Platform{{Platform: "linux/amd64"}, {Platform: "linux/arm64"}}
	r.Attestations = []report.Attestation{
		{PredicateType: "a", State: report.Verified, Platform: "linux/amd64"},
		{PredicateType: "a", State: report.Verified, Platform: "linux/arm64"},
		{PredicateType: "b", State: report.Verified, Platform: "linux/amd64"},
		{PredicateType: "b", State: report.Unverified, Platform: "linux/arm64"},
		{PredicateType: "c", State: report.Verified},
		{PredicateType: "x,y", State: report.Verified},
	}
	for _, o := range publish.Outputs(r) {
		if o.Name == "verified" && o.Value != "c,a" {
			t.Errorf("verified = %q, want c,a", o.Value)
		}
	}
}

func TestVerdictThatWasNeverTaken(t *testing.T) {
	list := publish.Outputs(&report.Report{})
	if got := list[len(list)-1]; got.Name != "verdict" || got.Value != "error" {
		t.Errorf("last output = %+v, want verdict error", got)
	}
}

func TestTimingsFile(t *testing.T) {
	f, err := publish.TimingsFile([]publish.Timing{{Stage: "pull", Start: time.Second, Duration: 1500 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	want := "{\n  \"timings\": [\n    {\n      \"stage\": \"pull\",\n      \"startMilliseconds\": 1000,\n      \"durationMilliseconds\": 1500\n    }\n  ]\n}\n"
	if diff := cmp.Diff(want, string(f.Data)); diff != "" || f.Path != report.FileTimings {
		t.Errorf("%s (-want +got):\n%s", f.Path, diff)
	}
}

func TestFileKeepsTheError(t *testing.T) {
	cause := errors.New("no")
	if _, err := publish.File("x", "", func(*bytes.Buffer) error { return cause }); !errors.Is(err, cause) {
		t.Errorf("err = %v", err)
	}
}

// Whatever a file is called, it stays within the report directory.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"a", "a/b.json", "../x", "/x", `..\x`, "a/../../x", "con", "a:b", "\x00", "a//b", "./a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		parent := t.TempDir()
		dir := filepath.Join(parent, "report")
		res, err := publish.Publish(publish.Bundle{Files: []report.File{{Path: name, Data: []byte("x")}}}, publish.Target{Dir: dir})
		if (err == nil) != (len(res.Files) == 1) {
			t.Fatalf("%q: written %v, err %v", name, res.Files, err)
		}
		if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
			t.Fatalf("%q: beside the report directory: %v, %v", name, entries, err)
		}
		if err == nil {
			if got := read(t, filepath.Join(dir, filepath.FromSlash(name))); got != "x" {
				t.Fatalf("%q holds %q", name, got)
			}
		}
	})
}

// TestNoChecksAreNotNoFailures: a workflow that compares checks-failed with 0 must not
// take a run without checks for a good one.
func TestNoChecksAreNotNoFailures(t *testing.T) {
	found := 0
	for _, o := range publish.Outputs(&report.Report{}) {
		switch o.Name {
		case "score", "checks-passed", "checks-failed":
			found++
			if o.Value != "" {
				t.Errorf("%s = %q without a check, want nothing", o.Name, o.Value)
			}
		}
	}
	if found != 3 {
		t.Errorf("%d of the three outputs are there", found)
	}
}

// An image that has no repository has no reference that a later step could deploy.
func TestImageRefNeedsARepository(t *testing.T) {
	for _, tt := range []struct {
		subject report.Subject
		want    string
	}{
		{report.Subject{Repository: "reg/app", Digest: "sha256:1"}, "reg/app@sha256:1"},
		{report.Subject{Digest: "sha256:1"}, ""},
		{report.Subject{Repository: "reg/app"}, ""},
	} {
		for _, o := range publish.Outputs(&report.Report{Subject: tt.subject}) {
			if o.Name == "image-ref" && o.Value != tt.want {
				t.Errorf("image-ref of %+v is %q, want %q", tt.subject, o.Value, tt.want)
			}
		}
	}
}
