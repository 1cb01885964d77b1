package report

import (
	"cmp"
	"slices"
	"strings"
)

// The sources of reports that judge no image: files of a checkout, or one container.
const (
	SourceFiles     = "files"
	SourceContainer = "container"
)

// Score is the scorecard of twelve over all checks of the report: of the image, and of
// the files and the container when they were looked at too. docs/scorecard.md defines
// the items.
type Score struct {
	// Card is the score as people write it, such as "11/12".
	Card   string      `json:"card"`
	Passed int         `json:"passed"`
	Total  int         `json:"total"`
	Items  []ScoreItem `json:"items"`
}

// ScoreItem is one of the twelve.
type ScoreItem struct {
	// Number never changes its meaning.
	Number int    `json:"number"`
	Name   string `json:"name"`
	// State is that of a [Check]; not-applicable means that none of its checks had
	// something to look at.
	State string `json:"state"`
	// By are the ids of the checks that decided a state other than passed.
	By []string `json:"by"`
}

// Compliance counts each check once, by its gravest state over everything that was
// looked at, and sorts it under the recommendations that it names.
type Compliance struct {
	Passed        int       `json:"passed"`
	Failed        int       `json:"failed"`
	Undecided     int       `json:"undecided"`
	NotApplicable int       `json:"notApplicable"`
	Controls      []Control `json:"controls"`
}

// Applicable is the number of checks that had something to look at.
func (c Compliance) Applicable() int { return c.Passed + c.Failed + c.Undecided }

// Control is one recommendation of a document.
type Control struct {
	// Document is "CIS Docker", "NIST SP 800-190" or "OWASP Docker".
	Document      string `json:"document"`
	ID            string `json:"id"`
	Passed        int    `json:"passed"`
	Failed        int    `json:"failed"`
	Undecided     int    `json:"undecided"`
	NotApplicable int    `json:"notApplicable"`
	// Failing are the ids of the checks that failed.
	Failing []string `json:"failing"`
}

func (s *Score) canonical() *Score {
	if s == nil {
		return nil
	}
	c := *s
	c.Items = append([]ScoreItem{}, s.Items...)
	for i := range c.Items {
		c.Items[i].By = sorted(c.Items[i].By, strings.Compare)
	}
	c.Items = sorted(c.Items, func(a, b ScoreItem) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Name, b.Name))
	})
	return &c
}

func (c *Compliance) canonical() *Compliance {
	if c == nil {
		return nil
	}
	out := *c
	out.Controls = append([]Control{}, c.Controls...)
	for i := range out.Controls {
		out.Controls[i].Failing = sorted(out.Controls[i].Failing, strings.Compare)
	}
	out.Controls = sorted(out.Controls, func(a, b Control) int {
		return cmp.Or(cmp.Compare(a.Document, b.Document), compareNumbers(a.ID, b.ID))
	})
	return &out
}

// compareNumbers orders "4.10" after "4.9".
func compareNumbers(a, b string) int {
	return cmp.Or(slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(x, y string) int {
		return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
	}), cmp.Compare(a, b))
}

// sharedChecks replaces outcomes that all n platforms have, but for the platform, with
// one that names none: what a file of the checkout says, it says once.
func sharedChecks(rows []Check, n int) []Check {
	if n < 2 {
		return rows
	}
	key := func(c Check) string { c.Platform = ""; return string(asJSON(c)) }
	on := map[string]map[string]bool{}
	for _, row := range rows {
		k := key(row)
		if on[k] == nil {
			on[k] = map[string]bool{}
		}
		on[k][row.Platform] = true
	}
	var out []Check
	told := map[string]bool{}
	for _, row := range rows {
		switch k := key(row); {
		case len(on[k]) < n:
			out = append(out, row)
		case !told[k]:
			told[k] = true
			row.Platform = ""
			out = append(out, row)
		}
	}
	return out
}
