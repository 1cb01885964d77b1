package vex

import (
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/report"
)

// TestImageNames holds which product lines are the image, in a document that the user
// named, so that nothing but the line itself says which image is meant.
func TestImageNames(t *testing.T) {
	enc := strings.Replace(ownDigest, ":", "%3A", 1)
	dhi := Image{Digest: ownDigest, IndexDigest: indexDigest, Repository: "dhi.io/python", References: []string{"dhi.io/python:3.13"}, Platform: "linux/amd64"}
	hub := Image{Digest: ownDigest, Repository: "index.docker.io/library/debian", References: []string{"debian:12"}, Platform: "linux/arm64"}
	ghcr := Image{Digest: ownDigest, Repository: "ghcr.io/acme/tools/app", References: []string{"ghcr.io/acme/tools/app:v1@" + ownDigest}, Platform: "linux/amd64"}
	mirror := Image{Digest: ownDigest, Repository: "docker.io/acme/dhi-python", DHIName: "dhi/python", DHINameVerified: true}
	claimed := mirror
	claimed.DHINameVerified = false
	layout := Image{Digest: ownDigest, References: []string{"oci-dir:/tmp/python"}}
	port := Image{Digest: ownDigest, Repository: "localhost:5000/dhi/python"}
	for _, tt := range []struct {
		name  string
		image Image
		line  string
		want  bool
	}{
		{"dhi_docker", dhi, "pkg:docker/dhi/python", true},
		{"dhi_oci_encoded_path", dhi, "pkg:oci/dhi%2Fpython", true},
		{"dhi_oci_encoded_host", dhi, "pkg:oci/dhi.io%2Fpython", true},
		{"dhi_oci_repository_url", dhi, "pkg:oci/python?repository_url=dhi.io", true},
		{"dhi_oci_repository_url_whole", dhi, "pkg:oci/python?repository_url=dhi.io%2Fpython", true},
		{"dhi_on_hub", dhi, "pkg:oci/python?repository_url=index.docker.io/dhi/python", true},
		{"dhi_on_registry_1", dhi, "pkg:oci/python?repository_url=registry-1.docker.io/dhi", true},
		{"dhi_other_image", dhi, "pkg:docker/dhi/python-dev", false},
		{"dhi_official_image_of_that_name", dhi, "pkg:docker/library/python", false},
		{"dhi_bare_oci_name", dhi, "pkg:oci/python", false},
		{"dhi_wrong_tag", dhi, "pkg:docker/dhi/python@3.12", false},
		{"dhi_right_tag", dhi, "pkg:docker/dhi/python@3.13", true},
		{"dhi_tag_qualifier", dhi, "pkg:oci/python?repository_url=dhi.io&tag=3.13", true},
		{"dhi_other_tag_qualifier", dhi, "pkg:oci/python?repository_url=dhi.io&tag=3.12", false},
		{"dhi_other_arch", dhi, "pkg:oci/python?arch=arm64&repository_url=dhi.io", false},
		{"dhi_this_arch", dhi, "pkg:oci/python?arch=x86_64&repository_url=dhi.io", true},
		{"digest", dhi, "pkg:oci/anything@" + enc, true},
		{"digest_of_the_index", dhi, "pkg:oci/python@" + indexDigest, true},
		{"digest_of_another", dhi, "pkg:oci/python@" + elsewhere + "?repository_url=dhi.io", false},
		{"digest_upper_case", dhi, "pkg:oci/python@" + strings.ToUpper(ownDigest), true},
		{"reference", dhi, "dhi.io/python:3.13", true},
		{"reference_other_tag", dhi, "dhi.io/python:3.12", false},
		{"reference_with_digest", dhi, "dhi.io/python:3.12@" + ownDigest, true},
		{"reference_with_other_digest", dhi, "dhi.io/python:3.13@" + elsewhere, false},
		{"bare_digest", dhi, ownDigest, true},
		{"package_as_product", dhi, "pkg:generic/python@3.13", false},
		{"hub_short", hub, "pkg:docker/debian", true},
		{"hub_library", hub, "pkg:docker/library/debian", true},
		{"hub_oci", hub, "pkg:oci/debian?repository_url=docker.io/library", true},
		{"hub_oci_whole", hub, "pkg:oci/debian?repository_url=docker.io/library/debian", true},
		{"hub_oci_without_library", hub, "pkg:oci/debian?repository_url=docker.io", true},
		{"hub_oci_index", hub, "pkg:oci/debian?repository_url=index.docker.io/library/debian", true},
		{"hub_other_registry", hub, "pkg:oci/debian?repository_url=quay.io/library/debian", false},
		{"hub_docker_other_registry", hub, "pkg:docker/library/debian?repository_url=quay.io", false},
		{"hub_other_namespace", hub, "pkg:docker/evil/debian", false},
		{"ghcr_whole", ghcr, "pkg:oci/app?repository_url=ghcr.io/acme/tools/app", true},
		{"ghcr_without_name", ghcr, "pkg:oci/app?repository_url=ghcr.io/acme/tools", true},
		{"ghcr_with_scheme", ghcr, "pkg:oci/app?repository_url=https://ghcr.io/acme/tools/app", true},
		{"ghcr_upper_case", ghcr, "pkg:oci/app?repository_url=GHCR.io/Acme/Tools/App", true},
		{"ghcr_parent", ghcr, "pkg:oci/app?repository_url=ghcr.io/acme", false},
		{"ghcr_as_docker", ghcr, "pkg:docker/acme/tools/app?repository_url=ghcr.io", true},
		{"mirror_by_canonical_name", mirror, "pkg:docker/dhi/python", true},
		{"mirror_by_its_own_name", mirror, "pkg:oci/dhi-python?repository_url=docker.io/acme", true},
		{"mirror_that_only_claims", claimed, "pkg:docker/dhi/python", false},
		{"layout_by_digest", layout, "pkg:oci/python@" + ownDigest, true},
		{"layout_by_name", layout, "pkg:docker/tmp/python", false},
		{"port_is_no_docker_hub", port, "pkg:docker/dhi/python", false},
		{"port", port, "pkg:oci/python?repository_url=localhost:5000/dhi", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			im := tt.image
			d := decide(t, libc(), im, Options{Unversioned: UnversionedOwnImage}, byUser(t, inside(vuln, clears, t1, tt.line, anyone)))
			if got := d.Status == report.Suppressed; got != tt.want {
				t.Errorf("%s is this image = %t, want %t: %s", tt.line, got, tt.want, d.Reason)
			}
		})
	}
	d := decide(t, libc(), claimed, Options{}, byUser(t, inside(vuln, clears, t1, "pkg:docker/dhi/python", glibc)))
	if !strings.Contains(d.Reason, "calls itself dhi/python, but no signature") {
		t.Errorf("the reason does not tell of the unproven name: %s", d.Reason)
	}
}

