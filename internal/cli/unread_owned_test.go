package cli_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
	"github.com/imagegate/imagegate/internal/testkit/grypedb"
)

// A list of a package's files is data of the image: that it names a file makes nothing of
// that file read.
func TestUnreadFilesThatAPackageOwns(t *testing.T) {
	w := newPackageWorld(t)
	w.ownTemp()
	zeros := strings.Repeat("\x00", 160<<20)
	for _, tt := range []struct{ name, path, content string }{
		{"jar_cut_in_half", "app/log4j-core-2.14.1.jar", "PK\x03\x04" + strings.Repeat("\x00", 500)},
		{"nested_dpkg", "srv/root/var/lib/dpkg/status", " x\n" + debTar},
		{"nested_rpm", "srv/root/var/lib/rpm/rpmdb.sqlite", strings.Repeat("\x00", 4096)},
		{"package_json", "app/node_modules/x/package.json", `{"name": [1,`},
		{"limit", "app/bomb.jar", jarOf(t, map[string]string{"a.jar": zeros, "b.jar": zeros})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, r, text := w.scanLayers([]testkit.Layer{layerOf(t, map[string]string{
				"etc/os-release": release12, "var/lib/dpkg/status": debOK, "app/node_modules/ok/package.json": npmOK,
				"var/lib/dpkg/info/base-files.md5sums": "d41d8cd98f00b204e9800998ecf8427e  " + tt.path + "\n", tt.path: tt.content,
			}, true)}, "--fail-on-unread")
			must(t, code, r, text, fault.Policy, report.Fail)
			if reasons := strings.Join(r.Verdict.Reasons, "\n"); !strings.Contains(reasons, tt.path) {
				t.Errorf("reasons %q, want one that names %s", reasons, tt.path)
			}
		})
	}
}

// What Syft says of a file quotes it, and its path: neither may say that the file was read.
func TestUnreadFilesThatQuoteARemark(t *testing.T) {
	w := newPackageWorld(t)
	const words = "unable to parse listing of installed files for RPM DB entry: "
	for _, tt := range []struct{ name, path, content string }{
		{"line", "srv/root/var/lib/dpkg/status", " " + words + "\n" + debTar},
		{"path_of_dpkg", "srv/" + words + "x/var/lib/dpkg/status", " x\n" + debTar},
		{"path_of_rpm", "srv/" + words + "x/var/lib/rpm/rpmdb.sqlite", strings.Repeat("\x00", 4096)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, r, text := w.scanLayers([]testkit.Layer{layerOf(t, map[string]string{
				"etc/os-release": release12, "var/lib/dpkg/status": debOK, "app/node_modules/ok/package.json": npmOK, tt.path: tt.content,
			}, true)}, "--fail-on-unread")
			must(t, code, r, text, fault.Policy, report.Fail)
		})
	}
}

// A description that cannot be unpacked hides its package, however deep in an archive.
func TestDamagedArchiveInAnArchive(t *testing.T) {
	w := newPackageWorld(t)
	w.withRecords(grypedb.Record{ID: "GHSA-jfh8-c2jp-5v3q", Ecosystem: "java-archive", Package: "org.apache.logging.log4j:log4j-core", Constraint: "< 2.15", Severity: report.Critical})
	const manifest, props = "META-INF/MANIFEST.MF", "META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties"
	title := func(name string) string {
		return "Manifest-Version: 1.0\nImplementation-Title: " + name + "\nImplementation-Version: 1.0\n"
	}
	good := jarOf(t, map[string]string{manifest: title("app"),
		props: "groupId=org.apache.logging.log4j\nartifactId=log4j-core\nversion=2.14.1\n# " + strings.Repeat("padding ", 5) + "\n"})
	// damaged flips bytes of the data of one file, whose name comes before it.
	damaged := func(name string) string {
		b := []byte(good)
		at := strings.Index(good, name) + len(name)
		for i := range b[at : at+30] {
			b[at+i] ^= 0xff
		}
		return string(b)
	}
	for _, tt := range []struct {
		name, jar string
		code      fault.Code
		verdict   report.Result
		says      string
	}{
		{"good", good, fault.Policy, report.Fail, "GHSA-jfh8-c2jp-5v3q"},
		{"properties", damaged(props), fault.Policy, report.Fail, "pom.properties of an archive in it could not be read"},
		{"manifest", damaged(manifest), fault.Policy, report.Fail, "META-INF/MANIFEST.MF of an archive in it could not be read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, r, text := w.scanLayers([]testkit.Layer{layerOf(t, map[string]string{
				"etc/os-release": release12, "var/lib/dpkg/status": debOK,
				"app/app.jar": jarOf(t, map[string]string{manifest: title("outer"), "BOOT-INF/lib/x.jar": tt.jar}),
			}, true)}, "--fail-on-unread")
			must(t, code, r, text, tt.code, tt.verdict)
			if reasons := strings.Join(r.Verdict.Reasons, "\n"); !strings.Contains(reasons, tt.says) {
				t.Errorf("reasons %q, want one with %q", reasons, tt.says)
			}
		})
	}
}

// A program that looks for .NET bundles holds their mark: what stands around it is no list.
// One that fits into its file is.
func TestMarkOfABundle(t *testing.T) {
	w := newPackageWorld(t)
	program := func(list uint64) string {
		b := make([]byte, 4<<20)
		copy(b, "\x7fELF\x02\x01\x01")
		b[16], b[18], b[20] = 2, 62, 1 // an executable, for amd64, in version 1
		binary.LittleEndian.PutUint64(b[1024:], 2048)
		copy(b[1032:], "\x8b\x12\x02\xb9\x6a\x61\x20\x38\x72\x7b\x93\x02\x14\xd7\xa0\x32\x13\xf5\xb9\xe6\xef\xae\x33\x18\xee\x3b\x2d\xce\x24\xb3\x6a\xae")
		b[2048] = 6 // version of the header; what follows is an id without text, and where the list is
		binary.LittleEndian.PutUint64(b[2048+13:], 1)
		binary.LittleEndian.PutUint64(b[2048+21:], list)
		return string(b)
	}
	for _, tt := range []struct {
		name    string
		list    uint64
		code    fault.Code
		verdict report.Result
	}{
		{"larger_than_the_file", 7310575174828189042, fault.OK, report.Pass},
		{"past_the_limit", 4<<20 - 4096, fault.Policy, report.Fail},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, r, text := w.scanLayers([]testkit.Layer{layerOf(t, map[string]string{
				"etc/os-release": release12, "var/lib/dpkg/status": debOK, "app/node_modules/ok/package.json": npmOK, "app/program": program(tt.list),
			}, true)}, "--fail-on-unread")
			must(t, code, r, text, tt.code, tt.verdict)
			if !strings.Contains(text, "/app/program: dotnet-deps-binary-cataloger: ") {
				t.Errorf("%s\nwant what was found in the program", text)
			}
		})
	}
}
