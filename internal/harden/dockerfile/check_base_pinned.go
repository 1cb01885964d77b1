package dockerfile

import (
	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// basePinned wants every image that the build reads by digest: bases, COPY --from and
// mounts. Stages of the file and scratch need none.
var basePinned = &rule{
	Check: check.Check{
		ID: "HIG-D002", Title: "Base images are pinned by digest", Kind: check.Dockerfile, Severity: report.Medium,
		Why:        "A tag can be moved to other content at any time, by its owner or by whoever takes over the account; a digest cannot.",
		Remedy:     "Write the digest behind the tag, as in FROM dhi.io/python:3.13@sha256:…, and let a bot raise it.",
		References: check.References{CIS: []string{"4.2"}, NIST: []string{"4.1.5"}, OWASP: []string{"13"}, Aliases: []string{"CIS-DI-0005"}},
		Bad:        "FROM dhi.io/python:3.13\nUSER 65532:65532\n",
		Good: "FROM dhi.io/python:3.13@sha256:" + exampleDigest + "\n" +
			"USER 65532:65532\n",
	},
	run: func(p *pass) {
		images := p.f.images()
		for _, im := range images {
			switch {
			case im.err != nil:
				p.Undecidedf(at(im.line), "%s: %v", im.what, im.err)
			case im.ref.Digest == "":
				p.Failf(fix(im.line, "Pin it: %s@sha256:… (the digest that the tag has now; imagegate lint --fix --resolve writes it).", im.ref.Raw),
					"%s %s is not pinned by digest", im.what, check.Cut(im.ref.Raw))
			}
		}
		if len(images) == 0 {
			p.NotApplicablef("no external image is used")
			return
		}
		p.Passf("all %d external images are pinned by digest", len(images))
	},
}
