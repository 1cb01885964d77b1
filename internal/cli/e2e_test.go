package cli_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/crypto/bcrypt"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// needTools skips the test unless the end-to-end tests are switched on; then a tool
// that is missing is a failure, not a skip.
func needTools(t *testing.T, tools ...string) {
	t.Helper()
	if os.Getenv("IMAGEGATE_E2E") == "" {
		t.Skip("end-to-end test: set IMAGEGATE_E2E=1 and have on the PATH: " + strings.Join(tools, ", "))
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("IMAGEGATE_E2E is set, and %s is not on the PATH: %v", tool, err)
		}
	}
}

// distribution is the reference registry in a process of its own, with a login. It has
// no Referrers API, so the tag schema is what is exercised.
type distribution struct {
	host, store, docker string
}

func startDistribution(t *testing.T) *distribution {
	t.Helper()
	dir := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	d := &distribution{host: host, store: filepath.Join(dir, "store"), docker: filepath.Join(dir, "docker")}
	files := map[string]string{
		"htpasswd": login + ":" + string(hash) + "\n",
		"config.yml": fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: %q}\nauth: {htpasswd: {realm: test, path: %q}}\n",
			d.store, host, filepath.Join(dir, "htpasswd")),
		"docker/config.json": fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte(login+":"+password))),
	}
	for file, text := range files {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "registry", "serve", filepath.Join(dir, "config.yml"))
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for range 200 {
		if resp, err := http.Get("http://" + host + "/v2/"); err == nil { //nolint:noctx // a probe of our own server
			_ = resp.Body.Close()
			return d
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("the registry did not start:\n%s", log.String())
	return nil
}

func (d *distribution) target(t *testing.T, repository string) testkit.Target {
	t.Helper()
	repo, err := name.NewRepository(d.host + "/" + repository)
	if err != nil {
		t.Fatal(err)
	}
	return testkit.Remote(repo, remote.WithAuth(&authn.Basic{Username: login, Password: password}))
}

// flip changes one bit in the middle of a stored blob, and returns what undoes it.
func (d *distribution) flip(t *testing.T, digest string) (undo func()) {
	t.Helper()
	hex := strings.TrimPrefix(digest, "sha256:")
	path := filepath.Join(d.store, "docker/registry/v2/blobs/sha256", hex[:2], hex, "data")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(data)
	changed[len(changed)/2] ^= 1
	write := func(b []byte) {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(changed)
	return func() { write(data) }
}

// cosign runs the real cosign.
func (d *distribution) cosign(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "cosign", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "COSIGN_PASSWORD=", "COSIGN_EXPERIMENTAL=1", "DOCKER_CONFIG="+d.docker, "HOME="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("cosign %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestRealCosignRealRegistry signs the attestation manifests of an image with the real
// cosign in the real registry, as Docker does, and verifies the image. Then one byte is
// changed in each link of the chain, on the registry's disk, and it must not verify.
func TestRealCosignRealRegistry(t *testing.T) {
	needTools(t, "cosign", "registry")
	d := startDistribution(t)
	w := newWorld(t, testkit.RegistryOptions{})
	img := w.image()
	img.Key = nil // cosign signs
	img.UnsignedIndex = true
	img.Platforms = img.Platforms[:1]
	b, err := img.Push(t.Context(), d.target(t, "dhi/app"))
	if err != nil {
		t.Fatal(err)
	}
	d.cosign(t, w.dir, "generate-key-pair", "--output-key-prefix", "cosign")
	platform := b.Platform("linux/amd64")
	for _, a := range platform.Attestations {
		d.cosign(t, w.dir, "sign", "-y", "--key", "cosign.key", "--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false",
			"--registry-referrers-mode", "oci-1-1", "--allow-insecure-registry", d.host+"/dhi/app@"+a.Manifest.Digest().String())
	}
	ref := d.host + "/dhi/app:1.0"
	t.Setenv("DOCKER_CONFIG", d.docker) // the login that an earlier step did
	verify := func() (fault.Code, *report.Report, string) {
		args := append([]string{"verify", ref, "--key", w.path("cosign.pub"), "--require", "dhi", "--report-dir", w.path("report")}, w.dbFlags...)
		if err := os.RemoveAll(w.path("report")); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := w.run(args...)
		return code, w.report(), stdout + stderr
	}
	code, r, text := verify()
	must(t, code, r, text, fault.OK, report.Pass)

	t.Run("the_command_for_cosign_works", func(t *testing.T) {
		for _, a := range r.Attestations {
			words := strings.Fields(a.Command)
			if len(words) < 2 || words[0] != "cosign" {
				t.Fatalf("the command for %s is %q", a.Family, a.Command)
			}
			out := d.cosign(t, w.dir, append(words[1:], "--allow-insecure-registry")...)
			if !strings.Contains(out, "cosign") && !strings.Contains(out, "sha256") {
				t.Errorf("%s printed %s", a.Command, out)
			}
		}
	})

	vex := platform.Attestation(testkit.PredicateOpenVEX)
	links := map[string]string{
		"index": b.Root.Digest().String(), "platform_manifest": platform.Manifest.Digest().String(), "config": platform.Config.Digest().String(),
		"attestation_manifest": vex.Manifest.Digest().String(), "statement": vex.Statement.Digest().String(),
	}
	for i, l := range platform.Layers {
		links[fmt.Sprintf("layer_%d", i)] = l.Digest().String()
	}
	for _, e := range r.Evidence {
		if strings.Contains(e.Path, "/vex-") && strings.Contains(e.Path, "signature") {
			links[strings.NewReplacer(".", "_", "/", "_").Replace(filepath.Base(e.Path))] = e.Digest
		}
	}
	if len(links) < 9 {
		t.Fatalf("only %d links of the chain are known: %v", len(links), links)
	}
	for link, digest := range links {
		t.Run("changed_"+link, func(t *testing.T) {
			defer d.flip(t, digest)()
			code, r, text := verify()
			if code == fault.OK || r != nil && r.Verdict.Result == report.Pass {
				t.Errorf("exit %d\n%s", code, text)
			}
			for _, a := range reportOf(r).Attestations {
				if a.Family == "vex" && a.State == report.Verified && !strings.HasPrefix(link, "layer") {
					t.Errorf("the VEX is verified")
				}
			}
		})
	}
	code, r, text = verify() // everything was put back
	must(t, code, r, text, fault.OK, report.Pass)
}

func reportOf(r *report.Report) report.Report {
	if r == nil {
		return report.Report{}
	}
	return *r
}
