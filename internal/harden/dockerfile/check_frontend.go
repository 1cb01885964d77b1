package dockerfile

import (
	"strings"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

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
