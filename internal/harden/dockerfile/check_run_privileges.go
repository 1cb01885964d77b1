package dockerfile

import (
	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// runPrivileges finds builds that step out of the sandbox.
var runPrivileges = &rule{
	Check: check.Check{
		ID: "HIG-D025", Title: "RUN asks for no extra privileges", Kind: check.Dockerfile, Severity: report.Medium,
		Why:        "--security=insecure gives the build all capabilities of the builder, --network=host everything that listens on it.",
		Remedy:     "Remove the flag; do what needs it outside of the build.",
		References: check.References{CIS: []string{"5.5", "5.10"}, NIST: []string{"4.4.3"}, OWASP: []string{"3"}},
		Bad:        "FROM debian:13\nRUN --security=insecure mount -t tmpfs tmpfs /mnt\nUSER 65532\n",
		Good:       "FROM debian:13\nRUN --network=none make\nUSER 65532\n",
	},
	run: func(p *pass) {
		runs := 0
		p.f.steps(func(st *Step) {
			run, ok := st.Cmd.(*instructions.RunCommand)
			if !ok {
				return
			}
			runs++
			if instructions.GetSecurity(run) == "insecure" {
				p.Failf(at(st.Line), "RUN --security=insecure")
			}
			if instructions.GetNetwork(run) == "host" {
				p.Failf(at(st.Line), "RUN --network=host")
			}
		})
		if runs == 0 {
			p.NotApplicablef("no command is run")
			return
		}
		p.Passf("no RUN asks for more than it gets")
	},
}
