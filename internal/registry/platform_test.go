package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/fault"
)

// entries are entries of an index that name their platforms; one after "?" has it from
// its config, and "?" alone from nobody.
func entries(t testing.TB, platforms ...string) []Entry {
	t.Helper()
	var list []Entry
	for i, text := range platforms {
		name, unnamed := strings.CutPrefix(text, "?")
		e := Entry{Descriptor: v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: sum([]byte{byte(i)})}, stated: !unnamed}
		if name != "" {
			p, err := v1.ParsePlatform(name)
			if err != nil {
				t.Fatal(err)
			}
			e.Platform = normal(*p)
		}
		list = append(list, e)
	}
	return list
}

func TestChoose(t *testing.T) {
	for _, tt := range []struct {
		name string
		list []string
		want string
		at   int
	}{
		{"exact", []string{"linux/amd64", "linux/arm64"}, "linux/arm64", 1},
		{"v8_is_arm64", []string{"linux/arm64/v8"}, "linux/arm64", 0},
		{"arm64_is_v8", []string{"linux/arm64"}, "linux/arm64/v8", 0},
		{"other_spelling", []string{"Linux/x86_64"}, "linux/amd64", 0},
		{"aarch64", []string{"linux/arm64"}, "linux/aarch64", 0},
		{"variant_without_v", []string{"linux/arm/7"}, "linux/arm/v7", 0},
		{"arm_means_v7", []string{"linux/arm/v6", "linux/arm/v7"}, "linux/arm", 1},
		{"highest_lower_variant", []string{"linux/arm/v5", "linux/arm/v6"}, "linux/arm/v7", 1},
		{"no_higher_variant", []string{"linux/arm/v7"}, "linux/arm/v6", -1},
		{"sole_variant_for_a_bare_request", []string{"linux/amd64/v2"}, "linux/amd64", 0},
		{"two_variants_for_a_bare_request", []string{"linux/amd64/v2", "linux/amd64/v3"}, "linux/amd64", -1},
		{"base_for_a_bare_request", []string{"linux/amd64/v3", "linux/amd64"}, "linux/amd64", 1},
		{"base_runs_on_v3", []string{"linux/amd64"}, "linux/amd64/v3", 0},
		{"first_of_equals", []string{"linux/s390x", "linux/amd64", "linux/amd64"}, "linux/amd64", 1},
		{"windows_version", []string{"windows/amd64:10.0.17763.1", "windows/amd64:10.0.20348.9"}, "windows/amd64:10.0.20348", 1},
		{"first_of_equal_lower_variants", []string{"linux/arm/v5", "linux/arm/v6", "linux/arm/v6"}, "linux/arm/v7", 1},
		{"arm64_v9_is_not_the_base", []string{"linux/arm64/v9"}, "linux/arm64/v8", -1},
		{"base_runs_on_arm64_v9", []string{"linux/arm64/v9", "linux/arm64"}, "linux/arm64", 1},
		{"amd64_v1_is_amd64", []string{"linux/amd64/v1"}, "linux/amd64", 0},
		{"amd64_is_v1", []string{"linux/amd64/v2", "linux/amd64"}, "linux/amd64/v1", 1},
		{"platform_of_the_config", []string{"?linux/arm64", "?linux/amd64"}, "linux/amd64", 1},
		{"named_before_the_config", []string{"?linux/amd64", "linux/amd64"}, "linux/amd64", 1},
		{"named_lower_variant_before_the_config", []string{"?linux/arm/v6", "linux/arm/v6"}, "linux/arm/v7", 1},
		{"exact_config_before_a_lower_variant", []string{"linux/arm/v6", "?linux/arm/v7"}, "linux/arm/v7", 1},
		{"nobody_says", []string{"linux/arm64", "?"}, "linux/amd64", 1},
		{"nobody_says_beside_a_match", []string{"?", "linux/amd64"}, "linux/amd64", 1},
		{"other_os", []string{"windows/amd64"}, "linux/amd64", -1},
		{"nothing_there", nil, "linux/amd64", -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want, err := v1.ParsePlatform(tt.want)
			if err != nil {
				t.Fatal(err)
			}
			if got := choose(entries(t, tt.list...), *want); got != tt.at {
				t.Errorf("choose(%v, %s) = %d, want %d", tt.list, tt.want, got, tt.at)
			}
		})
	}
}

