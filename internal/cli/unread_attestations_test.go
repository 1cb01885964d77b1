package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// retracted is VEX of a later hour that says the image is affected after all.
func retracted() map[string]any {
	doc := openVEX("affected")
	doc["timestamp"], doc["version"] = built.Add(time.Hour).Format(time.RFC3339), 2
	doc["statements"].([]any)[0].(map[string]any)["action_statement"] = "Update it."
	return doc
}

// twoVEX pushes an image with a statement that suppresses its finding and a newer one that
// takes that back, and returns the newer one.
func (w *world) twoVEX() (ref string, platform *testkit.BuiltPlatform, newest *testkit.BuiltAttestation) {
	w.t.Helper()
	img := w.image()
	img.Platforms = img.Platforms[:1]
	ref, b := w.push(img.Plus(testkit.Attestation{PredicateType: testkit.PredicateOpenVEX, Predicate: retracted()}))
	platform = b.Platforms[0]
	for _, a := range platform.Attestations {
		if strings.Contains(string(a.Statement.Data), `"status":"affected"`) {
			newest = a
		}
	}
	if newest == nil {
		w.t.Fatal("no newest statement")
	}
	return ref, platform, newest
}

// listed edits the list of the referrers of an image as the registry serves it.
func listed(edit func(list []v1.Descriptor) []v1.Descriptor) testkit.Effect {
	return testkit.Rewrite(func(body []byte) []byte {
		list := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
		if json.Unmarshal(body, &list) != nil {
			return body
		}
		list.Manifests = edit(list.Manifests)
		raw, err := json.Marshal(list)
		if err != nil {
			return body
		}
		return raw
	})
}

// one edits the entry of one manifest.
func one(digest v1.Hash, edit func(d *v1.Descriptor)) testkit.Effect {
	return listed(func(list []v1.Descriptor) []v1.Descriptor {
		for i := range list {
			if list[i].Digest == digest {
				edit(&list[i])
			}
		}
		return list
	})
}

