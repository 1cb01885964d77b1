package drift_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/sbom/drift"
)

// TestAttestedShapes reads documents laid out as the generators in use lay theirs out.
func TestAttestedShapes(t *testing.T) {
	for _, tt := range []struct {
		file, predicateType string
		want                []string // type, name and version
		distro              string
	}{
		{
			"docker.spdx.json", "https://spdx.dev/Document",
			[]string{"UnknownPackage python 3.14.3", "deb glibc 2.41-12+deb13u1", "deb libffi 3.4.8-2", "python pip 25.3"}, "debian 13",
		},
		{
			"apko.spdx.json", "https://spdx.dev/Document/v2.3",
			[]string{"apk libcrypto3 3.5.7-r1", "apk wolfi-baselayout 20230201-r24"}, "wolfi 20230201",
		},
		{
			"scanner-2.2.spdx.json", "https://spdx.dev/Document",
			[]string{"apk musl 1.2.5-r10", "npm left-pad 1.3.0"}, "alpine 3.22.1",
		},
		{
			"nested-1.4.cdx.json", "https://cyclonedx.org/bom",
			[]string{"UnknownPackage node 22.1.0", "deb bash 5.2.37-2", "npm @vendor/core 1.0.0", "npm ms 2.1.3"}, "debian 13",
		},
	} {
		t.Run(tt.file, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", tt.file))
			if err != nil {
				t.Fatal(err)
			}
			s := attested(t, data, tt.predicateType)
			var got []string
			for _, p := range s.Installed() {
				got = append(got, p.Type+" "+p.Name+" "+p.Version)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("packages (-want +got):\n%s", diff)
			}
			if d := s.Distro(); d == nil || d.ID+" "+d.Version != tt.distro {
				t.Errorf("distribution %+v, want %s", d, tt.distro)
			}
		})
	}
}

func TestAttestedVersionsAndWrapping(t *testing.T) {
	list := urls(t, "pkg:npm/ms@2.1.3")
	bare := string(spdx(list))
	for _, tt := range []struct{ name, predicateType, predicate string }{
		{"spdx_2.3", "https://spdx.dev/Document", bare},
		{"spdx_2.2", "https://spdx.dev/Document", strings.Replace(bare, "SPDX-2.3", "SPDX-2.2", 1)},
		{"type_in_capitals_with_a_version", "HTTPS://SPDX.DEV/Document/v2.3", bare},
		{"data_member", "https://spdx.dev/Document", `{"Data":` + bare + `,"Timestamp":"2026-01-01T00:00:00Z"}`},
		{"data_member_with_a_string", "https://spdx.dev/Document", fmt.Sprintf(`{"Data":%q}`, bare)},
		{"string", "https://spdx.dev/Document", fmt.Sprintf(" %q\n", bare)},
		{"cyclonedx_1.4", "https://cyclonedx.org/bom", string(cycloneDX("1.4", list))},
		{"cyclonedx_1.5_as_1.6", "https://cyclonedx.org/bom/v1.6", string(cycloneDX("1.5", list))},
		{"cyclonedx_1.6_by_its_schema", "https://cyclonedx.org/schema/bom-1.6.schema.json", string(cycloneDX("1.6", list))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := drift.Compare(attested(t, []byte(tt.predicate), tt.predicateType), found(t, "pkg:npm/ms@2.1.3"), drift.Options{})
			if got.Attested != 1 || len(got.Items) != 0 {
				t.Errorf("report = %+v, want one attested package and no items", got)
			}
		})
	}
}

