package drift

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// readCycloneDX reads what is used of CycloneDX 1.4 to 1.6 in JSON (ECMA-424). The
// component in the metadata is what the document is about, and not read.
func readCycloneDX(data []byte) (*document, error) {
	var in struct {
		BOMFormat   string          `json:"bomFormat"`
		SpecVersion string          `json:"specVersion"`
		Components  json.RawMessage `json:"components"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("CycloneDX: %w", err)
	}
	if in.BOMFormat != "CycloneDX" {
		return nil, errors.New("the predicate type says CycloneDX, and the document has no such bomFormat")
	}
	if !slices.Contains([]string{"1.4", "1.5", "1.6"}, in.SpecVersion) {
		return nil, fmt.Errorf("CycloneDX version %q: %w, only 1.4, 1.5 and 1.6 are", clip(in.SpecVersion), ErrNotRead)
	}
	var out document
	if err := out.components(in.Components, 1); err != nil {
		return nil, err
	}
	return &out, nil
}

type cycloneDXComponent struct {
	Ref        string          `json:"bom-ref"`
	Type       string          `json:"type"`
	Group      string          `json:"group"`
	Name       string          `json:"name"`
	Version    string          `json:"version"`
	Scope      string          `json:"scope"`
	PURL       string          `json:"purl"`
	CPE        string          `json:"cpe"`
	Components json.RawMessage `json:"components"`
}

// components adds a list of components and those within them.
func (d *document) components(list json.RawMessage, level int) error {
	return each(list, MaxPackages, "MaxPackages", func(in cycloneDXComponent) error {
		if len(in.Components) > 0 && level >= MaxNesting {
			return fmt.Errorf("components within components, more than %d levels (limit MaxNesting)", MaxNesting)
		}
		if err := d.component(in); err != nil {
			return err
		}
		return d.components(in.Components, level+1)
	})
}

func (d *document) component(in cycloneDXComponent) error {
	c := component{name: in.Name, version: stated(in.Version), purl: in.PURL}
	if c.purl == "" && strings.HasPrefix(in.Ref, "pkg:") {
		c.purl = in.Ref
	}
	if in.Group != "" && c.purl == "" {
		c.name = in.Group + "/" + in.Name
	}
	if in.CPE != "" {
		c.cpes = []string{in.CPE}
	}
	switch in.Type {
	case "operating-system":
		d.release(c.name, c.version)
		return d.skip()
	case "library", "framework", "firmware", "machine-learning-model":
	case "application": // without a name elsewhere it is a lock file or the like
		if c.purl == "" && c.cpes == nil {
			return d.skip()
		}
	default: // file, container, platform, device, data, cryptographic-asset
		return d.skip()
	}
	if in.Scope == "excluded" || c.image() {
		return d.skip()
	}
	return d.add(c)
}
