package check

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/words"
)

// MaxFindings is how many findings one check keeps for one subject. One more says
// how many there were: ten thousand setuid files are one fact, not ten thousand.
const MaxFindings = 25

// At says where something was seen. The zero value is the subject as a whole.
type At struct {
	// Location is a file, a key or a path; "" means the subject's own.
	Location string
	// Line counts from 1; 0 means none.
	Line int
	// Remedy is better than the check's own: the line to write. "" means the check's.
	Remedy string
}

// Pass collects what one check says of one subject.
type Pass struct {
	// Check is the description; Location the subject's name, used where an outcome
	// has none of its own.
	Check    *Check
	Location string

	found    []report.Check
	dropped  int
	conclude *report.Check
}

// Failf records a finding.
func (p *Pass) Failf(at At, format string, args ...any) {
	p.add(report.CheckFailed, at, format, args...)
}

// Undecidedf records that the check could not decide, and why. It outranks a pass.
func (p *Pass) Undecidedf(at At, format string, args ...any) {
	p.add(report.CheckUndecided, at, format, args...)
}

// Passf concludes that the wish holds. It counts only when nothing was found and
// nothing was left undecided, so a check may end with it unconditionally.
func (p *Pass) Passf(format string, args ...any) {
	p.end(report.CheckPassed, format, args...)
}

// NotApplicablef concludes that there was nothing to look at.
func (p *Pass) NotApplicablef(format string, args ...any) {
	p.end(report.CheckNotApplicable, format, args...)
}

// Failed reports whether a finding was recorded.
func (p *Pass) Failed() bool {
	for _, f := range p.found {
		if f.State == report.CheckFailed {
			return true
		}
	}
	return false
}

func (p *Pass) add(state string, at At, format string, args ...any) {
	if len(p.found) >= MaxFindings {
		p.dropped++
		return
	}
	p.found = append(p.found, p.outcome(state, at, fmt.Sprintf(format, args...)))
}

func (p *Pass) end(state, format string, args ...any) {
	if p.conclude == nil {
		o := p.outcome(state, At{}, fmt.Sprintf(format, args...))
		p.conclude = &o
	}
}

func (p *Pass) outcome(state string, at At, reason string) report.Check {
	o := report.Check{
		ID: p.Check.ID, Title: p.Check.Title, Severity: p.Check.Effective(), State: state,
		Reason: reason, Location: at.Location, Line: at.Line, References: p.Check.References.List(),
	}
	if o.Location == "" {
		o.Location = p.Location
	}
	if state == report.CheckFailed || state == report.CheckUndecided {
		o.Remedy = at.Remedy
		if o.Remedy == "" {
			o.Remedy = p.Check.Remedy
		}
	}
	return o
}

// Results returns what was said: every finding, or the conclusion, or, when the
// check said nothing at all, that it is undecided. It is never empty.
func (p *Pass) Results() []report.Check {
	switch {
	case len(p.found) > 0:
		out := p.found
		if p.dropped > 0 {
			out = append(out[:len(out):len(out)], p.outcome(report.CheckFailed, At{}, fmt.Sprintf("%d more like these", p.dropped)))
		}
		return out
	case p.conclude != nil:
		return []report.Check{*p.conclude}
	default:
		return []report.Check{p.outcome(report.CheckUndecided, At{}, "the check came to no conclusion")}
	}
}

// maxQuote is how many bytes of foreign text a reason repeats.
const maxQuote = 160

// Quote quotes foreign text for a reason: cut to a bounded length, control
// characters escaped.
func Quote(s string) string { return strconv.Quote(Cut(s)) }

// Cut shortens foreign text to a bounded length, at a rune's edge.
func Cut(s string) string {
	if len(s) <= maxQuote {
		return s
	}
	end := maxQuote
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// List joins at most n names for a reason and says how many are left out.
func List(names []string, n int) string { return words.List(names, n) }
