package cli_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// vulnerable and clean are the same image but for the version of one package: the high
// finding of the test's database is in the first.
const (
	vulnerable = "2.36-9+deb12u7"
	clean      = "2.36-9+deb12u11"
)

// slice is an image for one platform of an index.
func slice(p v1.Platform, version string, c testkit.Compression) testkit.Platform {
	status := "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc\nVersion: " + version + "\n\n"
	release := "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n"
	return testkit.Platform{
		Platform: p,
		Layers: []testkit.Layer{{Compression: c, Files: []testkit.File{
			{Path: "etc/os-release", Content: []byte(release)},
			{Path: "var/lib/dpkg/status", Content: []byte(status)},
		}}},
		Config: v1.ConfigFile{Created: v1.Time{Time: built}, Config: v1.Config{User: "65532:65532"}},
	}
}

// pushIndex pushes images under an index that edit changes, and returns their digests.
func (w *world) pushIndex(edit func(*v1.IndexManifest), images ...testkit.Platform) (ref string, digests []string) {
	w.t.Helper()
	b, err := testkit.Image{Name: "app", NotDHI: true, Tags: []string{"1"}, Platforms: images}.Build()
	if err != nil {
		w.t.Fatal(err)
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(b.Root.Data, &index); err != nil {
		w.t.Fatal(err)
	}
	for _, d := range index.Manifests {
		digests = append(digests, d.Digest.String())
	}
	if edit != nil {
		edit(&index)
	}
	raw, err := json.Marshal(index)
	if err != nil {
		w.t.Fatal(err)
	}
	b.Root = testkit.NewBlob(types.OCIImageIndex, raw)
	if err := b.Push(w.t.Context(), w.registry.Repository("app")); err != nil {
		w.t.Fatal(err)
	}
	return w.registry.Host() + "/app:1", digests
}

// unnamed takes the platform off the entry at i.
func unnamed(i int, p *v1.Platform) func(*v1.IndexManifest) {
	return func(index *v1.IndexManifest) { index.Manifests[i].Platform = p }
}

var (
	amd64 = v1.Platform{OS: "linux", Architecture: "amd64"}
	arm64 = v1.Platform{OS: "linux", Architecture: "arm64"}
)

// An image whose index names no platform for it is gated as what its config says.
func TestEntryWithoutAPlatform(t *testing.T) {
	for name, p := range map[string]*v1.Platform{
		"none": nil, "empty": {}, "no_architecture": {OS: "linux"}, "no_system": {Architecture: "amd64"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, digests := w.pushIndex(unnamed(0, p), slice(amd64, vulnerable, testkit.Gzip))
			for _, flags := range [][]string{{"--platform", "linux/amd64"}, {"--platforms", "all"}} {
				code, r, text := w.verify(ref, flags...)
				must(t, code, r, text, fault.Policy, report.Fail)
				if r.Subject.Platform != "linux/amd64" || r.Subject.Digest != digests[0] {
					t.Errorf("%v: the subject is %s %s", flags, r.Subject.Platform, r.Subject.Digest)
				}
			}
			code, r, text := w.verify(ref, "--platform", "linux/arm64")
			must(t, code, r, text, fault.Usage, report.Error)
			complains(t, text, `no platform "linux/arm64"`, "choose one of: linux/amd64")
		})
	}
}

