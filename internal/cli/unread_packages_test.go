package cli_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
	"github.com/imagegate/imagegate/internal/testkit/grypedb"
)

// layerOf is a layer of these files, with or without entries for their directories. With
// them, "-> x" is a link to x.
func layerOf(t *testing.T, files map[string]string, directories bool) testkit.Layer {
	t.Helper()
	if directories {
		var l testkit.Layer
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if to, ok := strings.CutPrefix(files[name], "-> "); ok {
				l.Files = append(l.Files, testkit.File{Path: name, Symlink: to})
				continue
			}
			l.Files = append(l.Files, testkit.File{Path: name, Content: []byte(files[name])})
		}
		return l
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return testkit.Layer{Raw: b.Bytes(), Compression: testkit.Uncompressed}
}

// newPackageWorld has a database that knows Debian, Alpine and npm.
func newPackageWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, testkit.RegistryOptions{})
	w.withRecords([]grypedb.Record{
		{ID: "CVE-2005-2541", Distro: "debian 12", Package: "tar", Severity: report.Critical},
		{ID: "CVE-2024-1", Distro: "alpine 3.20", Package: "openssl", Severity: report.Critical},
		{ID: "GHSA-aaaa-bbbb-cccc", Ecosystem: "npm", Package: "bad", Severity: report.Critical},
	}...)
	return w
}

// scanLayers gates an image of these layers.
func (w *world) scanLayers(layers []testkit.Layer, more ...string) (fault.Code, *report.Report, string) {
	w.t.Helper()
	ref, _ := w.push(testkit.Image{Name: "dhi/app", Tags: []string{"1.0"}, Platforms: []testkit.Platform{{
		Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Layers: layers,
		Config: v1.ConfigFile{Created: v1.Time{Time: built}, Config: v1.Config{User: "65532:65532"}},
	}}})
	args := append([]string{"scan", ref, "--registry-username", login, "--registry-password-file", w.passwordFile(), "--report-dir", w.path("report")}, w.dbFlags...)
	code, stdout, stderr := w.run(append(args, more...)...)
	return code, w.report(), stdout + stderr
}

const (
	release12  = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n"
	release320 = "ID=alpine\nVERSION_ID=3.20.3\n"
	npmOK      = `{"name":"ok","version":"1.0.0"}`
	debOK      = "Package: base-files\nStatus: install ok installed\nVersion: 12.4\nArchitecture: amd64\n\n"
	debTar     = "Package: tar\nStatus: install ok installed\nVersion: 1.34+dfsg-1.2+deb12u1\nArchitecture: amd64\n\n"
)

