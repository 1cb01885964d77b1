package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/demo"
	"github.com/imagegate/imagegate/internal/pipeline"
	"github.com/imagegate/imagegate/internal/policy"
	"github.com/imagegate/imagegate/internal/registry"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

var faultNow = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// newerVEX takes back what the demo's VEX says of a high finding.
func newerVEX() testkit.Attestation {
	return testkit.Attestation{PredicateType: testkit.PredicateOpenVEX, Predicate: map[string]any{
		"@context": testkit.PredicateOpenVEX, "@id": "https://imagegate.invalid/demo/vex-2", "author": "imagegate demo", "version": 1,
		"timestamp": faultNow.Add(-7 * time.Hour).Format(time.RFC3339),
		"statements": []any{map[string]any{
			"vulnerability": map[string]any{"name": "CVE-2025-4802"}, "status": "affected", "action_statement": "Update.",
			"products": []any{map[string]any{"@id": "pkg:deb/debian/glibc@2.36-9%2Bdeb12u7?os_distro=bookworm&os_name=debian&os_version=12"}},
		}},
	}}
}

// faultWorld is the demo's world with a registry that can be spoilt.
type faultWorld struct {
	t    *testing.T
	demo *demo.Demo
	cfg  *config.Config
}

func newFaultWorld(t *testing.T, cache string, more ...testkit.Attestation) *faultWorld {
	t.Helper()
	d, err := demo.Start(t.Context(), demo.Options{Dir: t.TempDir(), Now: faultNow, Seed: "faults", More: more})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	cfg, err := config.Load(config.Sources{
		Flags: map[string][]string{
			"image": {d.Reference}, "registry-username": {d.Username}, "registry-password": {d.Password}, "key": {string(d.KeyPEM)},
			"db": {d.DBArchive}, "cache-dir": {cache}, "platform": {"linux/amd64"}, "require": {"dhi"}, "config": {config.None}, "vex-folder": {config.None},
		},
		Getenv: func(string) string { return "" }, ReadFile: os.ReadFile, GOOS: "linux", GOARCH: "amd64",
	})
	if err != nil {
		t.Fatal(err)
	}
	return &faultWorld{t, d, cfg}
}

// gate runs everything but the checks of the image. A silent registry is given up after
// patience.
func (w *faultWorld) gate(ctx context.Context, patience time.Duration) *report.Report {
	want := pipeline.Everything()
	want.Hardening = false
	res, _ := pipeline.Run(ctx, w.cfg, want, pipeline.Deps{ // the report has the error
		Tool: report.Tool{Name: "imagegate", Version: "test"}, Now: faultNow, ReadFile: os.ReadFile, Glob: filepath.Glob, TempDir: w.t.TempDir(),
		Advisories: w.demo.Advisories.URL(),
		Registry:   registry.Options{IdleTimeout: patience, Retries: 1, Backoff: time.Millisecond},
	})
	return res.Report
}

// item is something that a run asks the registry for.
type item struct {
	kind testkit.Kind
	ref  string
}

// items are what a run asks for, in one order.
func (w *faultWorld) items() []item {
	seen := map[item]bool{}
	for _, q := range w.demo.Registry.Requests() {
		seen[item{q.Kind, q.Reference}] = true
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b item) int {
		return strings.Compare(string(a.kind)+a.ref, string(b.kind)+b.ref)
	})
}

// fault is a way in which an answer is spoilt.
type fault struct {
	name   string
	effect func() testkit.Effect
	// times is how often; 0 means always.
	times int
	// bytes says that the fault changes what is said. A list is signed by nobody: whoever
	// changes it can leave an item out, which TestUnlistedStatement is about.
	bytes bool
	// list says that it is about lists only.
	list bool
}

