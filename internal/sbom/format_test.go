package sbom_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/anchore/stereoscope/pkg/image"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/sbom"
)

func encode(t testing.TB, s *sbom.SBOM, f sbom.Format) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := s.Encode(&buf, f); err != nil {
		t.Fatalf("Encode(%s): %v", f, err)
	}
	return buf.Bytes()
}

// images are what the format tests run over: made here, and the real ones when present.
func images(t *testing.T, f func(t *testing.T, open func(testing.TB) *image.Image)) {
	t.Run("made_here", func(t *testing.T) { f(t, debian) })
	t.Run("empty", func(t *testing.T) {
		f(t, func(t testing.TB) *image.Image { return build(t, map[string]string{"a": "b"}) })
	})
	for _, name := range []string{"debian-12-slim", "alpine-3.18.9", "busybox-1.38.0-musl"} {
		t.Run(name, func(t *testing.T) {
			f(t, func(t testing.TB) *image.Image { return real(t, name) })
		})
	}
}

// Two runs share nothing: the image is read again and lies in another directory.
func TestEncodeIsDeterministic(t *testing.T) {
	images(t, func(t *testing.T, open func(testing.TB) *image.Image) {
		a, b := extract(t, open(t)), extract(t, open(t))
		for _, f := range sbom.Formats() {
			one := encode(t, a, f)
			if diff := cmp.Diff(string(one), string(encode(t, b, f))); diff != "" {
				t.Errorf("%s differs between two runs (-first +second):\n%.2000s", f, diff)
			}
			if diff := cmp.Diff(string(one), string(encode(t, a, f))); diff != "" {
				t.Errorf("%s differs when written twice (-first +second):\n%.2000s", f, diff)
			}
			home, _ := os.UserHomeDir()
			for _, leak := range []string{os.TempDir() + "/", "sbom-test-", filepath.Join(home, "go"), filepath.Join(home, ".m2")} {
				if bytes.Contains(one, []byte(leak)) {
					t.Errorf("%s holds %q of this machine", f, leak)
				}
			}
		}
	})
}

