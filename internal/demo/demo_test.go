package demo_test

import (
	"archive/tar"
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/imagegate/imagegate/internal/demo"
	"github.com/imagegate/imagegate/internal/testkit"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func start(t *testing.T, opt demo.Options) *demo.Demo {
	t.Helper()
	opt.Now = now
	d, err := demo.Start(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return d
}

func login(t *testing.T, d *demo.Demo) []remote.Option {
	t.Helper()
	return []remote.Option{remote.WithContext(t.Context()), remote.WithAuth(&authn.Basic{Username: d.Username, Password: d.Password})}
}

func reference(t *testing.T, d *demo.Demo) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(d.Reference)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func TestStartWantsALogin(t *testing.T) {
	d := start(t, demo.Options{})
	ref := reference(t, d)
	_, err := remote.Get(ref, remote.WithContext(t.Context()))
	var refused *transport.Error
	if !errors.As(err, &refused) || refused.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a login: %v, want 401", err)
	}
	got, err := remote.Get(ref, login(t, d)...)
	if err != nil {
		t.Fatal(err)
	}
	if got.Digest != d.Image.Root.Digest() {
		t.Errorf("%s is %s, want %s", d.Reference, got.Digest, d.Image.Root.Digest())
	}
	if want := []string{"linux/amd64", "linux/arm64"}; !slices.Equal(d.Platforms, want) {
		t.Errorf("platforms = %v, want %v", d.Platforms, want)
	}
}

// TestRootFS reads the image as a container runtime would.
func TestRootFS(t *testing.T) {
	d := start(t, demo.Options{})
	for _, arch := range []string{"amd64", "arm64"} {
		img, err := remote.Image(reference(t, d), append(login(t, d), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: arch}))...)
		if err != nil {
			t.Fatal(err)
		}
		config, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.Config.User != "65532:65532" || config.Config.Labels["com.docker.dhi.name"] != "dhi/python" || !config.Created.Equal(d.Created) {
			t.Errorf("%s: config = %+v, created %s", arch, config.Config, config.Created)
		}
		eol, err := time.Parse(time.DateOnly, config.Config.Labels["com.docker.dhi.date.end-of-life"])
		if err != nil || !eol.After(now) {
			t.Errorf("%s: end of life %s, %v", arch, eol, err)
		}
		files := extract(t, img)
		status := files["var/lib/dpkg/status"]
		if n := strings.Count(status, "\nStatus: install ok installed\n"); n != 28 {
			t.Errorf("%s: %d packages, want 28", arch, n)
		}
		if !strings.Contains(status, "\nArchitecture: "+arch+"\n") {
			t.Errorf("%s: the package database is of another architecture", arch)
		}
		if !strings.Contains(files["usr/lib/os-release"], `PRETTY_NAME="Docker Hardened Images/`) {
			t.Errorf("%s: os-release = %q", arch, files["usr/lib/os-release"])
		}
		for _, path := range []string{"bin/sh", "usr/bin/sh", "usr/bin/bash", "usr/bin/apt", "usr/bin/dpkg"} {
			if _, ok := files[path]; ok {
				t.Errorf("%s: %s is in a distroless image", arch, path)
			}
		}
		if _, ok := files["var/lib/dpkg/info/libc6:"+arch+".md5sums"]; !ok {
			t.Errorf("%s: libc6 has no checksums", arch)
		}
		for _, licence := range []string{"libc6", "tzdata", "openssl"} {
			if !strings.Contains(files["usr/share/doc/"+licence+"/copyright"], "\nLicense: ") {
				t.Errorf("%s: %s has no licence", arch, licence)
			}
		}
	}
}

func extract(t *testing.T, img v1.Image) map[string]string {
	t.Helper()
	files := map[string]string{}
	rc := mutate.Extract(img)
	defer rc.Close()
	for r := tar.NewReader(rc); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Mode&0o6000 != 0 {
			t.Errorf("%s is setuid or setgid", h.Name)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(content)
	}
}