// TestNewestVEXIsNotRead: a verified statement suppresses the finding, and a newer one that
// takes it back is listed and withheld, in part or in whole. Where the verdict rests on VEX
// that is no pass; where nothing rests on it, it is a warning.
func TestNewestVEXIsNotRead(t *testing.T) {
	status := func(code int) testkit.Effect {
		return testkit.Status(code, http.Header{"Retry-After": {"36000"}}) // a fault of the server is not waited for
	}
	type asked struct {
		kind testkit.Kind
		what func(p *testkit.BuiltPlatform, a *testkit.BuiltAttestation) v1.Hash
	}
	manifest := asked{testkit.KindManifest, func(_ *testkit.BuiltPlatform, a *testkit.BuiltAttestation) v1.Hash { return a.Manifest.Digest() }}
	statement := asked{testkit.KindBlob, func(_ *testkit.BuiltPlatform, a *testkit.BuiltAttestation) v1.Hash { return a.Statement.Digest() }}
	signature := asked{testkit.KindManifest, func(_ *testkit.BuiltPlatform, a *testkit.BuiltAttestation) v1.Hash {
		return a.Signatures[0].Manifest.Digest()
	}}
	payload := asked{testkit.KindBlob, func(_ *testkit.BuiltPlatform, a *testkit.BuiltAttestation) v1.Hash {
		return a.Signatures[0].Payload.Digest()
	}}
	signatures := asked{testkit.KindReferrers, func(_ *testkit.BuiltPlatform, a *testkit.BuiltAttestation) v1.Hash { return a.Manifest.Digest() }}
	list := asked{testkit.KindReferrers, func(p *testkit.BuiltPlatform, _ *testkit.BuiltAttestation) v1.Hash { return p.Manifest.Digest() }}
	type world struct {
		name   string
		asked  asked
		effect func(a *testkit.BuiltAttestation) testkit.Effect
		// code and verdict where the verdict rests on VEX; "" means an error
		code    fault.Code
		verdict report.Result
	}
	always := func(e testkit.Effect) func(*testkit.BuiltAttestation) testkit.Effect {
		return func(*testkit.BuiltAttestation) testkit.Effect { return e }
	}
	var worlds []world
	for name, of := range map[string]asked{"manifest": manifest, "statement": statement, "signature_manifest": signature, "payload": payload} {
		for _, code := range []int{404, 403, 500} {
			worlds = append(worlds, world{name: fmt.Sprintf("%s_%d", name, code), asked: of, effect: always(status(code))})
		}
	}
	long := v1.Hash{Algorithm: "sha512", Hex: strings.Repeat("ab", 64)}
	worlds = append(worlds,
		world{name: "list_of_signatures_403", asked: signatures, effect: always(status(403))},
		world{name: "list_of_signatures_500", asked: signatures, effect: always(status(500))},
		world{name: "list_of_signatures_has_a_broken_entry", asked: signatures, effect: always(listed(func([]v1.Descriptor) []v1.Descriptor {
			return []v1.Descriptor{{MediaType: types.OCIManifestSchema1, Digest: long, Size: 700}}
		}))},
		world{name: "listed_by_sha512", asked: list, effect: func(a *testkit.BuiltAttestation) testkit.Effect {
			return one(a.Manifest.Digest(), func(d *v1.Descriptor) { d.Digest = long })
		}},
		world{name: "listed_by_sha512_as_something_else", asked: list, effect: func(a *testkit.BuiltAttestation) testkit.Effect {
			return one(a.Manifest.Digest(), func(d *v1.Descriptor) { d.Digest, d.ArtifactType = long, "application/vnd.example" })
		}},
		world{name: "listed_with_a_size_below_zero", asked: list, effect: func(a *testkit.BuiltAttestation) testkit.Effect {
			return one(a.Manifest.Digest(), func(d *v1.Descriptor) { d.Size = -1 })
		}, code: fault.Policy, verdict: report.Fail}, // no list is taken, so nothing suppresses
		world{name: "listed_with_five_megabytes", asked: list, effect: func(a *testkit.BuiltAttestation) testkit.Effect {
			return one(a.Manifest.Digest(), func(d *v1.Descriptor) { d.Size = 5_000_000 })
		}},
		world{name: "listed_as_something_else", asked: list, effect: func(a *testkit.BuiltAttestation) testkit.Effect {
			return one(a.Manifest.Digest(), func(d *v1.Descriptor) { d.ArtifactType = "application/vnd.example" })
		}, code: fault.Policy, verdict: report.Fail},
		world{name: "listed_with_another_predicate_type", asked: list, effect: func(a *testkit.BuiltAttestation) testkit.Effect {
			return one(a.Manifest.Digest(), func(d *v1.Descriptor) {
				d.Annotations = map[string]string{testkit.PredicateAnnotation: testkit.PredicateSPDX}
			})
		}, code: fault.Policy, verdict: report.Fail},
		world{name: "manifest_of_other_bytes", asked: manifest, effect: always(testkit.Flip(-4)), code: fault.Policy, verdict: report.Fail},
	)
	for _, tt := range worlds {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, platform, newest := w.twoVEX()
			w.registry.Inject(testkit.Asks(tt.asked.kind, tt.asked.what(platform, newest).String()), tt.effect(newest), 0)
			code, verdict := fault.Unavailable, report.Error
			if tt.verdict != "" {
				code, verdict = tt.code, tt.verdict
			}
			for _, flags := range [][]string{nil, {"--require", "vex"}} {
				got, r, text := w.verify(ref, flags...)
				must(t, got, r, text, code, verdict)
			}
			got, r, text := w.verify(ref, "--vex-policy", "off", "--fail-on-severity", "critical")
			must(t, got, r, text, fault.OK, report.Warn)
		})
	}
}

