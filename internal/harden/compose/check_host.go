package compose

import (
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// propagation looks at bind mounts, in the long form and as an option of the short one.
var propagation = &rule{
	Check: check.Check{
		ID: "HIG-C027", Title: "Mounts do not propagate to the host", Kind: check.Compose, Severity: report.Medium, Preview: true,
		Why:        "With shared propagation what a container mounts appears on the host and in every other container that has the directory.",
		Remedy:     "Remove propagation: shared or rshared; rslave is enough to see what the host mounts.",
		References: check.References{CIS: []string{"5.20"}, NIST: []string{"4.4.3", "4.5.5"}, OWASP: []string{"8"}},
		Bad:        "services:\n  backup:\n    image: dhi.io/rclone:1\n    volumes: [\"./mnt:/mnt:rshared\"]\n",
		Good:       "services:\n  backup:\n    image: dhi.io/rclone:1\n    volumes: [\"./mnt:/mnt:rslave\"]\n",
	},
	each: func(p *pass, s *Service) bool {
		n := 0
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			n++
			if v.Bind != nil && (v.Bind.Propagation == types.PropagationShared || v.Bind.Propagation == types.PropagationRShared) {
				p.Failf(s.at("volumes", v.Source), "%s shares its mounts below %s with the host", quoted(s), check.Quote(v.Source))
			}
		}
		return n > 0
	},
}

var cgroupParent = &rule{
	Check: check.Check{
		ID: "HIG-C028", Title: "Services stay in the engine's control group", Kind: check.Compose, Severity: report.Low, Preview: true,
		Why:        "A control group of its own may lack the limits that the host sets for containers, or share those of something else.",
		Remedy:     "Remove cgroup_parent, and limit the service itself.",
		References: check.References{CIS: []string{"5.25"}, NIST: []string{"4.4.3"}},
		Bad:        "services:\n  job:\n    image: dhi.io/python:3.13\n    cgroup_parent: /machine.slice\n",
		Good:       "services:\n  job:\n    image: dhi.io/python:3.13\n    mem_limit: 256m\n",
	},
	keys: []string{"cgroup_parent"},
	any:  true,
	each: func(p *pass, s *Service) bool {
		if s.CgroupParent != "" {
			p.Failf(s.at("cgroup_parent"), "%s runs in the control group %s", quoted(s), check.Quote(s.CgroupParent))
		}
		return true
	},
}
