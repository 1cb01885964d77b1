package cli_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/cli"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/testkit"
)

// secretForms are the shapes in which a registry sees the login.
func secretForms() []string {
	return []string{
		password, base64.StdEncoding.EncodeToString([]byte(login + ":" + password)),
		base64.StdEncoding.EncodeToString([]byte(password)),
	}
}

// keepsSecrets searches everything that a run left: both streams and the report.
func (w *world) keepsSecrets(name, text string) {
	w.t.Helper()
	for _, secret := range secretForms() {
		if strings.Contains(text, secret) {
			w.t.Errorf("%s: %q is printed:\n%s", name, secret, text)
		}
		w.holdsNoSecret(secret)
	}
}

// echo refuses with an error that repeats the credentials it was sent, as text, as
// header and in a challenge.
func echo(status int) testkit.Effect {
	return func(w http.ResponseWriter, req *http.Request, _ http.Handler) {
		_, pass, _ := req.BasicAuth()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Echo", req.Header.Get("Authorization"))
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf("Basic realm=%q", pass))
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"errors":[{"code":"DENIED","message":"%s is no password; header %s"}]}`, pass, req.Header.Get("Authorization"))
	}
}

// TestPasswordIsNeverShown gives the password in each way there is, to a registry that
// answers as it should and to one that throws it back.
func TestPasswordIsNeverShown(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	docker := w.path("docker")
	config := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, w.registry.Host(), secretForms()[1])
	if err := os.MkdirAll(docker, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(docker, "config.json"), config)
	for _, tt := range []struct {
		name  string
		flags []string
		stdin string
		env   string
		warns bool
	}{
		{name: "file", flags: []string{"--registry-username", login, "--registry-password-file", w.passwordFile()}},
		{name: "stdin", flags: []string{"--registry-username", login, "--registry-password-stdin"}, stdin: password + "\n"},
		{name: "flag", flags: []string{"--registry-username", login, "--registry-password", password}, warns: true},
		{name: "docker_config", env: docker},
	} {
		for _, status := range []int{0, 401, 403, 500} {
			if status == 500 && tt.name != "file" {
				continue // is tried again until the time is up
			}
			t.Run(fmt.Sprintf("%s_%d", tt.name, status), func(t *testing.T) {
				t.Setenv("DOCKER_CONFIG", tt.env)
				w.t = t
				w.registry.Heal()
				want := fault.OK
				if status != 0 {
					want = fault.Unavailable
					w.registry.Inject(testkit.Asks(testkit.KindManifest, ""), echo(status), 0)
					w.registry.Inject(testkit.Asks(testkit.KindTags, ""), echo(status), 0)
				}
				args := append([]string{"verify", ref, "--verbose", "--timeout", "2s", "--key", w.path("key.pem"), "--report-dir", w.path("report")}, w.dbFlags...)
				if status == 0 {
					args = append(args, "--timeout", "1m")
				}
				var out, errs bytes.Buffer
				std := w.io(&out, &errs, append(args, tt.flags...)...)
				std.Stdin = strings.NewReader(tt.stdin)
				code := cli.Main(t.Context(), std)
				if code != want {
					t.Errorf("exit %d, want %d\n%s%s", code, want, out.String(), errs.String())
				}
				w.keepsSecrets(tt.name, out.String()+errs.String())
				if warned := strings.Contains(errs.String(), "registry-password was given as a flag"); warned != tt.warns {
					t.Errorf("warned: %v, want %v\n%s", warned, tt.warns, errs.String())
				}
			})
		}
	}
}

// In the action the password is masked first of all, and found nowhere else.
func TestPasswordInTheAction(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	w.registry.Inject(testkit.Asks(testkit.KindManifest, ""), echo(403), 0)
	runner := w.runner()
	code, log := w.step(runner, w.inputs(ref))
	if code != fault.Unavailable {
		t.Errorf("exit %d\n%s", code, log)
	}
	mask := "::add-mask::" + password + "\n"
	if !strings.HasPrefix(log, mask) {
		t.Errorf("the log does not begin with the mask:\n%s", log)
	}
	w.keepsSecrets("the log", strings.Replace(log, mask, "", 1))
	summary, err := runner.Summary()
	if err != nil {
		t.Fatal(err)
	}
	outputs, err := runner.Outputs()
	if err != nil {
		t.Fatal(err)
	}
	w.keepsSecrets("summary and outputs", fmt.Sprint(summary, outputs))
}

func TestBadLogins(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	for _, tt := range []struct {
		name          string
		flags         []string
		stdin         string
		message, hint string
	}{
		{"two_ways", []string{"--registry-username", login, "--registry-password", password, "--registry-password-file", w.passwordFile()}, "", "exclude each other", "keep one"},
		{"no_user", []string{"--registry-password", password}, "", "a registry password without a user", "registry-username"},
		{"no_password", []string{"--registry-username", login}, "", "a registry user without a password", "registry-password-stdin"},
		{"empty_stdin", []string{"--registry-username", login, "--registry-password-stdin"}, "", "it is empty", "nothing else"},
		{"endless_stdin", []string{"--registry-username", login, "--registry-password-stdin"}, strings.Repeat(password, 10_000), "longer than 65536 bytes", "nothing else"},
		{"no_file", []string{"--registry-username", login, "--registry-password-file", w.path("gone")}, "", "no such file", "registry-password-file names a file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			std := w.io(&out, &errs, append([]string{"verify", "127.0.0.1:1/a:b", "--report-dir", w.path("report")}, tt.flags...)...)
			std.Stdin = strings.NewReader(tt.stdin)
			if code := cli.Main(t.Context(), std); code != fault.Usage {
				t.Errorf("exit %d, want 4", code)
			}
			complains(t, errs.String(), tt.message, tt.hint)
			w.keepsSecrets(tt.name, out.String()+errs.String())
		})
	}
}
