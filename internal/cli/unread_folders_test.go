package cli_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// envelope is a DSSE envelope around a statement about the image, as cosign download
// attestation leaves it on disk.
func (w *world) envelope(image v1.Hash, predicateType string, predicate any) string {
	w.t.Helper()
	payload, err := json.Marshal(map[string]any{
		"_type": "https://in-toto.io/Statement/v0.1", "predicateType": predicateType, "predicate": predicate,
		"subject": []any{map[string]any{"name": "dhi/app", "digest": map[string]any{"sha256": image.Hex}}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	sig, err := w.key.Sign(fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(testkit.InTotoMediaType), testkit.InTotoMediaType, len(payload), payload))
	if err != nil {
		w.t.Fatal(err)
	}
	raw, err := json.Marshal(map[string]any{
		"payloadType": testkit.InTotoMediaType, "payload": base64.StdEncoding.EncodeToString(payload), "signatures": []any{map[string]any{"sig": sig}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return string(raw)
}

// TestFolderOfAttestations: what lies in a folder that the user named and cannot be read
// may be the newest statement.
func TestFolderOfAttestations(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	img := w.image()
	img.Platforms = img.Platforms[:1]
	ref, b := w.push(img.Without(testkit.PredicateOpenVEX))
	image := b.Platforms[0].Manifest.Digest()
	old, newest := w.envelope(image, testkit.PredicateOpenVEX, openVEX("not_affected")), w.envelope(image, testkit.PredicateOpenVEX, retracted())
	for _, tt := range []struct {
		name, file, text string
		code             fault.Code
		verdict          report.Result
	}{
		{"none", "", "", fault.OK, report.Pass},
		{"newest", "b.json", newest, fault.Policy, report.Fail},
		{"newest_without_an_ending", "b", newest, fault.Policy, report.Fail},
		{"newest_as_dsse", "b.dsse", newest, fault.Policy, report.Fail},
		{"cut", "b.json", newest[:len(newest)-20], fault.Unavailable, report.Error},
		{"cut_without_an_ending", "b", newest[:len(newest)-20], fault.Unavailable, report.Error},
		{"second_line_cut", "b.jsonl", old + "\n" + newest[:len(newest)-20] + "\n", fault.Unavailable, report.Error},
		{"pointer", "b.json", "version https://git-lfs.github.com/spec/v1\noid sha256:" + image.Hex + "\nsize 9\n", fault.Unavailable, report.Error},
		{"empty", "b.json", "", fault.Unavailable, report.Error},
		{"too_large", "b.json", newest + strings.Repeat(" ", 64<<20), fault.Unavailable, report.Error},
		{"newest_in_capitals", "b.JSON", newest, fault.Policy, report.Fail},
		{"newest_in_a_list_within", "b.json", "[" + old + ",[" + newest + "]]", fault.Unavailable, report.Error},
		{"newest_as_a_text", "b.json", old + "\n" + strconv.Quote(newest), fault.Unavailable, report.Error},
		{"newest_in_an_object", "b.json", old + "\n{\"envelope\":" + newest + "}", fault.Unavailable, report.Error},
		{"something_else", "package.json", `{"name":"app"}`, fault.OK, report.Pass},
		{"text", "LICENSE", "MIT", fault.OK, report.Pass},
		{"another_ending", "README.md", newest[:9], fault.OK, report.Pass},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string) {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			write("a.json", old)
			if tt.file != "" {
				write(tt.file, tt.text)
			}
			for _, flags := range [][]string{{"--require", "none"}, {"--require", "vex"}} {
				code, r, text := w.verify(ref, append(flags, "--attestation", dir)...)
				must(t, code, r, text, tt.code, tt.verdict)
				if reasons := strings.Join(r.Verdict.Reasons, "\n"); tt.verdict == report.Error && !strings.Contains(reasons, ": "+tt.file+": ") {
					t.Errorf("no reason names %s:\n%s", tt.file, reasons)
				}
			}
			want := report.Pass
			if tt.verdict == report.Error {
				want = report.Warn
			}
			code, r, text := w.verify(ref, "--require", "none", "--vex-policy", "off", "--fail-on-severity", "critical", "--attestation", dir)
			must(t, code, r, text, fault.OK, want)
		})
	}
}

// newLayoutWorld is a world with the image in the registry, and the image with its
// attestations, the newest of which takes a clearance back, in a layout on disk.
func newLayoutWorld(t *testing.T) (w *world, b *testkit.Built, ref, layout string) {
	t.Helper()
	w = newWorld(t, testkit.RegistryOptions{})
	img := w.image()
	img.Platforms = img.Platforms[:1]
	b, err := img.Plus(testkit.Attestation{PredicateType: testkit.PredicateOpenVEX, Predicate: retracted()}).Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.PushImage(t.Context(), w.registry.Repository("dhi/app")); err != nil {
		t.Fatal(err)
	}
	layout = w.path("layout")
	if err := b.Push(t.Context(), testkit.Layout(layout)); err != nil {
		t.Fatal(err)
	}
	return w, b, w.registry.Host() + "/dhi/app:1.0", layout
}

// A layout that lacks what its index names may lack the newest statement.
func TestLayoutOfAttestationsLacksOne(t *testing.T) {
	w, b, ref, layout := newLayoutWorld(t)
	code, r, text := w.verify(ref, "--require", "none", "--attestation", layout)
	must(t, code, r, text, fault.Policy, report.Fail)
	for _, a := range b.Platforms[0].Attestations {
		if strings.Contains(string(a.Statement.Data), `"status":"affected"`) {
			if err := os.Remove(filepath.Join(layout, "blobs", "sha256", a.Manifest.Digest().Hex)); err != nil {
				t.Fatal(err)
			}
		}
	}
	code, r, text = w.verify(ref, "--require", "none", "--attestation", layout)
	must(t, code, r, text, fault.Unavailable, report.Error)
	code, r, text = w.verify("oci-dir:"+layout, "--require", "none")
	must(t, code, r, text, fault.Unavailable, report.Error)
}

// TestLayoutOfAttestationsListsABrokenOne: a layout lists the newest statement by its
// digest, and its manifest cannot be parsed, or is called something else in the list.
func TestLayoutOfAttestationsListsABrokenOne(t *testing.T) {
	w, b, ref, layout := newLayoutWorld(t)
	same := func(s string) string { return s }
	instead := func(old, text string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, text, 1) }
	}
	for _, tt := range []struct {
		name, called string
		edit         func(string) string
		code         fault.Code
		verdict      report.Result
	}{
		{"same", "", same, fault.Policy, report.Fail},
		{"called_a_statement", testkit.InTotoMediaType, same, fault.Policy, report.Fail},
		{"member_twice", "", instead(`"schemaVersion":2`, `"schemaVersion":2,"schemaVersion":2`), fault.Unavailable, report.Error},
		{"member_in_another_case", "", instead(`"subject"`, `"Subject"`), fault.Unavailable, report.Error},
		{"layer_by_sha512", "", instead(`"layers":[`, `"layers":[{"mediaType":"x","digest":"sha512:00","size":1},`), fault.Unavailable, report.Error},
		{"cut", "", func(s string) string { return s[:len(s)-5] }, fault.Unavailable, report.Error},
		{"cut_and_called_a_statement", testkit.InTotoMediaType, func(s string) string { return s[:len(s)-5] }, fault.Unavailable, report.Error},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := []v1.Descriptor{b.Root.Descriptor}
			list[0].Annotations = map[string]string{"org.opencontainers.image.ref.name": "1.0"}
			for _, a := range b.Platforms[0].Attestations {
				d := a.Manifest.Descriptor
				if strings.Contains(string(a.Statement.Data), `"status":"affected"`) {
					edited := testkit.NewBlob(types.OCIManifestSchema1, []byte(tt.edit(string(a.Manifest.Data))))
					if err := os.WriteFile(filepath.Join(layout, "blobs", "sha256", edited.Digest().Hex), edited.Data, 0o644); err != nil {
						t.Fatal(err)
					}
					d = edited.Descriptor
					if tt.called != "" {
						d.MediaType = types.MediaType(tt.called)
					}
				}
				list = append(list, d)
				for _, s := range a.Signatures {
					list = append(list, s.Manifest.Descriptor)
				}
			}
			writeJSON(t, filepath.Join(layout, "index.json"), v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: list})
			code, r, text := w.verify(ref, "--require", "vex", "--attestation", layout)
			must(t, code, r, text, tt.code, tt.verdict)
			code, r, text = w.verify("oci-dir:"+layout+":1.0", "--require", "vex")
			must(t, code, r, text, fault.Policy, report.Fail) // the list as a whole, or what it lists, is of no use
		})
	}
}

