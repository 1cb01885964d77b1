package feed

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/testkit"
)

var made = time.Date(2026, 4, 30, 12, 0, 0, 0, time.UTC)

func repository() testkit.Git {
	return testkit.Git{Made: made, Files: map[string][]byte{
		"index.json": []byte(`{"packages": []}`), "osv/a/1.json": []byte("one"), "osv/a/1.json.sig": []byte("signed"), "osv/b/2.json": []byte("two"),
		"vex/python/dhi-python.vex.json": []byte("of the image"), "vex/python/dhi-python.vex.json.sig": []byte("its signature"),
	}}
}

// newCheckout writes the repository into a folder of its own.
func newCheckout(t *testing.T) (dir, commit string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "advisories")
	commit, err := repository().Checkout(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, commit
}

// run runs git, away from the configuration of this machine.
func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not here")
	}
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "protocol.file.allow=always", "-c", "safe.directory=*"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_ALLOW_PROTOCOL=file")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
}

// TestCheckoutIsTheCommit: whatever becomes of the work tree, and however git keeps the
// objects, what is read is what the commit holds, or it is an error.
func TestCheckoutIsTheCommit(t *testing.T) {
	edit := func(t *testing.T, dir string) {
		t.Helper()
		for name, text := range map[string]string{"osv/a/1.json": "edited", "osv/b/2.json": "", "osv/c/3.json": "added"} {
			name = filepath.Join(dir, filepath.FromSlash(name))
			err := os.MkdirAll(filepath.Dir(name), 0o755)
			if err == nil && text == "" {
				err = os.Remove(name)
			} else if err == nil {
				err = os.WriteFile(name, []byte(text), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(t *testing.T, pattern string) {
		t.Helper()
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		for _, name := range names {
			if err := os.RemoveAll(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	const blob, two = "43dd47ea691c90a5fa7827892c70241913351963", "64c5e5885a4b06010b3a0c20edb7900dd0311025" // "one" and "two"
	clone := func(t *testing.T, dir string, flags ...string) string {
		t.Helper()
		to := filepath.Join(t.TempDir(), "clone")
		run(t, dir, "config", "uploadpack.allowFilter", "true")
		run(t, dir, append(append([]string{"clone", "-q"}, flags...), "file://"+dir, to)...)
		return to
	}
	for _, tt := range []struct {
		name string
		make func(t *testing.T, dir string) string // returns the folder to read
		want string                                // what the error says; "" for none
	}{
		{"as_cloned", func(_ *testing.T, dir string) string { return dir }, ""},
		{"work_tree_edited", func(t *testing.T, dir string) string { edit(t, dir); return dir }, ""},
		{"work_tree_gone", func(t *testing.T, dir string) string { remove(t, filepath.Join(dir, "osv")); return dir }, ""},
		{"packed", func(t *testing.T, dir string) string {
			run(t, dir, "gc", "-q")
			edit(t, dir)
			return dir
		}, ""},
		{"shallow", func(t *testing.T, dir string) string { return clone(t, dir, "--depth", "1") }, ""},
		{"detached", func(t *testing.T, dir string) string {
			run(t, dir, "reset", "-q")
			run(t, dir, "checkout", "-q", "--detach")
			return dir
		}, ""},
		{"objects_of_another_repository", func(t *testing.T, dir string) string {
			to := filepath.Join(t.TempDir(), "clone")
			run(t, dir, "clone", "-q", "--shared", dir, to)
			return to
		}, ""},
		{"objects_of_another_repository_by_a_relative_path", func(t *testing.T, dir string) string {
			to := dir + "-clone"
			run(t, dir, "clone", "-q", "--shared", dir, to)
			if err := os.WriteFile(filepath.Join(to, ".git", "objects", "info", "alternates"), []byte("../../../advisories/.git/objects\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			return to
		}, ""},
		{"worktree", func(t *testing.T, dir string) string {
			to := filepath.Join(t.TempDir(), "worktree")
			run(t, dir, "worktree", "add", "-q", to)
			edit(t, to)
			return to
		}, ""},
		{"submodule", func(t *testing.T, dir string) string {
			super := t.TempDir()
			run(t, super, "init", "-q")
			run(t, super, "submodule", "add", "-q", dir, "sub")
			return filepath.Join(super, "sub")
		}, ""},
		{"sparse", func(t *testing.T, dir string) string {
			to := clone(t, dir, "--no-checkout")
			run(t, to, "sparse-checkout", "set", "vex")
			run(t, to, "checkout", "-q")
			return to
		}, ""},
		{"partial_and_checked_out", func(t *testing.T, dir string) string { return clone(t, dir, "--filter=blob:none") }, ""},
		{"partial", func(t *testing.T, dir string) string { return clone(t, dir, "--filter=blob:none", "--no-checkout") }, "does not hold this object"},
		{"object_gone", func(t *testing.T, dir string) string {
			remove(t, filepath.Join(dir, ".git", "objects", blob[:2], blob[2:]))
			return dir
		}, "object " + blob},
		{"object_in_place_of_another", func(t *testing.T, dir string) string {
			other, err := os.ReadFile(filepath.Join(dir, ".git", "objects", two[:2], two[2:]))
			if err != nil {
				t.Fatal(err)
			}
			at := filepath.Join(dir, ".git", "objects", blob[:2], blob[2:])
			remove(t, at)
			if err := os.WriteFile(at, other, 0o644); err != nil {
				t.Fatal(err)
			}
			return dir
		}, "object " + blob},
		{"folder_gone", func(t *testing.T, dir string) string {
			remove(t, filepath.Join(dir, ".git", "objects", "??"))
			return dir
		}, "does not hold this object"},
		{"no_commit", func(t *testing.T, dir string) string {
			remove(t, filepath.Join(dir, ".git", "refs", "heads", "*"))
			return dir
		}, "which commit"},
		{"named_by_sha256", func(t *testing.T, dir string) string {
			if err := os.WriteFile(filepath.Join(dir, ".git", "HEAD"), []byte(strings.Repeat("ab", 32)), 0o644); err != nil {
				t.Fatal(err)
			}
			return dir
		}, "SHA-256"},
		{"git_file_that_leads_nowhere", func(t *testing.T, _ string) string {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, ".git"), []byte("gitdir: ../none\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			return dir
		}, "find the commit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, commit := newCheckout(t)
			dir = tt.make(t, dir)
			if !IsCheckout(dir) {
				t.Fatal("it is no checkout")
			}
			got := map[string]string{}
			r, err := Checkout(dir)
			var names []string
			if err == nil {
				names, err = r.List(t.Context(), "osv")
			}
			for _, name := range names {
				data, readErr := r.Read(name)
				if got[name] = string(data); readErr != nil {
					err = readErr
				}
			}
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || r == nil && fault.CodeOf(err) != fault.Unavailable {
					t.Fatalf("err = %v, want %q", err, tt.want)
				}
				return
			}
			if err != nil || len(got) != 3 || got["osv/a/1.json"] != "one" || got["osv/b/2.json"] != "two" {
				t.Fatalf("files are %q, %v", got, err)
			}
			if r.Commit() != commit || !r.Made().Equal(made) {
				t.Errorf("commit %s of %s, want %s of %s", r.Commit(), r.Made(), commit, made)
			}
			for _, none := range []string{"osv/c/3.json", "osv/a", "osv/a/1.json/x", "../advisories/index.json"} {
				if data, err := r.Read(none); err == nil {
					t.Errorf("%s is %q", none, data)
				}
			}
			if _, err := r.Read("osv/c/3.json"); err != fs.ErrNotExist || r.Has("pkg") || !r.Has("osv") {
				t.Errorf("a file that the commit does not have: %v", err)
			}
		})
	}
}

// TestListIsBounded: folders of folders that hold nothing count like files, and the walk
// ends with the run.
func TestListIsBounded(t *testing.T) {
	dir, _ := newCheckout(t)
	objects := filesystem.NewStorage(osfs.New(filepath.Join(dir, ".git")), cache.NewObjectLRUDefault())
	put := func(o interface {
		Encode(plumbing.EncodedObject) error
	}) plumbing.Hash {
		e := objects.NewEncodedObject()
		err := o.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		h, err := objects.SetEncodedObject(e)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	tree := put(&object.Tree{})
	for range 7 {
		level := &object.Tree{}
		for i := range 10 {
			level.Entries = append(level.Entries, object.TreeEntry{Name: strconv.Itoa(i), Mode: filemode.Dir, Hash: tree})
		}
		tree = put(level)
	}
	r, err := openAt(openStore(filepath.Join(dir, ".git")), put(&object.Commit{TreeHash: tree}).String())
	if err != nil {
		t.Fatal(err)
	}
	if names, err := r.List(t.Context(), "."); err == nil || !strings.Contains(err.Error(), "more than 1000000 files and folders") {
		t.Errorf("%d names, %v", len(names), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if names, err := r.List(ctx, "."); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the run: %d names, %v", len(names), err)
	}
}
