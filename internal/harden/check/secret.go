package check

import (
	"net/url"
	"path"
	"regexp"
	"strings"
)

// SecretName reports whether a variable, label or argument by this name usually
// holds a secret. Names that point to one (PASSWORD_FILE, TOKEN_URL) do not.
func SecretName(name string) bool {
	n := strings.ToUpper(strings.NewReplacer("-", "_", ".", "_", " ", "_").Replace(name))
	if n == "" || pointerName.MatchString(n) {
		return false
	}
	return secretName.MatchString(n)
}

var (
	secretName = regexp.MustCompile(`(^|_)(PASSWORD|PASSWD|PASSWRD|PASS|PWD|PW|PASSPHRASE|SECRET|SECRETS|TOKEN|APIKEY|ACCESSKEY|PRIVATEKEY|CREDENTIAL|CREDENTIALS|AUTHKEY)$` +
		`|(^|_)(API|APP|ACCESS|PRIVATE|SECRET|ENCRYPTION|SIGNING|AUTH|MASTER|DEPLOY|SSH|JWT|LICENSE|ACCOUNT)_?KEY$` +
		`|(^|_)SECRET_KEY_BASE$|(^|_)(SECRET|ACCESS)_KEY_ID$|(^|_)(SECRET|PASSWORD|TOKEN)_(VALUE|KEY)$|(^|[A-Z0-9])(PASSWORD|PASSWD|SECRET|APIKEY|AUTHTOKEN|ACCESSTOKEN)$`)
	pointerName = regexp.MustCompile(`(_FILE|_PATH|_DIR|_URL|_URI|_NAME|_HOST|_PORT|_TYPE|_POLICY|_LENGTH|_TTL|_EXPIRY|_EXPIRATION|_ENABLED|_REQUIRED|_HEADER|_ALGORITHM|_VERSION|_FIELD|_COMMAND)$` +
		`|^(OLD)?PWD$|^ALLOW_|_ALLOW_EMPTY_|^PUBLIC_|_PUBLIC_KEY$|^ACCESS_KEY_ID$`)
)

// SecretValue names the kind of secret that a value looks like by its own form,
// whatever it is called: a cloud key, a token, a private key, a URL with a password.
// It returns "" for everything else.
func SecretValue(value string) string {
	if len(value) < 8 {
		return ""
	}
	for _, f := range secretForms {
		if strings.Contains(value, f.hint) && f.form.MatchString(value) {
			return f.name
		}
	}
	if i := strings.Index(value, "://"); i > 0 && strings.Contains(value[i:], "@") {
		for _, word := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" \t\n\"'`|;<>", r) }) {
			u, err := url.Parse(fromScheme(word))
			if err != nil || u.User == nil || u.Host == "" {
				continue
			}
			if pw, ok := u.User.Password(); ok && pw != "" && !Reference(pw) {
				return "a URL with a password in it"
			}
		}
	}
	return ""
}

// fromScheme cuts what stands before the scheme of a URL, as in --routes=nats://….
func fromScheme(word string) string {
	end := strings.Index(word, "://")
	i := end
	for i > 0 && strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-", rune(word[i-1])) {
		i--
	}
	return word[max(i, 0):]
}

