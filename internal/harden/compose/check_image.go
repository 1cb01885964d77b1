package compose

import (
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/dockerfile"
	"github.com/imagegate/imagegate/internal/harden/imageref"
	"github.com/imagegate/imagegate/internal/report"
)

// pulled returns the image of a service that is pulled, and not built here.
func (s *Service) pulled() (imageref.Ref, error, bool) {
	if s.Build != nil || s.Provider != nil || s.Image == "" && s.Build == nil && !s.written("image") {
		return imageref.Ref{}, nil, false
	}
	ref, err := imageref.Parse(s.Image)
	return ref, err, true
}

func (s *Service) written(key string) bool {
	_, ok := s.project.raw(s.Name, key)
	return ok
}

var imagePinned = &rule{
	Check: check.Check{
		ID: "HIG-C018", Title: "Images are pinned by digest", Kind: check.Compose, Severity: report.Medium,
		Why:        "A tag can be moved to other content at any time; two hosts of one project may run different programs.",
		Remedy:     "Write the digest behind the tag: image: dhi.io/nginx:1.29@sha256:….",
		References: check.References{CIS: []string{"4.2", "5.28"}, NIST: []string{"4.1.5"}, OWASP: []string{"13"}, Aliases: []string{"CKV_K8S_43"}},
		Bad:        "services:\n  web:\n    image: dhi.io/nginx:1.29\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29@sha256:0b1c2d3e4f5061728394a5b6c7d8e9f00112233445566778899aabbccddeeff0\n",
	},
	keys: []string{"image"},
	any:  true,
	each: func(p *pass, s *Service) bool {
		ref, err, ok := s.pulled()
		switch {
		case !ok:
		case err != nil:
			p.Undecidedf(s.at("image"), "%s: %v", quoted(s), err)
		case ref.Digest == "":
			p.Failf(s.fix("image: "+check.Cut(ref.Raw)+"@sha256:… (the digest that the tag has now)", "image"), "%s: %s is not pinned by digest", quoted(s), check.Cut(ref.Raw))
		}
		return ok
	},
}

var imageVersion = &rule{
	Check: check.Check{
		ID: "HIG-C019", Title: "Images name a version, not latest", Kind: check.Compose, Severity: report.Medium,
		Why:        "Without a version the next pull is an upgrade that nobody chose, and there is no version to go back to.",
		Remedy:     "Use a tag with the version that you tested.",
		References: check.References{CIS: []string{"5.28"}, NIST: []string{"4.1.5"}, OWASP: []string{"13"}, Aliases: []string{"DL3007", "CKV_K8S_14"}},
		Bad:        "services:\n  web:\n    image: nginx\n",
		Good:       "services:\n  web:\n    image: nginx:1.29.1\n",
	},
	keys: []string{"image"},
	any:  true,
	each: func(p *pass, s *Service) bool {
		ref, err, ok := s.pulled()
		if !ok {
			return false
		}
		if err != nil {
			p.Undecidedf(s.at("image"), "%s: %v", quoted(s), err)
		} else if why := ref.Versionless(); why != "" {
			p.Failf(s.at("image"), "%s: %s %s", quoted(s), check.Cut(ref.Raw), why)
		}
		return true
	},
}

var graceful = &rule{
	Check: check.Check{
		ID: "HIG-C026", Title: "Services can stop in order", Kind: check.Compose, Severity: report.Low,
		Why:        "A signal that cannot be handled, or no time to handle it, makes a crash of every stop.",
		Remedy:     "Remove stop_signal: SIGKILL and stop_grace_period: 0s; start the program without a shell in front.",
		References: check.References{NIST: []string{"4.4.3"}},
		Bad:        "services:\n  web:\n    image: dhi.io/nginx:1.29\n    stop_signal: SIGKILL\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n    stop_signal: SIGQUIT\n    stop_grace_period: 30s\n",
	},
	keys: []string{"stop_signal", "stop_grace_period"},
	any:  true,
	each: func(p *pass, s *Service) bool {
		if ok, why := dockerfile.StopSignal(s.StopSignal); !ok {
			p.Failf(s.at("stop_signal"), "%s: the signal %s %s", quoted(s), check.Quote(s.StopSignal), why)
		}
		if s.StopGracePeriod != nil && time.Duration(*s.StopGracePeriod) < time.Second {
			p.Failf(s.at("stop_grace_period"), "%s has %s to stop", quoted(s), time.Duration(*s.StopGracePeriod))
		}
		words := []string(s.Entrypoint)
		key := "entrypoint"
		if len(words) == 0 {
			words, key = s.Command, "command"
		}
		if s.Init == nil || !*s.Init {
			if why, sure := dockerfile.PID1(words); why != "" && sure {
				p.Failf(s.fix("init: true", key), "%s: %s", quoted(s), strings.TrimSpace(why))
			}
		}
		return true
	},
}

// Image is the image of a service that is pulled, and where; Err says why it is none.
type Image struct {
	Line int
	Ref  imageref.Ref
	Err  error
}

// Images lists the images of the services that are pulled, in order of names.
func Images(p *Project) []Image {
	var out []Image
	for _, s := range p.Services {
		if ref, err, ok := s.pulled(); ok {
			out = append(out, Image{Line: s.at("image").Line, Ref: ref, Err: err})
		}
	}
	return out
}
