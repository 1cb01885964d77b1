package render_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/render"
	"github.com/imagegate/imagegate/internal/report"
)

func TestWaterline(t *testing.T) {
	of := func(origin string, s report.Severity, status report.DecisionStatus) report.Vulnerability {
		return report.Vulnerability{ID: "CVE-2026-1", Severity: s, Package: report.Package{Name: "jq", Version: "1", Origin: origin}, Decision: report.Decision{Status: status}}
	}
	r := &report.Report{
		Subject: report.Subject{Reference: "x", Base: &report.Base{Boundary: "derived", Layers: 2, Reason: "the first 2 of 3 layers are <b>those</b> of dhi.io/base"}},
		Stages:  []report.Stage{{Name: report.StageVuln, State: report.Done}},
		Vulnerabilities: []report.Vulnerability{
			of("base", report.High, report.Suppressed), of("base", report.Low, report.Open),
			of("app", report.Critical, report.Open), of("app", report.High, report.Open), of("unproven", report.Medium, report.Open),
		},
	}
	var md, text, decisions bytes.Buffer
	if err := render.Markdown(&md, r, 0); err != nil {
		t.Fatal(err)
	}
	if err := render.Text(&text, r, render.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := render.VEXDecisions(&decisions, r, ""); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| in the base image | 0 | 0 | 1 | 1 |", "| added on top | 1 | 1 | 0 | 0 |", "| of unproven origin | 0 | 0 | 1 | 0 |"} {
		if !strings.Contains(md.String(), want) {
			t.Errorf("the summary does not say %q:\n%s", want, md.String())
		}
	}
	if strings.Contains(md.String(), "<b>") {
		t.Errorf("the summary takes text for markup:\n%s", md.String())
	}
	const line = "in the base image: 1 open, 1 suppressed; added on top: 2 open, 0 suppressed; of unproven origin: 1 open, 0 suppressed"
	for name, got := range map[string]string{"text": text.String(), "decisions": decisions.String()} {
		if !strings.Contains(strings.Join(strings.Fields(got), " "), line) {
			t.Errorf("%s does not say %q:\n%s", name, line, got)
		}
	}
}

func TestNoWaterlineWithoutABase(t *testing.T) {
	r := &report.Report{Subject: report.Subject{Reference: "x"}, Vulnerabilities: []report.Vulnerability{{ID: "CVE-2026-1"}}}
	var md bytes.Buffer
	if err := render.Markdown(&md, r, 0); err != nil || strings.Contains(md.String(), "added") {
		t.Errorf("%v\n%s", err, md.String())
	}
}
