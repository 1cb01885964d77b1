package drift_test

import (
	"fmt"
	"testing"

	"github.com/imagegate/imagegate/internal/sbom/drift"
)

// large are the package URLs of 5,000 packages as Docker's scanner and as Syft write
// them, half of a distribution, two to a source, and half from npm. One in a hundred
// differs in its version.
func large() (vendor, here []string) {
	for i := range 2500 {
		version := "1.0-1"
		if i%100 == 0 {
			version = "1.0-2"
		}
		if i%2 == 0 {
			vendor = append(vendor, fmt.Sprintf("pkg:deb/debian/source-%d@1.0-1%s", i/2, docker))
		}
		here = append(here, fmt.Sprintf("pkg:deb/debian/package-%d@%s%s&upstream=source-%d", i, version, syft, i/2))
		vendor = append(vendor, fmt.Sprintf("pkg:npm/%%40scope/name-%d@1.0.%d", i, i%100/99))
		here = append(here, fmt.Sprintf("pkg:npm/%%40scope/name-%d@1.0.0", i))
	}
	return vendor, here
}

func BenchmarkCompare(b *testing.B) {
	vendor, here := large()
	x, y := attested(b, spdx(urls(b, vendor...)), typeSPDX), found(b, here...)
	if got := drift.Count(drift.Compare(x, y, drift.Options{})); got != 50 {
		b.Fatalf("%d items, want 50", got)
	}
	for b.Loop() {
		drift.Compare(x, y, drift.Options{})
	}
}

func BenchmarkAttested(b *testing.B) {
	_, here := large()
	predicate := spdx(urls(b, here...))
	b.SetBytes(int64(len(predicate)))
	for b.Loop() {
		if _, err := drift.Attested(predicate, typeSPDX); err != nil {
			b.Fatal(err)
		}
	}
}
