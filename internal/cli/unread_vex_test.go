package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// TestFeedDocumentThatCannotBeRead: a document of a feed that is there and cannot be read or
// verified may take back what the image's own VEX says. It leaves no suppression undoubted,
// and no pass.
func TestFeedDocumentThatCannotBeRead(t *testing.T) {
	const ofImage, ofPackage = "vex/app/dhi-app.vex.json", "pkg/deb/debian/glibc/glibc.vex.json"
	index, err := json.Marshal(map[string]any{"packages": []any{map[string]any{"id": "pkg:deb/debian/glibc", "location": ofPackage}}})
	if err != nil {
		t.Fatal(err)
	}
	gone := func(files map[string][]byte, at string) { delete(files, at); delete(files, at+".sig") }
	unsigned := func(files map[string][]byte, at string) { delete(files, at+".sig") }
	for _, tt := range []struct {
		name, at string
		edit     func(files map[string][]byte, at string)
		refuse   string // what the server does not hand out
		status   int
		open     bool // the image has no VEX of its own
		code     fault.Code
		want     report.Result
		says     string
	}{
		{"healthy", ofImage, nil, "", 0, false, fault.Policy, report.Fail, "CVE-2025-4802"},
		{"healthy_package", ofPackage, nil, "", 0, false, fault.Policy, report.Fail, "CVE-2025-4802"},
		{"no_document_of_the_image", ofImage, gone, "", 0, false, fault.OK, report.Pass, ""},
		{"no_signature", ofImage, unsigned, "", 0, false, fault.Unavailable, report.Error, "no signature lies beside it"},
		{"no_signature_and_nothing_suppressed", ofImage, unsigned, "", 0, true, fault.OK, report.Warn, "no signature lies beside it"},
		{"signature_for_another_version", ofImage, func(files map[string][]byte, at string) { files[at] = append(files[at], ' ') }, "", 0, false,
			fault.Unavailable, report.Error, "another version"},
		{"listed_and_gone", ofPackage, gone, "", 0, false, fault.Unavailable, report.Error, "the index lists it, and it is not there"},
		{"document_refused", ofImage, nil, ofImage, http.StatusForbidden, false, fault.Unavailable, report.Error, "403 Forbidden"},
		{"document_wants_a_login", ofPackage, nil, ofPackage, http.StatusUnauthorized, false, fault.Unavailable, report.Error, "401 Unauthorized"},
		{"listed_document_not_found", ofPackage, nil, ofPackage, http.StatusNotFound, false, fault.Unavailable, report.Error, "the index lists it"},
		{"signature_not_found", ofPackage, nil, ofPackage + ".sig", http.StatusNotFound, false, fault.Unavailable, report.Error, "no signature lies beside it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			img := w.image()
			img.Platforms = img.Platforms[:1]
			flags := []string{}
			if tt.open {
				img, flags = img.Without(testkit.PredicateOpenVEX), []string{"--require", "none", "--fail-on-severity", "critical"}
			}
			ref, _ := w.push(img)
			data, err := json.Marshal(retracted())
			if err != nil {
				t.Fatal(err)
			}
			files := map[string][]byte{tt.at: data, tt.at + ".sig": sigstoreBundle(t, w.key, data)}
			if tt.at == ofPackage {
				files["index.json"] = index
			}
			if tt.edit != nil {
				tt.edit(files, tt.at)
			}
			files["README.md"] = []byte("advisories")
			root := filepath.Join(t.TempDir(), "feed")
			commit, err := testkit.Git{Files: files, Made: built}.Checkout(root)
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, q *http.Request) {
				if tt.refuse != "" && strings.HasSuffix(q.URL.Path, tt.refuse) {
					http.Error(rw, "no", tt.status)
					return
				}
				http.StripPrefix("/"+commit, http.FileServer(http.Dir(root))).ServeHTTP(rw, q)
			}))
			defer server.Close()
			sources := []string{server.URL + "/" + commit}
			if tt.refuse == "" {
				w.serveVendor(testkit.Git{Files: files, Made: built})
				sources = append(sources, root, "auto")
			}
			for _, source := range sources {
				code, r, text := w.verify(ref, append(flags, "--vex-feed", source)...)
				must(t, code, r, text, tt.code, tt.want)
				if told := strings.Join(r.Verdict.Reasons, "\n"); !strings.Contains(told, tt.says) {
					t.Errorf("%s: no reason says %q: %s", source, tt.says, told)
				}
			}
		})
	}
}

