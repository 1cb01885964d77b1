package compose

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/imagegate/imagegate/internal/harden/edit"
	"github.com/imagegate/imagegate/internal/report"
)

// Fixes returns the edits of the project's first file that are safe.
//
//   - HIG-C002: security_opt with no-new-privileges is added to services that have no
//     security_opt.
//   - HIG-C003: cap_drop: [ALL] is added to services that set a non-root user, who has
//     no capabilities anyway.
//
// Services that take keys from elsewhere (extends, merge keys, flow style) are left
// alone. Results are those of [Run]; what was silenced stays.
func Fixes(p *Project, results []report.Check) []edit.Edit {
	var out []edit.Edit
	d := p.docs[0]
	failed := func(id string, s *Service) bool {
		for _, r := range results {
			if r.ID == id && r.State == report.CheckFailed && r.Location == d.path && strings.Contains(r.Reason, quoted(s)+" ") {
				return true
			}
		}
		return false
	}
	for _, s := range p.Services {
		k, n := d.services[0][s.Name].key, d.services[0][s.Name].value
		if k == nil || n.Kind != yaml.MappingNode || n.Style&yaml.FlowStyle != 0 || len(n.Content) == 0 || child(n, "<<") != nil || child(n, "extends") != nil {
			continue
		}
		first := n.Content[0]
		if first.Line <= k.Line || first.Column < 2 {
			continue
		}
		indent := strings.Repeat(" ", first.Column-1)
		if failed("HIG-C002", s) && child(n, "security_opt") == nil {
			out = append(out, edit.Edit{First: first.Line, Last: first.Line - 1, ID: "HIG-C002", Why: "no new privileges for " + s.Name,
				Lines: []string{indent + "security_opt:", indent + "  - no-new-privileges:true"}})
		}
		uid, _, _ := strings.Cut(s.User, ":")
		if failed("HIG-C003", s) && child(n, "cap_drop") == nil && len(s.CapAdd) == 0 && uid != "" && strings.Trim(uid, "0123456789") == "" && strings.Trim(uid, "0") != "" {
			out = append(out, edit.Edit{First: first.Line, Last: first.Line - 1, ID: "HIG-C003", Why: "no capabilities for " + s.Name,
				Lines: []string{indent + "cap_drop: [ALL]"}})
		}
	}
	return out
}
