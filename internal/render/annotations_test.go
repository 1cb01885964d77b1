package render_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/imagegate/imagegate/internal/render"
	"github.com/imagegate/imagegate/internal/report"
)

func byLevel(as []render.Annotation) map[string][]render.Annotation {
	out := map[string][]render.Annotation{}
	for _, a := range as {
		out[a.Level] = append(out[a.Level], a)
	}
	return out
}

func TestAnnotationsLimits(t *testing.T) {
	r := everything(300)
	r.Verdict.Reasons = r.Verdict.Reasons[:3]
	r.Attestations = nil
	got := byLevel(render.Annotations(r, "Dockerfile", 1))
	for level, as := range got {
		if len(as) > render.MaxAnnotations {
			t.Errorf("%d annotations of level %s, limit %d", len(as), level, render.MaxAnnotations)
		}
	}
	errs := got["error"]
	for i := range 3 {
		if want := fmt.Sprintf("reason %d", i); errs[i].Message != want {
			t.Errorf("error %d = %q, want the reason %q", i, errs[i].Message, want)
		}
	}
	if !strings.Contains(errs[3].Title, "critical") {
		t.Errorf("after the reasons comes %q, want a critical finding", errs[3].Title)
	}
	// 3 reasons and 120 findings that fail (critical and high), 9 of them shown.
	if last := errs[len(errs)-1].Message; last != "114 more of this kind are in the job summary and in report.json." {
		t.Errorf("last error = %q", last)
	}
	// 1 failed check and 302 things that were not looked at, 9 of them shown.
	if last := got["warning"][9].Message; last != "294 more of this kind are in the job summary and in report.json." {
		t.Errorf("last warning = %q", last)
	}
}

func TestAnnotationsByVerdict(t *testing.T) {
	for _, tt := range []struct {
		name    string
		verdict report.Verdict
		level   string
	}{
		{"pass_is_a_notice", report.Verdict{Result: report.Pass, Reasons: []string{"fine"}}, "notice"},
		{"pass_without_reason", report.Verdict{Result: report.Pass}, "notice"},
		{"warn", report.Verdict{Result: report.Warn, Reasons: []string{"old database"}}, "warning"},
		{"warn_without_reason", report.Verdict{Result: report.Warn}, "warning"},
		{"fail", report.Verdict{Result: report.Fail, Reasons: []string{"bad"}}, "error"},
		{"fail_without_reason", report.Verdict{Result: report.Fail}, "error"},
		{"error", report.Verdict{Result: report.Error, Reasons: []string{"no database"}}, "error"},
		{"never_judged", report.Verdict{}, "error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := render.Annotations(&report.Report{Verdict: tt.verdict}, "", 0)
			if len(got) != 1 || got[0].Level != tt.level || got[0].Message == "" {
				t.Errorf("annotations = %+v, want one %s", got, tt.level)
			}
		})
	}
}

func TestAnnotationsHostileText(t *testing.T) {
	each(t, func(t *testing.T, s string) {
		for _, a := range render.Annotations(poison(s), "Dockerfile", 1) {
			if strings.ContainsFunc(a.Title+a.Message, func(c rune) bool { return unicode.Is(unicode.C, c) }) || len(a.Message) > 600 || len(a.Title) > 200 {
				t.Errorf("annotation %+v", a)
			}
		}
	})
}

// A failed check is shown at its own line, everything else where the caller says.
func TestAnnotationsPlace(t *testing.T) {
	for _, a := range render.Annotations(sample(), "workflow.yml", 9) {
		wantFile, wantLine := "workflow.yml", 9
		if strings.HasPrefix(a.Title, "HIG-DF-004") {
			wantFile, wantLine = "deploy/Dockerfile", 3
		}
		if a.File != wantFile || a.Line != wantLine {
			t.Errorf("%s at %s:%d, want %s:%d", a.Title, a.File, a.Line, wantFile, wantLine)
		}
	}
}
