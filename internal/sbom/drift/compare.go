package drift

import (
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

// comparison holds two bills while what is the same in both is settled, step by step and
// each step looser than the one before. What no step settles differs. Every step takes
// time in proportion to the lines.
type comparison struct {
	attested, found []line
	items           []report.Drift
}

// handle is what two lines have to share to be the same for one step. Its fields are
// used as the step needs them.
type handle struct{ typ, namespace, name, epoch, text string }

// by makes the handle of a line; ok is false for a line that the step leaves alone.
type by func(*line) (h handle, ok bool)

// meet settles all lines that share a handle with a line of the other bill.
func (c *comparison) meet(attested, found by) {
	met := map[handle]bool{} // true once both sides have it
	for i := range c.attested {
		if h, ok := attested(&c.attested[i]); ok {
			met[h] = false
		}
	}
	for i := range c.found {
		if h, ok := found(&c.found[i]); ok {
			if _, both := met[h]; both {
				met[h], c.found[i].settled = true, true
			}
		}
	}
	for i := range c.attested {
		if h, ok := attested(&c.attested[i]); ok && met[h] {
			c.attested[i].settled = true
		}
	}
}

// equal settles lines of one identity and version, and then those whose vendor left the
// epoch or the whole version out.
func (c *comparison) equal() {
	whole := func(l *line) (handle, bool) {
		return handle{l.typ, l.namespace, l.name, l.epoch, l.text}, l.typ != ""
	}
	c.meet(whole, whole)
	text := func(l *line) (handle, bool) {
		return handle{typ: l.typ, namespace: l.namespace, name: l.name, text: l.text}, l.typ != ""
	}
	c.meet(only(text, func(l *line) bool { return l.epoch == "" && l.known() }), text)
	c.meet(only(named, func(l *line) bool { return !l.known() }), named)
}

// alike settles lines of one name and version that are told apart by nothing but the
// namespace of a distribution, or where one bill has no package URL.
func (c *comparison) alike() {
	whole := func(l *line) (handle, bool) {
		return handle{typ: l.typ, name: l.name, epoch: l.epoch, text: l.text}, system(l.typ) && l.known()
	}
	c.meet(whole, whole)
	text := func(l *line) (handle, bool) {
		return handle{typ: l.typ, name: l.name, text: l.text}, system(l.typ) && l.known()
	}
	c.meet(only(text, func(l *line) bool { return l.epoch == "" }), text)

	shown := func(l *line) (handle, bool) {
		return handle{name: strings.ToLower(l.showName), text: l.showVersion}, l.showVersion != ""
	}
	bare := only(shown, func(l *line) bool { return l.typ == "" })
	c.meet(bare, shown)
	c.meet(shown, bare)
}

// built settles what the vendor built itself: it goes by pkg:dhi where a document says
// so, and by pkg:generic where a binary was recognised.
func (c *comparison) built() {
	h := func(l *line) (handle, bool) {
		return handle{name: l.name, text: l.text}, own(l.typ) && l.known()
	}
	c.meet(h, h)
}

func own(typ string) bool { return typ == "dhi" || typ == "generic" }

// versions reports lines of one identity that are left in both bills.
func (c *comparison) versions() {
	c.pair(named, named)
	h := func(l *line) (handle, bool) { return handle{name: l.name}, own(l.typ) }
	c.pair(h, h)
	unplaced := func(l *line) (handle, bool) { return handle{typ: l.typ, name: l.name}, system(l.typ) }
	none := only(unplaced, func(l *line) bool { return l.namespace == "" })
	c.pair(none, unplaced)
	c.pair(unplaced, none)
}

// pair reports unsettled lines that share a handle, one to one and in their order.
func (c *comparison) pair(attested, found by) {
	left := map[handle][]int{}
	for i := range c.found {
		if h, ok := found(&c.found[i]); ok && !c.found[i].settled {
			left[h] = append(left[h], i)
		}
	}
	for i := range c.attested {
		a := &c.attested[i]
		h, ok := attested(a)
		if !ok || a.settled || len(left[h]) == 0 {
			continue
		}
		c.differ(a, &c.found[left[h][0]])
		left[h] = left[h][1:]
	}
}

// differ reports one package in two versions, by the name under which it was found.
func (c *comparison) differ(a, f *line) {
	a.settled, f.settled = true, true
	c.items = append(c.items, report.Drift{
		Kind: report.DriftVersion, Name: f.showName, Type: f.showType, Attested: a.showVersion, Found: f.showVersion,
	})
}

// rest reports what is in one bill alone.
func (c *comparison) rest() {
	if c.items == nil {
		c.items = []report.Drift{}
	}
	for _, l := range c.attested {
		if !l.settled {
			c.items = append(c.items, report.Drift{Kind: report.DriftAttestedOnly, Name: l.showName, Type: l.showType, Attested: l.showVersion})
		}
	}
	for _, l := range c.found {
		if !l.settled {
			c.items = append(c.items, report.Drift{Kind: report.DriftFoundOnly, Name: l.showName, Type: l.showType, Found: l.showVersion})
		}
	}
}

// named is the identity without the version.
func named(l *line) (handle, bool) {
	return handle{typ: l.typ, namespace: l.namespace, name: l.name}, true
}

// only narrows b to the lines that keep accepts.
func only(b by, keep func(*line) bool) by {
	return func(l *line) (handle, bool) {
		if !keep(l) {
			return handle{}, false
		}
		return b(l)
	}
}
