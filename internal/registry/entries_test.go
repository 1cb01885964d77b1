package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/fault"
)

// member is an entry of a made index.
type member struct {
	image    v1.Image
	platform *v1.Platform
	marks    map[string]string
}

// pushMembers pushes an index over images, and returns their digests.
func (s *server) pushMembers(t *testing.T, ref string, members ...member) []v1.Hash {
	t.Helper()
	var idx v1.ImageIndex = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	var digests []v1.Hash
	for _, m := range members {
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{Add: m.image, Descriptor: v1.Descriptor{Platform: m.platform, Annotations: m.marks}})
		h, err := m.image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, h)
	}
	raw, err := idx.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	repo, tag, _ := strings.Cut(ref, ":")
	for _, m := range members {
		h, _ := m.image.Digest()
		s.pushImage(t, repo+"@"+h.String(), m.image)
	}
	s.pushManifest(t, repo, tag, string(types.OCIImageIndex), withoutPlatforms(t, raw, members))
	return digests
}

// withoutPlatforms takes out the platforms that appending fills in from the config.
func withoutPlatforms(t *testing.T, raw []byte, members []member) []byte {
	t.Helper()
	var idx v1.IndexManifest
	if err := json.Unmarshal(raw, &idx); err != nil {
		t.Fatal(err)
	}
	for i, m := range members {
		idx.Manifests[i].Platform = m.platform
	}
	raw, err := json.Marshal(idx)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func image(t *testing.T, p v1.Platform) v1.Image {
	t.Helper()
	return mutate.MediaType(newImage(t, p, 64, 1), types.OCIManifestSchema1)
}

func TestEntriesHideOnlyWhatCannotRun(t *testing.T) {
	s := newServer(t)
	unknown := v1.Platform{OS: "unknown", Architecture: "unknown"}
	mark := map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
	artifact := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), "application/vnd.example.config")
	twice := image(t, amd64)
	members := []member{
		{twice, &amd64, mark}, // the mark is a lie: a runtime would run it
		{image(t, unknown), &unknown, mark},
		{image(t, arm64), &arm64, nil},
		{image(t, arm64), &v1.Platform{OS: "linux", Architecture: "arm64"}, nil}, // a second one
		{twice, &amd64, nil}, // the first again
		{image(t, v1.Platform{OS: "linux", Architecture: "s390x"}), nil, nil},
		{image(t, v1.Platform{OS: "linux", Architecture: "arm", Variant: "v6"}), &v1.Platform{}, nil},
		{image(t, v1.Platform{OS: "linux", Architecture: "ppc64le"}), &v1.Platform{Architecture: "ppc64le"}, nil},
		{image(t, v1.Platform{}), nil, nil},
		{image(t, unknown), nil, nil},
		{artifact, nil, nil},
		{mutate.MediaType(empty.Image, types.OCIManifestSchema1), nil, nil}, // for nothing, and with nothing in it
		{mutate.ConfigMediaType(image(t, amd64), "application/vnd.example.config"), nil, nil},
	}
	digests := s.pushMembers(t, "app:1", members...)
	img := s.mustOpen(t, "app:1", options())
	list, err := img.Entries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, e := range list {
		m, err := img.Read(t.Context(), e)
		if e.Descriptor.Digest == digests[len(digests)-1] {
			if fault.CodeOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "the layers of an image and a config of type") {
				t.Errorf("an artifact with the layers of an image: %+v %v, want Unavailable", m, err)
			}
			got = append(got, "artifact")
			continue
		}
		if err != nil || m.Platform.String() != e.Platform.String() || m.Descriptor.Digest != e.Descriptor.Digest {
			t.Errorf("Read(%s) = %+v %v", e.Platform, m, err)
		}
		got = append(got, e.Platform.String()+" "+e.Descriptor.Digest.String())
	}
	for i, p := range map[int]string{0: "linux/amd64", 2: "linux/arm64", 3: "linux/arm64", 5: "linux/s390x", 6: "linux/arm/v6", 7: "linux/ppc64le", 8: ""} {
		want = append(want, p+" "+digests[i].String())
	}
	want = append(want, "artifact")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("Entries() = %q\nwant        %q", got, want)
	}
	s.interfere(nil)
	if _, err := img.Manifest(t.Context(), amd64); err != nil || s.count("") != 0 {
		t.Errorf("after it: %v with %d requests, want none: all was read", err, s.count(""))
	}
}

// An image without a platform in the index is the one that its config says.
func TestManifestOfAnUnnamedEntry(t *testing.T) {
	s := newServer(t)
	digests := s.pushMembers(t, "app:1", member{image(t, amd64), nil, nil}, member{image(t, arm64), &v1.Platform{}, nil})
	img := s.mustOpen(t, "app:1", options())
	for i, p := range []v1.Platform{amd64, arm64} {
		m, err := img.Manifest(t.Context(), p)
		if err != nil || m.Descriptor.Digest != digests[i] || !m.Platform.Equals(normal(p)) || len(m.Rivals) != 0 {
			t.Errorf("Manifest(%s) = %+v %v, want %s", p, m, err, digests[i])
		}
	}
	_, err := img.Manifest(t.Context(), v1.Platform{OS: "linux", Architecture: "s390x"})
	if fault.CodeOf(err) != fault.Usage || fault.HintOf(err) != "choose one of: linux/amd64, linux/arm64" {
		t.Errorf("another platform: %v (hint %q), want Usage with the platforms of the configs", err, fault.HintOf(err))
	}
}

