package registry

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
)

// hosts sends requests for well-known registries to servers in process. What arrives
// is what would have been sent; only the dialling differs.
type hosts map[string]*server

func (h hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	s, ok := h[r.URL.Host]
	if !ok {
		return nil, errors.New("no such host in this test: " + r.URL.Host)
	}
	target, err := url.Parse(s.URL)
	if err != nil {
		return nil, err
	}
	sent := r.Clone(r.Context())
	sent.URL.Scheme, sent.URL.Host = target.Scheme, target.Host
	return http.DefaultTransport.RoundTrip(sent)
}

func TestMirrorAttestationsAreInScout(t *testing.T) {
	hub, scout := newServer(t), newServer(t)
	idx := newIndex(t, "dhi/python")
	hub.pushIndex(t, "org/dhi-python:3.13", idx)
	scout.pushIndex(t, "org/dhi-python:3.13", idx) // so that the referrers have a repository
	opt := options()
	opt.Transport = hosts{"index.docker.io": hub, hostScout: scout}
	opt.Username, opt.Password = user, password
	img, err := Open(t.Context(), "docker.io/org/dhi-python:3.13", opt)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	if !img.IsDHI() || img.Registry != "docker.io" || img.Repository != "docker.io/org/dhi-python" {
		t.Errorf("IsDHI = %t, %q %q", img.IsDHI(), img.Registry, img.Repository)
	}
	subject := img.Index.Manifests[0]
	want := scout.pushReferrer(t, "org/dhi-python", subject, "application/vnd.in-toto+json", "vex")
	scout.interfere(wantBasic)
	stores := img.Stores(t.Context())
	if len(stores) != 2 || stores[0].Name() != "docker.io/org/dhi-python" || stores[1].Name() != "registry.scout.docker.com/org/dhi-python" {
		t.Fatalf("stores = %v", names(stores))
	}
	if list, _, err := stores[0].Referrers(t.Context(), subject.Digest); err != nil || len(list) != 0 {
		t.Errorf("at the mirror: %v %v, want none", list, err)
	}
	list, via, err := stores[1].Referrers(t.Context(), subject.Digest)
	if err != nil || via != ViaAPI || len(list) != 1 || list[0].Digest != want {
		t.Errorf("at Scout: %v %q %v, want the attestation, with the same login", list, via, err)
	}
	scout.interfere(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	_, _, err = stores[1].Referrers(t.Context(), subject.Digest)
	if !errors.Is(err, ErrUnauthorized) || !strings.Contains(fault.HintOf(err), "use a PAT") {
		t.Errorf("err = %v (hint %q), want ErrUnauthorized with the advice for Scout", err, fault.HintOf(err))
	}
}

func names(stores []*Store) []string {
	var list []string
	for _, s := range stores {
		list = append(list, s.Name())
	}
	return list
}

func TestStores(t *testing.T) {
	s := newServer(t)
	s.pushIndex(t, "org/dhi-python:1", newIndex(t, "dhi/python"))
	s.pushIndex(t, "org/plain:1", newIndex(t, ""))
	for _, tt := range []struct {
		name, ref, override string
		want                []string // without the image's own; nil: refused
	}{
		{"dhi_on_hub", "docker.io/org/dhi-python:1", "", []string{"registry.scout.docker.com/org/dhi-python"}},
		{"no_dhi_on_hub", "docker.io/org/plain:1", "", []string{}},
		{"dhi_elsewhere", "quay.io/org/dhi-python:1", "", []string{}},
		{"switched_off", "docker.io/org/dhi-python:1", "none", []string{}},
		{"other_host", "docker.io/org/dhi-python:1", "registry.example.com", []string{"registry.example.com/org/dhi-python"}},
		{"for_any_image", "quay.io/org/plain:1", "registry.example.com:5000/", []string{"registry.example.com:5000/org/plain"}},
		{"prefix", "quay.io/org/plain:1", "registry.example.com/mirror", []string{"registry.example.com/mirror/org/plain"}},
		{"whole_repository", "quay.io/org/plain:1", "registry.example.com/mirror/org/plain", []string{"registry.example.com/mirror/org/plain"}},
		{"itself", "quay.io/org/plain:1", "quay.io", []string{}},
		{"url", "quay.io/org/plain:1", "https://registry.example.com", nil},
		{"no_host", "quay.io/org/plain:1", "registry", nil},
		{"with_login", "quay.io/org/plain:1", "a@registry.example.com", nil},
		{"bad_path", "quay.io/org/plain:1", "registry.example.com/UPPER", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opt := options()
			opt.Transport = hosts{"index.docker.io": s, "quay.io": s}
			opt.AttestationRegistry = tt.override
			img, err := Open(t.Context(), tt.ref, opt)
			if tt.want == nil {
				if fault.CodeOf(err) != fault.Usage {
					t.Fatalf("err = %v, want Usage", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := names(img.Stores(t.Context()))[1:]; !slices.Equal(got, tt.want) {
				t.Errorf("stores = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestIsDHI(t *testing.T) {
	marked := v1.Descriptor{Annotations: map[string]string{dhiBuildID: "1"}}
	for _, tt := range []struct {
		name string
		idx  *v1.IndexManifest
		want bool
	}{
		{"marked", &v1.IndexManifest{Annotations: map[string]string{dhiTitle: "dhi/x"}, Manifests: []v1.Descriptor{marked}}, true},
		{"one_without_build_id", &v1.IndexManifest{Annotations: map[string]string{dhiTitle: "dhi/x"}, Manifests: []v1.Descriptor{marked, {}}}, false},
		{"other_title", &v1.IndexManifest{Annotations: map[string]string{dhiTitle: "x/dhi/"}, Manifests: []v1.Descriptor{marked}}, false},
		{"empty_index", &v1.IndexManifest{Annotations: map[string]string{dhiTitle: "dhi/x"}}, false},
		{"single_manifest", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := (&Image{Index: tt.idx}).IsDHI(); got != tt.want {
				t.Errorf("IsDHI() = %t, want %t", got, tt.want)
			}
		})
	}
}
