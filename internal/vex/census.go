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
}

// count fills d.census. Pairs are compared by a 64-bit hash: a million of them fit
// into little memory, and a collision would only miscount.
func (d *document) count() {
	type pair struct {
		statuses uint8
		times    uint8
	}
	pairs := map[uint64]pair{}
	ids := map[string]bool{}
	h := fnv.New64a()
	for i := range d.statements {
		s := &d.statements[i]
		if s.id != "" {
			if ids[s.id] {
				d.census.reused++
			}
			ids[s.id] = true
		}
		if d.issued(s).IsZero() {
			d.census.undated++
		}
		broad := false
		for j := range s.products {
			p := &s.products[j]
			image := isImageProduct(p)
			for _, text := range p.called {
				h.Reset()
				_, _ = io.WriteString(h, s.names[0])
				_, _ = h.Write([]byte{0})
				_, _ = io.WriteString(h, text)
				k := h.Sum64()
				was := pairs[k]
				if was.times == 1 {
					d.census.duplicate++
				}
				bit := uint8(1) << permissive(s)
				if !image && was.statuses != 0 && was.statuses&bit == 0 && was.statuses&(was.statuses-1) == 0 {
					d.census.contradictory++
				}
				pairs[k] = pair{was.statuses | bit, min(was.times+1, 2)}
				broad = broad || !image && versionless(text)
			}
			for _, text := range p.within {
				broad = broad || image && versionless(text)
			}
		}
		if broad {
			d.census.broad++
		}
	}
}

// versionless reports whether a line is a package URL without a version. It looks and
// does not parse: it is asked of every line of a document.
func versionless(text string) bool {
	if !isPURL(text) {
		return false
	}
	for i := len(text) - 1; i >= 0; i-- {
		switch text[i] {
		case '?', '#':
			text = text[:i]
		}
	}
	for i := len(text) - 1; i >= 0 && text[i] != '/'; i-- {
		if text[i] == '@' {
			return false
		}
	}
	return true
}
