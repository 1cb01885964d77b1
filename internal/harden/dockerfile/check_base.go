package dockerfile

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// valid wants a file that a build would start with. Syntax errors never reach it (see
// Refused); what is left are base images that are no references.
var valid = &rule{
	Check: check.Check{
		ID: "HIG-D001", Title: "The Dockerfile can be built", Kind: check.Dockerfile, Severity: report.High,
		Why:        "A file that the builder refuses is checked by nobody: what is built in its place was not looked at.",
		Remedy:     "Correct the line that is named; placeholders such as <tag> have to be filled in.",
		References: check.References{NIST: []string{"4.1.2"}, Aliases: []string{"DL3011", "DL3023", "DL3043", "DL3061"}},
		Bad:        "FROM dhi.io/python:<tag>\nCMD [\"python\", \"app.py\"]\n",
		Good:       "FROM dhi.io/python:3.13\nCMD [\"python\", \"app.py\"]\n",
	},
	run: func(p *pass) {
		for _, s := range p.f.Stages {
			if err := s.Base.Platform; err != nil {
				p.Failf(at(s.Line), "%v", err)
			}
		}
		for _, im := range p.f.images() {
			switch {
			case im.err == nil:
			case im.stage != nil && len(im.stage.Base.Unset) > 0:
				p.Undecidedf(fix(im.line, "Give the argument a default before the first FROM: ARG %s=VALUE.", im.stage.Base.Unset[0]), "%v", im.err)
			default:
				p.Failf(at(im.line), "%s: %v", im.what, im.err)
			}
		}
		p.f.steps(func(st *Step) {
			if e, ok := st.Cmd.(*instructions.ExposeCommand); ok {
				for _, port := range e.Ports {
					if !strings.Contains(port, "$") && ports(port) == nil {
						p.Failf(at(st.Line), "EXPOSE %s is no port: 0 to 65535, a range, and /tcp, /udp or /sctp", check.Quote(port))
					}
				}
			}
		})
		p.Passf("%d build stages", len(p.f.Stages))
	},
}

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

// exampleDigest is a digest of nothing in particular.
const exampleDigest = "0b1c2d3e4f5061728394a5b6c7d8e9f00112233445566778899aabbccddeeff0"

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

// frontend is new: pinning the syntax image is good practice, and rarely done.
var frontend = &rule{
	Check: check.Check{
		ID: "HIG-D031", Title: "The syntax directive names an official frontend", Kind: check.Dockerfile, Severity: report.Medium, Preview: true,
		Why:        "The frontend is an image that turns the file into a build; one from elsewhere decides what every line means.",
		Remedy:     "Use # syntax=docker/dockerfile:1, or leave the line out.",
		References: check.References{NIST: []string{"4.1.5"}, OWASP: []string{"13"}},
		Bad:        "# syntax=example/fancy-frontend:latest\nFROM scratch\n",
		Good:       "# syntax=docker/dockerfile:1\nFROM scratch\n",
	},
	run: func(p *pass) {
		s := p.f.Syntax
		switch {
		case s == "":
			p.NotApplicablef("there is no syntax directive: the builder's own frontend is used")
		case officialFrontend(s):
			p.Passf("the frontend is %s", check.Cut(s))
		default:
			p.Failf(at(max(p.f.SyntaxLine, 1)), "the file is interpreted by the image %s", check.Quote(s))
		}
	},
}

func officialFrontend(s string) bool {
	s = strings.TrimPrefix(s, "docker.io/")
	for _, name := range []string{"docker/dockerfile", "docker/dockerfile-upstream"} {
		if s == name || strings.HasPrefix(s, name+":") || strings.HasPrefix(s, name+"@") {
			return true
		}
	}
	return strings.HasPrefix(s, "dhi.io/")
}
