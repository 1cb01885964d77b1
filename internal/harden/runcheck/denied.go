package runcheck

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// readOnlyError finds the message of EROFS as C libraries, Go, Java, Node.js and
// Python write it.
var (
	readOnlyError = regexp.MustCompile(`(?i)EROFS|read-only file ?system|Errno 30\b`)
	quotedPath    = regexp.MustCompile("['\"`\u2018\u201c]([^'\"`\u2018\u2019\u201c\u201d]{1,400})['\"`\u2019\u201d]")
	quotedRoot    = regexp.MustCompile("['\"`\u2018\u201c](/[^'\"`\u2018\u2019\u201c\u201d]{0,400})['\"`\u2019\u201d]")
	barePath      = regexp.MustCompile(`(?:^|[\s(=:])(/[^\s:'",;()]{1,400})`)
)

// Denied returns the paths that lines of output name beside the message of EROFS.
// Relative ones are taken from the working directory.
func Denied(lines []string, workdir string) []string {
	if workdir == "" {
		workdir = "/"
	}
	var out []string
	for _, line := range lines {
		if !readOnlyError.MatchString(line) || len(out) >= 100 {
			continue
		}
		name := ""
		if m := quotedRoot.FindStringSubmatch(line); m != nil {
			name = m[1]
		} else if m := barePath.FindStringSubmatch(line); m != nil {
			name = m[1]
		} else {
			for _, m := range quotedPath.FindAllStringSubmatch(line, -1) {
				if !strings.Contains(m[1], " ") {
					name = m[1]
				}
			}
		}
		if name == "" {
			continue
		}
		if !path.IsAbs(name) {
			name = path.Join(workdir, name)
		}
		out = append(out, path.Clean(name))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