// TestLayoutThatMarksTwo: a layout that marks two different manifests as the attestations
// of its image, or gives both one tag, does not say which is meant.
func TestLayoutThatMarksTwo(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	img := w.image()
	img.Platforms, img.NotDHI, img.Key = img.Platforms[:1], true, nil
	b, err := img.Without(testkit.PredicateOpenVEX).Without(testkit.PredicateSPDX).Without(testkit.PredicateProvenance).Build()
	if err != nil {
		t.Fatal(err)
	}
	layout := w.path("layout")
	if err := b.Push(t.Context(), testkit.Layout(layout)); err != nil {
		t.Fatal(err)
	}
	put := func(blob testkit.Blob) v1.Descriptor {
		if err := os.WriteFile(filepath.Join(layout, "blobs", "sha256", blob.Digest().Hex), blob.Data, 0o644); err != nil {
			t.Fatal(err)
		}
		return blob.Descriptor
	}
	image := b.Platforms[0].Manifest
	attached := func(doc map[string]any, annotations map[string]string) v1.Descriptor {
		layer := put(testkit.NewBlob("application/vnd.dsse.envelope.v1+json", []byte(w.envelope(image.Digest(), testkit.PredicateOpenVEX, doc))))
		layer.Annotations = map[string]string{testkit.SignatureAnnotation: "", "predicateType": testkit.PredicateOpenVEX}
		config := put(testkit.NewBlob(types.OCIConfigJSON, []byte(`{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]}}`)))
		raw, err := json.Marshal(v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: config, Layers: []v1.Descriptor{layer}})
		if err != nil {
			t.Fatal(err)
		}
		d := put(testkit.NewBlob(types.OCIManifestSchema1, raw))
		d.Annotations = annotations
		return d
	}
	root := image.Descriptor
	root.Annotations = map[string]string{"kind": "dev.cosignproject.cosign/image"}
	marked := map[string]string{"kind": "dev.cosignproject.cosign/atts"}
	tagged := map[string]string{"org.opencontainers.image.ref.name": "sha256-" + image.Digest().Hex + ".att"}
	old, newest := openVEX("not_affected"), retracted()
	for _, tt := range []struct {
		name    string
		list    []v1.Descriptor
		code    fault.Code
		verdict report.Result
	}{
		{"old", []v1.Descriptor{attached(old, marked)}, fault.OK, report.Pass},
		{"old_twice", []v1.Descriptor{attached(old, marked), attached(old, marked)}, fault.OK, report.Pass},
		{"old_and_newest", []v1.Descriptor{attached(old, marked), attached(newest, marked)}, fault.Unavailable, report.Error},
		{"newest_and_old", []v1.Descriptor{attached(newest, marked), attached(old, marked)}, fault.Unavailable, report.Error},
		{"one_tag", []v1.Descriptor{attached(newest, tagged), attached(old, tagged)}, fault.Unavailable, report.Error},
	} {
		t.Run(tt.name, func(t *testing.T) {
			index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: append([]v1.Descriptor{root}, tt.list...)}
			writeJSON(t, filepath.Join(layout, "index.json"), index)
			for _, flags := range [][]string{nil, {"--attestation", layout}} {
				code, r, text := w.verify("oci-dir:"+layout, append(flags, "--require", "vex", "--fail-on-severity", "critical")...)
				must(t, code, r, text, tt.code, tt.verdict)
			}
		})
	}
}
