package testkittest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/imagegate/imagegate/internal/testkit"
	"github.com/imagegate/imagegate/internal/testkit/testkittest"
)

// spy notes a failure instead of failing.
type spy struct {
	testing.TB
	failed bool
}

func (s *spy) Errorf(string, ...any) { s.failed = true }
func (s *spy) Helper()               {}

func TestGolden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "x.golden")
	testkittest.Golden(t, path, []byte("a\n"), true)
	testkittest.Golden(t, path, []byte("a\n"), false)
	if err := os.WriteFile(path, []byte("a\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	testkittest.Golden(t, path, []byte("a\n"), false)
	s := &spy{TB: t}
	testkittest.Golden(s, path, []byte("b\n"), false)
	if !s.failed {
		t.Error("Golden accepted another content")
	}
}

func TestHelpers(t *testing.T) {
	reg := testkittest.Registry(t, testkit.RegistryOptions{})
	img := testkit.Image{Name: "dhi/x", Tags: []string{"1"}, Key: testkittest.Key(t, "k"), Platforms: []testkit.Platform{{}}}
	if b := testkittest.Push(t, reg, "dhi/x", img); b.IndexSignature == nil || b.Platform("linux/amd64") == nil {
		t.Errorf("pushed %+v", b)
	}
	if testkittest.Runner(t).Getenv("GITHUB_OUTPUT") == "" {
		t.Error("the runner has no GITHUB_OUTPUT")
	}
}
