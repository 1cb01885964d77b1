package dockerfile

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/script"
	"github.com/imagegate/imagegate/internal/report"
)

// execForm looks at every ENTRYPOINT and CMD, since each stage can be built.
var execForm = &rule{
	Check: check.Check{
		ID: "HIG-D008", Title: "ENTRYPOINT and CMD use the exec form", Kind: check.Dockerfile, Severity: report.Medium,
		Why:        "The shell form puts a shell in front of the program: it needs a shell in the image, and it keeps SIGTERM for itself, so every stop ends with SIGKILL.",
		Remedy:     "Write the command as a JSON list: CMD [\"program\", \"argument\"].",
		References: check.References{NIST: []string{"4.1.2"}, Aliases: []string{"DL3025"}},
		Bad:        "FROM eclipse-temurin:21-jre\nUSER 65532\nCMD java -jar /app.jar\n",
		Good:       "FROM eclipse-temurin:21-jre\nUSER 65532\nCMD [\"java\", \"-jar\", \"/app.jar\"]\n",
	},
	run: func(p *pass) {
		seen := 0
		p.f.steps(func(st *Step) {
			var words []string
			var shellForm bool
			switch c := st.Cmd.(type) {
			case *instructions.EntrypointCommand:
				words, shellForm = c.CmdLine, c.PrependShell
			case *instructions.CmdCommand:
				words, shellForm = c.CmdLine, c.PrependShell
			default:
				return
			}
			seen++
			if !shellForm {
				return
			}
			name, text := strings.ToUpper(st.Cmd.Name()), strings.Join(words, " ")
			if strings.HasPrefix(strings.TrimSpace(text), "[") {
				p.Failf(at(st.Line), "%s looks like a list but is no valid JSON, so a shell gets it as text: %s", name, check.Quote(text))
				return
			}
			p.Failf(check.At{Line: st.Line, Remedy: ExecForm(name, text)}, "%s %s is in shell form", name, check.Quote(text))
		})
		if seen == 0 {
			p.NotApplicablef("no ENTRYPOINT or CMD: the base decides")
			return
		}
		p.Passf("all %d are in exec form", seen)
	},
}

// ExecForm returns the instruction in exec form when text is one plain command, and
// otherwise the advice to put it into a script. The first can replace the line as is.
func ExecForm(name, text string) string {
	if words, ok := plainCommand(text); ok {
		b, err := json.Marshal(words)
		if err == nil {
			return name + " " + strings.ReplaceAll(string(b), `","`, `", "`)
		}
	}
	return "Move the shell text into a script or the program, and name that: " + name + " [\"/entrypoint\"]."
}

// plainCommand splits text into words when no shell is needed to run it.
func plainCommand(text string) ([]string, bool) {
	if strings.ContainsAny(text, "$`*?[]{}~;&|<>()\n\\\"'#=!") {
		return nil, false
	}
	cmds := script.Parse(text)
	if len(cmds) != 1 || len(cmds[0].Words) == 0 || len(cmds[0].Assign) > 0 {
		return nil, false
	}
	words := cmds[0].Words
	if words[0] == "exec" {
		words = words[1:]
	}
	if len(words) == 0 || slices.Contains(builtins, words[0]) {
		return nil, false
	}
	return words, true
}

// builtins are words that only a shell knows.
var builtins = []string{
	".", ":", "alias", "bg", "builtin", "cd", "command", "declare", "eval", "exit", "export", "fg", "hash", "jobs", "let", "local", "popd", "pushd",
	"read", "readonly", "return", "set", "shift", "shopt", "source", "time", "times", "trap", "type", "typeset", "ulimit", "umask", "unalias", "unset", "wait",
}

