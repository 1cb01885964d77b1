package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// serveVendor serves the vendor's repository, as auto finds it.
func (w *world) serveVendor(g testkit.Git) *testkit.GitServer {
	w.t.Helper()
	server, err := g.Serve()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = server.Close() })
	w.advisories = server.URL()
	return server
}

// said joins the observations of a stage of one kind.
func said(r *report.Report, stage string, kind report.Kind) string {
	var out []string
	for _, o := range r.Observations {
		if o.Stage == stage && o.Kind == kind {
			out = append(out, o.Message)
		}
	}
	return strings.Join(out, "\n")
}

// TestAdvisoriesAuto: without the option, components of Docker's are judged by Docker's
// repository wherever they are found. Where that cannot be read, the verdict says what was
// judged by nobody; it is never a plain pass.
func TestAdvisoriesAuto(t *testing.T) {
	day := 24 * time.Hour
	other, err := testkit.SeededKey("somebody else's key")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		edit   func(w *world, g *testkit.Git)
		status int
		flags  []string
		plain  bool // the bill has no package of Docker's
		code   fault.Code
		want   report.Result
		says   string
		asked  int
	}{
		{"affected", nil, 0, nil, false, fault.Policy, report.Fail, "", 2},
		{"named_as_auto", nil, 0, []string{"--advisories", "auto"}, false, fault.Policy, report.Fail, "", 2},
		{"not_affected", func(w *world, g *testkit.Git) { *g = w.vendor(built, "23.7.6+110") }, 0, nil, false, fault.OK, report.Pass, "", 2},
		{"nothing_of_dockers", nil, 0, nil, true, fault.OK, report.Pass, "", 0},
		{"none", nil, 0, []string{"--advisories", "none"}, false, fault.OK, report.Warn, "only Docker's own advisories", 0},
		{"out_of_reach", nil, http.StatusForbidden, nil, false, fault.OK, report.Warn, "judged none of 1 package of Docker's (clickhouse-keeper 23.7.6+110)", 1},
		{"record_not_signed", func(_ *world, g *testkit.Git) { delete(g.Files, keeperAt+".sig") }, 0, nil, false, fault.OK, report.Warn, "no signature lies beside it", 2},
		{"record_signed_by_another_key", func(w *world, g *testkit.Git) {
			g.Files[keeperAt+".sig"] = sigstoreBundle(w.t, other, g.Files[keeperAt])
		}, 0, nil, false,
			fault.OK, report.Warn, "Docker's advisories could not be read", 2},
		{"record_made_invisible", func(_ *world, g *testkit.Git) { g.Files[keeperAt] = []byte("{}") }, 0, nil, false, fault.OK, report.Warn, "another version of the file", 2},
		{"record_about_another_package_not_signed", func(_ *world, g *testkit.Git) { delete(g.Files, "osv/other/CVE-2026-4.json.sig") }, 0, nil, false, fault.Policy, report.Fail, "", 2},
		{"record_taken_back_and_not_signed", func(_ *world, g *testkit.Git) {
			g.Files["osv/other/copy.json"] = bytes.Replace(bytes.Replace(g.Files[keeperAt], []byte("2026-01-01"), []byte("2026-02-01"), 1), []byte(`"affected"`), []byte(`"withdrawn":"2026-02-01T00:00:00Z","affected"`), 1)
		}, 0, nil, false, fault.OK, report.Warn, "no signature lies beside it", 2},
		{"no_records", func(_ *world, g *testkit.Git) { g.Files = map[string][]byte{"README.md": nil} }, 0, nil, false, fault.OK, report.Warn, "Docker's advisories could not be read", 2},
		{"old", func(w *world, g *testkit.Git) { g.Made = now.Add(-6 * day) }, 0, nil, false, fault.Policy, report.Fail, "what was found since is not known", 2},
		{"old_and_not_affected", func(w *world, g *testkit.Git) { *g = w.vendor(now.Add(-6*day), "23.7.6+110") }, 0, nil, false, fault.OK, report.Warn, "what was found since is not known", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := componentWorld(t)
			g := w.vendor(built, "23.7.6+111")
			if tt.edit != nil {
				tt.edit(w, &g)
			}
			if tt.plain {
				w.write("bill.json", componentBill(false))
			}
			server := w.serveVendor(g)
			server.Refuse(tt.status)
			code, r, text := w.gateBill(append(tt.flags, "--cache=false")...)
			must(t, code, r, text, tt.code, tt.want)
			if tt.want == report.Fail {
				finding(t, r, keeperID)
				if len(r.Advisories) != 1 || r.Advisories[0].Commit != server.Commit() || r.Advisories[0].Signed != 1 || r.Advisories[0].Records != 2 {
					t.Errorf("advisories are %+v", r.Advisories)
				}
			}
			told := said(r, report.StageVuln, report.Unread) + said(r, report.StageVuln, report.LeftOut)
			if !strings.Contains(told, tt.says) {
				t.Errorf("nothing says %q: %s", tt.says, told)
			}
			if asked := server.Asked(); len(asked) != tt.asked {
				t.Errorf("asked %q, want %d requests", asked, tt.asked)
			}
		})
	}
}

