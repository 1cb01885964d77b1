package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/fault"
)

// page is an index of n descriptors that are made up from a number on.
func page(from, n int) []byte {
	idx := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	for i := from; i < from+n; i++ {
		idx.Manifests = append(idx.Manifests, v1.Descriptor{
			MediaType: types.OCIManifestSchema1, Size: 100, Digest: sum(fmt.Append(nil, i)), ArtifactType: "application/vnd.in-toto+json",
		})
	}
	raw, _ := json.Marshal(idx)
	return raw
}

// answer serves the Referrers API by f, and the tag schema by the registry.
func answer(f http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/referrers/") {
			return false
		}
		w.Header().Set("Content-Type", string(types.OCIImageIndex))
		f(w, r)
		return true
	}
}

func TestReferrersPaging(t *testing.T) {
	s := newServer(t)
	subject := s.pushIndex(t, "app:1", newIndex(t, ""))
	img := s.mustOpen(t, "app:1", options())
	store := img.Stores(t.Context())[0]
	// linked serves three pages of ten; link makes the address of page n.
	linked := func(link func(r *http.Request, n int) string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			n := 0
			_, _ = fmt.Sscan(r.URL.Query().Get("n"), &n)
			if n < 2 {
				w.Header().Set("Link", link(r, n+1))
			}
			_, _ = w.Write(page(10*n, 10))
		}
	}
	for _, tt := range []struct {
		name  string
		serve http.HandlerFunc
		want  int
		err   string
	}{
		{"relative", linked(func(r *http.Request, n int) string {
			return fmt.Sprintf(`<%s?n=%d>; rel="next"`, r.URL.Path, n)
		}), 30, ""},
		{"absolute_beside_another_link", linked(func(r *http.Request, n int) string {
			return fmt.Sprintf(`<http://x.example/>; rel="help", <%s%s?n=%d>; title="a"; rel=next`, s.URL, r.URL.Path, n)
		}), 30, ""},
		{"other_host", linked(func(r *http.Request, n int) string {
			return fmt.Sprintf(`<http://evil.example%s?n=%d>; rel="next"`, r.URL.Path, n)
		}), 0, "another host"},
		{"other_scheme", linked(func(r *http.Request, n int) string {
			return fmt.Sprintf(`<https://%s%s?n=%d>; rel="next"`, r.Host, r.URL.Path, n)
		}), 0, "not asked for by http"},
		{"same_page_again", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", fmt.Sprintf(`<%s>; rel="next"`, r.URL.Path))
			_, _ = w.Write(page(0, 1))
		}, 0, "same page"},
		{"circle", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", fmt.Sprintf(`<%s?n=%d>; rel="next"`, r.URL.Path, len(r.URL.RawQuery)%2))
			if r.URL.Query().Get("n") == "1" {
				w.Header().Set("Link", fmt.Sprintf(`<%s?n=2>; rel="next"`, r.URL.Path))
			} else {
				w.Header().Set("Link", fmt.Sprintf(`<%s?n=1>; rel="next"`, r.URL.Path))
			}
			_, _ = w.Write(page(0, 1))
		}, 0, "limit MaxPages"},
		{"twice_the_same", func(w http.ResponseWriter, _ *http.Request) {
			var idx v1.IndexManifest
			_ = json.Unmarshal(page(0, 5), &idx)
			idx.Manifests = append(idx.Manifests, idx.Manifests...)
			_ = json.NewEncoder(w).Encode(idx)
		}, 5, ""},
		{"more_than_the_limit_on_one_page", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page(0, 101)) }, 0, "limit MaxReferrers"},
		{"more_than_the_limit_over_pages", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery == "" {
				w.Header().Set("Link", fmt.Sprintf(`<%s?n=2>; rel="next"`, r.URL.Path))
				_, _ = w.Write(page(0, 60))
				return
			}
			_, _ = w.Write(page(60, 60))
		}, 0, "limit MaxReferrers"},
		{"cut", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page(0, 3)[:200]) }, 0, "ends too early"},
		{"page_too_large", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"manifests":[],"x":"` + strings.Repeat("y", 1<<16) + `"}`))
		}, 0, "limit MaxManifest"},
		{"second_page_is_no_index", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery == "" {
				w.Header().Set("Link", fmt.Sprintf(`<%s?n=2>; rel="next"`, r.URL.Path))
				_, _ = w.Write(page(0, 1))
				return
			}
			_, _ = w.Write([]byte(`{"errors":[]}`))
		}, 0, "neither manifests"},
		{"negative_size", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.ReplaceAll(string(page(0, 1)), "100", "-100")))
		}, 0, "negative"}, // an index, and one that cannot be used
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.interfere(answer(tt.serve))
			opt := options()
			opt.MaxReferrers, opt.MaxPages, opt.MaxManifest = 100, 5, 1<<16
			limited := *store
			limited.src = newRepository(limited.src.(*repository).repo, http.DefaultTransport, opt.withDefaults(), store.deadline)
			list, _, err := limited.Referrers(t.Context(), subject)
			switch {
			case tt.err == "" && (err != nil || len(list) != tt.want):
				t.Errorf("%d referrers, %v; want %d", len(list), err, tt.want)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || list != nil):
				t.Errorf("%d referrers, %v; want none and an error with %q", len(list), err, tt.err)
			}
			if begun := new(unfinishedError); tt.err != "" && !errors.As(err, &begun) {
				t.Errorf("%v does not say that the list was answered", err)
			}
		})
	}
}

func TestReferrersFallback(t *testing.T) {
	s := newServer(t)
	subject := s.pushIndex(t, "app:1", newIndex(t, ""))
	img := s.mustOpen(t, "app:1", options())
	store := img.Stores(t.Context())[0]
	elsewhere := newServer(t)
	code := func(c int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(c) }
	}
	body := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
	}
	to := func(url string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, url, http.StatusSeeOther) }
	}
	look := func(t *testing.T, f http.HandlerFunc) ([]v1.Descriptor, string, error) {
		t.Helper()
		s.interfere(answer(f))
		return store.Referrers(t.Context(), subject)
	}
	answers := []struct {
		name  string
		serve http.HandlerFunc
		says  string // the error without a tag; "" means that there are none
	}{
		{"not_found", code(404), ""},
		{"bad_request", code(400), "400"},
		{"not_allowed", code(405), "405"},
		{"not_acceptable", code(406), "406"},
		{"gone", code(410), "410"},
		{"unsupported", code(415), "415"},
		{"not_implemented", code(501), "501"},
		{"web_page", body("<html>"), "not JSON"},
		{"nothing", body(""), "ends too early"},
		{"other_json", body(`{"errors":[]}`), "neither manifests"},
		{"list", body(`[]`), "cannot unmarshal"},
		{"manifest", body(`{"config":{},"layers":[]}`), "expected an image index"},
		{"elsewhere_and_not_there", to(elsewhere.URL + "/v2/packages/x"), "redirects to " + elsewhere.host},
		{"elsewhere_on_this_host", to("/login"), "redirects to " + s.host},
	}
	for _, tt := range answers {
		t.Run(tt.name+"_and_no_tag", func(t *testing.T) {
			list, via, err := look(t, tt.serve)
			if len(list) != 0 || via != ViaTag || (err != nil) != (tt.says != "") {
				t.Fatalf("Referrers = %v %q %v, want none and an error with %q", list, via, err, tt.says)
			}
			if err != nil && (errors.Is(err, fs.ErrNotExist) || fault.CodeOf(err) != fault.Unavailable ||
				!strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "404")) {
				t.Errorf("err = %v, want Unavailable with both answers: %q and 404", err, tt.says)
			}
		})
	}
	for _, c := range []int{401, 403, 429, 500, 503} {
		t.Run(fmt.Sprint("could_not_look_", c), func(t *testing.T) {
			list, _, err := look(t, code(c))
			if err == nil || list != nil || fault.CodeOf(err) != fault.Unavailable {
				t.Errorf("Referrers = %v %v, want an error: this is not the same as none", list, err)
			}
		})
	}

	s.interfere(nil)
	s.pushTag(t, "app", referrersTagOf(subject), page(0, 3))
	for _, tt := range answers {
		list, via, err := look(t, tt.serve)
		if err != nil || len(list) != 3 || via != ViaTag {
			t.Errorf("%s: Referrers = %d %q %v, want three by the tag", tt.name, len(list), via, err)
		}
	}
	for name, serve := range map[string]http.HandlerFunc{
		"cut":             body(string(page(0, 3)[:200])),
		"bad_descriptor":  body(strings.ReplaceAll(string(page(0, 1)), "100", "-100")),
		"index_and_image": body(`{"manifests":[],"config":{},"layers":[]}`),
		"forbidden":       code(403),
	} {
		if list, via, err := look(t, serve); err == nil || list != nil || via != ViaAPI {
			t.Errorf("%s: Referrers = %v %q %v, want an error: the tag does not stand in for a list that is there", name, list, via, err)
		}
	}
	for _, tt := range []struct{ name, tag string }{
		{"web_page", "<html>"}, {"nothing", ""}, {"cut", string(page(0, 3)[:200])},
	} {
		s.pushTag(t, "app", referrersTagOf(subject), []byte(tt.tag))
		if list, _, err := look(t, code(404)); err == nil || list != nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a referrers tag with %s: %v %v, want an error", tt.name, list, err)
		}
	}
	s.pushTag(t, "app", referrersTagOf(subject), referrer(t, img.Root, "x", "not an index"))
	if _, _, err := look(t, code(404)); err == nil {
		t.Error("a referrers tag that is no index was taken for none")
	}
	s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/referrers/") {
			w.WriteHeader(404)
		} else {
			w.WriteHeader(403)
		}
		return true
	})
	if _, _, err := store.Referrers(t.Context(), subject); !errors.Is(err, ErrForbidden) {
		t.Errorf("a tag that may not be read: %v, want ErrForbidden", err)
	}
}

// pushTag serves raw under a tag without the registry's own checks.
func (s *server) pushTag(t *testing.T, repo, tag string, raw []byte) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	backend := s.backend
	s.backend = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/"+repo+"/manifests/"+tag {
			_, _ = w.Write(raw)
			return
		}
		backend.ServeHTTP(w, r)
	})
}

func TestThousandsOfReferrers(t *testing.T) {
	s := newServer(t)
	subject := s.pushIndex(t, "app:1", newIndex(t, ""))
	store := s.mustOpen(t, "app:1", options()).Stores(t.Context())[0]
	s.interfere(answer(func(w http.ResponseWriter, r *http.Request) {
		n := 0
		_, _ = fmt.Sscan(r.URL.Query().Get("n"), &n)
		w.Header().Set("Link", fmt.Sprintf(`<%s?n=%d>; rel="next"`, r.URL.Path, n+1))
		_, _ = w.Write(page(1000*n, 1000))
	}))
	_, _, err := store.Referrers(t.Context(), subject)
	var limit *LimitError
	if !errors.As(err, &limit) || limit.Limit != "MaxReferrers" || limit.Max != 5000 {
		t.Errorf("err = %v, want the limit of 5,000 referrers", err)
	}
}
