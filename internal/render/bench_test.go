package render_test

import (
	"io"
	"testing"
)

// BenchmarkRender renders a report of 5,000 findings in each format.
func BenchmarkRender(b *testing.B) {
	r := crowd(5000)
	for name, write := range renderers {
		if name == "vex.openvex.json" {
			continue // crowd has no statement
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := write(io.Discard, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
