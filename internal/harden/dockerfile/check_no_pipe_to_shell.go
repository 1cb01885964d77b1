package dockerfile

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/script"
	"github.com/imagegate/imagegate/internal/report"
)

// noPipeToShell finds downloads that are run unseen.
var noPipeToShell = &rule{
	Check: check.Check{
		ID: "HIG-D016", Title: "No download is run unseen", Kind: check.Dockerfile, Severity: report.High,
		Why:        "What a server answers is run as root in the build, without a checksum and differently for everyone if it likes.",
		Remedy:     "Download to a file, check its digest (echo \"SHA256  file\" | sha256sum -c -), then run it; or ADD --checksum=sha256:… URL file.",
		References: check.References{CIS: []string{"4.11"}, NIST: []string{"4.1.3", "4.1.5"}, OWASP: []string{"13"}},
		Bad:        "FROM debian:13\nRUN curl -fsSL https://example.com/install.sh | sh\nUSER 65532\n",
		Good: "FROM debian:13\nADD --checksum=sha256:" + exampleDigest + " https://example.com/install.sh /tmp/install.sh\n" +
			"RUN sh /tmp/install.sh\nUSER 65532\n",
	},
	run: func(p *pass) {
		runs := 0
		for _, s := range p.f.Stages {
			d := downloads{files: map[string]string{}}
			for _, st := range s.Steps {
				if add, ok := st.Cmd.(*instructions.AddCommand); ok && add.Checksum == "" {
					for _, src := range add.SourcePaths {
						if remote(src) == "url" {
							d.files[added(add.DestPath, src)] = "ADD"
						}
					}
				}
				run, ok := st.Cmd.(*instructions.RunCommand)
				if !ok {
					own := downloads{files: map[string]string{}}
					if what := own.run(started(st)); what != "" {
						p.Failf(at(st.Line), "in the container, %s", what)
					}
					continue
				}
				runs++
				if what := d.run(st.Commands()); what != "" {
					p.Failf(at(st.Line), "%s", what)
				} else if powershell(strings.Join(append(slices.Clone(run.CmdLine), inline(run.Files)...), " ")) {
					p.Failf(at(st.Line), "PowerShell runs what it downloads")
				}
			}
		}
		if runs == 0 {
			p.NotApplicablef("no command is run")
			return
		}
		p.Passf("nothing that is downloaded is run unseen")
	},
}

// started are the commands that a container of the image begins with.
func started(st *Step) []script.Command {
	var words []string
	var shellForm bool
	switch c := st.Cmd.(type) {
	case *instructions.CmdCommand:
		words, shellForm = c.CmdLine, c.PrependShell
	case *instructions.EntrypointCommand:
		words, shellForm = c.CmdLine, c.PrependShell
	}
	if shellForm {
		return script.Parse(strings.Join(words, " "))
	}
	return script.FromExec(words)
}
