package cli_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/cli"
	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
	"github.com/imagegate/imagegate/internal/testkit/grypedb"
)

// now is the time of every run in these tests; the image was built the day before.
var (
	now   = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	built = now.Add(-24 * time.Hour)
)

// archive builds the test's vulnerability database once: one high finding in glibc,
// which the image's VEX covers, and one of medium severity, which nothing covers.
var archive = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "imagegate-test-db-")
	if err != nil {
		return "", err
	}
	file, err := grypedb.Build(dir, []grypedb.Record{
		{
			ID: "CVE-2025-4802", Distro: "debian 12", Package: "glibc", Constraint: "< 2.36-9+deb12u11", Severity: report.High,
			Fix:  report.Fix{State: report.FixFixed, Versions: []string{"2.36-9+deb12u11"}},
			CVSS: []report.CVSS{{Source: "nvd", Type: "Primary", Version: "3.1", Vector: "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"}},
			EPSS: &report.EPSS{Score: 0.01, Percentile: 0.4}, URLs: []string{"https://security-tracker.debian.org/tracker/CVE-2025-4802"},
			Description: "A library can be loaded.\n::error::forged\x1b[31m <script>alert(1)</script> | [link](https://evil.invalid)",
		},
		{
			ID: "CVE-2023-50495", Distro: "debian 12", Package: "ncurses", Severity: report.Medium, Fix: report.Fix{State: report.FixWontFix},
		},
	}, built)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "db.tar.zst")
	_, err = grypedb.Archive(file, path)
	return path, err
})

// cache is shared by the tests, so that the database is imported once.
var cache = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "imagegate-test-cache-") })

// world is a registry with a login, a key, and where a run leaves its report.
type world struct {
	t        *testing.T
	registry *testkit.Registry
	key      *testkit.Key
	dir      string
	env      map[string]string
	dbFlags  []string
	// advisories is what auto stands for; none unless the test has a repository of its own.
	advisories string
}

const login, password = "org", "s3cret-of-the-test"

func newWorld(t *testing.T, opt testkit.RegistryOptions) *world {
	t.Helper()
	if opt.Username == "" {
		opt.Username, opt.Password = login, password
	}
	reg, err := testkit.StartRegistry(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reg.Close() })
	key, err := testkit.SeededKey("the key of the test")
	if err != nil {
		t.Fatal(err)
	}
	db, err := archive()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := cache()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, registry: reg, key: key, dir: t.TempDir(), env: map[string]string{"HOME": t.TempDir()}}
	w.dbFlags = []string{"--db", db, "--cache-dir", dir}
	if err := os.WriteFile(w.path("key.pem"), key.PublicPEM(), 0o644); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// image is a small image in the layout of DHI.
func (w *world) image() testkit.Image {
	const status = `Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc
Version: 2.36-9+deb12u7

Package: libtinfo6
Status: install ok installed
Architecture: amd64
Source: ncurses
Version: 6.4-4

`
	const release = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nPRETTY_NAME=\"Docker Hardened Images (Debian)\"\n"
	labels := testkit.Labels("dhi/app", "1.0-debian12", built)
	var platforms []testkit.Platform
	for _, arch := range []string{"amd64", "arm64"} {
		platforms = append(platforms, testkit.Platform{
			Platform: v1.Platform{OS: "linux", Architecture: arch},
			Layers: []testkit.Layer{
				{Files: []testkit.File{
					{Path: "etc/os-release", Content: []byte(release)},
					{Path: "var/lib/dpkg/status", Content: []byte(status)},
				}},
				{Files: []testkit.File{{Path: "app/arch", Content: []byte(arch)}}, Compression: testkit.Zstd},
			},
			Config: v1.ConfigFile{Created: v1.Time{Time: built}, Config: v1.Config{User: "65532:65532", Labels: labels}},
			Attestations: []testkit.Attestation{
				{PredicateType: testkit.PredicateOpenVEX, Predicate: openVEX("not_affected")},
				spdxOf("pkg:deb/debian/libc6@2.36-9%2Bdeb12u7?arch=amd64&distro=debian-12", "pkg:deb/debian/libtinfo6@6.4-4?arch=amd64&distro=debian-12"),
				provenance(),
			},
		})
	}
	return testkit.Image{Name: "dhi/app", Tags: []string{"1.0", "1.0-debian12"}, Platforms: platforms, Key: w.key}
}

