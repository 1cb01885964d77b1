package image

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anchore/stereoscope/pkg/file"
)

// withParents adds an entry for each directory that the names imply, before its content.
func withParents(entries []entry) (out []entry) {
	known := map[string]bool{}
	for _, e := range entries {
		known[strings.TrimSuffix(e.name, "/")] = true
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.name, "/")
		for i, c := range name {
			if c == '/' && !known[name[:i]] {
				known[name[:i]] = true
				out = append(out, entry{name: name[:i] + "/", mode: 0o755})
			}
		}
		out = append(out, e)
	}
	return out
}

// indexOf lists what Syft can find: every path of the index with its type and layer, and
// what each glob finds.
func indexOf(t *testing.T, img *Image, globs ...string) (out []string) {
	t.Helper()
	s := img.Stereoscope()
	for _, ref := range s.SquashedTree().AllFiles(file.AllTypes()...) {
		m, err := s.FileCatalog.Get(ref)
		if err != nil {
			t.Fatalf("%s: %v", ref.RealPath, err)
		}
		out = append(out, string(ref.RealPath)+" "+m.Type.String()+" "+s.FileCatalog.Layer(ref).Metadata.Digest)
	}
	for _, g := range globs {
		found, err := s.SquashedSearchContext.SearchByGlob(g)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			out = append(out, g+" = "+string(f.RequestPath))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Layers need no entries for directories: what is found with them is found without.
func TestDirectoriesWithoutEntries(t *testing.T) {
	globs := []string{"**/lib/dpkg/status.d/*", "**/nix/store/*", "**/lib/apk/db/installed", "**/*.json", "**/node_modules/*", "/opt/**"}
	for _, tt := range []struct {
		name   string
		layers [][]entry
		want   []string // what the first glob finds
	}{
		{"one_layer", [][]entry{{
			{name: "var/lib/dpkg/status.d/tar", body: "Package: tar\n"}, {name: "nix/store/abc-zlib-1/lib/libz.so", body: "x"},
			{name: "opt/a/b/c", body: "x"}, {name: "app/node_modules/x/package.json", body: "{}"},
		}}, []string{"**/lib/dpkg/status.d/* = /var/lib/dpkg/status.d/tar"}},
		{"two_layers", [][]entry{
			{{name: "var/lib/dpkg/status.d/base", body: "x"}}, {{name: "var/lib/dpkg/status.d/tar", body: "x"}},
		}, []string{"**/lib/dpkg/status.d/* = /var/lib/dpkg/status.d/base", "**/lib/dpkg/status.d/* = /var/lib/dpkg/status.d/tar"}},
		{"whiteout", [][]entry{
			{{name: "var/lib/dpkg/status.d/base", body: "x"}, {name: "var/lib/dpkg/status.d/tar", body: "x"}},
			{{name: "var/lib/dpkg/status.d/.wh.base"}},
		}, []string{"**/lib/dpkg/status.d/* = /var/lib/dpkg/status.d/tar"}},
		{"whiteout_of_the_directory", [][]entry{
			{{name: "var/lib/dpkg/status.d/base", body: "x"}},
			{{name: "var/lib/dpkg/.wh.status.d"}},
			{{name: "var/lib/dpkg/status.d/tar", body: "x"}},
		}, []string{"**/lib/dpkg/status.d/* = /var/lib/dpkg/status.d/tar"}},
		{"opaque", [][]entry{
			{{name: "var/lib/dpkg/status.d/base", body: "x"}},
			{{name: "var/lib/dpkg/status.d/.wh..wh..opq"}, {name: "var/lib/dpkg/status.d/tar", body: "x"}},
		}, []string{"**/lib/dpkg/status.d/* = /var/lib/dpkg/status.d/tar"}},
		{"below_a_link", [][]entry{
			{{name: "usr/lib/dpkg/status.d/base", body: "x"}, {name: "var/lib", kind: '2', link: "../usr/lib"}},
		}, []string{"**/lib/dpkg/status.d/* = /usr/lib/dpkg/status.d/base"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var with, without []stored
			for _, l := range tt.layers {
				with, without = append(with, gzipLayer(t, withParents(l)...)), append(without, gzipLayer(t, l...))
			}
			var pairs []string
			for i := range with {
				pairs = append(pairs, without[i].diffID.String(), with[i].diffID.String())
			}
			digests := strings.NewReplacer(pairs...)
			got := indexOf(t, pull(t, Options{}, without...), globs...)
			for i := range got {
				got[i] = digests.Replace(got[i])
			}
			if diff := cmp.Diff(indexOf(t, pull(t, Options{}, with...), globs...), got); diff != "" {
				t.Errorf("without entries for directories (-with +without):\n%s", diff)
			}
			found := slices.DeleteFunc(slices.Clone(got), func(g string) bool { return !strings.HasPrefix(g, globs[0]+" = ") })
			if diff := cmp.Diff(tt.want, found); diff != "" {
				t.Errorf("found in the package database (-want +got):\n%s", diff)
			}
		})
	}
}

// A directory that an upper layer only implies says nothing about a lower layer's entry
// of that name: it keeps its mode and owner.
func TestImpliedDirectoryKeepsTheListedOne(t *testing.T) {
	img := pull(t, Options{}, gzipLayer(t, entry{name: "srv/", mode: 0o700, uid: 7}), gzipLayer(t, entry{name: "srv/a", body: "x"}))
	info, err := img.root.Lstat("srv")
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*Stat); info.Mode().Perm() != 0o700 || st.UID != 7 || st.Layer != 0 || path.Base("srv") != info.Name() {
		t.Errorf("srv has mode %v and %+v, want those of its entry", info.Mode(), st)
	}
}
