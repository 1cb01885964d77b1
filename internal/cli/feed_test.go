package cli_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// sigstoreBundle signs data as the feed's files are signed, without a log entry.
func sigstoreBundle(t *testing.T, key *testkit.Key, data []byte) []byte {
	t.Helper()
	out, err := key.Bundle(data)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestFeed: a checkout of the vendor's advisories counts for the vendor's images, file
// by file, with a signature beside each.
func TestFeed(t *testing.T) {
	other, err := testkit.SeededKey("somebody else's key")
	if err != nil {
		t.Fatal(err)
	}
	const ofImage, ofPackage = "vex/app/dhi-app.vex.json", "pkg/deb/debian/glibc/glibc.vex.json"
	for _, tt := range []struct {
		name   string
		at     string
		sign   func(w *world, data []byte) []byte // nil for no signature
		unsign bool                               // the image's own index is not signed, so its name is not proven
		want   report.DecisionStatus
		says   string
	}{
		{"document_of_the_image", ofImage, func(w *world, data []byte) []byte { return sigstoreBundle(t, w.key, data) }, false, report.Suppressed, ""},
		{"document_of_the_package", ofPackage, func(w *world, data []byte) []byte { return sigstoreBundle(t, w.key, data) }, false, report.Suppressed, ""},
		{"document_of_another_image", "vex/python/dhi-python.vex.json", func(w *world, data []byte) []byte { return sigstoreBundle(t, w.key, data) }, false, report.Open, "has no document"},
		{"no_signature", ofImage, nil, false, report.Open, "was not used"},
		{"another_key", ofImage, func(_ *world, data []byte) []byte { return sigstoreBundle(t, other, data) }, false, report.Open, "was not used"},
		{"signature_for_another_version", ofImage, func(w *world, data []byte) []byte { return sigstoreBundle(t, w.key, append(data, ' ')) }, false, report.Open, "another version"},
		{"image_is_not_shown_to_be_the_vendors", ofImage, func(w *world, data []byte) []byte { return sigstoreBundle(t, w.key, data) }, true, report.Open, "neither the image nor its base"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			img := w.image()
			for i := range img.Platforms {
				img.Platforms[i].Attestations = nil
			}
			if tt.unsign {
				img.Key = nil
			}
			ref, _ := w.push(img)
			root := filepath.Join(t.TempDir(), "feed")
			data, err := json.Marshal(openVEX("not_affected"))
			if err != nil {
				t.Fatal(err)
			}
			packages := []any{map[string]any{"id": "pkg:deb/debian/ncurses", "location": "../../../../etc/passwd"}}
			if tt.at == ofPackage {
				packages = append(packages, map[string]any{"id": "pkg:deb/debian/glibc", "location": ofPackage})
			}
			index, err := json.Marshal(map[string]any{"packages": packages})
			if err != nil {
				t.Fatal(err)
			}
			files := map[string][]byte{"index.json": index, tt.at: data}
			if tt.sign != nil {
				files[tt.at+".sig"] = tt.sign(w, data)
			}
			commit, err := testkit.Git{Files: files, Made: built}.Checkout(root)
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(http.StripPrefix("/"+commit, http.FileServer(http.Dir(root))))
			defer server.Close()
			for _, location := range []string{root, server.URL + "/" + commit} {
				code, r, text := w.verify(ref, "--vex-feed", location)
				if r == nil {
					t.Fatal(text)
				}
				d := finding(t, r, "CVE-2025-4802").Decision
				if d.Status != tt.want {
					t.Errorf("%s: decision %+v, want %s\n%s", location, d, tt.want, text)
				}
				if tt.want == report.Suppressed {
					must(t, code, r, text, fault.OK, report.Warn) // the image has none of its own, which its publisher attaches
					if s := d.Statement; s.Trust != report.TrustVerified || s.Signer == "" || !strings.Contains(d.Source, commit+" "+tt.at) {
						t.Errorf("%s: source %q, statement %+v", location, d.Source, s)
					}
					w.verifyKept(data)
				}
				leftOut := slices.ContainsFunc(r.Observations, func(o report.Observation) bool {
					return o.Stage == report.StageVEX && o.Kind == report.LeftOut && o.Count == 1 && strings.HasPrefix(o.Message, "1 row of the feed")
				})
				if leftOut == tt.unsign { // a feed that is not used is not read
					t.Errorf("%s: that the row of ncurses was left out is said: %t", location, leftOut)
				}
				if all, _ := json.Marshal(r.Observations); !strings.Contains(string(all), tt.says) {
					t.Errorf("%s: nothing says %q: %s", location, tt.says, all)
				}
			}
		})
	}
}

// verifyKept verifies the feed's document once more, from the report directory.
func (w *world) verifyKept(document []byte) {
	w.t.Helper()
	sum := sha256.Sum256(document)
	kept := filepath.Join(w.path("report"), "feed", hex.EncodeToString(sum[:])+".json")
	if code, _, text := w.run("attest", "verify-bundle", "--key", w.path("key.pem"), "--bundle", kept+".sig", kept); code != fault.OK {
		w.t.Errorf("the kept document: exit %d\n%s", code, text)
	}
}

// TestFeedThatIsNotThere: a folder that is not there is a mistake; a server that does
// not answer leaves findings open, and the report says so.
func TestFeedThatIsNotThere(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	if code, _, text := w.verify(ref, "--vex-feed", filepath.Join(t.TempDir(), "none")); code != fault.Usage || !strings.Contains(text, "hint: give the folder of a checkout") {
		t.Errorf("no folder: exit %d\n%s", code, text)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }))
	defer server.Close()
	code, r, text := w.verify(ref, "--vex-feed", server.URL+"/advisories")
	must(t, code, r, text, fault.OK, report.Warn)
	all, err := json.Marshal(r.Observations)
	if err != nil || !strings.Contains(string(all), "/advisories was not used") || !strings.Contains(string(all), "403 Forbidden") {
		t.Errorf("no warning says that the feed was not read: %s, %v", all, err)
	}
	if !slices.ContainsFunc(r.VEX.Documents, func(d report.VEXDocument) bool {
		return d.State == "rejected" && d.Source == server.URL+"/advisories" && strings.Contains(d.Reason, "403 Forbidden")
	}) {
		t.Errorf("the ledger does not have the feed: %+v", r.VEX.Documents)
	}
}

// TestPublishedFeed reads Docker's own document with Docker's own signature, offline.
func TestPublishedFeed(t *testing.T) {
	root := filepath.Join(realData, "dhi", "signed")
	if _, err := os.Stat(root); err != nil {
		t.Skip("the signed documents are not here")
	}
	for _, tt := range []struct {
		name  string
		keys  []string
		state string
		trust string
	}{
		{"dockers_key", []string{"--key", "dhi-2"}, "unused", report.TrustVerified},
		{"without_dockers_key", nil, "rejected", report.TrustUnverified},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			img := w.hardened()
			img.Name = "dhi/alpine-base"
			img.Platforms[0].Config.Config.Labels = testkit.Labels("dhi/alpine-base", "3.24", built)
			ref, _ := w.pushTo("mirror/alpine-base", img)
			_, r, text := w.verify(ref+":1.0", append([]string{"--vex-feed", root}, tt.keys...)...)
			if r == nil || len(r.VEX.Documents) != 1 {
				t.Fatalf("%s", text)
			}
			d := r.VEX.Documents[0]
			if d.State != tt.state || d.Trust != tt.trust || (tt.state == "unused") != (d.Statements > 0 && strings.Contains(d.Signer, "dhi-2")) {
				t.Errorf("document is %+v", d)
			}
		})
	}
}
