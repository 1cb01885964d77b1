package vuln_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit/grypedb"
	"github.com/imagegate/imagegate/internal/vuln"
)

// archive builds a database and packs it as name in a new directory.
func archive(tb testing.TB, name string, built time.Time) (path, checksum string) {
	tb.Helper()
	dir := tb.TempDir()
	file, err := grypedb.Build(dir, records(), built)
	if err != nil {
		tb.Fatal(err)
	}
	if strings.HasSuffix(name, ".db") {
		return file, ""
	}
	path = filepath.Join(dir, name)
	checksum, err = grypedb.Archive(file, path)
	if err != nil {
		tb.Fatal(err)
	}
	return path, checksum
}

// files lists everything below dir by name and size.
func files(tb testing.TB, dir string) map[string]int64 {
	tb.Helper()
	out := map[string]int64{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		out[rel] = info.Size()
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func TestOpenFromPath(t *testing.T) {
	for _, name := range []string{"grype.tar.zst", "grype.tar.gz", "vulnerability.db"} {
		t.Run(name, func(t *testing.T) {
			path, checksum := archive(t, name, built)
			cache := t.TempDir()
			before := files(t, filepath.Dir(path))
			opt := vuln.DBOptions{CacheDir: cache, DB: path, Now: now}
			db, err := vuln.Open(t.Context(), opt)
			if err != nil {
				t.Fatal(err)
			}
			s := db.Status()
			if s.State != report.Done || !s.Built.Equal(built) || s.Source != "archive "+name || s.Reason != "" || !strings.HasPrefix(s.Schema, "v6.") {
				t.Errorf("status %+v", s)
			}
			if checksum != "" && s.Checksum != checksum {
				t.Errorf("checksum %s, want %s", s.Checksum, checksum)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(before, files(t, filepath.Dir(path))); diff != "" {
				t.Errorf("the place of the archive was written to:\n%s", diff)
			}

			// The second run uses what the first imported.
			imported := filepath.Join(cache, "grype-v6", strings.TrimPrefix(s.Checksum, "sha256:"), "import.json")
			first, err := os.Stat(imported)
			if err != nil {
				t.Fatal(err)
			}
			db, err = vuln.Open(t.Context(), opt)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			second, err := os.Stat(imported)
			if err != nil {
				t.Fatal(err)
			}
			if !os.SameFile(first, second) {
				t.Error("the second run imported again")
			}
			if diff := cmp.Diff(s, db.Status()); diff != "" {
				t.Errorf("status of the second run (-first +second):\n%s", diff)
			}
		})
	}
}

func TestOpenFromDirectory(t *testing.T) {
	path, _ := archive(t, "vulnerability.db", built)
	cache := t.TempDir()
	db, err := vuln.Open(t.Context(), vuln.DBOptions{CacheDir: cache, DB: path, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	sum := db.Status().Checksum
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	// The imported directory is as Grype keeps its own, with its record of the import.
	grypes := filepath.Join(cache, "grype-v6", strings.TrimPrefix(sum, "sha256:"))
	db, err = vuln.Open(t.Context(), vuln.DBOptions{CacheDir: t.TempDir(), DB: grypes, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if got := db.Status().Source; !strings.HasPrefix(got, "directory ") {
		t.Errorf("source %q", got)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	flip(t, filepath.Join(grypes, "vulnerability.db"))
	_, err = vuln.Open(t.Context(), vuln.DBOptions{CacheDir: t.TempDir(), DB: grypes, Now: now})
	wantFault(t, err, fault.Unavailable, "checksum")
	_, err = vuln.Open(t.Context(), vuln.DBOptions{CacheDir: t.TempDir(), DB: t.TempDir(), Now: now})
	wantFault(t, err, fault.Unavailable, "vulnerability.db")
}

// flip changes one byte in the middle of a file.
func flip(tb testing.TB, path string) {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	data[len(data)/2] ^= 0xff
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
}

func TestOpenWithoutCacheLeavesNothing(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	path, _ := archive(t, "grype.tar.zst", built)
	db, err := vuln.Open(t.Context(), vuln.DBOptions{DB: path, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := vuln.Open(t.Context(), vuln.DBOptions{DB: filepath.Join(tmp, "gone"), Now: now}); err == nil {
		t.Error("a database that is not there was opened")
	}
	if left := files(t, tmp); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOpenRepairsADamagedCache(t *testing.T) {
	path, checksum := archive(t, "grype.tar.zst", built)
	for _, tt := range []struct {
		name   string
		damage func(t *testing.T, dir string)
	}{
		{"byte_of_database", func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "vulnerability.db")) }},
		{"record_gone", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "import.json")); err != nil {
				t.Fatal(err)
			}
		}},
		{"database_gone", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "vulnerability.db")); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opt := vuln.DBOptions{CacheDir: t.TempDir(), DB: path, Now: now}
			db, err := vuln.Open(t.Context(), opt)
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			tt.damage(t, filepath.Join(opt.CacheDir, "grype-v6", strings.TrimPrefix(checksum, "sha256:")))
			db, err = vuln.Open(t.Context(), opt)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			m, err := db.Match(t.Context(), document(debian12, deb("openssl", "3.0.14-1", "", "")), vuln.MatchOptions{})
			if err != nil || len(m.Vulnerabilities) != 1 {
				t.Errorf("after the repair: %v, %v", m, err)
			}
		})
	}
}

func TestOpenAtTheSameTime(t *testing.T) {
	path, _ := archive(t, "grype.tar.zst", built)
	cache := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			db, err := vuln.Open(t.Context(), vuln.DBOptions{CacheDir: cache, DB: path, Now: now})
			if err != nil {
				t.Error(err)
				return
			}
			m, err := db.Match(t.Context(), document(debian12, deb("openssl", "3.0.14-1", "", "")), vuln.MatchOptions{})
			if err != nil || len(m.Vulnerabilities) != 1 {
				t.Errorf("match: %v, %v", m, err)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	entries, err := os.ReadDir(filepath.Join(cache, "grype-v6"))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("in the cache: %v, want one database", entries)
	}
}

func TestOpenEnds(t *testing.T) {
	path, _ := archive(t, "grype.tar.zst", built)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cache := t.TempDir()
	_, err := vuln.Open(ctx, vuln.DBOptions{CacheDir: cache, DB: path, Now: now})
	wantFault(t, err, fault.Interrupted, "canceled")
	if left := files(t, cache); len(left) != 0 {
		t.Errorf("left in the cache: %v", left)
	}
}

// The cache does not grow for ever: the databases that were used last stay.
func TestOpenPrunes(t *testing.T) {
	cache := t.TempDir()
	var last string
	for i := range 5 {
		path, checksum := archive(t, "grype.tar.zst", built.Add(time.Duration(i)*time.Minute))
		db, err := vuln.Open(t.Context(), vuln.DBOptions{CacheDir: cache, DB: path, Now: now.Add(time.Duration(i) * time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		last = checksum
	}
	entries, err := os.ReadDir(filepath.Join(cache, "grype-v6"))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 3 {
		t.Errorf("%d databases stay, want 3", len(entries))
	}
	if _, err := os.Stat(filepath.Join(cache, "grype-v6", strings.TrimPrefix(last, "sha256:"))); err != nil {
		t.Errorf("the newest is gone: %v", err)
	}
}
