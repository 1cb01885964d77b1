package cli_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// call runs a command on a reference with the test's login; more flags follow. The
// report, if the command was told to write one, is that of w.report.
func (w *world) call(command, ref string, more ...string) (code fault.Code, stdout, stderr string) {
	w.t.Helper()
	args := append(strings.Fields(command), ref, "--registry-username", login, "--registry-password-file", w.passwordFile())
	return w.run(append(args, more...)...)
}

// told returns the first error that the program printed, and the hint beneath it.
func told(text string) (message, hint string) {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "imagegate: ") {
			continue
		}
		message = strings.TrimPrefix(line, "imagegate: ")
		if i+1 < len(lines) && strings.HasPrefix(lines[i+1], "hint: ") {
			hint = strings.TrimPrefix(lines[i+1], "hint: ")
		}
		return message, hint
	}
	return "", ""
}

// complains checks the error that was printed: what it names, and the next step.
func complains(t *testing.T, text, wantMessage, wantHint string) {
	t.Helper()
	message, hint := told(text)
	t.Logf("%s\n  hint: %s", message, hint)
	if message == "" || !strings.Contains(message, wantMessage) {
		t.Errorf("the error is %q, want %q in it\n%s", message, wantMessage, text)
	}
	if wantHint != "" && !strings.Contains(hint, wantHint) {
		t.Errorf("the hint is %q, want %q in it", hint, wantHint)
	}
}

// claimsNothing checks that neither the terminal nor the summary reads like a clean
// bill of an image that was never seen.
func (w *world) claimsNothing(text string) {
	w.t.Helper()
	for name, shown := range map[string]string{"the terminal": text, "the summary": w.file(report.FileSummary)} {
		for _, claim := range []string{"none was found", "No attestation was found", "No open finding", " 0 critical", "| Open | 0 |"} {
			if strings.Contains(shown, claim) {
				w.t.Errorf("%s says %q of an image that was never seen:\n%s", name, claim, shown)
			}
		}
	}
}

func TestBadReference(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	w.push(w.image())
	host := w.registry.Host()
	for _, tt := range []struct {
		name, ref     string
		code          fault.Code
		message, hint string
	}{
		{"spaces_and_capitals", "Not A Reference", fault.Usage, "Not A Reference", "REGISTRY/REPOSITORY:TAG"},
		{"no_tag_after_the_colon", "dhi.io/python:", fault.Usage, "dhi.io/python:", "for example dhi.io/python:3.13"},
		{"short_digest", host + "/dhi/app@sha256:12", fault.Usage, "sha256:12", "sha256:DIGEST"},
		{"url", "https://dhi.io/python:3.13", fault.Usage, "is a URL", "leave out the scheme"},
		{"control_character", "a\x1b[31mb", fault.Usage, "control character", "REGISTRY/REPOSITORY:TAG"},
		{"parent_directory", host + "/../secrets:1", fault.Usage, "secrets", "REGISTRY/REPOSITORY:TAG"},
		{"nine_kilobytes", strings.Repeat("a", 9000), fault.Usage, "9000 bytes, more than 8192", "REGISTRY"},
		{"no_path", "oci-dir:", fault.Usage, "names no path", "oci-dir:PATH"},
		{"no_such_directory", "oci-dir:" + w.path("gone"), fault.Usage, "no such file", "index.json"},
		{"no_such_archive", "docker-archive:" + w.path("gone"), fault.Usage, "no such file", "docker save"},
		{"no_such_digest", host + "/dhi/app@sha256:" + strings.Repeat("12", 32), fault.Unavailable, "404 Not Found", "check the repository name"},
		{"no_such_repository", host + "/dhi/none:1", fault.Unavailable, "no such repository", "check the repository name"},
		{"no_such_port", "127.0.0.1:1/dhi/app:1", fault.Unavailable, "connection refused", "can be reached from here"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, r, text := w.verify(tt.ref)
			must(t, code, r, text, tt.code, report.Error)
			complains(t, text, tt.message, tt.hint)
			if s := stageOf(r, report.StageResolve); s.State != report.Failed || s.Reason == "" || s.Hint == "" {
				t.Errorf("the resolve stage is %+v", s)
			}
			w.claimsNothing(text)
		})
	}
}

