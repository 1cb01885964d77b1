package advisory

import (
	"errors"
	"fmt"
	"strings"

	"github.com/imagegate/imagegate/internal/vercmp"
	"github.com/imagegate/imagegate/internal/words"
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
		return vercmp.Apk
	case strings.HasPrefix(ecosystem, debian):
		return vercmp.Deb
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
		if c := vercmp.Numbers(at(x.core, i), at(y.core, i)); c != 0 {
			return c, nil
		}
	}
	switch {
	case len(x.pre) == 0 && len(y.pre) > 0:
		return 1, nil
	case len(x.pre) > 0 && len(y.pre) == 0:
		return -1, nil
	}
	if c := vercmp.Identifiers(x.pre, y.pre); c != 0 {
		return c, nil
	}
	return vercmp.Identifiers(x.build, y.build), nil
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

// clip keeps a stranger's text short in messages.
func clip(s string) string { return words.Clip(s, 80) }

// errNoStart is a range that never begins.
var errNoStart = errors.New("a range has no introduced event")
