package dockerfile

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/script"
	"github.com/imagegate/imagegate/internal/report"
)

// verification finds options that switch off the check of certificates and signatures.
var verification = &rule{
	Check: check.Check{
		ID: "HIG-D022", Title: "Certificates and signatures are checked", Kind: check.Dockerfile, Severity: report.High,
		Why:    "Without the check anyone between the build and the server chooses what is installed.",
		Remedy: "Remove the option and install the certificate or key that is missing.",
		References: check.References{CIS: []string{"4.11"}, NIST: []string{"4.1.5"}, OWASP: []string{"13"}, Aliases: []string{
			"CKV2_DOCKER_2", "CKV2_DOCKER_3", "CKV2_DOCKER_4", "CKV2_DOCKER_5", "CKV2_DOCKER_6", "CKV2_DOCKER_7", "CKV2_DOCKER_8", "CKV2_DOCKER_9",
			"CKV2_DOCKER_10", "CKV2_DOCKER_11", "CKV2_DOCKER_12", "CKV2_DOCKER_13", "CKV2_DOCKER_14", "CKV2_DOCKER_15", "CKV2_DOCKER_16"}},
		Bad:  "FROM debian:13\nRUN curl -k https://example.com/tool -o /usr/local/bin/tool\nUSER 65532\n",
		Good: "FROM debian:13\nRUN curl -fsS https://example.com/tool -o /usr/local/bin/tool\nUSER 65532\n",
	},
	run: func(p *pass) {
		p.f.steps(func(st *Step) {
			switch c := st.Cmd.(type) {
			case *instructions.EnvCommand:
				for _, kv := range c.Env {
					if why := insecureVariable(kv.Key, kv.Value); why != "" {
						p.Failf(at(st.Line), "ENV %s=%s %s", check.Cut(kv.Key), check.Cut(kv.Value), why)
					}
				}
			case *instructions.ArgCommand:
				for _, kv := range c.Args {
					if kv.Value == nil {
						continue
					}
					if why := insecureVariable(kv.Key, *kv.Value); why != "" {
						p.Failf(at(st.Line), "ARG %s=%s %s", check.Cut(kv.Key), check.Cut(*kv.Value), why)
					}
				}
			}
			st.walk(func(c script.Command) {
				for _, a := range c.Exports() {
					k, v, _ := strings.Cut(a, "=")
					if why := insecureVariable(k, v); why != "" {
						p.Failf(at(st.Line), "%s %s", check.Cut(a), why)
					}
				}
				if why := insecureCommand(c); why != "" {
					p.Failf(at(st.Line), "%s", why)
				}
			})
		})
		p.Passf("no option switches a check off")
	},
}

func insecureVariable(key, value string) string {
	v := strings.ToLower(strings.Trim(value, `"'`))
	on := v == "1" || v == "true" || v == "yes" || v == "on"
	switch strings.ToUpper(key) {
	case "NODE_TLS_REJECT_UNAUTHORIZED", "PYTHONHTTPSVERIFY":
		if v == "0" {
			return "switches off the check of certificates"
		}
	case "GIT_SSL_NO_VERIFY":
		if on {
			return "switches off the check of certificates"
		}
	case "NPM_CONFIG_STRICT_SSL", "YARN_STRICT_SSL", "YARN_ENABLE_STRICT_SSL":
		if v == "false" || v == "0" {
			return "switches off the check of certificates"
		}
	case "PIP_TRUSTED_HOST":
		if v != "" {
			return "makes pip trust a host without a certificate"
		}
	case "GOFLAGS":
		if strings.Contains(v, "-insecure") {
			return "makes go fetch over insecure connections"
		}
	case "GOINSECURE":
		if v != "" {
			return "makes go fetch over insecure connections"
		}
	case "GOSUMDB":
		if v == "off" {
			return "switches off the checksum database of go"
		}
	}
	return ""
}

