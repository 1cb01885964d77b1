package runcheck

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/harden/imageref"
)

// localID is the id of an image that the engine has.
var localID = regexp.MustCompile(`^(sha256:)?[0-9a-f]{12,64}$`)

// have makes sure that the engine has the image.
func (e *engine) have(ctx context.Context, image string, noPull bool) error {
	err := e.fits(ctx, image)
	if err == nil || !isNotFound(err) {
		return err
	}
	if noPull {
		return fault.New(fault.Unavailable, "look for the image "+image, "pull it first, or leave out no-pull", errors.Unwrap(err))
	}
	q := url.Values{"fromImage": {image}}
	if ref, err := imageref.Parse(image); err == nil && ref.Tag == "" && ref.Digest == "" {
		q.Set("tag", "latest") // without one the engine would pull every tag
	}
	out, err := e.do(ctx, http.MethodPost, "/images/create", q, nil)
	if err == nil {
		for line := range strings.Lines(string(out)) { // errors of a pull come in its stream
			var m struct{ Error string }
			if json.Unmarshal([]byte(line), &m) == nil && m.Error != "" {
				err = errors.New(m.Error)
			}
		}
	}
	if err != nil {
		return fault.New(fault.Unavailable, "pull "+image, "docker pull it by hand to see more; the engine needs a login of its own unless registry-username is given", err)
	}
	return e.fits(ctx, image)
}

// fits looks at the image that the engine has: one of another architecture would fail
// to start through no fault of its own.
func (e *engine) fits(ctx context.Context, image string) error {
	if err := e.get(ctx, "/images/"+image+"/json", nil, &e.image); err != nil {
		return fault.New(fault.Unavailable, "look for the image "+image, "check the reference", err)
	}
	if arch := e.image.Architecture; arch != "" && e.arch != "" && arch != e.arch {
		return fault.Unavailablef("run "+image, "use an engine of that architecture", "the image is for %s and the engine runs %s", arch, e.arch)
	}
	return nil
}

// registryAuth is the header with which an engine pulls (Engine API, "Authentication").
func registryAuth(opt Options) (string, error) {
	login := map[string]string{"username": opt.Username, "password": opt.Password}
	switch {
	case opt.IdentityToken != "":
		login = map[string]string{"identitytoken": opt.IdentityToken}
	case opt.Username == "":
		return "", nil
	}
	data, err := json.Marshal(login)
	if err != nil {
		return "", fmt.Errorf("write the engine's login: %w", err)
	}
	return base64.URLEncoding.EncodeToString(data), nil
}
