// Package score counts outcomes of checks in the two forms that people know: a
// scorecard of twelve, and so-many-of-so-many with a table for each control of the
// CIS Docker Benchmark, NIST SP 800-190 and OWASP. It is pure arithmetic over
// [report.Check] values; docs/scorecard.md defines the twelve.
//
// Nothing counts as passed but a pass: what could not be decided is counted apart.
//
// Start reading at [Twelve] and [Comply].
package score

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

// Item is one of the twelve.
type Item struct {
	// Number is 1 to 12 and never changes its meaning.
	Number int
	Name   string
	// Means says when the item holds.
	Means string
	// Checks are the ids that decide it. All that were run have to pass; one at least
	// has to be there.
	Checks []string
}

// Items are the twelve, in order.
func Items() []Item {
	return []Item{
		{1, "non-root", "The default user is a number other than 0.", []string{"HIG-I001", "HIG-D005", "HIG-C007", "HIG-R003"}},
		{2, "read-only ready", "The program works on a read-only root: its user cannot change programs, and what runs it says read_only.", []string{"HIG-I028", "HIG-C005", "HIG-R002"}},
		{3, "no shell", "Nothing in the image takes commands.", []string{"HIG-I003"}},
		{4, "no package manager", "Nothing in the image installs packages.", []string{"HIG-I004"}},
		{5, "digest pin", "Every base and image is named by digest.", []string{"HIG-I021", "HIG-D002", "HIG-C018"}},
		{6, "multi-stage", "Compilers and build tools stay in a build stage.", []string{"HIG-D007", "HIG-I011"}},
		{7, "minimal", "No caches, no login server, within the budget of size and layers.", []string{"HIG-I010", "HIG-I020", "HIG-I026", "HIG-D013", "HIG-D024"}},
		{8, "health", "A health check is there and can run.", []string{"HIG-I015", "HIG-D017", "HIG-C016"}},
		{9, "signals", "PID 1 gets SIGTERM and stops in order.", []string{"HIG-I013", "HIG-I014", "HIG-D008", "HIG-D009", "HIG-D018", "HIG-C026", "HIG-R006"}},
		{10, "no secrets", "No secret is in environment, labels, history, files, arguments.", []string{"HIG-I007", "HIG-I008", "HIG-I009", "HIG-D014", "HIG-D015", "HIG-C020"}},
		{11, "provenance", "The image says which source and revision it was built from.", []string{"HIG-I027", "HIG-D021"}},
		{12, "hardened base", "The final stage starts from a hardened or empty base, not from a variant for building.", []string{"HIG-D004", "HIG-I022", "HIG-I023"}},
	}
}

// Outcome is an item with what the checks said of it.
type Outcome struct {
	Item
	// State is passed, failed, undecided or not-applicable (none of its checks ran).
	State string
	// By are the ids that decided a state other than passed, sorted.
	By []string
}

// Card is a scorecard.
type Card struct {
	Outcomes []Outcome
	// Passed counts items; Total is always 12.
	Passed, Total int
}

// String is the score as people write it: "11/12".
func (c Card) String() string { return fmt.Sprintf("%d/%d", c.Passed, c.Total) }

// Twelve fills the scorecard. An item passes when one of its checks passed and none
// failed or was left undecided.
func Twelve(checks []report.Check) Card {
	states := byID(checks)
	c := Card{Total: 12}
	for _, it := range Items() {
		o := Outcome{Item: it, State: report.CheckNotApplicable}
		for _, id := range it.Checks {
			if s, ok := states[id]; ok {
				o.State = worse(o.State, s)
			}
		}
		for _, id := range it.Checks {
			if s, ok := states[id]; ok && s == o.State && o.State != report.CheckPassed {
				o.By = append(o.By, id)
			}
		}
		slices.Sort(o.By)
		if o.State == report.CheckPassed {
			c.Passed++
		}
		c.Outcomes = append(c.Outcomes, o)
	}
	return c
}

// rank orders states: a failure outranks doubt, doubt outranks a pass, and anything
// outranks that there was nothing to look at.
func rank(state string) int {
	switch state {
	case report.CheckFailed:
		return 3
	case report.CheckUndecided:
		return 2
	case report.CheckPassed:
		return 1
	default:
		return 0
	}
}

func worse(a, b string) string {
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// byID is the gravest state of each check over everything that was looked at.
func byID(checks []report.Check) map[string]string {
	out := map[string]string{}
	for _, c := range checks {
		if s, ok := out[c.ID]; ok {
			out[c.ID] = worse(s, c.State)
		} else {
			out[c.ID] = c.State
		}
	}
	return out
}

// Counts are numbers of checks by state.
type Counts struct{ Passed, Failed, Undecided, NotApplicable int }

func (c *Counts) add(state string) {
	switch state {
	case report.CheckPassed:
		c.Passed++
	case report.CheckFailed:
		c.Failed++
	case report.CheckUndecided:
		c.Undecided++
	default:
		c.NotApplicable++
	}
}

// Applicable is how many had something to look at.
func (c Counts) Applicable() int { return c.Passed + c.Failed + c.Undecided }

// Control is one recommendation of a document.
type Control struct {
	// Document is "CIS Docker", "NIST SP 800-190" or "OWASP Docker"; ID its number.
	Document, ID string
	Counts
	// Failing are the ids of the checks that failed, sorted.
	Failing []string
}

// Compliance is so-many-of-so-many with the controls behind it.
type Compliance struct {
	Counts
	Controls []Control
}

// String is the compliance as people write it: "28/30" of the checks that had
// something to look at.
func (c Compliance) String() string { return fmt.Sprintf("%d/%d", c.Passed, c.Applicable()) }

// Comply counts each check once, by its gravest state over everything that was looked
// at, and sorts it under each control that it names.
func Comply(checks []report.Check) Compliance {
	var out Compliance
	states := byID(checks)
	references := map[string][]string{}
	var ids []string
	for _, c := range checks {
		if _, ok := references[c.ID]; !ok {
			references[c.ID] = c.References
			ids = append(ids, c.ID)
		}
	}
	slices.Sort(ids)
	controls := map[string]*Control{}
	for _, id := range ids {
		out.add(states[id])
		for _, ref := range references[id] {
			doc, number, ok := control(ref)
			if !ok {
				continue
			}
			c := controls[ref]
			if c == nil {
				c = &Control{Document: doc, ID: number}
				controls[ref] = c
			}
			c.add(states[id])
			if states[id] == report.CheckFailed {
				c.Failing = append(c.Failing, id)
			}
		}
	}
	for _, c := range controls {
		out.Controls = append(out.Controls, *c)
	}
	slices.SortFunc(out.Controls, func(a, b Control) int {
		return cmp.Or(cmp.Compare(a.Document, b.Document), compareNumbers(a.ID, b.ID))
	})
	return out
}

// control splits a reference of [report.Check] into document and number.
func control(ref string) (document, number string, ok bool) {
	for _, doc := range []string{"CIS Docker", "NIST SP 800-190"} {
		if n, found := strings.CutPrefix(ref, doc+" "); found {
			return doc, n, true
		}
	}
	if n, found := strings.CutPrefix(ref, "OWASP Docker Rule #"); found {
		return "OWASP Docker", n, true
	}
	return "", "", false
}

// compareNumbers orders "4.10" after "4.9".
func compareNumbers(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		if c := cmp.Or(cmp.Compare(len(x[i]), len(y[i])), cmp.Compare(x[i], y[i])); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(x), len(y))
}
