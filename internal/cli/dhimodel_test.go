package cli_test

import (
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// TestWhoJudgesDockersPackages: in an image with ID=dhi every package of the system is
// called pkg:deb/dhi, whoever installed it. Docker's advisories judge those that are
// shown to be Docker's, the distribution's data all others, and none is judged by both.
func TestWhoJudgesDockersPackages(t *testing.T) {
	const release = "ID=dhi\nID_LIKE=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Docker Hardened Images (Debian)\"\n"
	const libc6 = "pkg:deb/dhi/libc6@2.36-9%2Bdeb12u7?arch=amd64&distro=dhi-12"
	const libcBin = "pkg:deb/dhi/libc-bin@2.36-9%2Bdeb12u7?arch=amd64&distro=dhi-12"
	const dhi, debian = "DHI-CVE-2026-1111-libc6 libc6", "CVE-2025-4802 "
	base := baseLayers()
	base[0].Files[0].Content = []byte(release)
	image := func(w *world, layers []testkit.Layer, baseLayers int, attestations ...testkit.Attestation) testkit.Image {
		return testkit.Image{Name: "dhi/base", Tags: []string{"1.0"}, Key: w.key, Platforms: []testkit.Platform{{
			Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Layers: layers, BaseLayers: baseLayers, Attestations: attestations,
			Config: v1.ConfigFile{Created: v1.Time{Time: built}, Config: v1.Config{Labels: testkit.Labels("dhi/base", "1.0-debian12", built)}},
		}}}
	}
	for _, tt := range []struct {
		name    string
		derived bool
		sbom    []testkit.Attestation // of the official image, or of the base
		named   bool                  // provenance names the base
		chain   string                // the label, in place of the right one; none for images without Docker's marks
		want    []string
	}{
		{"official_and_in_the_signed_bill", false, []testkit.Attestation{spdxOf(libc6)}, false, "", []string{dhi}},
		{"official_with_another_version_in_the_bill", false, []testkit.Attestation{spdxOf("pkg:deb/dhi/libc6@2.36-9%2Bdeb12u6?arch=amd64&distro=dhi-12")}, false, "", []string{debian + "libc6"}},
		{"official_without_a_bill", false, nil, false, "", []string{debian + "libc6"}},
		{"official_with_an_unsigned_bill", false, []testkit.Attestation{spdxOf(libc6).With(testkit.Unsigned())}, false, "", []string{debian + "libc6"}},
		{"derived_from_a_proven_base", true, nil, true, "", []string{debian + "libc-bin", dhi}},
		{"derived_from_a_proven_base_with_a_bill", true, []testkit.Attestation{spdxOf(libc6)}, true, "", []string{debian + "libc-bin", dhi}},
		{"teams_own_image_with_a_signed_bill", false, []testkit.Attestation{spdxOf(libc6)}, false, "none", []string{debian + "libc6"}},
		{"derived_from_a_teams_base_with_a_signed_bill", true, []testkit.Attestation{spdxOf(libc6)}, true, "none", []string{debian + "libc-bin", debian + "libc6"}},
		{"derived_from_a_base_with_an_unsigned_bill", true, []testkit.Attestation{spdxOf(libc6, libcBin).With(testkit.Unsigned())}, true, "", []string{debian + "libc-bin", dhi}},
		{"derived_with_a_copied_label", true, []testkit.Attestation{spdxOf(libc6, libcBin)}, true, "sha256:" + strings.Repeat("cd", 32), []string{debian + "libc-bin", debian + "libc6"}},
		{"derived_from_a_base_nobody_vouches_for", true, nil, false, "", []string{debian + "libc-bin", debian + "libc6"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			first := image(w, base, 0, tt.sbom...)
			first.NotDHI = tt.chain == "none"
			ref, b := w.pushTo("dhi/base", first)
			if tt.derived {
				var own []testkit.Attestation
				if tt.named {
					own = append(own, provenance("pkg:docker/"+ref+"@1.0?digest="+b.Root.Digest().String()))
				}
				app := image(w, append(slices.Clone(base), topLayer()), 2, own...)
				if app.NotDHI = first.NotDHI; tt.chain != "" && !app.NotDHI {
					app.Platforms[0].Config.Config.Labels[testkit.LabelChainID] = tt.chain
				}
				ref, _ = w.pushTo("team/app", app)
			}
			w.write("osv.json", osvRecord("DHI-CVE-2026-1111-libc6", "Docker Hardened Images:Debian:12", "libc6", nil, map[string]string{"introduced": "0"}))
			_, r, text := w.verify(ref+":1.0", "--advisories", w.path("osv.json"))
			if r == nil {
				t.Fatal(text)
			}
			var got []string
			for _, v := range r.Vulnerabilities {
				got = append(got, v.ID+" "+v.Package.Name)
			}
			slices.Sort(got)
			if !slices.Equal(got, tt.want) {
				t.Errorf("findings %q, want %q\n%+v", got, tt.want, r.Observations)
			}
			if s := stageOf(r, report.StageVuln); s.State != report.Done {
				t.Errorf("vulnerabilities %s: %s", s.State, s.Reason)
			}
		})
	}
}

// TestTodaysModel: a component of Docker's (pkg:dhi) is judged by the advisories alone,
// VEX may clear it, and the distribution's packages go on as ever.
func TestTodaysModel(t *testing.T) {
	w := newDocumentWorld(t)
	bill := compact{Release: map[string]string{"ID": "debian", "VERSION_ID": "12"}}
	for _, p := range [][3]string{
		{"clickhouse-keeper", "23.7.6+110", "pkg:dhi/clickhouse-keeper@23.7.6%2B110"},
		{"libc6", "2.36-9+deb12u7", "pkg:deb/debian/libc6@2.36-9%2Bdeb12u7?arch=amd64&distro=debian-12&upstream=glibc"},
	} {
		bill.Packages = append(bill.Packages, struct{ Name, Version, Type, PURL, Origin string }{p[0], p[1], "", p[2], ""})
	}
	w.write("sbom.json", bill.cyclonedx(func(string) bool { return true }))
	w.write("osv.json", []byte(`{"schema_version":"1.5.0","id":"GHSA-8j36-9622-f5cj","modified":"2026-01-01T00:00:00Z","affected":[
		{"package":{"ecosystem":"DHI","name":"clickhouse-keeper"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"23.7.6+111"}]}],"database_specific":{"severity":"HIGH"}}]}`))
	_, r, text := w.scan("sbom.json", "--advisories", w.path("osv.json"))
	if r == nil {
		t.Fatal(text)
	}
	if v := finding(t, r, "GHSA-8j36-9622-f5cj"); v.Decision.Status != report.Open || v.Severity != report.High || v.Fix.Versions[0] != "23.7.6+111" {
		t.Errorf("the component's finding is %+v", v)
	}
	if v := finding(t, r, "CVE-2025-4802"); v.Package.Name != "libc6" || v.Match == "advisory" {
		t.Errorf("the distribution's finding is %+v", v)
	}
	writeJSON(t, w.path("vex.json"), dhiVEX("GHSA-8j36-9622-f5cj", "CVE-2026-2", "pkg:dhi/clickhouse-keeper@23.7.6%2B110", "not_affected"))
	if _, r, _ = w.scan("sbom.json", "--advisories", w.path("osv.json"), "--vex", w.path("vex.json")); finding(t, r, "GHSA-8j36-9622-f5cj").Decision.Status != report.Suppressed {
		t.Errorf("VEX for the exact version did not clear the component")
	}
	_, r, _ = w.scan("sbom.json")
	if len(r.Vulnerabilities) != 1 || r.Vulnerabilities[0].ID != "CVE-2025-4802" {
		t.Errorf("without advisories: %+v", r.Vulnerabilities)
	}
}

// TestAdvisoriesBesideTheSignedBill: with sbom-source attested the packages are those of the
// signed bill, and each is judged by somebody.
func TestAdvisoriesBesideTheSignedBill(t *testing.T) {
	const libc6 = "pkg:deb/debian/libc6@2.36-9%2Bdeb12u7?arch=amd64&distro=debian-12&upstream=glibc"
	const keeper = "pkg:dhi/clickhouse-keeper@23.7.6%2B110"
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.pushTo("dhi/base", w.hardened(spdxOf(libc6, keeper)))
	w.write("osv.json", []byte(`{"id":"CVE-2026-3","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"DHI","name":"clickhouse-keeper"},"versions":["23.7.6+110"]}]}`))
	_, r, text := w.verify(ref+":1.0", "--sbom-source", "attested", "--advisories", w.path("osv.json"))
	if r == nil {
		t.Fatal(text)
	}
	finding(t, r, "CVE-2026-3")
	if v := finding(t, r, "CVE-2025-4802"); v.Package.Name != "libc6" {
		t.Errorf("finding is %+v", v)
	}
}

// TestWhoJudgesABillWithLayers: Syft's own format keeps layers and labels, and there they tell
// whose a package is, on the word of the bill; base-sbom outranks an image that is all base.
func TestWhoJudgesABillWithLayers(t *testing.T) {
	const release = "ID=dhi\nID_LIKE=debian\nVERSION_ID=\"12\"\n"
	const dhi, debian = "DHI-CVE-2026-1111-libc6 libc6", "CVE-2025-4802 "
	base := baseLayers()
	base[0].Files[0].Content = []byte(release)
	w := newWorld(t, testkit.RegistryOptions{})
	whole, derived := w.hardened(), w.derived(append(slices.Clone(base), topLayer()), 2, "")
	whole.Platforms[0].Layers = base
	w.write("osv.json", osvRecord("DHI-CVE-2026-1111-libc6", "Docker Hardened Images:Debian:12", "libc6", nil, map[string]string{"introduced": "0"}))
	w.write("empty.json", compact{Release: map[string]string{"ID": "dhi", "ID_LIKE": "debian", "VERSION_ID": "12"}}.cyclonedx(func(string) bool { return true }))
	for _, tt := range []struct {
		name  string
		image testkit.Image
		flags []string
		want  []string
	}{
		{"all_base", whole, nil, []string{dhi}},
		{"all_base_and_the_bases_bill_does_not_have_it", whole, []string{"--base-sbom", w.path("empty.json")}, []string{debian + "libc6"}},
		{"derived", derived, nil, []string{debian + "libc-bin", dhi}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			ref, _ := w.pushTo("team/"+strings.ReplaceAll(tt.name, "_", "-"), tt.image)
			if _, r, text := w.verify(ref + ":1.0"); r == nil {
				t.Fatal(text)
			}
			w.write("bill.json", []byte(w.file("sbom.syft.json")))
			_, r, text := w.scan("bill.json", append(tt.flags, "--advisories", w.path("osv.json"))...)
			if r == nil {
				t.Fatal(text)
			}
			var got []string
			for _, v := range r.Vulnerabilities {
				got = append(got, v.ID+" "+v.Package.Name)
			}
			slices.Sort(got)
			if !slices.Equal(got, tt.want) {
				t.Errorf("findings %q, want %q\n%+v", got, tt.want, r.Observations)
			}
		})
	}
}
