package ignore

import (
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/report"
)

func TestScan(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		blocks     [][2]int
		problem    string
		first      int
		silenced   bool
	}{
		{"above", "# imagegate: ignore HIG-D012 the mirror has one\nRUN x", [][2]int{{2, 2}}, "", 2, true},
		{"above_with_comment_and_blank_between", "# imagegate: ignore HIG-D012 why\n# more\n\nRUN x", [][2]int{{4, 4}}, "", 4, true},
		{"inside_the_block", "RUN a \\\n # imagegate: ignore HIG-D012 why\n b", [][2]int{{1, 3}}, "", 1, true},
		{"trailing", "RUN x # imagegate: ignore HIG-D012 why", [][2]int{{1, 1}}, "", 1, true},
		{"several_ids", "#imagegate:ignore HIG-D001,HIG-D012 why\nRUN x", [][2]int{{2, 2}}, "", 2, true},
		{"several_ids_with_blanks", "# imagegate: ignore HIG-D001, HIG-D012 why\nRUN x", [][2]int{{2, 2}}, "", 2, true},
		{"byte_order_mark", "\ufeff# imagegate: ignore HIG-D012 why\r\nRUN x", [][2]int{{2, 2}}, "", 2, true},
		{"no_reason", "# imagegate: ignore HIG-D012\nRUN x", [][2]int{{2, 2}}, "no reason", 2, false},
		{"no_id", "# imagegate: ignore because\nRUN x", [][2]int{{2, 2}}, "names no check", 2, false},
		{"unknown_verb", "# imagegate: disable HIG-D012 why\nRUN x", [][2]int{{2, 2}}, "no directive", 2, false},
		{"other_id", "# imagegate: ignore HIG-D013 why\nRUN x", [][2]int{{2, 2}}, "", 2, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cs := Scan(strings.Split(tt.text, "\n"), tt.blocks)
			if len(cs.List) != 1 {
				t.Fatalf("%d comments, want 1", len(cs.List))
			}
			c := cs.List[0]
			if c.First != tt.first || (c.Problem == "") != (tt.problem == "") || !strings.Contains(c.Problem, tt.problem) {
				t.Errorf("covers %d, problem %q; want %d, %q", c.First, c.Problem, tt.first, tt.problem)
			}
			rs := []report.Check{{ID: "HIG-D012", State: report.CheckFailed, Line: tt.blocks[0][0], Reason: "r"}}
			cs.Apply(rs)
			if got := rs[0].State == report.CheckNotApplicable; got != tt.silenced {
				t.Errorf("silenced %t, want %t (%s)", got, tt.silenced, rs[0].Reason)
			}
		})
	}
}

func TestPassIsNeverChanged(t *testing.T) {
	cs := Scan([]string{"# imagegate: ignore HIG-D012 why", "RUN x"}, [][2]int{{2, 2}})
	rs := []report.Check{{ID: "HIG-D012", State: report.CheckPassed, Line: 2}}
	cs.Apply(rs)
	if rs[0].State != report.CheckPassed || len(cs.Unused()) != 1 {
		t.Errorf("a pass became %s, unused %d", rs[0].State, len(cs.Unused()))
	}
}

// TestUnusedIDs: a comment that silences one of its checks still names the others.
func TestUnusedIDs(t *testing.T) {
	cs := Scan([]string{"# imagegate: ignore HIG-D012,HIG-D013 why", "RUN x"}, [][2]int{{2, 2}})
	cs.Apply([]report.Check{{ID: "HIG-D012", State: report.CheckFailed, Line: 2}})
	if got := cs.Unused(); len(got) != 1 || len(got[0].IDs) != 1 || got[0].IDs[0] != "HIG-D013" {
		t.Errorf("unused: %+v, want HIG-D013 alone", got)
	}
}

func FuzzScan(f *testing.F) {
	f.Add("# imagegate: ignore HIG-D012 why\nRUN x")
	f.Add("# imagegate:\n#imagegate:ignore ,")
	f.Fuzz(func(t *testing.T, s string) {
		lines := strings.Split(s, "\n")
		cs := Scan(lines, nil)
		for _, c := range cs.List {
			if c.Problem == "" && (c.Reason == "" || len(c.IDs) == 0) {
				t.Errorf("a comment without reason or id is in order: %+v", c)
			}
			if c.First < 1 || c.Last > len(lines) || c.First > c.Last {
				t.Errorf("covers %d..%d of %d lines", c.First, c.Last, len(lines))
			}
		}
	})
}
