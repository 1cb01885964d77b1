package testkit_test

import (
	"encoding/json"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/testkit"
)

func start(t *testing.T, opt testkit.RegistryOptions) *testkit.Registry {
	t.Helper()
	r, err := testkit.StartRegistry(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return r
}

func seeded(t *testing.T, seed string) *testkit.Key {
	t.Helper()
	k, err := testkit.SeededKey(seed)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sample is a small DHI-shaped image for two platforms with two attestations each.
func sample(t *testing.T) testkit.Image {
	t.Helper()
	attestations := []testkit.Attestation{
		{PredicateType: testkit.PredicateOpenVEX, Predicate: map[string]any{"@context": testkit.PredicateOpenVEX, "statements": []any{}}},
		{PredicateType: testkit.PredicateProvenance, Predicate: json.RawMessage(`{"buildDefinition":{}}`)},
	}
	layers := func(arch string) []testkit.Layer {
		return []testkit.Layer{
			{Files: []testkit.File{{Path: "etc/os-release", Content: []byte("ID=debian\n")}}},
			{Files: []testkit.File{{Path: "usr/bin/app", Mode: 0o755, Content: []byte(arch)}}, Compression: testkit.Zstd},
		}
	}
	return testkit.Image{
		Name: "dhi/sample",
		Tags: []string{"1", "1.2"},
		Key:  seeded(t, "sample"),
		Platforms: []testkit.Platform{
			{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Layers: layers("amd64"), Attestations: attestations},
			{Platform: v1.Platform{OS: "linux", Architecture: "arm64"}, Layers: layers("arm64"), Attestations: attestations},
		},
	}
}

func unmarshal[T any](t *testing.T, raw []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("decode %T: %v\n%s", v, err, raw)
	}
	return v
}
