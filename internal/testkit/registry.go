package testkit

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// AuthScheme is how a registry asks for its credentials.
type AuthScheme int

const (
	// Basic challenges with "Basic", as a plain distribution registry does.
	Basic AuthScheme = iota
	// Bearer challenges with a token server, as dhi.io and Docker Hub do. The token
	// server is the registry itself, at /token, and wants the same credentials.
	Bearer
)

// maxManifest is the largest manifest that may be pushed, in bytes: the limit that
// the distribution spec names under "Pushing Manifests".
const maxManifest = 4 << 20

// RegistryOptions configure a [Registry]. The zero value is an open registry over
// plain HTTP that has the Referrers API and answers in one page.
type RegistryOptions struct {
	// Username and Password are wanted from every client when Username is not "".
	Username, Password string

	// Auth is the challenge; it matters only with a Username.
	Auth AuthScheme

	// NoReferrers switches the Referrers API off: it answers 404, and referrers are
	// kept under the tag schema instead (distribution spec v1.1, "Referrers Tag Schema").
	NoReferrers bool

	// PageSize is the number of entries in one page of referrers. 0 means all.
	PageSize int

	// BareReferrers leaves the annotations out of referrer lists, as older registries do.
	BareReferrers bool

	// Shuffle answers referrers in another order each time.
	Shuffle bool

	// TLS serves HTTPS with a certificate of a fresh authority; see [Registry.CAPEM].
	TLS bool

	// Now is the clock of the request log and the certificate; nil means time.Now.
	Now func() time.Time
}

// Registry is an OCI registry on a loopback port. All methods may be called while
// clients use it.
type Registry struct {
	opt    RegistryOptions
	host   string
	server *http.Server
	served chan error
	store  http.Handler // the registry proper, without login, log or faults
	caPEM  []byte
	roots  *x509.CertPool

	mu     sync.Mutex
	refs   map[string][]referrer // by repository, in the order of arrival
	log    []*Request
	faults []*Fault
	tokens map[string]bool
}

// StartRegistry serves an empty registry on a free port of 127.0.0.1 until Close.
func StartRegistry(opt RegistryOptions) (*Registry, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	quiet := log.New(io.Discard, "", 0)
	r := &Registry{
		opt:    opt,
		served: make(chan error, 1),
		store:  ggcr.New(ggcr.Logger(quiet)),
		refs:   map[string][]referrer{},
		tokens: map[string]bool{},
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen on a loopback port: %w", err)
	}
	r.host = l.Addr().String()
	r.server = &http.Server{
		Handler:           r.logged(r.faulty(r.guarded(http.HandlerFunc(r.serve)))),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          quiet,
	}
	if opt.TLS {
		cert, caPEM, err := issueServerCert("127.0.0.1", opt.Now())
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		r.caPEM = caPEM
		r.roots = x509.NewCertPool()
		r.roots.AppendCertsFromPEM(caPEM)
		r.server.TLSConfig = tlsConfig(cert)
		go func() { r.served <- r.server.ServeTLS(l, "", "") }()
		return r, nil
	}
	go func() { r.served <- r.server.Serve(l) }()
	return r, nil
}

// Close ends all connections and frees the port.
func (r *Registry) Close() error {
	err := r.server.Close()
	if served := <-r.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	r.served <- http.ErrServerClosed // a second Close finds the same answer
	return err
}

// Host is "127.0.0.1:port", the registry part of a reference.
func (r *Registry) Host() string { return r.host }

// URL is the registry's address with its scheme and without a trailing slash.
func (r *Registry) URL() string {
	if r.opt.TLS {
		return "https://" + r.host
	}
	return "http://" + r.host
}

// CAPEM is the authority that issued the server's certificate; nil without TLS.
func (r *Registry) CAPEM() []byte { return r.caPEM }

// RootCAs holds the authority of CAPEM; nil without TLS.
func (r *Registry) RootCAs() *x509.CertPool { return r.roots }

// serve adds to go-containerregistry's registry what it lacks: a Referrers API that
// pages, filters and reports the artifact type of the manifest.
func (r *Registry) serve(w http.ResponseWriter, req *http.Request) {
	repo, kind, ref := splitPath(req.URL.Path)
	switch {
	case kind == KindReferrers && req.Method == http.MethodGet && !r.opt.NoReferrers:
		r.serveReferrers(w, req, repo, ref)
	case kind == KindManifest && req.Method == http.MethodPut:
		r.acceptManifest(w, req, repo)
	default:
		r.store.ServeHTTP(w, req)
	}
}

// acceptManifest stores a pushed manifest and remembers whose referrer it is.
func (r *Registry) acceptManifest(w http.ResponseWriter, req *http.Request, repo string) {
	raw, err := io.ReadAll(io.LimitReader(req.Body, maxManifest+1))
	if err != nil || len(raw) > maxManifest {
		writeError(w, http.StatusRequestEntityTooLarge, "MANIFEST_INVALID", "the manifest is larger than 4 MiB")
		return
	}
	var m v1.Manifest
	if json.Unmarshal(raw, &m) == nil && m.Subject != nil {
		r.remember(repo, req.Header.Get("Content-Type"), raw, m)
		if !r.opt.NoReferrers {
			// Tells the client that it need not keep the tag schema up to date.
			w.Header().Set("OCI-Subject", m.Subject.Digest.String())
		}
	}
	req.Body = io.NopCloser(strings.NewReader(string(raw)))
	req.ContentLength = int64(len(raw))
	r.store.ServeHTTP(w, req)
}

// writeError answers as the distribution spec's "Error Codes" wants it.
func writeError(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	body, err := json.Marshal(map[string]any{"errors": []any{map[string]string{"code": code, "message": message}}})
	if err == nil {
		_, _ = w.Write(body)
	}
}

// Repository is the repository called name, as a [Target] that needs no login and
// leaves no trace in the request log.
func (r *Registry) Repository(name string) Target { return &repository{r: r, name: name} }

type repository struct {
	r    *Registry
	name string
}

func (t *repository) PutBlob(ctx context.Context, data []byte) error {
	u := "/v2/" + t.name + "/blobs/uploads/?digest=" + digestOf(data).String()
	return t.do(ctx, http.MethodPost, u, "application/octet-stream", data)
}

func (t *repository) PutManifest(ctx context.Context, ref, mediaType string, raw []byte) error {
	if err := t.do(ctx, http.MethodPut, "/v2/"+t.name+"/manifests/"+ref, mediaType, raw); err != nil {
		return err
	}
	var m v1.Manifest
	if !t.r.opt.NoReferrers || json.Unmarshal(raw, &m) != nil || m.Subject == nil {
		return nil
	}
	tag, index, err := t.r.tagSchema(t.name, m.Subject.Digest)
	if err != nil {
		return err
	}
	return t.do(ctx, http.MethodPut, "/v2/"+t.name+"/manifests/"+tag, ociIndex, index)
}

// do asks the registry's handler directly, without a connection.
func (t *repository) do(ctx context.Context, method, url, mediaType string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+t.r.host+url, strings.NewReader(string(body)))
	if err != nil {
		return fmt.Errorf("put into %s: %w", t.name, err)
	}
	req.Header.Set("Content-Type", mediaType)
	w := &answer{header: http.Header{}}
	t.r.serve(w, req)
	if w.status != http.StatusCreated {
		return fmt.Errorf("put %s: registry answered %d %s", url, w.status, w.body.String())
	}
	return nil
}
