package render_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/imagegate/imagegate/internal/render"
	"github.com/imagegate/imagegate/internal/report"
)

var update = flag.Bool("update", false, "rewrite golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got); rerun with -update if this is intended:\n%s", name, diff)
	}
}

func annotations(w io.Writer, r *report.Report) error {
	for _, a := range render.Annotations(r, "deploy/Dockerfile", 3) {
		fmt.Fprintf(w, "%s %s:%d\n  %s\n  %s\n", a.Level, a.File, a.Line, a.Title, a.Message)
	}
	return nil
}

// renderers are all of them, by the name of their golden file.
var renderers = map[string]func(io.Writer, *report.Report) error{
	"report.json":        render.JSON,
	"summary.md":         func(w io.Writer, r *report.Report) error { return render.Markdown(w, r, 0) },
	"results.sarif":      func(w io.Writer, r *report.Report) error { return render.SARIF(w, r, render.SARIFOptions{}) },
	"results-full.sarif": func(w io.Writer, r *report.Report) error { return render.SARIF(w, r, fullSARIF) },
	"report.txt":         func(w io.Writer, r *report.Report) error { return render.Text(w, r, render.TextOptions{}) },
	"report-colour.txt": func(w io.Writer, r *report.Report) error {
		return render.Text(w, r, render.TextOptions{Color: true, Width: 60})
	},
	"vex.openvex.json": render.OpenVEX,
	"evidence.json":    render.Evidence,
	"annotations.txt":  annotations,
	"attest-list.txt":  render.AttestationList,
	"attest-proof.txt": render.AttestationProof,
	"vex.txt":          func(w io.Writer, r *report.Report) error { return render.VEXDecisions(w, r, "") },
}

var fullSARIF = render.SARIFOptions{
	DriverVersion: "9.9.9", Category: "nightly", Location: render.SARIFLocation{File: "deploy/Dockerfile", Line: 3}, IncludeSuppressed: true,
}

// The input is shuffled each time, so the goldens test the order too.
func TestGolden(t *testing.T) {
	for name, write := range renderers {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			if err := write(&got, shuffled()); err != nil {
				t.Fatal(err)
			}
			golden(t, "fail/"+name, got.Bytes())
		})
	}
}

func TestGoldenOtherVerdicts(t *testing.T) {
	for verdict, r := range map[string]*report.Report{"pass": passing(), "platforms": combined()} {
		for _, name := range []string{"summary.md", "report.txt", "annotations.txt"} {
			t.Run(verdict+"_"+name, func(t *testing.T) {
				var got bytes.Buffer
				if err := renderers[name](&got, r); err != nil {
					t.Fatal(err)
				}
				golden(t, verdict+"/"+name, got.Bytes())
			})
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestWriteErrorsAreReturned(t *testing.T) {
	for name, write := range renderers {
		if name == "annotations.txt" {
			continue // makes values and writes nothing
		}
		if err := write(fullDisk{}, sample()); err == nil {
			t.Errorf("%s: no error from a writer that does not write", name)
		}
	}
}

func TestRenderersLeaveTheReportAlone(t *testing.T) {
	for name, write := range renderers {
		r := sample()
		if err := write(io.Discard, r); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sample(), r); diff != "" {
			t.Errorf("%s changed the report:\n%s", name, diff)
		}
	}
}

// An empty report, as of a run that broke down at once, is an error everywhere.
func TestEmptyReport(t *testing.T) {
	for name, write := range renderers {
		var b bytes.Buffer
		err := write(&b, &report.Report{})
		if name == "vex.openvex.json" {
			continue // told apart in its own test
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		switch name {
		case "summary.md", "report.txt", "annotations.txt":
			if !bytes.Contains(b.Bytes(), []byte("ERROR")) {
				t.Errorf("%s does not say ERROR:\n%s", name, b.String())
			}
		}
	}
}
