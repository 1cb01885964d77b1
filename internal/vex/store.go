package vex

import (
	"strings"
	"time"
)

// A document is kept small: each distinct text once, and statements and products as
// places in three flat lists. A feed of 300,000 statements takes some 60 MB.

// textID is the place of a text in document.texts; 0 is the empty text.
type textID uint32

// text is a text with what can be seen of it without parsing.
type text struct {
	s     string
	shape shape
}

type shape uint8

const (
	isURL       shape = 1 << iota // a package URL
	isImageURL                    // of type oci or docker
	isVersioned                   // with a version
)

// span is a part of a flat list.
type span struct{ off, n uint32 }

// statusKind orders statuses from the least permissive: what is not understood
// permits nothing.
type statusKind uint8

const (
	notUnderstood statusKind = iota
	affected
	underInvestigation
	fixed
	notAffected
)

// statement is one VEX statement, of whatever format, in the words of OpenVEX.
type statement struct {
	stated        time.Time // its own time; zero when it has none
	names         span      // of document.lines: the vulnerability and its aliases, upper case
	products      span      // of document.products
	id            textID
	vulnerability textID // the name as written
	status        textID
	justification textID
	impact        textID
	action        textID
	notes         textID
	invalid       textID // why it may not suppress although its status would
	kind          statusKind
}

// product is one product of a statement: what it is called, and the components of it
// that the statement is about (none: all of it). The spans are of document.lines.
type product struct {
	called span // its @id and identifiers
	hashes span // lower-case sha-256 digests
	within span // subcomponents
	// image is true for images and for what is no package: a reference, a digest, a
	// name. Only such products are asked whether they are this image.
	image bool
	rare  uint32 // place in document.rares; 0 for most
}

// rare is what narrows few products further.
type rare struct {
	via  []span      // levels between the product and its components, from the outside
	only []*versions // all of them have to hold the installed version
}

// suppresses reports whether the status by itself clears a finding.
func (s *statement) suppresses() bool { return s.kind >= fixed }

func (d *document) word(id textID) string { return d.texts[id].s }
func (d *document) list(s span) []textID  { return d.lines[s.off : s.off+s.n] }
func (d *document) of(s *statement) []product {
	return d.products[s.products.off : s.products.off+s.products.n]
}
func (d *document) first(s span) string     { return d.word(d.lines[s.off]) }
func (d *document) shapeOf(id textID) shape { return d.texts[id].shape }
func (d *document) product(s *statement, n uint32) *product {
	return &d.products[s.products.off+n]
}

// look sees what a text is.
func look(s string) shape {
	if !isPURL(s) {
		return 0
	}
	out := isURL
	if typ, _, _ := strings.Cut(strings.TrimLeft(s[4:], "/"), "/"); isImageType(lower(typ)) {
		out |= isImageURL
	}
	if !versionless(s) {
		out |= isVersioned
	}
	return out
}

func isImageType(typ string) bool { return typ == "oci" || typ == "docker" }

// versionless reports whether a line is a package URL without a version. It looks and
// does not parse: it is asked of every line of a document.
func versionless(s string) bool {
	if !isPURL(s) {
		return false
	}
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		s = s[:i]
	}
	s = strings.TrimRight(s, "/")
	s = s[strings.LastIndexByte(s, '/')+1:]
	return strings.LastIndexByte(s, '@') <= 0
}
