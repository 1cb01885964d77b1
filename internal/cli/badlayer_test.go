package cli_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// keptEvidence checks that an image whose layers could not be read still leaves what
// its attestations said, verified and on disk, and that nothing claims to have seen
// packages.
func (w *world) keptEvidence(r *report.Report) {
	w.t.Helper()
	verified := 0
	for _, a := range r.Attestations {
		if a.State == report.Verified && w.file(a.Path) != "" {
			verified++
		}
	}
	if verified != 4 { // three statements and the signature of the index
		w.t.Errorf("%d attestations are verified and kept, want 4: %+v", verified, r.Attestations)
	}
	for stage, want := range map[string]report.State{
		report.StageResolve: report.Done, report.StagePull: report.Failed, report.StageAttest: report.Done,
		report.StageSBOM: report.Failed, report.StageVuln: report.Failed,
	} {
		if s := stageOf(r, stage); s.State != want || s.Reason == "" {
			w.t.Errorf("stage %s is %s because %q, want %s", stage, s.State, s.Reason, want)
		}
	}
	if r.SBOM.Packages != 0 || len(r.SBOM.Documents) != 0 || w.file("sbom.syft.json") != "" {
		w.t.Errorf("there is an SBOM of layers that were not read: %+v", r.SBOM)
	}
	for _, name := range []string{report.FileSummary, report.FileSARIF, report.FileEvidence} {
		if w.file(name) == "" {
			w.t.Errorf("%s was not written", name)
		}
	}
	if strings.Contains(w.file(report.FileSummary), "No open finding") {
		w.t.Errorf("the summary reads like a clean bill:\n%s", w.file(report.FileSummary))
	}
}

func hashOf(data []byte) v1.Hash {
	sum := sha256.Sum256(data)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}

// packed is the second layer of the image as it is stored, and what it unpacks to.
func packed(t *testing.T, compression testkit.Compression) *testkit.LayerBlob {
	t.Helper()
	l, err := testkit.Layer{Files: []testkit.File{{Path: "app/data", Content: bytes.Repeat([]byte("0123456789abcdef"), 4<<10)}}, Compression: compression}.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// zeros is a gzip stream of n MiB of zeros: one member of 1 MiB, n times.
func zeros(t *testing.T, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.Repeat(b.Bytes(), n)
}

// zstdZeros is a zstd frame of n MiB of zeros, in blocks that say "this byte, 128 KiB
// times" (RFC 8878, section 3.1.1.2).
func zstdZeros(n int) []byte {
	var b bytes.Buffer
	b.Write([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38}) // magic, no checksum or size, window of 128 KiB
	const size, rle = 128 << 10, 1
	for i := range 8 * n {
		head := uint32(size<<3 | rle<<1)
		if i == 8*n-1 {
			head |= 1 // the last block
		}
		b.Write([]byte{byte(head), byte(head >> 8), byte(head >> 16), 0})
	}
	return b.Bytes()
}

// TestBadLayer stores a layer that is not what it says: nothing but its bytes can tell.
func TestBadLayer(t *testing.T) {
	good, zgood := packed(t, testkit.Gzip), packed(t, testkit.Zstd)
	for _, tt := range []struct {
		name    string
		layer   testkit.Layer
		message string
	}{
		{"truncated_gzip", testkit.Layer{Raw: good.Data[:len(good.Data)/2], DiffID: good.DiffID}, "unexpected EOF"},
		{"truncated_zstd", testkit.Layer{Raw: zgood.Data[:len(zgood.Data)-8], DiffID: zgood.DiffID, Compression: testkit.Zstd}, "unexpected EOF"},
		{"corrupt_gzip", testkit.Layer{Raw: flipped(good.Data, len(good.Data)-6), DiffID: good.DiffID}, "checksum"},
		{"corrupt_archive", testkit.Layer{Raw: bytes.Repeat([]byte("garbage "), 300), Compression: testkit.Uncompressed}, "read archive"},
		{"not_compressed_as_known", testkit.Layer{Raw: append([]byte("\xfd7zXZ\x00"), make([]byte, 64)...)}, "xz"},
		{"empty_blob", testkit.Layer{Raw: []byte{}, DiffID: good.DiffID}, "promises diff ID"},
		{"wrong_diff_id", testkit.Layer{Raw: good.Data, DiffID: hashOf([]byte("another"))}, "promises diff ID"},
		{"gzip_bomb", testkit.Layer{Raw: zeros(t, 2<<10), DiffID: good.DiffID}, "(limit MaxRatio)"},
		{"zstd_bomb", testkit.Layer{Raw: zstdZeros(4 << 10), DiffID: good.DiffID, Compression: testkit.Zstd}, "(limit MaxRatio)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			img := w.image()
			img.Platforms[0].Layers = append(img.Platforms[0].Layers, tt.layer)
			ref, b := w.push(img)
			w.ownTemp()
			code, r, text := w.verify(ref)
			must(t, code, r, text, fault.Unavailable, report.Error)
			complains(t, text, tt.message, "")
			layer := b.Platform("linux/amd64").Layers[2].Digest().String()
			if message, hint := told(text); !strings.Contains(message, "layer 2 ("+layer+")") || hint == "" {
				t.Errorf("the error %q, hint %q, does not name layer 2, %s", message, hint, layer)
			}
			w.keptEvidence(r)
		})
	}
}

