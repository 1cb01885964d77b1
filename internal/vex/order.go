package vex

import "cmp"

// prevails orders candidates that apply. First authority, then time, then the least
// permissive; the rest only makes the choice among equals the same every time.
func prevails(a, b *candidate) bool {
	return cmp.Or(
		cmp.Compare(a.auth, b.auth),
		compareTimes(a, b),
		-cmp.Compare(a.s.kind, b.s.kind),
		compareTrue(!a.broad, !b.broad),
		compareTrue(a.name != nil && !a.name.source, b.name != nil && !b.name.source),
		-compareEntries(a, b),
	) > 0
}

func compareTimes(a, b *candidate) int {
	return cmp.Or(cmp.Compare(a.when(), b.when()), a.at.Compare(b.at))
}

// when ranks the kinds of time: a statement without one is taken for the oldest when
// it would clear a finding, and for the newest when it would not, since nothing shows
// that it is older.
func (c *candidate) when() int {
	switch {
	case !c.at.IsZero():
		return 1
	case c.s.suppresses():
		return 0
	default:
		return 2
	}
}

func compareTrue(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// compareEntries is the total order of lines: documents are in theirs already.
func compareEntries(a, b *candidate) int {
	return cmp.Or(cmp.Compare(a.doc, b.doc), cmp.Compare(a.pos, b.pos), cmp.Compare(a.entry.product, b.entry.product),
		cmp.Compare(a.text, b.text))
}

func (c *candidate) status() string { return c.d.word(c.s.status) }

// nearer orders the lines that did not apply: the least distance first, those that
// would have cleared before those that would not, then the newest.
func nearer(a, b *candidate) bool {
	return cmp.Or(
		-cmp.Compare(a.distance, b.distance),
		compareTrue(a.s.suppresses(), b.s.suppresses()),
		cmp.Compare(a.d.authority, b.d.authority),
		a.at.Compare(b.at),
		-compareEntries(a, b),
	) > 0
}
