package imagecheck

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/dockerfile"
	"github.com/imagegate/imagegate/internal/report"
)

// argv is what a runtime starts: Entrypoint and Cmd (OCI image-spec, config.md).
func (p *pass) argv() []string {
	return slices.Concat(p.in.Config.Config.Entrypoint, p.in.Config.Config.Cmd)
}

// program finds the file that argv[0] names, by PATH and working directory.
func (p *pass) program(name string) (string, fs.FileInfo) {
	c := p.in.Config.Config
	var candidates []string
	if strings.Contains(name, "/") {
		if !strings.HasPrefix(name, "/") {
			name = path.Join("/", c.WorkingDir, name)
		}
		candidates = []string{name}
	} else {
		search := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
		for _, kv := range c.Env {
			if v, ok := strings.CutPrefix(kv, "PATH="); ok {
				search = v
			}
		}
		for _, dir := range strings.Split(search, ":") {
			candidates = append(candidates, path.Join("/", dir, name))
		}
	}
	var first string
	var found fs.FileInfo
	for i, f := range candidates {
		rel := strings.TrimPrefix(path.Clean(f), "/")
		if i > 200 || rel == "" || !fs.ValidPath(rel) {
			continue
		}
		info, err := fs.Stat(p.in.FS, rel)
		switch {
		case err != nil || info.IsDir():
		case info.Mode().Perm()&0o111 != 0:
			return rel, info
		case found == nil:
			first, found = rel, info // a search passes over it when there is a better one
		}
	}
	return first, found
}

var entrypoint = &rule{
	Check: check.Check{
		ID: "HIG-I012", Title: "The program that is started is there and executable", Kind: check.Image, Severity: report.High,
		Why:        "An image that cannot start is found out in production; one whose entrypoint is a missing file may be completed by a mount that nobody checked.",
		Remedy:     "Correct ENTRYPOINT or CMD, or the mode of the file (COPY --chmod=0755).",
		References: check.References{NIST: []string{"4.1.2"}},
		Bad:        `{"config": {"User": "65532", "Entrypoint": ["/app"]}, "files": [{"path": "app", "mode": "0644"}]}`,
		Good:       baseExample,
	},
	run: func(p *pass) {
		words := p.argv()
		switch {
		case len(words) == 0 || words[0] == "":
			p.NotApplicablef("the image names no program: it is a base for others")
			return
		case p.in.FS == nil:
			p.Undecidedf(check.At{}, "the root file system was not read")
			return
		}
		name, info := p.program(words[0])
		switch {
		case info == nil:
			p.Failf(key("config.Entrypoint"), "%s is not in the image", check.Quote(words[0]))
		case info.Mode().Perm()&0o111 == 0:
			p.Failf(file(name), "the program that is started is not executable (mode %04o)", info.Mode().Perm())
		case p.user.uid > 0 && !p.mayRun(info):
			p.Failf(file(name), "the default user %d may not execute the program (mode %04o)", p.user.uid, info.Mode().Perm())
		case p.user.uid > 0 && p.unreachable(name) != "":
			p.Failf(file(p.unreachable(name)), "the default user %d may not enter the directory of the program", p.user.uid)
		default:
			if why := p.unstartable(name); why != "" {
				p.Failf(file(name), "the program cannot be started: %s", why)
			}
			p.Passf("/%s", check.Cut(name))
		}
	},
}

func (p *pass) mayRun(info fs.FileInfo) bool {
	m, perm := p.in.Meta(info), info.Mode().Perm()
	switch {
	case !m.Known:
		return true
	case m.UID == p.user.uid:
		return perm&0o100 != 0
	case m.GID == p.user.gid:
		return perm&0o010 != 0
	default:
		return perm&0o001 != 0
	}
}

