package registry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
)

func TestHints(t *testing.T) {
	status := func(code int) error { return fmt.Errorf("x: %w", &StatusError{Status: code}) }
	broken := func(err error) error { return &transportError{err: err, secrets: &scrubber{}} }
	for _, tt := range []struct {
		name, registry string
		err            error
		want           []string
	}{
		{"dhi_login", "dhi.io", status(401), []string{"docker login dhi.io", "Docker Hub login does not cover it", "organization name as username"}},
		{"dhi_rights", "dhi.io", status(403), []string{"Read public repositories", "docker.io/ORG/dhi-NAME"}},
		{"scout_login", "registry.scout.docker.com", status(401), []string{"use a PAT"}},
		{"hub_login", "docker.io", status(401), []string{"docker login", "organization name as username"}},
		{"hub_rights", "docker.io", status(403), []string{"pull"}},
		{"chainguard", "cgr.dev", status(401), []string{"chainctl"}},
		{"iron_bank", "registry1.dso.mil", status(401), []string{"CLI secret"}},
		{"github", "ghcr.io", status(401), []string{"packages: read"}},
		{"github_rights", "ghcr.io", status(403), []string{"read:packages"}},
		{"ecr", "123.dkr.ecr.eu-west-1.amazonaws.com", status(401), []string{"12 hours"}},
		{"other_login", "registry.example:5000", status(401), []string{"docker login registry.example:5000", "registry-username"}},
		{"other_rights", "registry.example", status(403), []string{"pull access"}},
		{"limited", "docker.io", status(429), []string{"log in to docker.io"}},
		{"absent", "dhi.io", status(404), []string{"tag or digest, at dhi.io"}},
		{"server_fault", "dhi.io", status(502), []string{"run again later"}},
		{"unknown_authority", "r.corp", broken(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), []string{"ca-file"}},
		{"wrong_name", "r.corp", broken(x509.HostnameError{Certificate: &x509.Certificate{}}), []string{"not valid for it"}},
		{"no_tls", "r.corp", broken(tls.RecordHeaderError{}), []string{"plain-http"}},
		{"dns", "nosuch.example", broken(&net.DNSError{IsNotFound: true}), []string{"registry name nosuch.example"}},
		{"refused", "r.corp", broken(&net.OpError{Op: "dial", Err: errors.New("connection refused")}), []string{"can be reached"}},
		{"stalled", "r.corp", broken(errStalled), []string{"can be reached"}},
		{"budget", "r.corp", broken(errBudget), []string{"raise timeout"}},
		{"digest", "dhi.io", &DigestError{}, []string{"do not use them"}},
		{"limit", "dhi.io", &LimitError{Limit: "MaxManifest"}, []string{"MaxManifest"}},
		{"local_absent", "", fs.ErrNotExist, []string{"check the path"}},
		{"connection_cut", "r.corp", broken(io.ErrUnexpectedEOF), []string{"can be reached"}},
		{"web_page", "r.corp", errors.New("it is not JSON"), []string{"did not answer as a registry does", "login page"}},
		{"local_broken", "", errors.New("it is not JSON"), []string{"from a clean build"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := place{registry: tt.registry, path: "x"}.explain("pull x", tt.err)
			if fault.CodeOf(err) != fault.Unavailable || !errors.Is(err, tt.err) {
				t.Errorf("explain = %v with code %d", err, fault.CodeOf(err))
			}
			for _, w := range tt.want {
				if !strings.Contains(fault.HintOf(err), w) {
					t.Errorf("hint %q lacks %q", fault.HintOf(err), w)
				}
			}
		})
	}
}

