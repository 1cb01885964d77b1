package edit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestApply(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
		edits            []Edit
		dropped          int
	}{
		{"replace", "a\nb\nc\n", "a\nB\nc\n", []Edit{{First: 2, Last: 2, Lines: []string{"B"}}}, 0},
		{"insert", "a\nb\n", "a\nx\nb\n", []Edit{{First: 2, Last: 1, Lines: []string{"x"}}}, 0},
		{"append_without_newline", "a", "a\nx\n", []Edit{{First: 2, Last: 1, Lines: []string{"x"}}}, 0},
		{"two_in_any_order", "a\nb\nc\n", "A\nb\nC\n", []Edit{{First: 1, Last: 1, Lines: []string{"A"}}, {First: 3, Last: 3, Lines: []string{"C"}}}, 0},
		{"overlap_is_dropped", "a\nb\n", "A\n", []Edit{{First: 1, Last: 2, Lines: []string{"A"}}, {First: 2, Last: 2, Lines: []string{"B"}}}, 1},
		{"outside_is_dropped", "a\n", "a\n", []Edit{{First: 9, Last: 9, Lines: []string{"A"}}}, 1},
		{"line_ends_stay_mixed", "a\r\nb\nc\r\n", "a\r\nb\nC\r\n", []Edit{{First: 3, Last: 3, Lines: []string{"C"}}}, 0},
		{"insert_follows_its_place", "a\nb\r\n", "a\nx\r\nb\r\n", []Edit{{First: 2, Last: 1, Lines: []string{"x"}}}, 0},
		{"far_end_stays_without_newline", "a\nb", "A\nb", []Edit{{First: 1, Last: 1, Lines: []string{"A"}}}, 0},
		{"last_line_stays_without_newline", "a\nb", "a\nx\nB", []Edit{{First: 2, Last: 2, Lines: []string{"x", "B"}}}, 0},
		{"insert_before_a_last_line_without_newline", "a\nb", "a\nx\nb", []Edit{{First: 2, Last: 1, Lines: []string{"x"}}}, 0},
		{"append_crlf_without_newline", "a\r\nb", "a\r\nb\r\nx\r\n", []Edit{{First: 3, Last: 2, Lines: []string{"x"}}}, 0},
		{"lone_carriage_returns_stay", "a\rb\nc\n", "a\rb\nC\n", []Edit{{First: 2, Last: 2, Lines: []string{"C"}}}, 0},
		{"crlf", "a\r\nb\r\n", "a\r\nB\r\n", []Edit{{First: 2, Last: 2, Lines: []string{"B"}}}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, dropped := Apply(tt.text, tt.edits)
			if got != tt.want || dropped != tt.dropped {
				t.Errorf("Apply = %q, %d dropped; want %q, %d", got, dropped, tt.want, tt.dropped)
			}
		})
	}
}

func TestDiff(t *testing.T) {
	before := "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n"
	after := "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n"
	want := "--- a/f\n+++ b/f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n@@ -12,3 +12,4 @@\n 12\n 13\n 14\n+15\n"
	if diff := cmp.Diff(want, Diff("f", before, after)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if Diff("f", before, before) != "" {
		t.Error("equal texts differ")
	}
}

// FuzzDiff lets patch(1), where there is one, make the second text of the first.
func FuzzDiff(f *testing.F) {
	f.Add("a\nb\nc\n", "a\nc\n")
	f.Add("a", "a\n")
	f.Add("", "x\ny")
	f.Add(strings.Repeat("l\n", 30), strings.Repeat("l\n", 12)+"m\n"+strings.Repeat("l\n", 18))
	patch, err := exec.LookPath("patch")
	f.Fuzz(func(t *testing.T, before, after string) {
		d := Diff("f", before, after)
		if (d == "") != (before == after) {
			t.Fatalf("Diff = %q for %q and %q", d, before, after)
		}
		if d == "" || err != nil || before == "" || strings.ContainsAny(before+after, "\x00\r") {
			return
		}
		dir := t.TempDir()
		name := filepath.Join(dir, "f")
		if err := os.WriteFile(name, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(patch, "-p1", "-s", "--binary", "-E", "f")
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(d)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("patch: %v\n%s\n%s", err, out, d)
		}
		got, _ := os.ReadFile(name)
		if string(got) != after {
			t.Errorf("patch made %q, want %q of\n%s", got, after, d)
		}
	})
}
