package vex

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// edition is the version of a document: a number, or three (CSAF 2.0, 3.1.11). The zero
// value is one that states none, or none that is understood.
type edition [3]int

func readEdition(s string) (e edition) {
	s, _, _ = strings.Cut(s, "+")
	s, _, _ = strings.Cut(s, "-") // of equal ones, both speak
	parts := strings.Split(s, ".")
	if len(parts) != 1 && len(parts) != 3 {
		return edition{}
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return edition{}
		}
		e[i] = n
	}
	return e
}

func (e edition) before(o edition) bool { return slices.Compare(e[:], o[:]) < 0 }

func (e edition) String() string {
	if e[1] == 0 && e[2] == 0 {
		return strconv.Itoa(e[0])
	}
	return fmt.Sprintf("%d.%d.%d", e[0], e[1], e[2])
}

// supersede silences the earlier versions of a document: of those with one @id and one
// signer only the highest version speaks, since what it leaves out it has withdrawn. Files
// that the user named are his, and need one author instead. Only documents that speak of
// the image and state a version take part, and nobody can supersede what another signed,
// or what nobody vouches for.
func (r *run) supersede() {
	type issue struct{ id, signer, author string }
	latest := map[issue]edition{}
	each := func(fn func(i int, d *document, key issue)) {
		for i, d := range r.docs {
			if d.id == "" || d.version == (edition{}) || r.stands[i].authority == 0 {
				continue
			}
			switch {
			case d.signer != "":
				fn(i, d, issue{id: d.id, signer: d.signer})
			case d.authority == named:
				fn(i, d, issue{id: d.id, author: d.author})
			}
		}
	}
	each(func(_ int, d *document, key issue) {
		if latest[key].before(d.version) {
			latest[key] = d.version
		}
	})
	each(func(i int, d *document, key issue) {
		if by := latest[key]; d.version.before(by) {
			r.stands[i] = standing{superseded: by, why: fmt.Sprintf("its document is superseded by version %s", by)}
		}
	})
}
