package drift

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// readSPDX reads what is used of SPDX 2.2 and 2.3 in JSON (clauses 6, 7 and 11).
func readSPDX(data []byte) (*document, error) {
	var in struct {
		SPDXVersion       string          `json:"spdxVersion"`
		DocumentDescribes json.RawMessage `json:"documentDescribes"` // 2.2; the same as a DESCRIBES relationship
		Packages          json.RawMessage `json:"packages"`
		Relationships     json.RawMessage `json:"relationships"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("SPDX: %w", err)
	}
	switch in.SPDXVersion {
	case "":
		return nil, errors.New("the predicate type says SPDX, and the document has no spdxVersion")
	case "SPDX-2.2", "SPDX-2.3":
	default:
		return nil, fmt.Errorf("SPDX version %q: %w, only SPDX-2.2 and SPDX-2.3 are", clip(in.SPDXVersion), ErrNotRead)
	}
	origin := map[string]bool{} // what packages were generated from
	about := map[string]bool{}  // what the document describes
	err := each(in.DocumentDescribes, MaxPackages, "MaxPackages", func(id string) error {
		about[id] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = each(in.Relationships, MaxRelations, "MaxRelations", func(r struct {
		From string `json:"spdxElementId"`
		Kind string `json:"relationshipType"`
		To   string `json:"relatedSpdxElement"`
	},
	) error {
		switch {
		case r.Kind == "GENERATED_FROM":
			origin[r.To] = true
		case r.Kind == "GENERATES":
			origin[r.From] = true
		case r.Kind == "DESCRIBES" && r.From == "SPDXRef-DOCUMENT":
			about[r.To] = true
		case r.Kind == "DESCRIBED_BY" && r.To == "SPDXRef-DOCUMENT":
			about[r.From] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out document
	err = each(in.Packages, MaxPackages, "MaxPackages", func(p spdxPackage) error {
		c, err := p.component()
		if err != nil {
			return err
		}
		switch {
		case p.system(c):
			out.release(c.name, c.version)
			return nil
		case slices.Contains([]string{"CONTAINER", "FILE", "SOURCE", "DEVICE"}, p.Purpose):
			return nil
		case origin[p.ID], about[p.ID] && c.purl == "", c.image():
			return nil
		}
		return out.add(c)
	})
	if err != nil {
		return nil, err
	}
	return &out, nil
}

type spdxPackage struct {
	ID      string          `json:"SPDXID"`
	Name    string          `json:"name"`
	Version string          `json:"versionInfo"`
	Purpose string          `json:"primaryPackagePurpose"` // 2.3
	Refs    json.RawMessage `json:"externalRefs"`
}

// system reports whether the package is the operating system. The text of SPDX 2.3 has
// a hyphen where its JSON schema has an underscore; 2.2 has no purpose, and image
// scanners say it in the identifier.
func (p spdxPackage) system(c component) bool {
	return p.Purpose == "OPERATING-SYSTEM" || p.Purpose == "OPERATING_SYSTEM" ||
		c.purl == "" && strings.HasPrefix(p.ID, "SPDXRef-OperatingSystem")
}

func (p spdxPackage) component() (component, error) {
	c := component{name: p.Name, version: stated(p.Version)}
	err := each(p.Refs, MaxReferences, "MaxReferences", func(r struct {
		Type    string `json:"referenceType"`
		Locator string `json:"referenceLocator"`
	},
	) error {
		switch r.Type {
		case "purl", "http://spdx.org/rdf/references/purl":
			if c.purl == "" {
				c.purl = r.Locator
			}
		case "cpe23Type", "http://spdx.org/rdf/references/cpe23Type":
			c.cpes = append(c.cpes, r.Locator)
		}
		return nil
	})
	return c, err
}
