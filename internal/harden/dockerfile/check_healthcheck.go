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

// healthcheck wants one that can work.
var healthcheck = &rule{
	Check: check.Check{
		ID: "HIG-D017", Title: "The final stage has a HEALTHCHECK that can run", Kind: check.Dockerfile, Severity: report.Low,
		Why:        "Without a health check Docker and Compose take a hung process for a running one. Kubernetes uses probes instead and ignores it.",
		Remedy:     "Add HEALTHCHECK CMD [\"/app\", \"health\"] with a program that is in the image; silence this where only Kubernetes runs it.",
		References: check.References{CIS: []string{"4.6"}, Aliases: []string{"CIS-DI-0006", "DL3057", "CKV_DOCKER_2"}},
		Bad:        "FROM dhi.io/static:20250911-debian13\nHEALTHCHECK CMD curl -f http://localhost:8080/\nENTRYPOINT [\"/app\"]\n",
		Good:       "FROM dhi.io/static:20250911-debian13\nHEALTHCHECK --interval=30s CMD [\"/app\", \"health\"]\nENTRYPOINT [\"/app\"]\n",
	},
	run: func(p *pass) {
		final := p.f.Final()
		pr := final.process()
		base := final.Root().Base
		switch {
		case pr.healthLine == 0:
			p.Failf(at(final.Line), "the final stage has no HEALTHCHECK")
		case len(pr.health) > 0 && pr.health[0] == "NONE":
			p.Failf(at(pr.healthLine), "HEALTHCHECK NONE switches it off")
		case len(pr.health) > 0 && pr.health[0] == "CMD-SHELL" && (base.Scratch || base.Err == nil && base.Ref.Shellless()):
			p.Failf(at(pr.healthLine), "the HEALTHCHECK is in shell form, and the base holds no shell to run it")
		case len(pr.health) > 1 && (base.Scratch || base.Err == nil && base.Ref.Shellless()) && usual(pr.health[1]) && !p.f.brings(pr.health[1]):
			p.Failf(at(pr.healthLine), "the HEALTHCHECK runs %s, which the base does not hold", check.Cut(pr.health[1]))
		default:
			p.Passf("HEALTHCHECK is set")
		}
	},
}

// usual reports whether a health check's program is one of a general-purpose system.
func usual(program string) bool {
	name := path.Base(program)
	return script.Shell(name) || slices.Contains([]string{"curl", "wget", "nc", "pgrep", "ps", "grep", "test", "cat"}, name)
}

// brings reports whether a file by the name of program is copied into the final image.
func (f *File) brings(program string) bool {
	found := false
	f.finalSteps(func(st *Step) {
		if c, ok := st.Cmd.(*instructions.CopyCommand); ok {
			for _, p := range append(slices.Clone(c.SourcePaths), c.DestPath) {
				found = found || path.Base(p) == path.Base(program) || toolPath(p, "/") != "" || strings.HasSuffix(p, "/bin") || strings.HasSuffix(p, "/bin/")
			}
		}
	})
	return found
}
