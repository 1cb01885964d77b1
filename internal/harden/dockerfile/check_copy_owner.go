package dockerfile

import (
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/script"
	"github.com/imagegate/imagegate/internal/report"
)

// copyOwner finds a chown of what was just copied: it doubles the layer.
var copyOwner = &rule{
	Check: check.Check{
		ID: "HIG-D019", Title: "Ownership is set by COPY, not by a later chown", Kind: check.Dockerfile, Severity: report.Low,
		Why:        "A chown in a later RUN stores every file again and needs a shell in the final stage; files that the program only reads need no other owner than root.",
		Remedy:     "Use COPY --chown=65532:65532, and only for what the program has to change.",
		References: check.References{CIS: []string{"4.3"}, NIST: []string{"4.1.2"}},
		Bad:        "FROM alpine:3.22\nCOPY app /app\nRUN chown -R 65532:65532 /app\nUSER 65532:65532\n",
		Good:       "FROM alpine:3.22\nCOPY --chown=65532:65532 app /app\nUSER 65532:65532\n",
	},
	run: func(p *pass) {
		copies := 0
		for _, s := range p.f.Stages {
			var dests []string
			dir := "/"
			for _, st := range s.effective() {
				switch c := st.Cmd.(type) {
				case *instructions.WorkdirCommand:
					dir = under(dir, c.Path)
				case *instructions.CopyCommand:
					copies++
					if c.Chown == "" {
						dests = append(dests, under(dir, c.DestPath))
					}
				}
				if st.stage != s.Index {
					continue // told where it stands
				}
				st.walk(func(c script.Command) {
					name, args := c.Name()
					if name != "chown" {
						return
					}
					for _, a := range args {
						of := func(d string) bool {
							target := under(dir, a)
							return d != "/" && target != "/" && (target == d || strings.HasPrefix(d, target+"/"))
						}
						if !strings.HasPrefix(a, "-") && (strings.Contains(a, "/") || a == ".") && slices.ContainsFunc(dests, of) {
							p.Failf(at(st.Line), "chown of %s, which COPY could have done", check.Quote(a))
							return
						}
					}
				})
			}
		}
		if copies == 0 {
			p.NotApplicablef("nothing is copied")
			return
		}
		p.Passf("no copied file changes its owner later")
	},
}

// under is name seen from the directory dir.
func under(dir, name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(dir, name)
}
