package sbom_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/stereoscope/pkg/image"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom"
)

const dpkgStatus = `Package: zlib1g
Status: install ok installed
Architecture: amd64
Source: zlib
Version: 1:1.2.13.dfsg-1
Description: compression library

Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc
Version: 2.36-9+deb12u4
Depends: zlib1g
Description: GNU C Library
`

const apkInstalled = `P:musl
V:1.2.4-r2
A:x86_64
o:musl
L:MIT
F:lib
R:ld-musl-x86_64.so.1

P:busybox
V:1.36.1-r5
A:x86_64
o:busybox
L:GPL-2.0-only
D:so:libc.musl-x86_64.so.1

`

const debian12 = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n"

// told compares observations with the beginnings that are wanted, in their order.
func told(t *testing.T, want []string, got []report.Observation) {
	t.Helper()
	for i, o := range got {
		text := string(o.Kind) + " " + o.Message
		if o.Stage != report.StageSBOM || i >= len(want) || !strings.HasPrefix(text, want[i]) {
			t.Errorf("observation %d of stage %s is %q, want %q", i, o.Stage, text, want)
		}
	}
	if len(got) < len(want) {
		t.Errorf("%d observations, want %d: %+v", len(got), len(want), got)
	}
}

// build makes an image of one layer that holds the files, and indexes it.
func build(t testing.TB, files map[string]string) *image.Image {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	var names []string
	for n := range files {
		names = append(names, n)
	}
	slices.Sort(names)
	made := map[string]bool{}
	for _, n := range names {
		for i, c := range n {
			if c == '/' && !made[n[:i]] {
				made[n[:i]] = true
				if err := w.WriteHeader(&tar.Header{Name: n[:i] + "/", Typeflag: tar.TypeDir, Mode: 0o755}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.WriteHeader(&tar.Header{Name: n, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(files[n]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[n]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromReader(&buf)
	if err != nil {
		t.Fatal(err)
	}
	base, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64"})
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(base, layer)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, img)
}

func read(t testing.TB, img v1.Image) *image.Image {
	t.Helper()
	raw, err := img.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	out := image.New(img, file.NewTempDirGenerator("sbom-test"), t.TempDir(), image.WithManifest(raw))
	if err := out.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Cleanup() })
	return out
}

func extract(t testing.TB, img *image.Image) *sbom.SBOM {
	t.Helper()
	s, err := sbom.Extract(t.Context(), img, "registry.test/app:1", sbom.Options{
		Version: "1.2.3", Created: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
	})
	if err != nil {
		t.Fatalf("Extract: %v", err)
	}
	return s
}

func debian(t testing.TB) *image.Image {
	return build(t, map[string]string{
		"etc/os-release": debian12, "var/lib/dpkg/status": dpkgStatus,
		"usr/share/doc/libc6/copyright":          "License: LGPL-2.1\n",
		"var/lib/dpkg/info/libc6:amd64.list":     "/lib/libc.so.6\n/usr/share/doc/libc6/copyright\n",
		"lib/libc.so.6":                          "not really a library",
		"app/node_modules/left-pad/package.json": `{"name":"left-pad","version":"1.3.0","license":"WTFPL"}`,
	})
}

func TestExtract(t *testing.T) {
	s := extract(t, debian(t))
	if got, want := s.Packages(), 3; got != want {
		t.Errorf("Packages() = %d, want %d", got, want)
	}
	if diff := cmp.Diff([]report.PackageCount{{Type: "deb", Packages: 2}, {Type: "npm", Packages: 1}}, s.Types()); diff != "" {
		t.Errorf("Types() (-want +got):\n%s", diff)
	}
	want := &report.Distro{ID: "debian", Version: "12", Codename: "bookworm", PrettyName: "Debian GNU/Linux 12 (bookworm)"}
	if diff := cmp.Diff(want, s.Distro()); diff != "" {
		t.Errorf("Distro() (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(s.Generator(), "syft") {
		t.Errorf("Generator() = %q", s.Generator())
	}
	if len(s.Incomplete()) != 0 || len(s.Observations()) != 0 {
		t.Errorf("incomplete %q, observations %+v, want none", s.Incomplete(), s.Observations())
	}
}

func TestExtractAlpine(t *testing.T) {
	s := extract(t, build(t, map[string]string{
		"etc/os-release": "ID=alpine\nVERSION_ID=3.20.3\n", "lib/apk/db/installed": apkInstalled,
	}))
	if diff := cmp.Diff([]report.PackageCount{{Type: "apk", Packages: 2}}, s.Types()); diff != "" {
		t.Errorf("Types() (-want +got):\n%s", diff)
	}
	if d := s.Distro(); d == nil || d.ID != "alpine" || d.Version != "3.20.3" {
		t.Errorf("Distro() = %+v", d)
	}
}

func TestNothingFound(t *testing.T) {
	s := extract(t, build(t, map[string]string{"hello.txt": "hello"}))
	if s.Packages() != 0 || len(s.Types()) != 0 || s.Distro() != nil {
		t.Errorf("found %d packages of types %v in %v, want nothing", s.Packages(), s.Types(), s.Distro())
	}
	for _, f := range sbom.Formats() {
		if err := s.Encode(io.Discard, f); err != nil {
			t.Errorf("Encode(%s): %v", f, err)
		}
	}
}

func TestExtractCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	img := debian(t)
	cancel()
	if _, err := sbom.Extract(ctx, img, "x", sbom.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestEmbeddedDHI(t *testing.T) {
	const good = `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","packages":[
		{"SPDXID":"SPDXRef-1","name":"python","versionInfo":"3.13.1","externalRefs":[
			{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:dhi/python@3.13.1?os_name=debian&os_version=13"}]},
		{"SPDXID":"SPDXRef-2","name":"image","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:docker/dhi/python@3.13"}]}]}`
	const noID = `{"spdxVersion":"SPDX-2.3","SPDXID":"","packages":[
		{"SPDXID":"SPDXRef-1","name":"node","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:dhi/node@24.1.0"}]},
		{"SPDXID":"SPDXRef-1","name":"npm","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:dhi/npm@11.0.0"}]}]}`
	s := extract(t, build(t, map[string]string{
		"opt/docker/sbom/python/.spdx.python.json": good,
		"opt/docker/sbom/dhi-node/.spdx.node.json": noID,
		"opt/docker/sbom/cut/.spdx.cut.json":       good[:200],
		"opt/docker/sbom/other/.spdx.other.json":   `{"bomFormat":"CycloneDX"}`,
		"opt/docker/sbom/array/a.json":             `[1,2]`,
		"opt/docker/sbom/purl/a.json":              `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","packages":[{"externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:dhi/noversion"}]}]}`,
		"elsewhere/.spdx.x.json":                   good,
	}))
	if diff := cmp.Diff([]report.PackageCount{{Type: "dhi", Packages: 3}}, s.Types()); diff != "" {
		t.Errorf("Types() (-want +got):\n%s", diff)
	}
	for p := range s.Syft().Artifacts.Packages.Enumerate() {
		if p.Name == "python" && (p.Version != "3.13.1" || p.PURL != "pkg:dhi/python@3.13.1?os_name=debian&os_version=13") {
			t.Errorf("python is %s with purl %q", p.Version, p.PURL)
		}
	}
	want := []string{
		"could-not-look /opt/docker/sbom/array/a.json: embedded SBOM: json: cannot unmarshal array",
		"could-not-look /opt/docker/sbom/cut/.spdx.cut.json: embedded SBOM: unexpected end of JSON input",
		"could-not-look /opt/docker/sbom/other/.spdx.other.json: embedded SBOM: not an SPDX document",
		`could-not-look /opt/docker/sbom/purl/a.json: embedded SBOM: package URL "pkg:dhi/noversion" has no name or no version`,
		"information 1 file has nothing more to list: /opt/docker/sbom/dhi-node/.spdx.node.json: embedded SBOM: SPDXID",
	}
	told(t, want, s.Observations())
	if len(s.Incomplete()) != 0 {
		t.Errorf("Incomplete() = %q", s.Incomplete())
	}
}

func TestEmbeddedTooLarge(t *testing.T) {
	img := build(t, map[string]string{"opt/docker/sbom/x/x.json": strings.Repeat(" ", 100) + "{}"})
	s, err := sbom.Extract(t.Context(), img, "x", sbom.Options{MaxEmbedded: 10})
	if err != nil {
		t.Fatal(err)
	}
	told(t, []string{"could-not-look /opt/docker/sbom/x/x.json: embedded SBOM: larger than 10 bytes (limit MaxEmbedded)"}, s.Observations())
}

// A file that is not what its name says costs that file and nothing else.
func TestUnreadableFiles(t *testing.T) {
	files := map[string]string{"etc/os-release": debian12, "var/lib/dpkg/status": dpkgStatus}
	for i := range 5 {
		files[fmt.Sprintf("app/%d/node_modules/x/package.json", i)] = `{"name": [1,`
	}
	img := build(t, files)
	s, err := sbom.Extract(t.Context(), img, "x", sbom.Options{MaxWarnings: 3})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Packages(), 2; got != want {
		t.Errorf("Packages() = %d, want %d", got, want)
	}
	told(t, []string{
		"could-not-look /app/0/node_modules/x/package.json: javascript-package-cataloger: ", "could-not-look /app/1/", "could-not-look /app/2/",
		"could-not-look and 2 more files could not be read",
	}, s.Observations())
	if seen := s.Observations(); seen[3].N() != 2 {
		t.Errorf("the last observation counts %d files, want 2", seen[3].N())
	}
}

func TestParseFormat(t *testing.T) {
	for _, f := range sbom.Formats() {
		if got, err := sbom.ParseFormat(string(f)); got != f || err != nil {
			t.Errorf("ParseFormat(%q) = %q, %v", f, got, err)
		}
	}
	if _, err := sbom.ParseFormat("xml"); fault.CodeOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), "spdx-json") {
		t.Errorf("error %v with hint %q, want a list of formats", err, fault.HintOf(err))
	}
	if err := extract(t, build(t, map[string]string{"a": ""})).Encode(io.Discard, "xml"); fault.CodeOf(err) != fault.Usage {
		t.Errorf("Encode as xml: %v", err)
	}
}

// real opens one of the shared images.
func real(t testing.TB, name string) *image.Image {
	t.Helper()
	dir := filepath.Join("../../../shared/data/images", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no shared test data: %v", err)
	}
	idx, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, first(t, idx))
}

// first descends to the first image of an index.
func first(t testing.TB, idx v1.ImageIndex) v1.Image {
	t.Helper()
	m, err := idx.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range m.Manifests {
		if d.MediaType.IsIndex() {
			sub, err := idx.ImageIndex(d.Digest)
			if err != nil {
				t.Fatal(err)
			}
			return first(t, sub)
		}
		if d.MediaType.IsImage() {
			img, err := idx.Image(d.Digest)
			if err != nil {
				t.Fatal(err)
			}
			return img
		}
	}
	t.Fatal("no image in the layout")
	return nil
}

func TestRealImages(t *testing.T) {
	for _, tt := range []struct {
		name, distro, version, kind string
		least                       int
	}{
		{"debian-12-slim", "debian", "12", "deb", 80},
		{"debian-13-slim", "debian", "13", "deb", 70},
		{"alpine-3.18.9", "alpine", "3.18.9", "apk", 14},
		{"alpine-3.20.3", "alpine", "3.20.3", "apk", 14},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := extract(t, real(t, tt.name))
			if d := s.Distro(); d == nil || d.ID != tt.distro || !strings.HasPrefix(d.Version, tt.version) {
				t.Errorf("Distro() = %+v, want %s %s", d, tt.distro, tt.version)
			}
			types := s.Types()
			if len(types) == 0 || !slices.ContainsFunc(types, func(c report.PackageCount) bool { return c.Type == tt.kind && c.Packages >= tt.least }) {
				t.Errorf("Types() = %v, want at least %d of %s", types, tt.least, tt.kind)
			}
			if len(s.Incomplete()) != 0 || len(s.Observations()) != 0 {
				t.Errorf("incomplete %q, observations %+v, want none", s.Incomplete(), s.Observations())
			}
		})
	}
	t.Run("busybox", func(t *testing.T) {
		s := extract(t, real(t, "busybox-1.38.0-musl"))
		t.Logf("types %v, distro %v, observations %+v", s.Types(), s.Distro(), s.Observations())
	})
}
