package dockerfile

import (
	"strings"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// userNumeric wants a number, because Kubernetes' runAsNonRoot cannot check a name.
var userNumeric = &rule{
	Check: check.Check{
		ID: "HIG-D006", Title: "USER is a number", Kind: check.Dockerfile, Severity: report.Low,
		Why:        "Kubernetes refuses to start an image with runAsNonRoot when its user is a name, and a name means whatever /etc/passwd of the image says.",
		Remedy:     "Write the ids: USER 65532:65532.",
		References: check.References{CIS: []string{"4.1"}, NIST: []string{"4.1.2"}, OWASP: []string{"2"}, Aliases: []string{"DL3066"}},
		Bad:        "FROM dhi.io/python:3.13\nUSER nonroot\n",
		Good:       "FROM dhi.io/python:3.13\nUSER 65532:65532\n",
	},
	run: func(p *pass) {
		user, line := p.f.Final().user()
		name, _, _ := strings.Cut(user, ":")
		switch {
		case line == 0:
			p.NotApplicablef("the final stage sets no USER")
		case strings.Contains(name, "$"):
			p.Undecidedf(at(line), "USER %s depends on a value that is not in the file", check.Quote(user))
		case name == "" || strings.Trim(name, "0123456789") != "":
			remedy := "USER 65532:65532"
			if name != "nonroot" && name != "nobody" {
				remedy = "USER with the numeric id of " + check.Cut(name) + ", for example: USER 65532:65532"
			}
			p.Failf(fix(line, "%s", remedy), "USER %s is a name", check.Quote(user))
		default:
			p.Passf("USER %s is a number", check.Cut(user))
		}
	},
}
