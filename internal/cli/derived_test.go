package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

const (
	bookworm = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nPRETTY_NAME=\"Docker Hardened Images (Debian)\"\n"
	// Both come from the source package that the base's VEX speaks of; the second is
	// installed on top, from the same source at the same version.
	ofBase = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc\nVersion: 2.36-9+deb12u7\n\n"
	onTop  = "Package: libc-bin\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc\nVersion: 2.36-9+deb12u7\n\n"
)

// baseLayers is the hardened base: the library and what dpkg knows of it.
func baseLayers() []testkit.Layer {
	return []testkit.Layer{
		{Files: []testkit.File{{Path: "etc/os-release", Content: []byte(bookworm)}}},
		{Files: []testkit.File{
			{Path: "usr/lib/libc.so.6", Content: []byte("a library")},
			{Path: "var/lib/dpkg/status", Content: []byte(ofBase)},
			{Path: "var/lib/dpkg/info/libc6.md5sums", Content: []byte("00000000000000000000000000000000  usr/lib/libc.so.6\n")},
		}},
	}
}

// topLayer adds a package: the database that lists both lies in it.
func topLayer(more ...testkit.File) testkit.Layer {
	return testkit.Layer{Files: append([]testkit.File{
		{Path: "usr/bin/getconf", Content: []byte("a program")},
		{Path: "var/lib/dpkg/status", Content: []byte(ofBase + onTop)},
		{Path: "var/lib/dpkg/info/libc-bin.md5sums", Content: []byte("00000000000000000000000000000000  usr/bin/getconf\n")},
	}, more...)}
}

func (w *world) hardened(attestations ...testkit.Attestation) testkit.Image {
	return testkit.Image{Name: "dhi/base", Tags: []string{"1.0"}, Key: w.key, Platforms: []testkit.Platform{{
		Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Layers: baseLayers(), Attestations: attestations,
		Config: v1.ConfigFile{Created: v1.Time{Time: built}, Config: v1.Config{Labels: testkit.Labels("dhi/base", "1.0-debian12", built)}},
	}}}
}

// derived is built on the base by the given layers; base says how many are the base's.
func (w *world) derived(layers []testkit.Layer, base int, chain string, attestations ...testkit.Attestation) testkit.Image {
	labels := testkit.Labels("dhi/base", "1.0-debian12", built)
	if chain != "" {
		labels[testkit.LabelChainID] = chain
	}
	return testkit.Image{Name: "team/app", Tags: []string{"1.0"}, Key: w.key, Platforms: []testkit.Platform{{
		Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Layers: layers, BaseLayers: base, Attestations: attestations,
		Config: v1.ConfigFile{Created: v1.Time{Time: built}, Config: v1.Config{Labels: labels}},
	}}}
}

func (w *world) pushTo(repository string, img testkit.Image) (string, *testkit.Built) {
	w.t.Helper()
	b, err := img.Push(w.t.Context(), w.registry.Repository(repository))
	if err != nil {
		w.t.Fatal(err)
	}
	return w.registry.Host() + "/" + repository, b
}

// provenance names materials as BuildKit does.
func provenance(uris ...string) testkit.Attestation {
	dependencies := []any{map[string]any{"uri": "https://github.com/team/app", "digest": map[string]any{"sha1": "00"}}}
	for _, uri := range uris {
		dependencies = append(dependencies, map[string]any{"uri": uri})
	}
	return testkit.Attestation{PredicateType: testkit.PredicateProvenance, Predicate: map[string]any{
		"buildDefinition": map[string]any{"buildType": "https://builder.example/type/1", "resolvedDependencies": dependencies},
		"runDetails":      map[string]any{"builder": map[string]any{"id": "https://builder.example/1"}},
	}}
}

func vexAbout(product string) testkit.Attestation {
	doc := openVEX("not_affected")
	doc["statements"].([]any)[0].(map[string]any)["products"] = []any{map[string]any{"@id": product}}
	return testkit.Attestation{PredicateType: testkit.PredicateOpenVEX, Predicate: doc}
}

