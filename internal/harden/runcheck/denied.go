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
	// behind finds the path where Node.js and Python write it.
	behind = regexp.MustCompile("^[^'\"`/]{0,40}['\"`]([^'\"`]{1,400})['\"`]")
)

// Denied returns the paths that lines of output name beside the message of EROFS.
// Relative ones are taken from the working directory.
func Denied(lines []string, workdir string) []string {
	if workdir == "" {
		workdir = "/"
	}
	var out []string
	for _, line := range lines {
		if len(out) >= 100 {
			break
		}
		name := deniedPath(line)
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

// deniedPath finds the path that one line is about: quoted right behind the message, or
// else the last one before it, since what stands earlier is who is talking, or else the
// first one behind it.
func deniedPath(line string) string {
	at := readOnlyError.FindAllStringIndex(line, -1)
	if at == nil {
		return ""
	}
	before, after := line[:at[0][0]], line[at[len(at)-1][1]:]
	if m := behind.FindStringSubmatch(after); m != nil && !strings.Contains(m[1], " ") {
		return m[1]
	}
	last := func(text string) (name string) {
		at := -1
		for _, form := range []*regexp.Regexp{quotedPath, quotedRoot, barePath} {
			for _, m := range form.FindAllStringSubmatchIndex(text, -1) {
				if p := text[m[2]:m[3]]; m[2] > at && (strings.HasPrefix(p, "/") || !strings.Contains(p, " ")) {
					at, name = m[2], p
				}
			}
		}
		return name
	}
	if name := last(before); name != "" {
		return name
	}
	if m := barePath.FindStringSubmatch(after); m != nil {
		return m[1]
	}
	return ""
}
