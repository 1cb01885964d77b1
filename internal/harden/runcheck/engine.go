package runcheck

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/fault"
)

// api is the version of the Engine API that is spoken: podman 4 and Docker 20.10 and
// later know it.
const api = "/v1.41"

// Limits of one answer of the engine and of the start of a log, in bytes, and how long
// the first answer may take: whoever does not say its version will say nothing else.
const (
	maxBody   = 8 << 20
	maxHead   = 1 << 20
	firstWait = 30 * time.Second
)

// engine is a client of the Docker Engine API, as much of it as is needed here
// (docs.docker.com/reference/api/engine/version/v1.41).
type engine struct {
	http *http.Client
	base string
	// auth is the X-Registry-Auth header of a pull; "" sends none. An open engine is on
	// another machine and is spoken to in the clear: it is told no login.
	auth string
	open bool
	// arch is the engine's architecture, as it calls it.
	arch string
	// image is the image that is run, as the engine has it.
	image image
}

// image is what is used of GET /images/{name}/json.
type image struct {
	Architecture string
	// Config is nil when the engine does not say.
	Config *struct {
		Entrypoint, Cmd []string
		Volumes         map[string]struct{}
	}
}

// dial makes a client for a host as of DOCKER_HOST: unix://PATH or tcp://HOST:PORT.
func dial(host string) (*engine, error) {
	if host == "" {
		host = "unix:///var/run/docker.sock"
	}
	u, err := url.Parse(host)
	if err != nil {
		return nil, fault.New(fault.Usage, "use the engine "+host, "write unix:///path/to/docker.sock or tcp://host:port", err)
	}
	t := &http.Transport{MaxIdleConns: 2, IdleConnTimeout: time.Minute}
	e := &engine{http: &http.Client{Transport: t}, base: "http://engine"}
	switch u.Scheme {
	case "unix":
		path := u.Path
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		}
	case "tcp", "http":
		e.base = "http://" + u.Host
		ip, err := netip.ParseAddr(u.Hostname())
		e.open = u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback())
	default:
		return nil, fault.Usagef("use the engine "+host, "write unix:///path/to/docker.sock or tcp://host:port", "the scheme %q is not supported", u.Scheme)
	}
	return e, nil
}

// apiError is an answer with a status that is no success.
type apiError struct {
	status  int
	message string
}

func (e *apiError) Error() string {
	return fmt.Sprintf("the engine says %d: %s", e.status, e.message)
}

// do makes one request. It returns the body of a success and an *apiError otherwise.
func (e *engine) do(ctx context.Context, method, path string, query url.Values, body any) ([]byte, error) {
	data, more, err := e.read(ctx, method, path, query, body, maxBody)
	if err == nil && more {
		err = fmt.Errorf("the engine's answer to %s has more than %d bytes", path, maxBody)
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// read makes one request and returns at most limit bytes of the answer, and whether
// there are more.
func (e *engine) read(ctx context.Context, method, path string, query url.Values, body any, limit int) (data []byte, more bool, err error) {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, false, err
		}
		in = bytes.NewReader(b)
	}
	u := e.base + api + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, u, in)
	if err != nil {
		return nil, false, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if e.auth != "" && path == "/images/create" {
		req.Header.Set("X-Registry-Auth", e.auth)
	}
	resp, err := e.http.Do(req)
	if err != nil {
		return nil, false, err
	}
	defer resp.Body.Close()
	data, err = io.ReadAll(io.LimitReader(resp.Body, int64(limit)+1))
	if err != nil {
		return nil, false, err
	}
	if more = len(data) > limit; more {
		data = data[:limit]
	}
	if resp.StatusCode >= 300 && resp.StatusCode != http.StatusNotModified {
		var m struct {
			Message string `json:"message"`
			Cause   string `json:"cause"`
		}
		if json.Unmarshal(data, &m) != nil || m.Message == "" {
			m.Message = strings.TrimSpace(string(data[:min(len(data), 500)]))
		}
		return nil, false, &apiError{resp.StatusCode, m.Message}
	}
	return data, more, nil
}

// get decodes a JSON answer.
func (e *engine) get(ctx context.Context, path string, query url.Values, out any) error {
	data, err := e.do(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, out)
}

func isNotFound(err error) bool {
	var a *apiError
	return errors.As(err, &a) && a.status == http.StatusNotFound
}

// demultiplex joins the frames of an attached stream: one byte for the stream, three
// of zero, four for the length. A terminal's stream has no frames and is left as is.
func demultiplex(data []byte) []byte {
	var out []byte
	for rest := data; ; {
		if len(rest) == 0 {
			return out
		}
		if len(rest) < 8 || rest[0] > 2 || rest[1] != 0 || rest[2] != 0 || rest[3] != 0 {
			if out == nil {
				return data
			}
			return append(out, rest...)
		}
		n := int(binary.BigEndian.Uint32(rest[4:8]))
		if n > len(rest)-8 {
			n = len(rest) - 8
		}
		out = append(out, rest[8:8+n]...)
		rest = rest[8+n:]
	}
}

// version names the engine, or says that there is none.
func (e *engine) version(ctx context.Context) (string, error) {
	var v struct {
		Version    string
		Arch       string
		Platform   struct{ Name string }
		Components []struct{ Name, Version string }
	}
	first, cancel := context.WithTimeout(ctx, firstWait)
	defer cancel()
	if err := e.get(first, "/version", nil, &v); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		hint := "start Docker, or podman system service, and name its socket with DOCKER_HOST"
		if errors.Is(err, fs.ErrPermission) {
			hint = "the socket is there and may not be used by this user"
		}
		return "", fault.New(fault.Unavailable, "ask the container engine", hint, err)
	}
	e.arch = v.Arch
	name := "engine"
	if len(v.Components) > 0 {
		name = v.Components[0].Name
	}
	return name + " " + v.Version, nil
}

// create is the body of POST /containers/create, as far as it is used.
type create struct {
	Image      string
	User       string            `json:",omitempty"`
	Cmd        []string          `json:",omitempty"`
	Entrypoint []string          `json:",omitempty"`
	Env        []string          `json:",omitempty"`
	Labels     map[string]string `json:",omitempty"`
	HostConfig hostConfig
}

type hostConfig struct {
	ReadonlyRootfs bool
	CapDrop        []string          `json:",omitempty"`
	SecurityOpt    []string          `json:",omitempty"`
	Tmpfs          map[string]string `json:",omitempty"`
	NetworkMode    string            `json:",omitempty"`
	Memory         int64             `json:",omitempty"`
	PidsLimit      int64             `json:",omitempty"`
	LogConfig      logConfig
}

// logConfig is where the output goes, with a bound: a program may write without end.
type logConfig struct {
	Type   string
	Config map[string]string
}

// inspect is what is used of GET /containers/{id}/json.
type inspect struct {
	State struct {
		Running   bool
		OOMKilled bool
		Pid       int
		ExitCode  int
		Error     string
	}
	Config struct {
		WorkingDir string
		StopSignal string
	}
}
