package vex

import (
	"fmt"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
)

// AcceptRule says whether suppressing statements of one kind are accepted. A rule is
// met when all its conditions hold; an empty condition always does. Rules are asked
// in order and the first that is met decides; with none met the statement is
// accepted, so an allow-list ends in a rule without conditions that denies.
type AcceptRule struct {
	// Justifications are OpenVEX justifications, or statuses ("fixed").
	Justifications []string
	// Author and Signer are compared whole; "*" stands for any text. A document's
	// author is its own claim, its signer was verified.
	Author, Signer string
	// Text is looked for in the notes, the impact statement and the action statement,
	// in any case: "no-dsa" finds Debian's deferrals.
	Text string
	// Max is the gravest severity that is accepted. "" accepts every one. An unknown
	// severity is never shown to be below a ceiling.
	Max report.Severity
	// Deny refuses whatever the severity.
	Deny bool
}

// ParseAcceptRule reads the form used in flags and files: conditions separated by
// spaces, "justification=a,b author=… signer=… text=… max=high" or "… deny".
func ParseAcceptRule(s string) (AcceptRule, error) {
	const op, hint = "read vex-accept", `write conditions and a limit, for example "text=no-dsa max=high" or "signer=* max=critical" or "deny"`
	var r AcceptRule
	fields := strings.Fields(s)
	if len(fields) == 0 {
		return r, fault.Usagef(op, hint, "an empty rule")
	}
	for _, field := range fields {
		key, value, ok := strings.Cut(field, "=")
		if key == "deny" && !ok {
			r.Deny = true
			continue
		}
		if value == "" {
			return r, fault.Usagef(op, hint, "%q has no value", field)
		}
		switch key {
		case "justification":
			r.Justifications = strings.Split(value, ",")
		case "author":
			r.Author = value
		case "signer":
			r.Signer = value
		case "text":
			r.Text = value
		case "max":
			sev, ok := report.ParseSeverity(value)
			if !ok {
				return r, fault.Usagef(op, hint, "%q is no severity", value)
			}
			r.Max = sev
		default:
			return r, fault.Usagef(op, hint, "unknown condition %q", key)
		}
	}
	if r.Deny && r.Max != "" {
		return r, fault.Usagef(op, hint, "both max and deny")
	}
	return r, nil
}

// met reports whether every condition of the rule holds.
func (a *AcceptRule) met(c *candidate) bool {
	if len(a.Justifications) > 0 && !slices.Contains(a.Justifications, c.d.word(c.s.justification)) &&
		!slices.Contains(a.Justifications, c.status()) {
		return false
	}
	if a.Author != "" && !wildcard(a.Author, c.d.author) || a.Signer != "" && !wildcard(a.Signer, c.d.signer) {
		return false
	}
	return a.Text == "" || strings.Contains(strings.ToLower(c.d.word(c.s.notes)+"\n"+c.d.word(c.s.impact)+"\n"+c.d.word(c.s.action)), strings.ToLower(a.Text))
}

// refused says why the rules do not accept the statement, "" when they do.
func (r *run) refused(f *finding, c *candidate) string {
	for i := range r.opt.Accept {
		a := &r.opt.Accept[i]
		if !a.met(c) {
			continue
		}
		switch {
		case a.Deny:
			return fmt.Sprintf("vex-accept rule %d denies it", i+1)
		case a.Max == "":
			return ""
		case f.v.Severity.Rank() == 0 && a.Max != report.Unknown:
			return fmt.Sprintf("vex-accept rule %d accepts it up to %s, and the severity is unknown", i+1, a.Max)
		case f.v.Severity.Rank() > a.Max.Rank():
			return fmt.Sprintf("vex-accept rule %d accepts it up to %s, and the severity is %s", i+1, a.Max, f.v.Severity)
		default:
			return ""
		}
	}
	return ""
}

// wildcard compares whole texts; "*" in the pattern stands for any text. An empty
// text meets no pattern: nobody is not anybody.
func wildcard(pattern, text string) bool {
	if text == "" {
		return false
	}
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	rest, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}
