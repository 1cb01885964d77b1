package feed

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/fetch"
)

const (
	commit = "00076d17aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	tagged = "11176d17bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	index  = `{"packages": [
		{"id": "pkg:deb/debian/libstdc%2B%2B6", "location": "pkg/deb/debian/libstdc%2B%2B6/vex.json"},
		{"id": "pkg:deb/debian/glibc", "location": "deb/debian/glibc/vex.json"},
		{"id": "pkg:deb/debian/zlib", "location": "../../../etc/passwd"},
		{"id": "pkg:deb/debian/curl", "location": "pkg/deb/debian/curl/vex.json"}]}`
)

// hub is a server that answers for every host, with the files of one repository at one
// commit and its list of references.
type hub struct {
	*httptest.Server
	files map[string]string
	mu    sync.Mutex
	seen  []string
}

func newHub(t *testing.T, files map[string]string) *hub {
	t.Helper()
	h := &hub{files: files}
	h.Server = httptest.NewTLSServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *hub) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	h.mu.Lock()
	h.seen = append(h.seen, req.Host+req.URL.Path)
	h.mu.Unlock()
	if req.Host == "github.com" && req.URL.Path == "/vendor/advisories.git/info/refs" {
		_, _ = w.Write(references())
		return
	}
	if req.Host == "github.com" && req.URL.Path == "/vendor/advisories/archive/"+commit+".tar.gz" {
		http.Redirect(w, req, "https://codeload.github.com/vendor/advisories/"+commit+"/archive", http.StatusFound)
		return
	}
	name, ok := strings.CutPrefix(req.URL.Path, "/vendor/advisories/"+commit+"/")
	text, known := h.files[name]
	if !ok || !known {
		http.NotFound(w, req)
		return
	}
	_, _ = w.Write([]byte(text))
}

// references is what a git server lists: a branch, an annotated tag and the default.
func references() []byte {
	refs := packp.NewAdvRefs()
	head := plumbing.NewHash(commit)
	refs.Head = &head
	refs.Prefix = [][]byte{[]byte("# service=git-upload-pack"), {}}
	refs.References["refs/heads/main"] = head
	refs.References["refs/tags/v1"] = plumbing.NewHash(strings.Repeat("2", 40))
	refs.Peeled["refs/tags/v1"] = plumbing.NewHash(tagged)
	var b bytes.Buffer
	if err := refs.Encode(&b); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// client reaches the hub whatever the host is called.
func (h *hub) client() *fetch.Client {
	to := h.Listener.Addr().String()
	pool := h.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return fetch.New(fetch.Options{RetryWait: time.Millisecond, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, to)
		},
		TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "example.com", MinVersion: tls.VersionTLS12},
	}})
}