// TestAdvisoriesAutoOfAnImage: the same holds of an image that is built on one of Docker's,
// whatever it is called, and of one under Docker's marks.
func TestAdvisoriesAutoOfAnImage(t *testing.T) {
	bill := []byte(`{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"clickhouse-keeper","packages":[{"SPDXID":"SPDXRef-1","name":"clickhouse-keeper",
		"versionInfo":"23.7.6+110","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:dhi/clickhouse-keeper@23.7.6%2B110"}]}]}`)
	for _, marked := range []bool{true, false} {
		t.Run(fmt.Sprintf("marked_%v", marked), func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			img := w.image()
			img.NotDHI = !marked
			for i := range img.Platforms {
				img.Platforms[i].Layers[0].Files = append(img.Platforms[i].Layers[0].Files,
					testkit.File{Path: "opt/docker/sbom/clickhouse-keeper/.spdx.clickhouse-keeper.json", Content: bill})
			}
			ref, _ := w.push(img)
			server := w.serveVendor(w.vendor(built, "23.7.6+111"))
			code, r, text := w.verify(ref, "--cache=false", "--require", "none")
			must(t, code, r, text, fault.Policy, report.Fail)
			finding(t, r, keeperID)
			if asked := server.Asked(); len(asked) != 2 {
				t.Errorf("asked %q", asked)
			}
		})
	}
}

// TestAdvisoriesAutoOfAReleaseWithoutRecords: where Docker's repository has no record of a
// release, that none names a package says nothing, and the distribution's data judge it too.
func TestAdvisoriesAutoOfAReleaseWithoutRecords(t *testing.T) {
	const libc6 = "pkg:deb/dhi/libc6@2.36-9%2Bdeb12u7?arch=amd64&distro=dhi-12"
	of := func(release string) []byte {
		return osvRecord("DHI-CVE-2026-1111-zlib1g", "Docker Hardened Images:Debian:"+release, "zlib1g", []string{"1"})
	}
	for release, want := range map[string][]string{"13": {"CVE-2025-4802"}, "12": nil} {
		t.Run("records_of_"+release, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			img := w.hardened(spdxOf(libc6))
			img.Platforms[0].Layers[0].Files[0].Content = []byte("ID=dhi\nID_LIKE=debian\nVERSION_ID=\"12\"\n")
			ref, _ := w.push(img)
			record, at := of(release), "osv/dhi/DHI-CVE-2026-1111-zlib1g.json"
			w.serveVendor(testkit.Git{Made: built, Files: map[string][]byte{at: record, at + ".sig": sigstoreBundle(t, w.key, record)}})
			_, r, text := w.verify(ref, "--cache=false")
			if r == nil {
				t.Fatal(text)
			}
			var got []string
			for _, v := range r.Vulnerabilities {
				if v.Package.Name == "libc6" {
					got = append(got, v.ID)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("findings in libc6 %q, want %q: %+v", got, want, r.Observations)
			}
		})
	}
}

