package registry

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// The registries that Docker Hardened Images live in.
const (
	hostDHI   = "dhi.io"
	hostHub   = "docker.io"
	hostScout = "registry.scout.docker.com"
)

// place says where something is read from, for names and hints.
type place struct {
	source   string // one of the Source constants
	registry string // "dhi.io", "docker.io", "127.0.0.1:5000"; empty for local sources
	path     string // the repository without the registry, or the local path
	secrets  *scrubber
}

// placeOf names a repository; Docker Hub has three host names and one is shown.
func placeOf(repo name.Repository) place {
	host := repo.RegistryStr()
	switch host {
	case name.DefaultRegistry, "registry-1.docker.io":
		host = hostHub
	}
	return place{source: SourceRegistry, registry: host, path: repo.RepositoryStr(), secrets: &scrubber{}}
}

// name is how the place is called in reports: "dhi.io/python", "oci-dir:./image".
func (p place) name() string {
	if p.registry == "" {
		return p.source + ":" + p.path
	}
	return p.registry + "/" + p.path
}

// hint is the next step for an error at this place.
func (p place) hint(err error) string {
	var (
		limit    *LimitError
		digest   *DigestError
		dns      *net.DNSError
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		status   *StatusError
		other    *elsewhereError
		netErr   net.Error
		broken   *transportError
	)
	switch {
	case errors.Is(err, ErrUnauthorized):
		return p.loginHint()
	case errors.Is(err, ErrForbidden):
		return p.forbiddenHint()
	case errors.Is(err, ErrRateLimited):
		return "wait and run again, or log in to " + p.registry + ": most registries allow more requests to a login than to an address"
	case errors.As(err, &other):
		return p.elsewhereHint(other)
	case errors.Is(err, fs.ErrNotExist) && p.registry == "":
		return "check the path and the name: " + referenceHint
	case errors.Is(err, fs.ErrNotExist):
		return "check the repository name, and the tag or digest, at " + p.registry
	case errors.As(err, &limit):
		return fmt.Sprintf("this is more than any ordinary image has; if it is expected, raise the limit %s", limit.Limit)
	case errors.As(err, &digest):
		return "the bytes were changed or cut on the way: do not use them; run again, and if it stays so tell the registry's owner"
	case errors.Is(err, errSchema1):
		return "push the image again with a current tool, or ask for a newer tag"
	case errors.As(err, &unknown):
		return "the certificate is signed by an authority that is not trusted here: give its certificate with ca-file"
	case errors.As(err, &hostname), errors.As(err, &invalid):
		return "the certificate of " + p.registry + " is not valid for it now: check the name, the clock, and any proxy in between"
	case speaksNoTLS(err):
		return p.registry + " does not speak HTTPS: if plain HTTP is meant, ask for it with plain-http"
	case errors.As(err, &dns):
		return "check the registry name " + p.registry + ", the network, and HTTPS_PROXY"
	case errors.Is(err, ErrTimeout):
		return "raise timeout, or run nearer to " + p.registry
	case errors.As(err, &status) && status.Status >= 500:
		return p.registry + " has a fault of its own: run again later"
	case errors.As(err, &netErr), errors.As(err, &broken), errors.Is(err, errStalled):
		return "check that " + p.registry + " can be reached from here, and HTTPS_PROXY"
	case errors.Is(err, errors.ErrUnsupported):
		return ""
	case p.registry == "":
		return "the image as stored does not agree with itself: write it again from a clean build"
	default:
		return p.registry + " did not answer as a registry does, or holds an image that breaks its specification: check the name, and whether a proxy or a login page stands in between"
	}
}

// loginHint says how to log in (401). The facts are from Docker's and the other
// vendors' documentation of 2026.
func (p place) loginHint() string {
	host, _, _ := strings.Cut(p.registry, ":")
	switch {
	case host == hostDHI:
		return "log in to dhi.io itself (docker login dhi.io, or registry-username and registry-password): a Docker Hub login does not cover it; an organization access token (OAT) takes the organization name as username"
	case host == hostScout:
		return "log in to registry.scout.docker.com with a personal access token (use a PAT: organization tokens are not accepted there everywhere), or name another place with attestation-registry"
	case host == hostHub:
		return "log in with docker login (Docker Hub answers 401 for private and for missing repositories: check the name too); an organization access token (OAT) takes the organization name as username"
	case host == "cgr.dev":
		return "only cgr.dev/chainguard is public: log in with chainctl auth configure-docker, or with a pull token"
	case host == "registry1.dso.mil":
		return "log in with your Platform One username and the CLI secret of your user profile in that registry"
	case host == "ghcr.io":
		return "give the job permissions: packages: read and log in with GITHUB_TOKEN, or use a classic token with read:packages"
	case host == "dp.apps.rancher.io":
		return "log in with your SUSE Application Collection username and an access token"
	case strings.HasSuffix(host, ".amazonaws.com") && strings.Contains(host, ".dkr.ecr"):
		return "log in with the output of aws ecr get-login-password: it lasts 12 hours"
	case host == "gcr.io", strings.HasSuffix(host, ".gcr.io"), strings.HasSuffix(host, ".pkg.dev"):
		return "log in with gcloud auth configure-docker " + host
	case strings.HasSuffix(host, ".azurecr.io"):
		return "log in with az acr login"
	default:
		return fmt.Sprintf("log in to %s (docker login %s, or registry-username and registry-password)", p.registry, p.registry)
	}
}

// forbiddenHint says what a login that was accepted lacks (403).
func (p place) forbiddenHint() string {
	switch host, _, _ := strings.Cut(p.registry, ":"); host {
	case hostDHI:
		return `the login may not read this image: an organization access token needs "Read public repositories"; -fips and other Select or Enterprise variants are not on dhi.io but in a mirror (docker.io/ORG/dhi-NAME)`
	case hostHub, hostScout:
		return "the login may not read this repository: scope the access token to it (pull), and an organization access token takes the organization name as username"
	case "ghcr.io":
		return "give the token read:packages, and the package access to this repository (package settings, Manage Actions access)"
	case "cgr.dev":
		return "the login's organization may not read this image: check it with chainctl images list"
	default:
		return fmt.Sprintf("the login for %s may not read %s: ask for pull access", p.registry, p.path)
	}
}

// tagHint says what to use instead of a tag that is not there. near are existing
// tags, closest first; listed is false when the registry would not say.
func (p place) tagHint(tag string, near []string, listed bool) string {
	host, _, _ := strings.Cut(p.registry, ":")
	dhi := host == hostDHI || host == hostHub && strings.Contains(p.path, "/dhi-")
	var say []string
	switch {
	case dhi && tag == "latest":
		say = append(say, `Docker Hardened Images have no "latest": name a version`)
	case host == hostDHI && hasToken(tag, "fips"):
		_, base, _ := cutLast(p.path, "/")
		say = append(say, fmt.Sprintf("a -fips tag needs Select or Enterprise, in a mirror such as docker.io/ORG/dhi-%s:%s", base, tag))
	case tag == "latest":
		say = append(say, "name a tag")
	}
	switch {
	case len(near) > 0:
		say = append(say, "near tags: "+strings.Join(near, ", "))
	case listed:
		say = append(say, "the repository has no tags")
	default:
		say = append(say, "check the repository name and the tag at "+p.registry)
	}
	return strings.Join(say, "; ")
}

func hasToken(tag, token string) bool {
	for part := range strings.SplitSeq(tag, "-") {
		if part == token {
			return true
		}
	}
	return false
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}
