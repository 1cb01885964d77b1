package render

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mark stands for what was cut away within a text.
const mark = "…"

// clean makes one line of printable text of s, for any format. Line breaks and tabs
// become spaces. Control characters (ANSI sequences begin with one), characters that
// only format (the bidirectional overrides, zero-width ones, tags), private ones and
// broken UTF-8 become U+FFFD: a reader sees that something was there.
func clean(s string) string {
	if plainASCII(s) {
		return s
	}
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	return strings.TrimSpace(strings.Map(func(c rune) rune {
		switch {
		case c == '\n', c == '\r', c == '\t', unicode.Is(unicode.Zl, c), unicode.Is(unicode.Zp, c):
			return ' '
		case unicode.Is(unicode.C, c):
			return utf8.RuneError
		}
		return c
	}, s))
}

// plainASCII reports whether clean has nothing to do, which is the usual case: a report
// has hundreds of thousands of such texts.
func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s == "" || s[0] != ' ' && s[len(s)-1] != ' '
}

// cut shortens s to at most n bytes, at a character, and shows that it did.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	end := max(n-len(mark), 0)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}

// The longest hostile texts in a summary, in bytes before escaping: a word such as a
// package name, and a sentence.
const (
	maxWord     = 200
	maxSentence = 600
)

// breaker is an empty HTML comment. GitHub looks for mentions, issue numbers and mail
// addresses in the text after entities were decoded; a comment between the characters
// is what stops it.
const breaker = "<!-- -->"

// escape neutralises s for Markdown as GitHub renders it, in a paragraph, a list item
// or a table cell. Letters, digits and some harmless punctuation stay, everything
// else becomes a numeric entity: CommonMark 0.31 section 2.5 says that entities never
// have a structural meaning. A backslash escape would not do, because a backslash of
// the input could cancel it.
func escape(s string) string {
	s = clean(s)
	var b strings.Builder
	b.Grow(len(s) + 16)
	for i, c := range s {
		switch {
		case c >= utf8.RuneSelf, c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
			b.WriteRune(c)
		case c == '@', c == '#':
			fmt.Fprintf(&b, "&#%d;%s", c, breaker)
		case c == '.' && hasSuffixFold(s[:i], "www"):
			b.WriteString(breaker + "&#46;")
		case c == '-' && hasSuffixFold(s[:i], "gh"): // GH-1 names an issue
			b.WriteString("-" + breaker)
		case strings.ContainsRune(" .,-+/=%;?", c):
			b.WriteRune(c)
		default:
			fmt.Fprintf(&b, "&#%d;", c)
		}
	}
	return b.String()
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

// word, sentence and code are escape with a limit, for a name, for a sentence, and
// for a name in a fixed-width font.
func word(s string) string     { return escape(cut(clean(s), maxWord)) }
func sentence(s string) string { return escape(cut(clean(s), maxSentence)) }
func code(s string) string {
	if s = word(s); s == "" {
		return ""
	}
	return "<code>" + s + "</code>"
}
