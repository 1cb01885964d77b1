package vuln_test

import (
	"strings"
	"testing"

	"github.com/anchore/syft/syft/pkg"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit/grypedb"
	"github.com/imagegate/imagegate/internal/vuln"
)

// TestPackageURLIsTheIdentity: other generators write names in their own way.
func TestPackageURLIsTheIdentity(t *testing.T) {
	record := func(id, ecosystem, name string) grypedb.Record {
		return grypedb.Record{ID: id, Ecosystem: ecosystem, Package: name, Constraint: "< 2.0.0", Severity: report.High}
	}
	db := openDB(t, append(records(),
		record("GHSA-1111-1111-1111", "npm", "@babel/traverse"), record("GHSA-2222-2222-2222", "npm", "traverse"),
		record("GHSA-3333-3333-3333", "go-module", "github.com/gin-gonic/gin"), record("GHSA-3333-3333-4444", "go-module", "example.com/mod/v2"),
		record("GHSA-4444-4444-4444", "python", "zope-interface"), record("GHSA-5555-5555-5555", "php-composer", "symfony/http-kernel"),
		record("GHSA-6666-6666-6666", "swift", "github.com/vapor/vapor"), record("GHSA-7777-7777-7777", "github-action", "actions/checkout"),
		record("GHSA-8888-8888-8888", "java-archive", "org.acme:web"), record("GHSA-9999-9999-9999", "gem", "rails"),
		record("GHSA-aaaa-aaaa-aaaa", "php-pear", "Mail"),
	))
	for _, tt := range []struct {
		name, pkg, version string
		kind               pkg.Type
		purl               string
		want               string // the name in the finding, after its ID
		renamed            bool
	}{
		{"npm_short_name", "traverse", "1.0.0", pkg.NpmPkg, "pkg:npm/%40babel/traverse@1.0.0", "GHSA-1111-1111-1111 @babel/traverse", true},
		{"npm_of_github", "npm:@babel/traverse", "1.0.0", pkg.NpmPkg, "pkg:npm/%40babel/traverse@1.0.0", "GHSA-1111-1111-1111 @babel/traverse", true},
		{"npm_group_twice", "@babel/@babel/traverse", "1.0.0", pkg.NpmPkg, "pkg:npm/%40babel/traverse@1.0.0", "GHSA-1111-1111-1111 @babel/traverse", true},
		{"npm_encoded_slash", "traverse", "1.0.0", pkg.NpmPkg, "pkg:npm/%40babel%2Ftraverse@1.0.0", "GHSA-1111-1111-1111 @babel/traverse", true},
		{"npm_full_name", "@babel/traverse", "1.0.0", pkg.NpmPkg, "pkg:npm/%40babel/traverse@1.0.0", "GHSA-1111-1111-1111 @babel/traverse", false},
		{"npm_without_a_url", "traverse", "1.0.0", pkg.NpmPkg, "", "GHSA-2222-2222-2222 traverse", false},
		{"go_short_name", "gin", "v1.6.0", pkg.GoModulePkg, "pkg:golang/github.com/gin-gonic/gin@v1.6.0", "GHSA-3333-3333-3333 github.com/gin-gonic/gin", true},
		{"go_of_github", "go:github.com/gin-gonic/gin", "1.6.0", pkg.GoModulePkg, "pkg:golang/github.com/gin-gonic/gin@1.6.0", "GHSA-3333-3333-3333 github.com/gin-gonic/gin", true},
		{"go_package_inside", "github.com/gin-gonic/gin", "v1.6.0", pkg.GoModulePkg, "pkg:golang/github.com/gin-gonic/gin@v1.6.0#binding", "GHSA-3333-3333-3333 github.com/gin-gonic/gin", false},
		{"go_major_version_below", "example.com/mod/v2", "v1.6.0", pkg.GoModulePkg, "pkg:golang/example.com/mod@v1.6.0#v2", "GHSA-3333-3333-4444 example.com/mod/v2", false},
		{"go_major_version_below_and_short", "mod", "v1.6.0", pkg.GoModulePkg, "pkg:golang/example.com/mod@v1.6.0#v2", "GHSA-3333-3333-4444 example.com/mod/v2", true},
		{"pip_of_github", "pip:zope-interface", "1.0", pkg.PythonPkg, "pkg:pypi/zope-interface@1.0", "GHSA-4444-4444-4444 zope-interface", true},
		{"python_spelling", "Zope.Interface", "1.0", pkg.PythonPkg, "pkg:pypi/zope-interface@1.0", "GHSA-4444-4444-4444 Zope.Interface", false},
		{"composer", "http-kernel", "1.0.0", pkg.PhpComposerPkg, "pkg:composer/symfony/http-kernel@1.0.0", "GHSA-5555-5555-5555 symfony/http-kernel", true},
		{"swift", "vapor", "1.0.0", pkg.SwiftPkg, "pkg:swift/github.com/vapor/vapor@1.0.0", "GHSA-6666-6666-6666 github.com/vapor/vapor", true},
		{"github_action", "checkout", "1.0.0", pkg.UnknownPkg, "pkg:githubactions/actions/checkout@1.0.0", "GHSA-7777-7777-7777 actions/checkout", true},
		{"maven_title", "The Web", "1.0.0", pkg.JavaPkg, "pkg:maven/org.acme/web@1.0.0", "GHSA-8888-8888-8888 The Web", false},
		{"channel_is_no_name", "Mail", "1.0.0", pkg.PhpPearPkg, "pkg:pear/pear.php.net/Mail@1.0.0", "GHSA-aaaa-aaaa-aaaa Mail", false},
		{"another_name", "something-else", "1.0.0", pkg.GemPkg, "pkg:gem/rails@1.0.0", "GHSA-9999-9999-9999 rails", true},
		{"version_of_the_url", "rails", "9.0.0", pkg.GemPkg, "pkg:gem/rails@1.0.0", "GHSA-9999-9999-9999 rails", true},
		{"version_of_the_url_is_not_affected", "rails", "1.0.0", pkg.GemPkg, "pkg:gem/rails@9.0.0", "", true},
		{"no_version_in_the_url", "rails", "1.0.0", pkg.GemPkg, "pkg:gem/rails", "GHSA-9999-9999-9999 rails", false},
		{"deb_with_its_architecture", "bash:amd64", "5-1", pkg.DebPkg, "pkg:deb/debian/bash@5-1?distro=debian-12", "CVE-2026-1001 bash", true},
		{"deb_without_the_epoch", "bash", "1:5-1", pkg.DebPkg, "pkg:deb/debian/bash@5-1?distro=debian-12", "CVE-2026-1001 bash", false},
		{"deb_with_another_epoch", "bash", "9:5-1", pkg.DebPkg, "pkg:deb/debian/bash@1:5-1?distro=debian-12", "CVE-2026-1001 bash", true},
		{"deb_with_the_same_epoch", "bash", "01:5-1", pkg.DebPkg, "pkg:deb/debian/bash@1:5-1?distro=debian-12", "CVE-2026-1001 bash", false},
		{"go_toolchain", "stdlib", "go1.26.8", pkg.GoModulePkg, "pkg:golang/stdlib@1.26.8", "", false},
		{"source_with_the_name_of_the_url", "openssl:amd64", "3.0.14-1", pkg.DebPkg, "pkg:deb/debian/libssl3@3.0.14-1?distro=debian-12&upstream=openssl", "CVE-2026-1000 libssl3", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := db.Match(t.Context(), document(nil, pkg.Package{Name: tt.pkg, Version: tt.version, Type: tt.kind, PURL: tt.purl}), vuln.MatchOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var got string
			for _, v := range m.Vulnerabilities {
				got += v.ID + " " + v.Package.Name
			}
			if got != tt.want || m.State != report.Done || m.Unjudged != 0 {
				t.Errorf("findings %q in state %s (%s), want %q", got, m.State, m.Reason, tt.want)
			}
			if notes := strings.Join(told(m, report.Information), "\n"); strings.Contains(notes, "matched by the package URL") != tt.renamed {
				t.Errorf("told %q, want that it was renamed: %v", notes, tt.renamed)
			}
		})
	}
}

