package registry

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
)

// Options configure [Open]. The zero value reads the Docker configuration for
// credentials, speaks HTTPS and keeps to the limits below. Passing a limit is an
// error that names it, never a silent cut.
type Options struct {
	// Username and Password are sent to the registry of the reference, and to its
	// attestation registry, and nowhere else. Both empty means Keychain.
	Username, Password string

	// Keychain finds credentials by registry. Nil means the Docker configuration with
	// its credential helpers.
	Keychain authn.Keychain

	// PlainHTTP allows HTTP to hosts that are not loopback. The default is HTTPS, or
	// on a loopback host whichever of the two it speaks.
	PlainHTTP bool

	// RootCAs are the certificate authorities to trust. Nil means the system's.
	RootCAs *x509.CertPool

	// AttestationRegistry is a second place to look for attestations: "HOST" (the same
	// repository on that host), "HOST/PREFIX" (the same repository below that prefix;
	// for a source that is no registry, the repository itself) or "none". Empty means
	// registry.scout.docker.com for mirrors of Docker Hardened Images on Docker Hub.
	AttestationRegistry string

	// Timeout bounds everything that is read from one image, Open included. 0 means
	// 15 minutes.
	Timeout time.Duration

	// IdleTimeout is how long a server may send nothing before the connection counts
	// as broken. 0 means 60 seconds.
	IdleTimeout time.Duration

	// Retries is how often a request is repeated after a broken connection, a body cut
	// short or a status of a moment (429, 503, 522), and how often in a row a layer is
	// resumed without a byte of progress. 0 means 5, a negative number none.
	Retries int

	// Backoff is the first wait before a repetition; it doubles up to 16 times itself.
	// A Retry-After header replaces it. 0 means 500 milliseconds.
	Backoff time.Duration

	// Transport sends the requests. Nil means one that takes the proxy from the
	// environment and trusts RootCAs; a transport that is given brings its own trust.
	Transport http.RoundTripper

	// Engine is the container engine's address for the docker source, in DOCKER_HOST
	// form: unix:///path or tcp://host:port. Empty means unix:///var/run/docker.sock.
	Engine string

	// Parallel is the number of idle connections kept for reuse to one host. 0 means
	// 16. How many streams are open at once is the caller's choice.
	Parallel int

	// MaxManifest bounds a manifest, an index or a page of referrers, in bytes. 0
	// means 4 MiB, which every registry accepts at least (OCI distribution spec v1.1,
	// "Pushing Manifests").
	MaxManifest int64

	// MaxConfig bounds an image config, in bytes. 0 means 8 MiB.
	MaxConfig int64

	// MaxLayer bounds one layer as stored, in bytes. 0 means 32 GiB.
	MaxLayer int64

	// MaxArchive bounds a docker-archive, once unpacked from gzip, and what a
	// container engine sends, in bytes. 0 means 64 GiB.
	MaxArchive int64

	// MaxDescriptors bounds the manifests of an index and the layers of a manifest. 0
	// means 1,000.
	MaxDescriptors int

	// MaxReferrers bounds the referrers of one digest, and the manifests of a local
	// layout that are looked through for them. 0 means 5,000.
	MaxReferrers int

	// MaxPages bounds the pages of one listing. 0 means 200.
	MaxPages int

	// TempDir holds the temporary file of the docker source. Empty means the system's.
	TempDir string

	// UserAgent is sent with each request. Empty means "imagegate".
	UserAgent string

	// Logger gets debug records without secrets. Nil discards them.
	Logger *slog.Logger
}

// withDefaults returns a copy in which every zero is replaced.
func (o Options) withDefaults() *Options {
	def(&o.Timeout, 15*time.Minute)
	def(&o.IdleTimeout, 60*time.Second)
	def(&o.Retries, 5)
	o.Retries = max(o.Retries, 0)
	def(&o.Backoff, 500*time.Millisecond)
	def(&o.Parallel, 16)
	def(&o.MaxManifest, 4<<20)
	def(&o.MaxConfig, 8<<20)
	def(&o.MaxLayer, 32<<30)
	def(&o.MaxArchive, 64<<30)
	def(&o.MaxDescriptors, 1000)
	def(&o.MaxReferrers, 5000)
	def(&o.MaxPages, 200)
	def(&o.UserAgent, "imagegate")
	if o.Keychain == nil {
		o.Keychain = authn.DefaultKeychain
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &o
}

func def[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// transport returns the one transport of an image. Compression is off: a
// Content-Encoding would hide the bytes that a digest is about, and breaks ranges.
func (o *Options) transport() http.RoundTripper {
	if o.Transport != nil {
		return o.Transport
	}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:     true,
		DisableCompression:    true,
		MaxIdleConns:          4 * o.Parallel,
		MaxIdleConnsPerHost:   o.Parallel,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   15 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}
