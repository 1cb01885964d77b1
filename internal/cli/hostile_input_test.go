package cli_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// Inputs may come from a pull request too, by way of a matrix or a file that is read.
func TestHostileInputs(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	for _, name := range []string{"image", "platform", "require", "fail-on-severity", "key", "vex", "ca-file", "max-age", "artifact-name", "attestation-registry", "config", "db"} {
		runner, in := w.runner(), w.inputs(ref)
		in[name] = poison
		code, log := w.step(runner, in)
		if code == fault.OK {
			t.Errorf("%s: exit 0\n%s", name, log)
		}
		for _, line := range strings.Split(log, "\n") {
			if command.FindString(line) == "" {
				neutral(t, name, line)
			}
		}
		outputs, err := runner.Outputs()
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range outputs {
			if strings.ContainsAny(o.Value, "\n\r\x1b") || o.Name == "verdict" && o.Value == "pass" {
				t.Errorf("%s: output %s = %q", name, o.Name, o.Value)
			}
		}
	}
}

// TestHostileRegistryErrors makes the registry answer with poison instead of content.
func TestHostileRegistryErrors(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, b := w.push(w.image())
	body, err := json.Marshal(map[string]any{"errors": []any{map[string]string{"code": poison, "message": poison}, map[string]string{"code": "X", "message": strings.Repeat(poison, 20)}}})
	if err != nil {
		t.Fatal(err)
	}
	refuses := func(status int, header http.Header) testkit.Effect {
		return func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
			rw.Header().Set("Content-Type", "application/json")
			for k, v := range header {
				rw.Header()[k] = v
			}
			rw.WriteHeader(status)
			_, _ = rw.Write(body)
		}
	}
	amd := b.Platform("linux/amd64")
	for _, tt := range []struct {
		name   string
		match  testkit.Match
		effect testkit.Effect
		code   fault.Code
		shown  bool // the registry's own words are quoted
	}{
		{"manifest_400", testkit.Asks(testkit.KindManifest, ""), refuses(400, nil), fault.Unavailable, true},
		{"manifest_404", testkit.Asks(testkit.KindManifest, ""), refuses(404, nil), fault.Unavailable, true},
		{"challenge", testkit.Asks(testkit.KindManifest, ""), refuses(401, http.Header{"Www-Authenticate": {
			`Bearer realm="https://evil.invalid/::error::x ##[error]y",service="<script>"`}}), fault.Unavailable, false},
		{"redirect", testkit.Asks(testkit.KindManifest, ""), refuses(302, http.Header{"Location": {"ftp://evil.invalid/::error::x%0A::error::y"}}), fault.Unavailable, false},
		{"media_type", testkit.Asks(testkit.KindManifest, ""), testkit.Body("application/::error::x", []byte(`{"mediaType":"\u001b[31m\n::error::x","schemaVersion":2}`)), fault.Unavailable, false},
		{"no_json", testkit.Asks(testkit.KindManifest, ""), testkit.Body("application/vnd.oci.image.index.v1+json", []byte(poison)), fault.Unavailable, false},
		{"layer_403", testkit.Asks(testkit.KindBlob, amd.Layers[0].Digest().String()), refuses(403, nil), fault.Unavailable, true},
		{"referrers_403", testkit.Asks(testkit.KindReferrers, ""), refuses(403, nil), fault.Unavailable, true},
		{"referrers_403_of_the_index", testkit.Asks(testkit.KindReferrers, b.Root.Digest().String()), refuses(403, nil), fault.Unavailable, true},
		{"referrers_no_json", testkit.Asks(testkit.KindReferrers, ""), testkit.Body("application/vnd.oci.image.index.v1+json", []byte(poison)), fault.Unavailable, false},
		{"tags", testkit.Asks(testkit.KindTags, ""), testkit.Body("application/json", []byte(`{"tags":["\u001b[31m","::error::x","1.0\n::error::y","ok"]}`)), fault.Unavailable, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			w.registry.Heal()
			w.registry.Inject(tt.match, tt.effect, 0)
			target := ref
			if tt.name == "tags" {
				target = w.registry.Host() + "/dhi/app:none"
			}
			code, _, text := w.verify(target, "--timeout", "20s", "--require", "dhi", "--verbose", "--fail-on-severity", "none")
			if code != tt.code {
				t.Errorf("exit %d, want %d\n%s", code, tt.code, text)
			}
			if tt.shown {
				arrived(t, "verify", text)
			}
			neutral(t, "verify", text)
			neutral(t, "summary", w.file(report.FileSummary))
			w.neutralJSON()
			if len(text) > 40_000 {
				t.Errorf("the text has %d bytes", len(text))
			}
			runner, in := w.runner(), w.inputs(target)
			in["timeout"] = "20s"
			_, log := w.step(runner, in)
			for _, line := range strings.Split(log, "\n") {
				if command.FindString(line) == "" {
					neutral(t, "the log", line)
				}
			}
			if reason := output(t, runner, "reason"); strings.ContainsAny(reason, "\n\x1b<>`$") {
				t.Errorf("output reason = %q", reason)
			}
		})
	}
}

// neutralJSON checks that the JSON files parse, which no poison must prevent.
func (w *world) neutralJSON() {
	w.t.Helper()
	for name, data := range w.files() {
		if strings.HasSuffix(name, ".json") && !strings.HasPrefix(name, "attestations/") && !json.Valid(data) {
			w.t.Errorf("%s is not JSON", name)
		}
	}
}
