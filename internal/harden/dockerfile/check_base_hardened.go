package dockerfile

import (
	"strings"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// baseHardened looks at the first ancestor of the last stage only: what a build stage
// is made of does not ship.
var baseHardened = &rule{
	Check: check.Check{
		ID: "HIG-D004", Title: "The final stage starts from a hardened or empty base", Kind: check.Dockerfile, Severity: report.Medium,
		Why:    "A general-purpose base brings a shell, a package manager and hundreds of packages that the program never uses and an intruder does.",
		Remedy: "End with a stage FROM a hardened runtime image (dhi.io, distroless, Chainguard) or FROM scratch.",
		References: check.References{CIS: []string{"4.2", "4.3"}, NIST: []string{"4.1.2", "4.1.5"}, OWASP: []string{"13"},
			Aliases: []string{"CIS-DI-0002", "DL3026"}},
		Bad:  "FROM golang:1.26 AS build\nRUN go build -o /app .\n\nFROM debian:13-slim\nCOPY --from=build /app /app\nENTRYPOINT [\"/app\"]\n",
		Good: "FROM golang:1.26 AS build\nRUN go build -o /app .\n\nFROM dhi.io/static:20250911-debian13\nCOPY --from=build /app /app\nENTRYPOINT [\"/app\"]\n",
	},
	run: func(p *pass) {
		root := p.f.Final().Root()
		line := root.Line
		switch b := root.Base; {
		case b.Scratch:
			p.Passf("the final stage starts from scratch")
		case b.Err != nil:
			if ref, known := registryOf(b.Raw); known {
				p.Undecidedf(at(line), "the final base is of %s, but %v", ref, b.Err)
				return
			}
			p.Undecidedf(at(line), "%v", b.Err)
		default:
			vendor, build := b.Ref.Hardened(p.f.opt.Trusted)
			switch {
			case vendor == "":
				p.Failf(fix(line, "Look whether %s fits, or copy the program into a stage FROM scratch.", b.Ref.DHI()),
					"the final stage is built on %s, which is no hardened base known here", check.Cut(b.Ref.Raw))
			case build:
				p.Failf(at(line), "the final stage is built on %s, the variant of %s for building", check.Cut(b.Ref.Raw), vendor)
			default:
				p.Passf("the final stage is built on %s (%s)", b.Ref.Name, vendor)
			}
		}
	},
}

// registryOf recognises a hardened registry in a reference that does not parse.
func registryOf(raw string) (string, bool) {
	for _, r := range []string{"dhi.io/", "cgr.dev/", "gcr.io/distroless/"} {
		if strings.HasPrefix(raw, r) {
			return strings.TrimSuffix(r, "/"), true
		}
	}
	return "", false
}
