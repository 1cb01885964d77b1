package registry

import (
	"context"
	"fmt"

	"github.com/imagegate/imagegate/internal/fault"
)

// Login is what a registry would be logged in to with, for a container engine that has
// to pull by itself. All fields are empty when no credentials are known.
type Login struct {
	Username, Password string
	// IdentityToken stands in for a password (a refresh token of OAuth2).
	IdentityToken string
}

// Credentials finds the login for the registry of ref as [Open] would: the options
// first, then the Docker configuration and its credential helpers. It asks no registry.
// The error has code Usage when ref is not a reference of a registry, and Unavailable when
// credentials are configured and could not be read.
func Credentials(ctx context.Context, ref string, opt Options) (Login, error) {
	const op = "find the login for an engine"
	p, err := parse(ref, pathExists)
	if err != nil {
		return Login{}, err
	}
	if p.source != SourceRegistry {
		return Login{}, fault.Usagef(op, referenceHint, "%s is in no registry", ref)
	}
	o := opt.withDefaults()
	if o.Username != "" || o.Password != "" {
		return Login{Username: o.Username, Password: o.Password}, nil
	}
	budget, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	deadline, _ := budget.Deadline()
	l := &login{r: newRepository(p.repo, o.transport(), o, deadline)}
	creds, err := l.credentials(budget)
	if err == nil {
		err = l.problem
	}
	if err != nil {
		return Login{}, fault.New(fault.Unavailable, op, "give registry-username with registry-password-file", fmt.Errorf("%s: %w", p.repo.RegistryStr(), err))
	}
	return Login{Username: creds.Username, Password: creds.Password, IdentityToken: creds.IdentityToken}, nil
}
