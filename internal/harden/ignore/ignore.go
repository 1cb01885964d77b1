// Package ignore reads the comments that silence a finding where it stands:
//
//	# imagegate: ignore HIG-D012 the mirror keeps only one version
//
// The comment stands on a line of its own above the instruction or key that it
// speaks of, or on one of its lines. The reason is not optional: a comment without
// one silences nothing and is itself reported.
//
// Start reading at [Scan].
package ignore

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

// MaxComments bounds the comments of one file.
const MaxComments = 1000

// Comment is one directive.
type Comment struct {
	IDs    []string
	Reason string
	// Line is where it stands; First and Last are the lines that it covers.
	Line, First, Last int
	// Problem says why it silences nothing; "" when it is in order.
	Problem string
	used    map[string]bool // the ids that silenced something
}

// Comments are the directives of one file.
type Comments struct{ List []*Comment }

var (
	directive = regexp.MustCompile(`(^|\s)#+\s*imagegate\s*:\s*(\S*)\s*(.*)$`)
	anID      = regexp.MustCompile(`^HIG-[A-Z][0-9]{3}$`)
)

// Scan finds the directives in lines. Blocks are the line ranges (from 1, inclusive,
// in order) that one comment covers as a whole.
func Scan(lines []string, blocks [][2]int) *Comments {
	cs := &Comments{}
	for i, line := range lines {
		if !strings.Contains(line, "imagegate") {
			continue
		}
		if i == 0 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		m := directive.FindStringSubmatch(strings.TrimRight(line, "\r \t\\"))
		if m == nil {
			continue
		}
		if len(cs.List) >= MaxComments {
			break
		}
		c := parse(m[2], m[3])
		c.Line = i + 1
		c.First, c.Last = cover(i+1, strings.HasPrefix(strings.TrimSpace(line), "#"), lines, blocks)
		cs.List = append(cs.List, c)
	}
	return cs
}

// cover finds the block that a comment on line n belongs to.
func cover(n int, alone bool, lines []string, blocks [][2]int) (first, last int) {
	for _, b := range blocks {
		if n >= b[0] && n <= b[1] {
			return b[0], b[1]
		}
	}
	if !alone {
		return n, n
	}
	next := n
	for next < len(lines) { // the next line that is neither blank nor a comment
		next++
		if t := strings.TrimSpace(lines[next-1]); t != "" && !strings.HasPrefix(t, "#") {
			break
		}
	}
	for _, b := range blocks {
		if next >= b[0] && next <= b[1] {
			return b[0], b[1]
		}
	}
	return next, next
}

func parse(verb, rest string) *Comment {
	c := &Comment{}
	if verb != "ignore" {
		c.Problem = fmt.Sprintf("%q is no directive; the only one is ignore", verb)
		return c
	}
	words := strings.Fields(rest)
	for len(words) > 0 {
		ids := strings.Split(strings.Trim(words[0], ","), ",")
		if slices.ContainsFunc(ids, func(s string) bool { return !anID.MatchString(s) }) {
			break
		}
		c.IDs = append(c.IDs, ids...)
		words = words[1:]
	}
	c.Reason = strings.Join(words, " ")
	switch {
	case len(c.IDs) == 0:
		c.Problem = "it names no check, as in: ignore HIG-D012 the reason"
	case c.Reason == "":
		c.Problem = "it gives no reason, so it silences nothing"
	}
	return c
}

// Apply silences the failed and undecided results that a comment covers: they become
// not applicable, and the reason says who silenced them and why.
func (cs *Comments) Apply(results []report.Check) {
	if cs == nil {
		return
	}
	for i := range results {
		r := &results[i]
		if r.State != report.CheckFailed && r.State != report.CheckUndecided {
			continue
		}
		for _, c := range cs.List {
			if c.Problem == "" && slices.Contains(c.IDs, r.ID) && r.Line >= c.First && r.Line <= c.Last {
				r.State = report.CheckNotApplicable
				r.Reason = fmt.Sprintf("silenced on line %d: %s (it said: %s)", c.Line, c.Reason, r.Reason)
				r.Remedy = ""
				if c.used == nil {
					c.used = map[string]bool{}
				}
				c.used[r.ID] = true
			}
		}
	}
}

// Unused are the comments in order that silenced nothing, each with the ids that did
// not.
func (cs *Comments) Unused() []Comment {
	var out []Comment
	for _, c := range cs.List {
		left := *c
		left.IDs = slices.DeleteFunc(slices.Clone(c.IDs), func(id string) bool { return c.used[id] })
		if c.Problem == "" && len(left.IDs) > 0 {
			out = append(out, left)
		}
	}
	return out
}