// TestBaseThatDoesNotAnswer: a base that is named and cannot be asked may have a statement
// against the one that suppresses. That it is no base, or not there, is an answer.
func TestBaseThatDoesNotAnswer(t *testing.T) {
	const source = "pkg:deb/debian/glibc@2.36-9%2Bdeb12u7?os_distro=bookworm&os_name=debian&os_version=12"
	affected := vexAbout(source)
	doc := affected.Predicate.(map[string]any)
	doc["timestamp"] = built.Add(time.Hour).Format(time.RFC3339)
	statement := doc["statements"].([]any)[0].(map[string]any)
	statement["status"] = "affected"
	delete(statement, "justification")
	const byUser, byProvenance = "--base", "provenance"
	cleared := []string{"--vex"}
	for _, tt := range []struct {
		name   string
		named  []string // by whom
		status int      // what the registry answers about it
		other  bool     // provenance names another image too, which answers
		flags  []string
		code   fault.Code
		want   report.Result
		says   string
	}{
		{"healthy", []string{byUser, byProvenance}, 0, false, cleared, fault.Policy, report.Fail, "CVE-2025-4802"},
		{"fault", []string{byUser, byProvenance}, http.StatusInternalServerError, false, cleared, fault.Unavailable, report.Error, "could not be looked at"},
		{"refused", []string{byUser, byProvenance}, http.StatusForbidden, false, cleared, fault.Unavailable, report.Error, "could not be looked at"},
		{"refused_and_nothing_suppressed", []string{byUser, byProvenance}, http.StatusForbidden, false, []string{"--fail-on-severity", "critical"},
			fault.OK, report.Warn, "could not be looked at"},
		{"refused_beside_another_image", []string{byProvenance}, http.StatusForbidden, true, cleared, fault.Unavailable, report.Error, "could not be looked at"},
		{"not_there_by_provenance", []string{byProvenance}, http.StatusNotFound, false, cleared, fault.OK, report.Pass, ""},
		{"not_there_by_the_user", []string{byUser}, http.StatusNotFound, false, cleared, fault.OK, report.Warn, "is not: "},
	} {
		for _, named := range tt.named {
			t.Run(tt.name+"_"+strings.Trim(named, "-"), func(t *testing.T) {
				w := newWorld(t, testkit.RegistryOptions{})
				base, b := w.pushTo("dhi/base", w.hardened(affected))
				another := w.hardened()
				another.Platforms[0].Layers[0].Files = append(another.Platforms[0].Layers[0].Files, testkit.File{Path: "etc/other", Content: []byte("x")})
				other, o := w.pushTo("dhi/other", another)
				var own []testkit.Attestation
				flags := []string{"--require", "none"}
				if named == byUser {
					flags = append(flags, "--base", base+":1.0")
				} else {
					uris := []string{"pkg:docker/" + base + "@1.0?digest=" + b.Root.Digest().String()}
					if tt.other {
						uris = append(uris, "pkg:docker/"+other+"@1.0?digest="+o.Root.Digest().String())
					}
					own = append(own, provenance(uris...))
				}
				if tt.flags[0] == "--vex" {
					writeJSON(t, w.path("named.vex.json"), vexAbout(source).Predicate)
					flags = append(flags, "--vex", w.path("named.vex.json"))
				} else {
					flags = append(flags, tt.flags...)
				}
				ref, _ := w.pushTo("team/app", w.derived(append(baseLayers(), testkit.Layer{Files: []testkit.File{{Path: "app/x", Content: []byte("x")}}}), 2, "", own...))
				if tt.status != 0 {
					w.registry.Inject(func(q *http.Request) bool { return strings.Contains(q.URL.Path, "/dhi/base/manifests/") },
						testkit.Status(tt.status, http.Header{"Retry-After": {"36000"}}), 0)
				}
				code, r, text := w.verify(ref+":1.0", flags...)
				must(t, code, r, text, tt.code, tt.want)
				if told := strings.Join(r.Verdict.Reasons, "\n"); !strings.Contains(told, tt.says) {
					t.Errorf("no reason says %q: %s", tt.says, told)
				}
			})
		}
	}
}

