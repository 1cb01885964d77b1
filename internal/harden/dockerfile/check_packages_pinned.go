package dockerfile

import (
	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/script"
	"github.com/imagegate/imagegate/internal/report"
)

// packagesPinned looks at what is installed by name, in every stage: a build tool of
// unknown version makes an unknown program.
var packagesPinned = &rule{
	Check: check.Check{
		ID: "HIG-D012", Title: "Installed packages have a version", Kind: check.Dockerfile, Severity: report.Low,
		Why:    "Without versions two builds of the same commit install different software, and a bad release is picked up without anybody choosing it.",
		Remedy: "Name the version (apt: curl=8.5.*, apk: curl~8.5, pip: flask==3.1.2, npm: pkg@1.2.3) or install from a lock file.",
		References: check.References{CIS: []string{"4.2"}, NIST: []string{"4.1.2"}, OWASP: []string{"13"},
			Aliases: []string{"DL3008", "DL3013", "DL3016", "DL3018", "DL3028", "DL3033", "DL3037", "DL3041", "DL3068"}},
		Bad:  "FROM alpine:3.22\nRUN apk add --no-cache curl\nUSER 65532\n",
		Good: "FROM alpine:3.22\nRUN apk add --no-cache curl~8.14\nUSER 65532\n",
	},
	run: func(p *pass) {
		total := 0
		p.f.steps(func(st *Step) {
			var loose []string
			st.walk(func(c script.Command) {
				manager, pkgs := installs(c)
				for _, pkg := range pkgs {
					total++
					if unpinned(manager, pkg) {
						loose = append(loose, check.Cut(pkg))
					}
				}
			})
			if len(loose) > 0 {
				p.Failf(at(st.Line), "installed without a version: %s", check.List(loose, 6))
			}
		})
		if total == 0 {
			p.NotApplicablef("no package is installed by name")
			return
		}
		p.Passf("all %d packages have a version", total)
	},
}