func TestRivals(t *testing.T) {
	for _, tt := range []struct {
		name string
		list []string
		want string
		at   []int
		says string
	}{
		{"none", []string{"linux/amd64", "linux/arm64"}, "linux/amd64", nil, ""},
		{"second_image", []string{"linux/amd64", "linux/arm64", "linux/amd64"}, "linux/amd64", []int{2}, "a second one for linux/amd64"},
		{"second_of_a_lower_variant", []string{"linux/arm/v6", "linux/arm/v6", "linux/arm/v5"}, "linux/arm/v7", []int{1}, "a second one for linux/arm/v6"},
		{"lower_variant_is_none", []string{"linux/arm/v6", "linux/arm/v7"}, "linux/arm/v7", nil, ""},
		{"config_says_the_same", []string{"linux/amd64", "?linux/amd64"}, "linux/amd64", []int{1}, "its config says linux/amd64"},
		{"config_says_a_lower_variant", []string{"linux/arm/v7", "?linux/arm/v6"}, "linux/arm/v7", []int{1}, "its config says linux/arm/v6"},
		{"config_says_a_higher_variant", []string{"linux/amd64", "?linux/amd64/v3"}, "linux/amd64", nil, ""},
		{"config_says_another", []string{"linux/amd64", "?linux/arm64"}, "linux/amd64", nil, ""},
		{"named_lower_variant_beside_the_config", []string{"linux/arm/v6", "?linux/arm/v7"}, "linux/arm/v7", []int{0}, "is for linux/arm/v6"},
		{"nobody_says", []string{"linux/amd64", "?"}, "linux/amd64", []int{1}, "nor does its config"},
		{"two_that_nobody_knows", []string{"?", "?"}, "linux/amd64", []int{1}, "nor does its config"},
		{"windows_versions", []string{"windows/amd64:10.0.17763.1", "windows/amd64:10.0.20348.9"}, "windows/amd64", nil, ""},
		{"windows_version_twice", []string{"windows/amd64:10.0.17763.1", "windows/amd64:10.0.17763.1"}, "windows/amd64", []int{1}, "a second one"},
		{"version_of_another_system", []string{"linux/amd64", "linux/amd64:6.1"}, "linux/amd64", []int{1}, "a second one"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want, err := v1.ParsePlatform(tt.want)
			if err != nil {
				t.Fatal(err)
			}
			list := entries(t, tt.list...)
			got := rivals(list, *want, choose(list, *want))
			if len(got) != len(tt.at) {
				t.Fatalf("rivals = %+v, want those at %v", got, tt.at)
			}
			for i, r := range got {
				if r.Digest != list[tt.at[i]].Descriptor.Digest || !strings.Contains(r.Reason, tt.says) {
					t.Errorf("rival %+v, want the one at %d with %q", r, tt.at[i], tt.says)
				}
			}
		})
	}
}

// member is an entry of a made index.
type member struct {
	image    v1.Image
	platform *v1.Platform
	marks    map[string]string
}

// pushMembers pushes an index over images, and returns their digests.
func (s *server) pushMembers(t *testing.T, ref string, members ...member) []v1.Hash {
	t.Helper()
	var idx v1.ImageIndex = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	var digests []v1.Hash
	for _, m := range members {
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{Add: m.image, Descriptor: v1.Descriptor{Platform: m.platform, Annotations: m.marks}})
		h, err := m.image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, h)
	}
	raw, err := idx.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	repo, tag, _ := strings.Cut(ref, ":")
	for _, m := range members {
		h, _ := m.image.Digest()
		s.pushImage(t, repo+"@"+h.String(), m.image)
	}
	s.pushManifest(t, repo, tag, string(types.OCIImageIndex), withoutPlatforms(t, raw, members))
	return digests
}

// withoutPlatforms takes out the platforms that appending fills in from the config.
func withoutPlatforms(t *testing.T, raw []byte, members []member) []byte {
	t.Helper()
	var idx v1.IndexManifest
	if err := json.Unmarshal(raw, &idx); err != nil {
		t.Fatal(err)
	}
	for i, m := range members {
		idx.Manifests[i].Platform = m.platform
	}
	raw, err := json.Marshal(idx)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func image(t *testing.T, p v1.Platform) v1.Image {
	t.Helper()
	return mutate.MediaType(newImage(t, p, 64, 1), types.OCIManifestSchema1)
}

func TestEntriesHideOnlyWhatCannotRun(t *testing.T) {
	s := newServer(t)
	unknown := v1.Platform{OS: "unknown", Architecture: "unknown"}
	mark := map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
	artifact := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), "application/vnd.example.config")
	twice := image(t, amd64)
	members := []member{
		{twice, &amd64, mark}, // the mark is a lie: a runtime would run it
		{image(t, unknown), &unknown, mark},
		{image(t, arm64), &arm64, nil},
		{image(t, arm64), &v1.Platform{OS: "linux", Architecture: "arm64"}, nil}, // a second one
		{twice, &amd64, nil}, // the first again
		{image(t, v1.Platform{OS: "linux", Architecture: "s390x"}), nil, nil},
		{image(t, v1.Platform{OS: "linux", Architecture: "arm", Variant: "v6"}), &v1.Platform{}, nil},
		{image(t, v1.Platform{OS: "linux", Architecture: "ppc64le"}), &v1.Platform{Architecture: "ppc64le"}, nil},
		{image(t, v1.Platform{}), nil, nil},
		{image(t, unknown), nil, nil},
		{artifact, nil, nil},
	}
	digests := s.pushMembers(t, "app:1", members...)
	img := s.mustOpen(t, "app:1", options())
	list, err := img.Entries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, e := range list {
		m, err := img.Read(t.Context(), e)
		if err != nil || m.Platform.String() != e.Platform.String() || m.Descriptor.Digest != e.Descriptor.Digest {
			t.Errorf("Read(%s) = %+v %v", e.Platform, m, err)
		}
		got = append(got, e.Platform.String()+" "+e.Descriptor.Digest.String())
	}
	for i, p := range map[int]string{0: "linux/amd64", 2: "linux/arm64", 3: "linux/arm64", 5: "linux/s390x", 6: "linux/arm/v6", 7: "linux/ppc64le", 8: ""} {
		want = append(want, p+" "+digests[i].String())
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("Entries() = %q\nwant        %q", got, want)
	}
	s.interfere(nil)
	if _, err := img.Manifest(t.Context(), amd64); err != nil || s.count("") != 0 {
		t.Errorf("after it: %v with %d requests, want none: all was read", err, s.count(""))
	}
}

