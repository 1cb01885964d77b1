package registry

import (
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
		{"amd64_v1_is_the_base", []string{"linux/amd64/v2", "linux/amd64/v1"}, "linux/amd64", 1},
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