func TestAttestationsAreSigned(t *testing.T) {
	d := start(t, demo.Options{})
	block, _ := pem.Decode(d.KeyPEM)
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		testkit.PredicateCycloneDX, testkit.PredicateSPDX, testkit.PredicateOpenVEX, testkit.PredicateProvenance, testkit.PredicateVulns,
		testkit.PredicateSecrets, testkit.PredicateVirus, testkit.PredicateTests, testkit.PredicateSource,
	}
	for _, p := range d.Image.Platforms {
		index, err := remote.Referrers(reference(t, d).Context().Digest(p.Manifest.Digest().String()), login(t, d)...)
		if err != nil {
			t.Fatal(err)
		}
		listed, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		if len(listed.Manifests) != 3 { // this client reads the first page only
			t.Errorf("%s: the first page has %d referrers, want 3", p.Platform, len(listed.Manifests))
		}
		var got []string
		for _, a := range p.Attestations {
			got = append(got, a.PredicateType)
			s := a.Signatures[0]
			sig, err := base64.StdEncoding.DecodeString(s.Base64)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(s.Payload.Data)
			if !ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), sum[:], sig) || !bytes.Contains(s.Payload.Data, []byte(a.Manifest.Digest().String())) {
				t.Errorf("%s %s: the signature does not verify", p.Platform, a.PredicateType)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: predicate types = %v", p.Platform, got)
		}
	}
	if onDisk, err := os.ReadFile(d.KeyFile); err != nil || !bytes.Equal(onDisk, d.KeyPEM) {
		t.Errorf("key file: %v", err)
	}
}

// TestTamper wants the registry to serve a VEX that differs in one bit, and to say of
// everything else the truth.
func TestTamper(t *testing.T) {
	d := start(t, demo.Options{Tamper: true})
	if !strings.Contains(d.Tampered, "CVE-2026-4438") {
		t.Errorf("Tampered = %q", d.Tampered)
	}
	for _, p := range d.Image.Platforms {
		for _, a := range p.Attestations {
			got := serve(t, d, a.Statement.Digest())
			if a.PredicateType != testkit.PredicateOpenVEX {
				if !bytes.Equal(got, a.Statement.Data) {
					t.Errorf("%s %s was tampered with too", p.Platform, a.PredicateType)
				}
				continue
			}
			bits := 0
			for i := range got {
				for x := got[i] ^ a.Statement.Data[i]; x != 0; x &= x - 1 {
					bits++
				}
			}
			if len(got) != len(a.Statement.Data) || bits != 1 {
				t.Errorf("%s: the VEX differs in %d bits, want 1", p.Platform, bits)
			}
			if bytes.Contains(got, []byte("deb12u6")) || !bytes.Contains(a.Statement.Data, []byte("deb12u6")) {
				t.Errorf("%s: the changed bit is not in the version", p.Platform)
			}
		}
	}
}

// serve is the blob as the registry gives it, digest unchecked.
func serve(t *testing.T, d *demo.Demo, h v1.Hash) []byte {
	t.Helper()
	repo := reference(t, d).Context()
	tr, err := transport.NewWithContext(t.Context(), repo.Registry, &authn.Basic{Username: d.Username, Password: d.Password},
		http.DefaultTransport, []string{repo.Scope(transport.PullScope)})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.Registry.URL()+"/v2/dhi/python/blobs/"+h.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("blob %s: %d %v", h, resp.StatusCode, err)
	}
	return body
}

func TestSeedRepeatsTheDemo(t *testing.T) {
	a, b, c := start(t, demo.Options{Seed: "same", Dir: t.TempDir()}), start(t, demo.Options{Seed: "same"}), start(t, demo.Options{})
	if a.Image.Root.Digest() != b.Image.Root.Digest() || a.Password != b.Password {
		t.Error("the same seed gives another image")
	}
	sig := func(d *demo.Demo) string { return d.Image.Platforms[0].Attestations[0].Signatures[0].Base64 }
	if sig(a) != sig(b) || sig(a) == sig(c) || a.Password == c.Password {
		t.Error("the seed does not decide the key and the password")
	}
	archive := func(d *demo.Demo) []byte {
		raw, err := os.ReadFile(d.DBArchive)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	if !bytes.Equal(archive(a), archive(b)) {
		t.Error("the databases differ")
	}
}

func TestCloseCleansUp(t *testing.T) {
	dir := t.TempDir()
	kept, err := demo.Start(t.Context(), demo.Options{Now: now, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%d files in the given directory, %v; want the key and the database", len(entries), err)
	}
	own, err := demo.Start(t.Context(), demo.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if err := own.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(own.DBArchive)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the demo's own directory is still there: %v", err)
	}
}

func TestStartSaysWhatIsMissing(t *testing.T) {
	if _, err := demo.Start(t.Context(), demo.Options{}); err == nil || !strings.Contains(err.Error(), "Now") {
		t.Errorf("without a clock: %v", err)
	}
	if _, err := demo.Start(t.Context(), demo.Options{Now: now, Dir: filepath.Join(t.TempDir(), "none")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without its directory: %v", err)
	}
}

func TestDescribe(t *testing.T) {
	d := start(t, demo.Options{Tamper: true})
	var b strings.Builder
	if err := d.Describe(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{d.Reference, d.Image.Root.Digest().String(), d.KeyFile, "CVE-2026-4438"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the description lacks %s:\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), d.Password) {
		t.Error("the description holds the password")
	}
}
