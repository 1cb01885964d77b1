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

// entry is one line of one statement that may be about a finding: 20 bytes, because a
// whole feed has millions.
type entry struct {
	doc, pos  uint32 // of the document in the run, of the statement in it
	product   uint32 // of the product in the statement
	line      uint32 // of the package line among the index's lines; wholeImage when none
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
	byName map[nameKey]*bucket
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
	wanted map[nameKey]bool
	lines  []purl
	texts  []string          // the lines as written
	byText map[string]uint32 // a line as written -> its place in lines and texts
}

// notPURL marks a text that is no package URL.
const notPURL = ^uint32(0) - 1

func newIndex(docs []*document, findings []finding) *index {
	x := &index{docs: docs, topics: map[string]*topic{}, wanted: map[nameKey]bool{}, byText: map[string]uint32{}}
	for i := range findings {
		for _, id := range findings[i].ids {
			if x.topics[id] == nil {
				x.topics[id] = &topic{byName: map[nameKey]*bucket{}}
			}
		}
		for _, n := range findings[i].id.names {
			x.wanted[nameKey{n.typ, n.namespace, n.name}] = true
		}
	}
	for d, doc := range docs {
		for p := range doc.statements {
			for _, name := range doc.statements[p].names {
				if t := x.topics[name]; t != nil {
					x.file(t, entry{doc: uint32(d), pos: uint32(p)}, &doc.statements[p])
				}
			}
		}
	}
	return x
}

// file adds every line of a statement to a topic.
func (x *index) file(t *topic, e entry, s *statement) {
	for i := range s.products {
		p := &s.products[i]
		e.product = uint32(i)
		if len(p.within) == 0 || !isImageProduct(p) {
			e.imageLine = false
			for _, text := range p.called {
				x.fileLine(t, e, text)
			}
			if isImageProduct(p) {
				e.line = wholeImage
				t.whole = append(t.whole, e)
			}
			continue
		}
		e.imageLine = true
		for _, text := range p.within {
			x.fileLine(t, e, text)
		}
	}
}

func (x *index) fileLine(t *topic, e entry, text string) {
	e.line = x.lineOf(text)
	if e.line == notPURL {
		t.keepOther(e)
		return
	}
	u := &x.lines[e.line]
	if isImageType(u.typ) {
		return
	}
	key := nameKey{u.typ, u.namespace, u.name}
	if !x.wanted[key] {
		t.keepOther(e)
		return
	}
	b := t.byName[key]
	if b == nil {
		b = &bucket{}
		t.byName[key] = b
	}
	if u.version == "" {
		b.loose = append(b.loose, e)
		return
	}
	if b.exact == nil {
		b.exact = map[string][]entry{}
	}
	b.exact[u.version] = append(b.exact[u.version], e)
	if len(b.all) < maxNear {
		b.all = append(b.all, e)
	}
}

func (t *topic) keepOther(e entry) {
	if len(t.other) < maxNear {
		t.other = append(t.other, e)
	}
}

// lineOf parses a line once, however often it comes.
func (x *index) lineOf(text string) uint32 {
	if n, ok := x.byText[text]; ok {
		return n
	}
	n := notPURL
	if u, err := parsePURL(text); err == nil {
		n = uint32(len(x.lines))
		x.lines, x.texts = append(x.lines, u), append(x.texts, text)
	}
	x.byText[text] = n
	return n
}

func isImageType(typ string) bool { return typ == "oci" || typ == "docker" }

// isImageProduct reports whether a product is an image or something that is no
// package: a reference, a digest, a name. Only such products are asked whether they
// are this image.
func isImageProduct(p *product) bool {
	if len(p.hashes) > 0 && len(p.called) == 0 {
		return true
	}
	for _, c := range p.called {
		if !isPURL(c) || isImageText(c) {
			return true
		}
	}
	return false
}

// isImageText reports whether a package URL, as written, is of an image.
func isImageText(text string) bool {
	typ, _, _ := strings.Cut(strings.TrimLeft(text[4:], "/"), "/")
	return isImageType(lower(typ))
}
