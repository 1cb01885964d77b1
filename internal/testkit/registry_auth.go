package testkit

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// tokenPath is where a [Bearer] registry hands out its tokens.
const tokenPath = "/token"

// guarded lets a request pass only with the registry's credentials.
func (r *Registry) guarded(next http.Handler) http.Handler {
	if r.opt.Username == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case r.opt.Auth == Bearer && req.URL.Path == tokenPath:
			r.serveToken(w, req)
		case r.opt.Auth == Bearer && r.knownToken(req):
			next.ServeHTTP(w, req)
		case r.opt.Auth == Basic && r.knownUser(req):
			next.ServeHTTP(w, req)
		default:
			w.Header().Set("WWW-Authenticate", r.challenge(req))
			writeError(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		}
	})
}

// challenge is the WWW-Authenticate header (RFC 9110, section 11.6.1; the Bearer form
// is the distribution project's token specification).
func (r *Registry) challenge(req *http.Request) string {
	if r.opt.Auth == Basic {
		return `Basic realm="testkit"`
	}
	c := fmt.Sprintf(`Bearer realm="%s%s",service="testkit"`, r.URL(), tokenPath)
	if repo, _, _ := splitPath(req.URL.Path); repo != "" {
		actions := "pull"
		if req.Method != http.MethodGet && req.Method != http.MethodHead {
			actions = "pull,push"
		}
		c += fmt.Sprintf(`,scope="repository:%s:%s"`, repo, actions)
	}
	return c
}

// serveToken trades credentials for a token, also by the OAuth 2 password grant that
// some clients use.
func (r *Registry) serveToken(w http.ResponseWriter, req *http.Request) {
	ok := r.knownUser(req)
	if req.Method == http.MethodPost && req.ParseForm() == nil {
		ok = ok || r.matches(req.PostForm.Get("username"), req.PostForm.Get("password"))
	}
	if !ok {
		writeError(w, http.StatusUnauthorized, "UNAUTHORIZED", "incorrect username or password")
		return
	}
	token := rand.Text()
	r.mu.Lock()
	r.tokens[token] = true
	r.mu.Unlock()
	body, err := json.Marshal(map[string]any{"token": token, "access_token": token, "expires_in": 300})
	if err != nil {
		writeError(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

func (r *Registry) knownToken(req *http.Request) bool {
	token, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	r.mu.Lock()
	defer r.mu.Unlock()
	return ok && r.tokens[token]
}

func (r *Registry) knownUser(req *http.Request) bool {
	user, password, ok := req.BasicAuth()
	return ok && r.matches(user, password)
}

func (r *Registry) matches(user, password string) bool {
	u := subtle.ConstantTimeCompare([]byte(user), []byte(r.opt.Username))
	p := subtle.ConstantTimeCompare([]byte(password), []byte(r.opt.Password))
	return u&p == 1
}
