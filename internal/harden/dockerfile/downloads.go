package dockerfile

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/script"
)

// downloads follows what the commands of a stage fetch, until something looks at it or
// runs it.
type downloads struct {
	// files are those that were downloaded and not looked at since, with the program
	// that did it.
	files map[string]string
}

// run follows the commands of one RUN. It says what is run unseen, or nothing.
func (d *downloads) run(cmds []script.Command) string {
	vars := map[string]string{} // variables that hold a download
	source := ""                // the downloader that feeds the pipeline at hand
	for i, c := range cmds {
		name, args := c.Name()
		if !c.Piped || i == 0 {
			source = ""
		}
		if source != "" {
			if by, ok := interpreter(c); ok {
				return source + " is piped into " + by
			}
			if name == "tee" {
				for _, a := range args {
					if !strings.HasPrefix(a, "-") {
						d.files[path.Clean(a)] = source
					}
				}
			}
			for _, f := range c.Redirect {
				d.files[path.Clean(f)] = source
			}
		}
		if file, ok := downloader(c); ok {
			if file == "-" || file == "/dev/stdout" {
				source = name
			} else {
				d.files[path.Clean(file)] = name
			}
		}
		held := holds(c, vars)
		switch by := fetches(c.Subs); {
		case by != "" && runsText(c):
			return by + " feeds " + name
		case held != "" && runsText(c):
			return held + " fills a variable that " + name + " runs"
		case held != "" && (name == "echo" || name == "printf"):
			source = held
		case by != "" && len(c.Words) == 0:
			for _, kv := range c.Assign {
				v, _, _ := strings.Cut(kv, "=")
				vars[v] = by
			}
		}
		if what := (&downloads{files: d.files}).run(c.Subs); what != "" {
			return what
		}
		if looksAt(c) {
			clear(d.files)
		}
		if file := programFile(c); file != "" {
			if by := d.by(file); by != "" {
				return check.Cut(file) + " is downloaded by " + by + " and run without a look at its digest"
			}
		}
	}
	return ""
}

// by names the program that downloaded a file. Where one of two paths is relative, the
// name decides: the directory may have changed.
func (d *downloads) by(file string) string {
	file = path.Clean(file)
	if by := d.files[file]; by != "" {
		return by
	}
	for _, known := range slices.Sorted(maps.Keys(d.files)) {
		if (!path.IsAbs(known) || !path.IsAbs(file)) && path.Base(known) == path.Base(file) {
			return d.files[known]
		}
	}
	return ""
}

// downloader reports whether a command fetches something and writes it to standard
// output ("-") or to the file that it returns.
func downloader(c script.Command) (file string, ok bool) {
	name, args := c.Name()
	dir := ""
	switch name {
	case "curl":
		remoteName := false
		for i, a := range args {
			short := strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--")
			next := ""
			if i+1 < len(args) {
				next = args[i+1]
			}
			switch value, attached := strings.CutPrefix(a, "--output="); {
			case attached:
				return value, true
			case a == "--output-dir":
				dir = next
			case next != "" && (a == "--output" || short && strings.HasSuffix(a, "o")):
				return next, true
			case short && len(a) > 2 && a[1] == 'o':
				return a[2:], true
			case a == "--remote-name" || a == "--remote-name-all" || short && strings.Contains(a, "O"):
				remoteName = true
			}
		}
		if remoteName {
			return path.Join(dir, urlName(args)), true
		}
	case "wget":
		for i, a := range args {
			next := ""
			if i+1 < len(args) {
				next = args[i+1]
			}
			if strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") {
				if _, f, found := strings.Cut(a, "O"); found && f != "" {
					return f, true
				} else if found && next != "" {
					return next, true
				}
				if _, f, found := strings.Cut(a, "P"); found {
					dir = f
					if f == "" {
						dir = next
					}
				}
			}
			if f, found := strings.CutPrefix(a, "--output-document="); found {
				return f, true
			}
			if f, found := strings.CutPrefix(a, "--directory-prefix="); found {
				dir = f
			}
		}
		if len(args) > 0 {
			return path.Join(dir, urlName(args)), true
		}
	case "fetch", "aria2c", "http", "https":
	default:
		return "", false
	}
	if len(c.Redirect) > 0 {
		return c.Redirect[len(c.Redirect)-1], true
	}
	return "-", true
}

