package sbom_test

import (
	"io"
	"testing"

	"github.com/imagegate/imagegate/internal/sbom"
)

// BenchmarkExtract catalogs a Debian package database of two packages and a node module, the license
// scanner being warm: what is left is Syft's cost per image.
func BenchmarkExtract(b *testing.B) {
	img := debian(b)
	sbom.Warm()
	for b.Loop() {
		if _, err := sbom.Extract(b.Context(), img, "registry.test/app:1", sbom.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	s := extract(b, debian(b))
	for _, f := range sbom.Formats() {
		b.Run(string(f), func(b *testing.B) {
			for b.Loop() {
				if err := s.Encode(io.Discard, f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
