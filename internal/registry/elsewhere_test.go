package registry

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
)

// refused are statuses with a meaning about an object when the registry itself answers.
var refused = []int{400, 401, 403, 404, 405, 406, 410, 415, 418, 429, 500, 501, 503}

// Whatever a token service answers, it is a login that failed: nothing is absent and
// nothing is not offered.
func TestTokenServiceSaysNothingAboutObjects(t *testing.T) {
	s := newServer(t)
	subject := s.pushIndex(t, "app:1", newIndex(t, ""))
	store := s.mustOpen(t, "app:1", options()).Stores(t.Context())[0]
	own := store.src.(*repository).repo
	for _, code := range refused {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/token" {
					w.WriteHeader(code)
					return true
				}
				w.Header().Set("Www-Authenticate", fmt.Sprintf(`Bearer realm="%s/token"`, s.URL))
				w.WriteHeader(http.StatusUnauthorized)
				return true
			})
			opt := options()
			opt.Retries = -1
			_, err := s.open(t, "app:1", opt)
			foreign(t, "open", err, "token service")
			if strings.Contains(err.Error(), "no such") || strings.Contains(fault.HintOf(err), "tag") {
				t.Errorf("err = %v (hint %q), which speaks of what the registry holds", err, fault.HintOf(err))
			}
			asked := *store
			asked.src = newRepository(own, http.DefaultTransport, opt.withDefaults(), store.deadline)
			before := s.count("/token")
			_, _, err = asked.Referrers(t.Context(), subject)
			foreign(t, "referrers", err, "token service")
			if n := s.count("/token") - before; n != 1 {
				t.Errorf("%d logins for a list of referrers, want 1: without a login there is no asking for the tag", n)
			}
			_, _, err = asked.Manifest(t.Context(), referrersTagOf(subject)+".att")
			foreign(t, "manifest", err, "token service")
			_, err = asked.Blob(t.Context(), v1.Descriptor{Size: 1, Digest: subject}, 1)
			foreign(t, "blob", err, "token service")
			if got, want := errors.Is(err, ErrUnauthorized), code == 401; got != want {
				t.Errorf("%v is ErrUnauthorized: %t", err, got)
			}
		})
	}
}

// foreign checks that an error is "could not look" and no more.
func foreign(t *testing.T, what string, err error, who string) {
	t.Helper()
	if err == nil || errors.Is(err, fs.ErrNotExist) || fault.CodeOf(err) != fault.Unavailable || !strings.Contains(err.Error(), who) || fault.HintOf(err) == "" {
		t.Errorf("%s: %v (code %d, hint %q), want Unavailable, not ErrNotExist, with %q", what, err, fault.CodeOf(err), fault.HintOf(err), who)
	}
}

func TestRedirectTargetSaysNothingAboutObjects(t *testing.T) {
	s, other := newServer(t), newServer(t)
	subject := s.pushIndex(t, "app:1", newIndex(t, ""))
	store := s.mustOpen(t, "app:1", options()).Stores(t.Context())[0]
	s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v2/" {
			return false
		}
		http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
		return true
	})
	for _, code := range refused {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			other.interfere(func(w http.ResponseWriter, _ *http.Request) bool {
				w.WriteHeader(code)
				return true
			})
			opt := options()
			opt.Retries = -1
			_, err := s.open(t, "app:1", opt)
			foreign(t, "open", err, other.host)
			if !strings.Contains(fault.HintOf(err), other.host) || strings.Contains(err.Error(), "no such") || strings.Contains(err.Error(), "no tag") {
				t.Errorf("err = %v (hint %q), want one about %s", err, fault.HintOf(err), other.host)
			}
			asked := *store
			asked.src = newRepository(store.src.(*repository).repo, http.DefaultTransport, opt.withDefaults(), store.deadline)
			_, _, err = asked.Referrers(t.Context(), subject)
			foreign(t, "referrers", err, other.host)
			_, _, err = asked.Manifest(t.Context(), referrersTagOf(subject)+".sig")
			foreign(t, "manifest", err, other.host)
			_, err = asked.Blob(t.Context(), v1.Descriptor{Size: 1, Digest: subject}, 1)
			foreign(t, "blob", err, other.host)
			if errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrForbidden) {
				t.Errorf("%v is taken for the registry's word about the login", err)
			}
		})
	}
}

// A registry that sends a question on to itself answers it itself.
func TestRedirectToTheSameQuestion(t *testing.T) {
	s := newServer(t)
	s.pushIndex(t, "library/app:1", newIndex(t, ""))
	s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
		rest, short := strings.CutPrefix(r.URL.Path, "/v2/app/")
		if short {
			http.Redirect(w, r, "/v2/library/app/"+rest, http.StatusTemporaryRedirect)
		}
		return short
	})
	img := s.mustOpen(t, "app:1", options())
	if _, _, err := img.Stores(t.Context())[0].Manifest(t.Context(), "gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a tag that is not there: %v, want fs.ErrNotExist", err)
	}
}

// A token that was cut short is asked for again; one that holds a blank is none.
func TestTokenAnswers(t *testing.T) {
	s := newServer(t)
	s.pushIndex(t, "app:1", newIndex(t, ""))
	for _, tt := range []struct {
		name, first, then string
		asked             int
		want              string
	}{
		{"cut", `{"token":"t`, `{"token":"t1"}`, 2, ""},
		{"cut_for_ever", `{"token":"t`, `{"token":"t`, 4, "ends too early"},
		{"web_page", `<html>`, ``, 1, "not a JSON object"},
		{"no_token", `{}`, ``, 1, "holds no token"},
		{"blank_in_it", `{"token":"t 1"}`, ``, 1, "holds no token"},
		{"line_end_in_it", `{"token":"t\r\nX: y"}`, ``, 1, "holds no token"},
		{"not_ascii", `{"token":"tök"}`, ``, 1, "holds no token"},
		{"second_name", `{"access_token":"t1"}`, ``, 1, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var asked atomic.Int64
			s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
				switch {
				case r.URL.Path == "/token" && asked.Add(1) == 1:
					_, _ = io.WriteString(w, tt.first)
				case r.URL.Path == "/token":
					_, _ = io.WriteString(w, tt.then)
				case r.Header.Get("Authorization") == "Bearer t1":
					return false
				default:
					w.Header().Set("Www-Authenticate", fmt.Sprintf(`Bearer realm="%s/token"`, s.URL))
					w.WriteHeader(http.StatusUnauthorized)
				}
				return true
			})
			_, err := s.open(t, "app:1", options())
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) || int(asked.Load()) != tt.asked {
				t.Errorf("after %d questions: %v; want %d and %q", asked.Load(), err, tt.asked, tt.want)
			}
		})
	}
}
