package vex

import (
	"math"
	"strings"
	"testing"

	govex "github.com/openvex/go-vex/pkg/vex"

	"github.com/imagegate/imagegate/internal/report"
)

// TestReleaseOfTheImage: a package URL without a distribution is of the image's.
func TestReleaseOfTheImage(t *testing.T) {
	f := find(vuln, "pkg:deb/debian/zlib@1.3?arch=amd64")
	for _, tt := range []struct {
		name   string
		distro *report.Distro
		line   string
		want   report.DecisionStatus
	}{
		{"the_same", &report.Distro{ID: "debian", Version: "13", Codename: "trixie"}, "pkg:deb/debian/zlib@1.3?distro=debian-13", report.Suppressed},
		{"the_same_by_codename", &report.Distro{ID: "debian", Version: "13", Codename: "trixie"}, "pkg:deb/debian/zlib@1.3?distro=trixie", report.Suppressed},
		{"another", &report.Distro{ID: "debian", Version: "13"}, "pkg:deb/debian/zlib@1.3?distro=debian-12", report.Open},
		{"not_known", nil, "pkg:deb/debian/zlib@1.3?distro=debian-13", report.Open},
	} {
		t.Run(tt.name, func(t *testing.T) {
			image := testImage()
			image.Distro = tt.distro
			if d := decide(t, f, image, Options{}, own(t, stmt(vuln, clears, t1, tt.line))); d.Status != tt.want {
				t.Errorf("decision = %s, %q; want %s", d.Status, d.Reason, tt.want)
			}
		})
	}
}

// TestSourcePackageOfTheScanner: the source package counts where the package URL does not
// name it.
func TestSourcePackageOfTheScanner(t *testing.T) {
	f := find(vuln, "pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13")
	said := own(t, stmt(vuln, clears, t1, "pkg:deb/debian/glibc@2.41-12"))
	if d := decide(t, f, testImage(), Options{}, said); d.Status != report.Open {
		t.Errorf("without a source package: %s", d.Reason)
	}
	f.Package.Upstreams = []report.Upstream{{Name: "glibc"}}
	if d := decide(t, f, testImage(), Options{}, said); d.Status != report.Suppressed || !strings.Contains(d.Statement.Matched, "built from source package glibc") {
		t.Errorf("decision = %s, %q", d.Status, d.Reason)
	}
	f.Package.Upstreams[0].Version = "2.41-11"
	if d := decide(t, f, testImage(), Options{}, said); d.Status != report.Open {
		t.Errorf("with a source package of another version: %s", d.Reason)
	}
}

// TestWidthOfTheBase: the base's own document is as much its own as the image's, for what
// comes from the base.
func TestWidthOfTheBase(t *testing.T) {
	image := testImage()
	image.BaseDigests = []string{baseDigest}
	for _, tt := range []struct {
		name   string
		s      stmtJSON
		origin string
		want   report.DecisionStatus
	}{
		{"no_version", stmt(vuln, clears, t1, anyone), OriginBase, report.Suppressed},
		{"no_version_on_top", stmt(vuln, clears, t1, anyone), OriginApp, report.Open},
		{"no_version_beside_one", stmt(vuln, clears, t1, anyone, older), OriginBase, report.Open},
		{"in_the_image_by_its_bare_name", inside(vuln, clears, t1, "pkg:oci/python", glibc), OriginBase, report.Suppressed},
		{"in_another_image", inside(vuln, clears, t1, "pkg:oci/node", glibc), OriginBase, report.Open},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := libc()
			f.Package.Origin = tt.origin
			doc := must(t)(FromAttestation(attestation{subject: baseDigest, predicate: openVEX(t, tt.s)}))
			if d := decide(t, f, image, Options{}, doc); d.Status != tt.want {
				t.Errorf("decision = %s, %q; want %s", d.Status, d.Reason, tt.want)
			}
		})
	}
}

// TestWidthOfAPackageWithParts: what a package without a version is said to hold does not
// make it one with a version.
func TestWidthOfAPackageWithParts(t *testing.T) {
	s := inside(vuln, clears, t1, anyone, "pkg:deb/debian/libc6@2.41-12")
	if d := decide(t, libc(), testImage(), Options{}, own(t, s)); d.Status != report.Suppressed || !d.Statement.OverBroad {
		t.Errorf("decision = %s, %q", d.Status, d.Reason)
	}
	s.Products = append(s.Products, prodJSON{ID: older})
	if d := decide(t, libc(), testImage(), Options{}, own(t, s)); d.Status != report.Open {
		t.Errorf("beside one with a version: %s", d.Reason)
	}
}

// TestTooManyStatements: what is over the limit is an error, and not cut off.
func TestTooManyStatements(t *testing.T) {
	b := newBuilder(math.MaxInt)
	if b.limit != maxStatements {
		t.Errorf("the limit is %d, want %d", b.limit, maxStatements)
	}
	b.limit = 2
	for i := range 3 {
		err := b.add(draft{names: []string{vuln}, status: govex.StatusAffected})
		if (err != nil) != (i == 2) {
			t.Errorf("statement %d: %v", i+1, err)
		}
	}
	if err := b.add(draft{names: []string{vuln}}); err == nil || !strings.Contains(err.Error(), "more than 2 statements") {
		t.Errorf("error = %v", err)
	}
}
