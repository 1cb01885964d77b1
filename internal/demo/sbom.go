package demo

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"
)

// component is a line of the vendor's SBOM.
type component struct{ name, version, purl string }

// python is the interpreter, which Docker builds itself and names pkg:dhi.
var python = component{"python", pythonVersion, "pkg:dhi/python@" + pythonVersion}

// components are the image's packages as the vendor lists them.
func components(list []debian) []component {
	cs := []component{python}
	for _, p := range list {
		cs = append(cs, component{p.name, p.version, purl(p.name, p.version)})
	}
	return cs
}

// uuid is a name-based identifier (RFC 9562, version 8).
func uuid(seed string) string {
	b := sha256.Sum256([]byte(seed))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// cycloneDX is a CycloneDX 1.6 document (ECMA-424).
func cycloneDX(name string, cs []component, created time.Time) any {
	list := []any{}
	for _, c := range cs {
		list = append(list, map[string]any{
			"bom-ref": c.purl, "type": "library", "name": c.name, "version": c.version, "purl": c.purl,
		})
	}
	list = append(list, map[string]any{"bom-ref": "os", "type": "operating-system", "name": "debian", "version": "12"})
	return map[string]any{
		"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
		"serialNumber": "urn:uuid:" + uuid("cyclonedx "+name+created.String()),
		"metadata": map[string]any{
			"timestamp": created.Format(time.RFC3339),
			"tools":     map[string]any{"components": []any{map[string]any{"type": "application", "name": "imagegate demo"}}},
			"component": map[string]any{"bom-ref": "image", "type": "container", "name": name},
		},
		"components": list,
	}
}

// spdx is an SPDX 2.3 document.
func spdx(name string, cs []component, created time.Time) any {
	root := "SPDXRef-image"
	list := []any{map[string]any{"SPDXID": root, "name": name, "downloadLocation": "NOASSERTION"}}
	relations := []any{relation("SPDXRef-DOCUMENT", "DESCRIBES", root)}
	for i, c := range cs {
		id := fmt.Sprintf("SPDXRef-package-%d", i)
		list = append(list, map[string]any{
			"SPDXID": id, "name": c.name, "versionInfo": c.version, "downloadLocation": "NOASSERTION",
			"externalRefs": []any{map[string]any{
				"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": c.purl,
			}},
		})
		relations = append(relations, relation(root, "CONTAINS", id))
	}
	return map[string]any{
		"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": name,
		"documentNamespace": "https://imagegate.invalid/demo/" + uuid("spdx "+name+created.String()),
		"creationInfo": map[string]any{
			"created": created.Format(time.RFC3339), "creators": []any{"Tool: imagegate demo"},
		},
		"packages": list, "relationships": relations,
	}
}

func relation(from, kind, to string) any {
	return map[string]any{"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to}
}

// indented is JSON for a file that people open, with package URLs left readable.
func indented(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode a document: %w", err)
	}
	return b.Bytes(), nil
}
