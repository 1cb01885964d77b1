package registry

import (
	"errors"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/imagegate/imagegate/internal/fault"
)

// answers is a keychain of one answer.
type answers struct {
	config authn.AuthConfig
	err    error
	asked  *string
}

func (k answers) Resolve(r authn.Resource) (authn.Authenticator, error) {
	if k.asked != nil {
		*k.asked = r.RegistryStr()
	}
	return authn.FromConfig(k.config), k.err
}

func TestCredentials(t *testing.T) {
	var asked string
	for _, tt := range []struct {
		name string
		ref  string
		opt  Options
		want Login
		code fault.Code
	}{
		{"options_first", "dhi.io/python:3.13", Options{Username: "u", Password: "p", Keychain: answers{err: errors.New("not asked")}}, Login{Username: "u", Password: "p"}, fault.OK},
		{"keychain", "dhi.io/python:3.13", Options{Keychain: answers{config: authn.AuthConfig{Username: "u", Password: "p"}, asked: &asked}}, Login{Username: "u", Password: "p"}, fault.OK},
		{"joined_entry", "dhi.io/python", Options{Keychain: answers{config: authn.AuthConfig{Auth: "dTpwOnE="}}}, Login{Username: "u", Password: "p:q"}, fault.OK},
		{"token", "dhi.io/python", Options{Keychain: answers{config: authn.AuthConfig{IdentityToken: "t"}}}, Login{IdentityToken: "t"}, fault.OK},
		{"nobody", "dhi.io/python", Options{Keychain: answers{}}, Login{}, fault.OK},
		{"helper_fails", "dhi.io/python", Options{Keychain: answers{err: errors.New("no helper")}}, Login{}, fault.Unavailable},
		{"a_file", "oci-dir:/x", Options{}, Login{}, fault.Usage},
		{"no_reference", "A B", Options{}, Login{}, fault.Usage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Credentials(t.Context(), tt.ref, tt.opt)
			if got != tt.want || fault.CodeOf(err) != tt.code {
				t.Errorf("got %+v, %v; want %+v, code %d", got, err, tt.want, tt.code)
			}
		})
	}
	if asked != "dhi.io" {
		t.Errorf("the keychain was asked for %q", asked)
	}
}
