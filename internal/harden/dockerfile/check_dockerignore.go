package dockerfile

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// dockerignore asks what COPY . takes along.
var dockerignore = &rule{
	Check: check.Check{
		ID: "HIG-D020", Title: "A .dockerignore keeps .git and env files out of the context", Kind: check.Dockerfile, Severity: report.Medium,
		Why:    "COPY . takes everything that is there: the history with what was ever committed, and the env file with today's passwords.",
		Remedy: "Write a .dockerignore with .git, .env and .env.* (or * and ! for what is needed).",
		References: check.References{CIS: []string{"4.10"}, NIST: []string{"4.1.4"}, OWASP: []string{"12"},
			Aliases: []string{"DKL-LI-0003"}},
		Bad:  "-- Dockerfile --\nFROM dhi.io/python:3.13\nCOPY . /app\n-- .dockerignore --\nnode_modules\n",
		Good: "-- Dockerfile --\nFROM dhi.io/python:3.13\nCOPY . /app\n-- .dockerignore --\n.git\n**/.env\n**/.env.*\n",
	},
	run: func(p *pass) {
		line := 0
		p.f.steps(func(st *Step) {
			var src, except []string
			switch c := st.Cmd.(type) {
			case *instructions.CopyCommand:
				if c.From == "" {
					src, except = c.SourcePaths, c.ExcludePatterns
				}
			case *instructions.AddCommand:
				src, except = c.SourcePaths, c.ExcludePatterns
			}
			if line == 0 && slices.ContainsFunc(src, wholeContext) && len(parseIgnore(except).open()) > 0 {
				line = st.Line
			}
		})
		if line == 0 {
			p.NotApplicablef("the context is never copied as a whole, or without .git and env files")
			return
		}
		if p.f.opt.Ignored == nil {
			p.Undecidedf(at(line), "the whole context is copied, and whether there is a .dockerignore is not known")
			return
		}
		name, lines, found := p.f.opt.Ignored()
		if !found {
			p.Failf(at(line), "the whole context is copied and there is no .dockerignore")
			return
		}
		if open := parseIgnore(lines).open(); len(open) > 0 {
			p.Failf(fix(line, "Add to %s: %s", name, strings.Join(open, ", ")), "the whole context is copied and %s does not exclude %s", name, strings.Join(open, ", "))
			return
		}
		p.Passf("%s excludes .git and env files", name)
	},
}

func wholeContext(src string) bool {
	switch strings.TrimSuffix(strings.TrimPrefix(src, "/"), "/") {
	case ".", "", "*", "./*", "./", "**":
		return true
	}
	return false
}
