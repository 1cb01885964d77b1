package vex

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	govex "github.com/openvex/go-vex/pkg/vex"
)

// draft is a statement as a format's reader hands it over.
type draft struct {
	id, vulnerability     string
	names                 []string // upper case
	status                govex.Status
	justification         govex.Justification
	impact, action, notes string
	invalid               string
	doubt                 *doubt // a key that readers do not agree on
	stated                time.Time
	products              []draftProduct
}

// draftProduct is a product with the part of it that is meant: within, inside of each
// level of via, inside of what it is called, in the versions of only.
type draftProduct struct {
	called, hashes, within []string
	via                    [][]string
	only                   []*versions
}

// size is what a product counts with, the bounds of its versions aside.
func (p *draftProduct) size() int {
	n := 1 + len(p.called) + len(p.hashes) + len(p.within)
	for _, level := range p.via {
		n += 1 + len(level)
	}
	return n
}

// unnamed stands for a component that nothing names, which no package is.
const unnamed = "(a component without a name)"

// builder puts drafts into a document. It keeps one copy of each text: in real feeds
// the same products and notes come back thousands of times.
type builder struct {
	document
	ids   map[string]textID
	sets  map[string]*versions // by the text of their range
	limit int                  // statements
	left  int                  // of the size of the document
	// chains are the rares of levels that many products share.
	chains map[*[]string]uint32
}

// ErrTooMuch says that there is more in a document than is read of it.
var ErrTooMuch = errors.New("more products, names and bounds of versions than are read of a document that nobody vouches for")

// newBuilder makes a builder for a document of a size: its products, their names, the levels
// between them and the bounds of versions together.
func newBuilder(size int) *builder {
	b := &builder{ids: map[string]textID{"": 0}, sets: map[string]*versions{}, limit: maxStatements, left: size, chains: map[*[]string]uint32{}}
	b.texts = []text{{}}
	b.rares = []rare{{}}
	return b
}

// charge counts towards the size of the document.
func (b *builder) charge(n int) error {
	if n > b.left {
		return ErrTooMuch
	}
	b.left -= n
	return nil
}

// within is the set of versions of a range, parsed once; nil without one.
func (b *builder) within(text string) (*versions, error) {
	if text == "" {
		return nil, nil
	}
	if v := b.sets[text]; v != nil {
		return v, nil
	}
	v := parseVers(text)
	b.sets[text] = v
	return v, b.charge(len(v.rows))
}

func (b *builder) keep(s string) textID {
	if id, ok := b.ids[s]; ok {
		return id
	}
	s = strings.Clone(s)
	id := textID(len(b.texts))
	b.texts = append(b.texts, text{s, look(s)})
	b.ids[s] = id
	return id
}

func (b *builder) keepAll(list []string) span {
	s := span{uint32(len(b.lines)), uint32(len(list))}
	for _, t := range list {
		b.lines = append(b.lines, b.keep(t))
	}
	return s
}

