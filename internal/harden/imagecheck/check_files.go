package imagecheck

import (
	"path"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// paths fails once for each path, in the order of the walk.
func (p *pass) paths(list []string, what string) {
	for _, f := range list {
		p.Failf(file(f), "%s", what)
	}
}

var noShell = &rule{
	Check: check.Check{
		ID: "HIG-I003", Title: "The image holds no shell", Kind: check.Image, Severity: report.Medium,
		Why:        "A shell is the first thing that an exploit starts and the reason why command injection works; a runtime image needs none.",
		Remedy:     "Use a runtime image without a shell (a DHI runtime variant, distroless, scratch) and debug with docker debug.",
		References: check.References{CIS: []string{"4.3"}, NIST: []string{"4.1.2"}, OWASP: []string{"13"}},
		Bad:        `{"config": {"User": "65532"}, "files": [{"path": "bin/busybox", "mode": "0755"}, {"path": "bin/sh", "link": "busybox"}]}`,
		Good:       baseExample,
	},
	run: func(p *pass) {
		p.paths(p.shells, "a shell")
		p.paths(p.disguised, "a shell by another name")
		if p.looked() {
			p.Passf("no shell among %d files", p.files)
		}
	},
}

var noManager = &rule{
	Check: check.Check{
		ID: "HIG-I004", Title: "The image holds no package manager", Kind: check.Image, Severity: report.Medium,
		Why:        "With a package manager an intruder installs what is missing.",
		Remedy:     "Use a runtime image without one; install in a build stage and copy the result.",
		References: check.References{CIS: []string{"4.3"}, NIST: []string{"4.1.2"}, OWASP: []string{"13"}},
		Bad:        `{"config": {"User": "65532"}, "files": [{"path": "sbin/apk", "mode": "0755"}]}`,
		Good:       baseExample,
	},
	run: func(p *pass) {
		p.paths(p.managers, "a package manager")
		if p.looked() {
			p.Passf("no package manager among %d files", p.files)
		}
	},
}

var noSetuid = &rule{
	Check: check.Check{
		ID: "HIG-I005", Title: "No program is setuid, setgid or has capabilities", Kind: check.Image, Severity: report.Medium,
		Why:        "Such a program gives its owner's rights to whoever starts it: the way from the non-root user back to root.",
		Remedy:     "Remove the bit: chmod a-s FILE, or leave the package out; run with no-new-privileges in any case.",
		References: check.References{CIS: []string{"4.8"}, NIST: []string{"4.1.2"}, OWASP: []string{"4"}, Aliases: []string{"CIS-DI-0008"}},
		Bad:        `{"config": {"User": "65532"}, "files": [{"path": "usr/bin/passwd", "mode": "04755"}]}`,
		Good:       baseExample,
	},
	run: func(p *pass) {
		p.paths(p.setuid, "a setuid or setgid program")
		p.paths(p.capable, "a program with file capabilities")
		if p.looked() {
			p.Passf("none among %d files", p.files)
		}
	},
}

var noWorldWritable = &rule{
	Check: check.Check{
		ID: "HIG-I006", Title: "Nothing is world-writable without the sticky bit", Kind: check.Image, Severity: report.Medium,
		Why:        "What everyone may write, an intruder may replace; in a directory without the sticky bit also what belongs to others.",
		Remedy:     "Give the right to the one user that needs it; directories for everyone get mode 1777.",
		References: check.References{CIS: []string{"4.8"}, NIST: []string{"4.1.2"}},
		Bad:        `{"config": {"User": "65532"}, "files": [{"path": "data", "mode": "0777", "dir": true}]}`,
		Good:       `{"config": {"User": "65532"}, "files": [{"path": "tmp", "mode": "01777", "dir": true}]}`,
	},
	run: func(p *pass) {
		p.paths(p.writable, "world-writable")
		if p.looked() {
			p.Passf("none among %d files", p.files)
		}
	},
}

var noSecretFiles = &rule{
	Check: check.Check{
		ID: "HIG-I009", Title: "No file holds a secret", Kind: check.Image, Severity: report.High,
		Why:        "Whoever can pull the image has the key: images are copied to registries, caches and laptops.",
		Remedy:     "Remove it from the build (a later RUN rm does not help), change the secret, and mount it at run time.",
		References: check.References{CIS: []string{"4.10"}, NIST: []string{"4.1.4"}, OWASP: []string{"12"}, Aliases: []string{"CIS-DI-0010", "DKL-LI-0003"}},
		Bad:        `{"config": {"User": "65532"}, "files": [{"path": "app/.env", "text": "DB_PASSWORD=hunter2\n"}]}`,
		Good:       `{"config": {"User": "65532"}, "files": [{"path": "app/.env", "text": "LOG_LEVEL=info\nDB_PASSWORD_FILE=/run/secrets/db\n"}, {"path": "root/.ssh/id_rsa.pub", "text": "ssh-rsa AAAA"}]}`,
	},
	run: func(p *pass) {
		for _, f := range p.secrets {
			p.Failf(file(f.path), "%s", f.what)
		}
		if p.looked() {
			p.Passf("no file has the name and content of a secret")
		}
	},
}

var noSSH = &rule{
	Check: check.Check{
		ID: "HIG-I010", Title: "The image holds no login server", Kind: check.Image, Severity: report.High,
		Why:        "An SSH or Telnet server needs keys and users, is one more thing to attack, and leaves changes that no build knows of.",
		Remedy:     "Remove it; use docker exec, docker debug or kubectl debug.",
		References: check.References{CIS: []string{"5.7"}, NIST: []string{"4.1.2"}},
		Bad:        `{"config": {"User": "65532"}, "files": [{"path": "usr/sbin/sshd", "mode": "0755"}]}`,
		Good:       baseExample,
	},
	run: func(p *pass) {
		p.paths(p.sshd, "a login server")
		if p.looked() {
			p.Passf("none among %d files", p.files)
		}
	},
}

var noBuildTools = &rule{
	Check: check.Check{
		ID: "HIG-I011", Title: "The image holds no compiler or build tool", Kind: check.Image, Severity: report.Medium,
		Why:        "A compiler lets an intruder build what is missing, and brings most of the vulnerabilities that a scan finds.",
		Remedy:     "Build in one stage and copy only the result into the final one.",
		References: check.References{CIS: []string{"4.3"}, NIST: []string{"4.1.2"}, OWASP: []string{"13"}},
		Bad:        `{"config": {"User": "65532"}, "files": [{"path": "usr/bin/gcc", "mode": "0755"}]}`,
		Good:       baseExample,
	},
	run: func(p *pass) {
		p.paths(p.tools, "a compiler or build tool")
		if p.looked() {
			p.Passf("none among %d files", p.files)
		}
	},
}

var noCaches = &rule{
	Check: check.Check{
		ID: "HIG-I026", Title: "No package cache is left", Kind: check.Image, Severity: report.Low,
		Why:        "Package lists and download caches make the image larger and help whoever wants to install something in it later.",
		Remedy:     "Clean up in the RUN that installs, or use RUN --mount=type=cache.",
		References: check.References{CIS: []string{"4.3"}, NIST: []string{"4.1.2"}, Aliases: []string{"DKL-DI-0005", "DL3009"}},
		Bad:        `{"config": {"User": "65532"}, "files": [{"path": "var/lib/apt/lists/deb.debian.org_InRelease", "text": "x"}]}`,
		Good:       baseExample,
	},
	run: func(p *pass) {
		p.paths(p.caches, "a file that a package manager left")
		if p.looked() {
			p.Passf("no leftover cache")
		}
	},
}

var certificates = &rule{
	Check: check.Check{
		ID: "HIG-I024", Title: "CA certificates are there for a language that needs them", Kind: check.Image, Severity: report.Low,
		Why:        "Without certificates every TLS connection fails, and the usual way out is to switch the check off.",
		Remedy:     "Use a base with ca-certificates, or copy /etc/ssl/certs/ca-certificates.crt from the build stage.",
		References: check.References{NIST: []string{"4.1.2"}},
		Bad:        `{"config": {"User": "65532"}, "files": [{"path": "usr/bin/python3", "mode": "0755"}]}`,
		Good:       `{"config": {"User": "65532"}, "files": [{"path": "usr/bin/python3", "mode": "0755"}, {"path": "etc/ssl/certs/ca-certificates.crt", "text": "-----BEGIN CERTIFICATE-----"}]}`,
	},
	run: func(p *pass) {
		if !p.looked() {
			return
		}
		switch {
		case p.certs:
			p.Passf("CA certificates are there")
		case len(p.languages) > 0:
			p.Failf(check.At{}, "%s is there and no CA certificates are", strings.Join(p.languages, ", "))
		default:
			p.NotApplicablef("no language that brings none of its own was found")
		}
	},
}

var timeZone = &rule{
	Check: check.Check{
		ID: "HIG-I025", Title: "Time zone data is there where a time zone is set", Kind: check.Image, Severity: report.Low,
		Why:        "With TZ set and no data, programs fall back to UTC without a word, and logs lie by hours.",
		Remedy:     "Use a base with tzdata, or copy /usr/share/zoneinfo from the build stage; or leave TZ unset.",
		References: check.References{NIST: []string{"4.1.2"}},
		Bad:        `{"config": {"User": "65532", "Env": ["TZ=Europe/Berlin"]}, "files": [{"path": "app", "mode": "0755"}]}`,
		Good:       `{"config": {"User": "65532", "Env": ["TZ=Europe/Berlin"]}, "files": [{"path": "usr/share/zoneinfo/Europe/Berlin", "text": "TZif"}]}`,
	},
	run: func(p *pass) {
		tz := ""
		for _, kv := range p.in.Config.Config.Env {
			if v, ok := strings.CutPrefix(kv, "TZ="); ok {
				tz = v
			}
		}
		if tz == "" || tz == "UTC" || tz == "Etc/UTC" || tz == "GMT" {
			p.NotApplicablef("no time zone is set")
			return
		}
		if !p.looked() {
			return
		}
		if !p.zoneinfo {
			p.Failf(key("config.Env"), "TZ is %s and the image has no time zone data", check.Quote(tz))
			return
		}
		p.Passf("time zone data is there")
	},
}

// families are programs that come with a declared one.
var families = map[string][]string{
	"bash": {"sh", "rbash", "dash"}, "busybox": {"sh", "ash"}, "dash": {"sh"}, "apt": {"apt-get", "dpkg"}, "dpkg": {}, "apk": {}, "zsh": {"sh"},
	"dnf": {"rpm", "yum", "dnf5"}, "microdnf": {"rpm"}, "tdnf": {"rpm"}, "yum": {"rpm"},
}

// undeclared drops from files those that a label declares. A label that names what is
// not known here declares everything: a guess would be worse.
func undeclared(files []string, label string) []string {
	var names []string
	for _, name := range strings.FieldsFunc(label, func(r rune) bool { return r == ',' || r == ' ' }) {
		family, known := families[name]
		if !known {
			return nil
		}
		names = append(append(names, name), family...)
	}
	return slices.DeleteFunc(slices.Clone(files), func(f string) bool { return slices.Contains(names, path.Base(f)) })
}

// declared compares what the labels of a Docker Hardened Image say with what is there.
var declared = &rule{
	Check: check.Check{
		ID: "HIG-I023", Title: "Shell and package manager are as the labels declare", Kind: check.Image, Severity: report.Medium,
		Why:        "A shell that the vendor did not put there came with a later layer, by mistake or on purpose.",
		Remedy:     "Find the layer that brought it (docker history) and leave it out, or start from a variant that declares it.",
		References: check.References{CIS: []string{"4.3"}, NIST: []string{"4.1.2", "4.1.5"}},
		Bad:        `{"config": {"User": "65532", "Labels": {"com.docker.dhi.name": "dhi/python", "com.docker.dhi.shell": "", "com.docker.dhi.package-manager": ""}}, "files": [{"path": "bin/sh", "mode": "0755"}]}`,
		Good:       `{"config": {"User": "65532", "Labels": {"com.docker.dhi.name": "dhi/busybox", "com.docker.dhi.shell": "busybox", "com.docker.dhi.package-manager": ""}}, "files": [{"path": "bin/busybox", "mode": "0755"}, {"path": "bin/sh", "link": "busybox"}]}`,
	},
	run: func(p *pass) {
		l := p.in.Config.Config.Labels
		shell, hasShell := l["com.docker.dhi.shell"]
		manager, hasManager := l["com.docker.dhi.package-manager"]
		if !hasShell && !hasManager {
			p.NotApplicablef("the image declares neither")
			return
		}
		if hasShell {
			p.paths(undeclared(p.shells, shell), "a shell that the labels do not declare")
		}
		if hasManager {
			p.paths(undeclared(p.managers, manager), "a package manager that the labels do not declare")
		}
		if p.looked() {
			p.Passf("shell %s, package manager %s", check.Quote(shell), check.Quote(manager))
		}
	},
}
