package cli_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/imagegate/imagegate/internal/testkit"
)

// The hosts that Docker Hardened Images are pulled from, and where the attestations of
// their mirrors are.
const (
	hostDHI   = "dhi.io"
	hostHub   = "index.docker.io"
	hostScout = "registry.scout.docker.com"
)

// dhiCommand serves dhi.io/python, and docker.io/org/dhi-python as a mirror of it whose
// attestations are at registry.scout.docker.com, behind a proxy: the program believes
// that it speaks to the real hosts.
func dhiCommand(ts *testscript.TestScript, _ bool, _ []string) {
	start := func() *testkit.Registry {
		reg, err := testkit.StartRegistry(testkit.RegistryOptions{Username: login, Password: password})
		ts.Check(err)
		ts.Defer(func() { _ = reg.Close() })
		return reg
	}
	img := (&world{key: scriptKey(ts)}).image()
	img.Name, img.Tags = "dhi/python", []string{"3.13", "3.13-debian13", "3.12"}
	built, err := img.Build()
	ts.Check(err)
	ctx := scriptContext(ts)
	dhi, hub, scout := start(), start(), start()
	ts.Check(built.Push(ctx, dhi.Repository("python")))
	ts.Check(built.PushImage(ctx, hub.Repository("org/dhi-python")))
	ts.Check(built.PushAttestations(ctx, scout.Repository("org/dhi-python")))

	front, ca, err := frontFor(map[string]*testkit.Registry{hostDHI: dhi, hostHub: hub, hostScout: scout})
	ts.Check(err)
	ts.Defer(front.Close)
	proxy := httptest.NewServer(tunnel(front.Listener.Addr().String()))
	ts.Defer(proxy.Close)
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), ca, 0o644))
	ts.Setenv("CA", ts.MkAbs("ca.pem"))
	ts.Setenv("HTTPS_PROXY", proxy.URL)
}

func scriptContext(ts *testscript.TestScript) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	ts.Defer(cancel)
	return ctx
}

// frontFor serves HTTPS for the hosts, each from its registry, with a certificate of a
// fresh authority.
func frontFor(hosts map[string]*testkit.Registry) (*httptest.Server, []byte, error) {
	behind := map[string]http.Handler{}
	var names []string
	for host, reg := range hosts {
		u, err := url.Parse(reg.URL())
		if err != nil {
			return nil, nil, err
		}
		behind[host] = httputil.NewSingleHostReverseProxy(u)
		names = append(names, host)
	}
	cert, ca, err := issue(names)
	if err != nil {
		return nil, nil, err
	}
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if h := behind[req.Host]; h != nil {
			h.ServeHTTP(w, req)
			return
		}
		http.Error(w, "no such host: "+req.Host, http.StatusBadGateway)
	}))
	front.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	front.StartTLS()
	return front, ca, nil
}

// issue makes an authority and a certificate for the names.
func issue(names []string) (tls.Certificate, []byte, error) {
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), nil
}

// tunnel is an HTTPS proxy whose every tunnel leads to one address.
func tunnel(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodConnect {
			http.Error(w, "only CONNECT", http.StatusMethodNotAllowed)
			return
		}
		server, err := net.Dial("tcp", to)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.WriteHeader(http.StatusOK)
		client, rest, err := http.NewResponseController(w).Hijack()
		if err != nil {
			_ = server.Close()
			return
		}
		go func() {
			_, _ = io.Copy(server, rest)
			_ = server.Close()
		}()
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}
}
