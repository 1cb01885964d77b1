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
