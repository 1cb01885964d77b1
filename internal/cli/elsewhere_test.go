package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// another starts a second registry.
func another(t *testing.T, opt testkit.RegistryOptions) *testkit.Registry {
	t.Helper()
	r, err := testkit.StartRegistry(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// redirect sends every answer to the same path on another host.
func redirect(to *testkit.Registry) testkit.Effect {
	return func(w http.ResponseWriter, req *http.Request, _ http.Handler) {
		http.Redirect(w, req, to.URL()+req.URL.Path, http.StatusTemporaryRedirect)
	}
}

// bare is the image without any attestation or signature, of nobody who promises some.
func (w *world) bare() testkit.Image {
	img := w.image().Without(testkit.PredicateOpenVEX).Without(testkit.PredicateSPDX).Without(testkit.PredicateProvenance)
	img.Key, img.NotDHI = nil, true
	return img
}

// A token service knows nothing of images: what it answers is a login that failed, never
// "there is none".
func TestTokenServiceThatRefuses(t *testing.T) {
	for _, status := range []int{400, 404, 405, 410, 415} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{Auth: testkit.Bearer})
			ref, _ := w.push(w.image())
			refusal := w.registry.Inject(testkit.Asks(testkit.KindToken, ""), testkit.Status(status, nil), 0)
			code, r, text := w.verify(ref)
			must(t, code, r, text, fault.Unavailable, report.Error)
			complains(t, text, "token service "+w.registry.Host(), "which gave no token")
			if strings.Contains(text, "no such repository") || strings.Contains(text, "no tag") || refusal.Hits() == 0 {
				t.Errorf("the answer was taken for the registry's:\n%s", text)
			}
		})
	}
}

// The same in the registry that holds the attestations: it could not be asked.
func TestTokenServiceOfTheAttestationsThatRefuses(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.bare())
	other := another(t, testkit.RegistryOptions{Auth: testkit.Bearer, Username: login, Password: password})
	for _, status := range []int{400, 404, 405} {
		other.Heal()
		other.Inject(testkit.Asks(testkit.KindToken, ""), testkit.Status(status, nil), 0)
		flags := []string{"--attestation-registry", other.Host(), "--fail-on-severity", "none"}
		code, r, text := w.verify(ref, flags...)
		must(t, code, r, text, fault.OK, report.Warn)
		for _, p := range r.Discovery {
			if strings.HasPrefix(p.Store, other.Host()) && p.State != report.ProbeFailed {
				t.Errorf("%d: %s is %s, want failed", status, p.Asked, p.State)
			}
		}
		code, r, text = w.verify(ref, append(flags, "--require", "vex")...)
		must(t, code, r, text, fault.Unavailable, report.Error)
	}
}

// What a registry redirects to is another server: its refusal is not the registry's.
func TestRedirectTargetThatRefuses(t *testing.T) {
	for _, status := range []int{400, 403, 404, 405, 406, 410, 501} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, b := w.push(w.image().Without(testkit.PredicateOpenVEX))
			other := another(t, testkit.RegistryOptions{})
			other.Inject(testkit.Any, testkit.Status(status, nil), 0)

			subject := b.Platform("linux/amd64").Manifest.Digest()
			w.registry.Inject(testkit.Asks(testkit.KindReferrers, subject.String()), redirect(other), 0)
			code, r, text := w.verify(ref, "--fail-on-severity", "none")
			must(t, code, r, text, fault.OK, report.Warn)
			code, r, text = w.verify(ref, "--fail-on-severity", "none", "--require", "vex")
			must(t, code, r, text, fault.Unavailable, report.Error)

			w.registry.Heal()
			w.registry.Inject(testkit.Asks(testkit.KindManifest, "1.0"), redirect(other), 0)
			code, r, text = w.verify(ref)
			must(t, code, r, text, fault.Unavailable, report.Error)
			complains(t, text, "redirects to "+other.Host(), other.Host())
			if strings.Contains(text, "no such repository") || strings.Contains(text, "no tag") {
				t.Errorf("the answer was taken for the registry's:\n%s", text)
			}
		})
	}
}

