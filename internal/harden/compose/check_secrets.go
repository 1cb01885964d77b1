package compose

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

var noSecrets = &rule{
	Check: check.Check{
		ID: "HIG-C020", Title: "No secret is written into a service's environment or command", Kind: check.Compose, Severity: report.High,
		Why:        "The file is in the repository, and the environment shows in docker inspect, in crash reports and in every child process.",
		Remedy:     "Use secrets: and the image's …_FILE variable: POSTGRES_PASSWORD_FILE: /run/secrets/db.",
		References: check.References{CIS: []string{"4.10"}, NIST: []string{"4.1.4"}, OWASP: []string{"12"}, Aliases: []string{"CKV_SECRET_6"}},
		Bad:        "services:\n  db:\n    image: dhi.io/postgres:18\n    environment:\n      POSTGRES_PASSWORD: example-password\n",
		Good:       "services:\n  db:\n    image: dhi.io/postgres:18\n    environment:\n      POSTGRES_PASSWORD_FILE: /run/secrets/db\n    secrets: [db]\nsecrets:\n  db:\n    file: ./db.txt\n",
	},
	each: func(p *pass, s *Service) bool {
		for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
			value := s.Environment[name]
			if value == nil {
				continue // taken from the environment of whoever starts it
			}
			raw, ok := s.project.raw(s.Name, "environment", name)
			if kv, found := strings.CutPrefix(raw, name+"="); found {
				raw = kv
			}
			given := *value
			if ok {
				given = written(raw, 0)
			}
			if kind := check.SecretValue(given); kind != "" {
				p.Failf(s.at("environment", name), "%s: the variable %s holds %s", quoted(s), check.Quote(name), kind)
			} else if check.SecretName(name) && !check.Reference(scheme.ReplaceAllString(given, "$$")) {
				p.Failf(s.at("environment", name), "%s: the variable %s has a value, and its name says that it is a secret", quoted(s), check.Quote(name))
			}
		}
		for _, v := range s.EnvFile {
			if check.SecretName(v.Name) && !check.Reference(v.Value) || check.SecretValue(v.Value) != "" {
				p.Failf(check.At{Location: v.File, Line: v.Line}, "%s: the env file sets %s", quoted(s), check.Quote(v.Name))
			}
		}
		for _, f := range []struct {
			key   string
			words []string
		}{{"command", s.Command}, {"entrypoint", s.Entrypoint}} {
			for _, w := range f.words {
				if kind := check.SecretValue(w); kind != "" {
					p.Failf(s.at(f.key), "%s: %s holds %s", quoted(s), f.key, kind)
					break
				}
			}
			if name := secretOption(f.words); name != "" && !s.variable(f.key) {
				p.Failf(s.at(f.key), "%s: the option %s of %s has a value, and its name says that it is a secret", quoted(s), check.Quote(name), f.key)
			}
		}
		for _, c := range s.Configs {
			if kind := check.SecretValue(s.project.model.Configs[c.Source].Content); kind != "" {
				p.Failf(s.at("configs", c.Source), "%s: the content of the config %s holds %s", quoted(s), check.Quote(c.Source), kind)
			}
		}
		if s.Build != nil {
			for _, name := range slices.Sorted(maps.Keys(s.Build.Args)) {
				if v := s.Build.Args[name]; check.SecretName(name) && (v == nil || !check.Reference(*v)) {
					p.Failf(s.at("build", "args", name), "%s: the build argument %s carries a secret into the image's history", quoted(s), check.Quote(name))
				}
			}
		}
		return true
	},
}

// secretOption is the first option of a command line that gives a secret away: by
// "--name=value" or "--name value".
func secretOption(words []string) string {
	for i, w := range words {
		name, value, found := strings.Cut(strings.TrimLeft(w, "-"), "=")
		if !strings.HasPrefix(w, "-") || !check.SecretName(name) && name != "requirepass" && name != "masterauth" {
			continue
		}
		if !found && i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") {
			value = words[i+1]
		}
		if !check.Reference(value) {
			return w[:len(w)-len(strings.TrimLeft(w, "-"))] + name
		}
	}
	return ""
}

// variable reports whether a value of the service uses variables: then what is in it may
// not be in the file.
func (s *Service) variable(key string) bool {
	for _, n := range s.project.nodes(s.Name) {
		if v := child(n.node, key); v != nil {
			leaves := append([]*yaml.Node{v}, v.Content...)
			return slices.ContainsFunc(leaves, func(l *yaml.Node) bool { return strings.Contains(l.Value, "$") })
		}
	}
	return false
}

// scheme is what stands before a token in a header.
var scheme = regexp.MustCompile(`^(?i:bearer|basic|token) +\$`)

// written is what a value as written has in it: variables stay as "$NAME", since theirs
// is not in the file, and a default stands for its variable, since it is.
func written(raw string, depth int) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(raw, '$')
		if i < 0 || i+1 == len(raw) || depth > maxNested {
			return b.String() + raw
		}
		b.WriteString(raw[:i])
		raw = raw[i+1:]
		name := identifier(raw)
		switch end := closing(raw); {
		case raw[0] == '$': // an escaped dollar
			b.WriteString("_") // no variable follows
			raw = raw[1:]
		case raw[0] == '{' && end > 0:
			inner := raw[1:end]
			name = identifier(inner)
			op := strings.TrimPrefix(inner[len(name):], ":")
			if def, ok := strings.CutPrefix(op, "-"); ok && def != "" {
				b.WriteString(written(def, depth+1))
			} else {
				b.WriteString("$" + name)
			}
			raw = raw[end+1:]
		default:
			b.WriteString("$" + name)
			raw = raw[len(name):]
		}
	}
}
