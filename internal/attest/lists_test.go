package attest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/report"
)

// edited changes what a store lists for one subject.
func edited(s *memStore, of v1.Hash, edit func(list []v1.Descriptor) []v1.Descriptor) {
	s.onList = func(subject v1.Hash, list []v1.Descriptor) []v1.Descriptor {
		if subject != of {
			return list
		}
		return edit(append([]v1.Descriptor{}, list...))
	}
}

// An entry that cannot be followed may be the newest statement: the list was not read to
// its end. What stands beside it counts all the same.
func TestEntriesThatCannotBeFollowed(t *testing.T) {
	long := v1.Hash{Algorithm: "sha512", Hex: strings.Repeat("ab", 64)}
	for _, tt := range []struct {
		name  string
		entry v1.Descriptor
		want  string
	}{
		{"sha512", v1.Descriptor{Digest: long, Size: 1, ArtifactType: mediaStatement}, "1 of the 2 entries cannot be followed, the first: digest \"sha512:"},
		{"sha512_of_another_type", v1.Descriptor{Digest: long, Size: 1, ArtifactType: "application/vnd.example"}, "is not sha256"},
		{"no_digest", v1.Descriptor{Size: 1}, "is not sha256"},
		{"size_below_zero", v1.Descriptor{Digest: digestOf(nil), Size: -1}, "size -1 is below zero"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, store, img := newSigner(t, "test"), newStore(repoName), imageDigest("a")
			newChain(store, s, img, vexType, map[string]any{}).push(t)
			edited(store, img, func(list []v1.Descriptor) []v1.Descriptor { return append(list, tt.entry) })
			opt := Options{Keys: []trust.Key{s.key}}
			res := mustVerify(t, Subject{Digest: img}, opt, store)
			again, err := VerifyDir(t.Context(), saved(res), opt)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range []*Result{res, again[0].Result} {
				if p := probeOf(r, repoName, "referrers of"); p.State != report.ProbeFailed || !strings.Contains(p.Reason, tt.want) || p.Found != 1 {
					t.Errorf("probe %+v, want failed because %q", p, tt.want)
				}
				if len(r.Verified) != 1 {
					t.Errorf("%d verified, want 1", len(r.Verified))
				}
			}
		})
	}
}

// The same in a list of signatures matters where no good one was found.
func TestListOfSignaturesNotReadToItsEnd(t *testing.T) {
	img, bad := imageDigest("a"), v1.Descriptor{Digest: v1.Hash{Algorithm: "sha512", Hex: "ab"}}
	many := func() (list []v1.Descriptor) {
		for i := range 3 {
			list = append(list, v1.Descriptor{Digest: digestOf(fmt.Append(nil, i)), ArtifactType: artifactSignature})
		}
		return list
	}
	for _, tt := range []struct {
		name  string
		edit  func([]v1.Descriptor) []v1.Descriptor
		state report.AttestationState
		probe string
	}{
		{"broken_entry_beside_a_good_signature", func(l []v1.Descriptor) []v1.Descriptor { return append(l, bad) }, report.Verified, report.ProbeFound},
		{"broken_entry_alone", func([]v1.Descriptor) []v1.Descriptor { return []v1.Descriptor{bad} }, report.Unreadable, report.ProbeFailed},
		{"good_one_behind_the_limit", func(l []v1.Descriptor) []v1.Descriptor { return append(many(), l...) }, report.Unreadable, report.ProbeFailed},
		{"good_one_before_the_limit", func(l []v1.Descriptor) []v1.Descriptor { return append(l, many()...) }, report.Verified, report.ProbeFound},
		{"empty", func([]v1.Descriptor) []v1.Descriptor { return nil }, report.Unverified, report.ProbeNone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, store := newSigner(t, "test"), newStore(repoName)
			att := newChain(store, s, img, vexType, map[string]any{}).push(t)
			edited(store, att, tt.edit)
			res := mustVerify(t, Subject{Digest: img}, Options{Keys: []trust.Key{s.key}, MaxReferrers: 3}, store)
			if a := only(t, res); a.State != tt.state || a.Family != FamilyVEX {
				t.Errorf("%s %s: %s, want %s", a.State, a.Family, a.Reason, tt.state)
			}
			if p := probeOf(res, repoName, "signatures of"); p.State != tt.probe {
				t.Errorf("probe %+v, want %s", p, tt.probe)
			}
		})
	}
}