// An image without a platform in the index is the one that its config says.
func TestManifestOfAnUnnamedEntry(t *testing.T) {
	s := newServer(t)
	digests := s.pushMembers(t, "app:1", member{image(t, amd64), nil, nil}, member{image(t, arm64), &v1.Platform{}, nil})
	img := s.mustOpen(t, "app:1", options())
	for i, p := range []v1.Platform{amd64, arm64} {
		m, err := img.Manifest(t.Context(), p)
		if err != nil || m.Descriptor.Digest != digests[i] || !m.Platform.Equals(normal(p)) || len(m.Rivals) != 0 {
			t.Errorf("Manifest(%s) = %+v %v, want %s", p, m, err, digests[i])
		}
	}
	_, err := img.Manifest(t.Context(), v1.Platform{OS: "linux", Architecture: "s390x"})
	if fault.CodeOf(err) != fault.Usage || fault.HintOf(err) != "choose one of: linux/amd64, linux/arm64" {
		t.Errorf("another platform: %v (hint %q), want Usage with the platforms of the configs", err, fault.HintOf(err))
	}
}

// An entry whose platform cannot be read may be any: it is named, and never left out.
func TestUnnamedEntryThatCannotBeRead(t *testing.T) {
	s := newServer(t)
	digests := s.pushMembers(t, "app:1", member{image(t, amd64), &amd64, nil}, member{image(t, arm64), nil, nil})
	for _, tt := range []struct {
		name string
		fail func(w http.ResponseWriter)
	}{
		{"gone", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }},
		{"forbidden", func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) }},
		{"other_bytes", func(w http.ResponseWriter) { _, _ = w.Write([]byte("{}")) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			img := s.mustOpen(t, "app:1", options())
			s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, digests[1].String()) {
					return false
				}
				tt.fail(w)
				return true
			})
			m, err := img.Manifest(t.Context(), amd64)
			if err != nil || len(m.Rivals) != 1 || m.Rivals[0].Digest != digests[1] || !strings.Contains(m.Rivals[0].Reason, "could not be read") {
				t.Fatalf("Manifest = %+v %v, want the other entry as a rival", m, err)
			}
			if _, err := img.Manifest(t.Context(), arm64); fault.CodeOf(err) != fault.Unavailable || !strings.Contains(err.Error(), digests[1].String()) {
				t.Errorf("a platform that nobody names: %v, want Unavailable with the entry", err)
			}
			list, err := img.Entries(t.Context())
			if err != nil || len(list) != 2 {
				t.Fatalf("Entries = %+v %v, want both", list, err)
			}
			if _, err := img.Read(t.Context(), list[1]); fault.CodeOf(err) != fault.Unavailable || !strings.Contains(err.Error(), digests[1].String()) {
				t.Errorf("Read = %v, want Unavailable with the digest", err)
			}
		})
	}
}

