package vex

import (
	"fmt"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// The decisions in words. Text of documents is quoted short and as it is: renderers
// neutralise it for their format.

// cleared is the decision of a finding that is suppressed.
func (r *run) cleared(f *finding, c *candidate) report.Decision {
	st := r.statement(f, c)
	reason := c.status()
	if c.s.justification != 0 {
		reason += " (" + c.d.word(c.s.justification) + ")"
	}
	reason += r.stated(c)
	if said := firstOf(c.d.word(c.s.impact), c.d.word(c.s.notes)); said != "" {
		reason += ": " + quote(said)
	}
	if c.broad {
		reason += "; the product has no version, so this is over-broad"
		if !UnversionedStrict.wideEnough(&c.verdict, c.d, c.s) {
			reason += " and accepted only because vex-unversioned is " + string(r.opt.unversioned())
		}
	}
	return report.Decision{Status: report.Suppressed, Reason: reason + ".", Source: c.d.source, Statement: &st}
}

// kept is the decision of a finding whose newest statement does not clear it.
func (r *run) kept(f *finding, top, cleared, near *candidate) report.Decision {
	st := r.statement(f, top)
	d := report.Decision{Status: report.Open, Source: top.d.source, Statement: &st}
	switch top.s.kind {
	case affected:
		d.Reason = "affected" + r.stated(top)
		if said := firstOf(top.d.word(top.s.action), top.d.word(top.s.notes)); said != "" {
			d.Reason += ": " + quote(said)
		}
	case underInvestigation:
		d.Reason = "under_investigation" + r.since(top)
		if top.s.notes != 0 {
			d.Reason += ": " + quote(top.d.word(top.s.notes))
		}
	default:
		d.Reason = "a statement" + r.stated(top) + " is not understood: " + top.d.word(top.s.invalid)
	}
	d.Reason += "."
	switch {
	case cleared != nil:
		d.NearMiss = &report.NearMiss{Statement: r.statement(f, cleared), Reason: overtaken(cleared, top)}
		d.Reason += " " + sentence(d.NearMiss.Reason)
	case near != nil && near.s.suppresses() && near.distance < otherPackage:
		d.NearMiss = &report.NearMiss{Statement: r.statement(f, near), Reason: near.why}
	}
	return d
}

// overtaken says why a statement that would clear a finding lost to another.
func overtaken(lost, top *candidate) string {
	status := top.status()
	switch {
	case top.auth > lost.auth:
		return fmt.Sprintf("%s is outranked by %s, which says %s", lost.d.source, top.d.source, clip(status))
	case top.at.IsZero() || lost.at.IsZero():
		return fmt.Sprintf("contradicted by %s, and which is newer cannot be told", clip(status))
	case top.at.Equal(lost.at):
		return fmt.Sprintf("contradicted on the same date by %s", clip(status))
	default:
		return fmt.Sprintf("superseded on %s by %s", day(top.at), clip(status))
	}
}

// undecided is the decision of a finding that no statement is about.
func (r *run) undecided(f *finding, ids []string, near *candidate) report.Decision {
	d := report.Decision{Status: report.Open}
	switch {
	case r.opt.policy() == PolicyOff:
		d.Reason = "VEX is switched off (vex-policy off)."
	case len(r.docs) == 0:
		d.Reason = "No VEX document was read."
	case near == nil:
		d.Reason = fmt.Sprintf("No statement about %s in %s.", clip(f.named(ids)), counted(len(r.docs), "document"))
	case near.distance == otherPackage:
		d.Reason = fmt.Sprintf("No statement about %s in %s: %s.", clip(f.named(ids)), clip(f.v.Package.Name), near.why)
	default:
		d.Reason = "No statement applies; nearest miss: " + near.why + "."
	}
	if near != nil {
		d.NearMiss = &report.NearMiss{Statement: r.statement(f, near), Reason: near.why}
	}
	return d
}

func (r *run) switchedOff(f *finding, top *candidate) report.Decision {
	return report.Decision{Status: report.Open, Reason: "VEX is switched off (vex-policy off).",
		NearMiss: &report.NearMiss{Statement: r.statement(f, top), Reason: "vex-policy is off"}}
}

// named is the id to use in a sentence: for one CVE of several, that CVE.
func (f *finding) named(ids []string) string {
	for _, id := range ids {
		if len(ids) < len(f.ids) && isCVE(id) && id != f.ids[0] {
			return f.v.ID + " (" + id + ")"
		}
	}
	return f.v.ID
}

func (r *run) stated(c *candidate) string {
	var b strings.Builder
	if c.d.author != "" {
		b.WriteString(", says " + clip(c.d.author))
	}
	switch issued := c.d.issued(c.s); {
	case !c.at.IsZero():
		b.WriteString(" on " + day(c.at))
	case !issued.IsZero():
		b.WriteString(", dated " + day(issued) + ", which is in the future and counts as no date")
	}
	if c.d.signer != "" {
		b.WriteString(", signed by " + clip(c.d.signer))
	}
	return b.String()
}

// since tells the clock of an investigation.
func (r *run) since(c *candidate) string {
	if c.at.IsZero() {
		return ", nothing tells since when"
	}
	s := " since " + day(c.at)
	if !r.opt.Now.IsZero() && r.opt.Now.After(c.at) {
		s += fmt.Sprintf(" (%s)", counted(int(r.opt.Now.Sub(c.at)/(24*time.Hour)), "day"))
	}
	return s
}

// statement is the report's form of a line, with how it was met.
func (r *run) statement(f *finding, c *candidate) report.Statement {
	d, s := c.d, c.s
	st := report.Statement{
		ID: d.word(s.id), Status: c.status(), Justification: d.word(s.justification),
		ImpactStatement: d.word(s.impact), ActionStatement: d.word(s.action), StatusNotes: d.word(s.notes),
		Vulnerability: d.word(s.vulnerability), Product: c.product(), OverBroad: c.broad,
		Document: d.digest, DocumentID: d.id, Author: d.author, Signer: d.signer, Trust: d.trust(),
	}
	st.Timestamp = told(c.at)
	if c.distance == applies || c.distance < otherPart {
		st.Matched = r.describe(f, c.entry, &c.verdict)
		if said := strings.ToUpper(st.Vulnerability); said != strings.ToUpper(f.v.ID) {
			st.Matched = fmt.Sprintf("%s is %s; %s", clip(st.Vulnerability), clip(f.v.ID), st.Matched)
		}
	}
	return st
}

// product is the product line as written; a subcomponent is shown in its product.
func (c *candidate) product() string {
	p := c.d.product(c.s, c.entry.product)
	whole := "(unnamed product)"
	if p.called.n > 0 {
		whole = c.d.first(p.called)
	} else if p.hashes.n > 0 {
		whole = "sha256:" + strings.TrimPrefix(c.d.first(p.hashes), "sha256:")
	}
	line := whole
	r := &c.d.rares[p.rare]
	switch {
	case c.line == wholeImage:
	case c.imageLine:
		for _, level := range r.via {
			line += " > " + c.d.first(level)
		}
		line += " > " + c.d.word(c.text)
	default:
		line = c.d.word(c.text)
	}
	for _, set := range r.only {
		line += " in " + set.text
	}
	return line
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// quote shortens the words of a document for the end of a sentence.
func quote(s string) string {
	const limit = 300
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + " …"
	}
	return strings.TrimRight(strings.Join(strings.Fields(s), " "), ". ")
}

// sentence makes a clause a sentence.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
