// Package edit changes text by lines and shows the change as a unified diff. It is
// what remedies that can be written by a program are written with.
//
// Start reading at [Apply] and [Diff].
package edit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Edit replaces the lines First to Last (from 1, inclusive) by Lines. Last before
// First inserts in front of First.
type Edit struct {
	First, Last int
	Lines       []string
	// ID is the check that asks for it, Why what it does, for the reader.
	ID, Why string
}

// Apply makes the edits, last ones first. Edits that overlap an earlier one in the
// list are left out; dropped says how many. Every other line stays byte for byte what
// it is, and a new one ends as the line does that it replaces or follows.
func Apply(text string, edits []Edit) (out string, dropped int) {
	lines := split(text)
	var taken []Edit
	for _, e := range edits {
		if e.First < 1 || e.First > len(lines)+1 || e.Last > len(lines) || slices.ContainsFunc(taken, func(t Edit) bool {
			return e.First <= t.Last && t.First <= e.Last
		}) {
			dropped++
			continue
		}
		taken = append(taken, e)
	}
	slices.Reverse(taken) // of two inserts at one line, the first stays first
	slices.SortStableFunc(taken, func(a, b Edit) int {
		return cmp.Or(cmp.Compare(b.First, a.First), cmp.Compare(b.Last, a.Last)) // replace before an insert in front
	})
	for _, e := range taken {
		lines = slices.Replace(lines, e.First-1, max(e.Last, e.First-1), ended(lines, e)...)
	}
	return strings.Join(lines, ""), dropped
}

// ended gives the lines of an edit their ends. The last line of a text may have none: one
// that takes its place has none either, and one that is put behind it ends it first.
func ended(lines []string, e Edit) []string {
	eol := "\n"
	last := min(e.First, len(lines)) - 1 // the line in place, or the one before the end
	open := last >= 0 && !strings.HasSuffix(lines[last], "\n")
	for i := last; i >= 0; i-- {
		if strings.HasSuffix(lines[i], "\n") {
			eol = lines[i][len(strings.TrimRight(lines[i], "\r\n")):]
			break
		}
	}
	out := make([]string, len(e.Lines))
	for i, l := range e.Lines {
		out[i] = l + eol
	}
	switch {
	case open && e.Last >= e.First && len(out) > 0:
		out[len(out)-1] = strings.TrimSuffix(out[len(out)-1], eol)
	case open && e.First > len(lines):
		lines[len(lines)-1] += eol
	}
	return out
}

// context is how many unchanged lines a diff shows around a change.
const context = 3

// Diff compares two texts line by line and returns a unified diff for name, or "" when
// they are equal. It is meant for small changes: what lies between the first and the
// last difference of distant changes is found by the longest common subsequence of at
// most 2,000 lines, and beyond that shown as replaced.
func Diff(name, before, after string) string {
	if before == after {
		return ""
	}
	a, b := split(before), split(after)
	ops := compare(a, b)
	var out strings.Builder
	fmt.Fprintf(&out, "--- a/%s\n+++ b/%s\n", name, name)
	for i := 0; i < len(ops); {
		if ops[i].kind == ' ' {
			i++
			continue
		}
		start := max(i-context, 0)
		end, quiet := i, 0
		for end < len(ops) && quiet <= 2*context {
			if ops[end].kind == ' ' {
				quiet++
			} else {
				quiet = 0
			}
			end++
		}
		end -= max(quiet-context, 0)
		hunk := ops[start:end]
		na, nb := 0, 0
		for _, o := range hunk {
			if o.kind != '+' {
				na++
			}
			if o.kind != '-' {
				nb++
			}
		}
		fmt.Fprintf(&out, "@@ -%s +%s @@\n", span(hunk[0].a, na), span(hunk[0].b, nb))
		for _, o := range hunk {
			out.WriteByte(o.kind)
			out.WriteString(o.line)
			if !strings.HasSuffix(o.line, "\n") {
				out.WriteString("\n\\ No newline at end of file\n")
			}
		}
		i = end
	}
	return out.String()
}

func span(start, n int) string {
	if n == 0 {
		return fmt.Sprintf("%d,0", start)
	}
	if n == 1 {
		return fmt.Sprint(start + 1)
	}
	return fmt.Sprintf("%d,%d", start+1, n)
}

func split(s string) []string {
	var out []string
	for line := range strings.Lines(s) {
		out = append(out, line)
	}
	return out
}

// op is one line of a diff; a and b count the lines before it in either text.
type op struct {
	kind byte
	line string
	a, b int
}

func compare(a, b []string) []op {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var ops []op
	i, j := 0, 0
	add := func(kind byte, line string) {
		ops = append(ops, op{kind, line, i, j})
		if kind != '+' {
			i++
		}
		if kind != '-' {
			j++
		}
	}
	for _, l := range a[:head] {
		add(' ', l)
	}
	x, y := a[head:len(a)-tail], b[head:len(b)-tail]
	if len(x) > 2000 || len(y) > 2000 {
		for _, l := range x {
			add('-', l)
		}
		for _, l := range y {
			add('+', l)
		}
	} else {
		lcs(x, y, add)
	}
	for _, l := range a[len(a)-tail:] {
		add(' ', l)
	}
	return ops
}

// lcs walks the longest common subsequence.
func lcs(x, y []string, add func(byte, string)) {
	n := make([][]int16, len(x)+1)
	for i := range n {
		n[i] = make([]int16, len(y)+1)
	}
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if x[i] == y[j] {
				n[i][j] = n[i+1][j+1] + 1
			} else {
				n[i][j] = max(n[i+1][j], n[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(x) && j < len(y) {
		switch {
		case x[i] == y[j]:
			add(' ', x[i])
			i++
			j++
		case n[i+1][j] >= n[i][j+1]:
			add('-', x[i])
			i++
		default:
			add('+', y[j])
			j++
		}
	}
	for ; i < len(x); i++ {
		add('-', x[i])
	}
	for ; j < len(y); j++ {
		add('+', y[j])
	}
}
