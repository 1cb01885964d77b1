package registry

import (
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
)

func TestParse(t *testing.T) {
	there := func(paths ...string) func(string) bool {
		return func(p string) bool {
			for _, have := range paths {
				if p == have {
					return true
				}
			}
			return false
		}
	}
	const digest = digestA
	for _, tt := range []struct {
		name, ref  string
		exists     func(string) bool
		source     string
		place, id  string // repository or path, tag or digest
		wantsUsage bool
	}{
		{name: "dhi", ref: "dhi.io/python:3.13", source: SourceRegistry, place: "dhi.io/python", id: "3.13"},
		{name: "spaces_around", ref: " dhi.io/python:3.13\n", source: SourceRegistry, place: "dhi.io/python", id: "3.13"},
		{name: "no_tag_is_latest", ref: "dhi.io/python", source: SourceRegistry, place: "dhi.io/python", id: "latest"},
		{name: "hub_short", ref: "alpine", source: SourceRegistry, place: "docker.io/library/alpine", id: "latest"},
		{name: "hub_long", ref: "docker.io/org/dhi-node:22", source: SourceRegistry, place: "docker.io/org/dhi-node", id: "22"},
		{name: "hub_by_its_host", ref: "registry-1.docker.io/org/x:1", source: SourceRegistry, place: "docker.io/org/x", id: "1"},
		{name: "digest", ref: "dhi.io/python@" + digest, source: SourceRegistry, place: "dhi.io/python", id: digest},
		{name: "tag_and_digest", ref: "dhi.io/python:3@" + digest, source: SourceRegistry, place: "dhi.io/python", id: digest},
		{name: "port", ref: "localhost:5000/a/b:c", source: SourceRegistry, place: "localhost:5000/a/b", id: "c"},
		{name: "ipv6", ref: "[::1]:5000/a:c", source: SourceRegistry, place: "[::1]:5000/a", id: "c"},
		{name: "registry_called_docker", ref: "docker:5000/a:c", source: SourceRegistry, place: "docker:5000/a", id: "c"},
		{name: "engine", ref: "docker:alpine:3.20", source: SourceDocker, place: "docker:alpine:3.20"},
		{name: "layout", ref: "oci-dir:/a/b", source: SourceOCIDir, place: "oci-dir:/a/b"},
		{name: "layout_tag", ref: "oci-dir:/a/b:1.0", exists: there("/a/b"), source: SourceOCIDir, place: "oci-dir:/a/b", id: "1.0"},
		{name: "layout_path_with_a_colon", ref: "oci-dir:/a:b", exists: there("/a", "/a:b"), source: SourceOCIDir, place: "oci-dir:/a:b"},
		{name: "layout_digest", ref: "oci-dir:/a/b@" + digest, exists: there("/a/b"), source: SourceOCIDir, place: "oci-dir:/a/b", id: digest},
		{name: "layout_drive", ref: `oci-dir:C:\img:1.0`, exists: there(`C:\img`), source: SourceOCIDir, place: `oci-dir:C:\img`, id: "1.0"},
		{name: "archive_name", ref: "docker-archive:a.tar:alpine:3.20", exists: there("a.tar"), source: SourceDockerArchive, place: "docker-archive:a.tar", id: "alpine:3.20"},
		{name: "empty", ref: "  ", wantsUsage: true},
		{name: "url", ref: "https://dhi.io/python:3.13", wantsUsage: true},
		{name: "upper_case", ref: "dhi.io/Python", wantsUsage: true},
		{name: "empty_tag", ref: "dhi.io/python:", wantsUsage: true},
		{name: "short_digest", ref: "dhi.io/python@sha256:abc", wantsUsage: true},
		{name: "other_algorithm", ref: "dhi.io/python@md5:" + strings.Repeat("a", 32), wantsUsage: true},
		{name: "dot_dot", ref: "dhi.io/../etc:1", wantsUsage: true},
		{name: "empty_part", ref: "dhi.io//python:1", wantsUsage: true},
		{name: "control_character", ref: "dhi.io/python:3\x1b[31m", wantsUsage: true},
		{name: "line_break", ref: "dhi.io/a\nb", wantsUsage: true},
		{name: "login_in_it", ref: "user:pass@dhi.io/python", wantsUsage: true},
		{name: "too_long", ref: strings.Repeat("a", maxReference+1), wantsUsage: true},
		{name: "layout_without_path", ref: "oci-dir:", wantsUsage: true},
		{name: "layout_bad_digest", ref: "oci-dir:/a@sha256:../../x", wantsUsage: true},
		{name: "engine_without_name", ref: "docker:", wantsUsage: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.exists == nil {
				tt.exists = there()
			}
			p, err := parse(tt.ref, tt.exists)
			if tt.wantsUsage {
				if fault.CodeOf(err) != fault.Usage || fault.HintOf(err) == "" {
					t.Errorf("parse = %+v %v, want Usage with a hint", p, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			where := place{source: p.source, path: p.path}
			if p.source == SourceRegistry {
				where = placeOf(p.repo)
			}
			if p.source != tt.source || where.name() != tt.place || p.identifier() != tt.id {
				t.Errorf("parse = %s %s %s, want %s %s %s", p.source, where.name(), p.identifier(), tt.source, tt.place, tt.id)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"dhi.io/python:3.13", "alpine", "localhost:5000/a@" + digestA, "oci-dir:/a/b:1", "docker:x", "docker:5000/x",
		"docker-archive:a.tar:b", "[::1]:1/a", "a@b@c", "::", "a/../b", "dhi.io/a:b:c",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		p, err := parse(ref, func(string) bool { return false })
		if err != nil {
			if fault.CodeOf(err) != fault.Usage || fault.HintOf(err) == "" || strings.ContainsAny(err.Error(), "\n\r\x1b") {
				t.Fatalf("parse(%q): %q is no safe usage error with a hint", ref, err)
			}
			return
		}
		if p.source != SourceRegistry {
			if p.path == "" {
				t.Fatalf("parse(%q) names nothing", ref)
			}
			return
		}
		// What goes into a request is a host, a path without tricks, and a tag or digest.
		u := repositoryAt(t, p.repo.Name(), Options{}).url("manifests/" + p.identifier())
		if u.Host != p.repo.RegistryStr() || strings.Contains(u.Path, "/../") || strings.Contains(u.Path, "//") {
			t.Fatalf("parse(%q) asks for %q", ref, u)
		}
		if _, _, err := splitRef(p.identifier()); err != nil {
			t.Fatalf("parse(%q) asks for %q: %v", ref, p.identifier(), err)
		}
	})
}