// What the list calls a manifest decides nothing: the manifest says what it is.
func TestListingDoesNotSayWhatItIs(t *testing.T) {
	s, img := newSigner(t, "test"), imageDigest("a")
	referrer := func(m map[string]any) func(*testing.T, *memStore) {
		return func(t *testing.T, store *memStore) {
			m["schemaVersion"], m["subject"] = 2, map[string]any{"mediaType": ociType, "digest": img.String(), "size": 1}
			store.push(t, m)
		}
	}
	notation := func(store *memStore) map[string]any {
		return map[string]any{
			"mediaType": ociType, "artifactType": "application/vnd.cncf.notary.signature",
			"config": store.blob("application/vnd.oci.empty.v1+json", []byte("{}"), nil), "layers": []any{store.blob("application/jose+json", []byte("x"), nil)},
		}
	}
	const index = "application/vnd.oci.image.index.v1+json"
	for _, tt := range []struct {
		name  string
		put   func(*testing.T, *memStore)
		as    string // the artifact type in the list
		state report.AttestationState
		want  string // of the reason, or of the probe's where it is left alone
	}{
		{"statement_listed_as_something_else", func(t *testing.T, store *memStore) { newChain(store, s, img, vexType, nil).push(t) },
			"application/vnd.example", report.Invalid, `the listing says artifact type "application/vnd.example"`},
		{"statement_listed_as_an_old_config", func(t *testing.T, store *memStore) { newChain(store, s, img, vexType, nil).push(t) },
			"application/vnd.oci.empty.v1+json", report.Verified, "signed by"},
		{"something_else", func(t *testing.T, store *memStore) { referrer(notation(store))(t, store) },
			"application/vnd.cncf.notary.signature", "", "1 of other artifact types were left alone"},
		{"something_else_listed_as_a_statement", func(t *testing.T, store *memStore) { referrer(notation(store))(t, store) },
			mediaStatement, "", "1 of other artifact types were left alone"},
		{"something_else_by_its_config", func(t *testing.T, store *memStore) {
			m := notation(store)
			m["config"] = store.blob("application/vnd.example.config", []byte("{}"), nil)
			delete(m, "artifactType")
			referrer(m)(t, store)
		}, "application/vnd.example.config", "", "1 of other artifact types were left alone"},
		{"index", func(t *testing.T, store *memStore) {
			referrer(map[string]any{"mediaType": index, "manifests": []any{}})(t, store)
		},
			"application/vnd.example", "", "1 of other artifact types were left alone"},
		{"index_and_manifest_in_one", func(t *testing.T, store *memStore) {
			m := notation(store)
			m["manifests"] = []any{}
			referrer(m)(t, store)
		}, "application/vnd.example", report.Invalid, "an index and an image manifest in one"},
		{"something_else_that_is_gone", func(t *testing.T, store *memStore) {
			referrer(notation(store))(t, store)
			clear(store.manifests)
		}, "application/vnd.cncf.notary.signature", report.Unreadable, "file does not exist"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := newStore(repoName)
			tt.put(t, store)
			edited(store, img, func(list []v1.Descriptor) []v1.Descriptor {
				list[0].ArtifactType = tt.as
				return list
			})
			res := mustVerify(t, Subject{Digest: img}, Options{Keys: []trust.Key{s.key}}, store)
			if tt.state == "" {
				p := probeOf(res, repoName, "referrers of")
				if len(res.Attestations) != 0 || p.State != report.ProbeNone || p.Found != 0 || !strings.Contains(p.Reason, tt.want) {
					t.Errorf("%+v, probe %+v", res.Attestations, p)
				}
				return
			}
			if a := only(t, res); a.State != tt.state || !strings.Contains(a.Reason, tt.want) {
				t.Errorf("%s %s: %s, want %s because %q", a.State, a.Family, a.Reason, tt.state, tt.want)
			}
		})
	}
}

// A broken entry of the image's own index is told: an attestation of the image may lie
// behind it.
func TestBrokenEntryOfTheIndex(t *testing.T) {
	img := imageDigest("a")
	raw := marshal(t, map[string]any{"schemaVersion": 2, "manifests": []any{
		map[string]any{"digest": img.String(), "size": 1},
		map[string]any{"digest": "sha512:" + strings.Repeat("ab", 64), "size": 1, "annotations": map[string]string{annoReferenceType: referenceAttest, annoReferenceOf: img.String()}},
	}})
	res := mustVerify(t, Subject{Digest: img, Index: digestOf(raw), IndexRaw: raw}, Options{}, newStore(repoName))
	if len(res.Observations) != 1 || res.Observations[0].Kind != report.Unread || !strings.Contains(res.Observations[0].Message, "cannot be followed") {
		t.Errorf("observations %+v", res.Observations)
	}
}

