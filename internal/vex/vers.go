package vex

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// versions is a set of versions of one type, as the VERS specification of package-url
// writes it: "vers:npm/>=1.2.0|<2.0.0". The zero value holds none.
type versions struct {
	text  string
	typ   string
	rows  []bound // by version, each one once
	broad bool    // "*": every version
	none  bool    // holds nothing
	// why says why the set is not understood. It then clears nothing and warns of all.
	why string
}

// bound is one constraint of a set.
type bound struct{ op, version string }

// noVersion is a set that nothing is in, for what a document narrows to nothing.
func noVersion(text string) *versions { return &versions{text: text, none: true} }

// maxBounds bounds the constraints of one set.
const maxBounds = 1000

// parseVers reads a range. It never fails: what is not understood says so.
func parseVers(s string) *versions {
	v := &versions{text: s}
	if err := v.parse(s); err != nil {
		v.rows, v.why = nil, err.Error()
	}
	return v
}

func (v *versions) parse(s string) error {
	typ, list, ok := strings.Cut(strings.TrimPrefix(s, "vers:"), "/")
	if !ok || !strings.HasPrefix(s, "vers:") || typ == "" || len(s) > maxPURL {
		return errors.New("no vers range")
	}
	v.typ = typ
	list = strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' {
			return -1
		}
		return r
	}, list)
	if list == "*" {
		v.broad = true
		return nil
	}
	order := orderOf(typ)
	if order == nil {
		return fmt.Errorf("versions of type %s are not compared", clip(typ))
	}
	parts := strings.Split(strings.Trim(list, "|"), "|")
	if len(parts) > maxBounds {
		return fmt.Errorf("more than %d constraints", maxBounds)
	}
	for _, part := range parts {
		b := readBound(part)
		text, err := unescape(b.version)
		if err != nil || text == "" || strings.ContainsAny(text, "<>=!*|") {
			return fmt.Errorf("%q is not a constraint", clip(part))
		}
		b.version = text
		if len(v.rows) > 0 {
			c, err := order(v.rows[len(v.rows)-1].version, b.version)
			if err != nil {
				return err
			}
			if c >= 0 {
				return errors.New("its versions do not ascend")
			}
		} else if _, err := order(b.version, b.version); err != nil {
			return err
		}
		v.rows = append(v.rows, b)
	}
	return v.check()
}

// readBound takes the comparator off a constraint; none means equality.
func readBound(s string) bound {
	for _, op := range []string{">=", "<=", "!=", "<", ">", "="} {
		if rest, ok := strings.CutPrefix(s, op); ok {
			return bound{op, rest}
		}
	}
	return bound{"=", s}
}

// check refuses a set that can be read in two ways: lower and upper bounds that do not
// take turns, and exceptions from nothing.
func (v *versions) check() error {
	side, excepted := byte(0), false
	for _, b := range v.rows {
		switch {
		case b.op == "!=":
			excepted = true
		case b.op == "=":
		case b.op[0] == side:
			return errors.New("its bounds do not take turns")
		default:
			side = b.op[0]
		}
	}
	if excepted && side == 0 {
		return errors.New("it only says what is not in it")
	}
	return nil
}

// holds reports whether a version of a package type is in the set; ok is false when that
// cannot be told.
func (v *versions) holds(typ, version string) (in, ok bool) {
	switch {
	case v.none:
		return false, true
	case v.why != "" || v.typ != typ:
		return false, false
	case v.broad:
		return true, true
	}
	order := orderOf(typ)
	var open *bound // the lower bound that the version is above
	within := false
	for i := range v.rows {
		b := &v.rows[i]
		c, err := order(version, b.version)
		if err != nil {
			return false, false
		}
		switch {
		case c == 0:
			return strings.Contains(b.op, "=") && b.op != "!=", true
		case b.op[0] == '>' && c > 0:
			open = b
		case b.op[0] == '<' && c < 0 && (open != nil || v.firstBound(i)):
			within, open = true, nil
		case b.op[0] == '<' && c > 0:
			open = nil
		}
	}
	return within || open != nil, true
}

// firstBound reports whether no lower or upper bound comes before the constraint.
func (v *versions) firstBound(i int) bool {
	for _, b := range v.rows[:i] {
		if b.op[0] == '<' || b.op[0] == '>' {
			return false
		}
	}
	return true
}

// heldKey is a question to a set, and held the answer.
type (
	heldKey struct {
		set          *versions
		typ, version string
	}
	held struct{ in, ok bool }
)

// limits says whether a set lets a statement speak of a version: one that is not
// understood clears nothing and warns of everything. Each set is asked once for a version.
func (m *matcher) limits(v *versions, s *statement, typ, version string) (why string) {
	key := heldKey{v, typ, version}
	h, asked := m.held[key]
	if !asked {
		h.in, h.ok = v.holds(typ, version)
		m.held[key] = h
	}
	in, ok := h.in, h.ok
	switch {
	case in && ok, !ok && !s.suppresses():
		return ""
	case ok:
		return fmt.Sprintf("statement covers %s, installed %s", clip(v.text), version)
	default:
		return fmt.Sprintf("its range %s is not understood (%s)", clip(v.text), cmp.Or(v.why, "of another type of package"))
	}
}
