package dockerfile

import (
	"strings"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/script"
	"github.com/imagegate/imagegate/internal/report"
)

// packagesPinned looks at what is installed by name, in every stage: a build tool of
// unknown version makes an unknown program.
var packagesPinned = &rule{
	Check: check.Check{
		ID: "HIG-D012", Title: "Installed packages have a version", Kind: check.Dockerfile, Severity: report.Low,
		Why:    "Without versions two builds of the same commit install different software, and a bad release is picked up without anybody choosing it.",
		Remedy: "Name the version (apt: curl=8.5.*, apk: curl~8.5, pip: flask==3.1.2, npm: pkg@1.2.3) or install from a lock file.",
		References: check.References{CIS: []string{"4.2"}, NIST: []string{"4.1.2"}, OWASP: []string{"13"},
			Aliases: []string{"DL3008", "DL3013", "DL3016", "DL3018", "DL3028", "DL3033", "DL3037", "DL3041", "DL3068"}},
		Bad:  "FROM alpine:3.22\nRUN apk add --no-cache curl\nUSER 65532\n",
		Good: "FROM alpine:3.22\nRUN apk add --no-cache curl~8.14\nUSER 65532\n",
	},
	run: func(p *pass) {
		total := 0
		p.f.steps(func(st *Step) {
			var loose []string
			st.walk(func(c script.Command) {
				manager, pkgs := installs(c)
				for _, pkg := range pkgs {
					total++
					if unpinned(manager, pkg) {
						loose = append(loose, check.Cut(pkg))
					}
				}
			})
			if len(loose) > 0 {
				p.Failf(at(st.Line), "installed without a version: %s", check.List(loose, 6))
			}
		})
		if total == 0 {
			p.NotApplicablef("no package is installed by name")
			return
		}
		p.Passf("all %d packages have a version", total)
	},
}

// cachesCleaned looks at the layers of the final image only.
var cachesCleaned = &rule{
	Check: check.Check{
		ID: "HIG-D013", Title: "Package caches do not stay in the image", Kind: check.Dockerfile, Severity: report.Low,
		Why:        "Package lists and download caches make the image larger and help whoever wants to install something in it later.",
		Remedy:     "Clean up in the same RUN (rm -rf /var/lib/apt/lists/*, apk add --no-cache, pip --no-cache-dir) or use RUN --mount=type=cache.",
		References: check.References{CIS: []string{"4.3"}, NIST: []string{"4.1.2"}, Aliases: []string{"DKL-DI-0004", "DKL-DI-0005", "DL3009", "DL3019", "DL3032", "DL3036", "DL3040", "DL3042", "DL3060"}},
		Bad:        "FROM debian:13-slim\nRUN apt-get update && apt-get install -y --no-install-recommends curl\nUSER 65532\n",
		Good:       "FROM debian:13-slim\nRUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*\nUSER 65532\n",
	},
	run: func(p *pass) {
		seen := 0
		for _, st := range p.f.cleaned() {
			caches := newCaches(st)
			st.walk(caches.see)
			seen += caches.seen
			for _, k := range caches.left() {
				p.Failf(fix(st.Line, "%s", k.remedy), "%s", k.finding)
			}
		}
		if seen == 0 {
			p.NotApplicablef("the final stage installs no packages")
			return
		}
		p.Passf("every RUN of the final stage cleans up")
	},
}

// cleaned are the steps whose caches count: those of the final image, and of the images
// that are built on top of it.
func (f *File) cleaned() []*Step {
	out := f.Final().effective()
	for _, st := range f.Final().Steps {
		if st.OnBuild {
			out = append(out, st)
		}
	}
	return out
}

func has(args []string, flag string) bool {
	for _, a := range args {
		if a == flag || strings.HasPrefix(a, flag+"=") {
			return true
		}
	}
	return false
}

// deletes reports whether one of the operands of rm is dir, inside it with a
// wildcard, or above it.
func deletes(operands []string, dir string) bool {
	for _, o := range operands {
		o = strings.TrimRight(strings.TrimSuffix(o, "*"), "/")
		if o != "" && (o == dir || strings.HasPrefix(dir, o+"/") || strings.HasPrefix(o, dir+"/")) {
			return true
		}
	}
	return false
}

// updateAlone finds an index update in a layer of its own, which is cached for ever.
var updateAlone = &rule{
	Check: check.Check{
		ID: "HIG-D027", Title: "Package lists are updated where packages are installed", Kind: check.Dockerfile, Severity: report.Low,
		Why:        "An update in a RUN of its own is cached: later builds install from a list that is months old and miss security fixes.",
		Remedy:     "Put update and install into one RUN: apt-get update && apt-get install -y ….",
		References: check.References{CIS: []string{"4.7"}, Aliases: []string{"CIS-DI-0007", "CKV_DOCKER_5"}},
		Bad:        "FROM debian:13-slim\nRUN apt-get update\nRUN apt-get install -y curl=8.14.*\nUSER 65532\n",
		Good:       "FROM debian:13-slim\nRUN apt-get update && apt-get install -y curl=8.14.* && rm -rf /var/lib/apt/lists/*\nUSER 65532\n",
	},
	run: func(p *pass) {
		seen := 0
		p.f.steps(func(st *Step) {
			update, other := "", false
			st.walk(func(c script.Command) {
				name, args := c.Name()
				switch name {
				case "apt-get", "apt", "apk", "yum", "dnf", "microdnf", "tdnf", "zypper":
					switch firstWord(args) {
					case "update", "up", "check-update", "makecache", "refresh", "ref":
						update = name + " " + firstWord(args)
					case "", "clean", "cc", "autoclean", "config-manager":
					default:
						other = true
					}
				}
			})
			if update != "" {
				seen++
				if !other && !st.cached("/var/lib/apt") && !st.cached("/var/cache/apk") {
					p.Failf(at(st.Line), "%s stands alone in its RUN", update)
				}
			}
		})
		if seen == 0 {
			p.NotApplicablef("no package list is updated")
			return
		}
		p.Passf("every update stands with an install")
	},
}
