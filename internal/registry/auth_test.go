package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/imagegate/imagegate/internal/fault"
)

const (
	user     = "robot"
	password = "s3cr3t-pässword/+=&"
)

// wantBasic lets requests with the right password through. The refusal repeats what
// was sent, as a hostile registry may.
func wantBasic(w http.ResponseWriter, r *http.Request) bool {
	u, p, _ := r.BasicAuth()
	if u == user && p == password {
		return false
	}
	w.Header().Set("Www-Authenticate", `Basic realm="test"`)
	w.WriteHeader(http.StatusUnauthorized)
	fmt.Fprintf(w, `{"errors":[{"code":"UNAUTHORIZED","message":"got %s %s\u001b[31m\n::error::x"}]}`, r.Header.Get("Authorization"), p)
	return true
}

func TestBasicAuth(t *testing.T) {
	s := newServer(t)
	s.pushIndex(t, "app:1", newIndex(t, ""))
	s.interfere(wantBasic)
	opt := options()
	opt.Username, opt.Password = user, password
	img := s.mustOpen(t, "app:1", opt)
	if _, err := img.Manifest(t.Context(), amd64); err != nil {
		t.Fatal(err)
	}
	// The ping's challenge is enough: no manifest is asked for without the login.
	if got := s.count("/manifests/"); got != 2 {
		t.Errorf("%d manifest requests, want 2", got)
	}
}

func TestWrongPasswordDoesNotLeak(t *testing.T) {
	s := newServer(t)
	s.interfere(wantBasic)
	opt := options()
	opt.Username, opt.Password = user, "wr0ng-"+password
	_, err := s.open(t, "app:1", opt)
	if !errors.Is(err, ErrUnauthorized) || fault.CodeOf(err) != fault.Unavailable {
		t.Fatalf("err = %v, want ErrUnauthorized and Unavailable", err)
	}
	if !strings.Contains(fault.HintOf(err), "docker login "+s.host) {
		t.Errorf("hint = %q", fault.HintOf(err))
	}
	for _, bad := range []string{opt.Password, password, "\n", "\x1b"} {
		if strings.Contains(err.Error(), bad) {
			t.Errorf("the error holds %q: %v", bad, err)
		}
	}
	if !strings.Contains(err.Error(), "***") {
		t.Errorf("nothing was taken out of %v", err)
	}
}

// tokenServer gives tokens for a password, or for an identity token.
type tokenServer struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	uses     int // requests a token is good for; 0 is without end
	given    int
	used     int
}

func newTokenServer(t *testing.T) *tokenServer {
	t.Helper()
	ts := &tokenServer{}
	ts.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		ts.mu.Lock()
		defer ts.mu.Unlock()
		ts.requests = append(ts.requests, r)
		u, p, _ := r.BasicAuth()
		if (u != user || p != password) && (r.Method != http.MethodPost || r.PostForm.Get("refresh_token") != "identity") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		ts.given, ts.used = ts.given+1, 0
		_ = json.NewEncoder(w).Encode(map[string]string{"access_token": fmt.Sprintf("token-%d", ts.given)})
	}))
	t.Cleanup(ts.Close)
	return ts
}