func insecureCommand(c script.Command) string {
	name, args := c.Name()
	text := strings.Join(args, " ")
	lower := strings.ToLower(text)
	switch name {
	case "curl":
		for _, a := range args {
			if a == "--insecure" || a == "--proxy-insecure" || strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && shortFlag(a, 'k') {
				return "curl " + a + " does not check the certificate"
			}
		}
	case "wget":
		if has(args, "--no-check-certificate") {
			return "wget --no-check-certificate does not check the certificate"
		}
	case "git":
		if strings.Contains(lower, "http.sslverify=false") || strings.Contains(lower, "http.sslverify false") {
			return "git does not check the certificate"
		}
	case "npm", "yarn", "pnpm":
		if strings.Contains(text, "strict-ssl false") || strings.Contains(text, "strict-ssl=false") {
			return name + " does not check the certificate"
		}
	case "pip", "pip3", "pip2", "uv":
		if has(args, "--trusted-host") || has(args, "--allow-insecure-host") || strings.Contains(text, "config set") && strings.Contains(text, "trusted-host") {
			return name + " trusts a host without a certificate"
		}
	case "apt-get", "apt":
		if has(args, "--allow-unauthenticated") || has(args, "--force-yes") || has(args, "--allow-insecure-repositories") ||
			strings.Contains(text, "Verify-Peer=false") || strings.Contains(text, "AllowInsecureRepositories=true") {
			return name + " installs without a signature"
		}
	case "apk":
		if has(args, "--allow-untrusted") {
			return "apk --allow-untrusted installs without a signature"
		}
	case "yum", "dnf", "microdnf", "tdnf", "zypper", "yum-config-manager", "dnf-config-manager":
		if has(args, "--nogpgcheck") || has(args, "--no-gpg-checks") || strings.Contains(lower, "gpgcheck=0") || strings.Contains(lower, "gpgcheck=false") {
			return name + " installs without a signature"
		}
		for _, off := range []string{"sslverify=0", "sslverify=false", "sslverify=no"} {
			if strings.Contains(lower, off) {
				return name + " does not check the certificate"
			}
		}
	case "rpm":
		for _, off := range []string{"--nosignature", "--nodigest", "--nogpgcheck", "--noverify"} {
			if has(args, off) {
				return "rpm " + off + " installs without a check of what is installed"
			}
		}
	case "conda", "mamba", "composer":
		for _, off := range []string{"ssl_verify false", "disable-tls true", "secure-http false"} {
			if strings.Contains(lower, off) {
				return name + " does not check the certificate"
			}
		}
	case "gem":
		if strings.Contains(text, "ssl_verify_mode: 0") {
			return "gem does not check the certificate"
		}
	case "echo", "printf":
		if strings.Contains(text, "[trusted=yes]") || strings.Contains(text, "check_certificate = off") {
			return "a source is written that needs no signature"
		}
	}
	if strings.HasPrefix(name, "python") && has(args, "--trusted-host") {
		return "pip trusts a host without a certificate"
	}
	return ""
}

// shortFlag finds a letter among combined short options of curl: those that take a
// value end the run of letters.
func shortFlag(arg string, want byte) bool {
	for i := 1; i < len(arg); i++ {
		if arg[i] == want {
			return true
		}
		if strings.IndexByte("oHdAebuxXTmwCrcDEFKPQtUYyz", arg[i]) >= 0 {
			return false
		}
	}
	return false
}

// noSudo finds sudo being installed or used.
var noSudo = &rule{
	Check: check.Check{
		ID: "HIG-D023", Title: "The image does without sudo", Kind: check.Dockerfile, Severity: report.Medium,
		Why:        "sudo is a setuid program that exists to make root of a user: with it, the non-root user of the image is none.",
		Remedy:     "Do what needs root before USER, and drop sudo; use gosu or setpriv in an entrypoint that has to change its user.",
		References: check.References{CIS: []string{"4.8"}, NIST: []string{"4.1.2"}, OWASP: []string{"4"}, Aliases: []string{"DKL-DI-0001", "DL3004", "CKV2_DOCKER_1"}},
		Bad:        "FROM debian:13\nUSER 65532\nRUN sudo mkdir /data\n",
		Good:       "FROM debian:13\nRUN mkdir /data\nUSER 65532\n",
	},
	run: func(p *pass) {
		p.f.steps(func(st *Step) {
			switch c := st.Cmd.(type) {
			case *instructions.CmdCommand:
				usesSudo(p, st, c.CmdLine)
			case *instructions.EntrypointCommand:
				usesSudo(p, st, c.CmdLine)
			}
			st.walk(func(c script.Command) {
				usesSudo(p, st, c.Words)
				if slices.ContainsFunc(c.Redirect, func(f string) bool { return strings.HasPrefix(f, "/etc/sudoers") }) {
					p.Failf(at(st.Line), "the rules of sudo are changed")
				}
				_, pkgs := installs(c)
				for _, pkg := range pkgs {
					if n, _, _ := strings.Cut(pkg, "="); n == "sudo" || n == "doas" {
						p.Failf(at(st.Line), "%s is installed", n)
					}
				}
			})
		})
		p.Passf("sudo is neither installed nor used")
	},
}

// usesSudo reports a command line that begins with sudo.
func usesSudo(p *pass, st *Step, words []string) {
	text := strings.Join(words, " ")
	if first := firstField(text); path.Base(first) == "sudo" {
		p.Failf(at(st.Line), "sudo is used: %s", check.Quote(text))
	}
}