// signals asks who is PID 1 and whether it hands on SIGTERM.
var signals = &rule{
	Check: check.Check{
		ID: "HIG-D009", Title: "PID 1 receives signals", Kind: check.Dockerfile, Severity: report.Low,
		Why:        "PID 1 gets SIGTERM and has no default action for it. A shell or a package runner there drops it: connections break, data is lost, and zombies stay.",
		Remedy:     "Start the program itself in exec form, or a small init such as tini in front of it.",
		References: check.References{NIST: []string{"4.4.3"}},
		Bad:        "FROM node:24-alpine\nUSER 65532\nCMD [\"npm\", \"start\"]\n",
		Good:       "FROM node:24-alpine\nUSER 65532\nCMD [\"node\", \"server.js\"]\n",
	},
	run: func(p *pass) {
		pr := p.f.Final().process()
		words, shellForm, line := pr.cmd, pr.cmdShell, pr.cmdLine
		if len(pr.entrypoint) > 0 {
			words, shellForm, line = pr.entrypoint, pr.entryShell, pr.entryLine
		}
		if len(words) == 0 {
			p.NotApplicablef("the final stage names no program: the base decides")
			return
		}
		if shellForm {
			cmds := script.Parse(strings.Join(words, " "))
			if len(cmds) > 0 && len(cmds[len(cmds)-1].Words) > 1 && cmds[len(cmds)-1].Words[0] == "exec" {
				p.Passf("the shell is replaced with exec")
				return
			}
			p.Failf(at(line), "PID 1 is the shell of the shell form, which does not hand on signals")
			return
		}
		if why, sure := PID1(words); why != "" {
			if sure {
				p.Failf(at(line), "%s", why)
			} else {
				p.Undecidedf(at(line), "%s", why)
			}
			return
		}
		p.Passf("PID 1 is %s", check.Cut(path.Base(words[0])))
	},
}

// PID1 says what is wrong with an exec form as the first process; sure is false when
// only the file itself could tell. An empty string means that nothing is.
func PID1(words []string) (why string, sure bool) {
	if len(words) == 0 {
		return "", true
	}
	name, args := script.Command{Words: words}.Name() // env and gosu become what they start
	switch name {
	case "npm", "npx", "yarn", "pnpm", "yarnpkg", "bunx":
		return "PID 1 is " + name + ", which does not hand on signals to the program it starts", true
	case "sh", "bash", "ash", "dash", "zsh", "ksh":
		for i, w := range args {
			if strings.HasPrefix(w, "-") && strings.HasSuffix(w, "c") && i+1 < len(args) {
				cmds := script.Parse(args[i+1])
				if n := len(cmds); n > 0 && len(cmds[n-1].Words) > 1 && cmds[n-1].Words[0] == "exec" {
					return "", true
				}
				return "PID 1 is " + name + ", which waits for its command and does not hand on signals", true
			}
		}
		return "PID 1 is " + name + "; whether the script ends in exec is not known here", false
	case "tini", "dumb-init", "catatonit", "s6-svscan", "init", "docker-init", "runit", "supervisord":
		return "", true
	}
	if strings.HasSuffix(name, ".sh") {
		return "PID 1 is the script " + name + "; whether it ends in exec is not known here", false
	}
	return "", true
}

// stopSignal refuses signals that no program can handle.
var stopSignal = &rule{
	Check: check.Check{
		ID: "HIG-D018", Title: "STOPSIGNAL can be handled by the program", Kind: check.Dockerfile, Severity: report.Low,
		Why:        "SIGKILL and SIGSTOP cannot be caught, so every stop of the container is a crash.",
		Remedy:     "Leave STOPSIGNAL out (it is SIGTERM then) or name the signal for which the program shuts down in order.",
		References: check.References{NIST: []string{"4.4.3"}},
		Bad:        "FROM dhi.io/nginx:1.29\nSTOPSIGNAL SIGKILL\n",
		Good:       "FROM dhi.io/nginx:1.29\nSTOPSIGNAL SIGQUIT\n",
	},
	run: func(p *pass) {
		pr := p.f.Final().process()
		if pr.stopLine == 0 {
			p.Passf("STOPSIGNAL is not set: SIGTERM")
			return
		}
		switch ok, why := StopSignal(pr.stopSignal); {
		case strings.Contains(pr.stopSignal, "$"):
			p.Undecidedf(at(pr.stopLine), "STOPSIGNAL %s depends on a value that is not in the file", check.Quote(pr.stopSignal))
		case !ok:
			p.Failf(at(pr.stopLine), "STOPSIGNAL %s %s", check.Quote(pr.stopSignal), why)
		default:
			p.Passf("STOPSIGNAL %s", check.Cut(pr.stopSignal))
		}
	},
}

