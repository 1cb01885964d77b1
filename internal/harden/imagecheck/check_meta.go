package imagecheck

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

var noSecretEnv = &rule{
	Check: check.Check{
		ID: "HIG-I007", Title: "No secret is in the environment or the labels", Kind: check.Image, Severity: report.High,
		Why:        "They are in the configuration: whoever can pull the image, or inspect a container of it, reads them.",
		Remedy:     "Remove it from the Dockerfile, change the secret, and pass it at run time as a file.",
		References: check.References{CIS: []string{"4.10"}, NIST: []string{"4.1.4"}, OWASP: []string{"12"}, Aliases: []string{"CIS-DI-0010"}},
		Bad:        `{"config": {"User": "65532", "Env": ["DB_PASSWORD=hunter2"]}, "files": []}`,
		Good:       `{"config": {"User": "65532", "Env": ["DB_PASSWORD_FILE=/run/secrets/db"]}, "files": []}`,
	},
	run: func(p *pass) {
		for _, kv := range p.in.Config.Config.Env {
			k, v, _ := strings.Cut(kv, "=")
			p.pair("config.Env", k, v)
		}
		for _, k := range slices.Sorted(maps.Keys(p.in.Config.Config.Labels)) {
			p.pair("config.Labels", k, p.in.Config.Config.Labels[k])
		}
		p.Passf("no name or value looks like a secret")
	},
}

func (p *pass) pair(where, name, value string) {
	if kind := check.SecretValue(value); kind != "" {
		p.Failf(key(where), "%s holds %s", check.Quote(name), kind)
	} else if check.SecretName(name) && !check.Reference(value) {
		p.Failf(key(where), "%s has a value, and its name says that it is a secret", check.Quote(name))
	}
}

var noSecretHistory = &rule{
	Check: check.Check{
		ID: "HIG-I008", Title: "No secret is in the history or the command", Kind: check.Image, Severity: report.High,
		Why:        "The history keeps every build argument and command line, and travels with the image.",
		Remedy:     "Use RUN --mount=type=secret instead of ARG, and change the secret.",
		References: check.References{CIS: []string{"4.10"}, NIST: []string{"4.1.4"}, OWASP: []string{"12"}, Aliases: []string{"CIS-DI-0010"}},
		Bad:        `{"config": {"User": "65532"}, "history": ["RUN |1 NPM_TOKEN=abcdef123456 /bin/sh -c npm ci # buildkit"], "files": []}`,
		Good:       `{"config": {"User": "65532"}, "history": ["RUN /bin/sh -c npm ci # buildkit"], "files": []}`,
	},
	run: func(p *pass) {
		h := p.in.Config.History
		for i, e := range h {
			if i >= 2000 {
				p.Undecidedf(key("history"), "only the first 2000 of %d entries were looked at", len(h))
				break
			}
			text := e.CreatedBy
			if len(text) > maxPeek {
				text = text[:maxPeek]
			}
			where := key(fmt.Sprintf("history[%d]", i))
			if kind := check.SecretValue(text); kind != "" {
				p.Failf(where, "the command holds %s", kind)
				continue
			}
			for _, word := range strings.Fields(text) {
				k, v, ok := strings.Cut(strings.Trim(word, `"'`), "=")
				if ok && check.SecretName(k) && !check.Reference(v) && !strings.HasPrefix(k, "-") {
					p.Failf(where, "%s has a value, and its name says that it is a secret", check.Quote(k))
					break
				}
			}
		}
		for _, w := range p.argv() {
			if kind := check.SecretValue(w); kind != "" {
				p.Failf(key("config.Cmd"), "the command holds %s", kind)
			}
		}
		if len(h) == 0 && len(p.argv()) == 0 {
			p.NotApplicablef("the image has neither history nor command")
			return
		}
		p.Passf("%d entries of history", len(h))
	},
}