// TestAdvisoriesAutoIsCachedByCommit: when nothing changed, the second run asks for the name
// of the newest commit and for nothing else. A cache that was changed is not believed.
func TestAdvisoriesAutoIsCachedByCommit(t *testing.T) {
	w := componentWorld(t)
	server := w.serveVendor(w.vendor(built, "23.7.6+111"))
	db := w.dbFlags[1]
	w.dbFlags = []string{"--db", db, "--cache-dir", t.TempDir()}
	const lookup, fetched = "GET /vendor/advisories.git/info/refs", "POST /vendor/advisories.git/git-upload-pack"
	gate := func(want ...string) {
		t.Helper()
		code, r, text := w.gateBill()
		must(t, code, r, text, fault.Policy, report.Fail)
		finding(t, r, keeperID)
		if asked := server.Asked(); !slices.Equal(asked, want) {
			t.Errorf("asked %q, want %q", asked, want)
		}
	}
	gate(lookup, fetched)
	gate(lookup)

	// Somebody puts a repository of their own in its place, without the record.
	kept := filepath.Join(w.dbFlags[3], "advisories", server.Commit())
	less := w.vendor(built, "23.7.6+111")
	delete(less.Files, keeperAt)
	delete(less.Files, keeperAt+".sig")
	forged := filepath.Join(t.TempDir(), "forged")
	if _, err := less.Checkout(forged); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(kept); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(forged, ".git"), kept); err != nil {
		t.Fatal(err)
	}
	gate(lookup, fetched)
	gate(lookup)

	// Where it cannot be fetched anew either, it decides nothing.
	if err := os.RemoveAll(filepath.Join(kept, "objects", "pack")); err != nil {
		t.Fatal(err)
	}
	w.advisories = proxyOf(t, server, fetched)
	code, r, text := w.gateBill()
	must(t, code, r, text, fault.OK, report.Warn)
	if told := said(r, report.StageVuln, report.Unread); !strings.Contains(told, "does not hold this object") {
		t.Errorf("nothing says what is missing: %s", told)
	}
}

// proxyOf serves a repository under another address, and refuses one request.
func proxyOf(t *testing.T, server *testkit.GitServer, refused string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method+" "+req.URL.Path == refused {
			http.Error(w, "refused", http.StatusForbidden)
			return
		}
		server.ServeHTTP(w, req)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/vendor/advisories"
}

// TestVEXFeedAuto: Docker's repository is asked about images that are shown to be Docker's and
// have findings. Out of reach, it is a warning; nobody named it.
func TestVEXFeedAuto(t *testing.T) {
	document := func(w *world, status string) testkit.Git {
		data, err := json.Marshal(openVEX(status))
		if err != nil {
			t.Fatal(err)
		}
		const at = "vex/app/dhi-app.vex.json"
		return testkit.Git{Made: built, Files: map[string][]byte{"index.json": []byte(`{"packages":[]}`), at: data, at + ".sig": sigstoreBundle(t, w.key, data)}}
	}
	for _, tt := range []struct {
		name   string
		status string // of the feed's statement
		edit   func(img *testkit.Image)
		refuse int
		flags  []string
		code   fault.Code
		want   report.Result
		says   string
		asked  int
	}{
		{"clears", "not_affected", nil, 0, nil, fault.OK, report.Warn, "", 2}, // the image itself has none of what its publisher attaches
		{"does_not_clear", "affected", nil, 0, nil, fault.Policy, report.Fail, "", 2},
		{"out_of_reach", "not_affected", nil, http.StatusForbidden, nil, fault.Policy, report.Fail, "whether Docker has a newer statement about dhi.io/app is not known", 1},
		{"out_of_reach_and_nothing_fails", "not_affected", nil, http.StatusForbidden, []string{"--fail-on-severity", "critical"}, fault.OK, report.Warn, "whether Docker has a newer statement", 1},
		{"none", "not_affected", nil, 0, []string{"--vex-feed", "none"}, fault.Policy, report.Fail, "", 0},
		{"not_dockers", "not_affected", func(img *testkit.Image) { img.NotDHI = true }, 0, nil, fault.Policy, report.Fail, "", 0},
		{"not_shown_to_be_dockers", "not_affected", func(img *testkit.Image) { img.Key = nil }, 0, nil, fault.Policy, report.Fail, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			img := w.image()
			for i := range img.Platforms {
				img.Platforms[i].Attestations = nil
			}
			if tt.edit != nil {
				tt.edit(&img)
			}
			ref, _ := w.push(img)
			server := w.serveVendor(document(w, tt.status))
			server.Refuse(tt.refuse)
			code, r, text := w.verify(ref, append([]string{"--cache=false", "--advisories", "none"}, tt.flags...)...)
			must(t, code, r, text, tt.code, tt.want)
			if told := said(r, report.StageVEX, report.Unread); !strings.Contains(told, tt.says) {
				t.Errorf("nothing says %q: %s", tt.says, told)
			}
			if asked := server.Asked(); len(asked) != tt.asked {
				t.Errorf("asked %q, want %d requests", asked, tt.asked)
			}
			if cleared := finding(t, r, "CVE-2025-4802").Decision.Status == report.Suppressed; cleared != (tt.name == "clears") {
				t.Errorf("cleared: %v", cleared)
			}
		})
	}
}

