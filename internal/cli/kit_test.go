package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/imagegate/imagegate/internal/testkit/grypedb"
)

// file is a file of the report directory; "" when there is none.
func (w *world) file(name string) string {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(w.path("report"), name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatal(err)
	}
	return string(data)
}

// holdsNoSecret reads every file of the report directory.
func (w *world) holdsNoSecret(secret string) {
	w.t.Helper()
	for name, data := range w.files() {
		if bytes.Contains(data, []byte(secret)) {
			w.t.Errorf("%s holds the secret %q", name, secret)
		}
	}
}

// files are all files of the report directory, by their path in it.
func (w *world) files() map[string][]byte {
	w.t.Helper()
	out := map[string][]byte{}
	dir := w.path("report")
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return fmt.Errorf("read the report: %w", err)
		}
		out[name] = data
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatal(err)
	}
	return out
}

// ownTemp gives the runs of the test a directory for temporary files of their own, and
// fails the test when they leave something in it.
func (w *world) ownTemp() {
	w.t.Helper()
	dir := w.t.TempDir()
	w.t.Setenv("TMPDIR", dir)
	w.t.Cleanup(func() {
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			w.t.Errorf("temporary files are left: %v, %v", left, err)
		}
	})
}

// flat is a text on one line: what the terminal breaks at its width is whole again.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

// neutral checks that nothing in a text for a terminal or a log can act on it.
func neutral(t *testing.T, where, text string) {
	t.Helper()
	for _, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimLeftFunc(line, unicode.IsSpace)
		if strings.HasPrefix(trimmed, "::") || strings.Contains(line, "##[") {
			t.Errorf("%s: a line may be a workflow command: %q", where, line)
		}
		for _, c := range line {
			if unicode.Is(unicode.C, c) && c != '\t' {
				t.Errorf("%s: %U in %q", where, c, line)
				break
			}
		}
	}
}

// withRecords gives the world a vulnerability database of its own.
func (w *world) withRecords(records ...grypedb.Record) {
	w.t.Helper()
	file, err := grypedb.Build(w.t.TempDir(), records, built)
	if err != nil {
		w.t.Fatal(err)
	}
	path := filepath.Join(w.t.TempDir(), "db.tar.zst")
	if _, err := grypedb.Archive(file, path); err != nil {
		w.t.Fatal(err)
	}
	w.dbFlags = []string{"--db", path, "--cache-dir", w.t.TempDir()}
}

// billOf is a CycloneDX document of packages by name, version and package URL.
func billOf(release map[string]string, packages ...[3]string) []byte {
	bill := compact{Release: release}
	for _, p := range packages {
		bill.Packages = append(bill.Packages, struct{ Name, Version, Type, PURL, Origin string }{p[0], p[1], "", p[2], ""})
	}
	return bill.cyclonedx(func(string) bool { return true })
}
