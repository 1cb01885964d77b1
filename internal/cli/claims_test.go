package cli_test

import (
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// TestClaimsOfNoProvenance: what is asked of a provenance that the image does not have
// is not granted, although none is required by name.
func TestClaimsOfNoProvenance(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image().Without(testkit.PredicateProvenance))
	for _, flags := range [][]string{
		{"--builder-id", "https://builder.example/**"}, {"--slsa-level", "2"}, {"--source-uri", "github.com/acme/app"}, {"--build-type", "x"}, {"--source-ref", "refs/heads/main"},
	} {
		t.Run(strings.TrimPrefix(flags[0], "--"), func(t *testing.T) {
			code, r, text := w.verify(ref, append([]string{"--require", "none"}, flags...)...)
			must(t, code, r, text, fault.Policy, report.Fail)
		})
	}
}
