package vex

import (
	"cmp"
	"slices"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// Decide gives each finding its decision. The findings are copied, not changed.
//
// For each finding, every statement about the same vulnerability is heard whose
// document has authority over the image and whose product is the installed package.
// The highest authority decides; within it the newest statement; among equally new
// ones the least permissive, so that a contradiction never suppresses. What is attached
// to the image clears nothing that the vendor's feed has taken back since. Statements
// that came close are told with what they lacked.
//
// The error is a *[fault.Error] for options that do not exist. Documents cannot fail
// here: they were read when they were made.
func Decide(findings []report.Vulnerability, docs []Document, image Image, opt Options) (Result, error) {
	if err := opt.Validate(); err != nil {
		return Result{}, err
	}
	out := Result{Vulnerabilities: slices.Clone(findings)}
	if out.Vulnerabilities == nil {
		out.Vulnerabilities = []report.Vulnerability{}
	}
	r, prepared := newRun(findings, docs, &image, &opt)
	for i := range prepared {
		d, had := r.decide(&prepared[i])
		out.Vulnerabilities[i].Decision = d
		r.record(&prepared[i], &d, had)
	}
	out.Documents, out.Hygiene = r.rows(docs), r.hygiene
	out.Observations = r.observations()
	return out, nil
}

// newRun prepares findings, documents and the image for one decision.
func newRun(findings []report.Vulnerability, docs []Document, image *Image, opt *Options) (*run, []finding) {
	prepared := make([]finding, len(findings))
	for i := range findings {
		prepared[i] = prepare(&findings[i], image)
	}
	read := ordered(docs)
	names := nameImage(image)
	r := &run{
		matcher: matcher{index: newIndex(read, prepared), image: image, names: names,
			opt: opt, scopes: map[scopeKey]scope{}, held: map[heldKey]held{}, stands: standings(read, names)},
		seen: make([]tally, len(read)),
	}
	r.supersede()
	r.fill()
	return r, prepared
}

// ordered puts the documents into an order of their own, so that the caller's does
// not matter.
func ordered(docs []Document) []*document {
	out := make([]*document, 0, len(docs))
	for _, d := range docs {
		if d.d != nil {
			out = append(out, d.d)
		}
	}
	slices.SortStableFunc(out, func(a, b *document) int {
		return cmp.Or(-cmp.Compare(a.authority, b.authority), cmp.Compare(a.digest, b.digest), cmp.Compare(a.source, b.source))
	})
	return out
}

// run is one decision over all findings.
type run struct {
	matcher
	seen    []tally // by document
	hygiene report.VEXHygiene
	saw     []report.Observation
}

// candidate is a line that applies to a finding, or came near.
type candidate struct {
	entry
	verdict
	s  *statement
	d  *document
	at time.Time
}

// decide decides one finding: each CVE that it stands for has to be cleared.
func (r *run) decide(f *finding) (first report.Decision, had doubts) {
	for i, face := range f.faces() {
		d, had := r.decideFace(f, face)
		if d.Status == report.Open {
			return d, had
		}
		switch {
		case i == 0:
			first = d
		case first.Objection == nil && d.Objection != nil:
			first.Objection, first.Reason = d.Objection, first.Reason+" "+d.Reason
		}
	}
	return first, had
}

func (r *run) decideFace(f *finding, ids []string) (report.Decision, doubts) {
	w := r.weigh(f, ids)
	top, near := w.top, w.near
	if near != nil {
		r.say = true
		near.verdict = r.judge(f, near.entry)
		r.say = false
	}
	if top == nil {
		r.incomplete(f)
		return r.undecided(f, ids, near), doubts{}
	}
	if r.opt.policy() == PolicyOff {
		return r.switchedOff(f, top), doubts{}
	}
	if o := w.fed; o.recalls(top) {
		r.recalled(f, top, o)
		top = o
	}
	had := doubts{contradicted: contradicted(top, w.cleared)}
	r.conflicts(f, top, w.cleared, w.kept)
	r.seen[top.doc].used.set(top.pos)
	if !top.s.suppresses() {
		return r.kept(f, top, w.cleared, near), had
	}
	if r.vendorJudged(f) {
		had.contradicted = true
		return r.integrity(f, top), had
	}
	if why := r.refused(f, top); why != "" {
		had.refused = true
		return report.Decision{Status: report.Open, Reason: "A statement clears it but is not accepted: " + why + ".",
			NearMiss: &report.NearMiss{Statement: r.statement(f, top), Reason: why}}, had
	}
	d := r.cleared(f, top)
	if o := w.stranger; o != nil && o.newer(top) {
		r.object(f, &d, top, o)
	}
	return d, had
}

// weighed are the statements about a finding that matter. Each is nil when there is none.
type weighed struct {
	top      *candidate // prevails
	cleared  *candidate // the best one that would clear the finding
	kept     *candidate // the best one that would not
	fed      *candidate // the newest one in the vendor's feed
	stranger *candidate // the newest one that would not and that nobody vouches for
	near     *candidate // the nearest miss
}

func (r *run) weigh(f *finding, ids []string) (w weighed) {
	better := func(slot **candidate, c *candidate, before func(a, b *candidate) bool) {
		if *slot == nil || before(c, *slot) {
			kept := *c
			*slot = &kept
		}
	}
	missed := func(c candidate) {
		if c.distance != applies {
			better(&w.near, &c, nearer)
		}
	}
	r.each(f, ids, func(c candidate) {
		if c.objects() {
			better(&w.stranger, &c, prevails)
		}
		if c.distance != applies {
			missed(c)
			return
		}
		r.seen[c.doc].applicable.set(c.pos)
		better(&w.top, &c, prevails)
		if c.s.suppresses() {
			better(&w.cleared, &c, prevails)
		} else {
			better(&w.kept, &c, prevails)
		}
		if c.auth == feed {
			better(&w.fed, &c, prevails)
		}
	})
	if w.top == nil || !w.top.s.suppresses() {
		r.eachNear(f, ids, missed)
	}
	return w
}

// each calls fn for every line about one of the ids that names the finding's package
// or the image, in a deterministic order.
func (r *run) each(f *finding, ids []string, fn func(candidate)) {
	for _, id := range ids {
		t := r.topics[id]
		if t == nil {
			continue
		}
		for i, key := range f.keys {
			if b := t.byName[key]; b != nil {
				r.judgeAll(f, b.exact[f.id.names[i].version], fn)
				r.judgeAll(f, b.loose, fn)
			}
		}
		r.judgeAll(f, t.whole, fn)
	}
}

// eachNear calls fn for the lines that cannot apply: about another version or another
// package. They are wanted only for findings that stay open.
func (r *run) eachNear(f *finding, ids []string, fn func(candidate)) {
	for _, id := range ids {
		t := r.topics[id]
		if t == nil {
			continue
		}
		for _, key := range f.keys {
			if b := t.byName[key]; b != nil {
				r.judgeAll(f, b.near, fn)
			}
		}
		r.judgeAll(f, t.other, fn)
	}
}

func (r *run) judgeAll(f *finding, entries []entry, fn func(candidate)) {
	for _, e := range entries {
		d := r.docs[e.doc]
		s := &d.statements[e.pos]
		fn(candidate{entry: e, verdict: r.judge(f, e), s: s, d: d, at: d.dated(s, r.opt)})
	}
}