func flipped(data []byte, at int) []byte {
	out := bytes.Clone(data)
	out[at] ^= 1
	return out
}

// TestLayerSpoiltOnTheWay serves other bytes for a layer that is stored as it should be.
func TestLayerSpoiltOnTheWay(t *testing.T) {
	for _, tt := range []struct {
		name    string
		effect  testkit.Effect
		message string
	}{
		{"one_bit", testkit.Flip(100), "content does not match its digest"},
		{"too_short", testkit.Rewrite(func(b []byte) []byte { return b[:len(b)/2] }), "content does not match its digest"},
		{"too_long", testkit.Rewrite(func(b []byte) []byte { return append(b, 0) }), "content does not match its digest"},
		{"empty", testkit.Body("application/octet-stream", nil), "content does not match its digest"},
		{"error_page", testkit.Body("text/html", []byte("<html>log in</html>")), "content does not match its digest"},
		{"gone", testkit.Status(404, nil), "404 Not Found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, b := w.push(w.image())
			layer := b.Platform("linux/amd64").Layers[0].Digest().String()
			w.registry.Inject(testkit.Asks(testkit.KindBlob, layer), tt.effect, 0)
			code, r, text := w.verify(ref)
			must(t, code, r, text, fault.Unavailable, report.Error)
			complains(t, text, tt.message, "")
			if message, hint := told(text); !strings.Contains(message, "layer 0 ("+layer+")") || hint == "" {
				t.Errorf("the error %q, hint %q, does not name the layer %s", message, hint, layer)
			}
			w.keptEvidence(r)
		})
	}
	t.Run("cut_once_and_resumed", func(t *testing.T) {
		w := newWorld(t, testkit.RegistryOptions{})
		ref, b := w.push(w.image())
		cut := w.registry.Inject(testkit.Asks(testkit.KindBlob, b.Platform("linux/amd64").Layers[0].Digest().String()), testkit.Truncate(50), 1)
		code, r, text := w.verify(ref)
		must(t, code, r, text, fault.OK, report.Pass)
		if cut.Hits() != 1 {
			t.Errorf("the connection was cut %d times, want once", cut.Hits())
		}
	})
	t.Run("cut_for_ever", func(t *testing.T) {
		w := newWorld(t, testkit.RegistryOptions{})
		ref, b := w.push(w.image())
		w.registry.Inject(testkit.Asks(testkit.KindBlob, b.Platform("linux/amd64").Layers[0].Digest().String()), testkit.Drop(), 0)
		code, r, text := w.verify(ref, "--timeout", "3s")
		must(t, code, r, text, fault.Unavailable, report.Error)
		complains(t, text, "past the time allowed", "")
		w.keptEvidence(r)
	})
}