// The operating system's own package database decides what is looked for: when it cannot
// be read to its end, nothing else that was found makes up for it.
func TestUnreadPackageDatabase(t *testing.T) {
	w := newPackageWorld(t)
	for _, tt := range []struct {
		name  string
		files map[string]string
		says  string // what the reason names; "" when all is read
	}{
		{"good", map[string]string{"etc/os-release": release12, "var/lib/dpkg/status": debOK}, ""},
		{"dpkg_begins_with_a_space", map[string]string{"etc/os-release": release12, "var/lib/dpkg/status": " x\n" + debOK}, "/var/lib/dpkg/status"},
		{"dpkg_field_twice", map[string]string{"etc/os-release": release12, "var/lib/dpkg/status": debOK + "Package: z\nStatus: install ok installed\nSource: a\nSource: a\nVersion: 1\n\n"}, "/var/lib/dpkg/status"},
		{"dpkg_one_of_two", map[string]string{"etc/os-release": release12, "var/lib/dpkg/status": debOK + "Package: z\nStatus: install ok installed\nVersion: 1"}, "1 of 2 packages could not be read: z"},
		{"dpkg_status_d", map[string]string{"etc/os-release": release12, "var/lib/dpkg/status.d/base": debOK, "var/lib/dpkg/status.d/tar": " x\n" + debTar}, "/var/lib/dpkg/status.d/tar"},
		{"apk_line_that_is_no_field", map[string]string{"etc/os-release": release320, "lib/apk/db/installed": "P:musl\nV:1\nA:x86_64\n\nP:busybox\nV:1\n" + strings.Repeat("x", 2<<20) + "\n\n"}, "/lib/apk/db/installed"},
		{"apk_of_zeros", map[string]string{"etc/os-release": release320, "lib/apk/db/installed": strings.Repeat("\x00", 4096)}, "/lib/apk/db/installed"},
		{"rpm_of_zeros", map[string]string{"etc/os-release": "ID=rhel\nVERSION_ID=9.4\n", "var/lib/rpm/rpmdb.sqlite": strings.Repeat("\x00", 4096)}, "/var/lib/rpm/rpmdb.sqlite"},
		{"dpkg_through_a_link", map[string]string{"etc/os-release": release12, "var/lib/dpkg": "-> ../../opt/dpkg", "opt/dpkg/status": " x\n" + debOK}, "/opt/dpkg/status"},
		{"dpkg_file_that_is_a_link", map[string]string{"etc/os-release": release12, "var/lib/dpkg/status": "-> /opt/packages", "opt/packages": debOK + " x:\n\n x\n"}, "/opt/packages"},
		{"rpm_through_a_link", map[string]string{"etc/os-release": "ID=fedora\nVERSION_ID=42\n", "var/lib/rpm": "-> ../../usr/lib/sysimage/rpm", "usr/lib/sysimage/rpm/rpmdb.sqlite": strings.Repeat("\x00", 4096)}, "/usr/lib/sysimage/rpm/rpmdb.sqlite"},
		{"pacman_without_desc", map[string]string{"etc/os-release": "ID=arch\n", "var/lib/pacman/local/zlib-1-1/files": "%FILES%\nusr/\n"}, "/var/lib/pacman/local/zlib-1-1"},
		{"portage_without_contents", map[string]string{"etc/os-release": "ID=gentoo\n", "var/db/pkg/sys-libs/zlib-1/SIZE": "1\n"}, "/var/db/pkg/sys-libs/zlib-1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := maps.Clone(tt.files)
			files["app/node_modules/ok/package.json"] = npmOK
			code, r, text := w.scanLayers([]testkit.Layer{layerOf(t, files, true)})
			if tt.says == "" {
				must(t, code, r, text, fault.OK, report.Pass)
				return
			}
			must(t, code, r, text, fault.Unavailable, report.Error)
			if s := stageOf(r, report.StageSBOM); s.State != report.Failed || !strings.Contains(s.Reason, tt.says) {
				t.Errorf("stage sbom is %s because %q, want failed because of %q", s.State, s.Reason, tt.says)
			}
			if !strings.Contains(strings.Join(r.Verdict.Reasons, "\n"), tt.says) {
				t.Errorf("reasons %q, want one that names %q", r.Verdict.Reasons, tt.says)
			}
			if r.SBOM.Packages == 0 {
				t.Error("the package that could be read is gone")
			}
		})
	}
}

// Whatever else could not be read is told with its path, and fails when that is asked for.
func TestUnreadFilesWarn(t *testing.T) {
	w := newPackageWorld(t)
	for _, tt := range []struct{ name, path, content string }{
		{"nested_dpkg", "srv/root/var/lib/dpkg/status", " x\n" + debOK},
		{"nested_rpm", "srv/root/var/lib/rpm/rpmdb.sqlite", strings.Repeat("\x00", 4096)},
		{"jar_cut_in_half", "app/log4j-core-2.14.1.jar", "PK\x03\x04" + strings.Repeat("\x00", 500)},
		{"package_json", "app/node_modules/x/package.json", `{"name": [1,`},
		{"embedded_sbom", "opt/docker/sbom/x/.spdx.x.json", `{"spdxVersion":`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			layers := []testkit.Layer{layerOf(t, map[string]string{
				"etc/os-release": release12, "var/lib/dpkg/status": debOK, "app/node_modules/ok/package.json": npmOK, tt.path: tt.content,
			}, true)}
			code, r, text := w.scanLayers(layers)
			must(t, code, r, text, fault.OK, report.Warn)
			if !strings.Contains(strings.Join(r.Verdict.Reasons, "\n"), tt.path) {
				t.Errorf("reasons %q, want one that names %s", r.Verdict.Reasons, tt.path)
			}
			code, r, text = w.scanLayers(layers, "--fail-on-unread")
			must(t, code, r, text, fault.Policy, report.Fail)
		})
	}
	t.Run("nothing_in_it", func(t *testing.T) { // read to its end, and no package is in it
		code, r, text := w.scanLayers([]testkit.Layer{layerOf(t, map[string]string{
			"etc/os-release": release12, "var/lib/dpkg/status": debOK, "var/lib/dpkg/status.d/x.md5sums": "0123  bin/x\n",
			"app/node_modules/ok/package.json": npmOK, "app/empty.exe": "", "srv/lib/dpkg/status": "",
		}, true)}, "--fail-on-unread")
		must(t, code, r, text, fault.OK, report.Pass)
	})
}