func faults() []fault {
	status := func(code int) func() testkit.Effect {
		return func() testkit.Effect { return testkit.Status(code, nil) }
	}
	return []fault{
		{name: "withheld", effect: status(http.StatusNotFound)},
		{name: "400", effect: status(http.StatusBadRequest)},
		{name: "403", effect: status(http.StatusForbidden)},
		{name: "405", effect: status(http.StatusMethodNotAllowed)},
		{name: "429", effect: status(http.StatusTooManyRequests)},
		{name: "429_once", effect: status(http.StatusTooManyRequests), times: 1},
		{name: "500", effect: status(http.StatusInternalServerError)},
		{name: "503_once", effect: status(http.StatusServiceUnavailable), times: 1},
		{name: "html", effect: func() testkit.Effect { return testkit.Body("text/html", []byte("<html>Please log in</html>")) }},
		{name: "cut", effect: func() testkit.Effect { return testkit.Truncate(40) }},
		{name: "cut_once", effect: func() testkit.Effect { return testkit.Truncate(40) }, times: 1},
		{name: "dropped", effect: testkit.Drop},
		{name: "slow", effect: func() testkit.Effect { return testkit.Delay(time.Minute) }, times: 2}, // both tries
		{name: "flipped", effect: func() testkit.Effect { return testkit.Flip(30) }, bytes: true},
		{name: "reordered", effect: func() testkit.Effect { return testkit.Rewrite(reversed) }, list: true},
	}
}

// reversed turns the order of a list around.
func reversed(body []byte) []byte {
	var doc map[string]any
	if json.Unmarshal(body, &doc) != nil {
		return body
	}
	if list, ok := doc["manifests"].([]any); ok {
		slices.Reverse(list)
	}
	out, err := json.Marshal(doc)
	if err != nil {
		return body
	}
	return out
}

func (f fault) fits(i item) bool {
	list := i.kind == testkit.KindReferrers
	return (!f.bytes || !list) && (!f.list || list)
}

// spoiling is one case: what is spoilt, and how.
type spoiling struct {
	items  []item
	faults []fault
}

func (s spoiling) String() string {
	var out []string
	for i := range s.items {
		out = append(out, fmt.Sprintf("%s %s %s", s.faults[i].name, s.items[i].kind, s.items[i].ref))
	}
	return strings.Join(out, " and ")
}

