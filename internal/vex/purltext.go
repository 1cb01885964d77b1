package vex

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The text work under [parsePURL]: escapes, paths, case.

const hexDigits = "0123456789ABCDEF"

// unescape decodes %XX once. A lone "%" and control characters are errors: neither
// has an honest use in a package URL.
func unescape(s string) (string, error) {
	if strings.IndexByte(s, '%') < 0 {
		return s, noControl(s)
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", errors.New("broken percent escape")
		}
		hi, lo := unhex(s[i+1]), unhex(s[i+2])
		if hi < 0 || lo < 0 {
			return "", errors.New("broken percent escape")
		}
		b = append(b, byte(hi<<4|lo))
		i += 2
	}
	return string(b), noControl(string(b))
}

func noControl(s string) error {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return fmt.Errorf("control character %#02x", s[i])
		}
	}
	return nil
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	default:
		return -1
	}
}

// escape encodes all but unreserved characters and the colon, as the PURL
// specification wants it ("Character encoding").
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9',
			c == '.', c == '-', c == '_', c == '~', c == ':':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

// parseQualifiers reads "a=b&c=d". Keys fold to lower case, empty values are absent
// ones, and a key given twice is an error.
func parseQualifiers(s string) ([]qualifier, error) {
	if s == "" {
		return nil, nil
	}
	var out []qualifier
	for pair := range strings.SplitSeq(s, "&") {
		key, value, _ := strings.Cut(pair, "=")
		key = lower(key)
		value, err := unescape(value)
		if err != nil {
			return nil, err
		}
		if value == "" {
			continue
		}
		if strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" || key == "" {
			return nil, fmt.Errorf("qualifier key %q", key)
		}
		out = append(out, qualifier{key, value})
	}
	slices.SortFunc(out, func(a, b qualifier) int { return cmp.Compare(a.key, b.key) })
	for i := 1; i < len(out); i++ {
		if out[i].key == out[i-1].key {
			return nil, fmt.Errorf("qualifier %q given twice", out[i].key)
		}
	}
	return out, nil
}

func validType(s string) bool {
	return s != "" && strings.Trim(lower(s), "abcdefghijklmnopqrstuvwxyz0123456789.+-") == ""
}

// cutLast cuts s around the last sep.
func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// cleanPath drops empty segments.
func cleanPath(s string) string {
	if s == "" || !strings.HasPrefix(s, "/") && !strings.HasSuffix(s, "/") && !strings.Contains(s, "//") {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '/' }), "/")
}

// lower folds ASCII letters only, so that it can neither change a length nor depend
// on a locale.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if c := b[i]; c >= 'A' && c <= 'Z' {
					b[i] = c + 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// foldRuns makes each run of "-", "_" and "." one "-".
func foldRuns(s string) string {
	if !strings.ContainsAny(s, "_.") && !strings.Contains(s, "--") {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c != '-' && c != '_' && c != '.' {
			b.WriteByte(c)
		} else if i == 0 || !strings.ContainsRune("-_.", rune(s[i-1])) {
			b.WriteByte('-')
		}
	}
	return b.String()
}
