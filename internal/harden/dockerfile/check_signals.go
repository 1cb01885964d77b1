package dockerfile

import (
	"path"
	"strings"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/script"
	"github.com/imagegate/imagegate/internal/report"
)

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
			replaced := replaces(strings.Join(words, " "))
			if replaced == nil {
				p.Failf(at(line), "PID 1 is the shell of the shell form, which does not hand on signals")
				return
			}
			words = replaced
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
		if letters, rest := script.ShellOptions(args); strings.Contains(letters, "c") && len(rest) > 0 {
			if words := replaces(rest[0]); words != nil {
				return PID1(words)
			}
			return "PID 1 is " + name + ", which waits for its command and does not hand on signals", true
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

// replaces are the words of the program that the shell of text becomes in the end, with
// exec; nil when it stays.
func replaces(text string) []string {
	cmds := script.Parse(text)
	if len(cmds) == 0 {
		return nil
	}
	last := cmds[len(cmds)-1]
	if last.Piped || len(last.Words) < 2 || last.Words[0] != "exec" {
		return nil
	}
	return last.Words[1:]
}