// Junk before the newest statement in a list, as many as a list may have.
func TestNewestVEXBehindTheLimit(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, platform, newest := w.twoVEX()
	w.registry.Inject(testkit.Asks(testkit.KindReferrers, platform.Manifest.Digest().String()), listed(func(list []v1.Descriptor) []v1.Descriptor {
		var front, back []v1.Descriptor
		for _, d := range list {
			if d.Digest == newest.Manifest.Digest() {
				back = append(back, d)
			} else {
				front = append(front, d)
			}
		}
		for i := range 1100 {
			digest := v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%064x", i)}
			front = append(front, v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: digest, Size: 400, ArtifactType: testkit.InTotoMediaType})
		}
		return append(front, back...)
	}), 0)
	code, r, text := w.verify(ref)
	must(t, code, r, text, fault.Unavailable, report.Error)
	if !strings.Contains(strings.Join(r.Verdict.Reasons, "\n"), "MaxReferrers") {
		t.Errorf("no reason names the limit: %q", r.Verdict.Reasons)
	}
}

// What another artifact says of itself is left alone, and costs the image no pass.
func TestOtherReferrersAreLeftAlone(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	img := w.image()
	img.Platforms = img.Platforms[:1]
	ref, b := w.push(img)
	child := b.Platforms[0].Manifest.Descriptor
	child.Platform, child.Annotations = nil, nil
	config := testkit.NewBlob("application/vnd.oci.empty.v1+json", []byte("{}"))
	raw, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: "application/vnd.cncf.notary.signature",
		Config: config.Descriptor, Layers: []v1.Descriptor{config.Descriptor}, Subject: &child,
	})
	if err != nil {
		t.Fatal(err)
	}
	repo := w.registry.Repository("dhi/app")
	if err := repo.PutBlob(t.Context(), config.Data); err != nil {
		t.Fatal(err)
	}
	other := testkit.NewBlob(types.OCIManifestSchema1, raw)
	if err := repo.PutManifest(t.Context(), other.Digest().String(), string(types.OCIManifestSchema1), raw); err != nil {
		t.Fatal(err)
	}
	code, r, text := w.verify(ref, "--require", "dhi")
	must(t, code, r, text, fault.OK, report.Pass)
	for _, p := range r.Discovery {
		if p.Asked == "referrers of "+child.Digest.String() && !strings.Contains(p.Reason, "1 of other artifact types were left alone") {
			t.Errorf("probe %+v", p)
		}
	}
	w.registry.Inject(testkit.Asks(testkit.KindManifest, other.Digest().String()), testkit.Status(404, nil), 0)
	code, r, text = w.verify(ref, "--require", "dhi") // nobody can tell that it is no VEX
	must(t, code, r, text, fault.Unavailable, report.Error)
}

// Saved evidence of a run that could not read something is no better the second time.
func TestSavedEvidenceKeepsWhatWasNotRead(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _, newest := w.twoVEX()
	w.registry.Inject(testkit.Asks(testkit.KindManifest, newest.Manifest.Digest().String()), testkit.Status(404, nil), 0)
	code, r, text := w.verify(ref)
	must(t, code, r, text, fault.Unavailable, report.Error)
	code, stdout, stderr := w.run("attest", "verify", "--from", w.path("report"), "--key", w.path("key.pem"), "--require", "vex")
	if code != fault.Unavailable || !strings.Contains(stdout, "UNREADABLE") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
}

// attest verify without anything required: nothing verified, and what there is was not
// read, so nothing is known.
func TestOnlyAttestationIsNotRead(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	img := w.image()
	img.Platforms, img.UnsignedIndex = img.Platforms[:1], true
	ref, b := w.push(img.Without(testkit.PredicateSPDX).Without(testkit.PredicateProvenance))
	statement := b.Platforms[0].Attestation(testkit.PredicateOpenVEX).Statement.Digest().String()
	w.registry.Inject(testkit.Asks(testkit.KindBlob, statement), testkit.Status(404, nil), 0)
	code, stdout, stderr := w.call("attest verify", ref, "--key", w.path("key.pem"), "--require", "none")
	if code != fault.Unavailable || !strings.Contains(stdout+stderr, "0 of 1 attestation verified, 1 could not be read") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
}

