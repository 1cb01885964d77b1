package imagecheck

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

const baseExample = `{"config": {"User": "65532", "Entrypoint": ["/app"]}, "files": [{"path": "app", "mode": "0755"}]}`

// maxUID is the largest id that runtimes take (runc, libcontainer/user).
const maxUID = 1<<31 - 1

// userNonRoot follows the OCI image-spec, config.md, "User": only the part before the
// colon names the user, and a name counts by its number in /etc/passwd.
var userNonRoot = &rule{
	Check: check.Check{
		ID: "HIG-I001", Title: "The image runs as a numeric non-root user", Kind: check.Image, Severity: report.High,
		Why:    "A process that runs as root inside is one kernel or runtime bug away from root outside; Kubernetes' runAsNonRoot cannot check a name.",
		Remedy: "End the Dockerfile with USER 65532:65532.",
		References: check.References{CIS: []string{"4.1"}, NIST: []string{"4.1.2", "4.4.3"}, OWASP: []string{"2"},
			Aliases: []string{"CIS-DI-0001", "DL3002", "CKV_DOCKER_3", "CKV_DOCKER_8"}},
		Bad:  `{"config": {"User": ""}, "files": []}`,
		Good: baseExample,
	},
	run: func(p *pass) {
		spec, u := p.in.Config.Config.User, p.user
		switch {
		case u.unknown && p.in.FS == nil:
			p.Undecidedf(key("config.User"), "the user %s is a name and the files were not read", check.Quote(spec))
		case u.unknown && !p.passwd && p.badPasswd != "":
			p.Undecidedf(key("config.User"), "the user %s is a name and /etc/passwd cannot be read: %s", check.Quote(spec), p.badPasswd)
		case u.unknown:
			p.Failf(key("config.User"), "the user %s is a name that /etc/passwd does not have", check.Quote(spec))
		case u.uid > maxUID:
			p.Failf(key("config.User"), "the user %d is above %d, and no runtime starts it", u.uid, maxUID)
		case u.uid == 0:
			p.Failf(key("config.User"), "the default user is root (config.User is %s)", check.Quote(spec))
		case !u.numeric:
			p.Failf(check.At{Location: "config.User", Remedy: fmt.Sprintf("USER %d:%d", u.uid, u.gid)}, "the user %s is a name; its number is %d", check.Quote(spec), u.uid)
		case u.uid == 65532:
			p.Passf("the user is 65532, nonroot by convention")
		default:
			p.Passf("the user is %d", u.uid)
		}
	},
}

// userExists is about programs that look themselves up: they fail, or take HOME=/.
var userExists = &rule{
	Check: check.Check{
		ID: "HIG-I002", Title: "The default user has an account", Kind: check.Image, Severity: report.Low,
		Why:        "Programs that ask for their own name or home directory fail, or write to /, when the user is in no /etc/passwd.",
		Remedy:     "Add the account to /etc/passwd, or silence this where the program does not ask.",
		References: check.References{CIS: []string{"4.1"}, NIST: []string{"4.1.2"}},
		Bad:        `{"config": {"User": "1234"}, "files": [{"path": "etc/passwd", "text": "root:x:0:0:root:/root:/sbin/nologin\n"}]}`,
		Good:       `{"config": {"User": "65532"}, "files": [{"path": "etc/passwd", "text": "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532::/home/nonroot:/sbin/nologin\n"}]}`,
	},
	run: func(p *pass) {
		switch u := p.user; {
		case p.in.FS == nil:
			p.Undecidedf(check.At{}, "the root file system was not read")
		case !p.passwd && p.badPasswd != "":
			p.Undecidedf(file("etc/passwd"), "%s", p.badPasswd)
		case !p.passwd:
			p.NotApplicablef("the image has no /etc/passwd: names mean nothing in it")
		case !u.listed && !(u.uid == 0 && !u.unknown):
			p.Failf(file("etc/passwd"), "the user %s has no account", check.Quote(p.in.Config.Config.User))
		default:
			p.Passf("the user is %s", check.Quote(u.name))
		}
	},
}

// accounts looks for ways in that nobody meant: a second root, an empty password.
var accounts = &rule{
	Check: check.Check{
		ID: "HIG-I029", Title: "No account has an empty password or shares root's id", Kind: check.Image, Severity: report.High,
		Why:        "An account without a password, or a second one with id 0, makes root of whoever can start su or log in.",
		Remedy:     "Lock the accounts (passwd -l, or * in /etc/shadow) and remove those with id 0 other than root.",
		References: check.References{CIS: []string{"4.1"}, NIST: []string{"4.1.2"}, Aliases: []string{"DKL-LI-0001", "DKL-LI-0002"}},
		Bad:        `{"config": {"User": "65532"}, "files": [{"path": "etc/passwd", "text": "root:x:0:0::/root:/bin/sh\ntoor::0:0::/root:/bin/sh\n"}]}`,
		Good:       `{"config": {"User": "65532"}, "files": [{"path": "etc/passwd", "text": "root:x:0:0::/root:/sbin/nologin\n"}, {"path": "etc/shadow", "text": "root:*:19000:0:::::\n", "mode": "0640"}]}`,
	},
	run: func(p *pass) {
		if p.in.FS == nil {
			p.Undecidedf(check.At{}, "the root file system was not read")
			return
		}
		for _, a := range p.accounts {
			if a.uid == 0 && a.name != "root" {
				p.Failf(file("etc/passwd"), "the account %s has the id of root", check.Quote(a.name))
			}
		}
		for _, name := range p.emptyPasswords {
			p.Failf(file("etc/shadow"), "the account %s has an empty password", check.Quote(name))
		}
		if p.badPasswd != "" {
			p.Undecidedf(file("etc/passwd"), "%s", p.badPasswd)
		}
		if !p.passwd && !p.shadow {
			p.NotApplicablef("the image has no accounts")
			return
		}
		p.Passf("%d accounts", len(p.accounts))
	},
}