var secretForms = []struct {
	name, hint string
	form       *regexp.Regexp
}{
	{"a private key", "PRIVATE KEY", regexp.MustCompile(`-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY( BLOCK)?-----`)},
	{"an AWS access key", "A", regexp.MustCompile(`\b(AKIA|ASIA)[A-Z2-7]{16}\b`)},
	{"a GitHub token", "gh", regexp.MustCompile(`\bgh[pousr]_[A-Za-z0-9]{36,}\b`)},
	{"a GitHub token", "github_pat_", regexp.MustCompile(`\bgithub_pat_[A-Za-z0-9_]{50,}\b`)},
	{"a GitLab token", "glpat-", regexp.MustCompile(`\bglpat-[A-Za-z0-9_-]{20,}`)},
	{"a Slack token", "xox", regexp.MustCompile(`\bxox[abprs]-[A-Za-z0-9-]{10,}`)},
	{"a Docker access token", "dckr_pat_", regexp.MustCompile(`\bdckr_pat_[A-Za-z0-9_-]{20,}`)},
	{"an npm token", "npm_", regexp.MustCompile(`\bnpm_[A-Za-z0-9]{36}\b`)},
	{"a PyPI token", "pypi-", regexp.MustCompile(`\bpypi-[A-Za-z0-9_-]{50,}`)},
	{"a Google API key", "AIza", regexp.MustCompile(`\bAIza[A-Za-z0-9_-]{35}\b`)},
	{"a Stripe key", "k_live_", regexp.MustCompile(`\b[sr]k_live_[A-Za-z0-9]{20,}\b`)},
	{"a JSON web token", "eyJ", regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}`)},
	{"a connection string with a password", ";", regexp.MustCompile(`(?i);\s*(password|pwd|accountkey|sharedaccesskey)\s*=\s*[^;\s"'${<*]`)},
	{"an npm token", "_authToken", regexp.MustCompile(`_authToken\s*=\s*[A-Za-z0-9_-]{8,}`)},
}

// Reference reports whether a value only points to a secret: empty, a variable, a
// placeholder, a path, a switch. Such a value gives nothing away.
func Reference(value string) bool {
	v := strings.TrimSpace(strings.Trim(strings.TrimSpace(value), `"'`))
	switch {
	case v == "", strings.HasPrefix(v, "$"), strings.HasPrefix(v, "<") && strings.HasSuffix(v, ">"),
		strings.HasPrefix(v, "{{"), strings.HasPrefix(v, "file:"), strings.HasPrefix(v, "vault:"),
		strings.HasPrefix(v, "/run/secrets/"), strings.HasPrefix(v, "/") && strings.Count(v, "/") > 1 && path.Clean(v) == v:
		return true
	}
	switch strings.ToLower(v) {
	case "true", "false", "yes", "no", "on", "off", "none", "null", "nil", "0", "1", "unset", "required", "optional":
		return true
	}
	return strings.Trim(v, "*xX.") == ""
}

// SecretFile names what a file by this path usually holds ("a private key"), or ""
// when the name means nothing. The match is by name only: public halves, examples
// and the like do not match.
func SecretFile(p string) string {
	p = path.Clean("/" + strings.ReplaceAll(p, `\`, "/"))
	base, lower := path.Base(p), strings.ToLower(path.Base(p))
	switch lower {
	case "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ed25519_sk", "id_ecdsa_sk":
		return "an SSH private key"
	case ".npmrc", ".pypirc", ".netrc", "_netrc", ".git-credentials", ".dockercfg", ".pgpass", ".my.cnf", ".htpasswd", ".vault-token", ".terraformrc", "credentials.tfrc.json":
		return "credentials of a tool"
	case ".env":
		return "an environment file"
	case "terraform.tfstate", "terraform.tfvars":
		return "Terraform state or variables"
	case "kubeconfig":
		return "a Kubernetes configuration with credentials"
	case "master.key", "credentials.yml.enc":
		if lower == "master.key" {
			return "a Rails master key"
		}
	case "service-account.json", "service_account.json", "serviceaccount.json", "gcp-credentials.json", "application_default_credentials.json":
		return "a cloud service account"
	}
	switch {
	case strings.HasSuffix(p, "/.aws/credentials"), strings.HasSuffix(p, "/.docker/config.json"), strings.HasSuffix(p, "/.kube/config"),
		strings.HasSuffix(p, "/.config/gh/hosts.yml"), strings.HasSuffix(p, "/.azure/accessTokens.json"), strings.HasSuffix(p, "/.config/gcloud/credentials.db"),
		strings.HasSuffix(p, "/.gem/credentials"), strings.HasSuffix(p, "/.cargo/credentials.toml"), strings.HasSuffix(p, "/.cargo/credentials"):
		return "credentials of a tool"
	case strings.HasPrefix(lower, ".env.") && !exampleEnv.MatchString(lower):
		return "an environment file"
	case strings.HasSuffix(lower, ".pem") && (strings.Contains(lower, "key") || strings.Contains(lower, "private")) && !strings.Contains(lower, "pub"),
		strings.HasSuffix(lower, ".ppk"), strings.HasSuffix(lower, ".p12"), strings.HasSuffix(lower, ".pfx"),
		strings.HasSuffix(lower, ".key") && !strings.Contains(lower, "pub"),
		strings.HasSuffix(lower, ".jks") && base != "cacerts.jks", strings.HasSuffix(lower, ".kdbx"):
		return "a private key or key store"
	}
	return ""
}

var exampleEnv = regexp.MustCompile(`^\.env\.(example|sample|template|dist|defaults?|schema|md)(\..*)?$`)
