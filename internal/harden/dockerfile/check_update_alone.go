package dockerfile

import (
	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/script"
	"github.com/imagegate/imagegate/internal/report"
)

// updateAlone finds an index update in a layer of its own, which is cached for ever.
var updateAlone = &rule{
	Check: check.Check{
		ID: "HIG-D027", Title: "Package lists are updated where packages are installed", Kind: check.Dockerfile, Severity: report.Low,
		Why:        "An update in a RUN of its own is cached: later builds install from a list that is months old and miss security fixes.",
		Remedy:     "Put update and install into one RUN: apt-get update && apt-get install -y ….",
		References: check.References{CIS: []string{"4.7"}, Aliases: []string{"CIS-DI-0007", "CKV_DOCKER_5"}},
		Bad:        "FROM debian:13-slim\nRUN apt-get update\nRUN apt-get install -y curl=8.14.*\nUSER 65532\n",
		Good:       "FROM debian:13-slim\nRUN apt-get update && apt-get install -y curl=8.14.* && rm -rf /var/lib/apt/lists/*\nUSER 65532\n",
	},
	run: func(p *pass) {
		seen := 0
		p.f.steps(func(st *Step) {
			update, other := "", false
			st.walk(func(c script.Command) {
				name, args := c.Name()
				switch name {
				case "apt-get", "apt", "apk", "yum", "dnf", "microdnf", "tdnf", "zypper":
					switch firstWord(args) {
					case "update", "up", "check-update", "makecache", "refresh", "ref":
						update = name + " " + firstWord(args)
					case "", "clean", "cc", "autoclean", "config-manager":
					default:
						other = true
					}
				}
			})
			if update != "" {
				seen++
				if !other && !st.cached("/var/lib/apt") && !st.cached("/var/cache/apk") {
					p.Failf(at(st.Line), "%s stands alone in its RUN", update)
				}
			}
		})
		if seen == 0 {
			p.NotApplicablef("no package list is updated")
			return
		}
		p.Passf("every update stands with an install")
	},
}