// The base image's newest statement is withheld: its older one suppresses nothing for a
// pass.
func TestNewestVEXOfTheBaseIsNotRead(t *testing.T) {
	const source = "pkg:deb/debian/glibc@2.36-9%2Bdeb12u7?os_distro=bookworm&os_name=debian&os_version=12"
	about := func(status string, hours int) testkit.Attestation {
		a := vexAbout(source)
		doc := a.Predicate.(map[string]any)
		doc["timestamp"] = built.Add(time.Duration(hours) * time.Hour).Format(time.RFC3339)
		doc["statements"].([]any)[0].(map[string]any)["status"] = status
		return a
	}
	for _, tt := range []struct {
		name   string
		effect func(a *testkit.BuiltAttestation) (testkit.Kind, v1.Hash, testkit.Effect)
	}{
		{"manifest_gone", func(a *testkit.BuiltAttestation) (testkit.Kind, v1.Hash, testkit.Effect) {
			return testkit.KindManifest, a.Manifest.Digest(), testkit.Status(404, nil)
		}},
		{"manifest_of_other_bytes", func(a *testkit.BuiltAttestation) (testkit.Kind, v1.Hash, testkit.Effect) {
			return testkit.KindManifest, a.Manifest.Digest(), testkit.Flip(-4)
		}},
		{"statement_refused", func(a *testkit.BuiltAttestation) (testkit.Kind, v1.Hash, testkit.Effect) {
			return testkit.KindBlob, a.Statement.Digest(), testkit.Status(403, nil)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			base, b := w.pushTo("dhi/base", w.hardened(about("not_affected", 0), about("affected", 1)))
			ref, _ := w.pushTo("team/app", w.derived(append(baseLayers(), testkit.Layer{Files: []testkit.File{{Path: "app/x", Content: []byte("x")}}}), 2, ""))
			for _, a := range b.Platforms[0].Attestations {
				if strings.Contains(string(a.Statement.Data), `"status":"affected"`) {
					kind, digest, effect := tt.effect(a)
					w.registry.Inject(testkit.Asks(kind, digest.String()), effect, 0)
				}
			}
			code, r, text := w.verify(ref+":1.0", "--base", base+":1.0", "--require", "none")
			must(t, code, r, text, fault.Unavailable, report.Error)
			if !strings.Contains(strings.Join(r.Verdict.Reasons, "\n"), "base image: ") {
				t.Errorf("no reason names the base: %q", r.Verdict.Reasons)
			}
		})
	}
}

// TestListThatIsNotTakenIn: a list of referrers that was answered may have a statement that
// was not seen. One that was refused says nothing, and where what is required lies elsewhere
// the verdict does not rest on it.
func TestListThatIsNotTakenIn(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	img := w.image()
	img.Platforms = img.Platforms[:1]
	ref, b := w.push(img.Without(testkit.PredicateOpenVEX).Plus(testkit.Attestation{PredicateType: testkit.PredicateOpenVEX, Predicate: retracted()}))
	image := b.Platforms[0].Manifest.Digest()
	file := w.path("vex.json")
	if err := os.WriteFile(file, []byte(w.envelope(image, testkit.PredicateOpenVEX, openVEX("not_affected"))), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		effect  testkit.Effect
		code    fault.Code
		verdict report.Result
	}{
		{"forbidden", testkit.Status(403, nil), fault.OK, report.Warn},
		{"web_page", testkit.Body("text/html", []byte(htmlPage)), fault.OK, report.Warn},
		{"member_twice", testkit.Rewrite(func(body []byte) []byte { return append([]byte(`{"manifests":[],`), body[1:]...) }), fault.Unavailable, report.Error},
		{"size_below_zero", listed(func(l []v1.Descriptor) []v1.Descriptor { l[0].Size = -1; return l }), fault.Unavailable, report.Error},
		{"too_many", listed(func(l []v1.Descriptor) []v1.Descriptor {
			for i := range 12_000 {
				l = append(l, v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%064x", i)}, Size: 400})
			}
			return l
		}), fault.Unavailable, report.Error},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.registry.Heal()
			w.registry.Inject(testkit.Asks(testkit.KindReferrers, image.String()), tt.effect, 0)
			code, r, text := w.verify(ref, "--require", "vex", "--attestation", file, "--vex-policy", "off", "--fail-on-severity", "critical")
			must(t, code, r, text, tt.code, tt.verdict)
			code, stdout, stderr := w.run("attest", "verify", "--from", w.path("report"), "--key", w.path("key.pem"), "--require", "vex")
			if code != tt.code {
				t.Errorf("saved: exit %d, want %d\n%s%s", code, tt.code, stdout, stderr)
			}
		})
	}
}

