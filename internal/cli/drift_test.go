package cli_test

import (
	"strings"
	"testing"

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