// openVEX covers CVE-2025-4802 in the installed glibc, by its source name.
func openVEX(status string) map[string]any {
	statement := map[string]any{
		"vulnerability": map[string]any{"name": "CVE-2025-4802"}, "status": status,
		"products": []any{map[string]any{"@id": "pkg:deb/debian/glibc@2.36-9%2Bdeb12u7?os_distro=bookworm&os_name=debian&os_version=12"}},
	}
	if status == "not_affected" {
		statement["justification"] = "vulnerable_code_not_in_execute_path"
		statement["impact_statement"] = "No setuid program is in the image."
	}
	return map[string]any{
		"@context": testkit.PredicateOpenVEX, "@id": "https://example.invalid/vex", "author": "a test", "version": 1,
		"timestamp": built.Format(time.RFC3339), "statements": []any{statement},
	}
}

// push pushes the image as repository dhi/app and returns its reference.
func (w *world) push(img testkit.Image) (string, *testkit.Built) {
	w.t.Helper()
	b, err := img.Push(w.t.Context(), w.registry.Repository("dhi/app"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.registry.ResetLog()
	return w.registry.Host() + "/dhi/app:1.0", b
}

// run calls the program. No input may keep it busy past the deadline, which is far
// from what any machine needs: how fast it is, benchmarks say.
func (w *world) run(args ...string) (code fault.Code, stdout, stderr string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 5*time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	code = cli.Main(ctx, w.io(&out, &errs, args...))
	if err := ctx.Err(); err != nil {
		w.t.Errorf("imagegate %s: %v", strings.Join(args, " "), err)
	}
	return code, out.String(), errs.String()
}

func (w *world) io(stdout, stderr *bytes.Buffer, args ...string) cli.IO {
	return cli.IO{
		Advisories: cmp.Or(w.advisories, config.None),
		Args:       args, Stdin: bytes.NewReader(nil), Stdout: stdout, Stderr: stderr, GOOS: "linux", GOARCH: "amd64",
		Getenv: func(k string) string { return w.env[k] }, Now: func() time.Time { return now },
	}
}

// verify calls imagegate verify with login, key and database; more flags follow.
func (w *world) verify(ref string, more ...string) (fault.Code, *report.Report, string) {
	w.t.Helper()
	args := append([]string{
		"verify", ref, "--registry-username", login, "--registry-password-file", w.passwordFile(),
		"--key", w.path("key.pem"), "--report-dir", w.path("report"),
	}, w.dbFlags...)
	code, stdout, stderr := w.run(append(args, more...)...)
	return code, w.report(), stdout + stderr
}

func (w *world) passwordFile() string {
	name := w.path("password")
	if err := os.WriteFile(name, []byte(password+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return name
}

// report reads the report.json that the last run left; nil when there is none.
func (w *world) report() *report.Report {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(w.path("report"), report.FileReport))
	if err != nil {
		return nil
	}
	var r report.Report
	if err := json.Unmarshal(data, &r); err != nil {
		w.t.Fatal(err)
	}
	return &r
}

// stageOf is the outcome of a stage.
func stageOf(r *report.Report, name string) report.Stage {
	for _, s := range r.Stages {
		if s.Name == name {
			return s
		}
	}
	return report.Stage{}
}

// finding is the finding of that id.
func finding(t *testing.T, r *report.Report, id string) report.Vulnerability {
	t.Helper()
	for _, v := range r.Vulnerabilities {
		if v.ID == id {
			return v
		}
	}
	t.Fatalf("no finding %s in %d", id, len(r.Vulnerabilities))
	return report.Vulnerability{}
}

// must fails the test unless the exit code and the verdict are as wanted.
func must(t *testing.T, code fault.Code, r *report.Report, text string, wantCode fault.Code, want report.Result) {
	t.Helper()
	if code != wantCode {
		t.Errorf("exit code %d, want %d\n%s", code, wantCode, text)
	}
	if r == nil {
		t.Fatalf("no report was written\n%s", text)
	}
	if r.Verdict.Result != want {
		t.Errorf("verdict %s %q, want %s", r.Verdict.Result, r.Verdict.Reasons, want)
	}
}

func writeJSON(t *testing.T, name string, v any) {
	t.Helper()
	data, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(name, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
