package drift_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom/drift"
)

// The qualifiers with which Docker's scanner and Syft write a Debian package.
const (
	docker = "?os_distro=trixie&os_name=debian&os_version=13"
	syft   = "?arch=amd64&distro=debian-13"
)

func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		name            string
		attested, found []string
		want            []report.Drift
	}{
		{name: "nothing_at_all"},
		{name: "equal", attested: []string{"pkg:npm/left-pad@1.3.0"}, found: []string{"pkg:npm/left-pad@1.3.0"}},

		// Real differences, one of each kind, in company that does not differ.
		{
			name:     "added",
			attested: []string{"pkg:deb/debian/tar@1.35%2Bdfsg-3.1" + docker},
			found:    []string{"pkg:deb/debian/tar@1.35%2Bdfsg-3.1" + syft, "pkg:deb/debian/netcat-openbsd@1.229-1" + syft + "&upstream=netcat"},
			want:     []report.Drift{onlyFound("deb", "netcat-openbsd", "1.229-1")},
		},
		{
			name:     "removed",
			attested: []string{"pkg:deb/debian/tar@1.35" + docker, "pkg:deb/debian/sed@4.9-2" + docker},
			found:    []string{"pkg:deb/debian/sed@4.9-2" + syft},
			want:     []report.Drift{onlyAttested("deb", "tar", "1.35")},
		},
		{
			name:     "changed",
			attested: []string{"pkg:deb/debian/tar@1.35" + docker, "pkg:deb/debian/sed@4.9-2" + docker},
			found:    []string{"pkg:deb/debian/sed@4.9-2" + syft, "pkg:deb/debian/tar@1.34" + syft},
			want:     []report.Drift{differs("deb", "tar", "1.35", "1.34")},
		},
		{
			name:     "two_versions_of_which_one_differs",
			attested: []string{"pkg:npm/ms@2.0.0", "pkg:npm/ms@2.1.3"},
			found:    []string{"pkg:npm/ms@2.0.0", "pkg:npm/ms@2.1.2"},
			want:     []report.Drift{differs("npm", "ms", "2.1.3", "2.1.2")},
		},
		{
			name:     "one_more_version",
			attested: []string{"pkg:npm/ms@2.0.0"},
			found:    []string{"pkg:npm/ms@2.0.0", "pkg:npm/ms@2.1.2"},
			want:     []report.Drift{onlyFound("npm", "ms", "2.1.2")},
		},
		{
			name:     "same_name_in_another_ecosystem",
			attested: []string{"pkg:npm/requests@1.0.0"},
			found:    []string{"pkg:pypi/requests@1.0.0"},
			want:     []report.Drift{onlyAttested("npm", "requests", "1.0.0"), onlyFound("python", "requests", "1.0.0")},
		},

		// Spelling of package URLs.
		{
			name:     "percent_encoding_and_architecture",
			attested: []string{"pkg:deb/debian/libstdc++6@14.2.0-19?arch=arm64", "pkg:deb/debian/tar@1.35+dfsg-3~1"},
			found:    []string{"pkg:deb/debian/libstdc%2B%2B6@14.2.0-19?arch=amd64", "pkg:deb/debian/tar@1.35%2Bdfsg-3%7E1"},
		},
		{
			name:     "epoch_as_qualifier_zero_or_left_out",
			attested: []string{"pkg:rpm/redhat/openssl@3.0.7-27.el9?epoch=1", "pkg:rpm/redhat/bash@0:5.1.8-6.el9", "pkg:deb/debian/shadow@4.17.4-2"},
			found:    []string{"pkg:rpm/redhat/openssl@1:3.0.7-27.el9", "pkg:rpm/redhat/bash@5.1.8-6.el9?epoch=0", "pkg:deb/debian/shadow@1:4.17.4-2"},
		},
		{
			name:     "another_epoch",
			attested: []string{"pkg:deb/debian/shadow@1:4.17.4-2"},
			found:    []string{"pkg:deb/debian/shadow@4.17.4-2"},
			want:     []report.Drift{differs("deb", "shadow", "1:4.17.4-2", "4.17.4-2")},
		},
		{
			name:     "namespace_of_a_distribution",
			attested: []string{"pkg:deb/dhi/coreutils@9.7-3%2Bdhi3?os_distro=debian&os_name=dhi&os_version=13", "pkg:apk/wolfi/zlib@1.3-r1"},
			found:    []string{"pkg:deb/debian/coreutils@9.7-3%2Bdhi3?arch=arm64&distro=dhi-13", "pkg:apk/chainguard/zlib@1.3-r1"},
		},
		{
			name:     "namespace_and_version_of_a_distribution",
			attested: []string{"pkg:deb/dhi/coreutils@9.7-3%2Bdhi3"},
			found:    []string{"pkg:deb/debian/coreutils@9.7-3"},
			want:     []report.Drift{onlyAttested("deb", "coreutils", "9.7-3+dhi3"), onlyFound("deb", "coreutils", "9.7-3")},
		},
		{
			name:     "old_type_of_alpine_and_no_namespace",
			attested: []string{"pkg:alpine/musl@1.2.5-r10", "pkg:apk/zlib@1.3-r1"},
			found:    []string{"pkg:apk/alpine/musl@1.2.5-r10?arch=x86_64&distro=alpine-3.22", "pkg:apk/alpine/zlib@1.3-r2"},
			want:     []report.Drift{differs("apk", "zlib", "1.3-r1", "1.3-r2")},
		},
		{
			name:     "architecture_in_the_name",
			attested: []string{"pkg:deb/debian/libc6:amd64@2.41-12"},
			found:    []string{"pkg:deb/debian/libc6@2.41-12" + syft + "&upstream=glibc"},
		},

		// Ecosystems.
		{
			name:     "python_names",
			attested: []string{"pkg:pypi/Typing_Extensions@4.12.2", "pkg:pypi/zope.interface@7.2", "pkg:pypi/ruamel--yaml@0.18"},
			found:    []string{"pkg:pypi/typing-extensions@4.12.2", "pkg:pypi/zope-interface@7.2", "pkg:pypi/ruamel.yaml@0.18"},
		},
		{
			name:     "npm_scopes",
			attested: []string{"pkg:npm/@babel/core@7.26.0", "pkg:npm/%40types/node@22.0.0"},
			found:    []string{"pkg:npm/%40babel/core@7.26.0", "pkg:npm/@types/node@22.0.0"},
		},
		{
			name:     "npm_scope_is_part_of_the_name",
			attested: []string{"pkg:npm/%40babel/core@7.26.0"},
			found:    []string{"pkg:npm/core@7.26.0"},
			want:     []report.Drift{onlyAttested("npm", "@babel/core", "7.26.0"), onlyFound("npm", "core", "7.26.0")},
		},
		{
			name:     "golang_case_path_and_v",
			attested: []string{"pkg:golang/github.com/Azure/azure-sdk-for-go/sdk/azcore@1.17.0", "pkg:golang/stdlib@go1.24.1"},
			found:    []string{"pkg:golang/github.com/azure/azure-sdk-for-go@v1.17.0#sdk/azcore", "pkg:golang/stdlib@1.24.1"},
		},
		{
			name:     "maven_group_is_part_of_the_name",
			attested: []string{"pkg:maven/org.apache.commons/commons-lang3@3.14.0"},
			found:    []string{"pkg:maven/org.evil/commons-lang3@3.14.0"},
			want: []report.Drift{
				onlyAttested("java-archive", "org.apache.commons/commons-lang3", "3.14.0"),
				onlyFound("java-archive", "org.evil/commons-lang3", "3.14.0"),
			},
		},

		// What the vendor built.
		{
			name:     "component_and_binary",
			attested: []string{"pkg:dhi/python@3.14.3"},
			found:    []string{"pkg:generic/python@3.14.3", "pkg:dhi/python@3.14.3?platform=linux%2Famd64"},
		},
		{name: "binary_and_component", attested: []string{"pkg:generic/node@22.1.0"}, found: []string{"pkg:dhi/node@22.1.0"}},
		{
			name:     "binary_of_another_version_than_the_component",
			attested: []string{"pkg:dhi/python@3.14.3"},
			found:    []string{"pkg:generic/python@3.14.2"},
			want:     []report.Drift{differs("binary", "python", "3.14.3", "3.14.2")},
		},
		{
			name:     "binary_that_contradicts_the_component",
			attested: []string{"pkg:dhi/python@3.14.3"},
			found:    []string{"pkg:dhi/python@3.14.3", "pkg:generic/python@3.14.2"},
			want:     []report.Drift{onlyFound("binary", "python", "3.14.2")},
		},

		// What is no package.
		{
			name: "no_packages",
			attested: []string{
				"pkg:oci/app@sha256:0000000000000000000000000000000000000000000000000000000000000000", "pkg:docker/dhi/python@3.14",
				"pkg:github/actions/checkout@v4", "pkg:generic/openssl@3.5.0?download_url=https://example.test/openssl.tar.gz",
			},
			found: []string{"pkg:github/actions/setup-go@v5"},
		},
		{
			name:     "what_is_found_is_not_set_aside_as_an_archive",
			attested: []string{"pkg:npm/ms@2.0.0"},
			found:    []string{"pkg:npm/ms@2.0.0", "pkg:generic/xmrig@6.22.0?download_url=https://example.test/x"},
			want:     []report.Drift{onlyFound("binary", "xmrig", "6.22.0")},
		},
		{
			name:     "duplicates",
			attested: []string{"pkg:npm/ms@2.0.0", "pkg:npm/ms@2.0.0"},
			found:    []string{"pkg:npm/ms@2.0.0", "pkg:npm/ms@2.0.0", "pkg:npm/debug@4.0.0", "pkg:npm/debug@4.0.0"},
			want:     []report.Drift{onlyFound("npm", "debug", "4.0.0")},
		},
		{
			name:     "version_left_out",
			attested: []string{"pkg:npm/ms", "pkg:npm/debug@4.0.0"},
			found:    []string{"pkg:npm/ms@2.0.0", "pkg:npm/debug"},
			want:     []report.Drift{differs("npm", "debug", "4.0.0", "")},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, form := range []struct {
				name, predicateType string
				predicate           []byte
			}{
				{"spdx", typeSPDX, spdx(urls(t, tt.attested...))},
				{"cyclonedx", typeCycloneDX, cycloneDX("1.6", urls(t, tt.attested...))},
			} {
				got := drift.Compare(attested(t, form.predicate, form.predicateType), found(t, tt.found...), drift.Options{})
				want := tt.want
				if want == nil {
					want = []report.Drift{}
				}
				if diff := cmp.Diff(want, got.Items); diff != "" {
					t.Errorf("%s: items (-want +got):\n%s", form.name, diff)
				}
				if n := drift.Count(got); n != len(tt.want) {
					t.Errorf("%s: Count = %d, want %d", form.name, n, len(tt.want))
				}
			}
		})
	}
}