// Every file of a folder that may be an attestation and is none that can be read is told
// by name; what is plainly something else is left alone.
func TestFilesOfAFolder(t *testing.T) {
	s, img := newSigner(t, "test"), imageDigest("a")
	p := signedPayload{payload: statementBytes(t, vexType, img), hint: s.key.Hint()}
	p.sigs = [][]byte{s.sign(t, pae(p.payload))}
	env := string(p.envelope(t))
	cut := env[:len(env)-20]
	for _, tt := range []struct {
		file, text string
		verified   int
		unread     string // "" for nothing
		other      bool
	}{
		{file: "a.json", text: env, verified: 1},
		{file: "attestation", text: env, verified: 1},
		{file: "a.dsse", text: env, verified: 1},
		{file: "sub/a.intoto.jsonl", text: env + "\n", verified: 1},
		{file: "mark.json", text: "\ufeff" + env + "\r\n", verified: 1},
		{file: "list.json", text: "[" + env + "]", verified: 1},
		{file: "api.json", text: `{"attestations":[{"bundle":` + string(p.bundle(t)) + `,"repository_id":1}]}`, verified: 1},
		{file: "two.json", text: "{\n  \"name\": 1\n}\n" + env, verified: 1, unread: "two.json: 1 of its 2 values are in no form that is read"},
		{file: "nested.json", text: "[" + env + ",[" + env + "]]", verified: 1, unread: "nested.json: 1 of its 2 values"},
		{file: "quoted.json", text: env + "\n" + strconv.Quote(env), verified: 1, unread: "quoted.json: 1 of its 2 values"},
		{file: "inside.json", text: env + "\n{\"envelope\":" + env + "}", verified: 1, unread: "inside.json: 1 of its 2 values"},
		{file: "upper.JSON", text: env, verified: 1},
		{file: "upper.Sigstore.JSON", text: cut, unread: "upper.Sigstore.JSON: it is not JSON"},
		{file: "a.vex", text: env, other: true},
		{file: "a.json.1", text: env, other: true},
		{file: "cut.json", text: cut, unread: "cut.json: it is not JSON, or cut off"},
		{file: "cut", text: cut, unread: "cut: it is not JSON"},
		{file: "lines.jsonl", text: env + "\n" + cut + "\n", verified: 1, unread: "lines.jsonl: entry 2 of 2 is not JSON"},
		{file: "lines.jsonl", text: cut + "\n" + env + "\n", verified: 1, unread: "lines.jsonl: entry 1 of 2 is not JSON"},
		{file: "lfs.json", text: "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", unread: "lfs.json: it is the pointer of Git LFS"},
		{file: "lfs", text: "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", unread: "lfs: it is the pointer of Git LFS"},
		{file: "large.json", text: env + strings.Repeat(" ", 9000), unread: "large.json: limit"},
		{file: "empty.json", text: "", unread: "empty.json: it is empty"},
		{file: "text.json", text: "hello", unread: "text.json: it is not JSON"},
		{file: "twice.json", text: `{"payload":"a","payload":"b"}`, unread: "twice.json"},
		{file: "half.json", text: `{"dsseEnvelope":{}}`, unread: `half.json: it has the member "dsseEnvelope"`},
		{file: "package.json", text: `{"name":"x","version":"1.0.0"}`, other: true},
		{file: "bom.json", text: `{"bomFormat":"CycloneDX","components":[]}`, other: true},
		{file: "numbers.json", text: `[1, 2]`, other: true},
		{file: "LICENSE", text: "MIT", other: true},
		{file: "app.sig", text: "MEUCIQD", other: true},
		{file: "README.md", text: "{", other: true},
		{file: "app.tar.gz", text: "{", other: true},
	} {
		t.Run(tt.file, func(t *testing.T) {
			opt := Options{Keys: []trust.Key{s.key}, MaxStatement: 8192}
			store, err := OpenLocal(fstest.MapFS{"d/" + tt.file: &fstest.MapFile{Data: []byte(tt.text)}}, "d", "folder", opt)
			if err != nil {
				t.Fatal(err)
			}
			res := mustVerify(t, Subject{Digest: img}, opt, store)
			if len(res.Verified) != tt.verified {
				t.Errorf("%d verified, want %d", len(res.Verified), tt.verified)
			}
			p := probeOf(res, "folder", "file d/")
			if (p.State == report.ProbeFailed) != (tt.unread != "") || !strings.Contains(p.Reason, tt.unread) {
				t.Errorf("probe %+v, want %q", p, tt.unread)
			}
			if n := len(res.Observations); (n == 1) != tt.other || n == 1 && (res.Observations[0].Kind != report.Information || !strings.Contains(res.Observations[0].Message, tt.file)) {
				t.Errorf("observations %+v", res.Observations)
			}
		})
	}
}

