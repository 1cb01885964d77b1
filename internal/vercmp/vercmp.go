// Package vercmp compares versions, and the parts of them that the orders of several
// ecosystems share.
//
// It guarantees that a version is read only when it is short enough to be compared
// exactly: one that is too long, or has a number that is, is an error and never equal to
// another. It knows no ranges, and no ecosystem beyond what its functions name.
//
// Start reading at [Deb].
package vercmp

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	apk "github.com/knqyf263/go-apk-version"
	deb "github.com/knqyf263/go-deb-version"

	"github.com/imagegate/imagegate/internal/words"
)

const (
	// MaxLength is the longest version that is compared, in bytes.
	MaxLength = 512
	// maxDigits is the longest number in one: the libraries count in machine words.
	maxDigits = 18
)

// Deb compares two versions as dpkg does: negative when a is older.
func Deb(a, b string) (int, error) {
	return Compare("dpkg", a, b, deb.NewVersion, func(a, b deb.Version) int { return a.Compare(b) })
}

// Apk compares two versions as apk does: negative when a is older.
func Apk(a, b string) (int, error) {
	return Compare("apk", a, b, apk.NewVersion, apk.Version.Compare)
}

// Compare compares two versions with a library's reader and comparison. The error says
// which is not a version of what.
func Compare[V any](what, a, b string, read func(string) (V, error), compare func(V, V) int) (int, error) {
	var parsed [2]V
	for i, s := range []string{a, b} {
		err := errors.New("too long")
		if s != "" && Bounded(s) {
			parsed[i], err = read(s)
		}
		if err != nil {
			return 0, fmt.Errorf("%q is not a version of %s", clip(s), what)
		}
	}
	return compare(parsed[0], parsed[1]), nil
}

// Bounded reports whether a version and each number in it are short enough to be compared.
func Bounded(v string) bool {
	run := 0
	for i := range len(v) {
		if v[i] < '0' || v[i] > '9' {
			run = 0
		} else if run++; run > maxDigits {
			return false
		}
	}
	return len(v) <= MaxLength
}

// Identifiers compares lists of identifiers as SemVer 2.0 section 11 does: numbers by
// value and before words, words by bytes, and what ends earlier first.
func Identifiers(a, b []string) int {
	for i := range min(len(a), len(b)) {
		c := strings.Compare(a[i], b[i])
		switch x, y := IsNumber(a[i]), IsNumber(b[i]); {
		case x && y:
			c = Numbers(a[i], b[i])
		case x:
			c = -1
		case y:
			c = 1
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// Numbers compares decimal numbers of any length.
func Numbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// IsNumber reports whether a text has digits only. "" has.
func IsNumber(s string) bool { return strings.Trim(s, "0123456789") == "" }

// clip keeps a stranger's text short in messages.
func clip(s string) string { return words.Clip(s, 80) }
