package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// server is a real registry in process, with a log of requests and a place to
// interfere.
type server struct {
	*httptest.Server
	host string

	mu      sync.Mutex
	backend http.Handler
	// around, when set, may answer a request itself; it returns false to pass it on.
	around func(w http.ResponseWriter, r *http.Request) bool
	log    []string // "GET /v2/..."
	auth   []string // the Authorization header of each
}

func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{backend: ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)), ggcr.WithReferrersSupport(true))}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // a loopback registry is tried over HTTPS first
	s.Start()
	t.Cleanup(s.Close)
	s.host = strings.TrimPrefix(s.URL, "http://")
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.log = append(s.log, r.Method+" "+r.URL.Path)
	s.auth = append(s.auth, r.Header.Get("Authorization"))
	around, backend := s.around, s.backend
	s.mu.Unlock()
	if around != nil && around(w, r) {
		return
	}
	backend.ServeHTTP(w, r)
}

// interfere sets around and forgets what was logged.
func (s *server) interfere(f func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.around, s.log, s.auth = f, nil, nil
}

// count returns how many requests had a path with this part.
func (s *server) count(part string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, l := range s.log {
		if strings.Contains(l, part) {
			n++
		}
	}
	return n
}

func (s *server) ref(t testing.TB, ref string) name.Reference {
	t.Helper()
	r, err := name.ParseReference(s.host + "/" + ref)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// options are quick to give up and know no credentials.
func options() Options {
	return Options{Keychain: anonymous{}, Backoff: time.Millisecond, Retries: 3, Timeout: 5 * time.Minute, IdleTimeout: time.Minute}
}

type anonymous struct{}

func (anonymous) Resolve(authn.Resource) (authn.Authenticator, error) { return authn.Anonymous, nil }

var (
	amd64 = v1.Platform{OS: "linux", Architecture: "amd64"}
	arm64 = v1.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}
)

// newImage is an image of n random layers for a platform.
func newImage(t testing.TB, p v1.Platform, size int64, n int64) v1.Image {
	t.Helper()
	img, err := random.Image(size, n)
	if err != nil {
		t.Fatal(err)
	}
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c = c.DeepCopy()
	c.OS, c.Architecture, c.Variant = p.OS, p.Architecture, p.Variant
	if img, err = mutate.ConfigFile(img, c); err != nil {
		t.Fatal(err)
	}
	return img
}

// newIndex is an index of two platforms with BuildKit's attestation manifest, marked
// as Docker marks its own when title is not empty.
func newIndex(t testing.TB, title string) v1.ImageIndex {
	t.Helper()
	var idx v1.ImageIndex = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	marks := map[string]string{}
	if title != "" {
		marks[dhiBuildID] = "build-1"
		idx = mutate.Annotations(idx, map[string]string{dhiTitle: title}).(v1.ImageIndex)
	}
	for _, p := range []v1.Platform{amd64, arm64} {
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{
			Add:        mutate.MediaType(newImage(t, p, 2048, 2), types.OCIManifestSchema1),
			Descriptor: v1.Descriptor{Platform: &p, Annotations: marks},
		})
	}
	unknown := map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
	for k, v := range marks {
		unknown[k] = v
	}
	return mutate.AppendManifests(idx, mutate.IndexAddendum{
		Add:        newImage(t, v1.Platform{OS: "unknown", Architecture: "unknown"}, 64, 1),
		Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}, Annotations: unknown},
	})
}

func (s *server) pushIndex(t testing.TB, ref string, idx v1.ImageIndex) v1.Hash {
	t.Helper()
	if err := remote.WriteIndex(s.ref(t, ref), idx); err != nil {
		t.Fatal(err)
	}
	h, err := idx.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (s *server) pushImage(t testing.TB, ref string, img v1.Image) v1.Hash {
	t.Helper()
	if err := remote.Write(s.ref(t, ref), img); err != nil {
		t.Fatal(err)
	}
	h, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// pushManifest stores raw bytes as a manifest.
func (s *server) pushManifest(t testing.TB, repo, ref, mediaType string, raw []byte) v1.Hash {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL+"/v2/"+repo+"/manifests/"+ref, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", mediaType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("push %s: %s", ref, resp.Status)
	}
	return sum(raw)
}

// pushReferrer stores an artifact whose subject is d.
func (s *server) pushReferrer(t testing.TB, repo string, subject v1.Descriptor, artifactType, note string) v1.Hash {
	t.Helper()
	raw := referrer(t, subject, artifactType, note)
	return s.pushManifest(t, repo, sum(raw).String(), string(types.OCIManifestSchema1), raw)
}

func referrer(t testing.TB, subject v1.Descriptor, artifactType, note string) []byte {
	t.Helper()
	emptyConfig := v1.Descriptor{MediaType: types.OCIEmptyJSON, Size: 2, Digest: sum([]byte("{}")), Data: []byte("{}")}
	raw, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: artifactType, Config: emptyConfig,
		Layers: []v1.Descriptor{}, Annotations: map[string]string{"note": note},
		Subject: &v1.Descriptor{MediaType: subject.MediaType, Size: subject.Size, Digest: subject.Digest},
	})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// open opens a reference on the server and closes it with the test.
func (s *server) open(t testing.TB, ref string, opt Options) (*Image, error) {
	t.Helper()
	img, err := Open(t.Context(), s.host+"/"+ref, opt)
	if err == nil {
		t.Cleanup(func() {
			if err := img.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return img, err
}

func (s *server) mustOpen(t testing.TB, ref string, opt Options) *Image {
	t.Helper()
	img, err := s.open(t, ref, opt)
	if err != nil {
		t.Fatalf("open %s: %v", ref, err)
	}
	return img
}

// readAll reads a layer whole.
func readAll(t testing.TB, img *Image, d v1.Descriptor) ([]byte, error) {
	t.Helper()
	rc, err := img.Layer(t.Context(), d)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(rc)
	return b, errors.Join(err, rc.Close())
}

// platforms are the platforms of an image's entries.
func platforms(t testing.TB, img *Image) []v1.Platform {
	t.Helper()
	list, err := img.Entries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []v1.Platform
	for _, e := range list {
		out = append(out, e.Platform)
	}
	return out
}