// More files than have a probe of their own are counted.
func TestManyBrokenFiles(t *testing.T) {
	dir := fstest.MapFS{}
	for i := range 50 {
		dir[fmt.Sprintf("%02d.json", i)] = &fstest.MapFile{Data: []byte("{")}
	}
	store, err := OpenLocal(dir, ".", "folder", Options{})
	if err != nil {
		t.Fatal(err)
	}
	res := mustVerify(t, Subject{Digest: imageDigest("a")}, Options{}, store)
	if p := probeOf(res, "folder", "further files"); p.State != report.ProbeFailed || p.Reason != "30 more could not be read" {
		t.Errorf("probe %+v", p)
	}
}

// A layout holds what its index names, or it is told. One that holds one platform of an
// index is whole.
func TestEntriesOfALayout(t *testing.T) {
	img := imageDigest("a")
	entry := func(d v1.Hash, more string) string {
		return fmt.Sprintf(`{"mediaType":"%s","digest":"%s","size":1%s}`, ociType, d, more)
	}
	nested := `{"schemaVersion":2,"manifests":[` + entry(imageDigest("b"), `,"platform":{"os":"linux","architecture":"arm64"}`) + `%s]}`
	of := func(image v1.Hash) string {
		return entry(img, `,"platform":{"os":"unknown","architecture":"unknown"},"annotations":{"`+annoReferenceType+`":"`+referenceAttest+`","`+annoReferenceOf+`":"`+image.String()+`"}`)
	}
	for _, tt := range []struct {
		name    string
		entries func(dir fstest.MapFS) string
		want    string
	}{
		{"missing", func(fstest.MapFS) string { return entry(img, "") }, "manifest " + img.String() + ": open"},
		{"other_bytes", func(dir fstest.MapFS) string {
			dir["blobs/sha256/"+img.Hex] = &fstest.MapFile{Data: []byte("{}")}
			return entry(img, "")
		}, "hashes to sha256:"},
		{"sha512", func(fstest.MapFS) string {
			return entry(v1.Hash{Algorithm: "sha512", Hex: strings.Repeat("ab", 64)}, "")
		}, "is not sha256"},
		{"platform_of_a_nested_index", func(dir fstest.MapFS) string { return nest(dir, fmt.Sprintf(nested, "")) }, ""},
		{"attestation_of_a_platform_that_is_there", func(dir fstest.MapFS) string {
			there := digestOf([]byte("{}"))
			dir["blobs/sha256/"+there.Hex] = &fstest.MapFile{Data: []byte("{}")}
			return nest(dir, fmt.Sprintf(nested, ","+of(there)))
		}, "manifest " + img.String() + ": open"},
		{"attestation_of_a_platform_that_is_not", func(dir fstest.MapFS) string {
			return nest(dir, fmt.Sprintf(nested, ","+of(imageDigest("b"))))
		}, ""},
		{"something_else_of_a_nested_index", func(dir fstest.MapFS) string {
			return nest(dir, fmt.Sprintf(nested, ","+entry(img, "")))
		}, "manifest " + img.String() + ": open"},
		{"platform_of_the_layout_itself", func(fstest.MapFS) string {
			return entry(img, `,"platform":{"os":"linux","architecture":"amd64"}`)
		}, ""},
		{"nested_index_called_a_manifest", func(dir fstest.MapFS) string {
			d := put(dir, `{"schemaVersion":2,"manifests":[`+entry(img, "")+`]}`)
			return entry(d, "")
		}, "manifest " + img.String() + ": open"},
		{"member_twice", func(dir fstest.MapFS) string {
			return entry(put(dir, `{"schemaVersion":2,"schemaVersion":2,"config":{},"layers":[]}`), "")
		}, "not a usable manifest"},
		{"member_in_another_case", func(dir fstest.MapFS) string {
			return entry(put(dir, `{"schemaVersion":2,"config":{},"layers":[],"Subject":{}}`), "")
		}, "not a usable manifest"},
		{"manifest_that_is_cut", func(dir fstest.MapFS) string {
			return entry(put(dir, `{"schemaVersion":2,"config":{},"layers":[`), "")
		}, "not a usable manifest"},
		{"layer_by_sha512", func(dir fstest.MapFS) string {
			return entry(put(dir, `{"schemaVersion":2,"config":{},"layers":[{"mediaType":"x","digest":"sha512:00","size":1}]}`), "")
		}, "not a usable manifest"},
		{"cut_and_called_something_else", func(dir fstest.MapFS) string {
			return strings.Replace(entry(put(dir, `{"schemaVersion":2,"layers":[`), ""), ociType, "application/vnd.example", 1)
		}, "not a usable manifest"},
		{"something_else", func(dir fstest.MapFS) string {
			return strings.Replace(entry(put(dir, "<xml/>"), ""), ociType, "application/xml", 1)
		}, ""},
		{"nested_index_that_is_cut", func(dir fstest.MapFS) string { return nest(dir, nested[:40]) }, "index: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := fstest.MapFS{"oci-layout": &fstest.MapFile{Data: []byte(`{"imageLayoutVersion":"1.0.0"}`)}}
			dir["index.json"] = &fstest.MapFile{Data: []byte(`{"schemaVersion":2,"manifests":[` + tt.entries(dir) + `]}`)}
			store, err := OpenLocal(dir, ".", "layout", Options{})
			if err != nil {
				t.Fatal(err)
			}
			p := probeOf(mustVerify(t, Subject{Digest: imageDigest("x")}, Options{}, store), "layout", "manifest ")
			if (p.State == report.ProbeFailed) != (tt.want != "") || !strings.Contains(p.Reason, tt.want) {
				t.Errorf("probe %+v, want %q", p, tt.want)
			}
		})
	}
}