func TestTagHints(t *testing.T) {
	near := []string{"3.13", "3.13-debian13"}
	for _, tt := range []struct {
		name, registry, path, tag string
		near                      []string
		listed                    bool
		want                      string
	}{
		{"dhi_latest", "dhi.io", "python", "latest", near, true, `Docker Hardened Images have no "latest": name a version; near tags: 3.13, 3.13-debian13`},
		{"mirror_latest", "docker.io", "org/dhi-python", "latest", nil, false, `Docker Hardened Images have no "latest": name a version; check the repository name and the tag at docker.io`},
		{"fips", "dhi.io", "python", "3.13-fips", near[:1], true, "a -fips tag needs Select or Enterprise, in a mirror such as docker.io/ORG/dhi-python:3.13-fips; near tags: 3.13"},
		{"fips_elsewhere", "quay.io", "python", "3-fips", near[:1], true, "near tags: 3.13"},
		{"other_latest", "quay.io", "x", "latest", near[:1], true, "name a tag; near tags: 3.13"},
		{"no_tags", "quay.io", "x", "1", nil, true, "the repository has no tags"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := place{registry: tt.registry, path: tt.path}.tagHint(tt.tag, tt.near, tt.listed)
			if got != tt.want {
				t.Errorf("tagHint = %q\nwant      %q", got, tt.want)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	tags := []string{"3", "3.9", "3.12-debian12", "3.13", "3.13-debian13", "3.13-debian13-dev", "3.13-alpine3.22", "3.13-alpine3.22-dev", "3.13.15-debian13", "2.7", "trixie"}
	for _, tt := range []struct {
		name, want string
		first      []string
	}{
		{"latest_is_the_newest_plain", "latest", []string{"3.13", "3.9", "3"}},
		{"without_fips", "3.13-debian13-fips", []string{"3.13-debian13"}},
		{"other_patch", "3.13.99-debian13", []string{"3.13.15-debian13", "3.13-debian13"}},
		{"same_flavour", "3.12-alpine3.22-dev", []string{"3.13-alpine3.22-dev"}},
		{"nothing_like_it", "zzz", []string{"3.13"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := nearest(tt.want, tags, 6)
			if len(got) != 6 || !slices.Equal(got[:len(tt.first)], tt.first) {
				t.Errorf("nearest(%q) = %q, want %q first", tt.want, got, tt.first)
			}
		})
	}
	if got := nearest("x", nil, 6); len(got) != 0 {
		t.Errorf("nearest among none = %q", got)
	}
}

func TestMissingTagNamesNearOnes(t *testing.T) {
	s := newServer(t)
	img := newImage(t, amd64, 100, 1)
	for _, tag := range []string{"3.13", "3.13-debian13", "3.12"} {
		s.pushImage(t, "python:"+tag, img)
	}
	s.pushImage(t, "python:sha256-"+strings.Repeat("0", 64)+".sig", img)
	_, err := s.open(t, "python", options())
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `no tag "latest"`) {
		t.Errorf("err = %v, want fs.ErrNotExist", err)
	}
	if got, want := fault.HintOf(err), "name a tag; near tags: 3.13, 3.12, 3.13-debian13"; got != want {
		t.Errorf("hint = %q, want %q", got, want)
	}
	_, err = s.open(t, "pyton:3.13", options())
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no such repository") {
		t.Errorf("err = %v, want no such repository", err)
	}
	// A listing that carries rubbish, or never ends, makes the hint no worse.
	s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/tags/list") {
			return false
		}
		w.Header().Set("Link", fmt.Sprintf(`<%s?last=%s>; rel="next"`, r.URL.Path, strings.Repeat("x", len(r.URL.RawQuery)%50+1)))
		_, _ = w.Write([]byte(`{"tags":["1.0","\u001b[31mred","::error::x","` + strings.Repeat("y", 500) + `"]}`))
		return true
	})
	_, err = s.open(t, "python:1.1", options())
	if got, want := fault.HintOf(err), "near tags: 1.0"; got != want || s.count("/tags/list") > maxTagPages {
		t.Errorf("hint = %q after %d pages, want %q", got, s.count("/tags/list"), want)
	}
}
