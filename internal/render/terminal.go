package render

import (
	"strings"
	"unicode"
)

// Terminal is one line of s that cannot colour, move or forge anything on a terminal or
// in the log of a workflow, for messages that quote an image or a registry.
func Terminal(s string) string { return plainLong(s) }

// TerminalLines is Terminal for each line of s; the line breaks stay.
func TerminalLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = plainLong(line)
	}
	return strings.Join(lines, "\n")
}

// maxMessage is the longest message that is printed, in bytes.
const maxMessage = 8 << 10

// plain is clean for a terminal that may be the log of a workflow, and no longer than
// a sentence.
func plain(s string) string { return defuse(cut(clean(s), maxSentence)) }

// plainLong is plain without the limit of a sentence: an error is printed whole.
func plainLong(s string) string { return defuse(cut(clean(s), maxMessage)) }

// defuse makes sure that no word of s can begin a workflow command, wherever a line
// is broken. The runner takes "::" at the beginning of a line, after any kind of
// space, and the older "##[" anywhere.
func defuse(s string) string {
	s = strings.ReplaceAll(s, "##[", "## [")
	if !strings.Contains(s, "::") {
		return s
	}
	var b strings.Builder
	begin := true // at the beginning of a word
	for i, c := range s {
		b.WriteRune(c)
		if begin && c == ':' && strings.HasPrefix(s[i+1:], ":") {
			b.WriteByte(' ') // what follows begins a word again
			continue
		}
		begin = unicode.IsSpace(c)
	}
	return b.String()
}
