package pipeline

import (
	"fmt"
	"strings"
	"testing"
)

var digest = "sha256:" + strings.Repeat("ab", 32)

func TestMaterials(t *testing.T) {
	hex := strings.TrimPrefix(digest, "sha256:")
	for _, tt := range []struct{ name, uri, sha256, want string }{
		{"digest_as_qualifier", "pkg:docker/dhi.io/bash@5-alpine3.24?digest=" + digest + "&platform=linux%2Farm64", "", "dhi.io/bash@" + digest},
		{"digest_as_version", "pkg:docker/dhi.io/bash@sha256%3A" + hex, "", "dhi.io/bash@" + digest},
		{"digest_beside", "pkg:docker/dhi.io/bash@5", hex, "dhi.io/bash@" + digest},
		{"docker_hub", "pkg:docker/alpine@3.24?digest=" + digest, "", "alpine@" + digest},
		{"port", "pkg:docker/127.0.0.1%3A5000/x@1?digest=" + digest, "", "127.0.0.1:5000/x@" + digest},
		{"no_digest", "pkg:docker/dhi.io/bash@5", "", ""},
		{"git_repository", "https://github.com/team/app", hex, ""},
		{"package", "pkg:deb/debian/bash@5?digest=" + digest, "", ""},
		{"folder_on_disk", "pkg:docker/oci-dir:%2Ftmp/x?digest=" + digest, "", ""},
		{"folder_on_disk_by_a_relative_name", "pkg:docker/oci-dir%3Ax?digest=" + digest, "", ""},
		{"engine", "pkg:docker/docker:x/y?digest=" + digest, "", ""},
		{"digest_in_the_name", "pkg:docker/x%40y?digest=" + digest, "", ""},
		{"digest_is_none", "pkg:docker/x?digest=sha256:short", "", ""},
		{"bad_escape", "pkg:docker/%zz?digest=" + digest, "", ""},
	} {
		for _, form := range []string{`{"buildDefinition":{"resolvedDependencies":[{"uri":%q,"digest":{"sha256":%q}}]}}`, `{"materials":[{"uri":%q,"digest":{"sha256":%q}}]}`} {
			got := strings.Join(materials(fmt.Appendf(nil, form, tt.uri, tt.sha256)), ",")
			if got != tt.want {
				t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
			}
		}
	}
}

// FuzzMaterials: whatever provenance says, only repositories by digest come out of it.
func FuzzMaterials(f *testing.F) {
	f.Add([]byte(`{"materials":[{"uri":"pkg:docker/dhi.io/bash@5?digest=` + digest + `"}]}`))
	f.Add([]byte(`{"buildDefinition":{"resolvedDependencies":[{"uri":"pkg:docker/oci-dir:x","digest":{"sha256":"00"}}]}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, ref := range materials(data) {
			name, sum, ok := strings.Cut(ref, "@")
			if !ok || name == "" || len(sum) != len(digest) || !strings.HasPrefix(sum, "sha256:") {
				t.Errorf("reference %q", ref)
			}
			for _, prefix := range []string{"oci-dir:", "docker-archive:", "docker:", "sbom:"} {
				if rest, ok := strings.CutPrefix(ref, prefix); ok && strings.Trim(rest[:strings.IndexAny(rest, "/@")], "0123456789") != "" {
					t.Errorf("reference %q is no repository", ref)
				}
			}
		}
	})
}

// FuzzMessageDigest holds what is read of a feed's bundle to its form.
func FuzzMessageDigest(f *testing.F) {
	f.Add([]byte(`{"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"AAAA"}}}`))
	f.Fuzz(func(_ *testing.T, bundle []byte) { _ = messageDigest(bundle) })
}
