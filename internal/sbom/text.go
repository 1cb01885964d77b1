package sbom

import (
	"fmt"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/words"
)

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// some are the first of the names.
func some(names []string) string { return words.List(names, 5) }

// reasons puts what Syft says of one file into one line.
func reasons(said []string) string {
	said = slices.Clone(said)
	slices.Sort(said)
	for i := range said {
		said[i] = clip(strings.Join(strings.Fields(said[i]), " "))
	}
	const most = 3
	if n := len(said) - most; n > 0 {
		return strings.Join(said[:most], "; ") + fmt.Sprintf("; and %d more", n)
	}
	return strings.Join(said, "; ")
}

// clip cuts text of the image off where it is longer than a message should be.
func clip(s string) string { return words.Clip(s, 300) }
