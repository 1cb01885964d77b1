package attest

import (
	"context"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/report"
)

// TestOverHTTP runs the layout of Docker Hardened Images through a registry in process,
// once with the Referrers API and once with the tags that stand in for it.
func TestOverHTTP(t *testing.T) {
	for _, tt := range []struct {
		name string
		api  bool
	}{{"referrers_api", true}, {"referrers_tag", false}} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(registry.New(registry.WithReferrersSupport(tt.api), registry.Logger(log.New(io.Discard, "", 0))))
			t.Cleanup(server.Close)
			w := (&world{t: t, host: strings.TrimPrefix(server.URL, "http://")}).in(t, "dhi/python")
			s, scratch := newSigner(t, "test"), newStore("scratch")
			image := w.image("one")
			att := newChain(scratch, s, image, vexType, map[string]any{}).push(t)
			for digest, raw := range scratch.blobs {
				_ = digest
				w.upload("application/octet-stream", raw, nil)
			}
			for subject, list := range scratch.subjects {
				h, err := v1.NewHash(subject)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range list {
					w.copy(h, d, scratch.manifests[d.Digest.String()], tt.api)
				}
			}
			res := mustVerify(t, Subject{Repository: "dhi.io/python", Digest: image}, Options{Keys: []trust.Key{s.key}}, w)
			a := only(t, res)
			if a.State != report.Verified || a.Digest != att.String() || !strings.HasSuffix(a.Command, w.repo()+"@"+att.String()) {
				t.Errorf("%+v", a)
			}
			for _, p := range res.Probes {
				if p.State == report.ProbeFailed {
					t.Errorf("probe %+v", p)
				}
			}
		})
	}
}

// copy pushes a manifest as it is, and lists it where the registry does not.
func (w *world) copy(subject v1.Hash, d v1.Descriptor, raw []byte, api bool) {
	w.t.Helper()
	if err := remote.Put(w.repository().Digest(d.Digest.String()), rawManifest{raw, types.OCIManifestSchema1}, remote.WithContext(context.Background())); err != nil {
		w.t.Fatal(err)
	}
	if api {
		return
	}
	idx := w.referrers(subject)
	for _, have := range idx.Manifests {
		if have.Digest == d.Digest { // the client lists what it pushes
			return
		}
	}
	idx.Manifests = append(idx.Manifests, d)
	w.put(w.repository().Tag(subject.Algorithm+"-"+subject.Hex), idx)
}
