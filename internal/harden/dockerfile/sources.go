package dockerfile

import (
	"regexp"
	"strings"
)

// remote reports whether a source of ADD is fetched: an HTTP URL or a git repository.
func remote(src string) (kind string) {
	l := strings.ToLower(src)
	switch {
	case strings.HasPrefix(l, "git://"), strings.HasPrefix(l, "git@"), strings.HasPrefix(l, "ssh://"),
		strings.HasPrefix(l, "http") && gitPath.MatchString(l):
		return "git"
	case strings.HasPrefix(l, "http://"), strings.HasPrefix(l, "https://"):
		return "url"
	}
	return ""
}

var gitPath = regexp.MustCompile(`\.git([#?]|$)`)