// A material that cannot be asked is nothing where another is shown to be the base.
func TestBuilderThatDoesNotAnswer(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	base, b := w.pushTo("dhi/base", w.hardened())
	builder, o := w.pushTo("dhi/builder", w.hardened())
	ref, _ := w.pushTo("team/app", w.derived(append(baseLayers(), testkit.Layer{Files: []testkit.File{{Path: "app/x", Content: []byte("x")}}}), 2, "",
		provenance("pkg:docker/"+builder+"@1.0?digest="+o.Root.Digest().String(), "pkg:docker/"+base+"@1.0?digest="+b.Root.Digest().String())))
	w.registry.Inject(func(q *http.Request) bool { return strings.Contains(q.URL.Path, "/dhi/builder/manifests/") }, testkit.Status(http.StatusForbidden, nil), 0)
	code, r, text := w.verify(ref+":1.0", "--require", "none", "--fail-on-severity", "critical")
	must(t, code, r, text, fault.OK, report.Pass)
	if got := r.Subject.Base; got == nil || got.Digest != b.Platforms[0].Manifest.Digest().String() {
		t.Errorf("base is %+v", got)
	}
}

// TestBaseBehindManyMaterials: provenance that names more images than are asked hides no base
// behind them.
func TestBaseBehindManyMaterials(t *testing.T) {
	for _, tt := range []struct {
		before int
		want   report.Result
	}{{15, report.Pass}, {16, report.Warn}} {
		w := newWorld(t, testkit.RegistryOptions{})
		base, b := w.pushTo("dhi/base", w.hardened())
		var uris []string
		for i := range tt.before {
			uris = append(uris, fmt.Sprintf("pkg:docker/%s@1.0?digest=sha256:%064x", base, i))
		}
		uris = append(uris, "pkg:docker/"+base+"@1.0?digest="+b.Root.Digest().String())
		ref, _ := w.pushTo("team/app", w.derived(append(baseLayers(), testkit.Layer{Files: []testkit.File{{Path: "app/x", Content: []byte("x")}}}), 2, "", provenance(uris...)))
		code, r, text := w.verify(ref+":1.0", "--require", "none", "--fail-on-severity", "critical")
		must(t, code, r, text, fault.OK, tt.want)
		if told := strings.Join(r.Verdict.Reasons, "\n"); strings.Contains(told, "1 name more") != (tt.want == report.Warn) {
			t.Errorf("%d before the base: %s", tt.before, told)
		}
	}
}

// TestBaseThatIsNotLookedAt: where the image's own label leaves no place for the base that the
// user names, the verdict says that it was not looked at.
func TestBaseThatIsNotLookedAt(t *testing.T) {
	for name, tt := range map[string]struct {
		layers int
		chain  string
	}{"whole": {0, ""}, "unproven": {2, "sha256:" + strings.Repeat("cd", 32)}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			base, _ := w.pushTo("dhi/base", w.hardened())
			ref, _ := w.pushTo("team/app", w.derived(baseLayers(), tt.layers, tt.chain))
			for _, flags := range [][]string{nil, {"--base", base + ":1.0"}} {
				want := report.Pass
				if flags != nil {
					want = report.Warn
				}
				code, r, text := w.verify(ref+":1.0", append(flags, "--require", "none", "--fail-on-severity", "critical")...)
				must(t, code, r, text, fault.OK, want)
				if told := strings.Join(r.Verdict.Reasons, "\n"); strings.Contains(told, base+":1.0 (base) was not looked at") != (flags != nil) {
					t.Errorf("reasons: %s", told)
				}
				if b := r.Subject.Base; b == nil || b.Boundary != name {
					t.Errorf("base is %+v", b)
				}
			}
		})
	}
}
