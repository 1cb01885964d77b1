package registry

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// scrubber takes known secrets out of texts. A registry sees the credentials and may
// echo them in an error; a library may print a proxy's address with its password.
type scrubber struct {
	mu      sync.Mutex
	secrets []string
}

var userInfo = regexp.MustCompile(`(://)[^/@\s"]+@`)

// add remembers secrets. Very short ones are left alone: taking every "a" out of an
// error would say what the password is.
func (s *scrubber) add(secrets ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range secrets {
		if len(secret) >= 4 && !slices.Contains(s.secrets, secret) {
			s.secrets = append(s.secrets, secret)
		}
	}
	// Longest first, so that a secret within another does not leave the rest behind.
	slices.SortFunc(s.secrets, func(a, b string) int { return len(b) - len(a) })
}

// addLogin remembers a password in each form in which it travels.
func (s *scrubber) addLogin(user, password string) {
	if password == "" {
		return
	}
	pair := []byte(user + ":" + password)
	s.add(password, url.QueryEscape(password), url.PathEscape(password),
		base64.StdEncoding.EncodeToString(pair), base64.RawStdEncoding.EncodeToString(pair),
		base64.URLEncoding.EncodeToString(pair), base64.StdEncoding.EncodeToString([]byte(password)))
}

func (s *scrubber) scrub(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return userInfo.ReplaceAllString(text, "$1***@")
}
