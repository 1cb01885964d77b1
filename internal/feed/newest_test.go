package feed

import (
	"bytes"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/fetch"
	"github.com/imagegate/imagegate/internal/testkit"
)

// open opens the newest commit and reads all of it.
func openNewest(t *testing.T, location, cache string) (*Repository, error) {
	t.Helper()
	r, err := Newest(t.Context(), location, Options{Client: fetch.New(fetch.Options{RetryWait: time.Millisecond}), CacheDir: cache, TempDir: t.TempDir(), Now: time.Now()})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = r.Close() })
	names, err := r.List(t.Context(), ".")
	if err != nil || len(names) != len(repository().Files) {
		t.Fatalf("files %q, %v", names, err)
	}
	for _, name := range names {
		data, err := r.Read(name)
		if err != nil || !bytes.Equal(data, repository().Files[name]) {
			t.Fatalf("%s is %q, %v", name, data, err)
		}
	}
	return r, nil
}

// TestNewest: what is cached by commit costs one request, and is believed only where it is
// what its names say.
func TestNewest(t *testing.T) {
	server, err := repository().Serve()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	const lookup, fetched = "GET /vendor/advisories.git/info/refs", "POST /vendor/advisories.git/git-upload-pack"
	each := func(t *testing.T, pattern string, do func(name string) error) {
		t.Helper()
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		for _, name := range names {
			if err := do(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	other := testkit.Git{Made: made, Files: map[string][]byte{"osv/a/1.json": []byte("another")}}
	for _, tt := range []struct {
		name   string
		tamper func(t *testing.T, dir string)
		want   string
	}{
		{"unchanged", func(*testing.T, string) {}, lookup},
		{"nothing_is_there", func(t *testing.T, dir string) { each(t, dir, os.RemoveAll) }, lookup + " " + fetched},
		{"folder_is_empty", func(t *testing.T, dir string) { each(t, filepath.Join(dir, "objects"), os.RemoveAll) }, lookup + " " + fetched},
		{"pack_is_gone", func(t *testing.T, dir string) { each(t, filepath.Join(dir, "objects", "pack", "*.pack"), os.Remove) }, lookup + " " + fetched},
		{"index_is_gone", func(t *testing.T, dir string) { each(t, filepath.Join(dir, "objects", "pack", "*.idx"), os.Remove) }, lookup + " " + fetched},
		{"pack_is_cut", func(t *testing.T, dir string) {
			each(t, filepath.Join(dir, "objects", "pack", "*.pack"), func(name string) error { return os.Truncate(name, 60) })
		}, lookup + " " + fetched},
		{"a_byte_is_flipped", func(t *testing.T, dir string) {
			each(t, filepath.Join(dir, "objects", "pack", "*.pack"), func(name string) error {
				data, err := os.ReadFile(name)
				if err == nil {
					data[len(data)/2] ^= 1
					err = os.WriteFile(name, data, 0o644)
				}
				return err
			})
		}, lookup + " " + fetched},
		{"objects_of_another_commit", func(t *testing.T, dir string) {
			each(t, dir, os.RemoveAll)
			if _, err := other.Checkout(dir); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(dir, ".git", "objects"), filepath.Join(dir, "objects")); err != nil {
				t.Fatal(err)
			}
		}, lookup + " " + fetched},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cache := filepath.Join(t.TempDir(), "cache")
			r, err := openNewest(t, server.URL(), cache)
			if err != nil || r.Commit() != server.Commit() || !r.Made().Equal(made) {
				t.Fatal(r, err)
			}
			server.Asked()
			tt.tamper(t, filepath.Join(cache, server.Commit()))
			if _, err := openNewest(t, server.URL(), cache); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(server.Asked(), " "); got != tt.want {
				t.Errorf("asked %s, want %s", got, tt.want)
			}
		})
	}
}

