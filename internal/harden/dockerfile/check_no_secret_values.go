package dockerfile

import (
	"regexp"
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
		References: check.References{CIS: []string{"4.10"}, NIST: []string{"4.1.4"}, OWASP: []string{"12"}, Aliases: []string{"CIS-DI-0010", "DL3064", "CKV2_DOCKER_17"}},
		Bad:        "FROM dhi.io/node:24-dev\nARG NPM_TOKEN\nENV DB_PASSWORD=hunter2hunter2\nRUN npm ci\n",
		Good:       "FROM dhi.io/node:24-dev\nENV DB_PASSWORD_FILE=/run/secrets/db\nRUN --mount=type=secret,id=npm,env=NPM_TOKEN npm ci\n",
	},
	run: func(p *pass) {
		p.f.steps(func(st *Step) {
			switch c := st.Cmd.(type) {
			case *instructions.ArgCommand:
				for _, a := range c.Args {
					switch {
					case check.SecretName(a.Key) && (a.Value == nil || *a.Value == "" || strings.HasPrefix(*a.Value, "$") || !check.Reference(*a.Value)):
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
						return
					}
				}
				given := script.Command{}
				st.walk(func(c script.Command) {
					if what := givesSecret(c, given); what != "" {
						p.Failf(at(st.Line), "%s", what)
					}
					given = c
				})
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

// givesSecret says which secret a command has written out; before is the command whose
// output it may read.
func givesSecret(c, before script.Command) string {
	for _, kv := range c.Exports() {
		if name, value, _ := strings.Cut(kv, "="); check.SecretName(name) && literal(value) {
			return "the RUN sets " + check.Quote(name) + ", and its name says that it is a secret"
		}
	}
	name, args := c.Name()
	for i, a := range args {
		option, value, given := strings.Cut(a, "=")
		if !given && i+1 < len(args) {
			value = args[i+1]
		}
		switch {
		case secretOption.MatchString(option) && !noSecretOption.MatchString(option) && literal(value) && !strings.HasPrefix(value, "-"):
			return "the RUN gives a secret to " + name + " " + check.Cut(option)
		case name == "curl" && (option == "-u" || option == "--user") && strings.Contains(value, ":") && literal(value[strings.IndexByte(value, ':')+1:]):
			return "the RUN gives a password to curl " + option
		case name == "aws" && (a == "aws_access_key_id" || a == "aws_secret_access_key" || a == "aws_session_token") && i+1 < len(args) && literal(args[i+1]):
			return "the RUN writes " + a + " into the configuration of aws"
		}
		if m := secretHeader.FindStringSubmatch(a); m != nil && literal(m[1]) {
			return "the RUN gives a credential to " + check.Cut(name) + " in a header"
		}
	}
	if name == "chpasswd" && c.Piped {
		source, words := before.Name()
		if _, password, ok := strings.Cut(strings.Join(words, " "), ":"); ok && (source == "echo" || source == "printf") && !strings.ContainsAny(password, "$`") {
			return "the RUN sets a password with chpasswd"
		}
	}
	return ""
}

var (
	secretOption = regexp.MustCompile(`(?i)^--?([a-z]+-)*(password|passwd|passphrase|token|api-?key|secret-?key)$`)
	// adduser --disabled-password takes no value.
	noSecretOption = regexp.MustCompile(`(?i)^--(disabled|no|without|allow-empty|require|reset)-`)
	secretHeader   = regexp.MustCompile(`(?i)^(?:authorization:\s*(?:bearer|basic|token)|private-token:|x-api-key:|x-auth-token:)\s*(\S+)$`)
)

// literal reports whether a value gives something away: it is written out, no variable
// and no placeholder.
func literal(value string) bool {
	return !check.Reference(value) && !strings.ContainsAny(value, "$`")
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
