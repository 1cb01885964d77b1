package registry

import (
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/fault"
)

func entries(t testing.TB, platforms ...string) []v1.Descriptor {
	t.Helper()
	var list []v1.Descriptor
	for _, s := range platforms {
		d := v1.Descriptor{MediaType: types.OCIManifestSchema1}
		if s != "" {
			p, err := v1.ParsePlatform(s)
			if err != nil {
				t.Fatal(err)
			}
			d.Platform = p
		}
		list = append(list, d)
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
		{"unknown_is_never_chosen", []string{"unknown/unknown"}, "unknown/unknown", -1},
		{"entry_without_platform", []string{"", "linux/amd64"}, "linux/amd64", 1},
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

func TestPlatformsHidesOnlyWhatCannotRun(t *testing.T) {
	mark := map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
	list := entries(t, "linux/amd64", "unknown/unknown", "linux/arm64/v8", "linux/arm64", "")
	list[0].Annotations, list[1].Annotations = mark, mark // the first is a lie: a runtime would run it
	nested := v1.Descriptor{MediaType: types.OCIImageIndex, Platform: &v1.Platform{OS: "linux", Architecture: "s390x"}}
	img := &Image{Index: &v1.IndexManifest{Manifests: append(list, nested)}}
	var got []string
	for _, p := range img.Platforms() {
		got = append(got, p.String())
	}
	if want := []string{"linux/amd64", "linux/arm64", "linux/s390x"}; !slices.Equal(got, want) {
		t.Errorf("Platforms() = %v, want %v", got, want)
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
			_, err := s.mustOpen(t, "app:outer", options()).Manifest(t.Context(), amd64)
			if (err != nil) != (tt.message != "") {
				t.Fatalf("err = %v, want one with %q", err, tt.message)
			}
			if err != nil && (!strings.Contains(err.Error(), tt.message) || !strings.Contains(fault.HintOf(err), tt.hint)) {
				t.Errorf("err = %v, hint %q; want %q, %q", err, fault.HintOf(err), tt.message, tt.hint)
			}
		})
	}
}
