package dockerfile

import (
	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// baseVersion wants a tag that names a version. A digest fixes it too.
var baseVersion = &rule{
	Check: check.Check{
		ID: "HIG-D003", Title: "Base images name a version, not latest", Kind: check.Dockerfile, Severity: report.Medium,
		Why:        "Without a version two builds of the same commit differ, and nobody can say which base a vulnerability came with.",
		Remedy:     "Use a tag with the version that you tested, as in dhi.io/python:3.13-debian13.",
		References: check.References{CIS: []string{"4.2"}, OWASP: []string{"13"}, Aliases: []string{"DKL-DI-0006", "DL3006", "DL3007", "CKV_DOCKER_7"}},
		Bad:        "FROM nginx:latest\nUSER 65532:65532\n",
		Good:       "FROM nginx:1.29.1\nUSER 65532:65532\n",
	},
	run: func(p *pass) {
		images := p.f.images()
		for _, im := range images {
			if im.err != nil {
				p.Undecidedf(at(im.line), "%s: %v", im.what, im.err)
			} else if why := im.ref.Versionless(); why != "" {
				p.Failf(at(im.line), "%s %s %s", im.what, check.Cut(im.ref.Raw), why)
			}
		}
		if len(images) == 0 {
			p.NotApplicablef("no external image is used")
			return
		}
		p.Passf("all %d external images name a version", len(images))
	},
}