// TestSavedEvidenceOfEveryPlatform: a platform of which nothing was found is judged again
// like the others.
func TestSavedEvidenceOfEveryPlatform(t *testing.T) {
	for _, want := range []fault.Code{fault.Policy, fault.Unavailable} {
		w := newWorld(t, testkit.RegistryOptions{})
		img := w.image()
		img.UnsignedIndex = true
		if want == fault.Policy {
			img.Platforms[1].Attestations = nil
		}
		ref, b := w.push(img)
		if want == fault.Unavailable {
			arm := b.Platform("linux/arm64").Manifest.Digest().String()
			w.registry.Inject(testkit.Asks(testkit.KindReferrers, arm), testkit.Status(403, nil), 0)
		}
		code, _, text := w.verify(ref, "--platforms", "all", "--require", "vex", "--fail-on-severity", "critical")
		if code != want {
			t.Errorf("exit %d, want %d\n%s", code, want, text)
		}
		code, stdout, stderr := w.run("attest", "verify", "--from", w.path("report"), "--key", w.path("key.pem"), "--require", "vex")
		if code != want {
			t.Errorf("saved: exit %d, want %d\n%s%s", code, want, stdout, stderr)
		}
	}
}

// TestTagInNoFormThatIsRead: what lies under the tag of the image's attestations or
// signatures is meant as one.
func TestTagInNoFormThatIsRead(t *testing.T) {
	for _, suffix := range []string{".att", ".sig"} {
		w := newWorld(t, testkit.RegistryOptions{})
		img := w.image()
		img.Platforms = img.Platforms[:1]
		ref, b := w.push(img)
		repo, image := w.registry.Repository("dhi/app"), b.Platforms[0].Manifest.Digest()
		config := testkit.NewBlob(types.OCIConfigJSON, []byte("{}"))
		layer := testkit.NewBlob("application/vnd.dsse.envelope.v2+json", []byte(w.envelope(image, testkit.PredicateOpenVEX, retracted())))
		for _, blob := range []testkit.Blob{config, layer} {
			if err := repo.PutBlob(t.Context(), blob.Data); err != nil {
				t.Fatal(err)
			}
		}
		raw, err := json.Marshal(v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: config.Descriptor, Layers: []v1.Descriptor{layer.Descriptor}})
		if err != nil {
			t.Fatal(err)
		}
		if err := repo.PutManifest(t.Context(), tagOf(image)+suffix, string(types.OCIManifestSchema1), raw); err != nil {
			t.Fatal(err)
		}
		code, r, text := w.verify(ref, "--require", "vex")
		must(t, code, r, text, fault.Unavailable, report.Error)
		code, r, text = w.verify(ref, "--vex-policy", "off", "--require", "none", "--fail-on-severity", "critical")
		must(t, code, r, text, fault.OK, report.Warn)
	}
}