// TestBareNameInOwnDocument shows that an attached document may call the image by its
// bare name, since the attachment says which image is meant.
func TestBareNameInOwnDocument(t *testing.T) {
	s := inside(vuln, clears, t1, "pkg:oci/python", glibc)
	if d := decide(t, libc(), testImage(), Options{}, own(t, s)); d.Status != report.Suppressed {
		t.Errorf("own document: %s", d.Reason)
	}
	if d := decide(t, libc(), testImage(), Options{}, byUser(t, s)); d.Status != report.Open {
		t.Errorf("file: %s", d.Reason)
	}
}

func TestHashesAndIdentifiers(t *testing.T) {
	s := stmt(vuln, clears, t1)
	s.Products = []prodJSON{{Hashes: map[string]string{"sha-256": strings.TrimPrefix(ownDigest, "sha256:")},
		Subcomponents: []prodJSON{{ID: "urn:uuid:1", Identifiers: map[string]string{"purl": glibc}}}}}
	if d := decide(t, libc(), testImage(), Options{}, byUser(t, s)); d.Status != report.Suppressed {
		t.Errorf("by hash: %s", d.Reason)
	}
	s.Products[0].Hashes["sha-256"] = strings.TrimPrefix(elsewhere, "sha256:")
	if d := decide(t, libc(), testImage(), Options{}, byUser(t, s)); d.Status != report.Open {
		t.Errorf("by another hash: %s", d.Reason)
	}
}

// TestOrigin shows that a base image's word counts for what is proven to be its own.
func TestOrigin(t *testing.T) {
	image := testImage()
	image.Repository, image.References = "ghcr.io/acme/app", nil
	image.BaseDigests, image.BaseRepository = []string{baseDigest}, "dhi.io/python"
	fromBase := must(t)(FromAttestation(attestation{subject: baseDigest, predicate: openVEX(t, stmt(vuln, clears, t1, glibc))}))
	fromFeed := must(t)(FromFeed(signedFile{name: "feed", data: openVEX(t, stmt(vuln, clears, t1, glibc))}, []string{"dhi.io/python"}))
	for _, doc := range []Document{fromBase, fromFeed} {
		for origin, want := range map[string]report.DecisionStatus{
			OriginBase: report.Suppressed, OriginApp: report.Open, OriginUnproven: report.Open, "": report.Open} {
			f := libc()
			f.Package.Origin = origin
			d := decide(t, f, image, Options{}, doc)
			if d.Status != want {
				t.Errorf("%s, origin %q: %s, want %s: %s", doc.d.source, origin, d.Status, want, d.Reason)
			}
			if want == report.Open && !strings.Contains(d.Reason, "not proven to come from the base") {
				t.Errorf("origin %q: the reason is %q", origin, d.Reason)
			}
		}
	}
}
