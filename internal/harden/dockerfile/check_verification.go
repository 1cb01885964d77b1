package dockerfile

import (
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
	if strings.HasPrefix(v, "$") {
		return "" // set elsewhere
	}
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
