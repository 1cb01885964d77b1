package drift_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/package-url/packageurl-go"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom"
	"github.com/imagegate/imagegate/internal/sbom/drift"
)

const (
	typeSPDX      = "https://spdx.dev/Document"
	typeCycloneDX = "https://cyclonedx.org/bom/v1.6"
)

// entry is a package of a test's document: a package URL, or a name and a version.
type entry struct{ purl, name, version string }

// urls are entries by package URL, with the name and the version that it says.
func urls(t testing.TB, list ...string) []entry {
	t.Helper()
	var out []entry
	for _, s := range list {
		p, err := packageurl.FromString(s)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		out = append(out, entry{s, p.Name, p.Version})
	}
	return out
}

// spdx is an SPDX 2.3 document with a root package, as image scanners write it.
func spdx(list []entry) []byte {
	packages := []any{map[string]any{"SPDXID": "SPDXRef-root", "name": "registry.test/app", "primaryPackagePurpose": "CONTAINER"}}
	for i, e := range list {
		p := map[string]any{"SPDXID": fmt.Sprintf("SPDXRef-%d", i), "name": e.name, "downloadLocation": "NOASSERTION"}
		if e.version != "" {
			p["versionInfo"] = e.version
		}
		if e.purl != "" {
			p["externalRefs"] = []any{map[string]any{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": e.purl}}
		}
		packages = append(packages, p)
	}
	return encode(map[string]any{
		"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "app", "dataLicense": "CC0-1.0",
		"documentNamespace": "https://example.test/app", "packages": packages,
		"relationships": []any{map[string]any{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-root"}},
	})
}

// cycloneDX is a CycloneDX document of the given version.
func cycloneDX(version string, list []entry) []byte {
	components := []any{}
	for i, e := range list {
		c := map[string]any{"bom-ref": fmt.Sprintf("ref-%d", i), "type": "library", "name": e.name, "version": e.version}
		if e.purl != "" {
			c["purl"] = e.purl
		}
		components = append(components, c)
	}
	return encode(map[string]any{"bomFormat": "CycloneDX", "specVersion": version, "version": 1, "components": components})
}

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

func attested(t testing.TB, predicate []byte, predicateType string) *sbom.SBOM {
	t.Helper()
	s, err := drift.Attested(predicate, predicateType)
	if err != nil {
		t.Fatalf("Attested: %v", err)
	}
	return s
}

// found is a bill of the packages that Syft would have found.
func found(t testing.TB, list ...string) *sbom.SBOM {
	t.Helper()
	s, _, err := sbom.Decode(bytes.NewReader(spdx(urls(t, list...))), 0)
	if err != nil {
		t.Fatalf("Decode: %v", err)
	}
	return s
}

func onlyAttested(typ, name, version string) report.Drift {
	return report.Drift{Kind: report.DriftAttestedOnly, Type: typ, Name: name, Attested: version}
}

func onlyFound(typ, name, version string) report.Drift {
	return report.Drift{Kind: report.DriftFoundOnly, Type: typ, Name: name, Found: version}
}

func differs(typ, name, vendor, here string) report.Drift {
	return report.Drift{Kind: report.DriftVersion, Type: typ, Name: name, Attested: vendor, Found: here}
}