// TestNeitherNameNorURL: a package of two kinds is looked up as what its document says, and
// counts as judged by nobody.
func TestNeitherNameNorURL(t *testing.T) {
	db := openDB(t, records())
	for _, tt := range []struct {
		name     string
		pkg      pkg.Package
		state    report.State
		unjudged int
	}{
		{"two_ecosystems", pkg.Package{Name: "left-pad", Version: "1.3.0", Type: pkg.NpmPkg, PURL: "pkg:pypi/left-pad@1.3.0"}, report.Done, 1},
		{"two_systems", pkg.Package{Name: "bash", Version: "5", Type: pkg.DebPkg, PURL: "pkg:apk/alpine/bash@5"}, report.Failed, 1},
		{"a_gap_counts_once", pkg.Package{Name: "bash", Version: "5", Type: pkg.GemPkg, PURL: "pkg:pypi/bash@5"}, report.Failed, 1},
		{"a_binary_of_a_project", pkg.Package{Name: "thing", Version: "1", Type: pkg.BinaryPkg, PURL: "pkg:golang/github.com/acme/thing@1"}, report.Done, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := db.Match(t.Context(), document(debian12, tt.pkg), vuln.MatchOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if m.State != tt.state || m.Unjudged != tt.unjudged || m.Packages != 1 {
				t.Errorf("state %s (%s), unjudged %d of %d", m.State, m.Reason, m.Unjudged, m.Packages)
			}
			unread := strings.Join(told(m, report.Unread), "\n")
			if tt.unjudged > 0 && tt.name != "a_gap_counts_once" && !strings.Contains(unread, tt.pkg.PURL) {
				t.Errorf("could not look: %q, want name and URL", unread)
			}
		})
	}
}
