package attest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
)

func probeOf(res *Result, store, asked string) report.Probe {
	for _, p := range res.Probes {
		if p.Store == store && strings.HasPrefix(p.Asked, asked) {
			return p
		}
	}
	return report.Probe{}
}

func TestProbesTellNoneFromCouldNotLook(t *testing.T) {
	s, img := newSigner(t, "test"), imageDigest("a")
	full, empty, broken, deaf := newStore("a.example/full"), newStore("b.example/empty"), newStore("c.example/broken"), newStore("docker-archive:x.tar")
	newChain(full, s, img, vexType, map[string]any{}).push(t)
	broken.listErr[img.String()] = errors.New("HTTP 503")
	deaf.unsupported = true

	res := mustVerify(t, Subject{Digest: img}, Options{Keys: []trust.Key{s.key}}, full, empty, broken, deaf)
	for _, tt := range []struct {
		store, asked, state, reason string
		found                       int
	}{
		{"a.example/full", "referrers of", report.ProbeFound, "by referrers-api", 1},
		{"a.example/full", "signatures of 1", report.ProbeFound, "", 1},
		{"b.example/empty", "referrers of", report.ProbeNone, "by referrers-api", 0},
		{"b.example/empty", "tag sha256-" + img.Hex + ".sig", report.ProbeNone, "", 0},
		{"c.example/broken", "referrers of", report.ProbeFailed, "HTTP 503", 0},
		{"docker-archive:x.tar", "referrers of", report.ProbeUnsupported, "no referrers here", 0},
	} {
		p := probeOf(res, tt.store, tt.asked)
		if p.State != tt.state || p.Found != tt.found || !strings.Contains(p.Reason, tt.reason) {
			t.Errorf("%s %s: %+v, want state %s, found %d, reason %q", tt.store, tt.asked, p, tt.state, tt.found, tt.reason)
		}
	}
	if len(res.Verified) != 1 {
		t.Errorf("%d verified, want 1: a broken store must not hide a good one", len(res.Verified))
	}
}

func TestRowLeavesStoresOut(t *testing.T) {
	s, img := newSigner(t, "test"), imageDigest("a")
	store := newStore("a.example/app")
	newChain(store, s, img, vexType, map[string]any{}).push(t)
	row := trust.Row{Match: "a.example/**", Keys: []trust.Key{s.key}}
	for _, tt := range []struct {
		stores   []string
		verified int
		state    string
	}{
		{nil, 1, report.ProbeFound},
		{[]string{trust.StoreReferrers}, 1, report.ProbeFound},
		{[]string{trust.StoreTags, trust.StoreIndex}, 0, report.ProbeUnsupported},
	} {
		row.Stores = tt.stores
		res := mustVerify(t, Subject{Digest: img, Repository: "a.example/app"}, Options{Table: trust.Table{row}}, store)
		p := probeOf(res, "a.example/app", "referrers of")
		if len(res.Verified) != tt.verified || p.State != tt.state {
			t.Errorf("stores %q: %d verified, probe %+v; want %d, state %s", tt.stores, len(res.Verified), p, tt.verified, tt.state)
		}
	}
}

func TestSameAttestationInTwoStoresIsOne(t *testing.T) {
	s, img := newSigner(t, "test"), imageDigest("a")
	one, two := newStore("dhi.io/python"), newStore("registry.scout.docker.com/org/dhi-python")
	c := newChain(one, s, img, vexType, map[string]any{})
	c.unsigned = true
	att := c.push(t)
	c.store = two // the second store has the same manifest, and the only signature
	if again := c.push(t); again != att {
		t.Fatalf("the chain is not reproducible: %s, %s", att, again)
	}
	c.sign(t, att)
	res := mustVerify(t, Subject{Digest: img}, Options{Keys: []trust.Key{s.key}}, one, two)
	a := only(t, res)
	if a.State != report.Verified || a.Store != "dhi.io/python, registry.scout.docker.com/org/dhi-python" {
		t.Errorf("state %s, store %q: %s", a.State, a.Store, a.Reason)
	}
	if !strings.HasSuffix(a.Command, " registry.scout.docker.com/org/dhi-python@"+att.String()) {
		t.Errorf("Command = %s, want the store that has the signature", a.Command)
	}
}

func TestOneStoreWithOtherBytesDoesNotHideAnother(t *testing.T) {
	s, img := newSigner(t, "test"), imageDigest("a")
	liar, honest := newStore("a.example/x"), newStore("b.example/x")
	for _, st := range []*memStore{liar, honest} {
		c := newChain(st, s, img, vexType, map[string]any{})
		c.onSig = func([]byte) []byte { return []byte{0x30, 0} } // the same bytes in both
		c.push(t)
	}
	newChain(honest, s, img, vexType, map[string]any{}).push(t)
	liar.onManifest = func(string, []byte) ([]byte, error) { return []byte(`{"schemaVersion":2}`), nil }
	liar.onBlob = func(d v1.Descriptor, raw []byte) ([]byte, error) { return raw[:len(raw)-1], nil }
	liar.onList = func(_ v1.Hash, list []v1.Descriptor) []v1.Descriptor {
		for i := range list {
			list[i].Size = 7
		}
		return list
	}
	res := mustVerify(t, Subject{Digest: img}, Options{Keys: []trust.Key{s.key}}, liar, honest)
	if got := only(t, res); got.State != report.Verified {
		t.Errorf("state %s, %s", got.State, got.Reason)
	}
}

