package dockerfile

import (
	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

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
