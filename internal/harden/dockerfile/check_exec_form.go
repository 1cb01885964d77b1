package dockerfile

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// execForm looks at every ENTRYPOINT and CMD, since each stage can be built.
var execForm = &rule{
	Check: check.Check{
		ID: "HIG-D008", Title: "ENTRYPOINT and CMD use the exec form", Kind: check.Dockerfile, Severity: report.Medium,
		Why:        "The shell form puts a shell in front of the program: it needs a shell in the image, and it keeps SIGTERM for itself, so every stop ends with SIGKILL.",
		Remedy:     "Write the command as a JSON list: CMD [\"program\", \"argument\"].",
		References: check.References{NIST: []string{"4.1.2"}, Aliases: []string{"DL3025"}},
		Bad:        "FROM eclipse-temurin:21-jre\nUSER 65532\nCMD java -jar /app.jar\n",
		Good:       "FROM eclipse-temurin:21-jre\nUSER 65532\nCMD [\"java\", \"-jar\", \"/app.jar\"]\n",
	},
	run: func(p *pass) {
		seen := 0
		p.f.steps(func(st *Step) {
			var words []string
			var shellForm bool
			switch c := st.Cmd.(type) {
			case *instructions.EntrypointCommand:
				words, shellForm = c.CmdLine, c.PrependShell
			case *instructions.CmdCommand:
				words, shellForm = c.CmdLine, c.PrependShell
			default:
				return
			}
			seen++
			if !shellForm {
				return
			}
			name, text := strings.ToUpper(st.Cmd.Name()), strings.Join(words, " ")
			if strings.HasPrefix(strings.TrimSpace(text), "[") {
				p.Failf(at(st.Line), "%s looks like a list but is no valid JSON, so a shell gets it as text: %s", name, check.Quote(text))
				return
			}
			p.Failf(check.At{Line: st.Line, Remedy: ExecForm(name, text)}, "%s %s is in shell form", name, check.Quote(text))
		})
		if seen == 0 {
			p.NotApplicablef("no ENTRYPOINT or CMD: the base decides")
			return
		}
		p.Passf("all %d are in exec form", seen)
	},
}
