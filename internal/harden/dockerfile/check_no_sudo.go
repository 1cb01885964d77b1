package dockerfile

import (
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/script"
	"github.com/imagegate/imagegate/internal/report"
)

// noSudo finds sudo being installed or used.
var noSudo = &rule{
	Check: check.Check{
		ID: "HIG-D023", Title: "The image does without sudo", Kind: check.Dockerfile, Severity: report.Medium,
		Why:        "sudo is a setuid program that exists to make root of a user: with it, the non-root user of the image is none.",
		Remedy:     "Do what needs root before USER, and drop sudo; use gosu or setpriv in an entrypoint that has to change its user.",
		References: check.References{CIS: []string{"4.8"}, NIST: []string{"4.1.2"}, OWASP: []string{"4"}, Aliases: []string{"DKL-DI-0001", "DL3004", "CKV2_DOCKER_1"}},
		Bad:        "FROM debian:13\nUSER 65532\nRUN sudo mkdir /data\n",
		Good:       "FROM debian:13\nRUN mkdir /data\nUSER 65532\n",
	},
	run: func(p *pass) {
		p.f.steps(func(st *Step) {
			switch c := st.Cmd.(type) {
			case *instructions.CmdCommand:
				usesSudo(p, st, c.CmdLine)
			case *instructions.EntrypointCommand:
				usesSudo(p, st, c.CmdLine)
			}
			st.walk(func(c script.Command) {
				usesSudo(p, st, c.Words)
				if slices.ContainsFunc(c.Redirect, func(f string) bool { return strings.HasPrefix(f, "/etc/sudoers") }) {
					p.Failf(at(st.Line), "the rules of sudo are changed")
				}
				_, pkgs := installs(c)
				for _, pkg := range pkgs {
					if n, _, _ := strings.Cut(pkg, "="); n == "sudo" || n == "doas" {
						p.Failf(at(st.Line), "%s is installed", n)
					}
				}
			})
		})
		p.Passf("sudo is neither installed nor used")
	},
}

// usesSudo reports a command line that begins with sudo.
func usesSudo(p *pass, st *Step, words []string) {
	text := strings.Join(words, " ")
	if first := firstField(text); path.Base(first) == "sudo" {
		p.Failf(at(st.Line), "sudo is used: %s", check.Quote(text))
	}
}
