// Package words makes what a stranger wrote short enough for a sentence. It neutralises
// nothing: that is for the renderer, which knows its format.
//
// Start reading at [Clip].
package words

import (
	"fmt"
	"strings"
)

// Clip cuts s off after at most most bytes, never inside a character, and marks the cut.
func Clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// List joins at most most names and says how many more there are.
func List(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