// TestVEXFeedAutoNoticesWhatARegistryHides: a registry that goes on showing the statement that
// Docker has taken back cannot keep its repository from saying so.
func TestVEXFeedAutoNoticesWhatARegistryHides(t *testing.T) {
	for _, tt := range []struct {
		name string
		at   time.Time // of the repository's statement; the one of the image is of built
		code fault.Code
		want report.Result
	}{
		{"taken_back", built.Add(time.Hour), fault.Policy, report.Fail},
		{"of_the_future", built.AddDate(10, 0, 0), fault.Policy, report.Fail}, // such a date is none, and the statement the newest
		{"older", built.Add(-time.Hour), fault.OK, report.Pass},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(w.hardened(testkit.Attestation{PredicateType: testkit.PredicateOpenVEX, Predicate: openVEX("not_affected")},
				spdxOf("pkg:deb/debian/libc6@2.36-9%2Bdeb12u7?arch=amd64&distro=debian-12&upstream=glibc"), provenance("https://example.invalid/source")))
			document := openVEX("affected")
			document["timestamp"] = tt.at.Format(time.RFC3339)
			data, err := json.Marshal(document)
			if err != nil {
				t.Fatal(err)
			}
			const at = "vex/base/dhi-base.vex.json"
			w.serveVendor(testkit.Git{Made: built, Files: map[string][]byte{at: data, at + ".sig": sigstoreBundle(t, w.key, data)}})
			code, r, text := w.verify(ref, "--cache=false")
			must(t, code, r, text, tt.code, tt.want)
			if d := finding(t, r, "CVE-2025-4802").Decision; tt.want == report.Fail && (d.Statement == nil || d.Statement.Status != "affected" || !strings.Contains(d.Source, at)) {
				t.Errorf("decision is %+v", d)
			}
		})
	}
}

// TestNothingLeavesTheMachine runs the program as it is, with a proxy that every request
// beyond the loopback interface has to go through. The demo sends none; a bill with a component
// of Docker's has Docker's repository asked, and is a warning where that is out of reach.
func TestNothingLeavesTheMachine(t *testing.T) {
	var asked atomic.Pointer[string]
	var outside atomic.Int32
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proxy := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		outside.Add(1)
		host := req.Method + " " + req.Host
		asked.Store(&host)
		http.Error(w, "no way out", http.StatusForbidden)
	})}
	go func() { _ = proxy.Serve(l) }()
	defer func() { _ = proxy.Close() }()
	w := componentWorld(t)
	run := func(args ...string) (int, string) {
		cmd := exec.Command("imagegate", append(args, "--report-dir", w.path("report"))...)
		cmd.Dir = t.TempDir()
		cmd.Env = append(os.Environ(), "IMAGEGATE_TEST_ADVISORIES=", "HOME="+t.TempDir(),
			"HTTPS_PROXY=http://"+l.Addr().String(), "HTTP_PROXY=http://"+l.Addr().String(), "NO_PROXY=")
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), string(out)
	}
	if code, text := run("demo"); code != int(fault.OK) || !strings.Contains(text, "PASS") {
		t.Errorf("the demo: exit %d\n%s", code, text)
	}
	if code, text := run("demo", "--tamper"); code != int(fault.Policy) {
		t.Errorf("the demo, tampered with: exit %d\n%s", code, text)
	}
	w.write("plain.json", componentBill(false))
	scan := append([]string{"scan", "--db-max-age", "0"}, w.dbFlags...)
	if code, text := run(append(scan, "sbom:"+w.path("plain.json"))...); code != int(fault.OK) {
		t.Errorf("a bill with nothing of Docker's: exit %d\n%s", code, text)
	}
	if n := outside.Load(); n != 0 {
		t.Fatalf("%d requests left the machine, the last of them %s", n, *asked.Load())
	}
	code, text := run(append(scan, "sbom:"+w.path("bill.json"))...)
	if code != int(fault.OK) || !strings.Contains(text, "WARN") || !strings.Contains(flat(text), "Docker's advisories could not be read") {
		t.Errorf("a bill with a component of Docker's: exit %d\n%s", code, text)
	}
	if host := asked.Load(); host == nil || *host != "CONNECT github.com:443" {
		t.Errorf("asked %v", host)
	}
}
