package dockerfile

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// valid wants a file that a build would start with. Syntax errors never reach it (see
// Refused); what is left are base images that are no references.
var valid = &rule{
	Check: check.Check{
		ID: "HIG-D001", Title: "The Dockerfile can be built", Kind: check.Dockerfile, Severity: report.High,
		Why:        "A file that the builder refuses is checked by nobody: what is built in its place was not looked at.",
		Remedy:     "Correct the line that is named; placeholders such as <tag> have to be filled in.",
		References: check.References{NIST: []string{"4.1.2"}, Aliases: []string{"DL3011", "DL3023", "DL3043", "DL3061"}},
		Bad:        "FROM dhi.io/python:<tag>\nCMD [\"python\", \"app.py\"]\n",
		Good:       "FROM dhi.io/python:3.13\nCMD [\"python\", \"app.py\"]\n",
	},
	run: func(p *pass) {
		for _, s := range p.f.Stages {
			if err := s.Base.Platform; err != nil {
				p.Failf(at(s.Line), "%v", err)
			}
		}
		for _, im := range p.f.images() {
			switch {
			case im.err == nil:
			case im.stage != nil && len(im.stage.Base.Unset) > 0:
				p.Undecidedf(fix(im.line, "Give the argument a default before the first FROM: ARG %s=VALUE.", im.stage.Base.Unset[0]), "%v", im.err)
			default:
				p.Failf(at(im.line), "%s: %v", im.what, im.err)
			}
		}
		p.f.steps(func(st *Step) {
			if e, ok := st.Cmd.(*instructions.ExposeCommand); ok {
				for _, port := range e.Ports {
					if !strings.Contains(port, "$") && ports(port) == nil {
						p.Failf(at(st.Line), "EXPOSE %s is no port: 0 to 65535, a range, and /tcp, /udp or /sctp", check.Quote(port))
					}
				}
			}
		})
		p.Passf("%d build stages", len(p.f.Stages))
	},
}