// wantToken lets requests with the newest token through.
func (ts *tokenServer) wantToken(w http.ResponseWriter, r *http.Request) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.given > 0 && r.Header.Get("Authorization") == fmt.Sprintf("Bearer token-%d", ts.given) && (ts.uses == 0 || ts.used < ts.uses) {
		ts.used++
		return false
	}
	w.Header().Add("Www-Authenticate", `Negotiate`)
	w.Header().Add("Www-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="the \"registry\"",scope="repository:app:pull"`, ts.URL))
	w.WriteHeader(http.StatusUnauthorized)
	return true
}

func TestBearerToken(t *testing.T) {
	s, ts := newServer(t), newTokenServer(t)
	s.pushIndex(t, "app:1", newIndex(t, ""))
	s.interfere(ts.wantToken)
	opt := options()
	opt.Username, opt.Password = user, password
	img := s.mustOpen(t, "app:1", opt)
	if _, err := img.Manifest(t.Context(), amd64); err != nil {
		t.Fatal(err)
	}
	if len(ts.requests) != 1 || s.count("/manifests/") != 2 {
		t.Errorf("%d token and %d manifest requests, want 1 and 2", len(ts.requests), s.count("/manifests/"))
	}
	q := ts.requests[0].Form
	if got := q["scope"]; !slices.Equal(got, []string{"repository:app:pull"}) || q.Get("service") != `the "registry"` {
		t.Errorf("token asked with scope %q and service %q", got, q.Get("service"))
	}
	if slices.ContainsFunc(s.auth, func(a string) bool { return strings.HasPrefix(a, "Basic") }) {
		t.Error("the password went to a registry that wants tokens")
	}
}

func TestBearerTokenIsRenewed(t *testing.T) {
	s, ts := newServer(t), newTokenServer(t)
	s.pushIndex(t, "app:1", newIndex(t, ""))
	ts.uses = 1
	s.interfere(ts.wantToken)
	opt := options()
	opt.Username, opt.Password = user, password
	img := s.mustOpen(t, "app:1", opt)
	for _, p := range platforms(t, img) {
		if _, err := img.Manifest(t.Context(), p); err != nil {
			t.Fatalf("with a token that expired: %v", err)
		}
	}
	if ts.given < 3 {
		t.Errorf("%d tokens given, want one for each use", ts.given)
	}
}

type keychain struct {
	config authn.AuthConfig
	err    error
}

func (k keychain) Resolve(authn.Resource) (authn.Authenticator, error) {
	return authn.FromConfig(k.config), k.err
}

func TestIdentityToken(t *testing.T) {
	s, ts := newServer(t), newTokenServer(t)
	s.pushIndex(t, "app:1", newIndex(t, ""))
	s.interfere(ts.wantToken)
	opt := options()
	opt.Keychain = keychain{config: authn.AuthConfig{Username: "<token>", IdentityToken: "identity"}}
	s.mustOpen(t, "app:1", opt)
	if r := ts.requests[0]; r.Method != http.MethodPost || r.PostForm.Get("grant_type") != "refresh_token" || r.PostForm.Get("scope") != "repository:app:pull" {
		t.Errorf("token asked by %s with %v", r.Method, r.PostForm)
	}
}

func TestTokenServiceRefuses(t *testing.T) {
	s, ts := newServer(t), newTokenServer(t)
	s.interfere(ts.wantToken)
	opt := options()
	opt.Username, opt.Password = user, "wrong-password"
	_, err := s.open(t, "app:1", opt)
	if !errors.Is(err, ErrUnauthorized) || strings.Contains(err.Error(), "wrong-password") {
		t.Errorf("err = %v, want ErrUnauthorized", err)
	}
	if len(ts.requests) != 1 {
		t.Errorf("%d token requests, want 1: a wrong password is not tried again", len(ts.requests))
	}
}

// The repetitions of the token service are not multiplied by those of the request that
// needs the token.
func TestTokenServiceIsDown(t *testing.T) {
	s, ts := newServer(t), newTokenServer(t)
	var asked atomic.Int32
	ts.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	})
	s.interfere(ts.wantToken)
	_, err := s.open(t, "app:1", options())
	if n := int(asked.Load()); n != options().Retries+1 || !strings.Contains(fault.HintOf(err), "run again later") {
		t.Errorf("%d token requests, %v (hint %q); want %d", n, err, fault.HintOf(err), options().Retries+1)
	}
}

func TestBrokenKeychain(t *testing.T) {
	s := newServer(t)
	s.pushIndex(t, "app:1", newIndex(t, ""))
	opt := options()
	opt.Keychain = keychain{err: errors.New("docker-credential-desktop: not found")}
	s.mustOpen(t, "app:1", opt) // public: works without
	s.interfere(wantBasic)
	_, err := s.open(t, "app:1", opt)
	if !errors.Is(err, ErrUnauthorized) || !strings.Contains(err.Error(), "docker-credential-desktop") {
		t.Errorf("err = %v, want ErrUnauthorized with the reason for having no credentials", err)
	}
}

func TestRedirectTargetGetsNoLogin(t *testing.T) {
	s, blobs := newServer(t), newServer(t)
	blobs.backend = s.backend
	s.pushIndex(t, "app:1", newIndex(t, ""))
	s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
		if wantBasic(w, r) {
			return true
		}
		if strings.Contains(r.URL.Path, "/blobs/") {
			http.Redirect(w, r, blobs.URL+r.URL.Path+"?X-Signature=abcdef0123", http.StatusTemporaryRedirect)
			return true
		}
		return false
	})
	opt := options()
	opt.Username, opt.Password = user, password
	img := s.mustOpen(t, "app:1", opt)
	m, err := img.Manifest(t.Context(), amd64)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readAll(t, img, m.Manifest.Layers[0]); err != nil {
		t.Fatal(err)
	}
	if len(blobs.auth) < 2 || slices.ContainsFunc(blobs.auth, func(a string) bool { return a != "" }) {
		t.Errorf("the redirect target got the Authorization headers %q, want empty ones", blobs.auth)
	}
	// An error there does not print the signature, and a challenge there gets no login.
	blobs.interfere(wantBasic)
	_, err = readAll(t, img, m.Manifest.Layers[0])
	if err == nil || errors.Is(err, ErrUnauthorized) || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), "abcdef0123") {
		t.Errorf("err = %v, want a 401 that is not the registry's, without the query", err)
	}
	if slices.ContainsFunc(blobs.auth, func(a string) bool { return a != "" }) {
		t.Errorf("the redirect target got a login by asking for it: %q", blobs.auth)
	}
}

func repositoryAt(t testing.TB, ref string, opt Options) *repository {
	t.Helper()
	repo, err := name.NewRepository(ref)
	if err != nil {
		t.Fatal(err)
	}
	return newRepository(repo, http.DefaultTransport, opt.withDefaults(), time.Time{})
}

func TestMayFollow(t *testing.T) {
	for _, tt := range []struct {
		name, registry, from, to string
		want                     bool
	}{
		{"blob_store", "dhi.io/x", "https://dhi.io/v2/", "https://cdn.example/blob?sig=1", true},
		{"same_host", "dhi.io/x", "https://dhi.io/v2/", "https://dhi.io/v2/y", true},
		{"https_to_http", "dhi.io/x", "https://dhi.io/v2/", "http://cdn.example/blob", false},
		{"no_http_at_all", "dhi.io/x", "https://dhi.io/v2/", "file:///etc/passwd", false},
		{"with_login", "dhi.io/x", "https://dhi.io/v2/", "https://a:b@cdn.example/blob", false},
		{"this_machine", "dhi.io/x", "https://dhi.io/v2/", "https://127.0.0.1:8443/admin", false},
		{"localhost", "dhi.io/x", "https://dhi.io/v2/", "https://LOCALHOST/admin", false},
		{"cloud_metadata", "registry.corp/x", "http://registry.corp/v2/", "http://169.254.169.254/latest", false},
		{"loopback_registry", "127.0.0.1:5000/x", "http://127.0.0.1:5000/v2/", "http://127.0.0.1:9000/blob", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			from, _ := url.Parse(tt.from)
			to, err := url.Parse(tt.to)
			if err != nil {
				t.Fatal(err)
			}
			err = repositoryAt(t, tt.registry, options()).mayFollow(from, to)
			if got := err == nil; got != tt.want {
				t.Errorf("mayFollow = %v, want allowed = %t", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "a:b") {
				t.Errorf("the error prints a login: %v", err)
			}
		})
	}
}

func TestRealm(t *testing.T) {
	for _, tt := range []struct {
		name, registry, origin, realm string
		plain, want                   bool
	}{
		{"other_host_https", "docker.io/x/y", "https://index.docker.io:443", "https://auth.docker.io/token", false, true},
		{"other_host_http", "docker.io/x/y", "https://index.docker.io:443", "http://auth.docker.io/token", false, false},
		{"plain_asked_for_registry_is_https", "dhi.io/x", "https://dhi.io:443", "http://dhi.io/token", true, false},
		{"plain_asked_for", "registry.corp/x", "http://registry.corp:80", "http://auth.corp/token", true, true},
		{"loopback_both", "127.0.0.1:5000/x", "http://127.0.0.1:5000", "http://localhost:5001/token", false, true},
		{"loopback_registry_sends_elsewhere", "127.0.0.1:5000/x", "http://127.0.0.1:5000", "http://evil.example/token", false, false},
		{"remote_registry_sends_to_this_machine", "dhi.io/x", "https://dhi.io:443", "https://127.0.0.1/token", false, false},
		{"metadata_service", "dhi.io/x", "https://dhi.io:443", "https://169.254.169.254/token", false, false},
		{"with_login", "dhi.io/x", "https://dhi.io:443", "https://a:b@dhi.io/token", false, false},
		{"relative", "dhi.io/x", "https://dhi.io:443", "/token", false, false},
		{"missing", "dhi.io/x", "https://dhi.io:443", "", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opt := options()
			opt.PlainHTTP = tt.plain
			l := &login{r: repositoryAt(t, tt.registry, opt), origin: tt.origin, params: map[string]string{"realm": tt.realm}}
			_, err := l.realm()
			if got := err == nil; got != tt.want {
				t.Errorf("realm() = %v, want allowed = %t", err, tt.want)
			}
		})
	}
}

func TestParseChallenges(t *testing.T) {
	for _, tt := range []struct {
		name   string
		header []string
		want   string
	}{
		{"bearer", []string{`Bearer realm="https://a/t",service="s",scope="repository:x:pull,push"`}, `bearer map[realm:https://a/t scope:repository:x:pull,push service:s]`},
		{"two_in_one", []string{`Negotiate, Basic realm="a, b"`}, `negotiate map[]; basic map[realm:a, b]`},
		{"escapes_and_spaces", []string{`  bearer realm = "a\"b" , x=y`}, `bearer map[realm:a"b x:y]`},
		{"first_value_counts", []string{`Bearer realm="a",realm="b"`}, `bearer map[realm:a]`},
		{"unterminated", []string{`Bearer realm="a`}, `bearer map[]`},
		{"rubbish", []string{"", "=,=", "\x00"}, ``},
		{"too_long", []string{"Bearer realm=" + strings.Repeat("x", maxChallenge)}, ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range parseChallenges(tt.header) {
				got = append(got, fmt.Sprintf("%s %v", c.scheme, c.params))
			}
			if s := strings.Join(got, "; "); s != tt.want {
				t.Errorf("parseChallenges(%q) = %s, want %s", tt.header, s, tt.want)
			}
		})
	}
}