// TestGarbageSignatures: whatever else hangs on an attestation, the good signature counts.
func TestGarbageSignatures(t *testing.T) {
	s, stranger, store, img := newSigner(t, "test"), newSigner(t, "stranger"), newStore(repoName), imageDigest("a")
	c := newChain(store, s, img, vexType, map[string]any{})
	c.unsigned = true
	att := c.push(t)
	for i := range 20 {
		g := newChain(store, stranger, img, vexType, map[string]any{})
		switch i % 4 {
		case 1:
			g.onPayload = setDigest(imageDigest("b").String())
		case 2:
			g.onSig = func([]byte) []byte { return fmt.Appendf(nil, "garbage %d", i) }
		case 3:
			g.onSigMan = func(m map[string]any) { m["layers"] = []any{} }
		}
		g.sign(t, att)
	}
	opt := Options{Keys: []trust.Key{s.key}}
	a := only(t, mustVerify(t, Subject{Digest: img}, opt, store))
	if a.State == report.Verified {
		t.Fatalf("verified by garbage: %s", a.Reason)
	}
	newChain(store, s, img, vexType, map[string]any{}).sign(t, att)
	a = only(t, mustVerify(t, Subject{Digest: img}, opt, store))
	if a.State != report.Verified || a.Signer != s.key.String() {
		t.Errorf("state %s by %q: %s", a.State, a.Signer, a.Reason)
	}
}

func TestLimits(t *testing.T) {
	s, img := newSigner(t, "test"), imageDigest("a")
	for _, tt := range []struct {
		name   string
		opt    Options
		spoil  func(c *chain)
		reason string
	}{
		{"statement_of_one_gibibyte", Options{}, func(c *chain) {
			c.onLayer = func(l map[string]any) { l["size"] = 1 << 30 }
		}, "limit MaxStatement: 1073741824 bytes, more than 67108864; it was not downloaded"},
		{"statement_longer_than_said", Options{MaxStatement: 400}, func(c *chain) {
			c.onState = replace(`"predicate":{}`, `"predicate":"`+strings.Repeat("x", 500)+`"`)
			c.onLayer = func(l map[string]any) { l["size"] = 10 }
		}, "limit MaxStatement: more than 400 bytes"},
		{"manifest", Options{MaxManifest: 100}, nil, "limit MaxManifest"},
		{"total", Options{MaxTotal: 300}, nil, "limit MaxTotal"},
		{"objects", Options{MaxObjects: 1}, nil, "limit MaxObjects"},
		{"payload", Options{MaxPayload: 50}, nil, "limit MaxPayload"},
		{"subjects", Options{MaxSubjects: 1}, nil, "2 subjects, more than MaxSubjects (1)"},
		{"depth", Options{MaxDepth: 3}, nil, "nested too deeply"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := newStore(repoName)
			c := newChain(store, s, img, vexType, map[string]any{})
			if tt.spoil != nil {
				tt.spoil(c)
			}
			c.push(t)
			tt.opt.Keys = []trust.Key{s.key}
			a := only(t, mustVerify(t, Subject{Digest: img}, tt.opt, store))
			if a.State == report.Verified || !strings.Contains(a.Reason, tt.reason) {
				t.Errorf("state %s, reason %q, want %q", a.State, a.Reason, tt.reason)
			}
			if tt.name == "statement_of_one_gibibyte" {
				for d, n := range store.blobCalls {
					if len(store.blobs[d]) > 300 {
						t.Errorf("blob %s was asked for %d times", d, n)
					}
				}
			}
		})
	}
}

func TestThousandsOfReferrers(t *testing.T) {
	s, store, img := newSigner(t, "test"), newStore(repoName), imageDigest("a")
	newChain(store, s, img, vexType, map[string]any{}).push(t)
	store.onList = func(subject v1.Hash, list []v1.Descriptor) []v1.Descriptor {
		if subject != img {
			return list
		}
		for i := range 5000 {
			list = append(list, v1.Descriptor{Digest: digestOf(fmt.Append(nil, i)), Size: 1, ArtifactType: mediaStatement})
			list = append(list, v1.Descriptor{Digest: digestOf(fmt.Append(nil, -i)), Size: 1, ArtifactType: "application/vnd.cncf.notary.signature"})
		}
		return list
	}
	res := mustVerify(t, Subject{Digest: img}, Options{Keys: []trust.Key{s.key}}, store)
	p := probeOf(res, repoName, "referrers of")
	if p.State != report.ProbeFailed || p.Found != 1000 || !strings.Contains(p.Reason, "limit MaxReferrers: 10001 referrers, of which the first 1000") {
		t.Errorf("probe %+v", p)
	}
	if len(res.Verified) != 1 || len(res.Attestations) != 1000 {
		t.Errorf("%d verified of %d", len(res.Verified), len(res.Attestations))
	}
}

