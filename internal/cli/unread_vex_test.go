package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

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
