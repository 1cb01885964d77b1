package compose

import (
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// options returns the values of a security_opt in order. Both "=" and ":" separate;
// where only one can hold, an engine takes the last, as of an override.
func (s *Service) options(name string) []string {
	var out []string
	for _, o := range s.SecurityOpt {
		k, v, ok := strings.Cut(o, "=")
		if !ok || strings.Contains(k, ":") {
			k, v, _ = strings.Cut(o, ":")
		}
		if k == name {
			out = append(out, v)
		}
	}
	return out
}

// option returns the value of a security_opt that counts and whether it is there.
func (s *Service) option(name string) (string, bool) {
	all := s.options(name)
	if len(all) == 0 {
		return "", false
	}
	return all[len(all)-1], true
}

// noNewPrivileges stops setuid programs from giving more than the container has.
var noNewPrivileges = &rule{
	Check: check.Check{
		ID: "HIG-C002", Title: "Services cannot gain privileges", Kind: check.Compose, Severity: report.Medium,
		Why:        "Without no-new-privileges a setuid program in the image makes root of any user.",
		Remedy:     "Add security_opt: [\"no-new-privileges:true\"].",
		References: check.References{CIS: []string{"5.26"}, NIST: []string{"4.4.3"}, OWASP: []string{"4"}, Aliases: []string{"CKV_K8S_20"}},
		Bad:        "services:\n  web:\n    image: dhi.io/nginx:1.29\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n    security_opt:\n      - no-new-privileges:true\n",
	},
	keys: []string{"security_opt"},
	each: func(p *pass, s *Service) bool {
		v, ok := s.option("no-new-privileges")
		if on, err := strconv.ParseBool(v); !ok || v != "" && (err != nil || !on) {
			p.Failf(s.fix("security_opt: [\"no-new-privileges:true\"]", "security_opt"), "%s may gain privileges", quoted(s))
		}
		return true
	},
}

// capability normalises a name: upper case, without CAP_.
func capability(c string) string { return strings.TrimPrefix(strings.ToUpper(c), "CAP_") }

var capDrop = &rule{
	Check: check.Check{
		ID: "HIG-C003", Title: "Services drop all capabilities", Kind: check.Compose, Severity: report.Medium,
		Why:        "Docker leaves 14 capabilities in every container, among them those to change owners and to forge packets; hardly any program needs one.",
		Remedy:     "Add cap_drop: [ALL], and cap_add what is really needed.",
		References: check.References{CIS: []string{"5.4"}, NIST: []string{"4.4.3"}, OWASP: []string{"3"}, Aliases: []string{"CKV_K8S_37"}},
		Bad:        "services:\n  web:\n    image: dhi.io/nginx:1.29\n    cap_drop: [NET_RAW]\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n    cap_drop: [ALL]\n",
	},
	keys: []string{"cap_drop"},
	each: func(p *pass, s *Service) bool {
		if !slices.ContainsFunc(s.CapDrop, func(c string) bool { return capability(c) == "ALL" }) {
			p.Failf(s.fix("cap_drop: [ALL]", "cap_drop"), "%s keeps capabilities", quoted(s))
		}
		return true
	},
}

// harmless are the capabilities that may be added back without a word: they do not
// reach beyond the container's own files and ports.
var harmless = []string{"NET_BIND_SERVICE", "CHOWN", "SETUID", "SETGID", "SETPCAP", "FOWNER", "KILL", "FSETID", "IPC_LOCK"}

var capAdd = &rule{
	Check: check.Check{
		ID: "HIG-C004", Title: "No service adds a dangerous capability", Kind: check.Compose, Severity: report.High,
		Why:        "SYS_ADMIN, SYS_PTRACE, SYS_MODULE and the like are as good as root on the host; NET_ADMIN and NET_RAW reach every neighbour.",
		Remedy:     "Remove it from cap_add, or give the one service that needs it a host of its own.",
		References: check.References{CIS: []string{"5.4"}, NIST: []string{"4.4.3"}, OWASP: []string{"3"}, Aliases: []string{"CKV_K8S_25"}},
		Bad:        "services:\n  vpn:\n    image: dhi.io/tailscale:1\n    cap_drop: [ALL]\n    cap_add: [NET_ADMIN]\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n    cap_drop: [ALL]\n    cap_add: [NET_BIND_SERVICE]\n",
	},
	keys: []string{"cap_add"},
	any:  true,
	each: func(p *pass, s *Service) bool {
		for _, c := range s.CapAdd {
			if !slices.Contains(harmless, capability(c)) {
				p.Failf(s.at("cap_add", c), "%s adds the capability %s", quoted(s), check.Cut(c))
			}
		}
		return true
	},
}

var notPrivileged = &rule{
	Check: check.Check{
		ID: "HIG-C008", Title: "No service is privileged", Kind: check.Compose, Severity: report.Critical,
		Why:        "A privileged container has every capability and every device of the host: it is root on the host with extra steps.",
		Remedy:     "Remove privileged: true, and give the one device or capability that is needed.",
		References: check.References{CIS: []string{"5.5"}, NIST: []string{"4.4.3"}, OWASP: []string{"3"}, Aliases: []string{"CKV_K8S_16"}},
		Bad:        "services:\n  probe:\n    image: dhi.io/beyla:2\n    privileged: true\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n",
	},
	keys: []string{"privileged", "post_start", "pre_stop"},
	any:  true,
	each: func(p *pass, s *Service) bool {
		if s.Privileged {
			p.Failf(s.at("privileged"), "%s is privileged", quoted(s))
		}
		if s.Build != nil && s.Build.Privileged {
			p.Failf(s.at("build", "privileged"), "%s is built privileged", quoted(s))
		}
		if s.Build != nil && slices.Contains(s.Build.Entitlements, "security.insecure") {
			p.Failf(s.at("build", "entitlements", "security.insecure"), "%s is built privileged", quoted(s))
		}
		for _, hooks := range []struct {
			key  string
			list []types.ServiceHook
		}{{"post_start", s.PostStart}, {"pre_stop", s.PreStop}} {
			for i, h := range hooks.list {
				if h.Privileged {
					p.Failf(s.at(hooks.key, strconv.Itoa(i), "privileged"), "%s runs a privileged command (%s)", quoted(s), hooks.key)
				}
			}
		}
		return true
	},
}

var user = &rule{
	Check: check.Check{
		ID: "HIG-C007", Title: "Services run as a non-root user", Kind: check.Compose, Severity: report.High,
		Why:        "A process that runs as root inside is one kernel or runtime bug away from root outside.",
		Remedy:     "Add user: \"65532:65532\".",
		References: check.References{CIS: []string{"4.1"}, NIST: []string{"4.4.3"}, OWASP: []string{"2"}, Aliases: []string{"CKV_K8S_40"}},
		Bad:        "services:\n  web:\n    image: dhi.io/nginx:1.29\n    user: root\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n    user: \"65532:65532\"\n",
	},
	keys: []string{"user"},
	any:  true,
	each: func(p *pass, s *Service) bool {
		name, _, _ := strings.Cut(s.User, ":")
		switch {
		case s.User == "":
			p.Undecidedf(s.fix("user: \"65532:65532\"", "user"), "%s sets no user: its image decides", quoted(s))
		case name == "" || name == "root" || strings.Trim(name, "0") == "":
			p.Failf(s.fix("user: \"65532:65532\"", "user"), "%s runs as %s, which is root", quoted(s), check.Quote(s.User))
		}
		return true
	},
}

var hostNamespaces = &rule{
	Check: check.Check{
		ID: "HIG-C009", Title: "No service shares a namespace of the host", Kind: check.Compose, Severity: report.High,
		Why:        "On the host's network a service reaches everything that listens on localhost; in its process list it sees and signals every process.",
		Remedy:     "Remove network_mode, pid, ipc, uts, userns_mode or cgroup: host, and publish the ports that are needed.",
		References: check.References{CIS: []string{"5.10", "5.16", "5.17", "5.21", "5.31"}, NIST: []string{"4.4.2", "4.4.3"}, OWASP: []string{"5"}, Aliases: []string{"CKV_K8S_17", "CKV_K8S_18", "CKV_K8S_19"}},
		Bad:        "services:\n  media:\n    image: linuxserver/plex:1.42\n    network_mode: host\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n    ports: [\"127.0.0.1:8080:8080\"]\n",
	},
	keys: []string{"network_mode", "pid", "ipc", "uts", "userns_mode", "cgroup"},
	any:  true,
	each: func(p *pass, s *Service) bool {
		for _, f := range []struct{ key, value string }{
			{"network_mode", s.NetworkMode}, {"pid", s.Pid}, {"ipc", s.Ipc}, {"uts", s.Uts}, {"userns_mode", s.UserNSMode}, {"cgroup", s.Cgroup},
		} {
			if f.value == "host" {
				p.Failf(s.at(f.key), "%s shares the host's %s", quoted(s), strings.TrimSuffix(f.key, "_mode"))
			}
		}
		for name := range s.Networks {
			if n, ok := s.project.model.Networks[name]; ok && n.Name == "host" {
				p.Failf(s.at("networks", name), "%s is on the host's network", quoted(s))
			}
		}
		return true
	},
}

var profiles = &rule{
	Check: check.Check{
		ID: "HIG-C023", Title: "Security profiles stay on", Kind: check.Compose, Severity: report.High,
		Why:        "seccomp, AppArmor and SELinux keep a container away from system calls and files that it never needs; unconfined gives them back.",
		Remedy:     "Remove the unconfined option; give a profile of your own when the default is too narrow.",
		References: check.References{CIS: []string{"5.2", "5.3", "5.22"}, NIST: []string{"4.4.3"}, OWASP: []string{"6"}, Aliases: []string{"CKV_K8S_31"}},
		Bad:        "services:\n  probe:\n    image: dhi.io/netdata:2\n    security_opt: [\"apparmor=unconfined\"]\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n    security_opt: [\"no-new-privileges:true\"]\n",
	},
	keys: []string{"security_opt"},
	any:  true,
	each: func(p *pass, s *Service) bool {
		for _, name := range []string{"seccomp", "apparmor", "systempaths"} {
			if v, ok := s.option(name); ok && v == "unconfined" {
				p.Failf(s.at("security_opt", name), "%s switches off %s", quoted(s), name)
			}
		}
		for _, v := range s.options("label") {
			if v == "disable" || v == "type:spc_t" {
				p.Failf(s.at("security_opt", "label"), "%s switches off SELinux", quoted(s))
			}
		}
		return true
	},
}

var devices = &rule{
	Check: check.Check{
		ID: "HIG-C024", Title: "No service is given a device of the host", Kind: check.Compose, Severity: report.Medium,
		Why:        "A disk or memory device is the whole host; others are a driver's attack surface.",
		Remedy:     "Remove devices, or name the one that is needed without the right to create nodes (rw instead of rwm).",
		References: check.References{CIS: []string{"5.18"}, NIST: []string{"4.4.3", "4.5.5"}, OWASP: []string{"3"}},
		Bad:        "services:\n  cam:\n    image: dhi.io/python:3.13\n    devices: [\"/dev/sda:/dev/sda\"]\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n",
	},
	keys: []string{"devices", "device_cgroup_rules"},
	any:  true,
	each: func(p *pass, s *Service) bool {
		for _, d := range s.Devices {
			p.Failf(s.at("devices", d.Source), "%s is given the device %s", quoted(s), check.Quote(d.Source))
		}
		for _, r := range s.DeviceCgroupRules {
			p.Failf(s.at("device_cgroup_rules"), "%s is given devices by rule: %s", quoted(s), check.Quote(r))
		}
		return true
	},
}
