package dockerfile

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// workdir wants paths that do not depend on the base.
var workdir = &rule{
	Check: check.Check{
		ID: "HIG-D030", Title: "WORKDIR is absolute", Kind: check.Dockerfile, Severity: report.Low,
		Why:        "A relative WORKDIR continues the base's, so files land where nobody looks when the base changes.",
		Remedy:     "Write the path from the root: WORKDIR /app.",
		References: check.References{NIST: []string{"4.1.2"}, Aliases: []string{"DL3000", "CKV_DOCKER_10"}},
		Bad:        "FROM dhi.io/python:3.13\nWORKDIR app\n",
		Good:       "FROM dhi.io/python:3.13\nWORKDIR /app\nWORKDIR src\n",
	},
	run: func(p *pass) {
		seen := 0
		absolute := map[*Stage]bool{}
		for _, s := range p.f.Stages {
			absolute[s] = absolute[s.Base.Stage]
			for _, st := range s.Steps {
				w, ok := st.Cmd.(*instructions.WorkdirCommand)
				if !ok {
					continue
				}
				seen++
				switch {
				case strings.HasPrefix(w.Path, "/") || len(w.Path) > 1 && w.Path[1] == ':':
					absolute[s] = true
				case strings.HasPrefix(w.Path, "$") || w.Path == "":
					p.Undecidedf(at(st.Line), "WORKDIR %s depends on a value that is not in the file", check.Quote(w.Path))
				case !absolute[s]:
					p.Failf(at(st.Line), "WORKDIR %s is relative to whatever the base has", check.Quote(w.Path))
				}
			}
		}
		if seen == 0 {
			p.NotApplicablef("no WORKDIR")
			return
		}
		p.Passf("every WORKDIR is absolute or follows an absolute one")
	},
}
