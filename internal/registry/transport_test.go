package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
)

// tlsServer is the registry over HTTPS.
func tlsServer(t *testing.T) (*server, *x509.CertPool) {
	t.Helper()
	s := newServer(t)
	s.pushIndex(t, "app:1", newIndex(t, ""))
	secure := httptest.NewTLSServer(s)
	t.Cleanup(secure.Close)
	secure.Config.ErrorLog = nil
	s.host = strings.TrimPrefix(secure.URL, "https://")
	pool := x509.NewCertPool()
	pool.AddCert(secure.Certificate())
	return s, pool
}

func TestCustomAuthority(t *testing.T) {
	s, pool := tlsServer(t)
	opt := options()
	s.interfere(nil)
	_, err := s.open(t, "app:1", opt)
	if !strings.Contains(fault.HintOf(err), "ca-file") || s.count("") != 0 {
		t.Errorf("err = %v (hint %q) after %d requests, want the certificate refused, and no plain HTTP instead", err, fault.HintOf(err), s.count(""))
	}
	opt.RootCAs = pool
	img := s.mustOpen(t, "app:1", opt)
	if _, err := img.Manifest(t.Context(), amd64); err != nil {
		t.Error(err)
	}
}

// dialTo sends every connection to one address, as DNS would.
func dialTo(address string, pool *x509.CertPool) http.RoundTripper {
	return &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, address)
		},
	}
}

func TestHTTPSIsNotGivenUp(t *testing.T) {
	s := newServer(t)
	s.pushIndex(t, "app:1", newIndex(t, ""))
	s.interfere(nil)
	for _, host := range []string{"registry.example", "192.168.1.10:5000", "10.0.0.1", "registry.localhost.example:5000"} {
		t.Run(host, func(t *testing.T) {
			opt := options()
			opt.Transport = dialTo(s.host, nil)
			_, err := Open(t.Context(), host+"/app:1", opt)
			if err == nil || !strings.Contains(fault.HintOf(err), "plain-http") || s.count("") != 0 {
				t.Errorf("err = %v (hint %q) after %d requests, want none over plain HTTP", err, fault.HintOf(err), s.count(""))
			}
		})
	}
	opt := options()
	opt.Transport, opt.PlainHTTP = dialTo(s.host, nil), true
	img, err := Open(t.Context(), "registry.example/app:1", opt)
	if err != nil {
		t.Fatalf("plain HTTP that was asked for: %v", err)
	}
	if err := img.Close(); err != nil {
		t.Error(err)
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.1.2.3": true, "::1": true, "localhost": true, "LocalHost": true,
		"localhost.example": false, "10.0.0.1": false, "0.0.0.0": false, "dhi.io": false, "127.0.0.1.example": false,
	} {
		if got := isLoopback(host); got != want {
			t.Errorf("isLoopback(%q) = %t, want %t", host, got, want)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), host+"/app:1", options())
	if fault.CodeOf(err) != fault.Unavailable || !strings.Contains(fault.HintOf(err), "can be reached") {
		t.Errorf("err = %v (hint %q), want Unavailable", err, fault.HintOf(err))
	}
}

func TestUnknownHost(t *testing.T) {
	opt := options()
	tries := 0
	opt.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		tries++
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: r.URL.Host, IsNotFound: true}}
	})
	_, err := Open(t.Context(), "nosuch.example/app:1", opt)
	if fault.CodeOf(err) != fault.Unavailable || !strings.Contains(fault.HintOf(err), "registry name nosuch.example") || tries != 1 {
		t.Errorf("err = %v (hint %q) after %d tries, want Unavailable after one", err, fault.HintOf(err), tries)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestNothingSecretInAnyError lets every request fail in a way that repeats what was
// sent.
func TestNothingSecretInAnyError(t *testing.T) {
	opt := options()
	opt.Username, opt.Password, opt.PlainHTTP = user, password, true
	for _, tt := range []struct {
		name string
		rt   roundTrip
	}{
		{"transport", func(r *http.Request) (*http.Response, error) {
			return nil, errors.New(`proxyconnect: "http://me:proxy-secret@proxy:3128" for ` + r.Header.Get("Authorization") + password)
		}},
		{"digest_header", func(r *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			if !wantBasic(w, r) {
				w = httptest.NewRecorder()
				w.Header().Set("Docker-Content-Digest", password)
				_, _ = w.WriteString(`{"manifests":[]}`)
			}
			return w.Result(), nil
		}},
		{"redirect", func(r *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			if !wantBasic(w, r) {
				http.Redirect(w, r, "ftp://"+user+":x@host/"+r.Header.Get("Authorization")+"?"+password, http.StatusFound)
			}
			return w.Result(), nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opt.Transport = tt.rt
			_, err := Open(t.Context(), "registry.example/app:1", opt)
			if err == nil {
				t.Fatal("opened")
			}
			for _, secret := range []string{password, "proxy-secret", "cm9ib3Q6"} { // the last begins base64("robot:")
				if strings.Contains(err.Error()+fault.HintOf(err), secret) {
					t.Errorf("the error holds %q: %v", secret, err)
				}
			}
		})
	}
}
