package registry

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// elsewhereError is a refusal by another server than the registry: the token service that
// it names, or the address that it redirects to. Whatever its status, it tells nothing
// about what the registry holds: it is "could not look", so a 404 of this kind is never
// fs.ErrNotExist, and one of a token service never means that something is not offered.
type elsewhereError struct {
	token  bool // a token service refused
	own    bool // the registry's own token service, which knows the login
	host   string
	status *StatusError
}

func (e *elsewhereError) Error() string {
	if e.token {
		return "the token service " + e.host + " refuses: " + e.status.Error()
	}
	return "the registry redirects to " + e.host + ", which refuses: " + e.status.Error()
}

// Is maps what the registry's token service says about the login. Nobody else knows one.
func (e *elsewhereError) Is(target error) bool {
	return e.own && e.status.Status != http.StatusNotFound && e.status.Is(target)
}

// elsewhereHint is the next step after a refusal by another server.
func (p place) elsewhereHint(e *elsewhereError) string {
	switch {
	case e.status.Status >= 500:
		return e.host + " has a fault of its own: run again later"
	case e.token:
		return fmt.Sprintf("%s sends logins to %s, which gave no token: check the login, the registry's name, and any proxy in between", p.registry, e.host)
	default:
		return fmt.Sprintf("%s keeps this at %s: check that requests from here reach it, and any proxy in between; run again, and if it stays so tell the registry's owner", p.registry, e.host)
	}
}

// sameQuestion says whether a redirect leads to the registry's own answer to the same
// question: the same origin, and the same object there.
func sameQuestion(from, to *url.URL) bool {
	return originOf(from) == originOf(to) && object(from) == object(to)
}

// object is what a path of the API asks for: its last two parts ("manifests/TAG").
func object(u *url.URL) string {
	parts := strings.Split(u.Path, "/")
	return strings.Join(parts[max(0, len(parts)-2):], "/")
}
