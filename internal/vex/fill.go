package vex

// fill files the statements of all documents that are about some finding's
// vulnerability.
func (m *matcher) fill() {
	for d, doc := range m.docs {
		topics := make([]*topic, len(doc.texts))
		for id := range doc.texts {
			topics[id] = m.topics[doc.texts[id].s]
		}
		for p := range doc.statements {
			for _, name := range doc.list(doc.statements[p].names) {
				if t := topics[name]; t != nil {
					m.file(t, doc, &doc.statements[p], entry{doc: uint32(d), pos: uint32(p)})
				}
			}
		}
	}
}

// file adds every line of a statement to a topic: products first, then what is inside
// images and not yet there. Lines of documents and images that are not ours cannot
// apply, and are kept only to explain.
func (m *matcher) file(t *topic, d *document, s *statement, e entry) {
	m.stamp++
	filed := m.filed[e.doc]
	heard := m.stands[e.doc].authority != 0
	for i := range d.of(s) {
		p := d.product(s, uint32(i))
		if p.image && p.within.n > 0 {
			continue
		}
		e.product = uint32(i)
		for _, id := range d.list(p.called) {
			if p.within.n == 0 && p.rare == 0 {
				filed[id] = m.stamp
			}
			m.fileLine(t, e, id, heard)
		}
		if p.image {
			whole := e
			whole.line = wholeImage
			if heard && m.mine(e.doc, p) {
				t.whole = append(t.whole, whole)
			} else {
				keepNear(&t.other, whole)
			}
		}
	}
	e.imageLine = true
	for i := range d.of(s) {
		p := d.product(s, uint32(i))
		if !p.image || p.within.n == 0 {
			continue
		}
		e.product = uint32(i)
		mine := heard && m.mine(e.doc, p)
		for _, id := range d.list(p.within) {
			// As a product of its own a version says as much as inside the image; a name
			// without one says more inside an image that is ours.
			if filed[id] == m.stamp && (!mine || d.shapeOf(id)&isVersioned != 0) {
				continue
			}
			m.fileLine(t, e, id, mine)
		}
	}
}

func (m *matcher) mine(doc uint32, p *product) bool {
	return m.scopeOf(doc, p, m.stands[doc].authority >= baseImage).mine
}

func (m *matcher) fileLine(t *topic, e entry, id textID, heard bool) {
	e.text, e.line = id, m.lineOf(e.doc, id)
	if e.line == notPURL {
		keepNear(&t.other, e)
		return
	}
	l := &m.lines[e.line]
	switch {
	case isImageType(l.typ):
		return
	case l.key == unwanted:
		keepNear(&t.other, e)
		return
	}
	b := t.byName[l.key]
	if b == nil {
		b = &bucket{}
		t.byName[l.key] = b
	}
	switch {
	case !heard || l.version != "" && !l.installed:
		keepNear(&b.near, e)
	case l.version == "":
		b.loose = append(b.loose, e)
	default:
		if b.exact == nil {
			b.exact = map[string][]entry{}
		}
		b.exact[l.version] = append(b.exact[l.version], e)
		keepNear(&b.near, e) // for a finding with another version of the package
	}
}

func keepNear(list *[]entry, e entry) {
	if len(*list) < maxNear {
		*list = append(*list, e)
	}
}
