package registry

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/fault"
)

const (
	digestA = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	descA   = `{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,"digest":"` + digestA + `"}`
)

func TestDescribe(t *testing.T) {
	for _, tt := range []struct {
		name, raw, contentType string
		want                   types.MediaType // empty: refused
		err                    string
	}{
		{"oci_index", `{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`, "", types.OCIImageIndex, ""},
		{"docker_list", `{"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json","manifests":[]}`, "text/plain", types.DockerManifestList, ""},
		{"index_without_type", `{"manifests":[]}`, "", types.OCIImageIndex, ""},
		{"type_from_the_header", `{"manifests":[]}`, "application/vnd.docker.distribution.manifest.list.v2+json; charset=utf-8", types.DockerManifestList, ""},
		{"own_word_before_the_header", `{"mediaType":"application/vnd.oci.image.manifest.v1+json","config":` + descA + `,"layers":[]}`, "application/vnd.docker.distribution.manifest.v2+json", types.OCIManifestSchema1, ""},
		{"docker_by_its_config", `{"config":{"mediaType":"application/vnd.docker.container.image.v1+json"},"layers":[]}`, "application/json", types.DockerManifestSchema2, ""},
		{"artifact_of_rc2", `{"mediaType":"application/vnd.oci.artifact.manifest.v1+json","blobs":[]}`, "", artifactManifest, ""},
		{"index_and_manifest_at_once", `{"manifests":[],"config":` + descA + `,"layers":[]}`, "", "", "at once"},
		{"null_counts_as_there", `{"manifests":null,"config":` + descA + `,"layers":[]}`, "", "", "at once"},
		{"manifest_and_schema1", `{"config":` + descA + `,"layers":[],"fsLayers":[]}`, "", "", "at once"},
		{"type_says_manifest_is_index", `{"mediaType":"application/vnd.oci.image.index.v1+json","config":` + descA + `,"layers":[]}`, "", "", "mediaType says"},
		{"type_says_index_is_manifest", `{"mediaType":"application/vnd.oci.image.manifest.v1+json","manifests":[]}`, "", "", "mediaType says"},
		{"header_says_manifest", `{"manifests":[]}`, "application/vnd.oci.image.manifest.v1+json", "", "served as"},
		{"schema1", `{"schemaVersion":1,"fsLayers":[],"history":[],"signatures":[]}`, "", "", "schema 1"},
		{"schema1_by_version", `{"schemaVersion":1}`, "", "", "schema 1"},
		{"member_twice", `{"manifests":[],"manifests":[]}`, "", "", "occurs twice"},
		{"member_twice_in_other_case", `{"manifests":[],"Manifests":[]}`, "", "", "occurs twice"},
		{"digest_twice_in_a_descriptor", `{"config":{"digest":"x","Digest":"y"},"layers":[]}`, "", "", "occurs twice"},
		{"annotations_differ_in_case", `{"manifests":[],"annotations":{"a":"1","A":"2"}}`, "", types.OCIImageIndex, ""},
		{"annotation_twice", `{"manifests":[],"annotations":{"a":"1","a":"2"}}`, "", "", "occurs twice"},
		{"escaped_twice", `{"manifests":[],"\u006danifests":[]}`, "", "", "occurs twice"},
		{"bytes_after", `{"manifests":[]} {}`, "", "", "follow"},
		{"too_deep", `{"manifests":[],"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "", "", "nested"},
		{"cut", `{"manifests":[`, "", "", "too early"},
		{"web_page", `<html>`, "", "", "not JSON"},
		{"array", `[]`, "", "", "manifest"},
		{"empty_object", `{}`, "", "", "neither"},
		{"empty", ``, "", "", "too early"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := describe([]byte(tt.raw), tt.contentType)
			switch {
			case tt.err == "" && (err != nil || d.MediaType != tt.want || d.Digest != sum([]byte(tt.raw)) || d.Size != int64(len(tt.raw))):
				t.Errorf("describe = %+v %v, want %s", d, err, tt.want)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("describe = %+v %v, want an error with %q", d, err, tt.err)
			}
		})
	}
}

func TestParseLimits(t *testing.T) {
	many := `{"manifests":[` + strings.TrimSuffix(strings.Repeat(descA+",", 11), ",") + `]}`
	if _, err := parseIndex([]byte(many), 10); err == nil || !strings.Contains(err.Error(), "MaxDescriptors") {
		t.Errorf("eleven of ten manifests: %v", err)
	}
	if _, err := parseIndex([]byte(many), 11); err != nil {
		t.Errorf("eleven of eleven manifests: %v", err)
	}
	layers := `{"config":` + descA + `,"layers":[` + descA + `,` + descA + `]}`
	if _, err := parseManifest([]byte(layers), 1); err == nil || !strings.Contains(err.Error(), "MaxDescriptors") {
		t.Errorf("two of one layer: %v", err)
	}
	if _, err := parseManifest([]byte(layers), 2); err != nil {
		t.Errorf("two of two layers: %v", err)
	}
	for _, bad := range []string{
		`{"config":{},"layers":[]}`,
		`{"config":` + strings.Replace(descA, "2", "-2", 1) + `,"layers":[]}`,
		`{"config":{"digest":"md5:00"},"layers":[]}`,
		`{"config":` + descA + `,"layers":{}}`,
	} {
		if _, err := parseManifest([]byte(bad), 9); err == nil {
			t.Errorf("parseManifest(%s) was taken", bad)
		}
	}
}

// TestHostileManifests sends manifests that are not what they say over HTTP.
func TestHostileManifests(t *testing.T) {
	s := newServer(t)
	index := newIndex(t, "")
	s.pushIndex(t, "app:1", index)
	raw, err := index.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	other := sum([]byte("other")).String()
	for _, tt := range []struct {
		name, ref string
		body      string
		header    map[string]string
		want      string
		code      fault.Code
	}{
		{"other_bytes_for_a_digest", "app@" + sum(raw).String(), string(raw) + " ", nil, "does not match", fault.Unavailable},
		{"header_states_another_digest", "app:1", string(raw), map[string]string{"Docker-Content-Digest": other}, "registry states", fault.Unavailable},
		{"header_states_no_digest", "app:1", string(raw), map[string]string{"Docker-Content-Digest": "sha256:xyz"}, "registry states", fault.Unavailable},
		{"too_large", "app:1", strings.Repeat(" ", 5<<20), nil, "MaxManifest", fault.Unavailable},
		{"lying_type", "app:1", string(raw), map[string]string{"Content-Type": string(types.OCIManifestSchema1)}, "served as", fault.Unavailable},
		{"schema1", "app:1", `{"schemaVersion":1,"name":"app","fsLayers":[],"history":[]}`, map[string]string{"Content-Type": string(types.DockerManifestSchema1Signed)}, "schema 1", fault.Unavailable},
		{"chart", "app:1", `{"schemaVersion":2,"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","size":2,"digest":"` + digestA + `"},"layers":[]}`, nil, "helm", fault.Usage},
		{"config_too_large", "app:1", `{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":99999999,"digest":"` + digestA + `"},"layers":[]}`, nil, "MaxConfig", fault.Unavailable},
		{"config_absent", "app:1", `{"schemaVersion":2,"config":` + descA + `,"layers":[]}`, nil, "404", fault.Unavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.interfere(failFirst(1, func(w http.ResponseWriter, _ *http.Request) {
				for k, v := range tt.header {
					w.Header()[k] = []string{v}
				}
				_, _ = w.Write([]byte(tt.body))
			}))
			_, err := s.open(t, tt.ref, options())
			if err == nil || !strings.Contains(err.Error(), tt.want) || fault.CodeOf(err) != tt.code {
				t.Errorf("err = %v with code %d, want %d and %q", err, fault.CodeOf(err), tt.code, tt.want)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("the error holds control characters: %q", err)
			}
		})
	}
}

// TestPlatformManifestChanged swaps the platform's manifest after the index was read.
func TestPlatformManifestChanged(t *testing.T) {
	s := newServer(t)
	s.pushIndex(t, "app:1", newIndex(t, ""))
	img := s.mustOpen(t, "app:1", options())
	for _, tt := range []struct{ name, body string }{
		{"other_bytes", `{"schemaVersion":2,"config":` + descA + `,"layers":[]}`},
		{"another_index", `{"schemaVersion":2,"manifests":[]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.interfere(failFirst(9, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(tt.body)) }))
			if _, err := img.Manifest(t.Context(), amd64); err == nil || !strings.Contains(err.Error(), "does not match its digest") {
				t.Errorf("err = %v, want a digest that does not match", err)
			}
		})
	}
	_, err := img.Manifest(t.Context(), v1.Platform{OS: "linux", Architecture: "s390x"})
	if fault.CodeOf(err) != fault.Usage || fault.HintOf(err) != "choose one of: linux/amd64, linux/arm64" {
		t.Errorf("unknown platform: %v (hint %q)", err, fault.HintOf(err))
	}
}

func FuzzManifest(f *testing.F) {
	for _, seed := range []string{
		`{"schemaVersion":2,"manifests":[` + descA + `]}`,
		`{"schemaVersion":2,"config":` + descA + `,"layers":[` + descA + `]}`,
		`{"manifests":[],"Manifests":[]}`, `{"schemaVersion":1}`, `[]`, `{"a":{"b":[1,{"c":null}]}}`,
		`{"mediaType":"application/vnd.oci.artifact.manifest.v1+json","blobs":[]}`,
	} {
		f.Add([]byte(seed), "application/vnd.oci.image.index.v1+json")
	}
	f.Fuzz(func(t *testing.T, raw []byte, contentType string) {
		d, err := describe(raw, contentType)
		if err != nil {
			return
		}
		// What was accepted is one thing only, and says so.
		k, err := kindOf(raw)
		if err != nil || kindOfType(d.MediaType) != k || d.Digest != sum(raw) {
			t.Fatalf("describe(%q, %q) = %+v, kind %v %v", raw, contentType, d, k, err)
		}
		_, indexErr := parseIndex(raw, 10)
		_, manifestErr := parseManifest(raw, 10)
		if indexErr == nil && manifestErr == nil {
			t.Fatalf("%q is both an index and a manifest", raw)
		}
		if idx, err := parseReferrers(raw, 10); err == nil {
			for _, m := range idx.Manifests {
				if _, err := blobName(m.Digest); err != nil || m.Size < 0 {
					t.Fatalf("%q gave the descriptor %+v", raw, m)
				}
			}
			if len(idx.Manifests) > 10 {
				t.Fatalf("%d descriptors, limit 10", len(idx.Manifests))
			}
		}
		var again map[string]any
		if json.Unmarshal(raw, &again) != nil {
			t.Fatalf("%q is not a JSON object", raw)
		}
	})
}
