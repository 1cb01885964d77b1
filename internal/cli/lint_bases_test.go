package cli_test

import (
	"os"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// resolve lints the working directory against the registry of the world.
func (w *world) resolve(more ...string) (fault.Code, string, string) {
	w.t.Helper()
	return w.run(append([]string{
		"lint", "--resolve", "--registry", w.registry.Host(), "--registry-username", login, "--registry-password-file", w.passwordFile(), "--report-dir", w.path("report"),
	}, more...)...)
}

func TestResolveBases(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, b := w.push(w.image())
	digest := b.Root.Digest().String()
	old := "sha256:" + strings.Repeat("ab", 32)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("Dockerfile", []byte("FROM "+ref+" AS a\nFROM "+ref+"@"+digest+" AS b\nFROM "+ref+"@"+old+"\nUSER 65532:65532\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := w.resolve()
	r := w.report()
	must(t, code, r, stderr, fault.OK, report.Pass)
	for _, want := range []string{
		"Dockerfile:1: " + ref + "\n    now " + digest + ", not pinned",
		"Dockerfile:2: " + ref + "@" + digest + "\n    now " + digest + ", as pinned",
		"Dockerfile:3: " + ref + "@" + old + "\n    now " + digest + "; pinned is " + old,
		"created 2026-04-30, 1 day ago; end of life ",
		"note: Dockerfile:3: the tag of " + ref + " has moved on",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("nothing says %q:\n%s", want, stdout)
		}
	}
	found := 0
	for _, e := range r.Evidence {
		if e.Kind == "base" && e.Name == ref && e.Digest == digest {
			found++
		}
	}
	if found != 1 {
		t.Errorf("the base is %d times in the evidence", found)
	}
	for _, l := range b.Platform("linux/amd64").Layers {
		if n := w.registry.BlobGets()[l.Digest().String()]; n > 0 {
			t.Errorf("a layer was downloaded")
		}
	}
	if n := w.registry.Count(func(q testkit.Request) bool {
		return q.Kind == testkit.KindManifest && q.Reference == "1.0" && q.Status == 200
	}); n != 1 {
		t.Errorf("the tag was resolved %d times for two lines", n)
	}

	code, diff, _ := w.resolve("--fix")
	if code != fault.OK || !strings.Contains(diff, "+# "+ref+"\n+FROM "+ref+"@"+digest+" AS a\n") || strings.Count(diff, "\n+") != 3 {
		t.Errorf("exit %d, and the diff does not pin the first base alone:\n%s", code, diff)
	}
}

func TestResolveEndOfLife(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	img := w.image()
	for i := range img.Platforms {
		img.Platforms[i].Config.Config.Labels["com.docker.dhi.date.end-of-life"] = "2026-04-01"
		img.Platforms[i].Platform = v1.Platform{OS: "linux", Architecture: []string{"s390x", "ppc64le"}[i]} // not ours
	}
	ref, _ := w.push(img)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("Dockerfile", []byte("FROM "+ref+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, stdout, _ := w.resolve(); !strings.Contains(stdout, "past its end of life, 2026-04-01") {
		t.Errorf("the end of life is not told:\n%s", stdout)
	}
}

// TestResolveCouldNotLook: files were linted and fine, and a registry did not answer.
func TestResolveCouldNotLook(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	w.push(w.image())
	host := w.registry.Host()
	for _, tt := range []struct {
		name, dockerfile string
		code             fault.Code
		want             string
	}{
		{"no_such_tag", "FROM " + host + "/dhi/app:9.9\nUSER 65532:65532\n", fault.Unavailable, "not resolved"},
		{"nobody_there", "FROM 127.0.0.1:1/app:1\nUSER 65532:65532\n", fault.Unavailable, "127.0.0.1:1/app:1 could not be resolved"},
		{"a_finding_outranks_it", "FROM " + host + "/dhi/app:9.9\nUSER root\n", fault.Policy, "HIG-D005"},
		{"no_reference", "FROM <image>:<tag>\n", fault.Policy, "base Dockerfile:1"},
		{"scratch_has_no_registry", "FROM scratch\nUSER 65532:65532\n", fault.OK, "PASS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile("Dockerfile", []byte(tt.dockerfile), 0o644); err != nil {
				t.Fatal(err)
			}
			code, stdout, stderr := w.resolve("--timeout", "20s")
			if code != tt.code || !strings.Contains(stdout, tt.want) {
				t.Errorf("exit %d, want %d and %q\n%s%s", code, tt.code, tt.want, stdout, stderr)
			}
			neutral(t, "standard output", stdout)
		})
	}
}

// TestResolveNamesTheHardenedOne: by name alone, from the trust table.
func TestResolveNamesTheHardenedOne(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	t.Chdir(t.TempDir())
	if err := os.WriteFile("Dockerfile", []byte("FROM 127.0.0.1:1/library/python:3.13\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, stdout, _ := w.resolve("--timeout", "20s")
	if !strings.Contains(stdout, "hardened: look for dhi.io/python, signed by key dhi-2") {
		t.Errorf("nothing says which image is the hardened one:\n%s", stdout)
	}
}

// TestResolveKeepsTheLoginToItsRegistry: a Dockerfile of a stranger names a registry of
// the stranger, which must not be told the password.
func TestResolveKeepsTheLoginToItsRegistry(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	stranger := newWorld(t, testkit.RegistryOptions{})
	ref, _ := stranger.push(stranger.image())
	t.Chdir(t.TempDir())
	if err := os.WriteFile("Dockerfile", []byte("FROM "+ref+"\nUSER 65532:65532\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, stdout, _ := w.resolve(); code != fault.Unavailable || !strings.Contains(stdout, "not resolved") {
		t.Errorf("exit %d\n%s", code, stdout)
	}
	if n := stranger.registry.Count(func(q testkit.Request) bool { return q.Authorization != "" }); n > 0 {
		t.Errorf("%d requests carried the login of another registry", n)
	}
	if n := stranger.registry.Count(func(q testkit.Request) bool { return q.Kind == testkit.KindManifest }); n == 0 {
		t.Error("the registry was not asked at all, so nothing was shown")
	}
}