// date reads the forms that labels use.
func date(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// endOfLife reads the label of Docker Hardened Images and the field of os-release
// (os-release(5), SUPPORT_END).
var endOfLife = &rule{
	Check: check.Check{
		ID: "HIG-I018", Title: "The image is not past its end of life", Kind: check.Image, Severity: report.High,
		Why:        "After that day nobody fixes what is found in it, and scanners learn of less and less.",
		Remedy:     "Move to a version that is supported.",
		References: check.References{CIS: []string{"4.4"}, NIST: []string{"4.1.1"}, OWASP: []string{"0"}},
		Bad:        `{"config": {"User": "65532", "Labels": {"com.docker.dhi.date.end-of-life": "2020-01-31"}}, "files": []}`,
		Good:       `{"config": {"User": "65532", "Labels": {"com.docker.dhi.date.end-of-life": "2199-12-31"}}, "files": []}`,
	},
	run: func(p *pass) {
		label, ok := p.in.Config.Config.Labels["com.docker.dhi.date.end-of-life"]
		where := "config.Labels[com.docker.dhi.date.end-of-life]"
		if !ok || label == "" {
			if label = p.osRelease["SUPPORT_END"]; label == "" {
				p.Undecidedf(check.At{Remedy: "Look up the date of the base by hand."}, "neither label nor os-release says when support ends")
				return
			}
			where = "/etc/os-release"
		}
		day, ok := date(label)
		switch {
		case !ok:
			p.Undecidedf(key(where), "%s is no date", check.Quote(label))
		case p.in.Now.IsZero():
			p.Undecidedf(key(where), "the time of the run is not known")
		case report.Subject{EndOfLife: &day}.PastEndOfLife(p.in.Now):
			p.Failf(key(where), "its end of life was %s", day.Format("2006-01-02"))
		default:
			p.Passf("supported until %s", day.Format("2006-01-02"))
		}
	},
}

var age = &rule{
	Check: check.Check{
		ID: "HIG-I019", Title: "The image was built not long ago", Kind: check.Image, Severity: report.Low,
		Why:        "Hardened images are rebuilt when a fix comes out; an old one lacks the fixes since.",
		Remedy:     "Build again on the newest digest of the base.",
		References: check.References{CIS: []string{"4.4"}, NIST: []string{"4.1.1"}, OWASP: []string{"0"}},
		Bad:        `{"config": {"User": "65532"}, "created": "2020-01-01T00:00:00Z", "files": []}`,
		Good:       `{"config": {"User": "65532"}, "created": "2026-01-01T00:00:00Z", "files": []}`,
	},
	run: func(p *pass) {
		made, where := p.in.Config.Created.Time, "created"
		if l, ok := date(p.in.Config.Config.Labels["com.docker.dhi.created"]); ok && l.After(made) {
			made, where = l, "config.Labels[com.docker.dhi.created]"
		}
		switch old, why := (report.Subject{Created: &made}).Age(p.in.Now); {
		case p.in.Now.IsZero():
			p.Undecidedf(key(where), "the time of the run is not known")
		case why != "" && made.After(p.in.Now): // a date that is a lie is no missing one
			p.Failf(key(where), "%s", why)
		case why != "":
			p.Undecidedf(key(where), "%s", why)
		case old > p.in.Budget.Age:
			p.Failf(key(where), "it was made on %s, %d days ago; the limit is %d", made.Format("2006-01-02"), int(old.Hours()/24), int(p.in.Budget.Age.Hours()/24))
		default:
			p.Passf("made on %s", made.Format("2006-01-02"))
		}
	},
}

var budget = &rule{
	Check: check.Check{
		ID: "HIG-I020", Title: "Size and number of layers are within the budget", Kind: check.Image, Severity: report.Low,
		Why:        "What is in the image has to be pulled, scanned and patched; layers by the dozen hide what the lower ones hold.",
		Remedy:     "Copy only what the program needs into the final stage, or raise the budget with a reason (max-image-size, max-layers).",
		References: check.References{CIS: []string{"4.3"}, NIST: []string{"4.1.2"}},
		Bad:        `{"config": {"User": "65532"}, "layers": [900000000], "files": []}`,
		Good:       `{"config": {"User": "65532"}, "layers": [9000000], "files": []}`,
	},
	run: func(p *pass) {
		if p.in.Layers == nil {
			p.Undecidedf(check.At{}, "the sizes of the layers are not known")
			return
		}
		var total int64
		for _, n := range p.in.Layers {
			if n < 0 || n > math.MaxInt64-total {
				p.Failf(check.At{}, "the manifest says that a layer has %d bytes", n)
				return
			}
			total += n
		}
		if total > p.in.Budget.Size {
			p.Failf(check.At{}, "the layers have %d MiB; the budget is %d", total>>20, p.in.Budget.Size>>20)
		}
		if len(p.in.Layers) > p.in.Budget.Layers {
			p.Failf(check.At{}, "the image has %d layers; the budget is %d", len(p.in.Layers), p.in.Budget.Layers)
		}
		p.Passf("%d MiB in %d layers", total>>20, len(p.in.Layers))
	},
}

// basePinned reads the labels that builders and vendors leave.
var basePinned = &rule{
	Check: check.Check{
		ID: "HIG-I021", Title: "The image says which base it was built on, by digest", Kind: check.Image, Severity: report.Low,
		Why:        "Without the digest nobody can tell whether a vulnerability came with the base, nor whether a newer base removes it.",
		Remedy:     "Set the labels org.opencontainers.image.base.name and .base.digest in the build.",
		References: check.References{CIS: []string{"4.2"}, NIST: []string{"4.1.5"}, OWASP: []string{"13"}},
		Bad:        `{"config": {"User": "65532", "Labels": {"org.opencontainers.image.base.name": "docker.io/library/debian:13"}}, "files": []}`,
		Good:       `{"config": {"User": "65532", "Labels": {"org.opencontainers.image.base.digest": "sha256:0b1c2d3e4f5061728394a5b6c7d8e9f00112233445566778899aabbccddeeff0"}}, "files": []}`,
	},
	run: func(p *pass) {
		l := p.in.Config.Config.Labels
		d := l["org.opencontainers.image.base.digest"]
		chain := l["com.docker.dhi.chain-id"]
		switch {
		case digest(d):
			p.Passf("the base is %s", check.Cut(d))
		case d != "":
			p.Failf(key("config.Labels[org.opencontainers.image.base.digest]"), "%s is no digest", check.Quote(d))
		case digest(chain):
			p.Passf("the base layers are known by their chain %s", check.Cut(chain))
		default:
			p.Failf(key("config.Labels"), "no label names the base by digest")
		}
	},
}

func digest(s string) bool {
	hex, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(hex) == 64 && strings.Trim(hex, "0123456789abcdef") == ""
}

var notDev = &rule{
	Check: check.Check{
		ID: "HIG-I022", Title: "The image is no development variant", Kind: check.Image, Severity: report.Medium,
		Why:        "Variants for building run as root and hold a shell, a package manager and compilers.",
		Remedy:     "Use the runtime variant (the tag without -dev) in the final stage.",
		References: check.References{CIS: []string{"4.3"}, NIST: []string{"4.1.2"}},
		Bad:        `{"config": {"User": "65532", "Labels": {"com.docker.dhi.variant": "dev"}}, "files": []}`,
		Good:       `{"config": {"User": "65532", "Labels": {"com.docker.dhi.variant": "runtime"}}, "files": []}`,
	},
	run: func(p *pass) {
		l := p.in.Config.Config.Labels
		variant, ok := l["com.docker.dhi.variant"]
		switch {
		case variant == "dev", strings.HasSuffix(variant, "-dev"), strings.HasSuffix(l["com.docker.dhi.version"], "-dev"):
			p.Failf(key("config.Labels[com.docker.dhi.variant]"), "it is the variant for building (%s)", check.Quote(or(l["com.docker.dhi.version"], variant)))
		case ok:
			p.Passf("the variant is %s", check.Quote(variant))
		default:
			p.NotApplicablef("the image names no variant")
		}
	},
}

var provenance = &rule{
	Check: check.Check{
		ID: "HIG-I027", Title: "The image says where it comes from", Kind: check.Image, Severity: report.Low,
		Why:        "Without source and revision nobody can tell which commit a running image was built from, or whom to ask. Labels are a claim; signed provenance is the proof.",
		Remedy:     "Set the labels org.opencontainers.image.source and org.opencontainers.image.revision in the build.",
		References: check.References{CIS: []string{"4.12"}, NIST: []string{"4.1.5"}, OWASP: []string{"13"}},
		Bad:        `{"config": {"User": "65532"}, "files": []}`,
		Good:       `{"config": {"User": "65532", "Labels": {"org.opencontainers.image.source": "https://github.com/acme/app", "org.opencontainers.image.revision": "4f2a9c"}}, "files": []}`,
	},
	run: func(p *pass) {
		l := p.in.Config.Config.Labels
		const prefix = "org.opencontainers.image."
		any := func(names ...string) bool {
			return slices.ContainsFunc(names, func(n string) bool { return strings.TrimSpace(l[n]) != "" })
		}
		var missing []string
		if !any(prefix+"source", prefix+"url", "com.docker.dhi.url") {
			missing = append(missing, prefix+"source")
		}
		if !any(prefix+"revision", prefix+"version", "com.docker.dhi.version") {
			missing = append(missing, prefix+"revision")
		}
		if len(missing) > 0 {
			p.Failf(key("config.Labels"), "the label %s is missing", strings.Join(missing, " and "))
			return
		}
		p.Passf("source and revision are labelled")
	},
}
