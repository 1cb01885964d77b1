package vex

import (
	"cmp"
	"fmt"
	"strings"

	pep440 "github.com/aquasecurity/go-pep440-version"
	apk "github.com/knqyf263/go-apk-version"
	deb "github.com/knqyf263/go-deb-version"
	maven "github.com/masahiro331/go-mvn-version"
)

// order compares two versions of one type of package: negative when a is older.
type order func(a, b string) (int, error)

// orderOf is the order of a type's versions; nil for one that is not known.
func orderOf(typ string) order {
	switch typ {
	case "npm", "cargo", "golang":
		return semantic
	case "deb":
		return comparing("dpkg", deb.NewVersion, func(a, b deb.Version) int { return a.Compare(b) })
	case "apk":
		return comparing("apk", apk.NewVersion, apk.Version.Compare)
	case "rpm":
		return rpmOrder
	case "pypi":
		return comparing("PyPI", pep440.Parse, pep440.Version.Compare)
	case "maven":
		return comparing("Maven", maven.NewVersion, maven.Version.Compare)
	default:
		return nil
	}
}

// The longest version and the longest number in one that are compared: the libraries
// count in machine words.
const (
	maxVersion = 256
	maxDigits  = 18
)

// comparing makes an order of a library's reader and comparison.
func comparing[V any](what string, read func(string) (V, error), compare func(V, V) int) order {
	return func(a, b string) (int, error) {
		var parsed [2]V
		for i, s := range []string{a, b} {
			wrong := fmt.Errorf("%q is not a version of %s", clip(s), what)
			if s == "" || !bounded(s) {
				return 0, wrong
			}
			var err error
			if parsed[i], err = read(s); err != nil {
				return 0, wrong
			}
		}
		return compare(parsed[0], parsed[1]), nil
	}
}

func bounded(v string) bool {
	run := 0
	for i := range len(v) {
		if v[i] < '0' || v[i] > '9' {
			run = 0
		} else if run++; run > maxDigits {
			return false
		}
	}
	return len(v) <= maxVersion
}

// semantic orders as SemVer 2.0 section 11 does. Versions that differ in nothing but build
// metadata have no order there, and none here.
func semantic(a, b string) (int, error) {
	x, err := readSemantic(a)
	if err != nil {
		return 0, err
	}
	y, err := readSemantic(b)
	if err != nil {
		return 0, err
	}
	for i := range x.core {
		if c := compareNumbers(x.core[i], y.core[i]); c != 0 {
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
	if x.build != y.build {
		return 0, fmt.Errorf("%q and %q differ in build metadata only", clip(a), clip(b))
	}
	return 0, nil
}

type semver struct {
	core  []string
	pre   []string
	build string
}

func readSemantic(s string) (v semver, err error) {
	err = fmt.Errorf("%q is not a semantic version", clip(s))
	if len(s) > maxVersion {
		return v, err
	}
	rest, build, _ := strings.Cut(strings.TrimPrefix(s, "v"), "+")
	core, pre, hasPre := strings.Cut(rest, "-")
	v.core, v.build = strings.Split(core, "."), build
	if hasPre {
		v.pre = strings.Split(pre, ".")
	}
	if len(v.core) != 3 {
		return v, err
	}
	for _, n := range v.core {
		if n == "" || !isNumber(n) {
			return v, err
		}
	}
	for _, id := range v.pre {
		if id == "" {
			return v, err
		}
	}
	return v, nil
}

// compareIdentifiers orders the parts of a pre-release: numbers by value and before
// words, words by bytes, and what ends earlier first.
func compareIdentifiers(a, b []string) int {
	for i := range min(len(a), len(b)) {
		c := strings.Compare(a[i], b[i])
		switch x, y := isNumber(a[i]), isNumber(b[i]); {
		case x && y:
			c = compareNumbers(a[i], b[i])
		case x != y:
			c = compareTrue(y, x)
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
