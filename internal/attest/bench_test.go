package attest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/attest/trust"
)

// BenchmarkVerify judges fifteen attestations of 60 KiB, as a hardened image has them.
func BenchmarkVerify(b *testing.B) {
	s, store, img := newSigner(b, "test"), newStore(repoName), imageDigest("a")
	for i := range 15 {
		newChain(store, s, img, vexType, map[string]any{"n": i, "text": strings.Repeat("x", 60<<10)}).push(b)
	}
	opt := Options{Keys: []trust.Key{s.key}}
	for b.Loop() {
		res, err := Verify(b.Context(), Subject{Digest: img}, []Store{store}, opt)
		if err != nil || len(res.Verified) != 15 {
			b.Fatalf("%d verified, %v", len(res.Verified), err)
		}
	}
}

// BenchmarkParseStatement scans a statement of 2 MiB with many small members.
func BenchmarkParseStatement(b *testing.B) {
	predicate := map[string]any{}
	for i := range 20_000 {
		predicate[fmt.Sprintf("package-%d", i)] = map[string]any{"name": "x", "version": "1.2.3", "purl": "pkg:deb/debian/x@1.2.3"}
	}
	data := marshal(b, map[string]any{
		"_type": statementV1, "predicateType": "https://spdx.dev/Document", "predicate": predicate,
		"subject": []any{subjectOf("x", imageDigest("a"))},
	})
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := parseStatement(data, Options{}.limits()); err != nil {
			b.Fatal(err)
		}
	}
}