// An entry that is for the platform and no image is an error, and no other is taken.
func TestEntryThatIsNoImage(t *testing.T) {
	s := newServer(t)
	inner := s.pushIndex(t, "app:inner", newIndex(t, ""))
	artifact := []byte(`{"schemaVersion":2,"config":{"mediaType":"application/vnd.example.config","size":2,"digest":"` + sum([]byte("{}")).String() + `"},"layers":[]}`)
	other := s.pushManifest(t, "app", "artifact", string(types.OCIManifestSchema1), artifact)
	for _, tt := range []struct {
		name string
		d    v1.Descriptor
		want string
	}{
		{"index_listed_as_an_image", v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: inner, Size: s.size(t, "app", inner)}, "expected an image manifest"},
		{"listed_as_schema_1", v1.Descriptor{MediaType: types.DockerManifestSchema1, Digest: other, Size: int64(len(artifact))}, "the index calls"},
		{"artifact", v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: other, Size: int64(len(artifact))}, "an artifact with a config"},
		{"of_another_size", v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: other, Size: 7}, "the index says 7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.d.Platform = &amd64
			raw, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{tt.d}})
			if err != nil {
				t.Fatal(err)
			}
			s.pushManifest(t, "app", "outer", string(types.OCIImageIndex), raw)
			m, err := s.mustOpen(t, "app:outer", options()).Manifest(t.Context(), amd64)
			if err == nil || m != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Manifest = %+v %v, want an error with %q", m, err, tt.want)
			}
		})
	}
}

// size is that of a manifest as stored.
func (s *server) size(t *testing.T, repo string, h v1.Hash) int64 {
	t.Helper()
	d, _, err := s.mustOpen(t, repo+"@"+h.String(), options()).Stores(t.Context())[0].Manifest(t.Context(), h.String())
	if err != nil {
		t.Fatal(err)
	}
	return d.Size
}

// More entries without a platform than anyone makes are not all read, and none is hidden.
func TestUnnamedEntriesAreBounded(t *testing.T) {
	var list []v1.Descriptor
	for i := range maxUnnamed + 3 {
		list = append(list, v1.Descriptor{MediaType: types.OCIManifestSchema1, Size: 2, Digest: sum(fmt.Append(nil, i))})
	}
	s := newServer(t)
	raw, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: list})
	if err != nil {
		t.Fatal(err)
	}
	s.pushTag(t, "app", "1", raw)
	img := s.mustOpen(t, "app:1", options())
	s.interfere(nil)
	got, err := img.Entries(t.Context())
	if err != nil || len(got) != len(list) || s.count("/manifests/") != maxUnnamed {
		t.Fatalf("%d entries, %v, after %d requests; want %d after %d", len(got), err, s.count("/manifests/"), len(list), maxUnnamed)
	}
	var limit *LimitError
	if _, err := img.Read(t.Context(), got[len(got)-1]); !errors.As(err, &limit) {
		t.Errorf("the last one: %v, want the limit", err)
	}
}

// An index within an index that is offered for the platform is refused, beside an image
// for it too: some runtimes would run what is in it. One for another platform is not.
func TestNestedIndex(t *testing.T) {
	s := newServer(t)
	inner := newIndex(t, "")
	digest := s.pushIndex(t, "app:inner", inner)
	for _, tt := range []struct {
		name     string
		platform *v1.Platform
		beside   bool
		message  string
		hint     string
	}{
		{"alone", &amd64, false, digest.String(), "name the inner index by its digest"},
		{"beside_an_image", &amd64, true, digest.String(), "name the inner index by its digest"},
		{"without_a_platform", nil, false, "no platform", digest.String()},
		{"without_a_platform_beside_an_image", nil, true, "", ""},
		{"for_another_platform", &v1.Platform{OS: "linux", Architecture: "s390x"}, true, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var outer v1.ImageIndex = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
			if tt.beside {
				outer = mutate.AppendManifests(outer, mutate.IndexAddendum{
					Add: mutate.MediaType(newImage(t, amd64, 64, 1), types.OCIManifestSchema1), Descriptor: v1.Descriptor{Platform: &amd64},
				})
			}
			outer = mutate.AppendManifests(outer, mutate.IndexAddendum{Add: inner, Descriptor: v1.Descriptor{Platform: tt.platform}})
			s.pushIndex(t, "app:outer", outer)
			img := s.mustOpen(t, "app:outer", options())
			m, err := img.Manifest(t.Context(), amd64)
			if (err != nil) != (tt.message != "") {
				t.Fatalf("err = %v, want one with %q", err, tt.message)
			}
			if err != nil && (!strings.Contains(err.Error(), tt.message) || !strings.Contains(fault.HintOf(err), tt.hint)) {
				t.Errorf("err = %v, hint %q; want %q, %q", err, fault.HintOf(err), tt.message, tt.hint)
			}
			if err == nil && (len(m.Rivals) == 1) != (tt.platform == nil) {
				t.Errorf("rivals = %+v; an index without a platform is one", m.Rivals)
			}
			list, err := img.Entries(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			last := list[len(list)-1]
			if _, err := img.Read(t.Context(), last); last.Descriptor.Digest != digest || fault.CodeOf(err) != fault.Unavailable || !strings.Contains(err.Error(), digest.String()) {
				t.Errorf("the inner index, looked at for itself: %v, want Unavailable with its digest", err)
			}
		})
	}
}
