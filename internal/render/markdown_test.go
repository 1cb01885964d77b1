package render_test

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/imagegate/imagegate/internal/render"
	"github.com/imagegate/imagegate/internal/report"
)

func markdown(t *testing.T, r *report.Report, budget int) string {
	t.Helper()
	var b bytes.Buffer
	if err := render.Markdown(&b, r, budget); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// skeleton is a document without its text: what is left decides how it is shown.
func skeleton(md string) string {
	md = entity.ReplaceAllString(md, "")
	md = strings.ReplaceAll(md, "<!-- -->", "")
	return strings.Map(func(c rune) rune {
		switch {
		case strings.ContainsRune("|<>[]()`*_#@:!\\~\"'$^{}&\n", c):
			return c
		}
		return -1
	}, md)
}

var entity = regexp.MustCompile(`&#[0-9]+;`)

// Whatever the texts hold, the document has the structure that it has with a harmless
// text: no row, link, tag, code span, heading or mention more.
func TestMarkdownHostileText(t *testing.T) {
	// An id that is one of a known form becomes a link, so the harmless text is none.
	want := skeleton(markdown(t, poison("harmless"), 0))
	for i, s := range hostile {
		t.Run(fmt.Sprintf("hostile_%02d", i), func(t *testing.T) {
			if strings.TrimSpace(s) == "" {
				t.Skip("empty cells are shown as a dash")
			}
			got := markdown(t, poison(s), 0)
			if sk := skeleton(got); sk != want {
				t.Errorf("the structure changed\n got %s\nwant %s\nin\n%s", sk, want, got)
			}
			for _, c := range got {
				if c != '\n' && unicode.In(c, unicode.C, unicode.Zl, unicode.Zp) {
					t.Errorf("%U is in the summary", c)
				}
			}
			// GitHub looks for links before entities are decoded, and for the rest after.
			for _, trigger := range []string{"https://evil", "www.evil"} {
				if strings.Contains(strings.ToLower(got), trigger) {
					t.Errorf("%q is in the summary", trigger)
				}
			}
			for _, trigger := range []string{"@octocat", "@evil", "#1", "#2", "gh-3", "gh-4"} {
				if strings.Contains(strings.ToLower(html.UnescapeString(got)), trigger) {
					t.Errorf("%q is in the summary", trigger)
				}
			}
		})
	}
}

// FuzzMarkdown puts a text into a table cell, a list item and the headline.
func FuzzMarkdown(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	of := func(s string) *report.Report {
		return &report.Report{
			Subject:      report.Subject{Repository: "x" + s + "x"},
			Attestations: []report.Attestation{{Family: "x" + s + "x", State: report.Unverified, Reason: "x" + s + "x"}},
			Verdict:      report.Verdict{Result: report.Fail, Reasons: []string{"x" + s + "x"}},
		}
	}
	var b bytes.Buffer
	if err := render.Markdown(&b, of(""), 0); err != nil {
		f.Fatal(err)
	}
	want := skeleton(b.String())
	f.Fuzz(func(t *testing.T, s string) {
		got := markdown(t, of(s), 0)
		if sk := skeleton(got); sk != want {
			t.Fatalf("the structure changed\n got %s\nwant %s\nin\n%s", sk, want, got)
		}
		// What is left for a reader is the text itself: nothing is lost but what was
		// made visible.
		if len(s) > 400 || strings.ContainsFunc(s, func(c rune) bool { return c == '\uFFFD' || unicode.IsSpace(c) || unicode.Is(unicode.C, c) }) {
			return
		}
		shown := html.UnescapeString(strings.ReplaceAll(got, "<!-- -->", ""))
		if !strings.Contains(shown, ": unverified: x"+s+"x\n") {
			t.Fatalf("%q is not what a reader sees:\n%s", s, shown)
		}
	})
}

func TestMarkdownBudget(t *testing.T) {
	for _, tt := range []struct {
		name     string
		r        *report.Report
		budget   int
		atMost   int
		contains []string
	}{
		{"default", crowd(6000), 0, render.DefaultBudget, []string{"5950 more in `report.json`", "### Open findings: 6000"}},
		{"smallest", crowd(6000), 1, render.MinBudget, []string{"FAIL", "more in `report.json`"}},
		{"hostile_and_smallest", poison(strings.Repeat("@", 10_000)), 1, render.MinBudget, []string{"FAIL", "The rest is in `report.json`."}},
		{"many_of_everything", everything(3000), 64 << 10, 64 << 10, []string{
			"2970 more in `report.json`",       // not verified
			"2940 more in `report.json`",       // attestations
			"more in `evidence.json`",          // evidence
			"- and 2979 more in `report.json`", // reasons
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := markdown(t, tt.r, tt.budget)
			if len(got) > tt.atMost {
				t.Errorf("%d bytes, budget %d", len(got), tt.atMost)
			}
			for _, want := range tt.contains {
				if !strings.Contains(got, want) {
					t.Errorf("%q is missing in\n%.3000s", want, got)
				}
			}
		})
	}
}

// everything is a report with n rows in each list.
func everything(n int) *report.Report {
	r := crowd(n)
	r.Verdict.Reasons, r.Attestations, r.Evidence = nil, nil, nil
	for i := range n {
		r.Verdict.Reasons = append(r.Verdict.Reasons, fmt.Sprintf("reason %d", i))
		r.Attestations = append(r.Attestations, report.Attestation{Family: "other", Digest: fmt.Sprintf("sha256:%064d", i), State: report.Unverified, Reason: "no key"})
		r.Evidence = append(r.Evidence, report.Evidence{Kind: "layer", Digest: fmt.Sprintf("sha256:%064d", i)})
		r.Observations = append(r.Observations, report.Observation{Kind: report.Unread, Stage: "sbom", Message: fmt.Sprintf("warning %d", i)})
	}
	r.Policy.Require = nil
	r.Discovery = nil
	return r
}

// A reader of ten seconds sees the verdict, the image and the first reason at the top.
func TestMarkdownBeginsWithTheVerdict(t *testing.T) {
	lines := strings.Split(markdown(t, sample(), 0), "\n")
	if lines[0] != "## Hardened Image Gate: FAIL" {
		t.Errorf("first line %q", lines[0])
	}
	shown := html.UnescapeString(strings.ReplaceAll(lines[2], "<!-- -->", ""))
	for _, want := range []string{"**FAIL**", "dhi.io/python@" + imageDigest, "linux/amd64", sample().Verdict.Reasons[0]} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not in %q", want, shown)
		}
	}
}