// urlName is the file name in the URL among args.
func urlName(args []string) string {
	url := args[len(args)-1]
	if i := slices.IndexFunc(args, func(a string) bool { return strings.Contains(a, "://") }); i >= 0 {
		url = args[i]
	}
	url, _, _ = strings.Cut(url, "?")
	return path.Base(url)
}

// added is where ADD puts a URL: below a directory, or at the path itself.
func added(dest, src string) string {
	if strings.HasSuffix(dest, "/") || dest == "." {
		return path.Join(dest, urlName([]string{src}))
	}
	return path.Clean(dest)
}

// language reports whether name runs programs that are text, beside the shells.
func language(name string) bool {
	return strings.HasPrefix(name, "python") || name == "perl" || name == "ruby" || name == "node" || name == "php"
}

// interpreter reports whether a command runs its standard input as a program.
func interpreter(c script.Command) (string, bool) {
	name, args := c.Name()
	if script.Shell(name) {
		letters, rest := script.ShellOptions(args)
		switch {
		case strings.Contains(letters, "s"):
			return name, true
		case strings.Contains(letters, "c"):
			return name, len(rest) == 0 // xargs sh -c: the script comes from there
		}
		return name, len(rest) == 0 || rest[0] == "-" || rest[0] == "/dev/stdin"
	}
	if !language(name) {
		return "", false
	}
	for _, a := range args {
		switch {
		case a == "-" || a == "/dev/stdin":
			return name, true
		case !strings.HasPrefix(a, "-"), a == "-c", a == "-m", a == "-e", a == "-r", a == "-p", strings.HasPrefix(a, "-n"), strings.HasPrefix(a, "-pe"):
			return "", false
		}
	}
	return name, true
}

// runsText reports whether a command takes the text in its words, or in a file that a
// process substitution makes, for a program.
func runsText(c script.Command) bool {
	name, args := c.Name()
	switch {
	case script.Shell(name), name == "eval", name == "source", name == ".":
		return true
	case language(name):
		return slices.ContainsFunc(args, func(a string) bool { return a == "-c" || a == "-e" || a == "-r" })
	}
	return false
}

// fetches names the downloader among commands whose output is taken.
func fetches(cmds []script.Command) string {
	for _, c := range cmds {
		if f, ok := downloader(c); ok && f == "-" {
			name, _ := c.Name()
			return name
		}
	}
	return ""
}

// holds names the downloader that filled a variable in the words of a command.
func holds(c script.Command, vars map[string]string) string {
	for _, v := range slices.Sorted(maps.Keys(vars)) {
		if slices.ContainsFunc(c.Words, func(w string) bool { return needs(w, v) }) {
			return vars[v]
		}
	}
	return ""
}

// looksAt reports whether a command, or one inside it, compares a digest or a signature.
func looksAt(c script.Command) bool {
	found := false
	script.Walk([]script.Command{c}, func(c script.Command) {
		switch name, _ := c.Name(); name {
		case "sha256sum", "sha512sum", "sha384sum", "sha1sum", "md5sum", "shasum", "b2sum", "gpg", "gpgv", "gpg2", "cosign", "openssl", "minisign", "signify", "rhash":
			found = true
		}
	})
	return found
}

// programFile is the file that a command runs: the script of an interpreter, or itself.
func programFile(c script.Command) string {
	name, args := c.Name()
	switch {
	case (script.Shell(name) || name == "source" || name == "." || language(name)) && len(args) > 0:
		return firstWord(args)
	case len(c.Words) > 0 && strings.Contains(c.Words[0], "/"):
		return c.Words[0]
	}
	return ""
}

// powershell reports whether text has PowerShell run what it downloads, in either order:
// iex (irm URL), irm URL | iex.
func powershell(text string) bool {
	return invokes.MatchString(text) && webRequest.MatchString(text)
}

var (
	invokes    = regexp.MustCompile(`(?i)\b(iex|invoke-expression)\b`)
	webRequest = regexp.MustCompile(`(?i)\b(downloadstring|invoke-webrequest|iwr|invoke-restmethod|irm)\b`)
)