// Where the registry does not say which referrers there are, and no tag stands in for it,
// "none" is believed after its own 404 alone. With the tag, the list is the tag's.
func TestReferrersAreAskedForToTheEnd(t *testing.T) {
	body := func(text string) testkit.Effect { return testkit.Body("text/html", []byte(text)) }
	for _, tt := range []struct {
		name   string
		effect testkit.Effect
		blind  bool       // it is told as "could not look", and not as "none"
		code   fault.Code // where an attestation is required
	}{
		{"not_found", testkit.Status(404, nil), false, fault.Policy},
		{"bad_request", testkit.Status(400, nil), true, fault.Unavailable},
		{"not_allowed", testkit.Status(405, nil), true, fault.Unavailable},
		{"not_acceptable", testkit.Status(406, nil), true, fault.Unavailable},
		{"gone", testkit.Status(410, nil), true, fault.Unavailable},
		{"not_implemented", testkit.Status(501, nil), true, fault.Unavailable},
		{"web_page", body(htmlPage), true, fault.Unavailable},
		{"nothing", body(""), true, fault.Unavailable},
		{"other_json", body(`{"errors":[]}`), true, fault.Unavailable},
		{"forbidden", testkit.Status(403, nil), true, fault.Unavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(w.bare())
			w.registry.Inject(testkit.Asks(testkit.KindReferrers, ""), tt.effect, 0)
			code, r, text := w.verify(ref, "--require", "none", "--fail-on-severity", "critical")
			unasked := report.Pass
			if tt.blind {
				unasked = report.Warn
			}
			must(t, code, r, text, fault.OK, unasked)
			result := report.Fail
			if tt.code == fault.Unavailable {
				result = report.Error
			}
			code, r, text = w.verify(ref, "--require", "vex", "--fail-on-severity", "critical")
			must(t, code, r, text, tt.code, result)

			if tt.name == "forbidden" {
				return
			}
			tagged := newWorld(t, testkit.RegistryOptions{NoReferrers: true})
			ref, _ = tagged.push(tagged.image())
			tagged.registry.Inject(testkit.Asks(testkit.KindReferrers, ""), tt.effect, 0)
			code, r, text = tagged.verify(ref, "--require", "vex")
			must(t, code, r, text, fault.OK, report.Pass)
		})
	}
}

// A web page in place of an attestation's tag is not "there is none".
func TestTagThatIsAWebPage(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, b := w.push(w.bare())
	for _, suffix := range []string{".att", ".sig", ".sbom"} {
		w.registry.Heal()
		w.registry.Inject(testkit.Asks(testkit.KindManifest, tagOf(b.Platform("linux/amd64").Manifest.Digest())+suffix), testkit.Body("text/html", []byte(htmlPage)), 0)
		code, r, text := w.verify(ref, "--require", "none", "--fail-on-severity", "critical")
		must(t, code, r, text, fault.OK, report.Warn)
		code, r, text = w.verify(ref, "--require", "vex", "--fail-on-severity", "critical")
		must(t, code, r, text, fault.Unavailable, report.Error)
	}
}

// What a layout lists and does not hold could not be looked at.
func TestLayoutThatListsWhatIsGone(t *testing.T) {
	for name, gone := range map[string]func(b *testkit.Built) v1.Hash{
		"list": func(*testkit.Built) v1.Hash { return v1.Hash{} },
		"attestation": func(b *testkit.Built) v1.Hash {
			return b.Platform("linux/amd64").Attestation(testkit.PredicateOpenVEX).Manifest.Digest()
		},
		"statement": func(b *testkit.Built) v1.Hash {
			return b.Platform("linux/amd64").Attestation(testkit.PredicateOpenVEX).Statement.Digest()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			b, err := w.image().Push(t.Context(), testkit.Layout(w.path("layout")))
			if err != nil {
				t.Fatal(err)
			}
			ref := "oci-dir:" + w.path("layout") + ":1.0"
			code, r, text := w.verify(ref, "--require", "vex")
			must(t, code, r, text, fault.OK, report.Pass)
			h := gone(b)
			if h == (v1.Hash{}) {
				h = listOf(t, w.path("layout"), b.Platform("linux/amd64").Manifest.Digest())
			}
			if err := os.Remove(filepath.Join(w.path("layout"), "blobs", h.Algorithm, h.Hex)); err != nil {
				t.Fatal(err)
			}
			code, r, text = w.verify(ref, "--require", "vex", "--fail-on-severity", "critical")
			must(t, code, r, text, fault.Unavailable, report.Error)
		})
	}
}

// listOf is the list of referrers that a layout keeps under a tag.
func listOf(t *testing.T, dir string, subject v1.Hash) v1.Hash {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(raw, &index); err != nil {
		t.Fatal(err)
	}
	for _, d := range index.Manifests {
		if d.Annotations["org.opencontainers.image.ref.name"] == tagOf(subject) {
			return d.Digest
		}
	}
	t.Fatal("the layout lists no referrers")
	return v1.Hash{}
}

// A list that was cut short once is asked for again, and is not the end of the list.
func TestCutListHeals(t *testing.T) {
	for _, opt := range []testkit.RegistryOptions{{}, {NoReferrers: true}} {
		w := newWorld(t, opt)
		ref, b := w.push(w.image())
		subject := b.Platform("linux/amd64").Manifest.Digest()
		match := testkit.Asks(testkit.KindReferrers, subject.String())
		if opt.NoReferrers {
			match = testkit.Asks(testkit.KindManifest, tagOf(subject))
		}
		cut := w.registry.Inject(match, testkit.Rewrite(func(b []byte) []byte { return b[:len(b)/2] }), 1)
		code, r, text := w.verify(ref, "--require", "vex")
		must(t, code, r, text, fault.OK, report.Pass)
		if cut.Hits() != 1 {
			t.Errorf("the list was cut %d times, want once", cut.Hits())
		}
	}
}

// tagOf is the tag that stands in for the list of referrers.
func tagOf(h v1.Hash) string { return h.Algorithm + "-" + h.Hex }