func TestAttestedRefuses(t *testing.T) {
	list := urls(t, "pkg:npm/ms@2.1.3")
	long := strings.Repeat("x", drift.MaxText+1)
	for _, tt := range []struct {
		name, predicateType, predicate string
		notRead                        bool
		want                           string
	}{
		{"scout", "https://scout.docker.com/sbom/v0.1", `{"artifacts":[]}`, true, "only SPDX and CycloneDX"},
		{"syft", "https://github.com/anchore/syft", `{}`, true, "only SPDX and CycloneDX"},
		{"type_with_more_letters", "https://spdx.dev/Documents", `{}`, true, "only SPDX and CycloneDX"},
		{"spdx_3", typeSPDX, `{"spdxVersion":"SPDX-3.0"}`, true, "SPDX-3.0"},
		{"spdx_2.1", typeSPDX, `{"spdxVersion":"SPDX-2.1"}`, true, "SPDX-2.1"},
		{"cyclonedx_1.7", typeCycloneDX, string(cycloneDX("1.7", list)), true, `"1.7"`},
		{"tag_value", typeSPDX, `"SPDXVersion: SPDX-2.3\n"`, true, "not JSON"},
		{"cyclonedx_as_spdx", typeSPDX, string(cycloneDX("1.6", list)), false, "no spdxVersion"},
		{"spdx_as_cyclonedx", typeCycloneDX, string(spdx(list)), false, "no such bomFormat"},
		{"nothing", typeSPDX, "", false, "not a JSON object"},
		{"null", typeSPDX, "null", false, "no spdxVersion"},
		{"list", typeSPDX, "[]", false, "not a JSON object"},
		{"cut_off", typeSPDX, `{"spdxVersion":"SPDX-2.3","packages":[`, false, "not a JSON object"},
		{"packages_are_an_object", typeSPDX, `{"spdxVersion":"SPDX-2.3","packages":{"a":1}}`, false, "list of the document"},
		{"package_is_a_number", typeSPDX, `{"spdxVersion":"SPDX-2.3","packages":[1]}`, false, "entry 0"},
		{"package_without_a_name", typeSPDX, `{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"SPDXRef-1"}]}`, false, "neither a name"},
		{"long_name", typeSPDX, string(spdx([]entry{{name: long, version: "1"}})), false, "MaxText"},
		{"long_purl", typeCycloneDX, string(cycloneDX("1.6", []entry{{purl: "pkg:npm/" + long, name: "x"}})), false, "MaxText"},
		{"large", typeSPDX, strings.Repeat(" ", drift.MaxPredicate+1), false, "MaxPredicate"},
		{
			"many_packages", typeCycloneDX,
			`{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"file"}` + strings.Repeat(`,{"type":"file"}`, drift.MaxPackages) + `]}`,
			false, "MaxPackages",
		},
		{
			"many_packages_in_one", typeCycloneDX,
			`{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"components":[{}` + strings.Repeat(`,{}`, drift.MaxPackages) + `]}]}`,
			false, "MaxPackages",
		},
		{
			"many_references", typeSPDX,
			`{"spdxVersion":"SPDX-2.3","packages":[{"name":"a","externalRefs":[{}` + strings.Repeat(`,{}`, drift.MaxReferences) + `]}]}`,
			false, "MaxReferences",
		},
		{
			"deep", typeCycloneDX,
			`{"bomFormat":"CycloneDX","specVersion":"1.6","components":` + strings.Repeat(`[{"components":`, drift.MaxNesting) + `[]` + strings.Repeat(`}]`, drift.MaxNesting) + `}`,
			false, "MaxNesting",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := drift.Attested([]byte(tt.predicate), tt.predicateType)
			if err == nil || s != nil {
				t.Fatalf("Attested = %v, %v; want an error alone", s, err)
			}
			if got := fault.CodeOf(err); got != fault.Unavailable {
				t.Errorf("code %d, want %d", got, fault.Unavailable)
			}
			if got := errors.Is(err, drift.ErrNotRead); got != tt.notRead {
				t.Errorf("errors.Is(err, ErrNotRead) = %t, want %t", got, tt.notRead)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q does not say %q", err, tt.want)
			}
			if fault.HintOf(err) == "" {
				t.Error("no hint")
			}
		})
	}
}

// TestAttestedLeavesOut has one package among entries of SPDX that are none.
func TestAttestedLeavesOut(t *testing.T) {
	entry := func(id, name, purpose, purl string) map[string]any {
		return map[string]any{
			"SPDXID": id, "name": name, "versionInfo": "1", "primaryPackagePurpose": purpose,
			"externalRefs": []any{map[string]any{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}},
		}
	}
	relation := func(from, kind, to string) any {
		return map[string]any{"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to}
	}
	doc := encode(map[string]any{
		"spdxVersion": "SPDX-2.3",
		"packages": []any{
			entry("SPDXRef-os", "alpine", "OPERATING_SYSTEM", ""),
			entry("SPDXRef-file", "/bin/sh", "FILE", ""),
			entry("SPDXRef-image", "app", "CONTAINER", "pkg:npm/app@1"),
			entry("SPDXRef-other-image", "app", "", "PKG:OCI/app@sha256:00"),
			entry("SPDXRef-root", "app", "", ""),
			entry("SPDXRef-origin", "ms-git", "", "pkg:npm/ms-git@1"),
			entry("SPDXRef-origin-2", "ms-tar", "", "pkg:npm/ms-tar@1"),
			entry("SPDXRef-about", "main", "APPLICATION", "pkg:npm/main@1"),
			entry("SPDXRef-ms", "ms", "LIBRARY", "pkg:npm/ms@1"),
		},
		"relationships": []any{
			relation("SPDXRef-root", "DESCRIBED_BY", "SPDXRef-DOCUMENT"),
			relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-about"),
			relation("SPDXRef-ms", "GENERATED_FROM", "SPDXRef-origin"),
			relation("SPDXRef-origin-2", "GENERATES", "SPDXRef-ms"),
		},
	})
	s := attested(t, doc, typeSPDX)
	var got []string
	for _, p := range s.Installed() {
		got = append(got, p.Name)
	}
	if diff := cmp.Diff([]string{"main", "ms"}, got); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	if d := s.Distro(); d == nil || d.ID != "alpine" || d.Version != "1" {
		t.Errorf("distribution %+v, want alpine 1", d)
	}
}

// TestAttestedEqualIDs has two packages under one identifier: neither may vanish.
func TestAttestedEqualIDs(t *testing.T) {
	doc := strings.ReplaceAll(string(spdx(urls(t, "pkg:npm/ms@2.1.3", "pkg:npm/debug@4.0.0"))), "SPDXRef-1", "SPDXRef-0")
	if got := attested(t, []byte(doc), typeSPDX).Packages(); got != 2 {
		t.Errorf("%d packages, want 2", got)
	}
}

// TestAttestedNoPackages is a bill that lists nothing: it can be read, and everything
// that was found differs from it.
func TestAttestedNoPackages(t *testing.T) {
	for predicateType, doc := range map[string]string{
		typeSPDX: `{"spdxVersion":"SPDX-2.3"}`, typeCycloneDX: `{"bomFormat":"CycloneDX","specVersion":"1.6"}`,
	} {
		got := drift.Compare(attested(t, []byte(doc), predicateType), found(t, "pkg:npm/ms@2.1.3"), drift.Options{})
		if got.Attested != 0 || drift.Count(got) != 1 {
			t.Errorf("%s: report = %+v, want nothing attested and one item", predicateType, got)
		}
	}
}
