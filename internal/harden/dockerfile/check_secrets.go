package dockerfile

import (
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/script"
	"github.com/imagegate/imagegate/internal/report"
)

// noSecretValues looks at ARG, ENV and LABEL by name and value, and at all other text
// by value. ARG counts even without a default: its value is in the image's history.
var noSecretValues = &rule{
	Check: check.Check{
		ID: "HIG-D014", Title: "No secret is in ARG, ENV, LABEL or a command", Kind: check.Dockerfile, Severity: report.High,
		Why:        "ENV and LABEL are in the image's configuration, ARG in its history and provenance: whoever can pull the image can read them.",
		Remedy:     "Mount it for the one RUN that needs it: RUN --mount=type=secret,id=token …; pass it at run time otherwise.",
		References: check.References{CIS: []string{"4.10"}, NIST: []string{"4.1.4"}, OWASP: []string{"12"}, Aliases: []string{"CIS-DI-0010"}},
		Bad:        "FROM dhi.io/node:24-dev\nARG NPM_TOKEN\nENV DB_PASSWORD=hunter2hunter2\nRUN npm ci\n",
		Good:       "FROM dhi.io/node:24-dev\nENV DB_PASSWORD_FILE=/run/secrets/db\nRUN --mount=type=secret,id=npm,env=NPM_TOKEN npm ci\n",
	},
	run: func(p *pass) {
		p.f.steps(func(st *Step) {
			switch c := st.Cmd.(type) {
			case *instructions.ArgCommand:
				for _, a := range c.Args {
					switch {
					case check.SecretName(a.Key) && (a.Value == nil || !check.Reference(*a.Value) || *a.Value == ""):
						p.Failf(fix(st.Line, "Remove ARG %s and use: RUN --mount=type=secret,id=%s,env=%s …", a.Key, strings.ToLower(a.Key), a.Key),
							"the build argument %s carries a secret into the image's history", check.Quote(a.Key))
					case a.Value != nil && check.SecretValue(*a.Value) != "":
						p.Failf(at(st.Line), "the default of the build argument %s is %s", check.Quote(a.Key), check.SecretValue(*a.Value))
					}
				}
			case *instructions.EnvCommand:
				for _, kv := range c.Env {
					secretPair(p, st, "environment variable", kv.Key, kv.Value, argument(st, kv.Key))
				}
			case *instructions.LabelCommand:
				for _, kv := range c.Labels {
					secretPair(p, st, "label", kv.Key, kv.Value, "")
				}
			case *instructions.RunCommand:
				for _, text := range append(slices.Clone(c.CmdLine), inline(c.Files)...) {
					if kind := check.SecretValue(text); kind != "" {
						p.Failf(at(st.Line), "the RUN holds %s", kind)
						break
					}
				}
			case *instructions.CopyCommand:
				secretContents(p, st, c.SourceContents)
			case *instructions.AddCommand:
				secretContents(p, st, c.SourceContents)
				for _, src := range c.SourcePaths {
					if kind := check.SecretValue(src); kind != "" {
						p.Failf(at(st.Line), "the source of ADD is %s", kind)
					}
				}
			case *instructions.CmdCommand:
				secretWords(p, st, "CMD", c.CmdLine)
			case *instructions.EntrypointCommand:
				secretWords(p, st, "ENTRYPOINT", c.CmdLine)
			}
		})
		p.Passf("no name or value looks like a secret")
	},
}

func inline(files []instructions.ShellInlineFile) []string {
	var out []string
	for _, f := range files {
		out = append(out, f.Data)
	}
	return out
}