// spoilings are the cases: singles of every item and fault, or a sample of them, and a
// sample of pairs. A seed decides, so that a case can be played again.
func spoilings(items []item, singles, pairs int) []spoiling {
	random := rand.New(rand.NewPCG(8, 2026))
	var all []spoiling
	for _, i := range items {
		for _, f := range faults() {
			if f.fits(i) {
				all = append(all, spoiling{[]item{i}, []fault{f}})
			}
		}
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var two []spoiling
	for len(two) < pairs {
		a, b := all[random.IntN(len(all))], all[random.IntN(len(all))]
		if a.items[0] != b.items[0] {
			two = append(two, spoiling{append(slices.Clone(a.items), b.items...), append(slices.Clone(a.faults), b.faults...)})
		}
	}
	if singles > 0 && singles < len(all) {
		all = all[:singles]
	}
	return append(all, two...)
}

// unread lists what of the deciding families was listed and not read, or could not be
// asked for.
func unread(r *report.Report) []string {
	var out []string
	for _, p := range r.Discovery {
		if p.State == report.ProbeFailed {
			out = append(out, p.Store+" "+p.Asked+": "+p.Reason)
		}
	}
	for _, a := range r.Attestations {
		decides := slices.Contains(r.Policy.Require, a.Family) || a.Family == report.FamilyUnknown
		if decides && (a.State == report.Unreadable || a.State == report.Invalid) {
			out = append(out, a.Family+" "+a.Digest+": "+a.Reason)
		}
	}
	return out
}

// decisions are what became of the findings.
func decisions(r *report.Report) []string {
	var out []string
	for _, v := range r.Vulnerabilities {
		out = append(out, fmt.Sprintf("%s %s %s", v.Decision.Status, v.ID, v.Package.Name))
	}
	slices.Sort(out)
	return out
}

// objected reports whether the verdict warns that a newer statement, which was read and
// whose signatures the registry says that it has none of, stands against a suppression.
func objected(r *report.Report) bool {
	return r.Verdict.Result == report.Warn && slices.ContainsFunc(r.Verdict.Rules, func(rule report.Rule) bool {
		return rule.Name == "vex-objection" && rule.Result == report.Warn
	})
}

// TestNoFaultMakesAPass: whatever the registry, its token service or the way to them do,
// no fault turns a verdict that is no pass into one, and no pass is given while a listed
// item of a deciding family was not read. What heals is a pass on the same evidence.
func TestNoFaultMakesAPass(t *testing.T) {
	singles, pairs := 110, 30
	if os.Getenv("IMAGEGATE_E2E") != "" {
		singles, pairs = 0, 400
	}
	cache := t.TempDir()
	for _, world := range []struct {
		name string
		more []testkit.Attestation
		want report.Result
	}{
		{"good", nil, report.Pass},
		{"taken_back", []testkit.Attestation{newerVEX()}, report.Fail},
	} {
		t.Run(world.name, func(t *testing.T) {
			first := newFaultWorld(t, cache, world.more...)
			first.demo.Registry.ResetLog()
			whole := first.gate(t.Context(), time.Minute)
			if whole.Verdict.Result != world.want {
				t.Fatalf("without a fault the verdict is %s %q, want %s", whole.Verdict.Result, whole.Verdict.Reasons, world.want)
			}
			cases := make(chan spoiling)
			var workers sync.WaitGroup
			passes := make([]int, 2)
			for n := range passes {
				workers.Go(func() {
					w := first
					if n > 0 {
						w = newFaultWorld(t, cache, world.more...)
					}
					for c := range cases {
						if w.survives(c, whole, world.want) {
							passes[n]++
						}
					}
				})
			}
			list := spoilings(first.items(), singles, pairs)
			for _, c := range list {
				cases <- c
			}
			close(cases)
			workers.Wait()
			t.Logf("%d items, %d cases, %d passed", len(first.items()), len(list), passes[0]+passes[1])
			if healed := passes[0]+passes[1] > 0; healed != (world.want == report.Pass) {
				t.Errorf("passes: %v", passes)
			}
		})
	}
}

// survives plays one case and reports whether it passed.
func (w *faultWorld) survives(c spoiling, whole *report.Report, want report.Result) bool {
	w.demo.Registry.Heal()
	for i := range c.items {
		w.demo.Registry.Inject(testkit.Asks(c.items[i].kind, c.items[i].ref), c.faults[i].effect(), c.faults[i].times)
	}
	r := w.gate(w.t.Context(), 200*time.Millisecond)
	passed := policy.ExitCode(r.Verdict.Result) == policy.ExitCode(report.Pass)
	switch {
	case !passed:
	case want != report.Pass && !objected(r):
		w.t.Errorf("%s: verdict %s %q, want none that lets a build go on", c, r.Verdict.Result, r.Verdict.Reasons)
	case want != report.Pass:
		return false
	case len(unread(r)) > 0:
		w.t.Errorf("%s: verdict %s, though these were not read: %q", c, r.Verdict.Result, unread(r))
	case !slices.Equal(decisions(r), decisions(whole)):
		w.t.Errorf("%s: verdict %s on other decisions: %q, want %q", c, r.Verdict.Result, decisions(r), decisions(whole))
	}
	return passed
}

// TestUnlistedStatement pins what is left: a registry that does not list the newest
// statement is not found out by its lists. What helps is an age limit for statements,
// and the vendor's feed.
func TestUnlistedStatement(t *testing.T) {
	w := newFaultWorld(t, t.TempDir(), newerVEX())
	newest := w.demo.Image.Platform("linux/amd64").Attestations
	hidden := newest[len(newest)-1].Manifest.Digest().String()
	w.demo.Registry.Inject(testkit.Asks(testkit.KindReferrers, ""), testkit.Rewrite(func(body []byte) []byte {
		var doc map[string]any
		if json.Unmarshal(body, &doc) != nil {
			return body
		}
		list, _ := doc["manifests"].([]any)
		doc["manifests"] = slices.DeleteFunc(list, func(d any) bool { return d.(map[string]any)["digest"] == hidden })
		out, err := json.Marshal(doc)
		if err != nil {
			return body
		}
		return out
	}), 0)
	if r := w.gate(t.Context(), time.Minute); r.Verdict.Result != report.Pass {
		t.Errorf("verdict %s %q: the residue is gone; say so in docs/security.md", r.Verdict.Result, r.Verdict.Reasons)
	}
	w.cfg.VEXMaxAge, w.cfg.VEXLimits = 10*24*time.Hour, []config.Limit{{Name: "stale", Max: 0}}
	if r := w.gate(t.Context(), time.Minute); r.Verdict.Result != report.Fail {
		t.Errorf("with an age limit the verdict is %s %q, want fail", r.Verdict.Result, r.Verdict.Reasons)
	}
}
