package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "rewrite docs/schema/report.schema.json")

// published is where users and editors find the schema.
const published = "../../docs/schema/report.schema.json"

func TestPublishedSchemaIsTheEmbeddedOne(t *testing.T) {
	if *update {
		if err := os.WriteFile(published, report.Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(published)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, report.Schema()) {
		t.Errorf("%s is not internal/report/report.schema.json; rerun with -update", published)
	}
}

// node is the part of JSON Schema that the report's schema uses.
type node struct {
	Ref         string           `json:"$ref"`
	Description string           `json:"description"`
	Type        any              `json:"type"`
	Enum        []string         `json:"enum"`
	AnyOf       []*node          `json:"anyOf"`
	Items       *node            `json:"items"`
	Properties  map[string]*node `json:"properties"`
	Required    []string         `json:"required"`
	Defs        map[string]*node `json:"$defs"`
	Format      string           `json:"format"`
	Additional  any              `json:"additionalProperties"`
}

func TestSchemaAndStructsAgree(t *testing.T) {
	var root node
	if err := json.Unmarshal(report.Schema(), &root); err != nil {
		t.Fatal(err)
	}
	c := comparison{t: t, root: &root, seen: map[reflect.Type]bool{}, used: map[string]bool{}}
	c.object("Report", reflect.TypeFor[report.Report](), &root)
	for name, def := range root.Defs {
		if !c.used[name] {
			t.Errorf("$defs/%s describes no type of the report", name)
		}
		if def.Description == "" {
			t.Errorf("$defs/%s has no description", name)
		}
	}
}

type comparison struct {
	t    *testing.T
	root *node
	seen map[reflect.Type]bool
	used map[string]bool
}

// object compares the fields of a struct with the properties of its schema, in both
// directions.
func (c *comparison) object(path string, typ reflect.Type, n *node) {
	if c.seen[typ] {
		return
	}
	c.seen[typ] = true
	if n.Additional != nil {
		c.t.Errorf("%s: additionalProperties must stay allowed", path)
	}
	names := map[string]bool{}
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			c.t.Errorf("%s.%s has no JSON name", path, f.Name)
			continue
		}
		names[name] = true
		p := n.Properties[name]
		if p == nil {
			c.t.Errorf("%s.%s is not in report.schema.json: describe it there", path, name)
			continue
		}
		if p.Description == "" {
			c.t.Errorf("%s.%s has no description", path, name)
		}
		optional := options == "omitempty"
		if got := slices.Contains(n.Required, name); got == optional {
			c.t.Errorf("%s.%s: required = %t, but omitempty = %t", path, name, got, optional)
		}
		c.value(path+"."+name, f.Type, p, optional)
	}
	for name := range n.Properties {
		if !names[name] {
			c.t.Errorf("%s.%s is in report.schema.json but not in the struct", path, name)
		}
	}
}

func (c *comparison) value(path string, typ reflect.Type, n *node, optional bool) {
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
		if !optional { // a pointer without omitempty may be null
			switch {
			case typ == reflect.TypeFor[time.Time]():
				if diff := cmp.Diff(any([]any{"string", "null"}), n.Type); diff != "" {
					c.t.Errorf("%s: type of a nullable time (-want +got):\n%s", path, diff)
				}
				return
			case len(n.AnyOf) == 2 && n.AnyOf[1].Type == "null":
				n = n.AnyOf[0]
			default:
				c.t.Errorf("%s may be null, and the schema does not say so", path)
				return
			}
		}
	}
	n = c.resolve(path, n)
	want := map[reflect.Kind]string{
		reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Int64: "integer",
		reflect.Float64: "number", reflect.Slice: "array", reflect.Struct: "object", reflect.Map: "object",
	}[typ.Kind()]
	if typ == reflect.TypeFor[time.Time]() {
		want = "string"
		if n.Format != "date-time" {
			c.t.Errorf("%s: format = %q, want date-time", path, n.Format)
		}
	}
	if n.Type != want {
		c.t.Errorf("%s: type = %v, want %s", path, n.Type, want)
		return
	}
	switch {
	case typ.Kind() == reflect.Slice:
		c.value(path+"[]", typ.Elem(), n.Items, true)
	case want == "object" && typ.Kind() == reflect.Struct:
		c.object(path, typ, n)
	}
}

