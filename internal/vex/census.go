package vex

import (
	"hash/fnv"
	"io"
)

// census counts the oddities of a document once, when it is read.
type census struct {
	broad         int // statements with a package product that has no version
	contradictory int // package products with more than one status for one vulnerability
	duplicate     int // products named more than once for one vulnerability
	undated       int // statements without a time of their own in a document without one
	reused        int // statements whose @id another one had before
	ambiguous     int // statements with a key that readers do not agree on; see flaw
}

// count fills d.census. Pairs are compared by a 64-bit hash: a million of them fit
// into little memory, and a collision would only miscount.
func (d *document) count() {
	type pair struct {
		statuses uint8
		times    uint8
	}
	pairs := map[uint64]pair{}
	ids := map[textID]bool{}
	h := fnv.New64a()
	for i := range d.statements {
		s := &d.statements[i]
		if s.id != 0 {
			if ids[s.id] {
				d.census.reused++
			}
			ids[s.id] = true
		}
		if d.issued(s).IsZero() {
			d.census.undated++
		}
		broad := false
		for j := range d.of(s) {
			p := d.product(s, uint32(j))
			for _, id := range d.list(p.called) {
				h.Reset()
				_, _ = io.WriteString(h, d.first(s.names))
				_, _ = h.Write([]byte{0})
				_, _ = io.WriteString(h, d.word(id))
				k := h.Sum64()
				was := pairs[k]
				if was.times == 1 {
					d.census.duplicate++
				}
				bit := uint8(1) << s.kind
				if !p.image && was.statuses != 0 && was.statuses&bit == 0 && was.statuses&(was.statuses-1) == 0 {
					d.census.contradictory++
				}
				pairs[k] = pair{was.statuses | bit, min(was.times+1, 2)}
				broad = broad || !p.image && !d.ranged(p) && d.shapeOf(id)&(isURL|isVersioned) == isURL
			}
			for _, id := range d.list(p.within) {
				broad = broad || p.image && !d.ranged(p) && d.shapeOf(id)&(isURL|isVersioned) == isURL
			}
		}
		if broad {
			d.census.broad++
		}
	}
}