// A run that ends early waits for no download that it began on the side.
func TestMistakeEndsAtOnce(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	var waited atomic.Bool
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		select {
		case <-req.Context().Done():
		case <-time.After(4 * time.Minute): // nobody gave up
			waited.Store(true)
		}
	}))
	defer slow.Close()
	w.dbFlags = []string{"--db", slow.URL + "/db.tar.zst", "--cache-dir", w.path("cache")}
	code, r, text := w.verify(w.registry.Host() + "/dhi/none:1")
	must(t, code, r, text, fault.Unavailable, report.Error)
	if waited.Load() {
		t.Error("the run waited for the database, which it could not use any more")
	}
}

// A login written into the reference is a mistake that must not end in a log.
func TestLoginInReferenceIsNotEchoed(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	w.push(w.image())
	for name, ref := range map[string]string{
		"user_and_password": login + ":" + password + "@" + w.registry.Host() + "/dhi/app:1.0",
		"url":               "https://" + login + ":" + password + "@dhi.io/python:3.13",
		"token_alone":       password + "@dhi.io/python:3.13",
		"no_repository":     login + ":" + password + "@dhi.io",
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := w.run("verify", ref, "--report-dir", w.path("report"))
			if code != fault.Usage {
				t.Errorf("exit %d, want 4", code)
			}
			complains(t, stderr, "holds a login", "registry-username")
			if strings.Contains(stdout+stderr, password) {
				t.Errorf("the password is printed:\n%s%s", stdout, stderr)
			}
			runner := w.runner()
			code, log := w.step(runner, map[string]string{"image": ref, "report-dir": w.path("report")})
			if code != fault.Usage || strings.Contains(log, password) || strings.Contains(output(t, runner, "reason"), password) {
				t.Errorf("action: exit %d\n%s", code, log)
			}
			w.holdsNoSecret(password)
		})
	}
	for _, ref := range []string{w.registry.Host() + "/dhi/app:1.0@sha256:" + strings.Repeat("12", 32), "app:1@sha256:" + strings.Repeat("12", 32)} {
		if _, _, stderr := w.run("attest", "list", ref, "--timeout", "2s"); strings.Contains(stderr, "holds a login") {
			t.Errorf("%s is taken for a login: %s", ref, stderr)
		}
	}
}

func TestUnknownPlatform(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, b := w.push(w.image())
	for _, tt := range []struct{ name, platform, message, hint string }{
		{"not_in_the_index", "linux/riscv64", `no platform "linux/riscv64"`, "linux/amd64, linux/arm64"},
		{"other_system", "windows/amd64", `no platform "windows/amd64"`, "linux/amd64, linux/arm64"},
		{"no_architecture", "linux", `"linux" is no platform`, "os/arch"},
		{"too_many_parts", "linux/arm64/v8/x", "is no platform", "os/arch"},
		{"hostile", "\x1b[31m/::error::x", "is no platform", "os/arch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, r, text := w.verify(ref, "--platform", tt.platform)
			must(t, code, r, text, fault.Usage, report.Error)
			complains(t, text, tt.message, tt.hint)
			w.claimsNothing(text)
		})
	}
	code, r, _ := w.verify(ref, "--platform", "linux/riscv64")
	if code != fault.Usage || r.Subject.IndexDigest != b.Root.Digest().String() {
		t.Errorf("exit %d; what was pinned already is lost: index %q", code, r.Subject.IndexDigest)
	}
	single := w.image()
	single.Platforms, single.Single = single.Platforms[:1], true
	ref, _ = w.push(single)
	code, r, text := w.verify(ref, "--platform", "linux/arm64")
	must(t, code, r, text, fault.Usage, report.Error)
	complains(t, text, `no platform "linux/arm64"`, "linux/amd64")
}

