package attest

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
)

func saved(res *Result) fstest.MapFS {
	dir := fstest.MapFS{}
	for _, f := range res.Files {
		dir[f.Path] = &fstest.MapFile{Data: append([]byte{}, f.Data...)}
	}
	return dir
}

// everything puts one attestation of each form into a store.
func everything(t *testing.T, s *signer) (*memStore, Subject) {
	t.Helper()
	store, img := newStore("example.org/app"), imageDigest("a")
	newChain(store, s, img, vexType, map[string]any{"n": 1}).push(t)
	raw := marshal(t, map[string]any{"schemaVersion": 2, "manifests": []any{map[string]any{"mediaType": ociType, "digest": img.String(), "size": 1}}})
	index := digestOf(raw)
	newChain(store, s, img, vexType, nil).sign(t, index)
	for i, f := range forms {
		p := signedPayload{payload: statementBytes(t, "https://example.org/"+f.name, img), hint: s.key.Hint()}
		p.sigs = [][]byte{s.sign(t, pae(p.payload))}
		forms[i].put(t, store, img, "x", p)
	}
	return store, Subject{Repository: "example.org/app", Digest: img, Index: index, IndexRaw: raw, Platform: "linux/amd64"}
}

func TestVerifyDir(t *testing.T) {
	s := newSigner(t, "test")
	store, subject := everything(t, s)
	opt := Options{Keys: []trust.Key{s.key}}
	first := mustVerify(t, subject, opt, store)
	if len(first.Verified) != 5 {
		t.Fatalf("%d verified, want 5: %+v", len(first.Verified), first.Attestations)
	}
	again, err := VerifyDir(t.Context(), saved(first), opt)
	if err != nil || len(again) != 1 {
		t.Fatalf("VerifyDir = %d subjects, %v", len(again), err)
	}
	if diff := cmp.Diff(first, again[0].Result, cmp.AllowUnexported(Verified{}), cmpopts.IgnoreFields(Result{}, "Probes")); diff != "" {
		t.Errorf("the saved evidence gives another result (-first +again):\n%s", diff)
	}
	if again[0].Subject.Digest != subject.Digest || again[0].Subject.Platform != "linux/amd64" {
		t.Errorf("subject %+v", again[0].Subject)
	}
	// The evidence of a run over several platforms lies in folders of its own.
	nested := fstest.MapFS{}
	for name, f := range saved(first) {
		nested["platforms/linux-amd64/"+name], nested["platforms/linux-arm64/"+name] = f, f
	}
	if both, err := VerifyDir(t.Context(), nested, opt); err != nil || len(both) != 2 || len(both[1].Result.Verified) != 5 {
		t.Errorf("two platforms: %d subjects, %v", len(both), err)
	}
	// Held to another key, the same evidence counts for nothing.
	other, err := VerifyDir(t.Context(), saved(first), Options{Keys: []trust.Key{newSigner(t, "x").key}})
	if err != nil || len(other[0].Result.Verified) != 0 {
		t.Errorf("another key: %d verified, %v", len(other[0].Result.Verified), err)
	}
}

// TestVerifyDirTampered changes, removes and exchanges each file in turn.
func TestVerifyDirTampered(t *testing.T) {
	s := newSigner(t, "test")
	store, subject := everything(t, s)
	opt := Options{Keys: []trust.Key{s.key}}
	first := mustVerify(t, subject, opt, store)
	for name := range saved(first) {
		for _, change := range []string{"byte", "removed"} {
			t.Run(strings.TrimPrefix(name, "attestations/")+"/"+change, func(t *testing.T) {
				dir := saved(first)
				if change == "removed" {
					delete(dir, name)
				} else {
					data := dir[name].Data
					data[len(data)/2] ^= 1
				}
				again, err := VerifyDir(t.Context(), dir, opt)
				if err != nil { // the record or the index itself
					return
				}
				if got := len(again[0].Result.Verified); got >= len(first.Verified) && !strings.Contains(name, "/subject-") {
					t.Errorf("%d verified after the change", got)
				}
				for _, v := range again[0].Result.Verified {
					if v.Subject() != subject.Digest.String() && v.Subject() != subject.Index.String() {
						t.Errorf("verified for another subject: %s", v.Subject())
					}
				}
			})
		}
	}
}

func TestVerifyDirRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, record, want string
	}{
		{"no_evidence", "", "no attestations/subject"},
		{"not_json", "x", "not valid JSON"},
		{"other_version", `{"schemaVersion":9}`, "schemaVersion is 9"},
		{"bad_digest", `{"schemaVersion":1,"digest":"x"}`, "cannot parse hash"},
		{"path_outside", `{"schemaVersion":1,"digest":"` + imageDigest("a").String() + `","objects":{"sha256:x":"../secret"}}`, "outside of attestations"},
		{"path_elsewhere", `{"schemaVersion":1,"digest":"` + imageDigest("a").String() + `","objects":{"sha256:x":"report.json"}}`, "outside of attestations"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := fstest.MapFS{}
			if tt.record != "" {
				dir["attestations/subject-x.json"] = &fstest.MapFile{Data: []byte(tt.record)}
			}
			_, err := VerifyDir(t.Context(), dir, Options{})
			if fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("VerifyDir = %v, want a usage error with %q", err, tt.want)
			}
		})
	}
}

// TestLocalFolder: loose files count for the image that they speak of and no other.
func TestLocalFolder(t *testing.T) {
	s, img := newSigner(t, "test"), imageDigest("a")
	p := signedPayload{payload: statementBytes(t, vexType, img), hint: s.key.Hint()}
	p.sigs = [][]byte{s.sign(t, pae(p.payload))}
	q := signedPayload{payload: statementBytes(t, "https://spdx.dev/Document", img), hint: s.key.Hint()}
	q.sigs = [][]byte{s.sign(t, pae(q.payload))}
	dir := fstest.MapFS{
		"a/vex.sigstore.json": &fstest.MapFile{Data: p.bundle(t)},
		"a/sbom.intoto.jsonl": &fstest.MapFile{Data: append(append(q.envelope(t), '\n'), p.envelope(t)...)},
		"a/bare.json":         &fstest.MapFile{Data: statementBytes(t, "https://example.org/bare", img)},
		"a/readme.json":       &fstest.MapFile{Data: []byte(`{"hello":1}`)},
		"a/broken.json":       &fstest.MapFile{Data: []byte(`{`)},
		"a/other.txt":         &fstest.MapFile{Data: p.bundle(t)},
	}
	opt := Options{Keys: []trust.Key{s.key}}
	store, err := OpenLocal(dir, "a", "folder a", opt)
	if err != nil {
		t.Fatal(err)
	}
	res := mustVerify(t, Subject{Digest: img}, opt, store)
	if len(res.Attestations) != 4 || len(res.Verified) != 3 {
		t.Errorf("%d verified of %d, want 3 of 4: %+v", len(res.Verified), len(res.Attestations), res.Attestations)
	}
	if other := mustVerify(t, Subject{Digest: imageDigest("b")}, opt, store); len(other.Verified) != 0 {
		t.Errorf("they count for another image: %+v", other.Verified)
	}
	if one, err := OpenLocal(dir, "a/vex.sigstore.json", "file", opt); err != nil {
		t.Error(err)
	} else if res := mustVerify(t, Subject{Digest: img}, opt, one); len(res.Verified) != 1 || res.Attestations[0].State != report.Verified {
		t.Errorf("one file: %+v", res.Attestations)
	}
	for _, at := range []string{"a/readme.json", "gone"} {
		if _, err := OpenLocal(dir, at, at, opt); fault.CodeOf(err) != fault.Usage {
			t.Errorf("OpenLocal(%s) = %v, want a usage error", at, err)
		}
	}
}
