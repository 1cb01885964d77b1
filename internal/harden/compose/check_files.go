package compose

import (
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

var readOnly = &rule{
	Check: check.Check{
		ID: "HIG-C005", Title: "The root file system is read-only", Kind: check.Compose, Severity: report.Medium,
		Why:        "What an intruder cannot write, he cannot run or change; and what the program writes without being asked is lost with the container anyway.",
		Remedy:     "Add read_only: true, and tmpfs or a volume for what must be written (imagegate run-check finds the paths).",
		References: check.References{CIS: []string{"5.13"}, NIST: []string{"4.4.3"}, OWASP: []string{"8"}, Aliases: []string{"CKV_K8S_22"}},
		Bad:        "services:\n  web:\n    image: dhi.io/nginx:1.29\n    tmpfs: [/tmp]\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n    read_only: true\n    tmpfs: [\"/tmp:noexec,nosuid,size=64m\"]\n",
	},
	keys: []string{"read_only"},
	each: func(p *pass, s *Service) bool {
		if !s.ReadOnly {
			p.Failf(s.fix("read_only: true", "read_only"), "the root file system of %s is writable", quoted(s))
		}
		return true
	},
}

// tmpfsOptions looks at both forms: tmpfs: and volumes of type tmpfs. Docker mounts
// tmpfs with noexec, nosuid and nodev unless exec or suid is asked for, but without a
// size it may fill the memory.
var tmpfsOptions = &rule{
	Check: check.Check{
		ID: "HIG-C006", Title: "Temporary file systems are noexec, nosuid and bounded", Kind: check.Compose, Severity: report.Low,
		Why:        "A writable place is where an intruder puts a program; without a size it also fills the host's memory.",
		Remedy:     "Write tmpfs: [\"/tmp:noexec,nosuid,size=64m\"].",
		References: check.References{CIS: []string{"5.13"}, NIST: []string{"4.4.3"}, OWASP: []string{"7", "8"}},
		Bad:        "services:\n  web:\n    image: dhi.io/nginx:1.29\n    tmpfs: [\"/tmp\"]\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n    tmpfs: [\"/tmp:noexec,nosuid,size=64m\"]\n",
	},
	each: func(p *pass, s *Service) bool {
		n := 0
		for _, t := range s.Tmpfs {
			n++
			target, opts, _ := strings.Cut(t, ":")
			var missing []string
			have := "," + opts + ","
			if !strings.Contains(have, ",noexec,") {
				missing = append(missing, "noexec")
			}
			if !strings.Contains(have, ",nosuid,") {
				missing = append(missing, "nosuid")
			}
			if !strings.Contains(have, ",size=") || strings.Contains(have, ",size=0,") { // 0 means no limit
				missing = append(missing, "size")
			}
			if len(missing) > 0 {
				p.Failf(s.fix("tmpfs: [\""+check.Cut(target)+":noexec,nosuid,size=64m\"]", "tmpfs", target), "%s mounts %s without %s", quoted(s), check.Quote(target), strings.Join(missing, ", "))
			}
		}
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeTmpfs {
				continue
			}
			n++
			if v.Tmpfs == nil || v.Tmpfs.Size == 0 {
				p.Failf(s.at("volumes", v.Target), "%s mounts %s without a size", quoted(s), check.Quote(v.Target))
			}
		}
		return n > 0
	},
}

// mount is a volume of a service that is a path of the host.
type mount struct {
	types.ServiceVolumeConfig
	source string
}

// mounts lists the bind mounts of a service, and the named volumes that are one by the
// options of their driver (mount(8), "bind").
func (s *Service) mounts() []mount {
	var out []mount
	for _, v := range s.Volumes {
		source := v.Source
		if v.Type == types.VolumeTypeVolume {
			opts := s.project.model.Volumes[v.Source].DriverOpts
			if !slices.Contains(strings.Split(opts["o"], ","), "bind") && !slices.Contains(strings.Split(opts["o"], ","), "rbind") {
				continue
			}
			source = opts["device"]
		} else if v.Type != types.VolumeTypeBind && v.Type != types.VolumeTypeNamedPipe {
			continue
		}
		out = append(out, mount{v, source})
	}
	return out
}

// isSocket reports whether a host path is the engine's socket or holds it.
func isSocket(p string) bool {
	clean := path.Clean(p)
	switch strings.TrimPrefix(clean, "/var") {
	case "/run/docker", "/run/containerd", "/run/podman", "/run/crio":
		return true
	}
	switch path.Base(clean) {
	case "docker.sock", "docker.raw.sock", "podman.sock", "containerd.sock", "crio.sock", "cri-dockerd.sock":
		return true
	}
	return strings.Contains(p, `\pipe\docker_engine`) || strings.Contains(p, "//./pipe/docker_engine")
}

