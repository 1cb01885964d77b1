package image

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// list walks the whole file system and returns each path with what it is.
func list(t testing.TB, root fs.FS) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case p == ".":
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := fs.ReadLink(root, p)
			if err != nil {
				return err
			}
			out[p] = "-> " + target
		case info.Mode().IsRegular():
			b, err := fs.ReadFile(root, p)
			if err != nil {
				return err
			}
			out[p] = string(b)
		default:
			out[p] = info.Mode().Type().String()
		}
		return nil
	})
	if err != nil {
		t.Fatalf("walk: %v", err)
	}
	return out
}

func TestSquash(t *testing.T) {
	const dirMode = "d---------"
	for _, tt := range []struct {
		name   string
		layers [][]entry
		want   map[string]string
	}{
		{"upper_file_wins", [][]entry{
			{{name: "etc/"}, {name: "etc/a", body: "old"}, {name: "etc/b", body: "b"}},
			{{name: "etc/a", body: "new"}},
		}, map[string]string{"etc": dirMode, "etc/a": "new", "etc/b": "b"}},
		{"whiteout_of_a_file", [][]entry{
			{{name: "etc/"}, {name: "etc/a", body: "a"}, {name: "etc/b", body: "b"}},
			{{name: "etc/.wh.a"}},
		}, map[string]string{"etc": dirMode, "etc/b": "b"}},
		{"whiteout_of_a_directory", [][]entry{
			{{name: "var/"}, {name: "var/log/"}, {name: "var/log/a", body: "a"}},
			{{name: "var/.wh.log"}},
		}, map[string]string{"var": dirMode}},
		{"back_after_a_whiteout", [][]entry{
			{{name: "a", body: "1"}}, {{name: ".wh.a"}}, {{name: "a", body: "3"}},
		}, map[string]string{"a": "3"}},
		{"opaque_directory", [][]entry{
			{{name: "opt/"}, {name: "opt/old", body: "old"}, {name: "opt/sub/"}, {name: "opt/sub/x", body: "x"}},
			{{name: "opt/"}, {name: "opt/.wh..wh..opq"}, {name: "opt/new", body: "new"}},
		}, map[string]string{"opt": dirMode, "opt/new": "new"}},
		{"opaque_root", [][]entry{
			{{name: "a", body: "a"}}, {{name: ".wh..wh..opq"}, {name: "b", body: "b"}},
		}, map[string]string{"b": "b"}},
		{"whiteout_in_the_lowest_layer", [][]entry{
			{{name: "a", body: "a"}, {name: ".wh.b"}},
		}, map[string]string{"a": "a"}},
		{"file_over_a_directory", [][]entry{
			{{name: "x/"}, {name: "x/y", body: "y"}}, {{name: "x", body: "file"}},
		}, map[string]string{"x": "file"}},
		{"directory_over_a_file", [][]entry{
			{{name: "x", body: "file"}}, {{name: "x/"}, {name: "x/y", body: "y"}},
		}, map[string]string{"x": dirMode, "x/y": "y"}},
		{"no_entries_for_directories", [][]entry{
			{{name: "a/b/c", body: "c"}},
		}, map[string]string{"a": dirMode, "a/b": dirMode, "a/b/c": "c"}},
		{"dot_slash_names", [][]entry{
			{{name: "./"}, {name: "./etc/"}, {name: "./etc/a", body: "a"}},
		}, map[string]string{"etc": dirMode, "etc/a": "a"}},
		{"hard_link", [][]entry{
			{{name: "a", body: "same"}, {name: "b", kind: tar.TypeLink, link: "a"}},
		}, map[string]string{"a": "same", "b": "same"}},
		{"hard_link_into_a_lower_layer", [][]entry{
			{{name: "a", body: "same"}}, {{name: "b", kind: tar.TypeLink, link: "a"}},
		}, map[string]string{"a": "same", "b": "same"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var layers []stored
			for _, l := range tt.layers {
				layers = append(layers, gzipLayer(t, l...))
			}
			img := pull(t, Options{}, layers...)
			if diff := cmp.Diff(tt.want, list(t, img.RootFS())); diff != "" {
				t.Errorf("root file system (-want +got):\n%s", diff)
			}
			if err := fstest.TestFS(img.RootFS(), slices.Collect(maps.Keys(tt.want))...); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSymlinks(t *testing.T) {
	link := func(name, target string) entry { return entry{name: name, kind: tar.TypeSymlink, link: target} }
	img := pull(t, Options{}, gzipLayer(t,
		entry{name: "usr/lib/os-release", body: "ID=x"}, entry{name: "etc/"},
		link("etc/os-release", "../usr/lib/os-release"), link("absolute", "/usr/lib/os-release"),
		link("lib", "usr/lib"), link("up", "../../../../usr/lib"), link("chain", "lib/../../absolute"),
		link("self", "self"), link("ping", "pong"), link("pong", "ping"), link("dead", "/no/such"),
		link("root", "/"), link("through", "/usr/lib/os-release/x"), link("empty", "x/../usr"),
		entry{name: "hard", kind: tar.TypeLink, link: "/etc/shadow"},
	))
	root := img.RootFS()
	for name, want := range map[string]string{
		"etc/os-release": "ID=x", "absolute": "ID=x", "lib/os-release": "ID=x", "up/os-release": "ID=x", "chain": "ID=x",
		"root/root/root/lib/os-release": "ID=x",
	} {
		if got, err := fs.ReadFile(root, name); err != nil || string(got) != want {
			t.Errorf("ReadFile(%q) = %q, %v, want %q", name, got, err, want)
		}
	}
	for name, want := range map[string]error{
		"self": errLoop, "ping": errLoop, "ping/x": errLoop, "dead": fs.ErrNotExist, "through": errNotDir,
		"empty": fs.ErrNotExist, "no": fs.ErrNotExist, "absolute/x": errNotDir,
		"/etc": fs.ErrInvalid, "../etc": fs.ErrInvalid, "": fs.ErrInvalid, "etc//os-release": fs.ErrInvalid, "etc/./x": fs.ErrInvalid,
	} {
		if _, err := root.Open(name); !errors.Is(err, want) {
			t.Errorf("Open(%q): %v, want %v", name, err, want)
		}
		var path *fs.PathError
		if _, err := fs.Stat(root, name); !errors.As(err, &path) || path.Path != name {
			t.Errorf("Stat(%q): %v, want a *fs.PathError with that path", name, err)
		}
	}
	if got, err := fs.ReadLink(root, "self"); got != "self" || err != nil {
		t.Errorf("ReadLink(self) = %q, %v", got, err)
	}
	if _, err := fs.ReadLink(root, "etc"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("ReadLink(etc): %v, want %v", err, fs.ErrInvalid)
	}
	if got, err := fs.Lstat(root, "ping"); err != nil || got.Mode()&fs.ModeSymlink == 0 || got.Name() != "ping" {
		t.Errorf("Lstat(ping) = %v, %v, want a link", got, err)
	}
	if got, err := fs.ReadDir(root, "lib"); err != nil || len(got) != 1 || got[0].Name() != "os-release" {
		t.Errorf("ReadDir(lib) = %v, %v", got, err)
	}
	if _, err := fs.ReadDir(root, "absolute"); !errors.Is(err, errNotDir) {
		t.Errorf("ReadDir(absolute): %v, want %v", err, errNotDir)
	}
	if got, err := fs.ReadFile(root, "hard"); err != nil || len(got) != 0 {
		t.Errorf("a hard link to nothing holds %q (%v), want nothing", got, err)
	}
}

func TestModes(t *testing.T) {
	img := pull(t, Options{}, gzipLayer(t,
		entry{name: "bin/su", body: "#!", mode: 0o4755}, entry{name: "bin/wall", body: "#!", mode: 0o2755, uid: 7},
		entry{name: "tmp/", mode: 0o1777}, entry{name: "dev/null", kind: tar.TypeChar, mode: 0o666},
		entry{name: "dev/sda", kind: tar.TypeBlock}, entry{name: "run/pipe", kind: tar.TypeFifo},
		entry{name: "liar", body: "x", mode: 0o040755}, // the mode says directory, the entry is a file
		entry{name: "bin/ping", body: "#!", pax: map[string]string{xattr + "security.capability": "\x01\x00\x00\x02"}},
	))
	for name, want := range map[string]fs.FileMode{
		"bin/su": fs.ModeSetuid | 0o755, "bin/wall": fs.ModeSetgid | 0o755, "tmp": fs.ModeDir | fs.ModeSticky | 0o777,
		"dev/null": fs.ModeDevice | fs.ModeCharDevice | 0o666, "dev/sda": fs.ModeDevice | 0o644, "run/pipe": fs.ModeNamedPipe | 0o644,
		"liar": 0o755, "bin": fs.ModeDir | 0o755, ".": fs.ModeDir | 0o755,
	} {
		info, err := fs.Stat(img.RootFS(), name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode(); got != want {
			t.Errorf("mode of %s is %v, want %v", name, got, want)
		}
	}
	stat := func(name string) *Stat {
		info, err := fs.Stat(img.RootFS(), name)
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*Stat)
	}
	if diff := cmp.Diff(&Stat{UID: 7, GID: 7}, stat("bin/wall")); diff != "" {
		t.Errorf("stat of bin/wall (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&Stat{Layer: -1}, stat("bin")); diff != "" {
		t.Errorf("stat of an implied directory (-want +got):\n%s", diff)
	}
	if got := stat("bin/ping").Xattrs["security.capability"]; got != "\x01\x00\x00\x02" {
		t.Errorf("capability of bin/ping is %q", got)
	}
	f, err := img.RootFS().Open("dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Read(make([]byte, 1)); !errors.Is(err, errDevice) {
		t.Errorf("a device can be read: %v", err)
	}
}

// Names that want to leave the root end inside it; nothing is written under any of them.
func TestHostileNames(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	img := pull(t, Options{}, gzipLayer(t,
		entry{name: "../../../../../../" + outside, body: "escaped"},
		entry{name: outside, body: "escaped"},
		entry{name: "a/../../b", body: "b"},
		entry{name: "out", kind: tar.TypeSymlink, link: "../../../../../../../../" + outside},
		entry{name: "host", kind: tar.TypeSymlink, link: "/etc/hostname"},
		entry{name: "hard", kind: tar.TypeLink, link: "../../../../../etc/hostname"},
		entry{name: "dup", body: "first"}, entry{name: "dup", body: "second"},
		entry{name: "relink", kind: tar.TypeSymlink, link: "dup"}, entry{name: "relink", kind: tar.TypeSymlink, link: "b"},
		entry{name: "bad\xffutf8/s\xffid", body: "hidden", mode: 0o4755},
		entry{name: " space ", body: "s"}, entry{name: strings.Repeat("n", 255), body: "long"},
		entry{name: "new\nline", body: "nl"}, entry{name: `back\slash`, body: "bs"},
	))
	if _, err := os.Lstat(outside); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s exists on the host: %v", outside, err)
	}
	root := img.RootFS()
	for name, want := range map[string]string{
		"b": "b", "dup": "second", "relink": "b", "out": "escaped", "bad\xffutf8/s\xffid": "hidden", " space ": "s",
		strings.Repeat("n", 255): "long", "new\nline": "nl", `back\slash`: "bs",
	} {
		if got, err := fs.ReadFile(root, name); err != nil || string(got) != want {
			t.Errorf("ReadFile(%q) = %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"host", "etc/hostname"} {
		if b, err := fs.ReadFile(root, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("ReadFile(%q) = %q, %v: this is the host's file", name, b, err)
		}
	}
	found := list(t, root)
	if found["bad\xffutf8/s\xffid"] != "hidden" {
		t.Error("a walk does not see a file whose name is not UTF-8")
	}
}

func TestSeekAndReadAt(t *testing.T) {
	img := pull(t, Options{}, gzipLayer(t, entry{name: "f", body: "0123456789"}))
	f, err := img.RootFS().Open("f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at := make([]byte, 3)
	if _, err := f.(io.ReaderAt).ReadAt(at, 4); err != nil || string(at) != "456" {
		t.Errorf("ReadAt = %q, %v", at, err)
	}
	if _, err := f.(io.Seeker).Seek(-2, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(f); err != nil || string(rest) != "89" {
		t.Errorf("after Seek: %q, %v", rest, err)
	}
}

// shared returns the blobs and the input of a real image.
func shared(t testing.TB, name string) (Blobs, Input) {
	t.Helper()
	dir := filepath.Join("../../../shared/data/images", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no shared test data: %v", err)
	}
	idx, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := idx.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for m.Manifests[0].MediaType.IsIndex() {
		if idx, err = idx.ImageIndex(m.Manifests[0].Digest); err != nil {
			t.Fatal(err)
		}
		if m, err = idx.IndexManifest(); err != nil {
			t.Fatal(err)
		}
	}
	img, err := idx.Image(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return imageBlobs(t, img)
}

// imageBlobs serves the layers of any image from memory.
func imageBlobs(t testing.TB, img v1.Image) (*memory, Input) {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	held := hold()
	for _, l := range layers {
		rc, err := l.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(rc)
		if err := errors.Join(err, rc.Close()); err != nil {
			t.Fatal(err)
		}
		held.blobs[digestOf(b)] = b
	}
	in := Input{}
	var errs [4]error
	in.Manifest, errs[0] = img.Manifest()
	in.ManifestRaw, errs[1] = img.RawManifest()
	in.Config, errs[2] = img.ConfigFile()
	in.ConfigRaw, errs[3] = img.RawConfigFile()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return held, in
}

func TestRealImages(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"debian-12-slim", "etc/debian_version", "12"},
		{"debian-13-slim", "var/lib/dpkg/status", "Package: "},
		{"alpine-3.18.9", "etc/alpine-release", "3.18.9"},
		{"alpine-3.20.3", "lib/apk/db/installed", "P:"},
		{"busybox-1.38.0-musl", "bin/sh", "\x7fELF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			blobs, in := shared(t, tt.name)
			img, err := Pull(t.Context(), blobs, in, Options{TempDir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			defer img.Close()
			b, err := fs.ReadFile(img.RootFS(), tt.file)
			if err != nil || !strings.Contains(string(b[:min(len(b), 1<<16)]), tt.want) {
				t.Errorf("ReadFile(%s) = %.40q, %v, want it to hold %q", tt.file, b, err, tt.want)
			}
			n := 0
			err = fs.WalkDir(img.RootFS(), ".", func(p string, d fs.DirEntry, err error) error {
				n++
				return err
			})
			if entries := img.Layers()[0].Entries; err != nil || int64(n) < entries/2 {
				t.Errorf("a walk finds %d files of %d entries (%v)", n, entries, err)
			}
			if l, ok := img.LayerOf(tt.file); !ok || l.DiffID != in.Config.RootFS.DiffIDs[l.Index] {
				t.Errorf("LayerOf(%s) = %+v, %t", tt.file, l, ok)
			}
		})
	}
}