var signals = &rule{
	Check: check.Check{
		ID: "HIG-I013", Title: "PID 1 receives signals", Kind: check.Image, Severity: report.Medium,
		Why:        "PID 1 gets SIGTERM and has no default action for it. A shell or a package runner there drops it: connections break, data is lost, and zombies stay.",
		Remedy:     "Start the program itself in exec form, or a small init such as tini in front of it; end scripts with exec.",
		References: check.References{NIST: []string{"4.4.3"}, Aliases: []string{"DL3025"}},
		Bad:        `{"config": {"User": "65532", "Cmd": ["/bin/sh", "-c", "java -jar /app.jar"]}, "files": [{"path": "bin/sh", "mode": "0755"}]}`,
		Good:       baseExample,
	},
	run: func(p *pass) {
		words := p.argv()
		if len(words) == 0 {
			p.NotApplicablef("the image names no program")
			return
		}
		why, sure := dockerfile.PID1(words)
		if why != "" && sure {
			p.Failf(key("config.Entrypoint"), "%s", why)
			return
		}
		if p.in.FS != nil {
			name, info := p.program(scriptOf(words))
			if info != nil {
				switch kind := script(p.in.FS, name); kind {
				case scriptExec:
					p.Passf("the script /%s ends in exec", check.Cut(name))
					return
				case scriptPlain:
					p.Failf(file(name), "PID 1 is a shell script that never does exec, so the program gets no signal")
					return
				}
			}
		}
		if why != "" {
			p.Undecidedf(key("config.Entrypoint"), "%s", why)
			return
		}
		p.Passf("PID 1 is %s", check.Quote(path.Base(words[0])))
	},
}

// scriptOf is the file that is interpreted: the program, or what a shell is given.
func scriptOf(words []string) string {
	switch path.Base(words[0]) {
	case "sh", "bash", "ash", "dash":
		for _, w := range words[1:] {
			if !strings.HasPrefix(w, "-") {
				return w
			}
		}
	}
	return words[0]
}

type scriptKind int

const (
	scriptNone  scriptKind = iota // no shell script
	scriptPlain                   // one that never replaces itself
	scriptExec                    // one that does
)

// script looks into a file for a shell's first line and for exec.
func script(fsys fs.FS, name string) scriptKind {
	data, err := peek(fsys, name, maxPeek)
	if err != nil {
		return scriptNone
	}
	first, rest, _ := strings.Cut(string(data), "\n")
	if !strings.HasPrefix(first, "#!") || !strings.Contains(first, "sh") {
		return scriptNone
	}
	for _, line := range strings.FieldsFunc(rest, func(r rune) bool { return r == '\n' || r == ';' || r == '&' || r == '|' }) {
		f := strings.Fields(line)
		if len(f) > 0 && (f[0] == "then" || f[0] == "else" || f[0] == "do" || f[0] == "{") {
			f = f[1:]
		}
		// With nothing but a redirection exec replaces no program.
		if len(f) > 1 && f[0] == "exec" && !strings.HasPrefix(strings.TrimLeft(f[1], "0123456789"), ">") && !strings.HasPrefix(strings.TrimLeft(f[1], "0123456789"), "<") {
			return scriptExec
		}
	}
	return scriptPlain
}

var stopSignal = &rule{
	Check: check.Check{
		ID: "HIG-I014", Title: "The stop signal can be handled by the program", Kind: check.Image, Severity: report.Low,
		Why:        "SIGKILL and SIGSTOP cannot be caught, so every stop of the container is a crash.",
		Remedy:     "Leave STOPSIGNAL out (it is SIGTERM then) or name the signal for which the program shuts down in order.",
		References: check.References{NIST: []string{"4.4.3"}},
		Bad:        `{"config": {"User": "65532", "StopSignal": "SIGKILL"}, "files": []}`,
		Good:       `{"config": {"User": "65532", "StopSignal": "SIGQUIT"}, "files": []}`,
	},
	run: func(p *pass) {
		s := p.in.Config.Config.StopSignal
		if ok, why := dockerfile.StopSignal(s); !ok {
			p.Failf(key("config.StopSignal"), "the stop signal %s %s", check.Quote(s), why)
			return
		}
		p.Passf("the stop signal is %s", or(check.Cut(s), "SIGTERM"))
	},
}