func TestMissingTagNamesNearOnes(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	img := w.image()
	img.Tags = []string{"3.13", "3.13-debian13", "3.13-debian13-dev", "3.12", "2.7"}
	w.push(img)
	code, r, text := w.verify(w.registry.Host() + "/dhi/app:latest")
	must(t, code, r, text, fault.Unavailable, report.Error)
	complains(t, text, `no tag "latest"`, "near tags: 3.13, 3.12, 2.7")
	code, r, text = w.verify(w.registry.Host() + "/dhi/app:3.13-debian13-fips")
	must(t, code, r, text, fault.Unavailable, report.Error)
	complains(t, text, `no tag "3.13-debian13-fips"`, "near tags: 3.13-debian13")
}

func TestRegistryRefuses(t *testing.T) {
	for _, tt := range []struct {
		name          string
		status        int
		header        http.Header
		message, hint string
	}{
		{"unauthorized", 401, nil, "401 Unauthorized", "log in to 127.0.0.1"},
		{"forbidden", 403, nil, "403 Forbidden", "ask for pull access"},
		{"not_found", 404, nil, "404 Not Found", "check the repository name"},
		{"rate_limited", 429, http.Header{"Retry-After": {"3600"}}, "429 Too Many Requests", "wait and run again"},
		{"server_fault", 503, http.Header{"Retry-After": {"3600"}}, "503 Service Unavailable", "has a fault of its own"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(w.image())
			w.registry.Inject(testkit.Asks(testkit.KindManifest, ""), testkit.Status(tt.status, tt.header), 0)
			w.registry.Inject(testkit.Asks(testkit.KindTags, ""), testkit.Status(tt.status, tt.header), 0)
			code, r, text := w.verify(ref, "--timeout", "30s")
			must(t, code, r, text, fault.Unavailable, report.Error)
			complains(t, text, tt.message, tt.hint)
			w.claimsNothing(text)
		})
	}
	t.Run("wrong_password", func(t *testing.T) {
		w := newWorld(t, testkit.RegistryOptions{Username: login, Password: "another one"})
		ref, _ := w.push(w.image())
		code, r, text := w.verify(ref)
		must(t, code, r, text, fault.Unavailable, report.Error)
		complains(t, text, "401 Unauthorized", "log in to 127.0.0.1")
	})
	t.Run("rate_limited_once", func(t *testing.T) {
		w := newWorld(t, testkit.RegistryOptions{})
		ref, _ := w.push(w.image())
		limited := w.registry.Inject(testkit.Asks(testkit.KindManifest, ""), testkit.Status(429, http.Header{"Retry-After": {"1"}}), 1)
		code, r, text := w.verify(ref)
		must(t, code, r, text, fault.OK, report.Pass)
		if limited.Hits() != 1 {
			t.Errorf("the registry refused %d times, want once", limited.Hits())
		}
	})
}

// What the registry serves by tag or by digest must hash to what was asked for.
func TestManifestOfAnotherDigest(t *testing.T) {
	spaces := testkit.Rewrite(func(b []byte) []byte { return append(b, ' ') })
	for _, tt := range []struct {
		name  string
		which func(b *testkit.Built) v1.Hash
		kind  testkit.Kind
	}{
		{"index", func(b *testkit.Built) v1.Hash { return b.Root.Digest() }, testkit.KindManifest},
		{"platform_manifest", func(b *testkit.Built) v1.Hash { return b.Platform("linux/amd64").Manifest.Digest() }, testkit.KindManifest},
		{"config", func(b *testkit.Built) v1.Hash { return b.Platform("linux/amd64").Config.Digest() }, testkit.KindBlob},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			_, b := w.push(w.image())
			w.registry.Inject(testkit.Asks(tt.kind, tt.which(b).String()), spaces, 0)
			code, r, text := w.verify(w.registry.Host() + "/dhi/app@" + b.Root.Digest().String())
			must(t, code, r, text, fault.Unavailable, report.Error)
			complains(t, text, "content does not match its digest", "the bytes were changed or cut on the way")
			if !strings.Contains(text, tt.which(b).String()) {
				t.Errorf("the error does not name %s\n%s", tt.which(b), text)
			}
			w.claimsNothing(text)
		})
	}
}
