package sbom_test

import (
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom"
)

// twoPackages is a bill as another tool writes it.
const twoPackages = `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,
	"metadata":{"component":{"type":"container","name":"example"}},
	"components":[
		{"type":"library","bom-ref":"a","name":"jq","version":"1.7-r0","purl":"pkg:apk/dhi/jq@1.7-r0?arch=x86_64&distro=dhi-3.23"},
		{"type":"library","bom-ref":"b","name":"left-pad","version":"1.3.0","purl":"pkg:npm/left-pad@1.3.0"},
		{"type":"operating-system","name":"dhi","version":"3.23","properties":[{"name":"syft:distro:id","value":"dhi"},{"name":"syft:distro:versionID","value":"3.23"},{"name":"syft:distro:idLike:0","value":"alpine"}]}
	]}`

func TestInstalledAndPart(t *testing.T) {
	list, format, err := sbom.Decode(strings.NewReader(twoPackages), 0)
	if err != nil || format != sbom.CycloneDX {
		t.Fatalf("%s: %v", format, err)
	}
	all := list.Installed()
	if len(all) != 2 || all[0].Name != "jq" || all[0].Type != "apk" || all[1].Name != "left-pad" || all[0].ID == all[1].ID {
		t.Fatalf("packages are %+v", all)
	}
	if len(all[0].Files) != 0 || len(list.DiffIDs()) != 0 || len(list.Labels()) != 0 {
		t.Errorf("files %v, layers %v, labels %v: the document says nothing of them", all[0].Files, list.DiffIDs(), list.Labels())
	}
	part := list.Part(func(p sbom.Installed) (string, bool) {
		return strings.ReplaceAll(p.PURL, "dhi", "alpine"), p.Type == "apk"
	}, &sbom.Release{ID: "alpine", Version: "3.23"})
	got := part.Installed()
	if len(got) != 1 || got[0].ID != all[0].ID || got[0].PURL != "pkg:apk/alpine/jq@1.7-r0?arch=x86_64&distro=alpine-3.23" {
		t.Errorf("the part is %+v", got)
	}
	if d := part.Distro(); d == nil || d.ID != "alpine" || d.Version != "3.23" {
		t.Errorf("the part is of %+v", d)
	}
	if d := list.Distro(); list.Packages() != 2 || d == nil || d.ID != "dhi" {
		t.Errorf("the whole was changed: %d packages of %+v", list.Packages(), d)
	}
}

// TestFilesAndLayers reads what Syft writes of the files of a package: those it owns,
// and the layers that they lie in. The package database is none of them.
func TestFilesAndLayers(t *testing.T) {
	const doc = `{"artifacts":[{"id":"p1","name":"jq","version":"1.7-r0","type":"apk","foundBy":"apk-db-cataloger",
		"locations":[{"path":"/lib/apk/db/installed","layerID":"sha256:top","accessPath":"/lib/apk/db/installed","annotations":{"evidence":"primary"}}],
		"licenses":[],"language":"","cpes":[],"purl":"pkg:apk/dhi/jq@1.7-r0?distro=dhi-3.23","metadataType":"apk-db-entry",
		"metadata":{"package":"jq","originPackage":"jq-src","version":"1.7-r0","architecture":"x86_64","files":[{"path":"/usr/bin/jq"},{"path":"/etc/jq"}]}}],
		"artifactRelationships":[{"parent":"p1","child":"f1","type":"contains"}],
		"files":[{"id":"f1","location":{"path":"/usr/bin/jq","layerID":"sha256:bottom"}}],
		"source":{"id":"i","name":"img","version":"1","type":"image","metadata":{"userInput":"img","imageID":"sha256:0","manifestDigest":"sha256:1","mediaType":"","tags":[],"imageSize":1,
			"layers":[{"mediaType":"","digest":"sha256:bottom","size":1},{"mediaType":"","digest":"sha256:top","size":1}],"manifest":"","config":"","repoDigests":[],"architecture":"","os":"","labels":{"com.docker.dhi.chain-id":"sha256:bottom"}}},
		"distro":{"id":"dhi","versionID":"3.23","idLike":["alpine"]},
		"descriptor":{"name":"syft","version":"v1.54.1"},
		"schema":{"version":"16.1.0","url":"https://raw.githubusercontent.com/anchore/syft/main/schema/json/schema-16.1.0.json"}}`
	list, _, err := sbom.Decode(strings.NewReader(doc), 0)
	if err != nil {
		t.Fatal(err)
	}
	all := list.Installed()
	if len(all) != 1 {
		t.Fatalf("packages are %+v", all)
	}
	want := []report.Location{{Path: "/etc/jq"}, {Path: "/usr/bin/jq", Layer: "sha256:bottom"}}
	if got := all[0].Files; len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("files are %+v, want %+v", got, want)
	}
	if up := all[0].Upstreams; len(up) != 1 || up[0].Name != "jq-src" {
		t.Errorf("upstreams are %+v", up)
	}
	if ids := list.DiffIDs(); len(ids) != 2 || ids[0] != "sha256:bottom" || list.Labels()["com.docker.dhi.chain-id"] != "sha256:bottom" {
		t.Errorf("layers %v, labels %v", ids, list.Labels())
	}
}