// With one platform the gate says that a runtime may run another image of the index in its
// place; over all platforms it looks at that image too.
func TestSecondImageForAPlatform(t *testing.T) {
	windows := func(version string) v1.Platform {
		return v1.Platform{OS: "windows", Architecture: "amd64", OSVersion: version}
	}
	for _, tt := range []struct {
		name   string
		edit   func(*v1.IndexManifest)
		images []testkit.Platform
		want   string // the platform that is asked for
		one    report.Result
		all    report.Result
		labels int // how many are told apart by digest
	}{
		{"zstd_beside_gzip", nil, []testkit.Platform{slice(amd64, clean, testkit.Gzip), slice(amd64, vulnerable, testkit.Zstd)},
			"linux/amd64", report.Warn, report.Fail, 2},
		{"other_spelling", func(i *v1.IndexManifest) { i.Manifests[1].Platform.Architecture = "x86_64" },
			[]testkit.Platform{slice(amd64, clean, testkit.Gzip), slice(amd64, vulnerable, testkit.Gzip)},
			"linux/amd64", report.Warn, report.Fail, 2},
		{"without_a_platform", unnamed(1, nil), []testkit.Platform{slice(amd64, clean, testkit.Gzip), slice(amd64, vulnerable, testkit.Gzip)},
			"linux/amd64", report.Warn, report.Fail, 2},
		{"without_a_platform_and_first", unnamed(0, nil), []testkit.Platform{slice(amd64, vulnerable, testkit.Gzip), slice(amd64, clean, testkit.Gzip)},
			"linux/amd64", report.Warn, report.Fail, 2},
		{"without_a_platform_for_another", unnamed(1, nil), []testkit.Platform{slice(amd64, clean, testkit.Gzip), slice(arm64, vulnerable, testkit.Gzip)},
			"linux/amd64", report.Pass, report.Fail, 0},
		{"same_image_twice", func(i *v1.IndexManifest) { i.Manifests = append(i.Manifests, i.Manifests[0]) },
			[]testkit.Platform{slice(amd64, clean, testkit.Gzip)}, "linux/amd64", report.Pass, report.Pass, 0},
		{"windows_versions", nil, []testkit.Platform{slice(windows("10.0.17763.1"), clean, testkit.Gzip), slice(windows("10.0.20348.9"), vulnerable, testkit.Gzip)},
			"windows/amd64", report.Pass, report.Fail, 0},
		{"attestation_manifest", func(i *v1.IndexManifest) {
			i.Manifests[1].Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
		}, []testkit.Platform{slice(amd64, clean, testkit.Gzip), slice(arm64, vulnerable, testkit.Gzip)},
			"linux/amd64", report.Pass, report.Pass, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, digests := w.pushIndex(tt.edit, tt.images...)
			code, r, text := w.verify(ref, "--platform", tt.want)
			must(t, code, r, text, fault.OK, tt.one)
			i := slices.IndexFunc(r.Observations, func(o report.Observation) bool {
				return o.Stage == report.StageResolve && o.Kind == report.LeftOut
			})
			if (i >= 0) != (tt.one == report.Warn) {
				t.Errorf("observations %+v", r.Observations)
			}
			if i >= 0 {
				other := digests[0]
				if r.Subject.Digest == other {
					other = digests[1]
				}
				if !strings.Contains(strings.Join(r.Verdict.Reasons, "\n"), other) || !strings.Contains(flat(text), "some runtimes run it") {
					t.Errorf("no reason names the other image %s: %q\n%s", other, r.Verdict.Reasons, text)
				}
			}

			code, r, text = w.verify(ref, "--platforms", "all")
			wantCode := fault.OK
			if tt.all == report.Fail {
				wantCode = fault.Policy
			}
			must(t, code, r, text, wantCode, tt.all)
			labels := map[string]bool{}
			for _, p := range r.Platforms {
				if name, digest, ok := strings.Cut(p.Platform, "@"); ok {
					labels[p.Platform] = true
					if !strings.HasPrefix(p.Digest, digest) || name == "" {
						t.Errorf("the label %q does not tell the digest %s", p.Platform, p.Digest)
					}
				}
			}
			if len(labels) != tt.labels {
				t.Errorf("platforms %+v, want %d told apart by their digest", r.Platforms, tt.labels)
			}
		})
	}
}

// What a runtime may run and the gate cannot look at is named, and is no pass.
func TestEntryThatCannotBeLookedAt(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
	}{{"gone", http.StatusNotFound}, {"forbidden", http.StatusForbidden}} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, digests := w.pushIndex(unnamed(1, nil), slice(amd64, clean, testkit.Gzip), slice(arm64, clean, testkit.Gzip))
			w.registry.Inject(testkit.Asks(testkit.KindManifest, digests[1]), testkit.Status(tt.status, nil), 0)
			code, r, text := w.verify(ref, "--platforms", "all")
			must(t, code, r, text, fault.Unavailable, report.Error)
			if !strings.Contains(strings.Join(r.Verdict.Reasons, "\n"), digests[1]) || len(r.Platforms) != 2 {
				t.Errorf("no reason names %s: %q", digests[1], r.Verdict.Reasons)
			}
			code, r, text = w.verify(ref, "--platform", "linux/amd64")
			must(t, code, r, text, fault.OK, report.Warn)
			if !strings.Contains(strings.Join(r.Verdict.Reasons, "\n"), digests[1]) {
				t.Errorf("no reason names %s: %q", digests[1], r.Verdict.Reasons)
			}
			code, r, text = w.verify(ref, "--platform", "linux/arm64")
			must(t, code, r, text, fault.Unavailable, report.Error)
		})
	}
}

// An index within the index may hold what runs: it is refused where every image is asked
// for, and told where one is.
func TestIndexInTheIndex(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	inner, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}})
	if err != nil {
		t.Fatal(err)
	}
	nested := testkit.NewBlob(types.OCIImageIndex, inner)
	if err := w.registry.Repository("app").PutManifest(t.Context(), nested.Digest().String(), string(types.OCIImageIndex), inner); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		platform *v1.Platform
		code     fault.Code
		one      report.Result
	}{
		{"without_a_platform", nil, fault.OK, report.Warn},
		{"for_the_platform", &amd64, fault.Unavailable, report.Error},
		{"for_another", &arm64, fault.OK, report.Pass},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ref, _ := w.pushIndex(func(i *v1.IndexManifest) {
				d := nested.Descriptor
				d.Platform = tt.platform
				i.Manifests = append(i.Manifests, d)
			}, slice(amd64, clean, testkit.Gzip))
			code, r, text := w.verify(ref, "--platform", "linux/amd64")
			must(t, code, r, text, tt.code, tt.one)
			code, r, text = w.verify(ref, "--platforms", "all")
			must(t, code, r, text, fault.Unavailable, report.Error)
			if !strings.Contains(strings.Join(r.Verdict.Reasons, "\n"), nested.Digest().String()) {
				t.Errorf("no reason names the inner index: %q", r.Verdict.Reasons)
			}
		})
	}
}