// An archive that would take too much is refused before anything of it is unpacked.
func TestNestedArchives(t *testing.T) {
	w := newPackageWorld(t)
	w.ownTemp()
	zeros, in := strings.Repeat("\x00", 160<<20), jarOf(t, map[string]string{"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\n"})
	for range 9 {
		in = jarOf(t, map[string]string{"in.jar": in})
	}
	for _, tt := range []struct{ name, jar, limit string }{
		{"zeros", jarOf(t, map[string]string{"a.jar": zeros, "b.jar": zeros}), "limit MaxRatio"},
		{"in_one_another", in, "limit MaxNesting"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, r, text := w.scanLayers([]testkit.Layer{layerOf(t, map[string]string{
				"etc/os-release": release12, "var/lib/dpkg/status": debOK, "app/bomb.jar": tt.jar,
			}, true)})
			must(t, code, r, text, fault.OK, report.Warn)
			if reasons := strings.Join(r.Verdict.Reasons, "\n"); !strings.Contains(reasons, "/app/bomb.jar") || !strings.Contains(reasons, tt.limit) {
				t.Errorf("reasons %q, want the archive and its limit", reasons)
			}
		})
	}
}

// samples are files of one package for each kind of package that an image may hold.
var samples = map[string]map[string]string{
	"tar":          {"var/lib/dpkg/status": debTar},
	"libssl3":      {"lib/apk/db/installed": "P:libssl3\nV:3.1.6-r0\nA:x86_64\no:openssl\n\n"},
	"distroless":   {"var/lib/dpkg/status.d/distroless": "Package: distroless\nVersion: 1\nArchitecture: amd64\n\n"},
	"opkg":         {"usr/lib/opkg/info/opkg.control": "Package: opkg\nVersion: 1.2.11-1\nArchitecture: x\n\n"},
	"mariner":      {"var/lib/rpmmanifest/container-manifest-2": "mariner\t1-1\t1\t1\tv\t(none)\t1\tx86_64\t0\ts.rpm\n"},
	"pacman":       {"var/lib/pacman/local/pacman-1-1/desc": "%NAME%\npacman\n\n%VERSION%\n1-1\n\n%ARCH%\nx86_64\n\n", "var/lib/pacman/local/pacman-1-1/files": "%FILES%\nusr/\n"},
	"app/gentoo":   {"var/db/pkg/app/gentoo-1.2.11/CONTENTS": "dir /usr\n", "var/db/pkg/app/gentoo-1.2.11/SIZE": "1\n"},
	"nix":          {"nix/store/5q7vxm9lc9ckxxkk4w9ifm8gqcxmpzgk-nix-1.2.11/lib/libz.so.1": "x"},
	"npm":          {"app/node_modules/npm/package.json": `{"name":"npm","version":"1.0.0"}`},
	"wheel":        {"usr/lib/python3/site-packages/wheel-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: wheel\nVersion: 1.0\n"},
	"egg":          {"usr/lib/python3/site-packages/egg-1.0.egg-info/PKG-INFO": "Metadata-Version: 1.1\nName: egg\nVersion: 1.0\n"},
	"gem":          {"usr/lib/ruby/gems/3.0/specifications/gem-2.0.0.gemspec": "Gem::Specification.new do |s|\n  s.name = \"gem\".freeze\n  s.version = \"2.0.0\"\nend\n"},
	"php/composer": {"app/vendor/composer/installed.json": `{"packages":[{"name":"php/composer","version":"1.6.0"}]}`},
	"rlang":        {"usr/lib/R/library/rlang/DESCRIPTION": "Package: rlang\nVersion: 1.1.0\n"},
	"lua":          {"usr/lib/luarocks/rocks-5.1/lua/1.0-1/lua-1.0-1.rockspec": "package = \"lua\"\nversion = \"1.0-1\"\nsource = { url = \"x\" }\n"},
	"wp":           {"var/www/html/wp-content/plugins/wp/wp.php": "<?php\n/*\nPlugin Name: wp\nVersion: 1.0\n*/\n"},
	"java":         {"app/java.jar": "JAR"},
	"dotnet":       {"app/dotnet.deps.json": `{"runtimeTarget":{"name":".NETCoreApp,Version=v6.0"},"targets":{".NETCoreApp,Version=v6.0":{"dotnet/1.0.0":{"runtime":{"dotnet.dll":{}}}}},"libraries":{"dotnet/1.0.0":{"type":"package","serviceable":false,"sha512":""}}}`},
	"brew":         {"home/linuxbrew/.linuxbrew/Cellar/brew/1.0/.brew/brew.rb": "class Brew < Formula\n  desc \"x\"\n  homepage \"https://brew.example\"\n  url \"https://brew.example/brew-1.0.tar.gz\"\nend\n"},
	"docker/own":   {"opt/docker/sbom/x/.spdx.x.json": `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","packages":[{"SPDXID":"SPDXRef-1","name":"own","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:dhi/docker/own@1.0"}]}]}`},
}

