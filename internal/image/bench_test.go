package image

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkPull pulls six layers of 8 MiB and 200 files each, half of them random and
// half compressible, from memory: decompression, hashing, disk and index.
func BenchmarkPull(b *testing.B) {
	for _, bb := range []struct {
		name string
		make func(testing.TB, ...entry) stored
	}{{"gzip", gzipLayer}, {"zstd", zstdLayer}, {"plain", plainLayer}} {
		b.Run(bb.name, func(b *testing.B) {
			rnd := rand.New(rand.NewPCG(1, 2))
			var layers []stored
			var size int64
			for l := range 6 {
				var entries []entry
				for f := range 200 {
					body := make([]byte, 40<<10)
					for i := range body[:len(body)/2] {
						body[i] = byte(rnd.Uint32())
					}
					entries = append(entries, entry{name: fmt.Sprintf("dir%d/sub%d/file%d", l, f%10, f), body: string(body)})
					size += int64(len(body))
				}
				layers = append(layers, bb.make(b, entries...))
			}
			blobs, in, dir := hold(layers...), input(b, layers...), b.TempDir()
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				img, err := Pull(b.Context(), blobs, in, Options{TempDir: dir})
				if err != nil {
					b.Fatal(err)
				}
				if err := img.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