// "No open finding" may only be said when somebody looked.
func TestMarkdownDoesNotClaimWhatWasNotSeen(t *testing.T) {
	r := passing()
	r.Vulnerabilities, r.Attestations, r.Counts, r.SBOM.Packages = nil, nil, report.Counts{}, 0
	r.Stages = []report.Stage{{Name: report.StageVuln, State: report.Done}, {Name: report.StageAttest, State: report.Missing}}
	found := []string{"No open finding.", "No attestation was found.", "| Open | 0 |"}
	for got, want := markdown(t, r, 0), found; len(want) > 0; want = want[1:] {
		if !strings.Contains(got, want[0]) {
			t.Errorf("%q is not said:\n%s", want[0], got)
		}
	}
	for _, stages := range [][]report.Stage{nil, {{Name: report.StageResolve, State: report.Failed, Reason: "no such tag"}}} {
		r.Stages = stages
		md, txt := markdown(t, r, 0), text(t, r, render.TextOptions{})
		for _, claim := range append(found, "none was found", " 0 critical", "0 packages", "Packages  ") {
			if strings.Contains(md, claim) || strings.Contains(txt, claim) {
				t.Errorf("%q is said of what was not seen:\n%s\n%s", claim, md, txt)
			}
		}
	}
	for _, state := range []report.State{report.Missing, report.Failed, report.Skipped} {
		r.Stages = []report.Stage{{Name: report.StageVuln, State: state, Reason: "no database"}}
		got := markdown(t, r, 0)
		if strings.Contains(got, "No open finding.") || !strings.Contains(got, "Vulnerabilities were not decided.") || !strings.Contains(got, "no database") {
			t.Errorf("%s: claims to have looked:\n%s", state, got)
		}
	}
}

// A family that is verified on one platform does not count for the other.
func TestMarkdownRequiredOnEachPlatform(t *testing.T) {
	got := markdown(t, combined(), 0)
	for _, want := range []string{"**sbom** is required on linux/amd64", "**sbom** is required on linux/arm64/v8"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if strings.Contains(got, "**vex** is required") {
		t.Errorf("vex is verified on both:\n%s", got)
	}
}
