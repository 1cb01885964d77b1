package vex

import "fmt"

// What narrows a product beyond its name: the versions of a CycloneDX "affects" entry, and
// the levels of nested CSAF relationships.

// ranged reports whether a product is narrowed to versions.
func (d *document) ranged(p *product) bool { return len(d.rares[p.rare].only) > 0 }

// narrowed checks what a rare product asks for beyond a line that meets the package.
func (m *matcher) narrowed(f *finding, d *document, s *statement, p *product, doc uint32, met *name) (distance, string) {
	if p.rare == 0 {
		return applies, ""
	}
	r := &d.rares[p.rare]
	for _, level := range r.via {
		if !m.isOne(f, d, doc, level) {
			return otherPart, m.sayf("statement is about a component of %s only", clip(d.first(level)))
		}
	}
	for _, set := range r.only {
		if why := m.limits(set, s, met.typ, met.version); why != "" {
			return otherVersion, why
		}
	}
	return applies, ""
}

// wholly checks the same where a whole image is meant, which no set of versions holds: one
// that is not understood still warns.
func (d *document) wholly(s *statement, p *product) (distance, string) {
	for _, set := range d.rares[p.rare].only {
		if set.none || s.suppresses() {
			return otherVersion, fmt.Sprintf("statement covers %s of it only", clip(set.text))
		}
	}
	return applies, ""
}

// isOne reports whether the installed package is one of the components of a level.
func (m *matcher) isOne(f *finding, d *document, doc uint32, level span) bool {
	for _, id := range d.list(level) {
		n := m.lineOf(doc, id)
		if n == notPURL {
			continue
		}
		part := &m.lines[n].purl
		if met := f.id.meets(part); met != nil && (part.version == "" || part.version == met.version) {
			return true
		}
	}
	return false
}