func TestEncodeIdentity(t *testing.T) {
	img := debian(t)
	s := extract(t, img)
	var cdx struct {
		SerialNumber string
		SpecVersion  string
		Metadata     struct {
			Timestamp string
			Tools     struct {
				Components []struct{ Name, Version string }
			}
		}
	}
	if err := json.Unmarshal(encode(t, s, sbom.CycloneDX), &cdx); err != nil {
		t.Fatal(err)
	}
	if cdx.SpecVersion != "1.6" || cdx.Metadata.Timestamp != "2026-01-02T03:04:05Z" || !strings.HasPrefix(cdx.SerialNumber, "urn:uuid:") {
		t.Errorf("CycloneDX head %+v", cdx)
	}
	if c := cdx.Metadata.Tools.Components; len(c) != 2 || c[0].Name != "imagegate" || c[0].Version != "1.2.3" || c[1].Name != "syft" {
		t.Errorf("CycloneDX tools %+v", cdx.Metadata.Tools)
	}
	var spdx struct {
		SPDXVersion, DocumentNamespace string
		CreationInfo                   struct {
			Created  string
			Creators []string
		}
	}
	if err := json.Unmarshal(encode(t, s, sbom.SPDX), &spdx); err != nil {
		t.Fatal(err)
	}
	if spdx.SPDXVersion != "SPDX-2.3" || spdx.CreationInfo.Created != "2026-01-02T03:04:05Z" {
		t.Errorf("SPDX head %+v", spdx)
	}
	if c := spdx.CreationInfo.Creators; !slices.Contains(c, "Tool: imagegate-1.2.3") || strings.Contains(strings.Join(c, " "), "Organization") {
		t.Errorf("SPDX creators %q", c)
	}
	// Another time is another document, which must not pass for the first.
	later, err := sbom.Extract(t.Context(), img, "registry.test/app:1", sbom.Options{Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(encode(t, later, sbom.CycloneDX), []byte(cdx.SerialNumber)) || bytes.Contains(encode(t, later, sbom.SPDX), []byte(spdx.DocumentNamespace)) {
		t.Error("a document of another time has the same identity")
	}
	if !bytes.Contains(encode(t, later, sbom.SPDX), []byte("1970-01-01T00:00:00Z")) {
		t.Error("without a time the epoch is wanted")
	}
}

// The right image is named: by reference, manifest digest, platform and layers.
func TestEncodeNamesTheImage(t *testing.T) {
	img := debian(t)
	got := string(encode(t, extract(t, img), sbom.SyftJSON))
	for _, want := range []string{"registry.test/app:1", img.Metadata.ManifestDigest, img.Metadata.ID, img.Layers[0].Metadata.Digest, `"architecture": "amd64"`, `"name": "imagegate"`} {
		if !strings.Contains(got, want) {
			t.Errorf("syft-json does not hold %q", want)
		}
	}
}

// schemas compiles one of the shared schemas, with the two that CycloneDX refers to.
func schemas(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	const dir = "../../../shared/data/schemas"
	load := func(file string) any {
		r, err := os.Open(filepath.Join(dir, file))
		if err != nil {
			t.Skipf("no shared test data: %v", err)
		}
		defer r.Close()
		doc, err := jsonschema.UnmarshalJSON(r)
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	c := jsonschema.NewCompiler()
	for _, r := range []struct{ url, file string }{
		{"http://cyclonedx.org/schema/spdx.schema.json", "spdx.schema.json"},
		{"http://cyclonedx.org/schema/jsf-0.82.schema.json", "jsf-0.82.schemax.json"},
	} {
		if err := c.AddResource(r.url, load(r.file)); err != nil {
			t.Fatal(err)
		}
	}
	doc := load(name)
	url := "http://schema.test/" + name
	if m, ok := doc.(map[string]any); ok {
		if id, ok := m["$id"].(string); ok {
			url = id
		}
	}
	if err := c.AddResource(url, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(url)
	if err != nil {
		t.Fatalf("compile %s: %v", name, err)
	}
	return s
}

func TestEncodeMatchesTheSchemas(t *testing.T) {
	for _, tt := range []struct {
		format sbom.Format
		schema string
	}{
		{sbom.CycloneDX, "bom-1.6.schema.json"},
		{sbom.SPDX, "spdx-schema-2.3.json"},
		{sbom.SyftJSON, "syft-json-latest.json"},
	} {
		t.Run(string(tt.format), func(t *testing.T) {
			schema := schemas(t, tt.schema)
			images(t, func(t *testing.T, open func(testing.TB) *image.Image) {
				doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(encode(t, extract(t, open(t)), tt.format)))
				if err != nil {
					t.Fatal(err)
				}
				if err := schema.Validate(doc); err != nil {
					t.Errorf("%.3000s", fmt.Sprintf("%#v", err))
				}
			})
		})
	}
}

// A license identifier younger than a validator's list must not make the document
// invalid for it.
func TestRecentLicense(t *testing.T) {
	s := extract(t, build(t, map[string]string{
		"lib/apk/db/installed": strings.Replace(apkInstalled, "L:MIT", "L:Kazlib MIT", 1),
	}))
	var doc struct {
		Components []struct {
			Name     string
			Licenses []struct{ License struct{ ID, Name string } }
		}
	}
	if err := json.Unmarshal(encode(t, s, sbom.CycloneDX), &doc); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{} // name or identifier to the field it is in
	for _, c := range doc.Components {
		for _, l := range c.Licenses {
			got[l.License.ID] = "id"
			got[l.License.Name] = "name"
		}
	}
	if got["Kazlib"] != "name" || got["MIT"] != "id" {
		t.Errorf("licenses %v, want Kazlib as a name and MIT as an id", got)
	}
}

func TestDecode(t *testing.T) {
	s := extract(t, debian(t))
	for _, f := range sbom.Formats() {
		t.Run(string(f), func(t *testing.T) {
			got, format, err := sbom.Decode(bytes.NewReader(encode(t, s, f)), 0)
			if err != nil {
				t.Fatal(err)
			}
			if format != f {
				t.Errorf("format %q, want %q", format, f)
			}
			if diff := cmp.Diff(purls(s), purls(got)); diff != "" {
				t.Errorf("packages (-written +read):\n%s", diff)
			}
			if d := got.Distro(); d == nil || d.ID != "debian" || d.Version != "12" {
				t.Errorf("Distro() = %+v", d)
			}
			if f != sbom.SPDX && !strings.HasPrefix(got.Generator(), "imagegate") {
				t.Errorf("Generator() = %q", got.Generator())
			}
		})
	}
}

func purls(s *sbom.SBOM) (out []string) {
	for p := range s.Syft().Artifacts.Packages.Enumerate() {
		out = append(out, p.PURL)
	}
	slices.Sort(out)
	return out
}

func TestDecodeRefuses(t *testing.T) {
	big := encode(t, extract(t, debian(t)), sbom.SyftJSON)
	for _, tt := range []struct {
		name, in string
		limit    int64
		want     string
	}{
		{"nothing", "", 0, "not known"},
		{"prose", "not an SBOM", 0, "not known"},
		{"other_json", `{"hello":"world"}`, 0, "not known"},
		{"xml", `<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.6"/>`, 0, "not known"},
		{"too_large", string(big), 1000, "larger than 1000 bytes"},
		{"unknown_version", `{"bomFormat":"CycloneDX","specVersion":"9.9"}`, 0, ""},
		{"cut", string(big[:len(big)/2]), 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := sbom.Decode(strings.NewReader(tt.in), tt.limit)
			if fault.CodeOf(err) != fault.Usage || fault.HintOf(err) == "" || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v with hint %q, want code %d and %q", err, fault.HintOf(err), fault.Usage, tt.want)
			}
		})
	}
	if _, _, err := sbom.Decode(strings.NewReader(string(big)), int64(len(big))); err != nil {
		t.Errorf("a document of exactly the limit: %v", err)
	}
}

// Whatever a stranger hands in as an SBOM, reading it ends in a value that every method
// works on, or in an error that says so.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[]`, `{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"a","purl":"pkg:npm/a@1"}]}`,
		`{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","packages":[{"SPDXID":"SPDXRef-a","name":"a"}]}`,
		`{"artifacts":[{"name":"a","type":"npm","metadataType":"x","metadata":{}}],"schema":{"version":"16.0.0","url":"https://raw.githubusercontent.com/anchore/syft/main/schema/json/schema-16.0.0.json"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, format, err := sbom.Decode(bytes.NewReader(data), 1<<20)
		if err != nil {
			if fault.CodeOf(err) != fault.Usage {
				t.Errorf("code %d: %v", fault.CodeOf(err), err)
			}
			return
		}
		if !slices.Contains(sbom.Formats(), format) {
			t.Errorf("format %q", format)
		}
		n := 0
		for _, c := range s.Types() {
			n += c.Packages
		}
		if n != s.Packages() {
			t.Errorf("types add up to %d, packages are %d", n, s.Packages())
		}
		_ = s.Distro()
	})
}
