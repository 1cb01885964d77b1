package registry

import (
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
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
	got := img.Platforms()
	if len(got) != 2 || got[0].String() != "linux/amd64" || got[1].String() != "linux/arm64" {
		t.Errorf("Platforms() = %v, want linux/amd64 and linux/arm64", got)
	}
}
