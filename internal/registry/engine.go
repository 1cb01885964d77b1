package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
)

const defaultEngine = "unix:///var/run/docker.sock"

// maxInspect bounds the engine's description of an image, in bytes.
const maxInspect = 8 << 20

// openEngine opens a docker source: the image is exported by the engine (Docker Engine
// API v1.24 and later, "Export an image"), spooled to a temporary file, and read like a
// docker-archive. The file is removed by Close.
func (img *Image) openEngine(ctx context.Context, p parsed) error {
	op := "read " + img.Reference + " from the container engine"
	e, err := newEngine(op, img.opt)
	if err != nil {
		return err
	}
	defer e.transport.CloseIdleConnections()
	id, err := e.inspect(ctx, p.path)
	if err != nil {
		return e.explain(op, p.path, err)
	}
	img.RepoDigests = id.RepoDigests
	resp, err := e.get(ctx, "/images/"+url.PathEscape(id.ID)+"/get")
	if err != nil {
		return e.explain(op, p.path, err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end or given up
	f, remove, err := spool(resp.Body, img.opt)
	if err != nil {
		return e.explain(op, p.path, err)
	}
	img.cleanup = remove
	local := p
	local.digest, local.tag = "", ""
	return img.openTarRoot(ctx, op, f, local)
}

// engine speaks to one container engine.
type engine struct {
	base      *url.URL
	address   string
	transport *http.Transport
	userAgent string
}

// newEngine reads an address in DOCKER_HOST form.
func newEngine(op string, opt *Options) (*engine, error) {
	address := opt.Engine
	if address == "" {
		address = defaultEngine
	}
	const hint = "set DOCKER_HOST to unix:///path/to/docker.sock or tcp://127.0.0.1:2375"
	u, err := url.Parse(address)
	if err != nil {
		return nil, fault.Usagef(op, hint, "the engine's address %q cannot be read", plain(address, 200))
	}
	e := &engine{address: bareURL(u), userAgent: opt.UserAgent, transport: &http.Transport{DisableCompression: true}}
	switch u.Scheme {
	case "unix":
		if u.Path == "" {
			return nil, fault.Usagef(op, hint, "the engine's address %q has no path", e.address)
		}
		socket := u.Path
		e.base = &url.URL{Scheme: "http", Host: "engine"}
		e.transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		}
	case "tcp", "http":
		if !isLoopback(u.Hostname()) && !opt.PlainHTTP {
			return nil, fault.Usagef(op, "use a unix socket, a loopback address, or ask for plain-http", "the engine's address %s is plain HTTP to another machine", e.address)
		}
		e.base = &url.URL{Scheme: "http", Host: u.Host}
	default:
		return nil, fault.Usagef(op, hint, "the engine's address %s has the scheme %q, which is not supported", e.address, u.Scheme)
	}
	return e, nil
}

// described is what is needed of an image's description.
type described struct {
	ID          string `json:"Id"`
	RepoDigests []string
}

// inspect resolves a name to the engine's id, so that what is exported is what was
// asked for and nothing else: exporting a bare repository name would export all tags.
func (e *engine) inspect(ctx context.Context, ref string) (described, error) {
	resp, err := e.get(ctx, "/images/"+escapeName(ref)+"/json")
	if err != nil {
		return described{}, err
	}
	defer drain(resp)
	raw, err := readLimited(resp.Body, maxInspect, "maxInspect", "the engine's description")
	if err != nil {
		return described{}, err
	}
	var d described
	if err := json.Unmarshal(raw, &d); err != nil {
		return described{}, fmt.Errorf("the engine's description: %w", err)
	}
	if _, err := v1.NewHash(d.ID); err != nil {
		if _, err := v1.NewHash("sha256:" + d.ID); err != nil { // podman leaves the algorithm out
			return described{}, fmt.Errorf("the engine's description: the id %q is no digest", plain(d.ID, 100))
		}
	}
	return d, nil
}

// escapeName keeps the slashes of a name: the engine's routes expect them.
func escapeName(ref string) string {
	parts := strings.Split(ref, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

func (e *engine) get(ctx context.Context, path string) (*http.Response, error) {
	u := *e.base
	u.Path, u.RawPath = mustUnescape(path), path
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errors.New("the image's name cannot be used in a request")
	}
	req.Header.Set("User-Agent", e.userAgent)
	resp, err := e.transport.RoundTrip(req)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer drain(resp)
		return nil, engineError(req, resp)
	}
	return resp, nil
}

func mustUnescape(path string) string {
	if s, err := url.PathUnescape(path); err == nil {
		return s
	}
	return path
}

// engineError reads the engine's message.
func engineError(req *http.Request, resp *http.Response) *StatusError {
	e := &StatusError{Method: req.Method, URL: bareURL(req.URL), Status: resp.StatusCode}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // best effort: the status is the error
	var doc struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &doc) == nil {
		e.Message = plain(doc.Message, 300)
	}
	return e
}

// explain tells an engine that is not there from an image that it does not have.
func (e *engine) explain(op, ref string, err error) error {
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
		return fault.New(fault.Unavailable, op, "no container engine answers at "+e.address+": start it, set DOCKER_HOST, or gate the image in its registry", err)
	case isAbsent(err):
		hint := "the engine does not have it: docker pull " + ref + " first"
		if r, parseErr := name.ParseReference(ref, name.WeakValidation); parseErr == nil && !strings.HasPrefix(r.Context().RegistryStr(), "localhost") {
			hint += ", or leave out docker: to gate it in its registry"
		}
		return fault.New(fault.Unavailable, op, hint, err)
	default:
		return place{source: SourceDocker, path: ref}.explain(op, err)
	}
}