func (c *comparison) resolve(path string, n *node) *node {
	if n.Ref == "" {
		return n
	}
	name := strings.TrimPrefix(n.Ref, "#/$defs/")
	c.used[name] = true
	def := c.root.Defs[name]
	if def == nil {
		c.t.Fatalf("%s: %s leads nowhere", path, n.Ref)
	}
	return def
}

func TestEnumerationsAgree(t *testing.T) {
	var root node
	if err := json.Unmarshal(report.Schema(), &root); err != nil {
		t.Fatal(err)
	}
	var severities []string
	for _, s := range report.Severities() {
		severities = append(severities, string(s))
	}
	var kinds []string
	for _, k := range report.Kinds() {
		kinds = append(kinds, string(k))
	}
	for name, want := range map[string][]string{
		"severity":         severities,
		"state":            {string(report.Done), string(report.Missing), string(report.Failed), string(report.Skipped)},
		"kind":             kinds,
		"attestationState": {string(report.Verified), string(report.Unverified), string(report.Unreadable), string(report.Invalid)},
		"result":           {string(report.Pass), string(report.Warn), string(report.Fail), string(report.Error)},
		"decisionStatus":   {string(report.Open), string(report.Suppressed)},
	} {
		if diff := cmp.Diff(want, root.Defs[name].Enum); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, tt := range []struct {
		def, field string
		want       []string
	}{
		{"fix", "state", []string{report.FixFixed, report.FixNotFixed, report.FixWontFix, report.FixUnknown}},
		{"check", "state", []string{report.CheckPassed, report.CheckFailed, report.CheckUndecided, report.CheckNotApplicable}},
		{"probe", "state", []string{report.ProbeFound, report.ProbeNone, report.ProbeUnsupported, report.ProbeFailed}},
		{"statement", "trust", []string{report.TrustVerified, report.TrustNamed, report.TrustUnverified}},
	} {
		if diff := cmp.Diff(tt.want, root.Defs[tt.def].Properties[tt.field].Enum); diff != "" {
			t.Errorf("%s.%s (-want +got):\n%s", tt.def, tt.field, diff)
		}
	}
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(report.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("report.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestReportsValidate(t *testing.T) {
	s := compile(t)
	for name, r := range map[string]*report.Report{
		"every_field_filled": filled(),
		"combined":           report.Combine([]*report.Report{filled(), filled()}),
		"combined_of_none":   withDatabase(report.Combine(nil)),
	} {
		t.Run(name, func(t *testing.T) {
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(marshal(t, r.Canonical())))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Validate(doc); err != nil {
				t.Errorf("%v", err)
			}
		})
	}
}

func withDatabase(r *report.Report) *report.Report {
	r.Database.State = report.Skipped
	return r
}

func TestSchemaRefuses(t *testing.T) {
	s := compile(t)
	for _, tt := range []struct {
		name   string
		change func(doc map[string]any)
	}{
		{"no_verdict", func(doc map[string]any) { delete(doc, "verdict") }},
		{"null_list", func(doc map[string]any) { doc["attestations"] = nil }},
		{"unknown_result", func(doc map[string]any) { doc["verdict"].(map[string]any)["result"] = "maybe" }},
		{"next_major_version", func(doc map[string]any) { doc["schemaVersion"] = "2.0" }},
		{"negative_count", func(doc map[string]any) { doc["counts"].(map[string]any)["high"] = -1 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var doc map[string]any
			if err := json.Unmarshal([]byte(marshal(t, filled().Canonical())), &doc); err != nil {
				t.Fatal(err)
			}
			doc["anAddition"] = true // allowed, so it must not be why the rest is refused
			if err := s.Validate(doc); err != nil {
				t.Fatalf("an additional field is refused: %v", err)
			}
			tt.change(doc)
			if err := s.Validate(doc); err == nil {
				t.Error("the schema accepts it")
			}
		})
	}
}
