package dockerfile

import (
	"strconv"
	"strings"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// userNonRoot looks at the last USER of the final stage and the stages it is made of.
// Without one the base decides, which is known for few.
var userNonRoot = &rule{
	Check: check.Check{
		ID: "HIG-D005", Title: "The final stage ends as a non-root user", Kind: check.Dockerfile, Severity: report.High,
		Why:    "A process that runs as root inside is one kernel or runtime bug away from root outside, and may change every file of its image.",
		Remedy: "End the final stage with USER 65532:65532.",
		References: check.References{CIS: []string{"4.1"}, NIST: []string{"4.1.2", "4.4.3"}, OWASP: []string{"2"},
			Aliases: []string{"CIS-DI-0001", "DL3002", "DL3063", "CKV_DOCKER_3", "CKV_DOCKER_8"}},
		Bad:  "FROM python:3.13-slim\nCOPY app.py /app.py\nCMD [\"python\", \"/app.py\"]\n",
		Good: "FROM python:3.13-slim\nCOPY app.py /app.py\nUSER 65532:65532\nCMD [\"python\", \"/app.py\"]\n",
	},
	run: func(p *pass) {
		final := p.f.Final()
		user, line := final.user()
		name, _, _ := strings.Cut(user, ":")
		base := final.Root().Base
		where := fix(final.Line, "Add before the last instruction: USER 65532:65532")
		switch {
		case line > 0 && strings.Contains(name, "$"):
			p.Undecidedf(at(line), "USER %s depends on a value that is not in the file", check.Quote(user))
		case line > 0 && rootUser(user):
			p.Failf(fix(line, "USER 65532:65532"), "the last USER of the final stage is %s, which is root", check.Quote(user))
		case line > 0:
			p.Passf("the final stage ends with USER %s", check.Cut(user))
		case base.Scratch:
			p.Failf(where, "the final stage starts from scratch and sets no USER: it runs as root")
		case base.Err != nil:
			p.Undecidedf(where, "the final stage sets no USER, so its base decides, and %v", base.Err)
		case base.Ref.NonRoot():
			p.Undecidedf(where, "the final stage sets no USER; images of %s usually run as non-root, but only the image can tell", base.Ref.Name)
		default:
			p.Failf(where, "the final stage sets no USER and %s is not known to set one: it runs as root by default", check.Cut(base.Ref.Raw))
		}
	},
}

// rootUser reports whether a USER value is root, or the administrator of Windows. Only the
// part before the colon names the user (OCI image-spec, config.md, "User"), and a runtime
// reads it as a number first: "+0" is one.
func rootUser(user string) bool {
	name, _, _ := strings.Cut(user, ":")
	id, err := strconv.Atoi(name)
	return name == "" || name == "root" || err == nil && id == 0 || strings.EqualFold(name, "ContainerAdministrator")
}
