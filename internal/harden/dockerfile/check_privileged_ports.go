package dockerfile

import (
	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// privilegedPorts wants ports that a user may bind everywhere.
var privilegedPorts = &rule{
	Check: check.Check{
		ID: "HIG-D028", Title: "Exposed ports are 1024 or above", Kind: check.Dockerfile, Severity: report.Low,
		Why:        "Ports below 1024 need a capability or a sysctl, which is the usual reason why an image runs as root.",
		Remedy:     "Listen on 8080 or 8443 inside and publish it as 80 or 443 outside.",
		References: check.References{CIS: []string{"5.8"}, NIST: []string{"4.4.3"}, OWASP: []string{"3"}},
		Bad:        "FROM dhi.io/nginx:1.29\nEXPOSE 80\n",
		Good:       "FROM dhi.io/nginx:1.29\nEXPOSE 8080\n",
	},
	run: func(p *pass) {
		seen := 0
		p.f.finalSteps(func(st *Step) {
			e, ok := st.Cmd.(*instructions.ExposeCommand)
			if !ok {
				return
			}
			for _, port := range e.Ports {
				seen++
				ns := ports(port)
				if len(ns) == 0 {
					p.Undecidedf(at(st.Line), "EXPOSE %s is no number here", check.Quote(port))
				} else if ns[0] < 1024 && ns[0] != 22 && ns[0] != 23 {
					p.Failf(at(st.Line), "EXPOSE %s is a privileged port", check.Cut(port))
				}
			}
		})
		if seen == 0 {
			p.NotApplicablef("the final stage exposes no port")
			return
		}
		p.Passf("no privileged port is exposed")
	},
}
