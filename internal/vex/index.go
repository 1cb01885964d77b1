package vex

import (
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

// finding is a finding prepared for looking up.
type finding struct {
	v   *report.Vulnerability
	id  identity
	ids []string // upper case: its id, then its aliases
	// keys are the numbers of id.names in the index.
	keys []uint32
}

// faces splits a finding that is several CVEs in one (a GHSA or vendor advisory) into
// one list of names for each: clearing one of them does not clear the others. A
// statement that names the finding's own id, or any alias that is no CVE, is heard
// for all.
func (f *finding) faces() [][]string {
	var cves int
	for _, id := range f.ids {
		if isCVE(id) {
			cves++
		}
	}
	if cves <= 1 {
		return [][]string{f.ids}
	}
	out := make([][]string, 0, cves)
	for _, cve := range f.ids {
		if !isCVE(cve) {
			continue
		}
		var face []string
		for i, id := range f.ids {
			if i == 0 || !isCVE(id) || id == cve {
				face = append(face, id)
			}
		}
		out = append(out, face)
	}
	return out
}

func isCVE(id string) bool { return strings.HasPrefix(id, "CVE-") }

// nameKey is a package name without its version.
type nameKey struct{ typ, namespace, name string }

// entry is one line of one statement that may be about a finding: 24 bytes, because a
// whole feed has millions.
type entry struct {
	doc, pos  uint32 // of the document in the run, of the statement in it
	product   uint32 // of the product in the statement
	line      uint32 // of the package line among the index's lines; wholeImage when none
	text      textID // the line as written
	imageLine bool   // the line is a subcomponent of the product, not the product
}

const wholeImage = ^uint32(0)

// bucket holds the lines about one package name for one vulnerability.
type bucket struct {
	exact map[string][]entry // by version
	loose []entry            // without a version
	all   []entry            // with a version, for near misses; at most maxNear
}

// topic is everything that is said of one vulnerability.
type topic struct {
	byName map[uint32]*bucket
	whole  []entry // products that are images, without subcomponents
	other  []entry // lines about packages that no finding has; at most maxNear
}

// maxNear bounds what is kept only to explain: a statement further down the list than
// this makes no better sentence.
const maxNear = 64

// index finds statements by vulnerability, then by package name, then by version, so
// that the work grows with the statements plus the findings and not with their
// product. Only what some finding asks for is kept.
type index struct {
	docs   []*document
	topics map[string]*topic
	wanted map[nameKey]uint32 // package names that findings have, numbered
	lines  []line
	at     [][]uint32 // by document and text: the place in lines plus one, or notPURL
	// filed marks, by document and text, the lines that the statement in hand already
	// has as products of their own: the same inside an image says nothing more.
	filed [][]uint32
	stamp uint32
}

// line is a package URL of a document.
type line struct {
	purl
	key uint32 // number of its name; unwanted when no finding has it
}

const (
	unwanted = ^uint32(0)
	notPURL  = ^uint32(0) - 1
)

func newIndex(docs []*document, findings []finding) *index {
	x := &index{docs: docs, topics: map[string]*topic{}, wanted: map[nameKey]uint32{},
		at: make([][]uint32, len(docs)), filed: make([][]uint32, len(docs))}
	for i := range findings {
		f := &findings[i]
		for _, id := range f.ids {
			if x.topics[id] == nil {
				x.topics[id] = &topic{byName: map[uint32]*bucket{}}
			}
		}
		for _, n := range f.id.names {
			key := nameKey{n.typ, n.namespace, n.name}
			number, ok := x.wanted[key]
			if !ok {
				number = uint32(len(x.wanted))
				x.wanted[key] = number
			}
			f.keys = append(f.keys, number)
		}
	}
	for d, doc := range docs {
		x.at[d], x.filed[d] = make([]uint32, len(doc.texts)), make([]uint32, len(doc.texts))
		topics := make([]*topic, len(doc.texts))
		for id := range doc.texts {
			topics[id] = x.topics[doc.texts[id].s]
		}
		for p := range doc.statements {
			for _, name := range doc.list(doc.statements[p].names) {
				if t := topics[name]; t != nil {
					x.file(t, doc, &doc.statements[p], entry{doc: uint32(d), pos: uint32(p)})
				}
			}
		}
	}
	return x
}

// file adds every line of a statement to a topic: products first, then what is inside
// images and not yet there.
func (x *index) file(t *topic, d *document, s *statement, e entry) {
	x.stamp++
	filed := x.filed[e.doc]
	for i := range d.of(s) {
		p := d.product(s, uint32(i))
		if p.image && p.within.n > 0 {
			continue
		}
		e.product = uint32(i)
		for _, id := range d.list(p.called) {
			if p.within.n == 0 && d.shapeOf(id)&isVersioned != 0 {
				filed[id] = x.stamp
			}
			x.fileLine(t, e, id)
		}
		if p.image {
			whole := e
			whole.line = wholeImage
			t.whole = append(t.whole, whole)
		}
	}
	e.imageLine = true
	for i := range d.of(s) {
		p := d.product(s, uint32(i))
		if !p.image || p.within.n == 0 {
			continue
		}
		e.product = uint32(i)
		for _, id := range d.list(p.within) {
			if filed[id] != x.stamp {
				x.fileLine(t, e, id)
			}
		}
	}
}

func (x *index) fileLine(t *topic, e entry, id textID) {
	e.text, e.line = id, x.lineOf(e.doc, id)
	if e.line == notPURL {
		t.keepOther(e)
		return
	}
	l := &x.lines[e.line]
	switch {
	case isImageType(l.typ):
		return
	case l.key == unwanted:
		t.keepOther(e)
		return
	}
	b := t.byName[l.key]
	if b == nil {
		b = &bucket{}
		t.byName[l.key] = b
	}
	if l.version == "" {
		b.loose = append(b.loose, e)
		return
	}
	if b.exact == nil {
		b.exact = map[string][]entry{}
	}
	b.exact[l.version] = append(b.exact[l.version], e)
	if len(b.all) < maxNear {
		b.all = append(b.all, e)
	}
}

func (t *topic) keepOther(e entry) {
	if len(t.other) < maxNear {
		t.other = append(t.other, e)
	}
}

// lineOf parses a line once for each document, however often it comes.
func (x *index) lineOf(doc uint32, id textID) uint32 {
	switch n := x.at[doc][id]; n {
	case 0:
	case notPURL:
		return notPURL
	default:
		return n - 1
	}
	u, err := parsePURL(x.docs[doc].word(id))
	if err != nil {
		x.at[doc][id] = notPURL
		return notPURL
	}
	l := line{purl: u, key: unwanted}
	if number, ok := x.wanted[nameKey{u.typ, u.namespace, u.name}]; ok {
		l.key = number
	}
	x.lines = append(x.lines, l)
	x.at[doc][id] = uint32(len(x.lines))
	return uint32(len(x.lines)) - 1
}