// immutable is what "read-only ready" can mean without running the image: the program
// cannot be changed by the user that runs it.
var immutable = &rule{
	Check: check.Check{
		ID: "HIG-I028", Title: "The default user cannot change the programs", Kind: check.Image, Severity: report.Medium,
		Why:        "Whoever takes over the process can replace a program that its user may write, and stays after a restart; such images also tend to fail with a read-only root.",
		Remedy:     "Copy programs as root (COPY without --chown) and give the user only the directories that it has to write.",
		References: check.References{CIS: []string{"5.13"}, NIST: []string{"4.1.2", "4.4.3"}, OWASP: []string{"8"}},
		Bad:        `{"config": {"User": "65532"}, "files": [{"path": "usr/local/bin/app", "mode": "0755", "uid": 65532}]}`,
		Good:       baseExample,
	},
	run: func(p *pass) {
		if !p.looked() {
			return
		}
		switch {
		case p.user.unknown:
			p.Undecidedf(key("config.User"), "the user %s is not known", check.Quote(p.in.Config.Config.User))
			return
		case p.user.uid == 0:
			p.Failf(key("config.User"), "the default user is root, who may change everything")
			return
		}
		for _, f := range p.owned {
			p.Failf(file(f), "the default user may change this program")
		}
		p.Passf("none of the programs belongs to the default user")
	},
}

// privilegedPorts looks at config.ExposedPorts.
var privilegedPorts = &rule{
	Check: check.Check{
		ID: "HIG-I016", Title: "Exposed ports are 1024 or above", Kind: check.Image, Severity: report.Low,
		Why:        "Ports below 1024 need a capability or a sysctl, which is the usual reason why an image runs as root.",
		Remedy:     "Listen on 8080 or 8443 inside and publish it as 80 or 443 outside.",
		References: check.References{CIS: []string{"5.8"}, NIST: []string{"4.4.3"}, OWASP: []string{"3"}, Aliases: []string{"CKV_DOCKER_1"}},
		Bad:        `{"config": {"User": "65532", "ExposedPorts": {"80/tcp": {}}}, "files": []}`,
		Good:       `{"config": {"User": "65532", "ExposedPorts": {"8080/tcp": {}}}, "files": []}`,
	},
	run: func(p *pass) {
		names := slices.Sorted(maps.Keys(p.in.Config.Config.ExposedPorts))
		for _, n := range names {
			port, _, _ := strings.Cut(n, "/")
			port, _, _ = strings.Cut(port, "-")
			v, ok := id(port)
			switch {
			case !ok || v > 65535:
				p.Undecidedf(key("config.ExposedPorts"), "%s is no port", check.Quote(n))
			case v < 1024:
				p.Failf(key("config.ExposedPorts"), "%s is a privileged port", check.Quote(n))
			}
		}
		if len(names) == 0 {
			p.NotApplicablef("no port is exposed")
			return
		}
		p.Passf("exposed: %s", check.List(names, 5))
	},
}

// volumes are writable whatever the container's root is.
var volumes = &rule{
	Check: check.Check{
		ID: "HIG-I017", Title: "Volumes do not cover program directories", Kind: check.Image, Severity: report.Low,
		Why:        "A declared volume is writable also with a read-only root, and an anonymous one keeps what an intruder leaves in it.",
		Remedy:     "Declare volumes only for data (VOLUME /data), or leave it to whoever runs the image.",
		References: check.References{CIS: []string{"5.6", "5.13"}, NIST: []string{"4.4.3"}, OWASP: []string{"8"}, Aliases: []string{"DKL-DI-0002"}},
		Bad:        `{"config": {"User": "65532", "Volumes": {"/usr/local": {}}}, "files": []}`,
		Good:       `{"config": {"User": "65532", "Volumes": {"/data": {}}}, "files": []}`,
	},
	run: func(p *pass) {
		names := slices.Sorted(maps.Keys(p.in.Config.Config.Volumes))
		for _, n := range names {
			for _, dir := range []string{"/bin", "/sbin", "/usr", "/lib", "/lib64", "/etc", "/boot", "/dev", "/proc", "/sys", "/root"} {
				if c := path.Clean("/" + n); c == "/" || c == dir || strings.HasPrefix(c, dir+"/") {
					p.Failf(key("config.Volumes"), "the volume %s covers a directory of programs or configuration", check.Quote(n))
					break
				}
			}
		}
		if len(names) == 0 {
			p.NotApplicablef("no volume is declared")
			return
		}
		p.Passf("volumes: %s", check.List(names, 5))
	},
}
