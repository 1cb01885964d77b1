package drift_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom/drift"
)

// What Syft finds of a few sources of Debian 13.
var (
	glibc = []string{
		"pkg:deb/debian/libc6@2.41-12%2Bdeb13u1" + syft + "&upstream=glibc",
		"pkg:deb/debian/libc-bin@2.41-12%2Bdeb13u1" + syft + "&upstream=glibc",
	}
	openssl = []string{
		"pkg:deb/debian/openssl@3.5.6-1~deb13u2" + syft,
		"pkg:deb/debian/libssl3t64@3.5.6-1~deb13u2" + syft + "&upstream=openssl",
	}
	zlib = []string{"pkg:deb/debian/zlib1g@1:1.3.dfsg%2Breally1.3.1-1%2Bb1" + syft + "&upstream=zlib%401:1.3.dfsg%2Breally1.3.1-1"}
	tar  = []string{"pkg:deb/debian/tar@1.35%2Bdfsg-3.1" + syft}
)

func join(lists ...[]string) []string {
	var out []string
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

func TestCompareSources(t *testing.T) {
	const (
		glibcLine   = "pkg:deb/debian/glibc@2.41-12%2Bdeb13u1" + docker
		opensslLine = "pkg:deb/debian/openssl@3.5.6-1~deb13u2" + docker
		zlibLine    = "pkg:deb/debian/zlib@1%3A1.3.dfsg%2Breally1.3.1-1" + docker
		tarLine     = "pkg:deb/debian/tar@1.35%2Bdfsg-3.1" + docker
	)
	for _, tt := range []struct {
		name            string
		attested, found []string
		want            []report.Drift
	}{
		{
			name:     "one_source_of_two_packages",
			attested: []string{glibcLine},
			found:    glibc,
		},
		{
			name:     "version_of_the_source_and_of_its_rebuild",
			attested: []string{zlibLine},
			found:    zlib,
		},
		{
			name:     "version_of_the_rebuild",
			attested: []string{"pkg:deb/debian/zlib@1:1.3.dfsg%2Breally1.3.1-1%2Bb1" + docker},
			found:    zlib,
		},
		{
			name:     "all_by_source_also_where_a_package_has_that_name",
			attested: []string{glibcLine, opensslLine, zlibLine, tarLine},
			found:    join(glibc, openssl, zlib, tar),
		},
		{
			name:     "source_of_an_alpine_package",
			attested: []string{"pkg:apk/alpine/openssl@3.5.7-r1?os_name=alpine&os_version=3.24"},
			found: []string{
				"pkg:apk/alpine/libcrypto3@3.5.7-r1?arch=x86_64&distro=alpine-3.24.0&upstream=openssl",
				"pkg:apk/alpine/libssl3@3.5.7-r1?arch=x86_64&distro=alpine-3.24.0&upstream=openssl",
			},
		},
		{
			name:     "source_of_an_rpm",
			attested: []string{"pkg:rpm/redhat/glibc@2.34-100.el9"},
			found:    []string{"pkg:rpm/redhat/glibc-common@2.34-100.el9?arch=x86_64&upstream=glibc-2.34-100.el9.src.rpm"},
		},
		{
			name:     "source_that_says_so_beside_its_packages",
			attested: join([]string{"pkg:deb/debian/glibc@2.41-12%2Bdeb13u1?arch=source"}, glibc),
			found:    glibc,
		},
		{
			name:     "source_of_another_version",
			attested: []string{"pkg:deb/debian/glibc@2.41-12" + docker},
			found:    glibc,
			want: []report.Drift{
				differs("deb", "libc-bin", "2.41-12", "2.41-12+deb13u1"),
				differs("deb", "libc6", "2.41-12", "2.41-12+deb13u1"),
			},
		},
		{
			name:     "one_package_of_the_source_of_another_version",
			attested: []string{glibcLine},
			found:    []string{glibc[0], "pkg:deb/debian/libc-bin@2.41-12" + syft + "&upstream=glibc"},
			want:     []report.Drift{differs("deb", "libc-bin", "2.41-12+deb13u1", "2.41-12")},
		},
		{
			name:     "source_of_which_nothing_is_left",
			attested: []string{glibcLine, tarLine},
			found:    tar,
			want:     []report.Drift{onlyAttested("deb", "glibc", "2.41-12+deb13u1")},
		},
		{
			name:     "package_of_a_source_that_is_not_listed",
			attested: []string{glibcLine, tarLine},
			found:    join(glibc, tar, openssl),
			want:     []report.Drift{onlyFound("deb", "libssl3t64", "3.5.6-1~deb13u2"), onlyFound("deb", "openssl", "3.5.6-1~deb13u2")},
		},
		{
			name:     "package_added_to_a_list_by_package_name",
			attested: []string{glibc[0], openssl[0], tar[0]},
			found:    join(glibc, openssl[:1], tar),
			want:     []report.Drift{onlyFound("deb", "libc-bin", "2.41-12+deb13u1")},
		},
		{
			name:     "sibling_of_a_package_with_the_name_of_the_source",
			attested: []string{glibc[0], glibc[1], openssl[0]},
			found:    join(glibc, openssl),
			want:     []report.Drift{onlyFound("deb", "libssl3t64", "3.5.6-1~deb13u2")},
		},
		{
			name:     "package_with_the_name_of_the_source_removed",
			attested: join(glibc, openssl),
			found:    join(glibc, openssl[1:]),
			want:     []report.Drift{onlyAttested("deb", "openssl", "3.5.6-1~deb13u2")},
		},
		{
			name:     "sources_are_of_distributions_alone",
			attested: []string{"pkg:npm/glibc@1.0.0"},
			found:    []string{"pkg:npm/libc6@1.0.0?upstream=glibc"},
			want:     []report.Drift{onlyAttested("npm", "glibc", "1.0.0"), onlyFound("npm", "libc6", "1.0.0")},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := drift.Compare(attested(t, spdx(urls(t, tt.attested...)), typeSPDX), found(t, tt.found...), drift.Options{})
			want := tt.want
			if want == nil {
				want = []report.Drift{}
			}
			if diff := cmp.Diff(want, got.Items); diff != "" {
				t.Errorf("items (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCompareManyAlike has bills that would take minutes if any step compared each line
// with each other: one name with many versions, namespaces and sources.
func TestCompareManyAlike(t *testing.T) {
	var vendor, here []entry
	for i := range 10_000 {
		vendor = append(vendor,
			entry{fmt.Sprintf("pkg:deb/a%d/same@1", i), "same", "1"},
			entry{fmt.Sprintf("pkg:deb/debian/source@%d", i), "source", strconv.Itoa(i)})
		here = append(here,
			entry{fmt.Sprintf("pkg:deb/b%d/same@1", i), "same", "1"},
			entry{fmt.Sprintf("pkg:deb/debian/other@1?upstream=s%d", i), "other", "1"},
			entry{fmt.Sprintf("pkg:deb/debian/package@%d?upstream=source", 5_000+i), "package", strconv.Itoa(5_000 + i)})
	}
	got := drift.Compare(attested(t, spdx(vendor), typeSPDX), attested(t, spdx(here), typeSPDX), drift.Options{})
	// 5,000 versions of the source differ, and "other" was found alone.
	if n := drift.Count(got); n != 5_001 {
		t.Errorf("%d items, want 5001", n)
	}
}
