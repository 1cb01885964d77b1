package vex

import (
	"fmt"
	"strings"

	pep440 "github.com/aquasecurity/go-pep440-version"
	maven "github.com/masahiro331/go-mvn-version"

	"github.com/imagegate/imagegate/internal/vercmp"
)

// order compares two versions of one type of package: negative when a is older.
type order func(a, b string) (int, error)

// orderOf is the order of a type's versions; nil for one that is not known.
func orderOf(typ string) order {
	switch typ {
	case "npm", "cargo", "golang":
		return semantic
	case "deb":
		return vercmp.Deb
	case "apk":
		return vercmp.Apk
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

// comparing makes an order of a library's reader and comparison.
func comparing[V any](what string, read func(string) (V, error), compare func(V, V) int) order {
	return func(a, b string) (int, error) { return vercmp.Compare(what, a, b, read, compare) }
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
		if c := vercmp.Numbers(x.core[i], y.core[i]); c != 0 {
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
	if len(s) > vercmp.MaxLength {
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
		if n == "" || !vercmp.IsNumber(n) {
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
