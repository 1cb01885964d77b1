package dockerfile

import (
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// ignorePatterns are the lines of a .dockerignore in order; the last match decides.
type ignorePatterns []ignorePattern

type ignorePattern struct {
	keep bool // the line began with "!"
	form *regexp.Regexp
}

// maxIgnoreLines bounds a .dockerignore.
const maxIgnoreLines = 2000

// parseIgnore reads the lines as BuildKit does: "#" starts a comment only at the
// beginning, "**" matches any number of directories, a pattern covers everything
// below what it names. Lines that are no pattern are left out, which is the safe
// side: they exclude nothing.
func parseIgnore(lines []string) ignorePatterns {
	var out ignorePatterns
	for i, line := range lines {
		if i == 0 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		if i >= maxIgnoreLines {
			break
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.TrimSpace(line)
		if line == "" || len(line) > 4096 {
			continue
		}
		p := ignorePattern{}
		if rest, ok := strings.CutPrefix(line, "!"); ok {
			p.keep, line = true, strings.TrimSpace(rest)
		}
		line = strings.TrimPrefix(path.Clean(strings.ReplaceAll(line, `\`, "/")), "/")
		if line == "." || line == "" {
			continue
		}
		form, err := regexp.Compile(glob(line))
		if err != nil {
			continue
		}
		p.form = form
		out = append(out, p)
	}
	return out
}

// glob translates a pattern into an expression that also matches what is below it.
func glob(pattern string) string {
	var b strings.Builder
	b.WriteString("^")
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '*':
			if i+1 < len(pattern) && pattern[i+1] == '*' {
				i++
				if i+1 < len(pattern) && pattern[i+1] == '/' {
					i++
					b.WriteString("(.*/)?")
				} else {
					b.WriteString(".*")
				}
			} else {
				b.WriteString("[^/]*")
			}
		case '?':
			b.WriteString("[^/]")
		case '[':
			end := strings.IndexByte(pattern[i+1:], ']')
			if end < 1 {
				b.WriteString(`\[`)
				break
			}
			set := pattern[i+1 : i+1+end]
			b.WriteString("[" + strings.ReplaceAll(set, `[`, `\[`) + "]")
			i += end + 1
		default:
			_, n := utf8.DecodeRuneInString(pattern[i:])
			b.WriteString(regexp.QuoteMeta(pattern[i : i+n]))
			i += n - 1
		}
	}
	b.WriteString("(/.*)?$")
	return b.String()
}

// excludes reports whether name stays out of the context.
func (ps ignorePatterns) excludes(name string) bool {
	out := false
	for _, p := range ps {
		if p.form.MatchString(name) {
			out = !p.keep
		}
	}
	return out
}

// open names what must stay out of the context and does not.
func (ps ignorePatterns) open() []string {
	var out []string
	for _, f := range []string{".git/config", ".env", ".env.production"} {
		if !ps.excludes(f) {
			out = append(out, strings.TrimSuffix(f, "/config"))
		}
	}
	return out
}