var dockerSocket = &rule{
	Check: check.Check{
		ID: "HIG-C010", Title: "No service holds the engine's socket", Kind: check.Compose, Severity: report.High,
		Why:        "Who may talk to the engine may start a privileged container with the host's disk in it; mounting the socket read-only changes nothing of that.",
		Remedy:     "Remove the mount; where a service has to see containers, put a proxy in between that allows only reading what is needed.",
		References: check.References{CIS: []string{"5.32"}, NIST: []string{"4.4.3", "4.5.4"}, OWASP: []string{"1"}},
		Bad:        "services:\n  proxy:\n    image: traefik:3.5\n    volumes: [\"/var/run/docker.sock:/var/run/docker.sock:ro\"]\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n    volumes: [\"./site:/usr/share/nginx/html:ro\"]\n",
	},
	keys: []string{"volumes"},
	any:  true,
	could: func(value string) bool { // what ends in a name of its own is told by that
		source := sourceOf(value)
		return !strings.Contains(source[strings.LastIndexByte(source, '$')+1:], "/")
	},
	each: func(p *pass, s *Service) bool {
		for _, m := range s.mounts() {
			if isSocket(m.source) || m.Type == types.VolumeTypeNamedPipe {
				p.Failf(s.at("volumes", m.Source), "%s is given %s", quoted(s), check.Quote(m.source))
			}
		}
		if s.UseAPISocket {
			p.Failf(s.at("use_api_socket"), "%s is given the engine's socket", quoted(s))
		}
		return true
	},
}

// sensitive says whether a host path gives away the host. Reading /etc or /proc is
// enough to learn secrets, so read-only counts too, except for single harmless files.
func sensitive(p string) bool {
	if home, ok := strings.CutPrefix(p, "~"); ok {
		return home == "" || home == "/" || privateHome(home)
	}
	if !strings.HasPrefix(p, "/") {
		return false
	}
	p = path.Clean(p)
	if parts := strings.SplitN(p, "/", 4); len(parts) == 4 && parts[1] == "home" && privateHome("/"+parts[3]) {
		return true
	}
	switch p {
	case "/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo", "/dev/shm", "/dev/null":
		return false
	case "/", "/home", "/root", "/var", "/usr", "/opt", "/run", "/var/run", "/var/lib", "/mnt":
		return true
	}
	if strings.HasPrefix(p, "/etc/ssl/certs") || strings.HasPrefix(p, "/etc/pki/ca-trust") || strings.HasPrefix(p, "/etc/ca-certificates") {
		return false
	}
	for _, dir := range []string{"/etc", "/boot", "/dev", "/lib", "/lib64", "/bin", "/sbin", "/proc", "/sys", "/var/lib/docker", "/var/lib/containerd", "/var/lib/kubelet", "/usr/bin", "/usr/lib", "/usr/sbin", "/usr/src", "/root", "/var/log", "/run/user", "/var/run/user"} {
		if p == dir || strings.HasPrefix(p, dir+"/") {
			return true
		}
	}
	return false
}

// privateHome says whether a path below a home directory is where keys and logins are.
func privateHome(p string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path.Clean(p), "/"), "/")
	return slices.Contains([]string{".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".netrc", ".git-credentials", ".npmrc", ".pypirc", ".vault-token"}, first)
}

var hostPaths = &rule{
	Check: check.Check{
		ID: "HIG-C011", Title: "No sensitive directory of the host is mounted", Kind: check.Compose, Severity: report.High,
		Why:        "With /etc, /proc or the disk itself a container reads the host's secrets and, when it may write, becomes the host.",
		Remedy:     "Mount a directory of the project or a named volume; single files read-only where nothing else will do.",
		References: check.References{CIS: []string{"5.6"}, NIST: []string{"4.5.5"}, OWASP: []string{"8"}},
		Bad:        "services:\n  agent:\n    image: dhi.io/netdata:2\n    volumes: [\"/proc:/host/proc:ro\"]\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n    volumes: [\"./site:/usr/share/nginx/html:ro\", \"data:/data\"]\nvolumes:\n  data:\n",
	},
	keys: []string{"volumes"},
	any:  true,
	each: func(p *pass, s *Service) bool {
		for _, m := range s.mounts() {
			if !isSocket(m.source) && sensitive(m.source) {
				how := "and may write to it"
				if m.ReadOnly {
					how = "to read"
				}
				p.Failf(s.at("volumes", m.Source), "%s is given %s of the host %s", quoted(s), check.Quote(m.source), how)
			}
		}
		return true
	},
}
