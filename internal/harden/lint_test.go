package harden_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/harden"
	"github.com/imagegate/imagegate/internal/report"
)

func TestLintFindsFiles(t *testing.T) {
	m := fstest.MapFS{}
	for _, name := range []string{
		"Dockerfile", "Dockerfile.dev", "api.Dockerfile", "Containerfile", "a/b/dockerfile", "Dockerfile.md", "Dockerfile_test", "app.Dockerfile.prod", "containerfile-arm", "myDockerfile", "Dockerfile.dockerignore", "src/Dockerfile.go",
		"compose.yaml", "compose.override.yaml", "b/docker-compose.yml", "b/docker-compose.test.yml", "c/compose.prod.yaml", "values.yaml",
		".git/Dockerfile", "node_modules/x/Dockerfile", "x/composer.yaml",
	} {
		text := "FROM scratch\n"
		if strings.HasSuffix(name, "yaml") || strings.HasSuffix(name, "yml") {
			text = "services: {a: {image: \"x:1\"}}\n"
		}
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	res, err := harden.Lint(t.Context(), m, nil, harden.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range res.Files {
		got = append(got, string(f.Kind[0])+" "+f.Path+f.Refused)
	}
	want := []string{"d Containerfile", "d Dockerfile", "d Dockerfile.dev", "d Dockerfile_test", "d a/b/dockerfile", "d api.Dockerfile", "d app.Dockerfile.prod", "c b/docker-compose.test.yml", "c b/docker-compose.yml", "c c/compose.prod.yaml", "c compose.yaml", "d containerfile-arm"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestLintFollowsIncludesOnce(t *testing.T) {
	m := fstest.MapFS{
		"compose.yaml":   {Data: []byte("include: [sub/other.yaml, gone.yaml]\nservices: {a: {image: \"x:1\"}}\n")},
		"sub/other.yaml": {Data: []byte("include: [../compose.yaml]\nservices: {b: {image: \"x:1\", privileged: true}}\n")},
	}
	res, err := harden.Lint(t.Context(), m, nil, harden.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := failing(res.Checks, "sub/other.yaml"); !slices.Contains(got, "C008") {
		t.Errorf("the included file's findings %v lack C008", got)
	}
	if !slices.ContainsFunc(res.Observations, func(o report.Observation) bool {
		return o.Kind == report.Unread && strings.Contains(o.Message, "gone.yaml")
	}) {
		t.Errorf("the file that is not there is not told: %v", res.Observations)
	}
}

func TestLintOverrideOnTopOfItsBase(t *testing.T) {
	m := fstest.MapFS{
		"compose.yaml":      {Data: []byte("services: {a: {image: \"x:1\"}}\n")},
		"compose.prod.yaml": {Data: []byte("services: {a: {privileged: true}}\n")},
	}
	res, err := harden.Lint(t.Context(), m, nil, harden.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := failing(res.Checks, "compose.prod.yaml"); !slices.Contains(got, "C008") || slices.Contains(got, "C001") {
		t.Errorf("the override's findings are %v, want C008 and no C001", got)
	}
}

// Compose takes an override of either spelling for the base that it prefers
// (compose-go, cli.WithDefaultConfigPath).
func TestLintOverrideOfTheOtherSpelling(t *testing.T) {
	base := &fstest.MapFile{Data: []byte("services: {a: {image: \"x:1\"}}\n")}
	m := fstest.MapFS{
		"a/docker-compose.yml": base, "a/compose.override.yml": {Data: []byte("services: {a: {privileged: true}}\n")},
		"b/docker-compose.yml": base, "b/compose.yaml": base, "b/compose.override.yml": {Data: []byte("services: {a: {privileged: true}}\n")},
	}
	res, err := harden.Lint(t.Context(), m, nil, harden.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"a/compose.override.yml": 1, "b/compose.override.yml": 1} {
		n := 0
		for _, id := range failing(res.Checks, name) {
			if id == "C008" {
				n++
			}
		}
		if n != want {
			t.Errorf("%s has %d findings of C008, want %d: %v", name, n, want, res.Checks)
		}
	}
	for _, f := range res.Files {
		if strings.Contains(f.Path, "override") {
			t.Errorf("%s was checked alone", f.Path)
		}
	}
}

// COMPOSE_FILE in .env lists what Compose reads, as -f does, and the last one counts.
func TestLintFilesThatTheEnvironmentLists(t *testing.T) {
	for list, want := range map[string]bool{"a.compose.yaml:b.compose.yaml": false, "b.compose.yaml:a.compose.yaml": true, "b.compose.yaml:gone.yaml": true, "../x:b.compose.yaml": true} {
		m := fstest.MapFS{
			"svc/.env":           {Data: []byte("COMPOSE_FILE=" + list + "\n")},
			"svc/a.compose.yaml": {Data: []byte("services: {a: {image: \"a:1\", privileged: true}}\n")},
			"svc/b.compose.yaml": {Data: []byte("services: {a: {image: \"a:1\", privileged: false}}\n")},
		}
		res, err := harden.Lint(t.Context(), m, nil, harden.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := slices.ContainsFunc(res.Checks, func(c report.Check) bool { return c.ID == "HIG-C008" && c.State == report.CheckFailed })
		if got != want {
			t.Errorf("with COMPOSE_FILE=%s a service is privileged: %t, want %t", list, got, want)
		}
	}
}

func TestLintIncludesSeveralFilesAsOneProject(t *testing.T) {
	m := fstest.MapFS{
		"compose.yaml":  {Data: []byte("include: [{path: [sub/a.yaml, sub/b.yaml]}]\nservices: {x: {image: \"x:1\"}}\n")},
		"sub/a.yaml":    {Data: []byte("services: {a: {image: \"a:1\", privileged: true}}\n")},
		"sub/b.yaml":    {Data: []byte("services: {a: {pid: host}}\n")},
		"sub/other.txt": {Data: []byte("x")},
	}
	res, err := harden.Lint(t.Context(), m, nil, harden.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := failing(res.Checks, "sub/a.yaml"), failing(res.Checks, "sub/b.yaml"); !slices.Contains(a, "C008") || !slices.Contains(b, "C009") || slices.Contains(b, "C001") {
		t.Errorf("the findings are %v and %v, want C008 of the first, and C009 and no C001 of the second", a, b)
	}
}

// TestLintRefusedAndChecked: what a project asks for is told although Compose would
// refuse it for what it refers to.
func TestLintRefusedAndChecked(t *testing.T) {
	m := fstest.MapFS{"compose.yaml": {Data: []byte("services: {a: {image: \"x:1\", privileged: true, networks: [gone]}}\n")}}
	res, err := harden.Lint(t.Context(), m, nil, harden.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := failing(res.Checks, "compose.yaml"); !slices.Contains(got, "C001") || !slices.Contains(got, "C008") || res.Files[0].Refused == "" {
		t.Errorf("the findings are %v, refused %q; want C001 and C008", got, res.Files[0].Refused)
	}
}

func TestLintErrors(t *testing.T) {
	m := fstest.MapFS{"Dockerfile": {Data: []byte("FROM x\n")}, "b/Dockerfile": {Data: []byte("FROM x\n")}, "notes.txt": {Data: []byte("hello\n")}, "build.txt": {Data: []byte("# x\nFROM scratch\n")}}
	for _, tt := range []struct {
		name  string
		paths []string
		opt   harden.Options
		code  fault.Code
	}{
		{"nothing_there", []string{"nope"}, harden.Options{}, fault.Usage},
		{"outside", []string{"../x"}, harden.Options{}, fault.Usage},
		{"neither", []string{"notes.txt"}, harden.Options{}, fault.Usage},
		{"by_content", []string{"build.txt"}, harden.Options{}, fault.OK},
		{"too_many_files", nil, harden.Options{MaxFiles: 1}, fault.Usage},
		{"too_many_entries", nil, harden.Options{MaxEntries: 2}, fault.Usage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := harden.Lint(t.Context(), m, tt.paths, tt.opt)
			if got := fault.CodeOf(err); got != tt.code || err != nil && fault.HintOf(err) == "" {
				t.Errorf("Lint: %v has code %d, want %d", err, got, tt.code)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := harden.Lint(ctx, m, nil, harden.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context gives %v", err)
	}
}

// failing are the ids, without HIG-, that failed in a file, each once.
func failing(checks []report.Check, location string) []string {
	var out []string
	for _, c := range checks {
		if c.State == report.CheckFailed && (location == "" || c.Location == location) {
			out = append(out, strings.TrimPrefix(c.ID, "HIG-"))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

const corpus = "../../../shared/data/dockerfiles"

// block is one file of the corpus.
type block struct{ Path, Text string }

func readCorpus(t testing.TB) []block {
	t.Helper()
	var out []block
	for _, name := range []string{"dhi-guides.jsonl", "awesome-compose.jsonl"} {
		f, err := os.Open(filepath.Join(corpus, name))
		if err != nil {
			t.Skipf("the corpus is not here: %v", err)
		}
		defer f.Close()
		s := bufio.NewScanner(f)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			var b block
			if err := json.Unmarshal(s.Bytes(), &b); err != nil {
				t.Fatal(err)
			}
			out = append(out, b)
		}
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// lintBlock lints one block in a tree of its own, under the name that it would have.
func lintBlock(t testing.TB, b block) (*harden.Result, string) {
	t.Helper()
	name := path.Base(b.Path)
	if strings.HasSuffix(b.Path, "Dockerfile") {
		name = "Dockerfile"
	} else if strings.HasSuffix(b.Path, "compose.yaml") || strings.HasSuffix(b.Path, "compose.yml") {
		name = "compose.yaml"
	}
	res, err := harden.Lint(t.Context(), fstest.MapFS{name: {Data: []byte(b.Text)}}, nil, harden.Options{})
	if err != nil {
		t.Fatalf("%s: %v", b.Path, err)
	}
	return res, name
}

// TestCorpus wants every block of the corpus parsed or refused with a reason and a
// line, the same way twice.
func TestCorpus(t *testing.T) {
	refused := 0
	for _, b := range readCorpus(t) {
		res, name := lintBlock(t, b)
		if len(res.Files) != 1 {
			t.Errorf("%s: %d files", b.Path, len(res.Files))
			continue
		}
		lines := strings.Count(b.Text, "\n") + 1
		for _, c := range res.Checks {
			if c.Reason == "" || c.Location != name || c.Line < 0 || c.Line > lines {
				t.Errorf("%s: %s at %s:%d of %d lines, reason %q", b.Path, c.ID, c.Location, c.Line, lines, c.Reason)
			}
			if strings.Contains(c.Reason, "gave up") || strings.Contains(c.Reason, "no conclusion") {
				t.Errorf("%s: %s: %s", b.Path, c.ID, c.Reason)
			}
		}
		if res.Files[0].Refused != "" {
			refused++
			// The first check of either kind says why, and where; of a Compose file that
			// only refers to what is not there, the others speak, too.
			i := slices.IndexFunc(res.Checks, func(c report.Check) bool { return strings.HasSuffix(c.ID, "001") && c.State == report.CheckFailed })
			if i < 0 || res.Checks[i].Line == 0 {
				t.Errorf("%s is refused without a line: %+v", b.Path, res.Checks)
			}
			t.Logf("refused %s: %s", b.Path, res.Files[0].Refused)
		}
		again, _ := lintBlock(t, b)
		if diff := cmp.Diff(res, again); diff != "" {
			t.Errorf("%s: a second run differs:\n%s", b.Path, diff)
		}
	}
	t.Logf("%d blocks refused", refused)
}

// TestLabels compares with what was written down by hand.
func TestLabels(t *testing.T) {
	blocks := map[string]block{}
	for _, b := range readCorpus(t) {
		blocks[b.Path] = b
	}
	data, err := os.ReadFile("testdata/labels.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "|")
		if len(f) != 3 {
			t.Fatalf("malformed label %q", line)
		}
		b, ok := blocks[strings.TrimSpace(f[0])]
		if !ok {
			t.Errorf("no block %s", f[0])
			continue
		}
		n++
		res, _ := lintBlock(t, b)
		got := failing(res.Checks, "")
		for _, id := range strings.Fields(f[1]) {
			if !slices.Contains(got, id) {
				t.Errorf("%s: %s must fail and does not; %v do", b.Path, id, got)
			}
		}
		for _, id := range strings.Fields(f[2]) {
			if slices.Contains(got, id) {
				for _, c := range res.Checks {
					if c.ID == "HIG-"+id && c.State == report.CheckFailed {
						t.Errorf("%s:%d: %s must not fail and does: %s", b.Path, c.Line, id, c.Reason)
					}
				}
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d labels", n)
	}
}

// thousand is a tree with 1,000 Dockerfiles of ordinary size.
func thousand() fstest.MapFS {
	m := fstest.MapFS{}
	for i := range 1000 {
		m[fmt.Sprintf("svc%03d/Dockerfile", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, "# syntax=docker/dockerfile:1\nARG V=1.26\nFROM golang:${V} AS build\nWORKDIR /src\nCOPY go.mod go.sum ./\n"+
			"RUN --mount=type=cache,target=/go/pkg/mod go mod download\nCOPY . .\nRUN apt-get update && apt-get install -y --no-install-recommends \\\n    git=1:2.* \\\n    curl \\\n && rm -rf /var/lib/apt/lists/*\n"+
			"RUN <<EOF\nset -e\ncurl -fsSL https://example.com/%d.sh -o /tmp/x.sh\necho done | tee /log\nEOF\nRUN CGO_ENABLED=0 go build -o /app .\n\nFROM gcr.io/distroless/static-debian12:nonroot\nENV A=b C=d\nCOPY --from=build /app /app\n"+
			"LABEL org.opencontainers.image.source=x\nUSER 65532:65532\nEXPOSE 8080\nENTRYPOINT [\"/app\"]\n", i)}
	}
	return m
}

func BenchmarkLintThousandDockerfiles(b *testing.B) {
	m := thousand()
	for b.Loop() {
		if res, err := harden.Lint(b.Context(), m, nil, harden.Options{}); err != nil || len(res.Files) != 1000 {
			b.Fatalf("%+v, %v", res, err)
		}
	}
}
