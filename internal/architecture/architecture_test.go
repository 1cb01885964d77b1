package architecture_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/imagegate/imagegate"

// room is one package of the floor plan and what it may import. A name without a dot
// in its first element is a package below internal/; others are prefixes of import
// paths. A sub-package follows the rules of its parent and may import its family.
type room struct {
	internal []string
	outside  []string
}

// any as an outside import means that libraries are not limited here.
const anyLibrary = "*"

var (
	ggcr   = "github.com/google/go-containerregistry"
	stages = []string{"registry", "feed", "image", "sbom", "attest", "vuln", "vex", "harden", "policy"}
	plan   = floorPlan()
	xlibs  = []string{"golang.org/x/sync", "golang.org/x/text", "golang.org/x/sys", "golang.org/x/term"}
)

func floorPlan() map[string]room {
	return map[string]room{
		"fault":  {},
		"report": {},
		"words":  {},
		"actions": {
			outside: []string{"github.com/sethvargo/go-githubactions"},
		},
		"config": {
			internal: []string{"fault"},
			outside:  []string{"go.yaml.in/yaml"},
		},
		"fetch": {},
		"vercmp": {
			internal: []string{"words"},
			outside:  []string{"github.com/knqyf263"},
		},
		"feed": {
			internal: []string{"fault", "fetch"},
			outside:  []string{"github.com/go-git/go-git", "github.com/go-git/go-billy"},
		},
		"registry": {
			internal: []string{"fault", "words"},
			outside:  []string{ggcr},
		},
		"image": {
			internal: []string{"fault"},
			outside:  []string{ggcr, "github.com/anchore/stereoscope", "github.com/anchore/go-sync", "github.com/klauspost/compress"},
		},
		"sbom": {
			internal: []string{"report", "fault", "words"},
			outside:  []string{"github.com/anchore/syft", "github.com/anchore/stereoscope", "github.com/CycloneDX/cyclonedx-go", "github.com/package-url/packageurl-go", "github.com/glebarez/go-sqlite", "github.com/klauspost/compress", ggcr},
		},
		"attest": {
			internal: []string{"report", "fault", "words"},
			outside: []string{
				"github.com/sigstore", "github.com/in-toto", "github.com/secure-systems-lab", "github.com/moby/policy-helpers",
				ggcr + "/pkg/v1", ggcr + "/pkg/name", "google.golang.org/protobuf", "github.com/theupdateframework",
			},
		},
		"vuln": {
			internal: []string{"report", "fault", "fetch", "vercmp", "words"},
			outside:  []string{"github.com/anchore", "github.com/spf13/afero", "gorm.io/gorm", "github.com/klauspost/compress", "github.com/pandatix/go-cvss", "golang.org/x/mod"},
		},
		"vex": {
			internal: []string{"report", "fault", "vercmp", "words"},
			outside:  []string{"github.com/openvex/go-vex", "github.com/package-url/packageurl-go", "github.com/aquasecurity/go-pep440-version", "github.com/masahiro331/go-mvn-version"},
		},
		"harden": {
			internal: []string{"report", "fault", "words"},
			outside:  []string{"github.com/moby/buildkit", "github.com/moby/patternmatcher", "github.com/distribution/reference", "github.com/compose-spec/compose-go", "go.yaml.in/yaml", ggcr + "/pkg/v1", "github.com/pmezard/go-difflib"},
		},
		"policy":  {internal: []string{"report", "fault"}},
		"render":  {internal: []string{"report"}},
		"publish": {internal: []string{"report", "fault", "actions"}},
		"pipeline": {
			internal: append([]string{"config", "report", "fault", "fetch", "words"}, stages...),
			outside:  []string{ggcr + "/pkg/v1"},
		},
		"testkit": {
			internal: []string{"report"},
			outside:  []string{anyLibrary},
		},
		"demo": {
			internal: []string{"testkit", "report", "fault"},
			outside:  []string{ggcr},
		},
		"cli": {
			internal: append([]string{"config", "report", "fault", "actions", "pipeline", "render", "publish", "demo"}, stages...),
			outside:  []string{"github.com/spf13", "golang.org/x/term", ggcr + "/pkg/v1"},
		},
		"architecture": {},
	}
}

