package render

import "strings"

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

// plainLong is plain without the limit of a sentence: an error is printed whole.
func plainLong(s string) string {
	s = strings.ReplaceAll(cut(clean(s), maxMessage), "##[", "## [")
	s = strings.ReplaceAll(" "+s, " ::", " : :")[1:]
	return strings.TrimSpace(s)
}