var healthcheck = &rule{
	Check: check.Check{
		ID: "HIG-I015", Title: "The image has a health check that can run", Kind: check.Image, Severity: report.Low,
		Why:        "Without one Docker and Compose take a hung process for a running one; one that needs a shell that is not there makes the container unhealthy for ever. Kubernetes uses probes instead.",
		Remedy:     "Add HEALTHCHECK CMD [\"/app\", \"health\"] with a program that is in the image; silence this where only Kubernetes runs it.",
		References: check.References{CIS: []string{"4.6"}, Aliases: []string{"CIS-DI-0006", "CKV_DOCKER_2"}},
		Bad:        `{"config": {"User": "65532", "Healthcheck": {"Test": ["CMD-SHELL", "curl -f http://localhost/"]}}, "files": [{"path": "app", "mode": "0755"}]}`,
		Good:       `{"config": {"User": "65532", "Healthcheck": {"Test": ["CMD", "/app", "health"]}}, "files": [{"path": "app", "mode": "0755"}]}`,
	},
	run: func(p *pass) {
		h := p.in.Config.Config.Healthcheck
		where := key("config.Healthcheck")
		switch {
		case h == nil || len(h.Test) == 0:
			p.Failf(where, "the image has no health check")
		case h.Test[0] == "NONE":
			p.Failf(where, "the health check is switched off")
		case p.in.FS == nil:
			p.Undecidedf(where, "whether it can run is not known: the root file system was not read")
		case h.Test[0] == "CMD-SHELL" && p.missing(p.shell()):
			p.Failf(where, "the health check needs a shell and the image has none")
		case h.Test[0] != "CMD" && h.Test[0] != "CMD-SHELL", len(h.Test) < 2:
			p.Failf(where, "the health check %s names no program", check.Quote(strings.Join(h.Test, " ")))
		case h.Test[0] == "CMD" && p.missing(h.Test[1]):
			p.Failf(where, "the health check starts %s, which is not in the image", check.Quote(h.Test[1]))
		case h.Test[0] == "CMD-SHELL" && p.missing(p.firstProgram(h.Test[1])):
			what := check.Quote(p.firstProgram(h.Test[1]))
			if slices.ContainsFunc(p.shells, func(f string) bool { return strings.HasPrefix(path.Base(f), "busybox") }) {
				p.Undecidedf(where, "the health check starts %s, which is not in the image; busybox may have it built in", what)
				return
			}
			p.Failf(where, "the health check starts %s, which is not in the image", what)
		default:
			p.Passf("%s", check.Cut(strings.Join(h.Test, " ")))
		}
	},
}

// firstProgram is the program that a simple command line starts first, or the shell
// itself when that is not plain to see.
func (p *pass) firstProgram(line string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	shell := p.shell()
	if !slices.Contains(posixShells, path.Base(shell)) || !plainProgram.MatchString(word) || slices.Contains(builtins, word) {
		return shell
	}
	return word
}

var posixShells = []string{"sh", "ash", "bash", "dash", "ksh", "zsh"}

var plainProgram = regexp.MustCompile(`^[A-Za-z0-9_./-]+$`)

// builtins are words that a shell knows by itself (POSIX.1-2017, Shell Command
// Language), and those that are often built in.
var builtins = []string{
	".", "alias", "bg", "break", "case", "cd", "command", "continue", "do", "done", "echo", "elif", "else", "esac", "eval", "exec", "exit", "export",
	"false", "fg", "fi", "for", "getopts", "hash", "if", "in", "jobs", "kill", "local", "printf", "pwd", "read", "readonly", "return", "set", "shift",
	"source", "test", "then", "time", "times", "trap", "true", "type", "ulimit", "umask", "unalias", "unset", "until", "wait", "while",
}

// shell is the program that runs commands in shell form: /bin/sh, or the image's own.
func (p *pass) shell() string {
	if s := p.in.Config.Config.Shell; len(s) > 0 {
		return s[0]
	}
	return "/bin/sh"
}

func (p *pass) missing(name string) bool {
	_, info := p.program(name)
	return info == nil
}
