package render_test

import (
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/render"
	"github.com/imagegate/imagegate/internal/report"
)

// hardened is a report with checks of every state and severity, and their score.
func hardened() *report.Report {
	r := sample()
	r.Checks = []report.Check{
		{ID: "HIG-I019", Title: "Recent", Severity: report.Low, State: report.CheckFailed, Reason: "old"},
		{ID: "HIG-I020", Title: "Small", Severity: report.Medium, State: report.CheckUndecided, Reason: "the sizes are not known"},
		{ID: "HIG-I001", Title: "Non-root", Severity: report.High, State: report.CheckPassed, Reason: "65532"},
		{ID: "HIG-D005", Title: "USER last", Severity: report.High, State: report.CheckFailed, Reason: "root", Location: "b/Dockerfile", Line: 9, Remedy: "USER 65532:65532"},
		{ID: "HIG-D002", Title: "Pinned", Severity: report.Medium, State: report.CheckFailed, Reason: "a tag", Location: "a/Dockerfile", Line: 2},
	}
	r.Score = &report.Score{Card: "7/12", Passed: 7, Total: 12, Items: []report.ScoreItem{
		{Number: 1, Name: "non-root", State: report.CheckFailed, By: []string{"HIG-D005"}}, {Number: 2, Name: "read-only ready", State: report.CheckPassed},
		{Number: 3, Name: "no shell", State: report.CheckNotApplicable},
	}}
	r.Compliance = &report.Compliance{Passed: 28, Failed: 3, Undecided: 1, NotApplicable: 4, Controls: []report.Control{
		{Document: "CIS Docker", ID: "4.1", Passed: 1, Failed: 1, Failing: []string{"HIG-D005"}},
	}}
	return r
}

func TestScoreIsShown(t *testing.T) {
	var md, text strings.Builder
	if err := render.Markdown(&md, hardened(), 0); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"### Hardening: score 7/12, 28 of 32 checks passed", "| 1 | non-root | failed | <code>HIG-D005</code> |",
		"28 of 32 checks passed</summary>", "| CIS Docker 4.1 | 1 | 1 | 0 | 0 | <code>HIG-D005</code> |",
	} {
		if !strings.Contains(md.String(), want) {
			t.Errorf("the summary lacks %q:\n%s", want, md.String())
		}
	}
	if err := render.Text(&text, hardened(), render.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if want := "Score 7/12 (nothing to look at for 1). 28 of 32 checks passed, 3 failed, 1 could not decide."; !strings.Contains(text.String(), want) {
		t.Errorf("the text lacks %q:\n%s", want, text.String())
	}
}

// TestFailedChecksAreErrorsOnlyWhereThePolicySaysSo holds for annotations and SARIF.
func TestFailedChecksAreErrorsOnlyWhereThePolicySaysSo(t *testing.T) {
	for _, tt := range []struct {
		name, limit string
		want        map[string]string // level by id
	}{
		{"only_informing", "", map[string]string{"HIG-D005": "warning", "HIG-D002": "warning", "HIG-I019": "warning"}},
		{"from_medium", "medium", map[string]string{"HIG-D005": "error", "HIG-D002": "error", "HIG-I019": "warning"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := hardened()
			r.Vulnerabilities, r.Policy.FailOnCheck = nil, tt.limit
			order := []string{}
			for _, a := range render.Annotations(r, "", 0) {
				id, _, _ := strings.Cut(a.Title, " ")
				want, ok := tt.want[id]
				if !ok {
					continue
				}
				order = append(order, id)
				if a.Level != want {
					t.Errorf("%s is an annotation of level %s, want %s", id, a.Level, want)
				}
				if id == "HIG-D005" && (a.File != "b/Dockerfile" || a.Line != 9) {
					t.Errorf("%s is at %s:%d", id, a.File, a.Line)
				}
			}
			if got := strings.Join(order, " "); got != "HIG-D005 HIG-D002 HIG-I019" {
				t.Errorf("annotations in the order %s, want the gravest first", got)
			}
			var sarif strings.Builder
			if err := render.SARIF(&sarif, r, render.SARIFOptions{}); err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(sarif.String(), `"level": "error"`); got != (tt.limit != "") {
				t.Errorf("SARIF has an error: %t", got)
			}
		})
	}
}

func TestLint(t *testing.T) {
	r := hardened()
	r.Verdict = report.Verdict{Result: report.Fail, Reasons: []string{"1 finding at or above high", "1 could not decide"}}
	r.Observations = []report.Observation{
		{Kind: report.Information, Stage: report.StageHarden, Message: "a variable has no value"},
		{Kind: report.Unread, Stage: report.StageHarden, Message: "b/Dockerfile could not be parsed"},
	}
	r.Stages = []report.Stage{{Name: report.StageHarden, State: report.Done, Reason: "2 files"}}
	var b strings.Builder
	if err := render.Lint(&b, r, render.LintOptions{}); err != nil {
		t.Fatal(err)
	}
	want := `low: HIG-I019 Recent: old
a/Dockerfile:2: medium: HIG-D002 Pinned: a tag
b/Dockerfile:9: high: HIG-D005 USER last: root
    remedy: USER 65532:65532
undecided: HIG-I020 Small: the sizes are not known
warning: b/Dockerfile could not be parsed
note: a variable has no value
FAIL 1 finding at or above high
and 1 could not decide
Score 7/12 (nothing to look at for 1). 28 of 32 checks passed, 3 failed, 1 could not decide.
Looked at 2 files.
`
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
	b.Reset()
	if err := render.Lint(&b, r, render.LintOptions{Quiet: true}); err != nil || b.String() != "FAIL 1 finding at or above high\nand 1 could not decide\n" {
		t.Errorf("quiet: %q, %v", b.String(), err)
	}
}

func TestLintHostileText(t *testing.T) {
	each(t, func(t *testing.T, s string) {
		var b strings.Builder
		if err := render.Lint(&b, poison(s), render.LintOptions{}); err != nil {
			t.Fatal(err)
		}
		checkText(t, b.String())
	})
}