// TestCycles: stores that list manifests as referrers of each other and of themselves.
func TestCycles(t *testing.T) {
	s, store, img := newSigner(t, "test"), newStore(repoName), imageDigest("a")
	att := newChain(store, s, img, vexType, map[string]any{}).push(t)
	all := append([]v1.Descriptor{}, store.subjects[img.String()]...)
	all = append(all, store.subjects[att.String()]...)
	store.onList = func(v1.Hash, []v1.Descriptor) []v1.Descriptor { return all }
	res := mustVerify(t, Subject{Digest: img}, Options{Keys: []trust.Key{s.key}}, store)
	if len(res.Verified) != 1 || res.Verified[0].Family() != FamilyVEX {
		t.Errorf("verified %+v", res.Verified)
	}
}

func TestSlowStoreEndsWithTheContext(t *testing.T) {
	s, store, img := newSigner(t, "test"), newStore(repoName), imageDigest("a")
	newChain(store, s, img, vexType, map[string]any{}).push(t)
	slow := &slowStore{memStore: newStore("slow.example/x")}
	var res *Result
	var err error
	synctest.Test(t, func(t *testing.T) { // the time is up when everybody waits, and not before
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		res, err = Verify(ctx, Subject{Digest: img}, []Store{store, slow}, Options{Keys: []trust.Key{s.key}})
	})
	if fault.CodeOf(err) != fault.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, code %d", err, fault.CodeOf(err))
	}
	if p := probeOf(res, "slow.example/x", "referrers of"); p.State != report.ProbeFailed {
		t.Errorf("probe %+v, want failed", p)
	}
	if p := probeOf(res, repoName, "referrers of"); p.State != report.ProbeFound {
		t.Errorf("probe %+v, want found: what was gathered is kept", p)
	}
	canceled, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Verify(canceled, Subject{Digest: img}, []Store{store}, Options{}); fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("error %v, want an interrupt", err)
	}
}

type slowStore struct{ *memStore }

func (s *slowStore) Referrers(ctx context.Context, _ v1.Hash) ([]v1.Descriptor, string, error) {
	<-ctx.Done()
	return nil, "", ctx.Err()
}

// TestDeterministic: the same evidence gives the same result, whatever the order of
// stores' answers.
func TestDeterministic(t *testing.T) {
	s, store, img := newSigner(t, "test"), newStore(repoName), imageDigest("a")
	for i := range 12 {
		newChain(store, s, img, vexType, map[string]any{"n": i}).push(t)
	}
	opt := Options{Keys: []trust.Key{s.key}}
	first := mustVerify(t, Subject{Digest: img}, opt, store)
	store.onList = func(_ v1.Hash, list []v1.Descriptor) []v1.Descriptor {
		out := make([]v1.Descriptor, len(list))
		for i, d := range list {
			out[len(list)-1-i] = d
		}
		return out
	}
	second := mustVerify(t, Subject{Digest: img}, opt, store)
	if diff := cmp.Diff(first, second, cmp.AllowUnexported(Verified{})); diff != "" {
		t.Errorf("the results differ (-first +second):\n%s", diff)
	}
}

func TestIndexSignature(t *testing.T) {
	s, store, img := newSigner(t, "test"), newStore(repoName), imageDigest("a")
	raw := marshal(t, map[string]any{"schemaVersion": 2, "manifests": []any{
		map[string]any{"mediaType": ociType, "digest": img.String(), "size": 1234},
	}})
	index := digestOf(raw)
	newChain(store, s, img, vexType, map[string]any{}).sign(t, index)
	sub := Subject{Digest: img, Index: index, IndexRaw: raw}
	opt := Options{Keys: []trust.Key{s.key}}
	res := mustVerify(t, sub, opt, store)
	a := only(t, res)
	if a.State != report.Verified || a.Family != FamilySignature || a.Subject != index.String() {
		t.Errorf("attestation %+v", a)
	}
	if len(res.Verified) != 1 || res.Verified[0].Predicate() != nil {
		t.Errorf("verified %+v, want one without a predicate", res.Verified)
	}
	sub.IndexRaw = append([]byte(" "), raw...)
	if _, err := Verify(t.Context(), sub, []Store{store}, opt); err == nil || !strings.Contains(err.Error(), "the index hashes to") {
		t.Errorf("an index with other bytes: %v", err)
	}
	sub = Subject{Digest: imageDigest("b"), Index: index, IndexRaw: raw}
	if _, err := Verify(t.Context(), sub, []Store{store}, opt); err == nil || !strings.Contains(err.Error(), "does not list") {
		t.Errorf("an index that does not list the platform: %v", err)
	}
}
