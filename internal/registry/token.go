package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
)

// maxToken bounds a token service's answer, in bytes. Tokens are a few KiB.
const maxToken = 256 << 10

// token asks the token service that the challenge names for a token to pull from this
// repository (distribution, "Token Authentication Specification" and "OAuth2 Token
// Authentication"). It is asked with the credentials, and follows no redirect.
func (l *login) token(ctx context.Context, creds *authn.AuthConfig) (string, error) {
	realm, err := l.realm()
	if err != nil {
		return "", err
	}
	var token string
	err = l.r.retry(ctx, func() error {
		token, err = l.askToken(ctx, realm, creds)
		return err
	})
	if err != nil {
		// The request that needs the token is not repeated for it: the repetitions of
		// both would multiply.
		return "", notRetried{fmt.Errorf("log in to %s: %w", l.r.place.registry, errors.Join(err, l.problem))}
	}
	return token, nil
}

// realm checks the address of the token service: credentials go there. It must be
// HTTPS; plain HTTP is for a registry that is itself spoken to in plain HTTP, when it
// is the same host, a loopback one beside a loopback registry, or when plain HTTP was
// asked for.
func (l *login) realm() (*url.URL, error) {
	text := l.params["realm"]
	u, err := url.Parse(text)
	refuse := func(why string) error {
		return fmt.Errorf("log in to %s: token service refused: %s", l.r.place.registry, why)
	}
	if err != nil || u.Host == "" || u.User != nil {
		return nil, refuse("its address is not a plain HTTPS address")
	}
	loopback := isLoopback(hostOnly(l.r.repo.RegistryStr()))
	if isLocalService(u.Hostname()) && !loopback {
		return nil, refuse(bareURL(u) + " points at this machine")
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && strings.HasPrefix(l.origin, "http://") &&
		(l.r.opt.PlainHTTP || loopback && isLoopback(u.Hostname())):
	default:
		return nil, refuse(bareURL(u) + " is not HTTPS")
	}
	return u, nil
}

func (l *login) scopes() []string {
	if l.anonymous {
		if s := l.params["scope"]; s != "" {
			return []string{s}
		}
		return nil
	}
	own := l.r.repo.Scope("pull")
	if s := l.params["scope"]; s != "" && s != own {
		return []string{own, s}
	}
	return []string{own}
}

func (l *login) askToken(ctx context.Context, realm *url.URL, creds *authn.AuthConfig) (string, error) {
	query := url.Values{"scope": l.scopes()}
	if service := l.params["service"]; service != "" {
		query.Set("service", service)
	}
	attempt, cancel := context.WithCancelCause(ctx)
	req, err := l.tokenRequest(attempt, realm, query, creds)
	if err != nil {
		cancel(nil)
		return "", err
	}
	resp, err := l.r.send(ctx, req, attempt, cancel)
	if err != nil {
		return "", err
	}
	defer drain(resp)
	if resp.StatusCode != http.StatusOK {
		return "", &elsewhereError{token: true, own: !l.anonymous, host: req.URL.Host, status: statusError(req, resp, l.r.secrets)}
	}
	body, err := l.r.document(resp, maxToken, "maxToken", "a token")
	if err != nil {
		return "", err
	}
	var doc struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return "", errors.New("the token service's answer is not a JSON object with a token")
	}
	if doc.Token == "" {
		doc.Token = doc.AccessToken
	}
	if doc.Token == "" || strings.ContainsFunc(doc.Token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "", errors.New("the token service's answer holds no token")
	}
	return doc.Token, nil
}

// tokenRequest is a GET with the password, or a POST with the identity token that a
// credential helper returned instead of one.
func (l *login) tokenRequest(ctx context.Context, realm *url.URL, query url.Values, creds *authn.AuthConfig) (*http.Request, error) {
	if creds.IdentityToken != "" {
		form := url.Values{
			"grant_type":    {"refresh_token"},
			"refresh_token": {creds.IdentityToken},
			"client_id":     {"imagegate"},
			"service":       {query.Get("service")},
			"scope":         {strings.Join(query["scope"], " ")},
		}
		body := form.Encode()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, realm.String(), io.NopCloser(strings.NewReader(body)))
		if err != nil {
			return nil, fmt.Errorf("token service %s: the address cannot be used", bareURL(realm))
		}
		req.ContentLength = int64(len(body))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return req, nil
	}
	u := *realm
	merged := u.Query()
	for k, v := range query {
		merged[k] = v
	}
	u.RawQuery = merged.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("token service %s: the address cannot be used", bareURL(realm))
	}
	if creds.Username != "" || creds.Password != "" {
		req.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(creds.Username+":"+creds.Password)))
	}
	return req, nil
}
