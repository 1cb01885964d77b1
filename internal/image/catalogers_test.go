package image

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/file"
	syftsource "github.com/anchore/syft/syft/source"
	"github.com/anchore/syft/syft/source/stereoscopesource"
	_ "github.com/glebarez/go-sqlite" // the catalogers ask for it
)

// recorder is a source that notes the patterns by which catalogers look for files.
type recorder struct {
	syftsource.Source
	mu    sync.Mutex
	globs map[string]bool
}

func (r *recorder) FileResolver(s syftsource.Scope) (file.Resolver, error) {
	files, err := r.Source.FileResolver(s)
	return recording{files, r}, err
}

type recording struct {
	file.Resolver
	r *recorder
}

func (r recording) FilesByGlob(patterns ...string) ([]file.Location, error) {
	r.r.mu.Lock()
	for _, p := range patterns {
		r.r.globs[p] = true
	}
	r.r.mu.Unlock()
	return r.Resolver.FilesByGlob(patterns...)
}

// sampleOf is a path that a pattern matches.
func sampleOf(glob string) string {
	for {
		open, end := strings.IndexByte(glob, '{'), strings.IndexByte(glob, '}')
		if open < 0 || end < open {
			break
		}
		first, _, _ := strings.Cut(glob[open+1:end], ",")
		glob = glob[:open] + first + glob[end+1:]
	}
	path := strings.NewReplacer("/**/", "/a/b/", "**/", "a/b/", "/**", "/a/b", "*", "x", "?", "x", "[0-9]", "1").Replace(glob)
	return strings.TrimPrefix(path, "/")
}

// Every pattern by which a cataloger looks for files finds the same ones whether or not
// the layer lists the directories above them.
func TestCatalogersWithoutDirectoryEntries(t *testing.T) {
	rec := &recorder{globs: map[string]bool{}, Source: stereoscopesource.New(
		pull(t, Options{}, gzipLayer(t, entry{name: "x", body: "x"})).Stereoscope(), stereoscopesource.ImageConfig{Reference: "x"})}
	if _, err := syft.CreateSBOM(t.Context(), rec, syft.DefaultCreateSBOMConfig()); err != nil {
		t.Fatal(err)
	}
	var globs, samples []string
	for g := range rec.globs {
		globs = append(globs, g)
		samples = append(samples, sampleOf(g))
	}
	slices.Sort(globs)
	slices.Sort(samples)
	var files []entry
	for _, s := range slices.Compact(samples) {
		if slices.ContainsFunc(samples, func(other string) bool { return strings.HasPrefix(other, s+"/") }) {
			continue // a directory of another sample
		}
		files = append(files, entry{name: s, body: "x"})
	}
	if len(globs) < 40 {
		t.Fatalf("%d patterns, which is not all catalogers: %q", len(globs), globs)
	}
	find := func(img *Image) map[string][]string {
		r, err := stereoscopesource.New(img.Stereoscope(), stereoscopesource.ImageConfig{Reference: "x"}).FileResolver(syftsource.SquashedScope)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string][]string{}
		for _, g := range globs {
			at, err := r.FilesByGlob(g)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range at {
				out[g] = append(out[g], l.RealPath)
			}
			slices.Sort(out[g])
		}
		return out
	}
	with, without := find(pull(t, Options{}, gzipLayer(t, withParents(files)...))), find(pull(t, Options{}, gzipLayer(t, files...)))
	if diff := cmp.Diff(with, without); diff != "" {
		t.Errorf("without entries for directories (-with +without):\n%s", diff)
	}
	for _, g := range globs {
		if sample := sampleOf(g); len(with[g]) == 0 && slices.ContainsFunc(files, func(f entry) bool { return f.name == sample }) {
			t.Errorf("%s does not find %s", g, sample)
		}
	}
}
