package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
)

// login is how requests to one origin (scheme, host and port) are authorized. The
// registry's own origin has credentials, every other one is anonymous.
type login struct {
	r         *repository
	origin    string
	anonymous bool

	mu      sync.Mutex
	scheme  string // "basic" or "bearer" once a challenge said so
	params  map[string]string
	value   string // the Authorization header in use
	creds   *authn.AuthConfig
	problem error // why no credentials could be read
}

func originOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// login returns the login of u's origin.
func (r *repository) login(u *url.URL) *login {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loginLocked(u)
}

func (r *repository) loginLocked(u *url.URL) *login {
	origin := originOf(u)
	l, ok := r.logins[origin]
	if !ok {
		own := originOf(&url.URL{Scheme: u.Scheme, Host: r.repo.RegistryStr()})
		l = &login{r: r, origin: origin, anonymous: origin != own}
		r.logins[origin] = l
	}
	return l
}

// challenged records what an answer of status 401 asks for.
func (l *login) challenged(header http.Header) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.record(header)
}

// record takes the first challenge that can be met; bearer is preferred because a
// token is worth less than a password.
func (l *login) record(header http.Header) bool {
	challenges := parseChallenges(header.Values("Www-Authenticate"))
	for _, scheme := range []string{"bearer", "basic"} {
		for _, c := range challenges {
			if c.scheme == scheme {
				l.scheme, l.params = c.scheme, c.params
				return true
			}
		}
	}
	return false
}

// header returns the Authorization header for the next request, logging in first
// when a challenge is known and nothing was tried yet.
func (l *login) header(ctx context.Context) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.value != "" || l.scheme == "" {
		return l.value, nil
	}
	return l.authorize(ctx)
}

// answer meets the challenge of an answer to a request that was sent with used. It
// returns "" when there is nothing to meet it with.
func (l *login) answer(ctx context.Context, header http.Header, used string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.value != used {
		return l.value, nil // another request has logged in meanwhile
	}
	if !l.record(header) {
		return "", l.problem
	}
	return l.authorize(ctx)
}

// authorize makes a new Authorization header for the recorded challenge.
func (l *login) authorize(ctx context.Context) (string, error) {
	creds, err := l.credentials(ctx)
	if err != nil {
		return "", err
	}
	switch {
	case creds.RegistryToken != "":
		l.value = "Bearer " + creds.RegistryToken
	case l.scheme == "basic":
		if creds.Username == "" && creds.Password == "" {
			return "", nil
		}
		l.value = "Basic " + base64.StdEncoding.EncodeToString([]byte(creds.Username+":"+creds.Password))
	default:
		token, err := l.token(ctx, creds)
		if err != nil {
			return "", err
		}
		l.value = "Bearer " + token
	}
	l.r.secrets.add(strings.TrimPrefix(strings.TrimPrefix(l.value, "Bearer "), "Basic "))
	return l.value, nil
}

// credentials finds the credentials of the origin, once. A keychain that fails (a
// credential helper that is not installed, say) leaves the request anonymous, which
// may be enough; when it is not, the failure is told.
func (l *login) credentials(ctx context.Context) (*authn.AuthConfig, error) {
	if l.creds != nil {
		return l.creds, nil
	}
	l.creds = &authn.AuthConfig{}
	opt := l.r.opt
	switch {
	case l.anonymous:
	case opt.Username != "" || opt.Password != "":
		l.creds = &authn.AuthConfig{Username: opt.Username, Password: opt.Password}
	default:
		creds, err := l.fromKeychain(ctx)
		if err != nil {
			l.problem = &credentialError{host: l.r.place.registry, err: errors.New(l.r.secrets.scrub(plain(err.Error(), 300)))}
			l.r.log.Debug("credentials not read, going on without", "registry", l.r.place.registry, "error", l.problem.Error())
			break
		}
		l.creds = creds
	}
	l.r.secrets.addLogin(l.creds.Username, l.creds.Password)
	l.r.secrets.add(l.creds.IdentityToken, l.creds.RegistryToken, l.creds.Auth)
	return l.creds, nil
}

// readProblem says why credentials could not be read, or nil.
func (l *login) readProblem() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.problem
}

func (l *login) fromKeychain(ctx context.Context) (*authn.AuthConfig, error) {
	auth, err := authn.Resolve(ctx, l.r.opt.Keychain, l.r.repo)
	if err != nil {
		return nil, err
	}
	creds, err := authn.Authorization(ctx, auth)
	if err != nil {
		return nil, err
	}
	if creds == nil {
		return &authn.AuthConfig{}, nil
	}
	found := *creds
	if found.Username == "" && found.Password == "" && found.Auth != "" {
		raw, err := base64.StdEncoding.DecodeString(found.Auth)
		if err != nil {
			return nil, errors.New("the auth entry of the Docker configuration is not base64")
		}
		found.Username, found.Password, _ = strings.Cut(string(raw), ":")
	}
	return &found, nil
}

// credentialError says that credentials were configured and could not be read.
type credentialError struct {
	host string
	err  error
}

func (e *credentialError) Error() string {
	return fmt.Sprintf("credentials for %s could not be read: %s", e.host, e.err)
}

// challenge is one WWW-Authenticate challenge (RFC 9110, section 11.6.1).
type challenge struct {
	scheme string
	params map[string]string
}

// maxChallenge bounds the header in bytes, and the challenges read from it.
const (
	maxChallenge  = 8 << 10
	maxChallenges = 8
)

// parseChallenges reads WWW-Authenticate headers. What cannot be read ends its header:
// a challenge that is not understood is a login that does not happen.
func parseChallenges(headers []string) []challenge {
	var list []challenge
	for _, h := range headers {
		if len(h) > maxChallenge {
			continue
		}
		for h = strings.TrimLeft(h, " \t,"); h != "" && len(list) < maxChallenges; h = strings.TrimLeft(h, " \t,") {
			scheme, rest := cutToken(h)
			if scheme == "" {
				break
			}
			c := challenge{scheme: strings.ToLower(scheme), params: map[string]string{}}
			h = parseParams(strings.TrimLeft(rest, " \t"), c.params)
			list = append(list, c)
		}
	}
	return list
}

// parseParams reads name=value pairs into params and returns what follows them.
func parseParams(h string, params map[string]string) string {
	for h != "" {
		name, rest := cutToken(h)
		rest = strings.TrimLeft(rest, " \t")
		if name == "" || !strings.HasPrefix(rest, "=") {
			return h // the next challenge, or nothing that can be read
		}
		value, rest, ok := cutValue(strings.TrimLeft(rest[1:], " \t"))
		if !ok {
			return ""
		}
		if key := strings.ToLower(name); params[key] == "" {
			params[key] = value
		}
		h = strings.TrimLeft(rest, " \t")
		if !strings.HasPrefix(h, ",") {
			return h
		}
		h = strings.TrimLeft(h, " \t,")
	}
	return ""
}

func cutToken(s string) (token, rest string) {
	i := strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

func cutValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		value, rest = cutToken(s)
		return value, rest, value != ""
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		case '"':
			return b.String(), s[i+1:], true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}
