package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// sharedSchemas are the published schemas of the formats, which are not ours to copy.
const sharedSchemas = "../../../shared/data/schemas"

// published compiles one of the published schemas, from local files alone. It skips
// the test where they are not.
func published(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	load := func(file string) any {
		data, err := os.ReadFile(filepath.Join(sharedSchemas, file))
		if os.IsNotExist(err) {
			t.Skipf("the published schemas are not here: %v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		return parsed(t, data)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{}) // nothing is fetched
	for url, file := range map[string]string{ // what CycloneDX refers to
		"http://cyclonedx.org/schema/spdx.schema.json":     "spdx.schema.json",
		"http://cyclonedx.org/schema/jsf-0.82.schema.json": "jsf-0.82.schemax.json",
	} {
		if err := c.AddResource(url, load(file)); err != nil {
			t.Fatal(err)
		}
	}
	doc := load(name)
	url := "http://schema.test/" + name
	if id, ok := doc.(map[string]any)["$id"].(string); ok {
		url = id
	}
	return compiled(t, c, url, doc)
}

// own compiles one of our schemas.
func own(t *testing.T, data []byte) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{})
	return compiled(t, c, "http://schema.test/own", parsed(t, data))
}

func compiled(t *testing.T, c *jsonschema.Compiler, url string, doc any) *jsonschema.Schema {
	t.Helper()
	if err := c.AddResource(url, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(url)
	if err != nil {
		t.Fatalf("compile %s: %v", url, err)
	}
	return s
}

func parsed(t *testing.T, data []byte) any {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// valid holds a file of the report directory against a schema.
func (w *world) valid(name string, schema *jsonschema.Schema) {
	w.t.Helper()
	data := w.file(name)
	if data == "" {
		w.t.Errorf("%s was not written", name)
		return
	}
	if err := schema.Validate(parsed(w.t, []byte(data))); err != nil {
		w.t.Errorf("%s is not valid:\n%.3000s", name, fmt.Sprintf("%#v", err))
	}
}

// demo runs the demonstration into the report directory.
func (w *world) demo(flags ...string) (fault.Code, string) {
	w.t.Helper()
	code, stdout, stderr := w.run(append([]string{"demo", "--report-dir", w.path("report")}, flags...)...)
	return code, stdout + stderr
}

func TestDemoReportMatchesTheSchemas(t *testing.T) {
	for _, flags := range [][]string{nil, {"--platforms", "all"}} {
		w := newWorld(t, testkit.RegistryOptions{})
		code, text := w.demo(flags...)
		if code != fault.OK {
			t.Fatalf("demo %q: exit %d\n%s", flags, code, text)
		}
		for _, tt := range []struct{ file, schema string }{
			{report.FileSARIF, "sarif-schema-2.1.0.json"},
			{report.FileVEX, "openvex_json_schema.json"},
			{"sbom.cyclonedx.json", "bom-1.6.schema.json"},
			{"sbom.spdx.json", "spdx-schema-2.3.json"},
			{"sbom.syft.json", "syft-json-latest.json"},
		} {
			t.Run(strings.Join(append(flags, tt.file), "_"), func(t *testing.T) {
				w.t = t
				schema := published(t, tt.schema)
				if flags == nil || !strings.HasPrefix(tt.file, "sbom.") {
					w.valid(tt.file, schema)
					return
				}
				for _, platform := range []string{"linux-amd64", "linux-arm64"} {
					w.valid("platforms/"+platform+"/"+tt.file, schema)
				}
			})
		}
	}
}

// Every kind of verdict leaves a report.json that its own schema describes, which is
// the one in docs and the one beside it.
func TestReportMatchesItsSchema(t *testing.T) {
	schema := own(t, report.Schema())
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.poisoned())
	for _, tt := range []struct {
		name string
		run  func()
		want report.Result
	}{
		{"demo", func() { w.demo() }, report.Pass},
		{"demo_of_all_platforms", func() { w.demo("--platforms", "all") }, report.Pass},
		{"demo_tampered", func() { w.demo("--tamper") }, report.Fail},
		{"hostile", func() { w.verify(ref, "--vex-policy", "off") }, report.Fail},
		{"no_such_image", func() { w.verify("127.0.0.1:1/a:b") }, report.Error},
		{"no_such_platform", func() { w.verify(ref, "--platform", "linux/riscv64") }, report.Error},
		{"no_database", func() { w.verify(ref, "--db-max-age", "1h") }, report.Error},
		{"sbom_alone", func() { w.call("sbom", ref, "--report-dir", w.path("report")) }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			tt.run()
			w.valid(report.FileReport, schema)
			if w.file(report.FileSchema) != string(report.Schema()) {
				t.Errorf("%s is another schema", report.FileSchema)
			}
			if r := w.report(); tt.want != "" && r.Verdict.Result != tt.want {
				t.Errorf("verdict %s %q, want %s", r.Verdict.Result, r.Verdict.Reasons, tt.want)
			}
			for name := range w.files() {
				if strings.HasPrefix(name, "platforms/") && strings.HasSuffix(name, "/report.json") {
					w.valid(name, schema)
				}
			}
		})
	}
	w.t = t
	if err := schema.Validate(parsed(t, []byte(strings.Replace(w.file(report.FileReport), `"schemaVersion"`, `"schemaversion"`, 1)))); err == nil {
		t.Error("the schema accepts a report without its version")
	}
}

func TestDemoVerdicts(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	w.ownTemp()
	code, text := w.demo()
	must(t, code, w.report(), text, fault.OK, report.Pass)
	r := w.report()
	if r.Counts.Suppressed == 0 || r.Counts.Open() == 0 || stageOf(r, report.StageAttest).State != report.Done {
		t.Errorf("the demo shows nothing: %+v", r.Counts)
	}
	for _, v := range r.Vulnerabilities {
		if v.Decision.Status == report.Suppressed && (v.Decision.Statement == nil || v.Decision.Statement.Trust != report.TrustVerified || v.Decision.Statement.Justification == "") {
			t.Errorf("%s is suppressed for no reason: %+v", v.ID, v.Decision)
		}
	}

	code, text = w.demo("--tamper")
	must(t, code, w.report(), text, fault.Policy, report.Fail)
	r = w.report()
	vex := vexOf(t, r)
	if vex.State != report.Invalid || !strings.Contains(vex.Reason, "serves other bytes for the statement") {
		t.Errorf("the VEX is %s because %q", vex.State, vex.Reason)
	}
	if !slices.ContainsFunc(r.Verdict.Reasons, func(s string) bool { return strings.Contains(s, vex.Digest) }) || !strings.Contains(flat(text), vex.Digest) {
		t.Errorf("no reason names the attestation %s: %q", vex.Digest, r.Verdict.Reasons)
	}
	if r.Counts.Suppressed != 0 || w.file(report.FileVEX) != "" {
		t.Errorf("%d findings are suppressed by a VEX that was tampered with, %s: %.80q", r.Counts.Suppressed, report.FileVEX, w.file(report.FileVEX))
	}
}

// example is a value that an option takes.
func example(o config.Option) any {
	switch {
	case o.Kind == config.Bool:
		return true
	case o.Kind == config.Int:
		return 3
	case o.Kind == config.Duration:
		return "36h"
	case len(o.Values) > 0:
		return o.Values[0]
	case o.Name == "require":
		return []any{"vex", "sbom"}
	case o.Name == "sbom-formats":
		return []any{"syft-json", "spdx-json"}
	case o.Name == "vex-limits":
		return []any{"stale=3", "unsigned=0"}
	case o.Kind == config.List:
		return []any{"one", "two"}
	case o.Name == "platform":
		return "linux/arm64"
	case o.Name == "max-image-size":
		return "256m"
	}
	return "text"
}

// The published schema of the configuration file accepts every option, alone and all
// together, wherever the program does, and refuses what it refuses.
func TestConfigSchema(t *testing.T) {
	data, err := os.ReadFile(root + "docs/schema/imagegate.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	schema := own(t, data)
	load := func(doc map[string]any) error {
		t.Helper()
		raw, err := json.Marshal(doc) // JSON is YAML
		if err != nil {
			t.Fatal(err)
		}
		_, err = config.Load(config.Sources{
			Flags: map[string][]string{"config": {"x"}}, ReadFile: func(string) ([]byte, error) { return raw, nil }, GOOS: "linux", GOARCH: "amd64",
		})
		return err
	}
	full := map[string]any{"$schema": config.SchemaID, "trust": []any{map[string]any{
		"match": "registry.example/team/**", "keys": []any{"team.pub", map[string]any{"key": "old.pub", "not-before": "2024-01-01", "not-after": "2025-06-30", "inactive": "rotated"}}, "log": "require", "expect": []any{"provenance"}, "stores": []any{"referrers"},
		"identities": []any{map[string]any{"certificate-identity": "https://example.invalid/build", "certificate-oidc-issuer": "https://issuer.invalid"}},
		"builders":   []any{map[string]any{"id": "https://builder.invalid/**", "signer": "*", "level": 3}}, "hint": "ask the team",
	}}}
	if err := load(map[string]any{"trust": full["trust"]}); err != nil {
		t.Errorf("the program refuses the trust table: %v", err)
	}
	for _, o := range config.Options() {
		if o.Use == config.FlagOnly || o.Name == "config" {
			continue
		}
		full[o.Name] = example(o)
		one := map[string]any{o.Name: example(o)}
		if strings.HasPrefix(o.Name, "registry-") {
			one["registry-username"], one["registry-password-file"] = "org", "file"
			if o.Name == "registry-password" {
				delete(one, "registry-password-file")
			}
		}
		if err := schema.Validate(one); err != nil {
			t.Errorf("the schema refuses %v: %v", one, err)
		}
		if err := load(one); err != nil {
			t.Errorf("the program refuses %v: %v", one, err)
		}
	}
	if err := schema.Validate(full); err != nil {
		t.Errorf("the schema refuses the full example: %v", err)
	}
	if len(full) < 40 {
		t.Errorf("the full example has only %d keys", len(full))
	}
	for name, bad := range map[string]map[string]any{
		"unknown key": {"fail-on-severty": "low"}, "value of no choice": {"fail-on-severity": "severe"}, "text for a switch": {"only-fixed": "maybe"},
		"list for a value": {"platform": []any{"linux/amd64"}}, "flag-only option": {"quiet": true}, "bad duration": {"timeout": "soon"},
	} {
		if schema.Validate(bad) == nil {
			t.Errorf("the schema accepts an %s: %v", name, bad)
		}
		if load(bad) == nil {
			t.Errorf("the program accepts an %s: %v", name, bad)
		}
	}
}