func TestRemote(t *testing.T) {
	h := newHub(t, map[string]string{
		"index.json":                             index,
		"vex/python/dhi-python.vex.json":         "of the image",
		"vex/python/dhi-python.vex.json.sig":     "its signature",
		"pkg/deb/debian/libstdc%2B%2B6/vex.json": "unsigned",
		"pkg/deb/debian/glibc/vex.json":          "of the package",
		"pkg/deb/debian/glibc/vex.json.sig":      "its signature",
		"etc/passwd":                             "secret",
	})
	for _, tt := range []struct{ name, location, want string }{
		{"default_branch", "https://github.com/vendor/advisories", "https://github.com/vendor/advisories@" + commit},
		{"branch", "https://github.com/vendor/advisories@main", "https://github.com/vendor/advisories@" + commit},
		{"commit", "https://github.com/vendor/advisories@" + commit, "https://github.com/vendor/advisories@" + commit},
		{"another_server", "https://files.example/vendor/advisories/" + commit, "https://files.example/vendor/advisories/" + commit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Open(tt.location, Options{Client: h.client()})
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Pin(t.Context()); err != nil {
				t.Fatal(err)
			}
			if f.Commit() != commit || f.Name() != tt.want {
				t.Errorf("commit %q, name %q, want %q", f.Commit(), f.Name(), tt.want)
			}
			docs, _ := f.Documents([]string{"python"}, map[string]bool{"pkg:deb/debian/libstdc++6": true, "pkg:deb/debian/glibc": true, "pkg:deb/debian/zlib": true, "pkg:deb/debian/curl": true})
			type row struct{ Path, Image, Data, Signature, Err string }
			var got []row
			for range 2 { // the second time nothing is asked for
				got = nil
				for _, file := range f.Files(t.Context(), docs) {
					r := row{file.Path, file.Image, string(file.Data), string(file.Signature), ""}
					if file.Err != nil {
						r.Err = file.Err.Error()
					}
					got = append(got, r)
				}
			}
			want := []row{
				{"vex/python/dhi-python.vex.json", "python", "of the image", "its signature", ""},
				{"pkg/deb/debian/libstdc%2B%2B6/vex.json", "", "unsigned", "", "no signature lies beside it"},
				{"pkg/deb/debian/glibc/vex.json", "", "of the package", "its signature", ""},
				{"pkg/deb/debian/curl/vex.json", "", "", "", "the index lists it, and it is not there"},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	counts := map[string]int{}
	for _, path := range h.seen {
		if strings.Contains(path, "passwd") {
			t.Errorf("%s was asked for", path)
		}
		if strings.HasSuffix(path, "/dhi-python.vex.json") {
			counts[path]++
		}
	}
	if len(counts) != 2 || counts["raw.githubusercontent.com/vendor/advisories/"+commit+"/vex/python/dhi-python.vex.json"] != 3 {
		t.Errorf("requests for the document of the image: %v, want one for each feed", counts)
	}
}

func TestCheckout(t *testing.T) {
	dir, commit := newCheckout(t)
	plain := t.TempDir()
	if err := os.CopyFS(plain, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(plain, ".git")); err != nil {
		t.Fatal(err)
	}
	const document = "vex/python/dhi-python.vex.json"
	if err := os.WriteFile(filepath.Join(dir, document), []byte("edited"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, dir, commit, full string }{
		{"checkout", dir, commit, dir + "@" + commit},
		{"folder", plain, "", plain},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Open(tt.dir, Options{ReadFile: os.ReadFile, MaxFile: 100})
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Pin(t.Context()); err != nil || f.Commit() != tt.commit || f.Name() != tt.full {
				t.Errorf("commit %q, name %q, %v", f.Commit(), f.Name(), err)
			}
			docs, _ := f.Documents([]string{"python", "node", "../.."}, nil)
			files := f.Files(t.Context(), docs)
			if len(files) != 1 || string(files[0].Data) != "of the image" || string(files[0].Signature) != "its signature" || files[0].Err != nil {
				t.Errorf("files are %+v", files)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, tt := range []struct{ name, location, want string }{
		{"no_such_folder", "testdata/none", "no such file"},
		{"http", "http://files.example/advisories", "not https"},
		{"another_scheme", "ftp://files.example/advisories", "not https"},
		{"no_host", "https:///advisories", "no host"},
		{"no_repository", "https://github.com/vendor", "not a repository"},
		{"a_page_of_a_repository", "https://github.com/vendor/advisories/tree/main", "not a repository"},
		{"no_url", "https://%zz", "invalid URL escape"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(tt.location, Options{ReadFile: os.ReadFile, Client: fetch.New(fetch.Options{})})
			if err == nil || !strings.Contains(err.Error(), tt.want) || fault.CodeOf(err) != fault.Usage {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
	_, err := Open("https://me:hunter2@files.example/a?token=hunter2#hunter2", Options{})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("err = %v, want one without secrets", err)
	}
}

func TestPinFails(t *testing.T) {
	for _, tt := range []struct {
		name, location, want string
		files                map[string]string
	}{
		{"no_such_branch", "https://github.com/vendor/advisories@none", `no branch or tag is called "none"`, nil},
		{"no_such_repository", "https://github.com/vendor/other", "404", nil},
		{"index_is_a_page", "https://github.com/vendor/advisories", "index.json: invalid character", map[string]string{"index.json": "<html>"}},
		{"index_too_large", "https://github.com/vendor/advisories", "too large", map[string]string{"index.json": strings.Repeat(" ", 2000)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Open(tt.location, Options{Client: newHub(t, tt.files).client(), MaxFile: 1000})
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Pin(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) || fault.CodeOf(err) != fault.Unavailable {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestFilesAreBounded(t *testing.T) {
	files := map[string]string{"index.json": index}
	for _, name := range []string{"vex/a/dhi-a.vex.json", "vex/b/dhi-b.vex.json", "vex/c/dhi-c.vex.json"} {
		files[name], files[name+".sig"] = strings.Repeat("x", 400), "y"
	}
	f, err := Open("https://github.com/vendor/advisories", Options{Client: newHub(t, files).client(), MaxTotal: 1000, Parallel: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Pin(t.Context()); err != nil {
		t.Fatal(err)
	}
	var failed int
	docs, _ := f.Documents([]string{"a", "b", "c"}, nil)
	for _, file := range f.Files(t.Context(), docs) {
		if errors.Is(file.Err, ErrTooMuch) && file.Data == nil {
			failed++
		} else if file.Err != nil {
			t.Error(file.Err)
		}
	}
	if failed != 1 {
		t.Errorf("%d files were past the bound, want 1", failed)
	}
}

// TestDocumentsCountWhatTheyLeaveOut: no row about a package is dropped silently, and one
// that is there twice counts once.
func TestDocumentsCountWhatTheyLeaveOut(t *testing.T) {
	const wanted = "pkg:deb/debian/tar"
	many := make([]entry, 0, 2*maxDocuments)
	for i := range maxDocuments + 7 {
		e := entry{wanted, fmt.Sprintf("pkg/%d.json", i)}
		many = append(many, e, e)
	}
	for _, tt := range []struct {
		name       string
		index      []entry
		docs, left int
	}{
		{"one", []entry{{wanted, "pkg/a.json"}, {"pkg:deb/debian/curl", "../b.json"}}, 1, 0},
		{"older_layout", []entry{{wanted, "deb/a.json"}}, 2, 0},
		{"twice", []entry{{wanted, "deb/a.json"}, {wanted, "deb/a.json"}, {wanted, "pkg/deb/a.json"}}, 2, 0},
		{"out_of_the_repository", []entry{{wanted, "../a.json"}, {wanted, "/b.json"}, {wanted, ""}, {wanted, "pkg/c.json"}}, 1, 3},
		{"too_many", many, maxDocuments, 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			docs, left := (&Feed{index: tt.index}).Documents(nil, map[string]bool{wanted: true})
			if len(docs) != tt.docs || left != tt.left {
				t.Errorf("%d documents and %d left out, want %d and %d", len(docs), left, tt.docs, tt.left)
			}
		})
	}
}

// TestRemoteIsAnsweredByItself: only the server that has the files can say that there is
// none; what another one says to which it redirects is no such word.
func TestRemoteIsAnsweredByItself(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/gone" {
			w.WriteHeader(http.StatusGone)
			return
		}
		http.NotFound(w, req)
	}))
	defer other.Close()
	mux := http.NewServeMux()
	mux.Handle("/a.json", http.RedirectHandler(other.URL+"/log-in", http.StatusFound))
	mux.Handle("/b.json", http.RedirectHandler(other.URL+"/gone", http.StatusFound))
	mux.Handle("/c.json", http.RedirectHandler("/c", http.StatusFound))
	server := httptest.NewServer(mux)
	defer server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRemote(u, Options{Client: fetch.New(fetch.Options{}), MaxFile: 100})
	if err != nil {
		t.Fatal(err)
	}
	for name, none := range map[string]bool{"a.json": false, "b.json": false, "c.json": true, "d.json": true} {
		if data, err := r.read(t.Context(), name); errors.Is(err, fs.ErrNotExist) != none || err == nil || !none && !strings.Contains(err.Error(), "after a redirect to "+strings.TrimPrefix(other.URL, "http://")) {
			t.Errorf("%s is %q, %v; that there is none is %t", name, data, err, none)
		}
	}
}

func TestCommitOfRef(t *testing.T) {
	for ref, want := range map[string]string{"": commit, "main": commit, "v1": tagged, "refs/heads/main": commit} {
		if got, err := commitOfRef(references(), ref); err != nil || got != want {
			t.Errorf("%q is %s, %v, want %s", ref, got, err, want)
		}
	}
}

// FuzzRefs holds that only a commit comes out of what a git server or a checkout says.
func FuzzRefs(f *testing.F) {
	f.Add(references(), "main")
	f.Add([]byte("001e# service=git-upload-pack\n0000"), "")
	f.Fuzz(func(t *testing.T, list []byte, ref string) {
		id, err := commitOfRef(list, ref)
		if err == nil && commitID(id) == "" {
			t.Errorf("commit %q", id)
		}
		if id := commitID(findRef(string(list), ref)); id != "" && strings.ToLower(id) != id {
			t.Errorf("commit %q", id)
		}
	})
}

// FuzzDocuments holds that no index leads out of the repository.
func FuzzDocuments(f *testing.F) {
	f.Add([]byte(index), "python")
	f.Fuzz(func(t *testing.T, data []byte, image string) {
		entries, err := readIndex(data)
		if err != nil {
			return
		}
		wanted := map[string]bool{}
		for _, e := range entries {
			wanted[e.ID] = true
		}
		docs, _ := (&Feed{index: entries}).Documents([]string{image}, wanted)
		for _, d := range docs {
			if !fs.ValidPath(d.Path) || slices.Contains(strings.Split(d.Path, "/"), "..") {
				t.Errorf("path %q", d.Path)
			}
		}
	})
}
