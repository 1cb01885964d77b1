package render

import (
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

// section is a part of a document that can be shortened: its rows are dropped from
// the end until it fits.
type section struct {
	head string
	rows []string
	tail string
	// most is the largest number of rows, 0 means any.
	most int
	// more says that n rows were left out, and where they are.
	more func(n int) string
}

// dropped stands for whole sections that did not fit.
const dropped = "\nThe rest is in `" + report.FileReport + "`.\n"

// fit writes sections in at most budget bytes. It is the only place that shortens a
// document. Each section keeps its head and tail; rows are given out in the order of
// the sections, so what is said first is kept longest. When even the heads and tails
// do not fit, whole sections are dropped from the end, but never the first.
func fit(budget int, sections []section) string {
	fixed, end := 0, ""
	for i, s := range sections {
		if i > 0 && fixed+s.fixed()+len(dropped) > budget {
			sections, end = sections[:i], dropped
			break
		}
		fixed += s.fixed()
	}
	fixed += len(dropped)
	left := budget - fixed
	var b strings.Builder
	for _, s := range sections {
		b.WriteString(s.head)
		n := 0
		for n < len(s.rows) && (s.most == 0 || n < s.most) && len(s.rows[n]) <= left {
			left -= len(s.rows[n])
			b.WriteString(s.rows[n])
			n++
		}
		if n < len(s.rows) {
			b.WriteString(s.more(len(s.rows) - n))
		}
		b.WriteString(s.tail)
	}
	b.WriteString(end)
	return b.String()
}

// fixed is the size of what is always written, with the longest note that could be.
func (s section) fixed() int {
	n := len(s.head) + len(s.tail)
	if len(s.rows) > 0 {
		n += len(s.more(len(s.rows)))
	}
	return n
}
