package drift_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/demo"
	"github.com/imagegate/imagegate/internal/image"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom"
	"github.com/imagegate/imagegate/internal/sbom/drift"
	"github.com/imagegate/imagegate/internal/testkit"
)

// layers serves the layers of a built platform.
type layers struct{ *testkit.BuiltPlatform }

func (l layers) Layer(_ context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	for _, b := range l.Layers {
		if b.Digest() == d.Digest {
			return io.NopCloser(bytes.NewReader(b.Data)), nil
		}
	}
	return nil, fmt.Errorf("layer %s: %w", d.Digest, fs.ErrNotExist)
}

// extract pulls a built platform and lists its packages, as the pipeline does.
func extract(t *testing.T, p *testkit.BuiltPlatform) *sbom.SBOM {
	t.Helper()
	in := image.Input{ManifestRaw: p.Manifest.Data, ConfigRaw: p.Config.Data, Manifest: &v1.Manifest{}, Config: &v1.ConfigFile{}}
	for data, into := range map[*[]byte]any{&in.ManifestRaw: in.Manifest, &in.ConfigRaw: in.Config} {
		if err := json.Unmarshal(*data, into); err != nil {
			t.Fatal(err)
		}
	}
	img, err := image.Pull(t.Context(), layers{p}, in, image.Options{})
	if err != nil {
		t.Fatalf("Pull: %v", err)
	}
	t.Cleanup(func() { _ = img.Close() })
	s, err := sbom.Extract(t.Context(), img.Stereoscope(), "demo.test/dhi/python", sbom.Options{})
	if err != nil {
		t.Fatalf("Extract: %v", err)
	}
	return s
}

func predicate(t *testing.T, p *testkit.BuiltPlatform, predicateType string) []byte {
	t.Helper()
	var st testkit.Statement
	if err := json.Unmarshal(p.Attestation(predicateType).Statement.Data, &st); err != nil {
		t.Fatal(err)
	}
	return st.Predicate
}

// TestDemo holds the demo's signed bills against what is in its image, and then against
// bills that somebody has changed.
func TestDemo(t *testing.T) {
	d, err := demo.Start(t.Context(), demo.Options{Dir: t.TempDir(), Now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), Seed: "drift"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	for _, p := range d.Image.Platforms {
		list := extract(t, p)
		if list.Packages() < 20 {
			t.Fatalf("%s: %d packages found, the demo has more", p.Platform, list.Packages())
		}
		for _, predicateType := range []string{testkit.PredicateSPDX, testkit.PredicateCycloneDX} {
			signed := predicate(t, p, predicateType)
			bill := attested(t, signed, predicateType)
			if got := bill.Distro(); got == nil || got.ID != "debian" || got.Version != "12" {
				t.Errorf("%s of %s: distribution %+v, want debian 12", predicateType, p.Platform, got)
			}
			got := drift.Compare(bill, list, drift.Options{})
			if len(got.Items) != 0 || got.Attested != got.Found || got.Attested < 20 {
				t.Errorf("%s of %s: %d attested, %d found, %d items: %+v", predicateType, p.Platform, got.Attested, got.Found, len(got.Items), got.Items)
			}
			tampered(t, string(signed), predicateType, list)
		}
	}
	encodings(t, extract(t, d.Image.Platforms[0]))
}

// tampered changes the vendor's list in place of the image: the comparison cannot tell
// which of them was changed.
func tampered(t *testing.T, signed, predicateType string, list *sbom.SBOM) {
	t.Helper()
	const zlib, here = `zlib1g`, `1:1.2.13.dfsg-1`
	if !strings.Contains(signed, zlib) || !strings.Contains(signed, here) {
		t.Fatalf("the demo has no %s %s any more: change this test", zlib, here)
	}
	for _, tt := range []struct {
		name, changed string
		want          []report.Drift
	}{
		{"changed", strings.NewReplacer(here, "1:1.2.13.dfsg-2").Replace(signed), []report.Drift{differs("deb", zlib, "1:1.2.13.dfsg-2", here)}},
		{"renamed", strings.ReplaceAll(signed, zlib, "zlib9"), []report.Drift{onlyAttested("deb", "zlib9", here), onlyFound("deb", zlib, here)}},
		{"removed", strings.ReplaceAll(signed, "pkg:deb/debian/"+zlib, "pkg:github/debian/"+zlib), []report.Drift{onlyFound("deb", zlib, here)}},
		{"component", strings.ReplaceAll(signed, "pkg:dhi/python@3.13.9", "pkg:dhi/python@3.13.8"), []report.Drift{differs("dhi", "python", "3.13.8", "3.13.9")}},
	} {
		got := drift.Compare(attested(t, []byte(tt.changed), predicateType), list, drift.Options{})
		if diff := cmp.Diff(tt.want, got.Items); diff != "" {
			t.Errorf("%s, %s: items (-want +got):\n%s", predicateType, tt.name, diff)
		}
	}
}

// encodings reads the bill back as Syft writes it: nothing may differ from itself.
func encodings(t *testing.T, list *sbom.SBOM) {
	t.Helper()
	for format, predicateType := range map[sbom.Format]string{sbom.SPDX: typeSPDX, sbom.CycloneDX: typeCycloneDX} {
		var b bytes.Buffer
		if err := list.Encode(&b, format); err != nil {
			t.Fatal(err)
		}
		got := drift.Compare(attested(t, b.Bytes(), predicateType), list, drift.Options{})
		if len(got.Items) != 0 || got.Attested != got.Found {
			t.Errorf("%s: %d attested, %d found, items %+v", format, got.Attested, got.Found, got.Items)
		}
	}
}