func TestCompareWithoutABill(t *testing.T) {
	if got := drift.Compare(nil, found(t, "pkg:npm/ms@2.0.0"), drift.Options{}); got != nil {
		t.Errorf("Compare(nil, found) = %v, want nil", got)
	}
	if got := drift.Count(nil); got != 0 {
		t.Errorf("Count(nil) = %d, want 0", got)
	}
}

func TestCompareCountsAndPlatform(t *testing.T) {
	a := attested(t, spdx(urls(t, "pkg:npm/ms@2.0.0", "pkg:npm/ms@2.0.0", "pkg:github/actions/checkout@v4")), typeSPDX)
	got := drift.Compare(a, found(t, "pkg:npm/ms@2.0.0", "pkg:npm/debug@4.0.0"), drift.Options{Platform: "linux/arm64"})
	item := onlyFound("npm", "debug", "4.0.0")
	item.Platform = "linux/arm64"
	want := &report.SBOMDriftReport{Attested: 1, Found: 2, Items: []report.Drift{item}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

// TestCompareNames is for bills in which packages have no package URL.
func TestCompareNames(t *testing.T) {
	a := attested(t, spdx([]entry{
		{name: "busybox", version: "1.37.0-r12"}, {name: "Zlib", version: "1.3-r1"},
		{name: "gone", version: "1"}, {name: "/usr/lib"}, {name: "sha256:0123", version: "sha256:0123"},
	}), typeSPDX)
	got := drift.Compare(a, found(t, "pkg:apk/alpine/busybox@1.37.0-r12", "pkg:apk/alpine/zlib@1.3-r1"), drift.Options{})
	want := []report.Drift{onlyAttested("unknown", "gone", "1")}
	if diff := cmp.Diff(want, got.Items); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
}
