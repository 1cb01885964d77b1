package cli_test

import (
	"encoding/json"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// signedBill is an SPDX document with the two packages of the test's image, at the given
// version of glibc.
func signedBill(glibc string) map[string]any {
	source := map[string]string{"libc6": "glibc", "libtinfo6": "ncurses"}
	var packages []any
	for name, version := range map[string]string{"libc6": glibc, "libtinfo6": "6.4-4"} {
		packages = append(packages, map[string]any{
			"name": name, "SPDXID": "SPDXRef-" + name, "versionInfo": version, "downloadLocation": "NOASSERTION",
			"externalRefs": []any{map[string]any{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
				"referenceLocator": "pkg:deb/debian/" + name + "@" + strings.ReplaceAll(version, "+", "%2B") + "?arch=amd64&distro=debian-12&upstream=" + source[name]}},
		})
	}
	return map[string]any{
		"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "app",
		"documentNamespace": "https://example.invalid/app", "packages": packages,
		"creationInfo": map[string]any{"created": "2026-04-30T12:00:00Z", "creators": []any{"Tool: test"}},
	}
}

func TestDriftFromTheSignedSBOM(t *testing.T) {
	var w *world
	with := func(glibc string) string {
		w = newWorld(t, testkit.RegistryOptions{}) // of its own: the image is the same, and so are its referrers
		ref, _ := w.push(w.image().Without(testkit.PredicateSPDX).Plus(testkit.Attestation{PredicateType: testkit.PredicateSPDX, Predicate: signedBill(glibc)}))
		return ref
	}
	ref := with("2.36-9+deb12u7")
	code, r, text := w.verify(ref, "--max-drift", "0")
	must(t, code, r, text, fault.OK, report.Pass)
	if d := r.SBOM.Drift; d == nil || len(d.Items) != 0 || d.Attested != 2 {
		t.Errorf("drift is %+v", d)
	}
	code, r, text = w.verify(ref, "--sbom-source", "attested")
	must(t, code, r, text, fault.OK, report.Pass)
	finding(t, r, "CVE-2025-4802")
	code, r, text = w.verify(ref, "--sbom-source", "extracted", "--max-drift", "0")
	must(t, code, r, text, fault.Unavailable, report.Error)

	ref = with("2.36-9+deb12u6")
	code, r, text = w.verify(ref)
	must(t, code, r, text, fault.OK, report.Pass)
	if !strings.Contains(text, "differs from the image in 1 package") {
		t.Errorf("the drift is not shown:\n%s", text)
	}
	code, r, text = w.verify(ref, "--max-drift", "0")
	must(t, code, r, text, fault.Policy, report.Fail)

	w = newWorld(t, testkit.RegistryOptions{})
	ref, _ = w.push(w.image().Without(testkit.PredicateSPDX))
	code, r, text = w.verify(ref, "--sbom-source", "attested")
	must(t, code, r, text, fault.Unavailable, report.Error)
}

// TestSeveralBillsInOneManifest: a manifest of BuildKit holds the bill of the image and the
// empty one of a stage. Only the empty one is no evidence.
func TestSeveralBillsInOneManifest(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	img := w.image()
	img.Platforms = img.Platforms[:1]
	b, err := img.Without(testkit.PredicateSPDX).Build()
	check(err)
	image, repo := b.Platforms[0].Manifest.Digest(), w.registry.Repository("dhi/app")
	encode := func(v any) []byte {
		raw, err := json.Marshal(v)
		check(err)
		return raw
	}
	stored := func(mediaType types.MediaType, data []byte) testkit.Blob {
		check(repo.PutBlob(t.Context(), data))
		return testkit.NewBlob(mediaType, data)
	}
	config := stored(types.OCIConfigJSON, []byte(`{"architecture":"unknown","os":"unknown","rootfs":{"type":"layers","diff_ids":[]}}`))
	put := func(ref string, layers ...v1.Descriptor) testkit.Blob {
		raw := encode(v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: config.Descriptor, Layers: layers})
		m := testkit.NewBlob(types.OCIManifestSchema1, raw)
		if ref == "" {
			ref = m.Digest().String()
		}
		check(repo.PutManifest(t.Context(), ref, string(types.OCIManifestSchema1), raw))
		return m
	}
	statement := func(predicate any) v1.Descriptor {
		d := stored(testkit.InTotoMediaType, encode(map[string]any{
			"_type": "https://in-toto.io/Statement/v0.1", "predicateType": testkit.PredicateSPDX, "predicate": predicate,
			"subject": []any{map[string]any{"name": "app", "digest": map[string]any{"sha256": image.Hex}}},
		})).Descriptor
		d.Annotations = map[string]string{testkit.PredicateAnnotation: testkit.PredicateSPDX}
		return d
	}
	empty := signedBill("2.36-9+deb12u7")
	empty["packages"], empty["documentNamespace"] = []any{}, "https://example.invalid/stage"
	attestation := put("", statement(signedBill("2.36-9+deb12u7")), statement(empty)).Descriptor
	attestation.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
	attestation.Annotations = map[string]string{
		"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image.String(), testkit.BuildIDAnnotation: "x",
	}
	var index v1.IndexManifest
	check(json.Unmarshal(b.Root.Data, &index))
	index.Manifests = append(index.Manifests, attestation)
	b.Root, b.IndexSignature = testkit.NewBlob(types.OCIImageIndex, encode(index)), nil
	payload := encode(map[string]any{"optional": nil, "critical": map[string]any{
		"identity": map[string]any{"docker-reference": "x"}, "type": "cosign container image signature",
		"image": map[string]any{"docker-manifest-digest": b.Root.Digest().String()},
	}})
	signature, err := w.key.Sign(payload)
	check(err)
	signed := stored(testkit.SimpleSigningType, payload).Descriptor
	signed.Annotations = map[string]string{testkit.SignatureAnnotation: signature}
	put("sha256-"+b.Root.Digest().Hex+".sig", signed)
	check(b.Push(t.Context(), repo))

	code, r, text := w.verify(w.registry.Host()+"/dhi/app:1.0", "--require", "sbom")
	must(t, code, r, text, fault.OK, report.Warn)
	whole, defects := 0, 0
	for _, a := range r.Attestations {
		switch {
		case a.Family == "sbom" && a.State == report.Verified && a.Defect == "":
			whole++
		case a.Family == "sbom" && a.Defect == "it lists no package":
			defects++
		}
	}
	if whole != 1 || defects != 1 {
		t.Errorf("%d bills count and %d list nothing, want one of each: %+v", whole, defects, r.Attestations)
	}
	if d := r.SBOM.Drift; d == nil || d.Count() != 0 {
		t.Errorf("drift %+v, want none from the bill of the image", d)
	}
}