// An entry whose platform cannot be read may be any: it is named, and never left out.
func TestUnnamedEntryThatCannotBeRead(t *testing.T) {
	s := newServer(t)
	digests := s.pushMembers(t, "app:1", member{image(t, amd64), &amd64, nil}, member{image(t, arm64), nil, nil})
	for _, tt := range []struct {
		name string
		fail func(w http.ResponseWriter)
	}{
		{"gone", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }},
		{"forbidden", func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) }},
		{"other_bytes", func(w http.ResponseWriter) { _, _ = w.Write([]byte("{}")) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			img := s.mustOpen(t, "app:1", options())
			s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, digests[1].String()) {
					return false
				}
				tt.fail(w)
				return true
			})
			m, err := img.Manifest(t.Context(), amd64)
			if err != nil || len(m.Rivals) != 1 || m.Rivals[0].Digest != digests[1] || !strings.Contains(m.Rivals[0].Reason, "could not be read") {
				t.Fatalf("Manifest = %+v %v, want the other entry as a rival", m, err)
			}
			if _, err := img.Manifest(t.Context(), arm64); fault.CodeOf(err) != fault.Unavailable || !strings.Contains(err.Error(), digests[1].String()) {
				t.Errorf("a platform that nobody names: %v, want Unavailable with the entry", err)
			}
			list, err := img.Entries(t.Context())
			if err != nil || len(list) != 2 {
				t.Fatalf("Entries = %+v %v, want both", list, err)
			}
			if _, err := img.Read(t.Context(), list[1]); fault.CodeOf(err) != fault.Unavailable || !strings.Contains(err.Error(), digests[1].String()) {
				t.Errorf("Read = %v, want Unavailable with the digest", err)
			}
		})
	}
}

// An entry that is for the platform and no image is an error, and no other is taken.
func TestEntryThatIsNoImage(t *testing.T) {
	s := newServer(t)
	inner := s.pushIndex(t, "app:inner", newIndex(t, ""))
	artifact := []byte(`{"schemaVersion":2,"config":{"mediaType":"application/vnd.example.config","size":2,"digest":"` + sum([]byte("{}")).String() + `"},"layers":[]}`)
	other := s.pushManifest(t, "app", "artifact", string(types.OCIManifestSchema1), artifact)
	for _, tt := range []struct {
		name string
		d    v1.Descriptor
		want string
	}{
		{"index_listed_as_an_image", v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: inner, Size: s.size(t, "app", inner)}, "expected an image manifest"},
		{"listed_as_schema_1", v1.Descriptor{MediaType: types.DockerManifestSchema1, Digest: other, Size: int64(len(artifact))}, "the index calls"},
		{"artifact", v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: other, Size: int64(len(artifact))}, "an artifact with a config"},
		{"of_another_size", v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: other, Size: 7}, "the index says 7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.d.Platform = &amd64
			raw, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{tt.d}})
			if err != nil {
				t.Fatal(err)
			}
			s.pushManifest(t, "app", "outer", string(types.OCIImageIndex), raw)
			m, err := s.mustOpen(t, "app:outer", options()).Manifest(t.Context(), amd64)
			if err == nil || m != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Manifest = %+v %v, want an error with %q", m, err, tt.want)
			}
		})
	}
}

// size is that of a manifest as stored.
func (s *server) size(t *testing.T, repo string, h v1.Hash) int64 {
	t.Helper()
	d, _, err := s.mustOpen(t, repo+"@"+h.String(), options()).Stores(t.Context())[0].Manifest(t.Context(), h.String())
	if err != nil {
		t.Fatal(err)
	}
	return d.Size
}

// More entries without a platform than anyone makes are not all read, and none is hidden.
func TestUnnamedEntriesAreBounded(t *testing.T) {
	var list []v1.Descriptor
	for i := range maxUnnamed + 3 {
		list = append(list, v1.Descriptor{MediaType: types.OCIManifestSchema1, Size: 2, Digest: sum(fmt.Append(nil, i))})
	}
	s := newServer(t)
	raw, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: list})
	if err != nil {
		t.Fatal(err)
	}
	s.pushTag(t, "app", "1", raw)
	img := s.mustOpen(t, "app:1", options())
	s.interfere(nil)
	got, err := img.Entries(t.Context())
	if err != nil || len(got) != len(list) || s.count("/manifests/") != maxUnnamed {
		t.Fatalf("%d entries, %v, after %d requests; want %d after %d", len(got), err, s.count("/manifests/"), len(list), maxUnnamed)
	}
	var limit *LimitError
	if _, err := img.Read(t.Context(), got[len(got)-1]); !errors.As(err, &limit) {
		t.Errorf("the last one: %v, want the limit", err)
	}
}

// A layout may hold one platform of its index: another is not there, which is told as such.
func TestPlatformThatWasNotSaved(t *testing.T) {
	dir, _ := newLayout(t, newIndex(t, ""), nil)
	img := mustOpen(t, "oci-dir:"+dir, options())
	gone := img.Index.Manifests[1].Digest
	if err := os.Remove(filepath.Join(dir, "blobs", gone.Algorithm, gone.Hex)); err != nil {
		t.Fatal(err)
	}
	if _, err := img.Manifest(t.Context(), amd64); err != nil {
		t.Errorf("the platform that is there: %v", err)
	}
	_, err := img.Manifest(t.Context(), arm64)
	if fault.CodeOf(err) != fault.Unavailable || !strings.HasSuffix(fault.HintOf(err), "docker save --platform, or choose one that is there: linux/amd64") {
		t.Errorf("the other: %v (hint %q), want Unavailable with what to do", err, fault.HintOf(err))
	}
}
