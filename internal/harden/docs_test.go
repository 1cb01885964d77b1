package harden_test

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/imagegate/imagegate/internal/harden"
	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/hardentest"
	"github.com/imagegate/imagegate/internal/harden/imagecheck"
	"github.com/imagegate/imagegate/internal/harden/runcheck"
	"github.com/imagegate/imagegate/internal/harden/score"
	"github.com/imagegate/imagegate/internal/report"
)

var update = flag.Bool("update", false, "rewrite docs/checks.md")

const document = "../../docs/checks.md"

func TestDocsAreUpToDate(t *testing.T) {
	want := harden.Markdown()
	if *update {
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/checks.md (-want +got); rerun with -update:\n%s", diff)
	}
}

// TestDocsExamplesRun takes the examples out of the document and runs them, so that
// what a reader copies does what the document says.
func TestDocsExamplesRun(t *testing.T) {
	data, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	section := regexp.MustCompile(`(?m)^### (HIG-[A-Z][0-9]{3})$`)
	example := regexp.MustCompile("(?ms)^(Fails|Passes):\n\n```[a-z]+\n(.*?)\n```$")
	text := string(data)
	marks := section.FindAllStringSubmatchIndex(text, -1)
	seen := 0
	for i, m := range marks {
		end := len(text)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		id := text[m[2]:m[3]]
		found := example.FindAllStringSubmatch(text[m[0]:end], -1)
		if len(found) != 2 {
			t.Errorf("%s has %d examples, want one that fails and one that passes", id, len(found))
			continue
		}
		c, ok := harden.Find(id)
		if !ok {
			t.Errorf("the document has %s and the program has not", id)
			continue
		}
		for _, e := range found {
			seen++
			want := map[string]string{"Fails": report.CheckFailed, "Passes": report.CheckPassed}[e[1]]
			if got := runExample(t, c, e[2]+"\n"); got != want {
				t.Errorf("%s %s: %s, want %s of:\n%s", id, e[1], got, want, e[2])
			}
		}
	}
	if want := 2 * len(harden.Checks()); seen != want {
		t.Errorf("%d examples were run, want %d", seen, want)
	}
}

// runExample returns the gravest state that a check gives an example.
func runExample(t *testing.T, c *harden.Check, text string) string {
	t.Helper()
	var results []report.Check
	switch c.Kind {
	case check.Image:
		in, err := hardentest.Image(text)
		if err != nil {
			t.Fatal(err)
		}
		if results, err = imagecheck.Run(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	case check.Container:
		o, err := runcheck.ParseObservation([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		results = runcheck.Judge(o)
	default:
		m := fstest.MapFS{}
		if a := txtar.Parse([]byte(text)); len(a.Files) > 0 {
			for _, f := range a.Files {
				m[f.Name] = &fstest.MapFile{Data: f.Data}
			}
		} else {
			m[map[check.Kind]string{check.Dockerfile: "Dockerfile", check.Compose: "compose.yaml"}[c.Kind]] = &fstest.MapFile{Data: []byte(text)}
		}
		res, err := harden.Lint(t.Context(), m, nil, harden.Options{})
		if err != nil {
			t.Fatal(err)
		}
		results = res.Checks
	}
	state := ""
	for _, r := range results {
		if r.ID == c.ID && (state == "" || r.State == report.CheckFailed) {
			state = r.State
		}
	}
	return state
}

func TestAllChecksAreInOrder(t *testing.T) {
	all := harden.Checks()
	if err := check.ValidateAll(all); err != nil {
		t.Error(err)
	}
	if len(all) < 60 {
		t.Errorf("only %d checks are listed", len(all))
	}
	last := map[check.Kind]string{}
	for _, c := range all {
		if c.ID <= last[c.Kind] {
			t.Errorf("%s comes after %s", c.ID, last[c.Kind])
		}
		last[c.Kind] = c.ID
	}
}

func TestScorecardNamesChecksThatExist(t *testing.T) {
	for i, it := range score.Items() {
		if it.Number != i+1 {
			t.Errorf("item %d has number %d", i+1, it.Number)
		}
		for _, id := range it.Checks {
			if _, ok := harden.Find(id); !ok {
				t.Errorf("item %d names %s, which is no check", it.Number, id)
			}
		}
	}
	data, err := os.ReadFile("../../docs/scorecard.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range score.Items() {
		row := "| " + it.Name + " | " + it.Means + " | " + strings.Join(it.Checks, ", ") + " |"
		if !strings.Contains(string(data), row) {
			t.Errorf("docs/scorecard.md lacks the row\n%s", row)
		}
	}
}