// noSSH finds an SSH server and the port of one.
var noSSH = &rule{
	Check: check.Check{
		ID: "HIG-D024", Title: "The image runs no SSH or Telnet server", Kind: check.Dockerfile, Severity: report.High,
		Why:        "A login server inside needs keys and users, is one more thing to attack, and leaves changes in a container that no build knows of.",
		Remedy:     "Remove it; use docker exec, docker debug or kubectl debug.",
		References: check.References{CIS: []string{"5.7"}, NIST: []string{"4.1.2"}, Aliases: []string{"CKV_DOCKER_1"}},
		Bad:        "FROM debian:13\nRUN apt-get update && apt-get install -y openssh-server && rm -rf /var/lib/apt/lists/*\nEXPOSE 22\n",
		Good:       "FROM debian:13\nRUN apt-get update && apt-get install -y openssh-client && rm -rf /var/lib/apt/lists/*\nEXPOSE 8080\n",
	},
	run: func(p *pass) {
		p.f.steps(func(st *Step) {
			st.walk(func(c script.Command) {
				_, pkgs := installs(c)
				if name, args := c.Name(); (name == "service" || name == "rc-service") && len(args) > 0 && (args[0] == "ssh" || args[0] == "sshd") {
					p.Failf(at(st.Line), "the SSH server is started")
				}
				for _, pkg := range pkgs {
					switch n, _, _ := strings.Cut(pkg, "="); n {
					case "openssh-server", "dropbear", "telnetd", "inetutils-telnetd", "openssh", "telnet-server", "ssh", "dropbear-bin":
						p.Failf(at(st.Line), "%s is installed", n)
					}
				}
			})
			if e, ok := st.Cmd.(*instructions.ExposeCommand); ok {
				for _, port := range e.Ports {
					if ns := ports(port); len(ns) > 0 && ns[0] <= 23 && ns[len(ns)-1] >= 22 {
						p.Failf(at(st.Line), "EXPOSE %s is the port of a login server", check.Cut(port))
					}
				}
			}
		})
		pr := p.f.Final().process()
		for _, words := range [][]string{pr.entrypoint, pr.cmd} {
			for _, w := range strings.Fields(strings.Join(words, " ")) {
				if name := path.Base(w); name == "sshd" || name == "dropbear" || name == "telnetd" {
					p.Failf(at(max(pr.cmdLine, pr.entryLine)), "the image starts %s", name)
				}
			}
		}
		p.Passf("no login server is installed, exposed or started")
	},
}

// ports reads a port of EXPOSE as BuildKit does: "80", "80/tcp", a range, or either
// behind a host's address and port. It returns the ends of the range; nil when it is none.
func ports(s string) []int {
	s, proto, _ := strings.Cut(s[strings.LastIndexByte(s, ':')+1:], "/")
	switch strings.ToLower(proto) {
	case "", "tcp", "udp", "sctp":
	default:
		return nil
	}
	var out []int
	for _, part := range strings.SplitN(s, "-", 2) {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 || n > 65535 || len(out) > 0 && n < out[0] {
			return nil
		}
		out = append(out, n)
	}
	return out
}

// runPrivileges finds builds that step out of the sandbox.
var runPrivileges = &rule{
	Check: check.Check{
		ID: "HIG-D025", Title: "RUN asks for no extra privileges", Kind: check.Dockerfile, Severity: report.Medium,
		Why:        "--security=insecure gives the build all capabilities of the builder, --network=host everything that listens on it.",
		Remedy:     "Remove the flag; do what needs it outside of the build.",
		References: check.References{CIS: []string{"5.5", "5.10"}, NIST: []string{"4.4.3"}, OWASP: []string{"3"}},
		Bad:        "FROM debian:13\nRUN --security=insecure mount -t tmpfs tmpfs /mnt\nUSER 65532\n",
		Good:       "FROM debian:13\nRUN --network=none make\nUSER 65532\n",
	},
	run: func(p *pass) {
		runs := 0
		p.f.steps(func(st *Step) {
			run, ok := st.Cmd.(*instructions.RunCommand)
			if !ok {
				return
			}
			runs++
			if instructions.GetSecurity(run) == "insecure" {
				p.Failf(at(st.Line), "RUN --security=insecure")
			}
			if instructions.GetNetwork(run) == "host" {
				p.Failf(at(st.Line), "RUN --network=host")
			}
		})
		if runs == 0 {
			p.NotApplicablef("no command is run")
			return
		}
		p.Passf("no RUN asks for more than it gets")
	},
}

// privilegedPorts wants ports that a user may bind everywhere.
var privilegedPorts = &rule{
	Check: check.Check{
		ID: "HIG-D028", Title: "Exposed ports are 1024 or above", Kind: check.Dockerfile, Severity: report.Low,
		Why:        "Ports below 1024 need a capability or a sysctl, which is the usual reason why an image runs as root.",
		Remedy:     "Listen on 8080 or 8443 inside and publish it as 80 or 443 outside.",
		References: check.References{CIS: []string{"5.8"}, NIST: []string{"4.4.3"}, OWASP: []string{"3"}},
		Bad:        "FROM dhi.io/nginx:1.29\nEXPOSE 80\n",
		Good:       "FROM dhi.io/nginx:1.29\nEXPOSE 8080\n",
	},
	run: func(p *pass) {
		seen := 0
		p.f.finalSteps(func(st *Step) {
			e, ok := st.Cmd.(*instructions.ExposeCommand)
			if !ok {
				return
			}
			for _, port := range e.Ports {
				seen++
				ns := ports(port)
				if len(ns) == 0 {
					p.Undecidedf(at(st.Line), "EXPOSE %s is no number here", check.Quote(port))
				} else if ns[0] < 1024 && ns[0] != 22 && ns[0] != 23 {
					p.Failf(at(st.Line), "EXPOSE %s is a privileged port", check.Cut(port))
				}
			}
		})
		if seen == 0 {
			p.NotApplicablef("the final stage exposes no port")
			return
		}
		p.Passf("no privileged port is exposed")
	},
}