// StopSignal reports whether a container can be asked to stop with signal s, and why
// not. Names may lack SIG; numbers are 1 to 64.
func StopSignal(s string) (ok bool, why string) {
	name := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(s)), "SIG")
	switch name {
	case "KILL", "9":
		return false, "cannot be handled: the program is killed"
	case "STOP", "19", "TSTP", "20":
		return false, "stops the process instead of ending it"
	case "":
		return true, ""
	}
	if strings.Trim(name, "0123456789") == "" {
		if len(name) > 2 || name > "64" && len(name) == 2 || strings.Trim(name, "0") == "" {
			return false, "is no signal number"
		}
		return true, ""
	}
	for _, known := range []string{"HUP", "INT", "QUIT", "ABRT", "USR1", "USR2", "TERM", "PIPE", "ALRM", "WINCH", "CONT", "PWR", "IO", "POLL", "URG", "TRAP", "BUS", "FPE", "SEGV", "SYS", "XCPU", "XFSZ", "VTALRM", "PROF", "TTIN", "TTOU", "CHLD", "ILL", "STKFLT"} {
		if name == known {
			return true, ""
		}
	}
	if strings.HasPrefix(name, "RTMIN") || strings.HasPrefix(name, "RTMAX") {
		return true, ""
	}
	return false, "is no signal"
}

// healthcheck wants one that can work.
var healthcheck = &rule{
	Check: check.Check{
		ID: "HIG-D017", Title: "The final stage has a HEALTHCHECK that can run", Kind: check.Dockerfile, Severity: report.Low,
		Why:        "Without a health check Docker and Compose take a hung process for a running one. Kubernetes uses probes instead and ignores it.",
		Remedy:     "Add HEALTHCHECK CMD [\"/app\", \"health\"] with a program that is in the image; silence this where only Kubernetes runs it.",
		References: check.References{CIS: []string{"4.6"}, Aliases: []string{"CIS-DI-0006", "DL3057", "CKV_DOCKER_2"}},
		Bad:        "FROM dhi.io/static:20250911-debian13\nHEALTHCHECK CMD curl -f http://localhost:8080/\nENTRYPOINT [\"/app\"]\n",
		Good:       "FROM dhi.io/static:20250911-debian13\nHEALTHCHECK --interval=30s CMD [\"/app\", \"health\"]\nENTRYPOINT [\"/app\"]\n",
	},
	run: func(p *pass) {
		final := p.f.Final()
		pr := final.process()
		base := final.Root().Base
		switch {
		case pr.healthLine == 0:
			p.Failf(at(final.Line), "the final stage has no HEALTHCHECK")
		case len(pr.health) > 0 && pr.health[0] == "NONE":
			p.Failf(at(pr.healthLine), "HEALTHCHECK NONE switches it off")
		case len(pr.health) > 0 && pr.health[0] == "CMD-SHELL" && (base.Scratch || base.Err == nil && base.Ref.Shellless()):
			p.Failf(at(pr.healthLine), "the HEALTHCHECK is in shell form, and the base holds no shell to run it")
		case len(pr.health) > 1 && (base.Scratch || base.Err == nil && base.Ref.Shellless()) && usual(pr.health[1]) && !p.f.brings(pr.health[1]):
			p.Failf(at(pr.healthLine), "the HEALTHCHECK runs %s, which the base does not hold", check.Cut(pr.health[1]))
		default:
			p.Passf("HEALTHCHECK is set")
		}
	},
}

// usual reports whether a health check's program is one of a general-purpose system.
func usual(program string) bool {
	name := path.Base(program)
	return script.Shell(name) || slices.Contains([]string{"curl", "wget", "nc", "pgrep", "ps", "grep", "test", "cat"}, name)
}

// brings reports whether a file by the name of program is copied into the final image.
func (f *File) brings(program string) bool {
	found := false
	f.finalSteps(func(st *Step) {
		if c, ok := st.Cmd.(*instructions.CopyCommand); ok {
			for _, p := range append(slices.Clone(c.SourcePaths), c.DestPath) {
				found = found || path.Base(p) == path.Base(program) || toolPath(p, "/") != "" || strings.HasSuffix(p, "/bin") || strings.HasSuffix(p, "/bin/")
			}
		}
	})
	return found
}