// One platform that cannot be read does not take the others' evidence with it.
func TestBadLayerOfOnePlatform(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	good := packed(t, testkit.Gzip)
	img := w.image()
	img.Platforms[0].Layers = append(img.Platforms[0].Layers, testkit.Layer{Raw: good.Data[:100], DiffID: good.DiffID})
	ref, _ := w.push(img)
	code, r, text := w.verify(ref, "--platforms", "all")
	must(t, code, r, text, fault.Unavailable, report.Error)
	if len(r.Platforms) != 2 || w.file("platforms/linux-amd64/report.json") == "" {
		t.Fatalf("platforms are %+v\n%s", r.Platforms, text)
	}
	for _, name := range []string{"report.json", "sbom.syft.json", "sbom.spdx.json", "sbom.cyclonedx.json"} {
		if w.file("platforms/linux-arm64/"+name) == "" {
			t.Errorf("%s of the good platform was not written", name)
		}
	}
	verdicts := map[string]report.Result{}
	for _, p := range r.Platforms {
		verdicts[p.Platform] = p.Result
	}
	if verdicts["linux/amd64"] != report.Error || verdicts["linux/arm64"] != report.Pass {
		t.Errorf("verdicts are %v", verdicts)
	}
	if !slices.ContainsFunc(r.Verdict.Reasons, func(s string) bool { return strings.HasPrefix(s, "linux/amd64: ") }) {
		t.Errorf("no reason names the platform: %q", r.Verdict.Reasons)
	}
}

// A platform whose manifest is not there has its own row, and does not end the others.
func TestMissingManifestOfOnePlatform(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, b := w.push(w.image())
	w.registry.Inject(testkit.Asks(testkit.KindManifest, b.Platform("linux/arm64").Manifest.Digest().String()), testkit.Status(404, nil), 0)
	code, r, text := w.verify(ref, "--platforms", "all")
	must(t, code, r, text, fault.Unavailable, report.Error)
	if len(r.Platforms) != 2 || r.Platforms[0].Result != report.Pass || r.Platforms[1].Result != report.Error {
		t.Errorf("platforms are %+v", r.Platforms)
	}
	for _, name := range []string{"platforms/linux-amd64/sbom.syft.json", "platforms/linux-amd64/report.json", "platforms/linux-arm64/report.json"} {
		if w.file(name) == "" {
			t.Errorf("%s was not written", name)
		}
	}
}

// What an index calls its platforms leads no file out of the report directory, and no
// two of them into one folder.
func TestHostilePlatformNames(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	img := w.image()
	one := img.Platforms[0]
	img.Platforms = nil
	for _, p := range []v1.Platform{
		{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm", Variant: "v7/x"}, {OS: "linux", Architecture: "arm/v7", Variant: "x"},
		{OS: "..", Architecture: "../../escape"}, {OS: ".git", Architecture: "config"}, {OS: "windows", Architecture: "amd64", OSVersion: "10.0.20348.2849"},
		{OS: "linux", Architecture: "<script>\x1b[31m\n::error::x"},
	} {
		one.Platform = p
		img.Platforms = append(img.Platforms, one)
	}
	ref, _ := w.push(img)
	code, r, text := w.verify(ref, "--platforms", "all")
	must(t, code, r, text, fault.OK, report.Pass)
	folders := map[string]bool{}
	for _, p := range r.Platforms {
		folder, _, _ := strings.Cut(strings.TrimPrefix(p.Path, "platforms/"), "/")
		folders[folder] = true
		if w.file(p.Path) == "" || w.file("platforms/"+folder+"/sbom.spdx.json") == "" {
			t.Errorf("the report of %q is not at %q", p.Platform, p.Path)
		}
	}
	if len(folders) != 7 {
		t.Errorf("7 platforms have the folders %v", folders)
	}
	neutral(t, "the terminal", text)
}

// An index that lists nothing to run is no image.
func TestIndexWithoutPlatforms(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	empty := []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)
	w.registry.Inject(testkit.Asks(testkit.KindManifest, "1.0"),
		testkit.Body("application/vnd.oci.image.index.v1+json", empty), 0)
	for _, flags := range [][]string{nil, {"--platforms", "all"}} {
		code, r, text := w.verify(ref, flags...)
		if code != fault.Usage && code != fault.Unavailable || r == nil || r.Verdict.Result != report.Error {
			t.Errorf("%q: exit %d\n%s", flags, code, text)
		}
		complains(t, text, "platform", "")
	}
}