// TestNewestKeepsOneCommit: an older commit is removed once nobody reads it, what the run
// did not put into the folder stays, and without a cache nothing is left.
func TestNewestKeepsOneCommit(t *testing.T) {
	old := repository()
	old.Made = made.Add(-time.Hour)
	server, err := old.Serve()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	cache := t.TempDir()
	if _, err := openNewest(t, server.URL(), cache); err != nil {
		t.Fatal(err)
	}
	before := server.Commit()
	long := time.Now().Add(-2 * time.Hour)
	foreign := []string{"README.md", "fetch-all.d", "my-notes", strings.Repeat("ab", 20)} // the last is a file
	for _, name := range []string{"fetch-all.d", "fetch-123", "my-notes"} {
		if err := os.Mkdir(filepath.Join(cache, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{foreign[0], foreign[3]} {
		if err := os.WriteFile(filepath.Join(cache, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range append(foreign, before, "fetch-123") {
		if err := os.Chtimes(filepath.Join(cache, name), long, long); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.Publish(repository()); err != nil {
		t.Fatal(err)
	}
	r, err := openNewest(t, server.URL(), cache)
	if err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(cache)
	got := map[string]bool{}
	for _, e := range left {
		got[e.Name()] = true
	}
	if err != nil || len(got) != 1+len(foreign) || !got[r.Commit()] || r.Commit() == before {
		t.Errorf("the cache has %v, %v", left, err)
	}
	for _, name := range foreign {
		if !got[name] {
			t.Errorf("%s was removed", name)
		}
	}
	temp := t.TempDir()
	r, err = Newest(t.Context(), server.URL(), Options{Client: fetch.New(fetch.Options{}), TempDir: temp})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err = os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// TestNewestOfSeveralRuns: runs beside each other may share a cache.
func TestNewestOfSeveralRuns(t *testing.T) {
	server, err := repository().Serve()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	cache := t.TempDir()
	var runs errgroup.Group
	for range 8 {
		runs.Go(func() error {
			r, err := Newest(t.Context(), server.URL(), Options{Client: fetch.New(fetch.Options{}), CacheDir: cache, Now: time.Now()})
			if err == nil {
				_, err = r.Read("osv/a/1.json")
			}
			return err
		})
	}
	if err := runs.Wait(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(cache); err != nil || len(left) != 1 {
		t.Errorf("the cache has %v, %v", left, err)
	}
}

func TestNewestFails(t *testing.T) {
	server, err := repository().Serve()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, tt := range []struct {
		name, location, want string
		status               int
		code                 fault.Code
	}{
		{"refused", server.URL(), "403", http.StatusForbidden, fault.Unavailable},
		{"overloaded", server.URL(), "503", http.StatusServiceUnavailable, fault.Unavailable},
		{"no_repository", server.URL() + "-none", "404", 0, fault.Unavailable},
		{"not_https", "http://files.example/vendor/advisories", "not https", 0, fault.Usage},
		{"no_url", "https://%zz", "invalid URL escape", 0, fault.Usage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server.Refuse(tt.status)
			if _, err := openNewest(t, tt.location, t.TempDir()); err == nil || !strings.Contains(err.Error(), tt.want) || fault.CodeOf(err) != tt.code {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
	defer page.Close()
	if _, err := openNewest(t, page.URL, t.TempDir()); err == nil || !strings.Contains(err.Error(), "list of branches") {
		t.Errorf("a page: err = %v", err)
	}
}

// TestNewestOfGit asks git's own server.
func TestNewestOfGit(t *testing.T) {
	dir, commit := newCheckout(t)
	run(t, dir, "config", "http.uploadpack", "true")
	if err := os.WriteFile(filepath.Join(dir, ".git", "git-daemon-export-ok"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	path, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := filepath.Join(strings.TrimSpace(string(path)), "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		t.Skip("git's server is not here")
	}
	server := httptest.NewServer(&cgi.Handler{Path: backend, Env: []string{
		"GIT_PROJECT_ROOT=" + filepath.Dir(dir), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}})
	defer server.Close()
	if err := os.Rename(dir, dir+".git"); err != nil {
		t.Fatal(err)
	}
	r, err := openNewest(t, server.URL+"/advisories", t.TempDir())
	if err != nil || r.Commit() != commit {
		t.Errorf("commit %v, %v", r, err)
	}
}
