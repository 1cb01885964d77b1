package demo_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/openvex/go-vex/pkg/vex"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/imagegate/imagegate/internal/demo"
	"github.com/imagegate/imagegate/internal/testkit"
)

// predicate is the predicate of the first platform's statement of that type.
func predicate(t *testing.T, d *demo.Demo, predicateType string) []byte {
	t.Helper()
	var s testkit.Statement
	if err := json.Unmarshal(d.Image.Platforms[0].Attestation(predicateType).Statement.Data, &s); err != nil {
		t.Fatal(err)
	}
	return s.Predicate
}

// TestDocumentsAreValid holds the vendor's documents against their schemas.
func TestDocumentsAreValid(t *testing.T) {
	d := start(t, demo.Options{})
	dir := filepath.FromSlash("../../../shared/data/schemas")
	for _, tt := range []struct{ predicateType, schema string }{
		{testkit.PredicateCycloneDX, "bom-1.6.schema.json"},
		{testkit.PredicateSPDX, "spdx-schema-2.3.json"},
		{testkit.PredicateOpenVEX, "openvex_json_schema.json"},
	} {
		t.Run(tt.schema, func(t *testing.T) {
			if _, err := os.Stat(filepath.Join(dir, tt.schema)); errors.Is(err, fs.ErrNotExist) {
				t.Skip("the published schemas are not here")
			}
			c := jsonschema.NewCompiler()
			for file, url := range map[string]string{
				"spdx.schema.json":      "http://cyclonedx.org/schema/spdx.schema.json",
				"jsf-0.82.schemax.json": "http://cyclonedx.org/schema/jsf-0.82.schema.json",
			} {
				add(t, c, filepath.Join(dir, file), url)
			}
			add(t, c, filepath.Join(dir, tt.schema), "http://cyclonedx.org/schema/"+tt.schema)
			schema, err := c.Compile("http://cyclonedx.org/schema/" + tt.schema)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(predicate(t, d, tt.predicateType)))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(doc); err != nil {
				t.Errorf("%s: %v", tt.predicateType, err)
			}
		})
	}
}

func add(t *testing.T, c *jsonschema.Compiler, path, url string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource(url, doc); err != nil {
		t.Fatal(err)
	}
}

// TestVEX reads the VEX with the reference library and looks for the four situations
// that the demo promises.
func TestVEX(t *testing.T) {
	d := start(t, demo.Options{})
	doc, err := vex.Parse(predicate(t, d, testkit.PredicateOpenVEX))
	if err != nil {
		t.Fatal(err)
	}
	byCVE := map[string][]vex.Statement{}
	for _, s := range doc.Statements {
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", s.ID, err)
		}
		byCVE[string(s.Vulnerability.Name)] = append(byCVE[string(s.Vulnerability.Name)], s)
	}
	if s := byCVE["CVE-2025-4802"]; len(s) != 1 || s[0].Status != vex.StatusNotAffected || s[0].Justification == "" ||
		s[0].Products[0].ID != "pkg:deb/debian/glibc@2.36-9%2Bdeb12u7?os_distro=bookworm&os_name=debian&os_version=12" {
		t.Errorf("suppressed: %+v", s)
	}
	if s := byCVE["CVE-2025-0395"]; len(s) != 2 || s[0].Status != vex.StatusNotAffected || s[1].Status != vex.StatusUnderInvestigation ||
		!s[1].Timestamp.After(*s[0].Timestamp) {
		t.Errorf("superseded: %+v", s)
	}
	if s := byCVE["CVE-2026-4438"]; len(s) != 1 || s[0].Products[0].ID != "pkg:deb/debian/glibc@2.36-9%2Bdeb12u6?os_distro=bookworm&os_name=debian&os_version=12" {
		t.Errorf("near miss: %+v", s)
	}
	if s := byCVE["CVE-2022-27943"]; len(s) != 1 || len(s[0].Products) != 2 || len(s[0].Products[0].Subcomponents) != 1 {
		t.Errorf("image with subcomponents: %+v", s)
	}
}
