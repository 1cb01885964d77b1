package dockerfile

import (
	"slices"
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

// ignoreComments reports comments that silence nothing.
var ignoreComments = &rule{
	Check: check.Check{
		ID: "HIG-D029", Title: "Ignore comments give a reason and silence something", Kind: check.Dockerfile, Severity: report.Low,
		Why:        "A comment without a reason tells the next reader nothing; one that silences nothing hides the next real finding.",
		Remedy:     "Write # imagegate: ignore HIG-D012 and the reason, above the instruction; remove comments that are no longer needed.",
		References: check.References{NIST: []string{"4.1.2"}},
		Bad:        "FROM dhi.io/python:3.13\n# imagegate: ignore HIG-D012\nRUN pip install flask\n",
		Good:       "FROM dhi.io/python:3.13\n# imagegate: ignore HIG-D012 the constraints file pins it\nRUN pip install --no-cache-dir flask\n",
	},
	run: func(p *pass) {
		list := p.f.Ignores.List
		for _, c := range list {
			if c.Problem != "" {
				p.Failf(at(c.Line), "the comment is not understood: %s", check.Cut(c.Problem))
			}
		}
		for _, c := range p.f.Ignores.Unused() {
			p.Failf(at(c.Line), "the comment silences nothing: no finding of %s on lines %d to %d", check.List(c.IDs, 3), c.First, c.Last)
		}
		if len(list) == 0 {
			p.NotApplicablef("there are no ignore comments")
			return
		}
		p.Passf("all %d have a reason and silence a finding", len(list))
	},
}
