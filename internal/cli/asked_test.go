package cli_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// What was asked for and could not be looked at is no pass: a warning at least, and an
// error where checks may fail the gate.
func TestAskedForAndNotLookedAt(t *testing.T) {
	const good = "FROM scratch\nCOPY app /app\nUSER 65532:65532\nHEALTHCHECK CMD [\"/app\", \"health\"]\nENTRYPOINT [\"/app\"]\n"
	for _, tt := range []struct {
		name   string
		files  map[string]string
		flags  []string
		code   fault.Code
		want   report.Result
		reason string
		hint   string // of a stage
	}{
		{"no_file_to_lint", nil, []string{"--lint", "."}, fault.OK, report.Warn, "no Dockerfile and no Compose file", "actions/checkout"},
		{"no_file_to_lint_and_checks_decide", nil, []string{"--lint", ".", "--fail-on-check", "critical"}, fault.Unavailable, report.Error, "no Dockerfile and no Compose file", "actions/checkout"},
		{"no_engine", nil, []string{"--run-check"}, fault.OK, report.Warn, "could not look", "DOCKER_HOST"},
		{"no_engine_and_checks_decide", nil, []string{"--run-check", "--fail-on-check", "critical"}, fault.Unavailable, report.Error, "could not look", "DOCKER_HOST"},
		{"file_that_was_looked_at", map[string]string{"Dockerfile": good}, []string{"--lint", "."}, fault.OK, report.Pass, "", ""},
		{"file_that_is_none", map[string]string{"Dockerfile": "FORM x\n"}, []string{"--lint", "."}, fault.OK, report.Warn, "Dockerfile could not be parsed", ""},
		{"included_file_not_there", map[string]string{"compose.yaml": "include: [gone.yaml]\nservices: {a: {image: a}}\n"}, []string{"--lint", "."}, fault.OK, report.Warn, "gone.yaml, which is not there", ""},
		{"included_file_of_elsewhere", map[string]string{"compose.yaml": "include: ['https://example.invalid/a.git']\nservices: {a: {image: a}}\n"}, []string{"--lint", "."}, fault.OK, report.Warn, "not fetched", ""},
		{"variable_without_a_value", map[string]string{"compose.yaml": "services: {a: {image: 'a:${TAG}'}}\n"}, []string{"--lint", "."}, fault.OK, report.Pass, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(w.image())
			w.env["DOCKER_HOST"] = "unix://" + w.path("no.sock")
			t.Chdir(t.TempDir())
			for name, data := range tt.files {
				write(t, name, data)
			}
			code, r, text := w.verify(ref, tt.flags...)
			must(t, code, r, text, tt.code, tt.want)
			if !strings.Contains(strings.Join(r.Verdict.Reasons, "\n"), tt.reason) {
				t.Errorf("the reasons are %q, want %q in them", r.Verdict.Reasons, tt.reason)
			}
			hints := ""
			for _, s := range r.Stages {
				hints += s.Hint + "\n"
			}
			if !strings.Contains(hints, tt.hint) {
				t.Errorf("the hints are %q, want %q in them", hints, tt.hint)
			}
			if tt.want == report.Pass || !strings.HasPrefix(tt.flags[0], "--lint") || len(tt.files) == 0 {
				return
			}
			// Lint alone says the same.
			code, stdout, stderr := w.run("lint", "--fail-on-severity", "none")
			if code != fault.OK || !strings.Contains(stdout, "\nWARN ") || !strings.Contains(stdout, tt.reason) {
				t.Errorf("lint alone: exit %d\n%s%s", code, stdout, stderr)
			}
		})
	}
	t.Run("link_that_leads_out", func(t *testing.T) {
		w := newWorld(t, testkit.RegistryOptions{})
		outside := write(t, filepath.Join(t.TempDir(), "Dockerfile"), good)
		t.Chdir(t.TempDir())
		write(t, "Dockerfile", good)
		if err := os.Symlink(outside, "Dockerfile.prod"); err != nil {
			t.Skip(err)
		}
		code, stdout, stderr := w.run("lint")
		if code != fault.OK || !strings.Contains(stdout, "WARN ") || !strings.Contains(stdout, "Dockerfile.prod is a link") {
			t.Errorf("exit %d\n%s%s", code, stdout, stderr)
		}
	})
}

// The engine that pulls the image for run-check is handed the login of the gate, and asked
// for the very manifest that is judged.
func TestRunCheckHandsOnTheLogin(t *testing.T) {
	type pull struct {
		image string
		login struct{ Username, Password string }
	}
	for _, command := range []string{"verify", "run-check"} {
		t.Run(command, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, b := w.push(w.image())
			var pulls []pull
			engine := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
				switch {
				case strings.HasSuffix(req.URL.Path, "/version"):
					fmt.Fprint(rw, `{"Version": "29.0.0", "Arch": "amd64"}`)
				case strings.HasSuffix(req.URL.Path, "/images/create"):
					p := pull{image: req.URL.Query().Get("fromImage")}
					data, err := base64.URLEncoding.DecodeString(req.Header.Get("X-Registry-Auth"))
					if err != nil || json.Unmarshal(data, &p.login) != nil {
						t.Errorf("the engine's login is %q, %v", data, err)
					}
					pulls = append(pulls, p)
					rw.WriteHeader(http.StatusInternalServerError)
				default:
					rw.WriteHeader(http.StatusNotFound)
				}
			}))
			defer engine.Close()
			w.env["DOCKER_HOST"] = "tcp://" + strings.TrimPrefix(engine.URL, "http://")
			image := ref
			if command == "verify" {
				image = w.registry.Host() + "/dhi/app@" + b.Platform("linux/amd64").Manifest.Digest().String()
				code, r, text := w.verify(ref, "--run-check")
				must(t, code, r, text, fault.OK, report.Warn)
			} else if code, _, stderr := w.call("run-check", ref); code != fault.Unavailable {
				t.Errorf("exit %d, want 3\n%s", code, stderr)
			}
			if len(pulls) != 1 || pulls[0].image != image || pulls[0].login.Username != login || pulls[0].login.Password != password {
				t.Errorf("the engine was asked for %+v, want %s and the login of the gate", pulls, image)
			}
		})
	}
}

// A bill of the base that cannot be read is a mistake in the call, and no base.
func TestBaseSBOMThatIsNone(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	code, r, text := w.verify(ref)
	must(t, code, r, text, fault.OK, report.Pass)
	good := w.file("sbom.spdx.json")
	own := write(t, w.path("own.json"), good)
	for name, data := range map[string]string{"gone.json": "", "empty.json": " ", "page.json": htmlPage, "cut.json": good[:len(good)/2], "other.json": `{"a": 1}`} {
		base := w.path(name)
		if data != "" {
			write(t, base, data)
		}
		for _, image := range []string{ref, "sbom:" + own} {
			code, r, text := w.verify(image, "--base-sbom", base)
			must(t, code, r, text, fault.Usage, report.Error)
			if !strings.Contains(text, name) || !strings.Contains(text, "hint: ") {
				t.Errorf("%s of %s is not told\n%s", name, image, text)
			}
		}
	}
}
