package attest

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/attest/trust"
)

// FuzzStatement: what is accepted reads the same with encoding/json, which takes the
// last of two keys, and names only subjects that are there.
func FuzzStatement(f *testing.F) {
	img := imageDigest("a")
	f.Add(statementBytes(f, vexType, img))
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"x","subject":[{"name":"a","digest":{"sha256":"` + img.Hex + `"}}],"predicate":[1,{"a":null}]}`))
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","subject":[{}]}`))
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v1","_type":"x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseStatement(data, Options{}.limits())
		if err != nil {
			return
		}
		var other struct {
			Type          string `json:"_type"`
			PredicateType string `json:"predicateType"`
			Subject       []struct {
				Digest map[string]string `json:"digest"`
			} `json:"subject"`
			Predicate json.RawMessage `json:"predicate"`
		}
		if err := json.Unmarshal(data, &other); err != nil {
			t.Fatalf("accepted, but encoding/json says %v: %q", err, data)
		}
		if other.PredicateType != s.predicateType || len(other.Subject) != len(s.subjects) || string(other.Predicate) != string(s.predicate) {
			t.Fatalf("two readings of %q", data)
		}
		for i, sub := range s.subjects {
			if other.Subject[i].Digest["sha256"] != sub.sha256 {
				t.Fatalf("two readings of subject %d of %q", i, data)
			}
		}
		if s.names(img) && !strings.Contains(string(data), `\u`) && !strings.Contains(string(data), img.Hex) {
			t.Fatalf("a subject from nowhere in %q", data)
		}
	})
}

// FuzzPayload: what is accepted names the digest that encoding/json reads.
func FuzzPayload(f *testing.F) {
	d := imageDigest("a").String()
	f.Add([]byte(`{"critical":{"identity":{"docker-reference":"x"},"image":{"docker-manifest-digest":"` + d + `"},"type":"cosign container image signature"},"optional":null}`))
	f.Add([]byte(`{"critical":{"image":{"docker-manifest-digest":"` + d + `"},"type":"atomic container signature"}}`))
	f.Add([]byte(`{"critical":{"image":{"Docker-manifest-digest":"` + d + `"},"type":"cosign container image signature"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parsePayload(data, Options{}.limits())
		if err != nil {
			return
		}
		var other struct {
			Critical struct {
				Image map[string]string `json:"image"`
			} `json:"critical"`
		}
		if err := json.Unmarshal(data, &other); err == nil && other.Critical.Image["docker-manifest-digest"] != got.String() {
			t.Fatalf("two readings of %q", data)
		}
	})
}

// FuzzBundle: no bundle that was not signed by the key verifies, and none panics.
func FuzzBundle(f *testing.F) {
	s, img := newSigner(f, "test"), imageDigest("a")
	stranger := newSigner(f, "stranger")
	p := signedPayload{payload: statementBytes(f, vexType, img), hint: s.key.Hint()}
	p.sigs = [][]byte{stranger.sign(f, pae(p.payload))}
	f.Add(p.bundle(f))
	f.Add(p.envelope(f))
	v := newInstance(f, "test instance")
	f.Add(keylessBundle(f, v, "a@example.org", githubIssuer, p.payload))
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.1","verificationMaterial":{"tlogEntries":[{}]},"messageSignature":{}}`))
	opt := Options{Keys: []trust.Key{s.key}, Roots: []*trust.Root{v.root}}
	f.Fuzz(func(t *testing.T, data []byte) {
		if res, err := VerifyBundle(t.Context(), Artifact{Name: "x", Digest: img.String()}, data, opt); err == nil {
			t.Fatalf("verified %+v: %q", res, data)
		}
		store, err := OpenLocal(fstest.MapFS{"x.json": &fstest.MapFile{Data: data}}, ".", "x", opt)
		if err != nil {
			return
		}
		if res := mustVerify(t, Subject{Digest: img}, opt, store); len(res.Verified) != 0 {
			t.Fatalf("verified %+v: %q", res.Verified, data)
		}
	})
}

// FuzzReferrers: whatever a store lists and answers, nothing verifies without a
// signature, every listed manifest is accounted for, and the result is the same twice.
func FuzzReferrers(f *testing.F) {
	s, img := newSigner(f, "test"), imageDigest("a")
	store := newStore(repoName)
	c := newChain(store, newSigner(f, "stranger"), img, vexType, map[string]any{})
	att := c.push(f)
	f.Add(marshal(f, store.subjects[img.String()]), store.manifests[att.String()])
	f.Add([]byte(`[{"digest":"`+img.String()+`","size":-1}]`), []byte(`{"schemaVersion":2,"layers":[{}]}`))
	f.Add([]byte(`[{"digest":"sha512:00","size":1,"artifactType":"application/vnd.in-toto+json"}]`), []byte(`{}`))
	opt := Options{Keys: []trust.Key{s.key}}
	f.Fuzz(func(t *testing.T, list, manifest []byte) {
		hostile := newStore(repoName)
		var descs []v1.Descriptor
		if json.Unmarshal(list, &descs) != nil {
			return
		}
		h := digestOf(manifest)
		hostile.manifests[h.String()] = manifest
		hostile.tags[tagOf(img, ".att")] = h.String()
		hostile.blobs = store.blobs
		descs = append(descs, v1.Descriptor{Digest: h, Size: int64(len(manifest))})
		hostile.onList = func(v1.Hash, []v1.Descriptor) []v1.Descriptor { return descs }
		first := mustVerify(t, Subject{Digest: img}, opt, hostile)
		if len(first.Verified) != 0 {
			t.Fatalf("verified %+v", first.Verified)
		}
		for _, a := range first.Attestations {
			if a.Reason == "" || a.State == "" || a.Digest == "" {
				t.Fatalf("no reason: %+v", a)
			}
		}
		second := mustVerify(t, Subject{Digest: img}, opt, hostile)
		if a, b := marshal(t, first.Attestations), marshal(t, second.Attestations); string(a) != string(b) {
			t.Fatalf("two results:\n%s\n%s", a, b)
		}
	})
}

// FuzzRekorBundle: the annotation parser neither panics nor yields an entry that lacks
// what the verifier relies on.
func FuzzRekorBundle(f *testing.F) {
	v, s := newInstance(f, "test instance"), newSigner(f, "test")
	f.Add(v.promise(f, hashedRekord(f, []byte("x"), s.sign(f, []byte("x")), s.pem(f)), testTime))
	f.Add(`{"SignedEntryTimestamp":"AA==","Payload":{"body":"e30=","integratedTime":1,"logIndex":1,"logID":"00"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parseRekorBundle(text, Options{}.limits())
		if err != nil {
			return
		}
		if len(e.CanonicalizedBody) == 0 || len(e.LogId.KeyId) == 0 || e.KindVersion == nil || e.LogIndex < 0 {
			t.Fatalf("incomplete entry from %q", text)
		}
		out := (&checker{roots: []*trust.Root{v.root}}).check(&entity{sig: []byte("x"), payload: []byte("x")})
		if out.grade == good {
			t.Fatal("verified")
		}
		_, _ = parseEntry(e)
	})
}