// argument names the secret build argument that an ENV takes its value from.
func argument(st *Step, key string) string {
	i := strings.Index(st.Source, key)
	if i < 0 {
		return ""
	}
	rest := st.Source[i+len(key):]
	rest = strings.TrimLeft(rest, "= \"'")
	if !strings.HasPrefix(rest, "$") {
		return ""
	}
	name := strings.TrimLeft(rest, "${")
	end := strings.IndexFunc(name, func(r rune) bool {
		return !(r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9')
	})
	if end >= 0 {
		name = name[:end]
	}
	return name
}

func secretPair(p *pass, st *Step, what, key, value, from string) {
	kind := check.SecretValue(value)
	switch {
	case kind != "":
		p.Failf(at(st.Line), "the %s %s holds %s", what, check.Quote(key), kind)
	case check.SecretName(key) && from != "":
		p.Failf(at(st.Line), "the %s %s takes its value from %s and keeps it in the image", what, check.Quote(key), check.Quote(from))
	case check.SecretName(key) && !check.Reference(value):
		p.Failf(at(st.Line), "the %s %s has a value, and its name says that it is a secret", what, check.Quote(key))
	}
}

func secretContents(p *pass, st *Step, contents []instructions.SourceContent) {
	for _, c := range contents {
		if kind := check.SecretValue(c.Data); kind != "" {
			p.Failf(at(st.Line), "the here-document %s holds %s", check.Quote(c.Path), kind)
		}
	}
}

func secretWords(p *pass, st *Step, what string, words []string) {
	for _, w := range words {
		if kind := check.SecretValue(w); kind != "" {
			p.Failf(at(st.Line), "%s holds %s", what, kind)
		}
	}
}

// noSecretFiles looks at the names of what is copied from the context.
var noSecretFiles = &rule{
	Check: check.Check{
		ID: "HIG-D015", Title: "No file with secrets is copied", Kind: check.Dockerfile, Severity: report.High,
		Why:        "A copied file stays in its layer even when a later RUN deletes it, and in the build cache when the stage does not ship.",
		Remedy:     "Mount it for the one RUN that needs it: RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci.",
		References: check.References{CIS: []string{"4.10"}, NIST: []string{"4.1.4"}, OWASP: []string{"12"}, Aliases: []string{"CIS-DI-0010"}},
		Bad:        "FROM dhi.io/node:24-dev\nCOPY .npmrc package.json ./\nRUN npm ci\n",
		Good:       "FROM dhi.io/node:24-dev\nCOPY package.json ./\nRUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci\n",
	},
	run: func(p *pass) {
		p.f.steps(func(st *Step) {
			var src []string
			switch c := st.Cmd.(type) {
			case *instructions.CopyCommand:
				src = c.SourcePaths
			case *instructions.AddCommand:
				src = c.SourcePaths
			}
			for _, s := range src {
				if what := check.SecretFile(s); what != "" {
					p.Failf(at(st.Line), "%s copies %s: by its name %s", strings.ToUpper(st.Cmd.Name()), check.Quote(s), what)
				}
			}
		})
		p.Passf("no copied file has the name of one with secrets")
	},
}

// noPipeToShell finds downloads that are run unseen.
var noPipeToShell = &rule{
	Check: check.Check{
		ID: "HIG-D016", Title: "No download is run unseen", Kind: check.Dockerfile, Severity: report.High,
		Why:        "What a server answers is run as root in the build, without a checksum and differently for everyone if it likes.",
		Remedy:     "Download to a file, check its digest (echo \"SHA256  file\" | sha256sum -c -), then run it; or ADD --checksum=sha256:… URL file.",
		References: check.References{CIS: []string{"4.11"}, NIST: []string{"4.1.3", "4.1.5"}, OWASP: []string{"13"}, Aliases: []string{"DL4006"}},
		Bad:        "FROM debian:13\nRUN curl -fsSL https://example.com/install.sh | sh\nUSER 65532\n",
		Good: "FROM debian:13\nADD --checksum=sha256:" + exampleDigest + " https://example.com/install.sh /tmp/install.sh\n" +
			"RUN sh /tmp/install.sh\nUSER 65532\n",
	},
	run: func(p *pass) {
		runs := 0
		p.f.steps(func(st *Step) {
			cmds := st.Commands()
			if cmds == nil {
				return
			}
			runs++
			if what := pipesDownload(cmds, 0); what != "" {
				p.Failf(at(st.Line), "%s", what)
			}
		})
		if runs == 0 {
			p.NotApplicablef("no command is run")
			return
		}
		p.Passf("nothing that is downloaded is run unseen")
	},
}

// downloader reports whether a command fetches something and writes it to standard
// output or to the file that it returns.
func downloader(c script.Command) (file string, ok bool) {
	name, args := c.Name()
	switch name {
	case "curl":
		for i, a := range args {
			switch {
			case (a == "-o" || a == "--output" || strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && strings.HasSuffix(a, "o")) && i+1 < len(args):
				return args[i+1], true
			case a == "-O" || a == "--remote-name" || strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && strings.HasSuffix(a, "O"):
				return path.Base(args[len(args)-1]), true
			}
		}
	case "wget":
		for i, a := range args {
			if strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") {
				if _, f, found := strings.Cut(a, "O"); found && f != "" {
					return f, true
				} else if found && i+1 < len(args) {
					return args[i+1], true
				}
			}
			if f, found := strings.CutPrefix(a, "--output-document="); found {
				return f, true
			}
		}
		if len(args) > 0 {
			return path.Base(args[len(args)-1]), true
		}
	case "fetch", "aria2c", "http", "https":
	default:
		return "", false
	}
	if len(c.Redirect) > 0 {
		return c.Redirect[len(c.Redirect)-1], true
	}
	return "-", true
}

