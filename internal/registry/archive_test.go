package registry

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/fault"
)

type file struct{ name, content, link string }

// tarOf writes an archive.
func tarOf(t testing.TB, files []file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.content)), Typeflag: tar.TypeReg}
		if f.link != "" {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, f.link, 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tarFile(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// legacy is what docker save wrote before version 25: two layers, of which the second
// is a link to a file kept elsewhere in the archive.
func legacy(t testing.TB, change func([]file) []file) []byte {
	t.Helper()
	a, b := tarOf(t, []file{{name: "etc/a", content: "a"}}), tarOf(t, []file{{name: "etc/b", content: "b"}})
	config := `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["` + sum(a).String() + `","` + sum(b).String() + `"]}}`
	name := sum([]byte(config)).Hex + ".json"
	files := []file{
		{name: "1/layer.tar", content: string(a)},
		{name: "2/layer.tar", link: "../kept/b.tar"},
		{name: "kept/b.tar", content: string(b)},
		{name: name, content: config},
		{name: "manifest.json", content: `[{"Config":"` + name + `","RepoTags":["app:1.0"],"Layers":["1/layer.tar","2/layer.tar"]}]`},
	}
	if change != nil {
		files = change(files)
	}
	return tarOf(t, files)
}

func readImage(t *testing.T, img *Image) {
	t.Helper()
	m, err := img.Manifest(t.Context(), amd64)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range m.Manifest.Layers {
		b, err := readAll(t, img, d)
		if err != nil || sum(b) != d.Digest {
			t.Errorf("layer %d: %d bytes, %v", i, len(b), err)
		}
	}
}

func TestDockerArchive(t *testing.T) {
	raw := legacy(t, nil)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(raw); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	for n, content := range map[string][]byte{"tar": raw, "tar_gzip": zipped.Bytes()} {
		t.Run(n, func(t *testing.T) {
			opt := options()
			opt.TempDir = t.TempDir()
			path := tarFile(t, content)
			for _, ref := range []string{path, path + ":app:1.0", path + ":1.0"} {
				img, err := Open(t.Context(), "docker-archive:"+ref, opt)
				if err != nil {
					t.Fatal(err)
				}
				if img.Source != SourceDockerArchive || img.Root.MediaType != types.OCIManifestSchema1 {
					t.Errorf("source %q, root %v", img.Source, img.Root)
				}
				readImage(t, img)
				if _, _, err := img.Stores(t.Context())[0].Referrers(t.Context(), img.Root.Digest); !errors.Is(err, errors.ErrUnsupported) {
					t.Errorf("Referrers = %v, want errors.ErrUnsupported", err)
				}
				if err := img.Close(); err != nil {
					t.Error(err)
				}
			}
			if left, err := os.ReadDir(opt.TempDir); err != nil || len(left) != 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

func TestDockerArchiveOfOtherTools(t *testing.T) {
	img := newImage(t, amd64, 1000, 3) // written with compressed layers
	tag, err := name.NewTag("registry.example/app:1.0")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := tarball.WriteToFile(path, tag, img); err != nil {
		t.Fatal(err)
	}
	got := mustOpen(t, "docker-archive:"+path, options())
	readImage(t, got)
	m, err := got.Manifest(t.Context(), amd64)
	if err != nil || m.Manifest.Layers[0].MediaType != types.OCILayer {
		t.Errorf("layers = %v %v, want them known as gzip", m.Manifest.Layers, err)
	}
	if want, _ := img.ConfigName(); m.Manifest.Config.Digest != want {
		t.Errorf("config = %s, want %s", m.Manifest.Config.Digest, want)
	}
}

// TestArchiveIsALayout reads what Docker 25 and later write: a layout in a tar.
func TestArchiveIsALayout(t *testing.T) {
	idx := newIndex(t, "")
	dir, p := newLayout(t, idx, map[string]string{annotationImageName: "docker.io/library/app:1.0", annotationRefName: "1.0"})
	m, err := idx.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	addManifest(t, p, types.OCIManifestSchema1, referrer(t, m.Manifests[0], "x", "y"), nil)
	var files []file
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files = append(files, file{name: "./" + filepath.ToSlash(rel), content: string(b)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	img := mustOpen(t, "docker-archive:"+tarFile(t, tarOf(t, files))+":app:1.0", options())
	if want, _ := idx.Digest(); img.Root.Digest != want || len(platforms(t, img)) != 2 {
		t.Errorf("root = %v, want the registry's own digest %s", img.Root, want)
	}
	readImage(t, img)
	if list, via, err := img.Stores(t.Context())[0].Referrers(t.Context(), m.Manifests[0].Digest); err != nil || len(list) != 1 || via != ViaLayout {
		t.Errorf("Referrers = %v %q %v, want one", list, via, err)
	}
}

func TestDockerArchiveTampered(t *testing.T) {
	replace := func(name, old, with string) func([]file) []file {
		return func(files []file) []file {
			for i := range files {
				if strings.HasSuffix(files[i].name, name) {
					files[i].content = strings.Replace(files[i].content, old, with, 1)
				}
			}
			return files
		}
	}
	for _, tt := range []struct {
		name   string
		change func([]file) []file
		want   string
	}{
		{"layer_changed", replace("1/layer.tar", "etc/a", "etc/x"), "does not match"},
		{"config_changed", replace(".json", `"linux"`, `"linvx"`), "does not match"},
		{"layer_missing", func(f []file) []file { return f[1:] }, "not in the archive"},
		{"manifest_missing", func(f []file) []file { return f[:4] }, "no image archive"},
		{"link_in_a_circle", func(f []file) []file { f[2] = file{name: "kept/b.tar", link: "../2/layer.tar"}; return f }, "too many links"},
		{"link_out", func(f []file) []file { f[1].link = "../../../../etc/passwd"; return f }, "not in the archive"},
		{"manifest_twice", func(f []file) []file { return append(f, f[4]) }, "occurs twice"},
		{"layer_left_out_of_the_list", replace("manifest.json", `"1/layer.tar",`, ``), "names 2 layers"},
		{"two_images", replace("manifest.json", `[{`, `[{"Config":"x","RepoTags":["b:1"]},{`), "holds 2 images"},
		{"no_images", replace("manifest.json", `[{`, `[]#`), "JSON"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			img, err := Open(t.Context(), "docker-archive:"+tarFile(t, legacy(t, tt.change)), options())
			if err == nil {
				defer img.Close()
				m, merr := img.Manifest(t.Context(), amd64)
				if merr != nil {
					t.Fatal(merr)
				}
				_, err = readAll(t, img, m.Manifest.Layers[0])
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestDockerArchiveLimits(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(make([]byte, 10<<20)); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	opt := options()
	opt.MaxArchive, opt.TempDir = 1<<20, t.TempDir()
	_, err := Open(t.Context(), "docker-archive:"+tarFile(t, bomb.Bytes()), opt)
	var limit *LimitError
	if !errors.As(err, &limit) || limit.Limit != "MaxArchive" {
		t.Errorf("a gzip bomb: %v, want the limit MaxArchive", err)
	}
	if left, err := os.ReadDir(opt.TempDir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	for n, content := range map[string][]byte{"empty": nil, "no_tar": []byte(strings.Repeat("x", 2000)), "cut": legacy(t, nil)[:3000]} {
		if _, err := Open(t.Context(), "docker-archive:"+tarFile(t, content), options()); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("%s: %v with code %d, want Unavailable", n, err, fault.CodeOf(err))
		}
	}
	if _, err := Open(t.Context(), "docker-archive:"+t.TempDir(), options()); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a directory: %v, want Usage", err)
	}
}

func FuzzArchive(f *testing.F) {
	f.Add(legacy(f, nil))
	f.Add(tarOf(f, []file{{name: "index.json", content: `{"manifests":[` + descA + `]}`}, {name: "oci-layout", content: `{"imageLayoutVersion":"1.0.0"}`}}))
	f.Add([]byte{0x1f, 0x8b, 8})
	f.Fuzz(func(t *testing.T, raw []byte) {
		opt := options()
		opt.MaxArchive = 1 << 20
		img, err := Open(t.Context(), "docker-archive:"+tarFile(t, raw), opt)
		if err != nil {
			return
		}
		defer img.Close()
		for _, p := range platforms(t, img) {
			m, err := img.Manifest(t.Context(), p)
			if err != nil {
				continue
			}
			for _, d := range append([]v1.Descriptor{m.Manifest.Config}, m.Manifest.Layers...) {
				if b, err := readAll(t, img, d); err == nil && sum(b) != d.Digest {
					t.Fatalf("%s came out as %s", d.Digest, sum(b))
				}
			}
		}
	})
}
