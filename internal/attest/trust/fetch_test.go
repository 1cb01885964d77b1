package trust_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/imagegate/imagegate/internal/attest/trust"
)

// tufRepository is a small TUF repository with one target, all roles by one key.
func tufRepository(t *testing.T, target []byte, expires time.Time) (files map[string][]byte, anchor []byte) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := metadata.KeyFromPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := signature.LoadSigner(private, crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	r := metadata.Root(expires)
	for _, role := range []string{"root", "targets", "snapshot", "timestamp"} {
		if err := r.Signed.AddKey(key, role); err != nil {
			t.Fatal(err)
		}
	}
	targets := metadata.Targets(expires)
	info, err := metadata.TargetFile().FromBytes("trusted_root.json", target, "sha256")
	if err != nil {
		t.Fatal(err)
	}
	targets.Signed.Targets["trusted_root.json"] = info
	snapshot, timestamp := metadata.Snapshot(expires), metadata.Timestamp(expires)
	files = map[string][]byte{}
	write := func(name string, sign func() error, bytes func() ([]byte, error)) []byte {
		t.Helper()
		if err := sign(); err != nil {
			t.Fatal(err)
		}
		data, err := bytes()
		if err != nil {
			t.Fatal(err)
		}
		files["/"+name] = data
		return data
	}
	anchor = write("1.root.json", func() error { _, err := r.Sign(signer); return err }, func() ([]byte, error) { return r.ToBytes(false) })
	write("1.targets.json", func() error { _, err := targets.Sign(signer); return err }, func() ([]byte, error) { return targets.ToBytes(false) })
	write("1.snapshot.json", func() error { _, err := snapshot.Sign(signer); return err }, func() ([]byte, error) { return snapshot.ToBytes(false) })
	write("timestamp.json", func() error { _, err := timestamp.Sign(signer); return err }, func() ([]byte, error) { return timestamp.ToBytes(false) })
	files[path.Join("/targets", info.Hashes["sha256"].String()+".trusted_root.json")] = target
	return files, anchor
}

func serve(t *testing.T, files map[string][]byte) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(data)
	}))
	t.Cleanup(s.Close)
	return s
}

// rootJSON is a trusted root of our own.
func rootJSON(t *testing.T) []byte {
	t.Helper()
	v, err := ca.NewVirtualSigstore()
	if err != nil {
		t.Fatal(err)
	}
	r, err := root.NewTrustedRoot(root.TrustedRootMediaType01, v.FulcioCertificateAuthorities(), v.CTLogs(), v.TimestampingAuthorities(), v.RekorLogs())
	if err != nil {
		t.Fatal(err)
	}
	data, err := r.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFetch(t *testing.T) {
	files, anchor := tufRepository(t, rootJSON(t), time.Now().Add(time.Hour))
	server := serve(t, files)
	f := trust.Fetch{Mirror: server.URL, Anchor: anchor, CacheDir: t.TempDir()}
	r, warning, err := f.Root(t.Context())
	if err != nil || warning != "" || !strings.HasPrefix(r.Source, "TUF repository") || !r.HasLog() {
		t.Fatalf("Root = %+v, %q, %v", r, warning, err)
	}
	server.Close() // an outage: the cache stands in, and it is said
	r, warning, err = f.Root(t.Context())
	if err != nil || !strings.HasPrefix(r.Source, "TUF cache") || !strings.Contains(warning, "the cached one is used") {
		t.Errorf("after an outage: %+v, %q, %v", r, warning, err)
	}
}

func TestFetchRefusesWhatIsNotSigned(t *testing.T) {
	files, anchor := tufRepository(t, rootJSON(t), time.Now().Add(time.Hour))
	other, _ := tufRepository(t, rootJSON(t), time.Now().Add(time.Hour))
	expired, oldAnchor := tufRepository(t, rootJSON(t), time.Now().Add(-time.Hour))
	changed := map[string][]byte{}
	for name, data := range files {
		changed[name] = data
		if strings.Contains(name, "trusted_root") {
			changed[name] = append([]byte(" "), data...)
		}
	}
	for _, tt := range []struct {
		name   string
		files  map[string][]byte
		anchor []byte
	}{
		{"other_signer", other, anchor},
		{"changed_target", changed, anchor},
		{"expired", expired, oldAnchor},
		{"nothing_there", nil, anchor},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if r, _, err := (trust.Fetch{Mirror: serve(t, tt.files).URL, Anchor: tt.anchor}).Root(t.Context()); err == nil {
				t.Errorf("Root = %+v, want an error", r)
			}
		})
	}
}

// TestFetchFallsBack: without a network the embedded root serves, and it is said.
func TestFetchFallsBack(t *testing.T) {
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(hang.Close)
	for _, mirror := range []string{"http://127.0.0.1:1", serve(t, nil).URL, hang.URL} {
		r, warning, err := (trust.Fetch{Mirror: mirror, Timeout: 200 * time.Millisecond}).Root(t.Context())
		if err != nil || !strings.Contains(r.Source, "embedded") || !strings.Contains(warning, "the embedded one is used") {
			t.Errorf("%s: %+v, %q, %v", mirror, r, warning, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := (trust.Fetch{Mirror: hang.URL}).Root(ctx); err == nil {
		t.Error("a cancelled run goes on")
	}
}