// interpreter reports whether a command runs its standard input as a program.
func interpreter(c script.Command) (string, bool) {
	name, args := c.Name()
	if !script.Shell(name) && !strings.HasPrefix(name, "python") && name != "perl" && name != "ruby" && name != "node" && name != "php" {
		return "", false
	}
	for _, a := range args {
		if a == "-" || a == "/dev/stdin" || a == "-s" {
			return name, true
		}
		if script.Shell(name) {
			if strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && strings.Contains(a, "s") {
				return name, true
			}
			if strings.HasPrefix(a, "-") && strings.HasSuffix(a, "c") && !strings.HasPrefix(a, "--") {
				return "", false
			}
		} else if a == "-c" || a == "-m" || a == "-e" || a == "-r" || a == "-p" || strings.HasPrefix(a, "-n") || strings.HasPrefix(a, "-pe") {
			return "", false
		}
		if !strings.HasPrefix(a, "-") {
			return "", false
		}
	}
	return name, true
}

func pipesDownload(cmds []script.Command, depth int) string {
	if depth > script.MaxDepth {
		return ""
	}
	files := map[string]string{}
	verified := false
	source := "" // the downloader that feeds the pipeline at hand
	for i, c := range cmds {
		name, args := c.Name()
		if !c.Piped || i == 0 {
			source = ""
		}
		if source != "" {
			if shell, ok := interpreter(c); ok {
				return source + " is piped into " + shell
			}
		}
		if file, ok := downloader(c); ok {
			if file == "-" || file == "/dev/stdout" {
				source = name
			} else {
				files[path.Clean(file)] = name
			}
		}
		switch name {
		case "sha256sum", "sha512sum", "sha1sum", "md5sum", "shasum", "b2sum", "gpg", "gpgv", "cosign", "openssl", "minisign", "signify", "rhash":
			verified = true
		}
		runsSubs := script.Shell(name) || name == "eval" || name == "source" || name == "." || name == "" || strings.HasPrefix(name, "$(") || strings.HasPrefix(name, "`")
		if runsSubs {
			for _, s := range c.Subs {
				sn, _ := s.Name()
				if f, ok := downloader(s); ok && f == "-" && (script.Shell(name) || name == "eval" || name == "source" || name == ".") {
					return sn + " feeds " + name
				}
			}
		}
		if what := pipesDownload(c.Subs, depth+1); what != "" {
			return what
		}
		if verified || len(files) == 0 {
			continue
		}
		ran := ""
		switch {
		case (script.Shell(name) || name == "source" || name == "." || strings.HasPrefix(name, "python") || name == "perl") && len(args) > 0:
			ran = firstWord(args)
		case len(c.Words) > 0 && strings.Contains(c.Words[0], "/"):
			ran = c.Words[0]
		}
		if by, ok := files[path.Clean(ran)]; ok && ran != "" {
			return check.Cut(ran) + " is downloaded by " + by + " and run without a look at its digest"
		}
	}
	return ""
}