// pkg is what this test reads of `go list -json`.
type pkg struct {
	ImportPath   string
	Dir          string
	Doc          string
	Imports      []string
	TestImports  []string
	XTestImports []string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
}

func TestFloorPlan(t *testing.T) {
	found := map[string]bool{}
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/internal/")
		if p.ImportPath == module {
			checkMain(t, p)
			continue
		}
		top, _, _ := strings.Cut(name, "/")
		r, ok := plan[top]
		if !ok {
			t.Errorf("package internal/%s is not in the floor plan", name)
			continue
		}
		found[top] = true
		for _, imported := range p.Imports {
			if why := r.refuses(top, imported); why != "" {
				t.Errorf("internal/%s imports %s: %s", name, imported, why)
			}
		}
		if len(p.GoFiles) > 0 && !strings.HasPrefix(p.Doc, "Package "+filepath.Base(name)+" ") {
			t.Errorf("internal/%s has no package comment", name)
		}
	}
	for name := range plan {
		if !found[name] {
			t.Errorf("the floor plan has %s, and there is no such package", name)
		}
	}
}

// refuses says why a package of the room may not import path; "" when it may.
func (r room) refuses(top, path string) string {
	if inner, ok := strings.CutPrefix(path, module+"/internal/"); ok {
		family, _, _ := strings.Cut(inner, "/")
		if family == top || slices.Contains(r.internal, family) {
			return ""
		}
		return fmt.Sprintf("%s may import only %s of ours", top, strings.Join(r.internal, ", "))
	}
	if !strings.Contains(strings.SplitN(path, "/", 2)[0], ".") {
		return "" // the standard library
	}
	for _, prefix := range slices.Concat(r.outside, xlibs) {
		if prefix == anyLibrary || path == prefix || strings.HasPrefix(path, prefix+"/") {
			return ""
		}
	}
	return "the library is not in the floor plan of " + top
}

// checkMain keeps main.go small and free of libraries.
func checkMain(t *testing.T, p pkg) {
	t.Helper()
	for _, imported := range p.Imports {
		if strings.Contains(imported, ".") && imported != module+"/internal/cli" {
			t.Errorf("main imports %s: only internal/cli", imported)
		}
	}
}

// TestOnlyMainTouchesTheProcess finds the calls that make a package depend on the
// process it runs in.
func TestOnlyMainTouchesTheProcess(t *testing.T) {
	for _, p := range list(t) {
		if p.ImportPath == module {
			continue
		}
		for _, file := range p.GoFiles {
			source := read(t, filepath.Join(p.Dir, file))
			for _, call := range []string{"os.Getenv(", "os.LookupEnv(", "os.Exit(", "os.Args", "time.Now(", "fmt.Print(", "fmt.Printf(", "fmt.Println(", "func init()"} {
				for number, line := range strings.Split(string(source), "\n") {
					code, _, _ := strings.Cut(line, "//")
					if strings.Contains(code, call) {
						t.Errorf("%s/%s:%d uses %s: pass it in from main", strings.TrimPrefix(p.ImportPath, module+"/"), file, number+1, call)
					}
				}
			}
		}
	}
}

// TestDocumentsNameRealTests looks for each test that a document names.
func TestDocumentsNameRealTests(t *testing.T) {
	var root string
	declared := map[string]bool{}
	declaration := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	for _, p := range list(t) {
		if p.ImportPath == module {
			root = p.Dir
		}
		for _, file := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			for _, m := range declaration.FindAllSubmatch(read(t, filepath.Join(p.Dir, file)), -1) {
				declared[string(m[1])] = true
			}
		}
	}
	documents, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(documents) == 0 {
		t.Fatalf("documents in %s: %v, %v", root, documents, err)
	}
	for _, file := range documents {
		for _, name := range regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w*`).FindAllString(string(read(t, file)), -1) {
			if !declared[name] {
				t.Errorf("docs/%s names %s, and there is no such test", filepath.Base(file), name)
			}
		}
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,Doc,Imports,TestImports,XTestImports,GoFiles,TestGoFiles,XTestGoFiles", module, module+"/internal/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var pkgs []pkg
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}
