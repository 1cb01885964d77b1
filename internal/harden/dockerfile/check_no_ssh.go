package dockerfile

import (
	"path"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/script"
	"github.com/imagegate/imagegate/internal/report"
)

// noSSH finds an SSH server and the port of one.
var noSSH = &rule{
	Check: check.Check{
		ID: "HIG-D024", Title: "The image runs no SSH or Telnet server", Kind: check.Dockerfile, Severity: report.High,
		Why:        "A login server inside needs keys and users, is one more thing to attack, and leaves changes in a container that no build knows of.",
		Remedy:     "Remove it; use docker exec, docker debug or kubectl debug.",
		References: check.References{CIS: []string{"5.7"}, NIST: []string{"4.1.2"}, Aliases: []string{"CKV_DOCKER_1"}},
		Bad:        "FROM debian:13\nRUN apt-get update && apt-get install -y openssh-server && rm -rf /var/lib/apt/lists/*\nEXPOSE 22\n",
		Good:       "FROM debian:13\nRUN apt-get update && apt-get install -y openssh-client && rm -rf /var/lib/apt/lists/*\nEXPOSE 8080\n",
	},
	run: func(p *pass) {
		p.f.steps(func(st *Step) {
			st.walk(func(c script.Command) {
				_, pkgs := installs(c)
				if name, args := c.Name(); (name == "service" || name == "rc-service") && len(args) > 0 && (args[0] == "ssh" || args[0] == "sshd") {
					p.Failf(at(st.Line), "the SSH server is started")
				}
				for _, pkg := range pkgs {
					switch n, _, _ := strings.Cut(pkg, "="); n {
					case "openssh-server", "dropbear", "telnetd", "inetutils-telnetd", "openssh", "telnet-server", "ssh", "dropbear-bin":
						p.Failf(at(st.Line), "%s is installed", n)
					}
				}
			})
			if e, ok := st.Cmd.(*instructions.ExposeCommand); ok {
				for _, port := range e.Ports {
					if ns := ports(port); len(ns) > 0 && ns[0] <= 23 && ns[len(ns)-1] >= 22 {
						p.Failf(at(st.Line), "EXPOSE %s is the port of a login server", check.Cut(port))
					}
				}
			}
		})
		pr := p.f.Final().process()
		for _, words := range [][]string{pr.entrypoint, pr.cmd} {
			for _, w := range strings.Fields(strings.Join(words, " ")) {
				if name := path.Base(w); name == "sshd" || name == "dropbear" || name == "telnetd" {
					p.Failf(at(max(pr.cmdLine, pr.entryLine)), "the image starts %s", name)
				}
			}
		}
		p.Passf("no login server is installed, exposed or started")
	},
}
