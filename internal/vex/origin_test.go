package vex

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/report"
)

func layer(n int) string { return fmt.Sprintf("sha256:%064x", n) }

func TestChainIDs(t *testing.T) {
	// Worked out step by step from the specification.
	second := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(layer(1)+" "+layer(2))))
	third := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(second+" "+layer(3))))
	if diff := cmp.Diff([]string{layer(1), second, third}, ChainIDs([]string{layer(1), layer(2), layer(3)})); diff != "" {
		t.Errorf("chain IDs (-want +got):\n%s", diff)
	}
}

func TestBoundary(t *testing.T) {
	ids := []string{layer(1), layer(2), layer(3)}
	chain := ChainIDs(ids)
	for _, tt := range []struct {
		name, label string
		want        Boundary
	}{
		{"no_label", "", Boundary{State: NoBase}},
		{"all_of_it", chain[2], Boundary{WholeBase, 3}},
		{"two_layers_below", chain[1], Boundary{Derived, 2}},
		{"first_layer", chain[0], Boundary{Derived, 1}},
		{"label_that_was_copied", layer(9), Boundary{State: Unproven}},
		{"a_diff_id_is_no_chain_id", layer(2), Boundary{State: Unproven}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := FindBoundary(ids, tt.label); got != tt.want {
				t.Errorf("boundary = %+v, want %+v", got, tt.want)
			}
		})
	}
	if got := FindBoundary([]string{layer(7)}, chain[1]); got.State != Unproven {
		t.Errorf("squashed image: %+v, want it unproven", got)
	}
	b := FindBoundary(ids, chain[1])
	for name, base := range map[string][]string{"too_short": ids[:1], "too_long": ids, "other_layers": {layer(1), layer(9)}} {
		if b.CheckBase(ids, base) == nil {
			t.Errorf("%s: accepted as the base", name)
		}
	}
	if err := b.CheckBase(ids, ids[:2]); err != nil {
		t.Errorf("the base itself: %v", err)
	}
	if (Boundary{State: Unproven}).CheckBase(ids, nil) == nil {
		t.Error("an unproven boundary accepts a base")
	}
}

func TestOrigins(t *testing.T) {
	ids := []string{layer(1), layer(2), layer(3)}
	derived := FindBoundary(ids, ChainIDs(ids)[1])
	pkgs := []report.Package{
		{Name: "a", PURL: "pkg:apk/alpine/a@1-r0?arch=x86_64&distro=alpine-3.24.1"},
		{Name: "b", PURL: "pkg:apk/alpine/b@1-r0?arch=x86_64&distro=alpine-3.24.1"},
		{Name: "c", PURL: "pkg:apk/alpine/c@1-r0?arch=x86_64&distro=alpine-3.24.1"},
		{Name: "d"},
		{Name: "e", PURL: "pkg:apk/dhi/e@1-r0?arch=aarch64&distro=dhi-3.24"},
		{Name: "f", PURL: "pkg:apk/dhi/f@1-r0?arch=aarch64&distro=dhi-3.24"},
		{Name: "g", PURL: "pkg:apk/dhi/g@1-r0?arch=aarch64&distro=dhi-3.24"},
	}
	layers := map[string][]string{"a": {layer(1), layer(2)}, "b": {layer(3)}, "c": {layer(1), layer(3)}, "e": {layer(2)}, "f": {layer(2), layer(3)}, "g": {layer(2)}}
	byLayer := Membership{Boundary: derived, DiffIDs: ids, FileLayers: func(p report.Package) []string { return layers[p.Name] }}
	bySBOM := byLayer
	bySBOM.BasePURLs = []string{"pkg:apk/alpine/a@1-r0?os_name=alpine&os_version=3.24&arch=amd64", "pkg:apk/alpine/b@1-r1?arch=x86_64&distro=alpine-3.24",
		"pkg:apk/alpine/c@1-r0?arch=x86_64&distro=alpine-3.23", "not a package URL",
		"pkg:apk/dhi/e@1-r0?os_distro=alpine&os_name=dhi&os_version=3.24", "pkg:apk/dhi/f@1-r0"}
	// No layer tells where the base ends: then the bill alone speaks.
	billOnly := bySBOM
	billOnly.Boundary = Boundary{State: Derived}
	squashed, whole, blind := byLayer, byLayer, byLayer
	squashed.Boundary, whole.Boundary, blind.FileLayers = Boundary{State: Unproven}, Boundary{WholeBase, 3}, nil
	for _, tt := range []struct {
		name string
		m    Membership
		want []string
	}{
		{"by_layers", byLayer, []string{OriginBase, OriginApp, OriginUnproven, OriginUnproven, OriginBase, OriginUnproven, OriginBase}},
		{"by_sbom", bySBOM, []string{OriginBase, OriginApp, OriginApp, OriginUnproven, OriginBase, OriginUnproven, OriginUnproven}},
		{"by_sbom_alone", billOnly, []string{OriginBase, OriginApp, OriginApp, OriginUnproven, OriginBase, OriginBase, OriginApp}},
		{"nothing_known_of_files", blind, []string{OriginUnproven, OriginUnproven, OriginUnproven, OriginUnproven, OriginUnproven, OriginUnproven, OriginUnproven}},
		{"squashed", squashed, []string{OriginUnproven, OriginUnproven, OriginUnproven, OriginUnproven, OriginUnproven, OriginUnproven, OriginUnproven}},
		{"the_base_itself", whole, []string{"", "", "", "", "", "", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.m.Origins(pkgs)); diff != "" {
				t.Errorf("origins (-want +got):\n%s", diff)
			}
		})
	}
}
