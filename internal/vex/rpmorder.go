package vex

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/imagegate/imagegate/internal/vercmp"
)

// rpmOrder compares "epoch:version-release" as rpm does. Of two versions of which only one
// has a release nothing tells whether they are equal.
func rpmOrder(a, b string) (int, error) {
	var epoch, version, release [2]string
	for i, s := range []string{a, b} {
		if s == "" || !vercmp.Bounded(s) || strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.:-_+~^") != "" {
			return 0, fmt.Errorf("%q is not a version of rpm", clip(s))
		}
		before, rest, ok := strings.Cut(s, ":")
		if !ok {
			before, rest = "", s
		}
		if !vercmp.IsNumber(before) || strings.Contains(rest, ":") {
			return 0, fmt.Errorf("%q is not a version of rpm", clip(s))
		}
		epoch[i] = before
		version[i], release[i], _ = cutLast(rest, '-')
	}
	if c := cmp.Or(vercmp.Numbers(epoch[0], epoch[1]), rpmCompare(version[0], version[1])); c != 0 {
		return c, nil
	}
	if (release[0] == "") != (release[1] == "") {
		return 0, fmt.Errorf("of %q and %q only one has a release", clip(a), clip(b))
	}
	return rpmCompare(release[0], release[1]), nil
}

// rpmCompare is rpm's rpmvercmp: runs of digits and of letters by turns, where "~" comes
// before the end and "^" after it.
func rpmCompare(a, b string) int {
	for {
		a, b = strings.TrimLeft(a, ".-_+"), strings.TrimLeft(b, ".-_+")
		switch x, y := strings.HasPrefix(a, "~"), strings.HasPrefix(b, "~"); {
		case x && y:
			a, b = a[1:], b[1:]
			continue
		case x || y:
			return compareTrue(y, x)
		}
		switch x, y := strings.HasPrefix(a, "^"), strings.HasPrefix(b, "^"); {
		case x && y:
			a, b = a[1:], b[1:]
			continue
		case x && b == "":
			return 1
		case y && a == "":
			return -1
		case x || y:
			return compareTrue(y, x)
		}
		if a == "" || b == "" {
			return compareTrue(a != "", b != "")
		}
		set := "0123456789"
		number := strings.IndexByte(set, a[0]) >= 0
		if !number {
			set = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		}
		restA, restB := strings.TrimLeft(a, set), strings.TrimLeft(b, set)
		partA, partB := a[:len(a)-len(restA)], b[:len(b)-len(restB)]
		if partB == "" { // of another kind: digits are newer than letters
			return compareTrue(number, !number)
		}
		c := strings.Compare(partA, partB)
		if number {
			c = vercmp.Numbers(partA, partB)
		}
		if c != 0 {
			return c
		}
		a, b = restA, restB
	}
}