// spdxOf is a bill of materials that lists package URLs.
func spdxOf(purls ...string) testkit.Attestation {
	packages := []any{}
	for i, p := range purls {
		name, version, _ := strings.Cut(p[strings.LastIndexByte(p, '/')+1:], "@")
		version, _, _ = strings.Cut(version, "?")
		version = strings.ReplaceAll(version, "%2B", "+")
		packages = append(packages, map[string]any{"SPDXID": fmt.Sprintf("SPDXRef-%d", i), "name": name, "versionInfo": version, "downloadLocation": "NOASSERTION",
			"externalRefs": []any{map[string]any{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": p}}})
	}
	return testkit.Attestation{PredicateType: testkit.PredicateSPDX, Predicate: map[string]any{"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "base",
		"dataLicense": "CC0-1.0", "documentNamespace": "https://example.invalid/base", "packages": packages,
		"creationInfo": map[string]any{"created": "2026-04-30T00:00:00Z", "creators": []string{"Tool: test"}}}}
}

// TestDerivedImage: the base's VEX is about the packages of the base, and about those
// only, and only once every step is proven. The index of the base is signed too, so it
// has one attestation more than it was given.
func TestDerivedImage(t *testing.T) {
	const source = "pkg:deb/debian/glibc@2.36-9%2Bdeb12u7?os_distro=bookworm&os_name=debian&os_version=12"
	const libc6 = "pkg:deb/debian/libc6@2.36-9%2Bdeb12u7?arch=amd64&distro=debian-12&upstream=glibc"
	type setting struct {
		base       []testkit.Attestation // of the base
		layers     []testkit.Layer
		baseLayers int
		chain      string
		named      string // what provenance names: base, other, both, or nothing
		provenance []testkit.Mutator
		flags      func(base string) []string
	}
	proven := setting{base: []testkit.Attestation{vexAbout(source)}, layers: append(baseLayers(), topLayer()), baseLayers: 2, named: "base"}
	with := func(change func(*setting)) setting { s := proven; change(&s); return s }
	for _, tt := range []struct {
		name string
		setting
		libc6, libcBin report.DecisionStatus
		originLib      string
		originBin      string
		boundary       string
		says           string
	}{
		{"proven_by_provenance_and_files", proven, report.Suppressed, report.Open, "base", "app", "derived", "2 of its 2"},
		{"proven_by_the_bases_bill", with(func(s *setting) { s.base = append(s.base, spdxOf(libc6)) }), report.Suppressed, report.Open, "base", "app", "derived", "3 of its 3"},
		{"named_by_the_user", with(func(s *setting) {
			s.named, s.flags = "", func(base string) []string { return []string{"--base", base} }
		}), report.Suppressed, report.Open, "base", "app", "derived", "2 of its 2"},
		{"no_provenance", with(func(s *setting) { s.named = "" }), report.Open, report.Open, "base", "app", "derived", "no verified provenance"},
		{"provenance_is_not_signed", with(func(s *setting) { s.provenance = []testkit.Mutator{testkit.Unsigned()} }), report.Open, report.Open, "base", "app", "derived", "no verified provenance"},
		{"provenance_names_another_image", with(func(s *setting) { s.named = "other" }), report.Open, report.Open, "base", "app", "derived", "is not"},
		{"user_names_another_image", with(func(s *setting) {
			s.named, s.flags = "", func(base string) []string {
				return []string{"--base", strings.Replace(base, "dhi/base", "dhi/other", 1)}
			}
		}), report.Open, report.Open, "base", "app", "derived", "is not"},
		{"bases_vex_is_not_signed", with(func(s *setting) { s.base = []testkit.Attestation{vexAbout(source).With(testkit.Unsigned())} }), report.Open, report.Open, "base", "app", "derived", "1 of its 2"},
		{"bases_vex_is_about_another_image", with(func(s *setting) {
			s.base = []testkit.Attestation{vexAbout(source).With(testkit.OtherStatementSubject(v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("ab", 32)}))}
		}), report.Open, report.Open, "base", "app", "derived", "1 of its 2"},
		{"bases_bill_is_not_signed", with(func(s *setting) { s.base = append(s.base, spdxOf(libc6).With(testkit.Unsigned())) }), report.Suppressed, report.Open, "base", "app", "derived", "2 of its 3"},
		{"file_of_the_base_is_replaced", with(func(s *setting) {
			s.layers = append(baseLayers(), topLayer(testkit.File{Path: "usr/lib/libc.so.6", Content: []byte("another library")}))
		}), report.Open, report.Open, "app", "app", "derived", ""},
		{"file_of_the_base_is_replaced_and_the_bill_has_it", with(func(s *setting) {
			s.base = append(s.base, spdxOf(libc6))
			s.layers = append(baseLayers(), topLayer(testkit.File{Path: "usr/lib/libc.so.6", Content: []byte("another library")}))
		}), report.Open, report.Open, "unproven", "app", "derived", ""},
		{"bases_bill_has_another_version", with(func(s *setting) {
			s.base = append(s.base, spdxOf(strings.Replace(libc6, "deb12u7", "deb12u6", 1)))
		}), report.Open, report.Open, "unproven", "app", "derived", ""},
		{"bases_bill_says_nothing_of_the_architecture", with(func(s *setting) {
			s.base = append(s.base, spdxOf("pkg:deb/debian/libc6@2.36-9%2Bdeb12u7?os_distro=bookworm&os_name=debian&os_version=12"))
		}), report.Suppressed, report.Open, "base", "app", "derived", ""},
		{"provenance_names_several_stages", with(func(s *setting) { s.named = "both" }), report.Suppressed, report.Open, "base", "app", "derived", "2 of its 2"},
		{"user_names_an_image_of_another_platform", with(func(s *setting) {
			s.named, s.flags = "", func(base string) []string {
				return []string{"--base", strings.Replace(base, "dhi/base", "dhi/arm", 1)}
			}
		}), report.Open, report.Open, "base", "app", "derived", "linux/amd64"},
		{"squashed", with(func(s *setting) {
			var one testkit.Layer
			for _, l := range append(baseLayers()[:1], testkit.Layer{Files: append(baseLayers()[1].Files[:1], topLayer().Files...)}) {
				one.Files = append(one.Files, l.Files...)
			}
			s.layers, s.baseLayers, s.chain = []testkit.Layer{one}, 0, "sha256:"+strings.Repeat("cd", 32)
		}), report.Open, report.Open, "unproven", "unproven", "unproven", "squashed"},
		{"label_is_copied", with(func(s *setting) { s.chain = "sha256:" + strings.Repeat("cd", 32) }), report.Open, report.Open, "unproven", "unproven", "unproven", "squashed"},
		{"label_names_the_last_layer", with(func(s *setting) { s.baseLayers = 0 }), report.Open, report.Open, "", "", "whole", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			baseRef, base := w.pushTo("dhi/base", w.hardened(tt.base...))
			other := w.hardened(vexAbout(source))
			other.Platforms[0].Layers[0].Files = append(other.Platforms[0].Layers[0].Files, testkit.File{Path: "etc/other", Content: []byte("x")})
			_, otherBuilt := w.pushTo("dhi/other", other)
			arm := w.hardened(vexAbout(source))
			arm.Platforms[0].Platform.Architecture = "arm64"
			w.pushTo("dhi/arm", arm)
			var own []testkit.Attestation
			switch tt.named {
			case "both":
				own = append(own, provenance("pkg:docker/"+strings.Replace(baseRef, "dhi/base", "dhi/other", 1)+"@1.0?digest="+otherBuilt.Root.Digest().String(),
					"pkg:docker/"+baseRef+"@1.0?digest="+base.Root.Digest().String()))
			case "base":
				own = append(own, provenance("pkg:docker/"+baseRef+"@1.0?digest="+base.Root.Digest().String()+"&platform=linux%2Famd64").With(tt.provenance...))
			case "other":
				own = append(own, provenance("pkg:docker/"+strings.Replace(baseRef, "dhi/base", "dhi/other", 1)+"@1.0?digest="+otherBuilt.Root.Digest().String()))
			}
			ref, _ := w.pushTo("team/app", w.derived(tt.layers, tt.baseLayers, tt.chain, own...))
			var flags []string
			if tt.flags != nil {
				flags = tt.flags(baseRef + ":1.0")
			}
			_, r, text := w.verify(ref+":1.0", flags...)
			if r == nil {
				t.Fatal(text)
			}
			for pkg, want := range map[string]struct {
				status report.DecisionStatus
				origin string
			}{"libc6": {tt.libc6, tt.originLib}, "libc-bin": {tt.libcBin, tt.originBin}} {
				found := false
				for _, v := range r.Vulnerabilities {
					if v.ID == "CVE-2025-4802" && v.Package.Name == pkg {
						found = true
						if v.Decision.Status != want.status || v.Package.Origin != want.origin {
							t.Errorf("%s is %s with origin %q, want %s %q: %s", pkg, v.Decision.Status, v.Package.Origin, want.status, want.origin, v.Decision.Reason)
						}
					}
				}
				if !found {
					t.Errorf("no finding in %s", pkg)
				}
			}
			if b := r.Subject.Base; b != nil && b.Verified > 0 {
				again := []string{"attest", "verify", "--from", w.path("report"), "--key", w.path("key.pem")}
				if code, stdout, stderr := w.run(again...); code != fault.OK && b.Verified == b.Attestations && tt.provenance == nil || !strings.Contains(stdout, b.Digest) {
					t.Errorf("the saved evidence does not verify again: exit %d\n%s%s", code, stdout, stderr)
				}
			}
			if tt.name == "proven_by_provenance_and_files" { // what is required of the image is not required of its base
				for need, want := range map[string]fault.Code{"provenance": fault.OK, "vex": fault.Policy} {
					if code, stdout, stderr := w.run("attest", "verify", "--from", w.path("report"), "--key", w.path("key.pem"), "--require", need); code != want {
						t.Errorf("%s required: exit %d, want %d\n%s%s", need, code, want, stdout, stderr)
					}
				}
				if err := os.RemoveAll(filepath.Join(w.path("report"), "attestations")); err != nil {
					t.Fatal(err)
				}
				if code, _, stderr := w.run("attest", "verify", "--from", w.path("report"), "--key", w.path("key.pem")); code != fault.Usage || !strings.Contains(stderr, "base image alone") {
					t.Errorf("evidence of the base alone: exit %d\n%s", code, stderr)
				}
			}
			b := r.Subject.Base
			if b == nil || b.Boundary != tt.boundary || !strings.Contains(b.Reason, tt.says) {
				t.Errorf("base is %+v, want %s that says %q", b, tt.boundary, tt.says)
			}
		})
	}
}

// TestBaseWithoutALabel: an image of another vendor names no chain ID; its layers are
// compared all the same.
func TestBaseWithoutALabel(t *testing.T) {
	const source = "pkg:deb/debian/glibc@2.36-9%2Bdeb12u7?os_distro=bookworm&os_name=debian&os_version=12"
	w := newWorld(t, testkit.RegistryOptions{})
	base := w.hardened(vexAbout(source))
	base.NotDHI = true
	baseRef, _ := w.pushTo("vendor/base", base)
	img := w.derived(append(baseLayers(), topLayer()), 2, "")
	img.NotDHI = true
	img.Platforms[0].Config.Config.Labels = nil
	ref, _ := w.pushTo("team/app", img)
	_, r, text := w.verify(ref + ":1.0")
	if r == nil || r.Subject.Base != nil || r.Counts.Suppressed != 0 {
		t.Fatalf("without base: %s", text)
	}
	code, r, text := w.verify(ref+":1.0", "--base", baseRef+":1.0")
	must(t, code, r, text, fault.Policy, report.Fail)
	if b := r.Subject.Base; b == nil || b.Boundary != "derived" || b.Layers != 2 || r.Counts.Suppressed != 1 {
		t.Errorf("base is %+v, %d suppressed", b, r.Counts.Suppressed)
	}
}