// Layers need no entries for directories: the packages found with them are found without.
func TestPackagesWithoutDirectoryEntries(t *testing.T) {
	w := newPackageWorld(t)
	files := map[string]string{"etc/os-release": release12}
	for _, sample := range samples {
		maps.Copy(files, sample)
	}
	files["app/java.jar"] = jarOf(t, map[string]string{"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\nImplementation-Title: java\nImplementation-Version: 1.0\n"})
	found := map[bool][]string{}
	for _, directories := range []bool{true, false} {
		_, r, text := w.scanLayers([]testkit.Layer{layerOf(t, files, directories)}, "--sbom-formats", "syft-json")
		if r == nil {
			t.Fatal(text)
		}
		var bill struct {
			Artifacts []struct{ Name, Version, Type, FoundBy string }
		}
		if err := json.Unmarshal([]byte(w.file("sbom.syft.json")), &bill); err != nil {
			t.Fatal(err)
		}
		for _, a := range bill.Artifacts {
			found[directories] = append(found[directories], strings.Join([]string{a.Name, a.Version, a.Type, a.FoundBy}, " "))
		}
		slices.Sort(found[directories])
	}
	if diff := cmp.Diff(found[true], found[false]); diff != "" {
		t.Errorf("without entries for directories (-with +without):\n%s", diff)
	}
	for name := range samples {
		if !slices.ContainsFunc(found[true], func(line string) bool { return strings.HasPrefix(line, name+" ") }) {
			t.Errorf("the package %s was not found: %q", name, found[true])
		}
	}
}

// A vulnerable package of an image without entries for directories is found.
func TestDirectoriesThatNoLayerLists(t *testing.T) {
	w := newPackageWorld(t)
	files := map[string]string{"etc/os-release": release12, "app/node_modules/ok/package.json": npmOK, "var/lib/dpkg/status.d/tar": debTar}
	for _, layers := range [][]testkit.Layer{
		{layerOf(t, files, true)}, {layerOf(t, files, false)},
		{layerOf(t, map[string]string{"etc/os-release": release12}, true), layerOf(t, map[string]string{"var/lib/dpkg/status.d/tar": debTar}, false)},
	} {
		code, r, text := w.scanLayers(layers)
		must(t, code, r, text, fault.Policy, report.Fail)
		finding(t, r, "CVE-2005-2541")
	}
}

// jarOf is an archive of these files.
func jarOf(t *testing.T, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
