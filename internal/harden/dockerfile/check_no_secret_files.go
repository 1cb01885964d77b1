package dockerfile

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// noSecretFiles looks at the names of what is copied from the context.
var noSecretFiles = &rule{
	Check: check.Check{
		ID: "HIG-D015", Title: "No file with secrets is copied", Kind: check.Dockerfile, Severity: report.High,
		Why:        "A copied file stays in its layer even when a later RUN deletes it, and in the build cache when the stage does not ship.",
		Remedy:     "Mount it for the one RUN that needs it: RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci.",
		References: check.References{CIS: []string{"4.10"}, NIST: []string{"4.1.4"}, OWASP: []string{"12"}, Aliases: []string{"CIS-DI-0010"}},
		Bad:        "FROM dhi.io/node:24-dev\nCOPY .npmrc package.json ./\nRUN npm ci\n",
		Good:       "FROM dhi.io/node:24-dev\nCOPY package.json ./\nRUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci\n",
	},
	run: func(p *pass) {
		p.f.steps(func(st *Step) {
			var src []string
			switch c := st.Cmd.(type) {
			case *instructions.CopyCommand:
				src = c.SourcePaths
			case *instructions.AddCommand:
				src = c.SourcePaths
			}
			for _, s := range src {
				if what := check.SecretFile(s); what != "" {
					p.Failf(at(st.Line), "%s copies %s: by its name %s", strings.ToUpper(st.Cmd.Name()), check.Quote(s), what)
				}
			}
		})
		p.Passf("no copied file has the name of one with secrets")
	},
}