// add checks a statement and keeps it. What cannot be believed is not refused, since
// a document would then be lost for one bad line; it is kept from suppressing.
func (b *builder) add(d draft) error {
	if len(b.statements) >= b.limit {
		return fmt.Errorf("more than %d statements", b.limit)
	}
	if len(d.names) == 0 {
		return errors.New("names no vulnerability")
	}
	kind := kindOf(d.status)
	switch {
	case d.doubt != nil:
		d.invalid = "it has " + d.doubt.String()
		if d.doubt.status && kind >= fixed {
			kind = notUnderstood
		}
		if b.census.ambiguous++; b.census.ambiguous == 1 {
			b.ambiguity = d.doubt.String()
		}
	case d.invalid == "":
		d.invalid = validity(&d)
	}
	s := statement{stated: d.stated, names: b.keepAll(d.names), id: b.keep(d.id), vulnerability: b.keep(d.vulnerability),
		status: b.keep(string(d.status)), justification: b.keep(string(d.justification)), impact: b.keep(d.impact),
		action: b.keep(d.action), notes: b.keep(d.notes), invalid: b.keep(d.invalid), kind: kind}
	s.products = span{uint32(len(b.products)), uint32(len(d.products))}
	if err := b.charge(len(d.names)); err != nil {
		return err
	}
	for i := range d.products {
		if err := b.charge(d.products[i].size()); err != nil {
			return err
		}
		p := product{called: b.keepAll(d.products[i].called), hashes: b.keepAll(d.products[i].hashes), within: b.keepAll(d.products[i].within)}
		p.image = p.called.n == 0 && p.hashes.n > 0
		for _, id := range b.list(p.called) {
			if sh := b.shapeOf(id); sh&isURL == 0 || sh&isImageURL != 0 {
				p.image = true
			}
		}
		p.rare = b.rare(&d.products[i])
		b.products = append(b.products, p)
	}
	if len(b.lines) > maxNames {
		return fmt.Errorf("more than %d products and subcomponents", maxNames)
	}
	b.statements = append(b.statements, s)
	return nil
}

// rare keeps what narrows a product beyond its name; 0 when nothing does. Levels that come
// from one chain are kept once.
func (b *builder) rare(p *draftProduct) uint32 {
	if len(p.via)+len(p.only) == 0 {
		return 0
	}
	shared := len(p.via) > 0 && len(p.only) == 0
	if shared && b.chains[&p.via[0]] > 0 {
		return b.chains[&p.via[0]]
	}
	r := rare{only: p.only}
	for _, level := range p.via {
		r.via = append(r.via, b.keepAll(level))
	}
	n := uint32(len(b.rares))
	b.rares = append(b.rares, r)
	if shared {
		b.chains[&p.via[0]] = n
	}
	return n
}

// finish returns the document with what it says of itself.
func (b *builder) finish(m meta) *document {
	d := b.document
	d.meta = m
	return &d
}

func kindOf(s govex.Status) statusKind {
	switch s {
	case govex.StatusAffected:
		return affected
	case govex.StatusUnderInvestigation:
		return underInvestigation
	case govex.StatusFixed:
		return fixed
	case govex.StatusNotAffected:
		return notAffected
	default:
		return notUnderstood
	}
}

// validity says why a statement that would suppress may not, by the letter of OpenVEX
// ("Statement", Status Labels): not_affected needs a justification that exists, or an
// impact statement.
func validity(d *draft) string {
	switch {
	case !d.status.Valid():
		return fmt.Sprintf("its status %q does not exist", clip(string(d.status)))
	case d.status != govex.StatusNotAffected:
		return ""
	case d.justification == "" && d.impact == "":
		return "it says not_affected without a justification or an impact statement"
	case d.justification != "" && !d.justification.Valid():
		return fmt.Sprintf("its justification %q does not exist", clip(string(d.justification)))
	default:
		return ""
	}
}

// name sets the vulnerability's name and all aliases, folded to upper case:
// identifiers of vulnerabilities are the same in any case.
func (d *draft) name(name string, aliases []string) {
	d.vulnerability = name
	for _, a := range append([]string{name}, aliases...) {
		if a = strings.ToUpper(strings.TrimSpace(a)); a != "" && !slices.Contains(d.names, a) {
			d.names = append(d.names, a)
		}
	}
	if d.vulnerability == "" && len(d.names) > 0 {
		d.vulnerability = d.names[0]
	}
}

// lastSegment takes the identifier out of an IRI:
// https://nvd.nist.gov/vuln/detail/CVE-2023-1255 names CVE-2023-1255.
func lastSegment(iri string) string {
	iri = strings.TrimRight(iri, "/")
	if i := strings.LastIndexAny(iri, "/#="); i >= 0 {
		iri = iri[i+1:]
	}
	if strings.IndexByte(iri, '-') <= 0 {
		return ""
	}
	return iri
}
