package dockerfile

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// labels wants the image to say where it comes from.
var labels = &rule{
	Check: check.Check{
		ID: "HIG-D021", Title: "The image says where it comes from", Kind: check.Dockerfile, Severity: report.Low,
		Why:        "Without source and revision nobody can tell which commit a running image was built from, or whom to ask.",
		Remedy:     "Add LABEL org.opencontainers.image.source and org.opencontainers.image.revision, or let the build set them and silence this.",
		References: check.References{CIS: []string{"4.12"}, NIST: []string{"4.1.5"}, OWASP: []string{"13"}, Aliases: []string{"DL3049"}},
		Bad:        "FROM dhi.io/python:3.13\nLABEL maintainer=\"someone\"\n",
		Good: "FROM dhi.io/python:3.13\nARG REVISION=unknown\n" +
			"LABEL org.opencontainers.image.source=\"https://github.com/acme/app\" org.opencontainers.image.revision=\"$REVISION\"\n",
	},
	run: func(p *pass) {
		have := map[string]bool{}
		p.f.finalSteps(func(st *Step) {
			if l, ok := st.Cmd.(*instructions.LabelCommand); ok {
				for _, kv := range l.Labels { // an argument may be empty here and set in the build
					have[kv.Key] = kv.Value != "" || strings.Contains(st.Source, "$")
				}
			}
		})
		const prefix = "org.opencontainers.image."
		var missing []string
		if !have[prefix+"source"] && !have[prefix+"url"] {
			missing = append(missing, prefix+"source")
		}
		if !have[prefix+"revision"] && !have[prefix+"version"] {
			missing = append(missing, prefix+"revision")
		}
		if len(missing) > 0 {
			p.Failf(fix(p.f.Final().Line, "LABEL %s=\"…\"", strings.Join(missing, "=\"…\" ")), "the final stage lacks the label %s", strings.Join(missing, " and "))
			return
		}
		p.Passf("source and revision are labelled")
	},
}
