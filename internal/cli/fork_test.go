package cli_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// fork is a runner on a pull request from a fork, which gets no secrets.
func (w *world) fork() *testkit.Runner {
	w.t.Helper()
	file := w.path("event.json")
	writeJSON(w.t, file, map[string]any{"pull_request": map[string]any{
		"head": map[string]any{"repo": map[string]any{"full_name": "someone/shop", "fork": true}},
		"base": map[string]any{"repo": map[string]any{"full_name": "acme/shop"}},
	}})
	r := w.runner()
	r.Setenv("GITHUB_EVENT_NAME", "pull_request")
	r.Setenv("GITHUB_EVENT_PATH", file)
	r.Setenv("DOCKER_CONFIG", w.t.TempDir())
	return r
}

// What a run without secrets did see and what fails the gate fails it there too; only a
// verdict that could not be taken is nobody's fault.
func TestForkWithADefiniteFailure(t *testing.T) {
	for _, tt := range []struct {
		name    string
		require string
		push    func(w *world) (ref string)
		code    fault.Code
		want    report.Result
		reason  string
	}{
		{"one_platform_fails_and_one_is_withheld", "none", func(w *world) string {
			ref, digests := w.pushIndex(nil, slice(amd64, vulnerable, testkit.Gzip), slice(arm64, clean, testkit.Gzip))
			w.withhold(digests[1])
			return ref
		}, fault.Policy, report.Fail, "CVE-2025-4802"},
		{"one_platform_passes_and_one_is_withheld", "none", func(w *world) string {
			ref, digests := w.pushIndex(nil, slice(amd64, clean, testkit.Gzip), slice(arm64, clean, testkit.Gzip))
			w.withhold(digests[1])
			return ref
		}, fault.OK, report.Error, "no secrets"},
		{"what_is_required_is_missing_and_a_layer_is_withheld", "fips", func(w *world) string {
			ref, b := w.push(w.image())
			w.withhold(b.Platforms[0].Layers[0].Digest().String())
			return ref
		}, fault.Policy, report.Fail, "fips"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			w.registry = another(t, testkit.RegistryOptions{}) // which wants no login
			t.Setenv("DOCKER_CONFIG", t.TempDir())
			in := w.inputs(tt.push(w))
			in["registry-password"], in["registry-username"], in["require"] = "", "", tt.require
			if tt.require == "none" {
				in["platforms"] = "all"
			}
			runner := w.fork()
			code, log := w.step(runner, in)
			must(t, code, w.report(), log, tt.code, tt.want)
			if got := output(t, runner, "verdict"); got != string(tt.want) || !strings.Contains(output(t, runner, "reason"), tt.reason) {
				t.Errorf("outputs: verdict %q, reason %q, want %s and %q", got, output(t, runner, "reason"), tt.want, tt.reason)
			}
		})
	}
}

// withhold makes the registry want a login for what has this digest.
func (w *world) withhold(digest string) {
	w.registry.Inject(func(q *http.Request) bool { return strings.HasSuffix(q.URL.Path, "/"+digest) }, testkit.Status(http.StatusUnauthorized, nil), 0)
}
