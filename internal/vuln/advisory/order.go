package advisory

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	apk "github.com/knqyf263/go-apk-version"
	deb "github.com/knqyf263/go-deb-version"
)

// order compares two versions of one ecosystem: negative when a is older.
type order func(a, b string) (int, error)

// The ecosystems, as OSV names them. A distribution's has its release at the end.
// Records of Docker's first drafts have neither family nor release: their package URL
// says both.
const (
	components = "DHI"
	hardened   = "Docker Hardened Images"
	alpine     = hardened + ":Alpine:"
	debian     = hardened + ":Debian:"
)

// ours reports whether an ecosystem is one of Docker's.
func ours(ecosystem string) bool { return orderOf(ecosystem) != nil }

// orderOf is the native order of an ecosystem's versions; nil for one that is not
// Docker's.
func orderOf(ecosystem string) order {
	switch {
	case ecosystem == components:
		return semantic
	case strings.HasPrefix(ecosystem, alpine):
		return apkOrder
	case strings.HasPrefix(ecosystem, debian):
		return debOrder
	default:
		return nil
	}
}

// rangeType is the only type of range that has a meaning in the ecosystem.
func rangeType(ecosystem string) string {
	if ecosystem == components {
		return "SEMVER"
	}
	return "ECOSYSTEM"
}

// maxDigits bounds a number inside a version: the libraries count in machine words.
const maxDigits = 18

func apkOrder(a, b string) (int, error) {
	for _, v := range []string{a, b} {
		if !apk.Valid(v) || !boundedNumbers(v) {
			return 0, fmt.Errorf("%q is not a version of apk", clip(v))
		}
	}
	return apk.Version(a).Compare(apk.Version(b)), nil
}

func debOrder(a, b string) (int, error) {
	var parsed [2]deb.Version
	for i, v := range []string{a, b} {
		p, err := deb.NewVersion(v)
		if err != nil || !boundedNumbers(v) {
			return 0, fmt.Errorf("%q is not a version of dpkg", clip(v))
		}
		parsed[i] = p
	}
	return parsed[0].Compare(parsed[1]), nil
}

func boundedNumbers(v string) bool {
	run := 0
	for i := range len(v) {
		if !digit(v[i]) {
			run = 0
			continue
		}
		if run++; run > maxDigits {
			return false
		}
	}
	return len(v) <= maxText
}

// semantic orders as SemVer 2.0 section 11 does, with two differences that Docker's
// records need: there may be more or fewer than three numbers, missing ones being zero,
// and build metadata carries order. A version without metadata comes before the same
// with some.
func semantic(a, b string) (int, error) {
	x, err := readSemantic(a)
	if err != nil {
		return 0, err
	}
	y, err := readSemantic(b)
	if err != nil {
		return 0, err
	}
	for i := range max(len(x.core), len(y.core)) {
		if c := compareNumbers(at(x.core, i), at(y.core, i)); c != 0 {
			return c, nil
		}
	}
	switch {
	case len(x.pre) == 0 && len(y.pre) > 0:
		return 1, nil
	case len(x.pre) > 0 && len(y.pre) == 0:
		return -1, nil
	}
	if c := compareIdentifiers(x.pre, y.pre); c != 0 {
		return c, nil
	}
	return compareIdentifiers(x.build, y.build), nil
}

type semanticVersion struct{ core, pre, build []string }

func readSemantic(v string) (semanticVersion, error) {
	wrong := fmt.Errorf("%q is not a semantic version", clip(v))
	if len(v) > maxText {
		return semanticVersion{}, wrong
	}
	rest, build, hasBuild := strings.Cut(strings.TrimPrefix(v, "v"), "+")
	core, pre, hasPre := strings.Cut(rest, "-")
	var s semanticVersion
	s.core = strings.Split(core, ".")
	for _, n := range s.core {
		if n == "" || strings.Trim(n, "0123456789") != "" {
			return semanticVersion{}, wrong
		}
	}
	for _, part := range []struct {
		has  bool
		text string
		to   *[]string
	}{{hasPre, pre, &s.pre}, {hasBuild, build, &s.build}} {
		if !part.has {
			continue
		}
		*part.to = strings.FieldsFunc(part.text, func(r rune) bool { return r == '.' })
		if len(*part.to) == 0 || strings.Contains("."+part.text+".", "..") {
			return semanticVersion{}, wrong
		}
	}
	return s, nil
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "0"
}

// compareIdentifiers orders dotted identifiers: numbers by value and before words,
// words by bytes, and what ends earlier first.
func compareIdentifiers(a, b []string) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		xNumber, yNumber := isNumber(x), isNumber(y)
		c := strings.Compare(x, y)
		switch {
		case xNumber && yNumber:
			c = compareNumbers(x, y)
		case xNumber:
			c = -1
		case yNumber:
			c = 1
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// compareNumbers compares decimal numbers of any length.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

func isNumber(s string) bool { return strings.Trim(s, "0123456789") == "" }

func digit(c byte) bool { return c >= '0' && c <= '9' }

// clip keeps a stranger's text short in messages.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// errNoStart is a range that never begins.
var errNoStart = errors.New("a range has no introduced event")