// nest puts an index into a layout and returns the entry that names it.
func put(dir fstest.MapFS, raw string) v1.Hash {
	d := digestOf([]byte(raw))
	dir["blobs/sha256/"+d.Hex] = &fstest.MapFile{Data: []byte(raw)}
	return d
}

func nest(dir fstest.MapFS, raw string) string {
	d := digestOf([]byte(raw))
	dir["blobs/sha256/"+d.Hex] = &fstest.MapFile{Data: []byte(raw)}
	return fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"%s","size":%d}`, d, len(raw))
}

// What a tag names is read whatever it says of itself: who asks for the tag knows what it
// is for. A signature of another tool on an attestation is none of ours.
func TestLeftAloneOnlyInLists(t *testing.T) {
	s, store, img := newSigner(t, "test"), newStore(repoName), imageDigest("a")
	p := signedPayload{payload: statementBytes(t, vexType, img), hint: s.key.Hint()}
	p.sigs = [][]byte{s.sign(t, pae(p.payload))}
	store.tags[tagOf(img, ".att")] = store.push(t, map[string]any{
		"schemaVersion": 2, "mediaType": ociType, "config": store.blob("application/vnd.example.config", []byte("{}"), nil),
		"layers": []any{store.blob(mediaEnvelope, p.envelope(t), nil)},
	}).String()
	opt := Options{Keys: []trust.Key{s.key}}
	if a := only(t, mustVerify(t, Subject{Digest: img}, opt, store)); a.State != report.Verified {
		t.Errorf("by tag: %s: %s", a.State, a.Reason)
	}
	store = newStore(repoName)
	c := newChain(store, s, img, vexType, map[string]any{})
	c.unsigned = true
	att := c.push(t)
	store.push(t, map[string]any{
		"schemaVersion": 2, "mediaType": ociType, "artifactType": "application/vnd.cncf.notary.signature",
		"config": store.blob("application/vnd.oci.empty.v1+json", []byte("{}"), nil), "layers": []any{store.blob("application/jose+json", []byte("x"), nil)},
		"subject": map[string]any{"mediaType": ociType, "digest": att.String(), "size": 1},
	})
	if a := only(t, mustVerify(t, Subject{Digest: img}, opt, store)); a.State != report.Unverified || a.Reason != "nobody signed it" {
		t.Errorf("signed by another tool: %s: %s", a.State, a.Reason)
	}
}
