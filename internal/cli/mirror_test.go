package cli_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// TestMirrorThatDockerDidNotSign: whoever may sign for a repository does not speak for
// Docker where Docker's key counts too. Nothing that is about the image's canonical name
// is about a mirror that only the other key signed.
// TestMirrorThatDockerDidNotSign: whoever may sign for a repository does not speak for
// Docker where Docker's key counts too. Nothing that is about the image's canonical name
// is about a mirror that only the other key signed.
func TestMirrorThatDockerDidNotSign(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	const notShown = "neither the image nor its base is shown to be one"
	for name, tt := range map[string]struct {
		keys string
		says bool
	}{"key_alone": {w.path("key.pem"), false}, "key_beside_dockers": {"dhi-2, " + w.path("key.pem"), true}} {
		t.Run(name, func(t *testing.T) {
			gate := w.path(name + ".yaml")
			row := "trust:\n  - match: \"" + w.registry.Host() + "/**\"\n    keys: [" + tt.keys + "]\n"
			if err := os.WriteFile(gate, []byte(row), 0o644); err != nil {
				t.Fatal(err)
			}
			args := []string{"verify", ref, "--registry-username", login, "--registry-password-file", w.passwordFile(), "--report-dir", w.path("report")}
			w.run(append(append(args, w.dbFlags...), "--config", gate, "--vex-feed", t.TempDir())...)
			r := w.report()
			if len(r.Attestations) == 0 || vexOf(t, r).State != report.Verified {
				t.Fatalf("attestations %+v", r.Attestations)
			}
			if all, _ := json.Marshal(r.Observations); strings.Contains(string(all), notShown) != tt.says {
				t.Errorf("want %q: %t in %s", notShown, tt.says, all)
			}
		})
	}
}
