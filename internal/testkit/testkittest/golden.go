// Package testkittest is the part of the test kit that needs "testing": starting things
// that end with the test, and comparing output with golden files. It is apart so that
// the demo, which is built from testkit, does not link "testing" into the program.
//
// It defines no flags: a package that has golden files defines its own -update.
//
// Start reading at [Registry] and [Golden].
package testkittest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/testkit"
)

// Registry starts a registry that is closed at the end of the test.
func Registry(t testing.TB, opt testkit.RegistryOptions) *testkit.Registry {
	t.Helper()
	r, err := testkit.StartRegistry(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close the registry: %v", err)
		}
	})
	return r
}

// Push pushes img into a repository of a registry of [Registry].
func Push(t testing.TB, r *testkit.Registry, repository string, img testkit.Image) *testkit.Built {
	t.Helper()
	b, err := img.Push(t.Context(), r.Repository(repository))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Key is the key that belongs to seed.
func Key(t testing.TB, seed string) *testkit.Key {
	t.Helper()
	k, err := testkit.SeededKey(seed)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Runner is a runner's environment below a temporary directory of the test.
func Runner(t testing.TB) *testkit.Runner {
	t.Helper()
	r, err := testkit.NewRunner(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Golden compares got with the file at path, or writes it there when update is true.
// Line ends of the file are read as "\n", whatever the checkout made of them.
func Golden(t testing.TB, path string, got []byte, update bool) {
	t.Helper()
	path = filepath.FromSlash(path)
	if update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; rerun with -update to write it", err)
	}
	want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got); rerun with -update if this is intended:\n%s", path, diff)
	}
}
