package cli_test

import (
	"os"
	"testing"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// TestBaseInABillOfMaterials: Syft's own format keeps layers and labels, so what a bill
// of a derived image says of its base is what the image said; other formats say nothing.
func TestBaseInABillOfMaterials(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.pushTo("team/app", w.derived(append(baseLayers(), topLayer()), 2, ""))
	_, r, text := w.verify(ref + ":1.0")
	if r == nil {
		t.Fatal(text)
	}
	for _, tt := range []struct {
		file, boundary string
		base           []string // flags
		want           map[string]string
	}{
		{"sbom.syft.json", "derived", nil, map[string]string{"libc6": "base", "libc-bin": "app"}},
		{"sbom.cyclonedx.json", "", nil, map[string]string{"libc6": "", "libc-bin": ""}},
		{"sbom.spdx.json", "", nil, map[string]string{"libc6": "", "libc-bin": ""}},
		{"sbom.spdx.json", "", []string{"--base-sbom", "base.json"}, map[string]string{"libc6": "base", "libc-bin": "app"}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			w.t = t
			_, image, text := w.verify(ref + ":1.0")
			if image == nil {
				t.Fatal(text)
			}
			data := w.file(tt.file)
			if err := os.WriteFile(w.path("bill.json"), []byte(data), 0o644); err != nil {
				t.Fatal(err)
			}
			var flags []string
			if tt.base != nil {
				bill := compact{Release: map[string]string{"ID": "debian", "VERSION_ID": "12"}}
				bill.Packages = append(bill.Packages, struct{ Name, Version, Type, PURL, Origin string }{
					"libc6", "2.36-9+deb12u7", "", "pkg:deb/debian/libc6@2.36-9%2Bdeb12u7?arch=amd64&distro=debian-12&upstream=glibc", ""})
				flags = []string{tt.base[0], w.write(tt.base[1], bill.cyclonedx(func(string) bool { return true }))}
			}
			_, r, text := w.scan("bill.json", flags...)
			if r == nil {
				t.Fatal(text)
			}
			boundary := ""
			if r.Subject.Base != nil {
				boundary = r.Subject.Base.Boundary
			}
			if boundary != tt.boundary || r.Subject.Source != "sbom" || stageOf(r, report.StagePull).State != report.Skipped {
				t.Errorf("subject is %+v, base %+v", r.Subject, r.Subject.Base)
			}
			found := 0
			for _, v := range r.Vulnerabilities {
				if want, ok := tt.want[v.Package.Name]; ok {
					found++
					if v.Package.Origin != want {
						t.Errorf("%s is of %q, want %q", v.Package.Name, v.Package.Origin, want)
					}
				}
			}
			if found != len(tt.want) || len(r.Vulnerabilities) != len(image.Vulnerabilities) {
				t.Errorf("%d findings, the image has %d", len(r.Vulnerabilities), len(image.Vulnerabilities))
			}
		})
	}
}
