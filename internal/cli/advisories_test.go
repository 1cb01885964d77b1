package cli_test

import (
	"archive/tar"
	"bytes"
	"maps"
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

// advisoryWorld gates a bill of materials with one of Docker's packages, which is shown to be
// Docker's and which the record "affected" names.
func advisoryWorld(t *testing.T) (w *world, affected []byte) {
	t.Helper()
	w = newDocumentWorld(t)
	var err error
	if w.key, err = testkit.SeededKey("the key of the test"); err != nil {
		t.Fatal(err)
	}
	w.write("key.pem", w.key.PublicPEM())
	bill := compact{Release: map[string]string{"ID": "dhi", "ID_LIKE": "alpine", "VERSION_ID": "3.23"}}
	bill.Packages = append(bill.Packages, struct{ Name, Version, Type, PURL, Origin string }{"jq", "1.9-r3", "", "pkg:apk/dhi/jq@1.9-r3?distro=dhi-3.23", ""})
	w.write("sbom.json", bill.cyclonedx(func(string) bool { return true }))
	return w, osvRecord("DHI-CVE-2026-1111-jq", "Docker Hardened Images:Alpine:3.23", "jq", []string{"1.9-r3"})
}

// TestSignedAdvisories: a signature that lies beside a record has to be good, and in a
// checkout of the vendor's repository every record has to have one. A record is never left
// out for its signature: its package would look clean.
func TestSignedAdvisories(t *testing.T) {
	const commit = "00076d17aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	const at, id = "osv/jq/DHI-CVE-2026-1111-jq.json", "DHI-CVE-2026-1111-jq"
	other, err := testkit.SeededKey("somebody else's key")
	if err != nil {
		t.Fatal(err)
	}
	_, affected := advisoryWorld(t)
	decoy := osvRecord("DHI-CVE-2026-2222-jq", "Docker Hardened Images:Alpine:3.23", "jq", []string{"1.9-r3"})
	key, err := testkit.SeededKey("the key of the test")
	if err != nil {
		t.Fatal(err)
	}
	good := sigstoreBundle(t, key, affected)
	git := map[string][]byte{".git": nil, "vex/jq/jq.vex.json": []byte("{}"),
		"integration/examples/osv/decoy.json": decoy} // .git: the files are those of a commit
	with := func(files map[string][]byte, more ...map[string][]byte) map[string][]byte {
		out := maps.Clone(files)
		for _, m := range more {
			maps.Copy(out, m)
		}
		return out
	}
	signed := map[string][]byte{at: affected, at + ".sig": good}
	for _, tt := range []struct {
		name   string
		files  map[string][]byte
		source string // below the folder; archives are made of the files
		want   []string
		signed int
		commit string
		says   string
	}{
		{"no_signature", map[string][]byte{at: affected}, "osv", []string{id}, 0, "", "taken on your word"},
		{"good_signature", signed, "osv", []string{id}, 1, "", "signed by"},
		{"one_file", signed, at, []string{id}, 1, "", "signed by"},
		{"another_key", with(signed, map[string][]byte{at + ".sig": sigstoreBundle(t, other, affected)}), "osv", nil, 0, "", at},
		{"signature_of_another_version", with(signed, map[string][]byte{at + ".sig": sigstoreBundle(t, key, append(slices.Clone(affected), ' '))}), "osv", nil, 0, "", "another version"},
		{"signature_is_none", with(signed, map[string][]byte{at + ".sig": []byte("{}")}), "osv", nil, 0, "", at},
		{"record_made_invisible", with(signed, map[string][]byte{at: []byte("{}"), "osv/yq/x.json": osvRecord("X", "DHI", "yq", []string{"1"})}), "osv", nil, 0, "", at},
		{"checkout", with(signed, git), ".", []string{id}, 1, "checked out", "signed by"},
		{"folder_of_a_checkout", with(signed, git), "osv", []string{id}, 1, "checked out", "signed by"},
		{"folder_of_a_checkout_without_a_signature", with(git, map[string][]byte{at: affected}), "osv", nil, 0, "", "no signature lies beside it"},
		{"checkout_without_a_signature", with(git, map[string][]byte{at: affected}), ".", nil, 0, "", "no signature lies beside it"},
		{"copy_of_the_repository", with(map[string][]byte{at: affected}, map[string][]byte{"vex/x.json": []byte("{}"), "integration/osv/decoy.json": decoy}), ".", []string{id}, 0, "", "taken on your word"},
		{"repository_of_the_users_own", map[string][]byte{"records/jq.json": affected, ".git": nil}, ".", []string{id}, 0, "checked out", "taken on your word"},
		{"folder_in_a_repository_of_the_users_own", map[string][]byte{"osv/jq.json": affected, ".git": nil}, "osv", []string{id}, 0, "", "taken on your word"},
		{"archive_of_a_checkout", with(signed, map[string][]byte{"integration/osv/decoy.json": decoy}), commit + ".tar", []string{id}, 1, commit, "signed by"},
		{"archive_of_a_checkout_without_a_signature", map[string][]byte{at: affected}, commit + ".tar", nil, 0, "", "no signature lies beside it"},
		{"archive_with_a_wrong_signature", with(signed, map[string][]byte{at + ".sig": sigstoreBundle(t, other, affected)}), "plain.tar", nil, 0, "", at},
		{"archive", with(map[string][]byte{at: affected}, map[string][]byte{"integration/x.json": decoy}), "plain.tar", []string{id, "DHI-CVE-2026-2222-jq"}, 0, "", "taken on your word"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := advisoryWorld(t)
			root := filepath.Join(t.TempDir(), "advisories")
			source := filepath.Join(root, filepath.FromSlash(tt.source))
			if name, ok := strings.CutSuffix(tt.source, ".tar"); ok {
				tt.files = map[string][]byte{tt.source: tarOf(t, strings.TrimPrefix(name, "plain"), tt.files)}
			}
			if _, ok := tt.files[".git"]; ok {
				tt.files = maps.Clone(tt.files)
				delete(tt.files, ".git")
				head, err := testkit.Git{Files: tt.files, Made: built}.Checkout(root)
				if err != nil {
					t.Fatal(err)
				}
				if tt.commit != "" {
					tt.commit = head
				}
			}
			for name, content := range tt.files {
				name = filepath.Join(root, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, content, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			args := append([]string{"verify", "sbom:" + w.path("sbom.json"), "--base-sbom", w.path("sbom.json"), "--advisories", source,
				"--key", w.path("key.pem"), "--require", "none", "--report-dir", w.path("report")}, w.dbFlags...)
			code, stdout, stderr := w.run(args...)
			r := w.report()
			if r == nil {
				t.Fatal(stdout, stderr)
			}
			var got []string
			for _, v := range r.Vulnerabilities {
				got = append(got, v.ID)
			}
			slices.Sort(got)
			if !slices.Equal(got, tt.want) {
				t.Errorf("findings %q, want %q", got, tt.want)
			}
			s := stageOf(r, report.StageVuln)
			told := s.Reason
			for _, x := range r.Observations {
				told += "\n" + x.Message
			}
			if !strings.Contains(told, tt.says) {
				t.Errorf("nothing says %q: %s", tt.says, told)
			}
			if tt.want == nil {
				if code != fault.Unavailable || s.State != report.Failed {
					t.Errorf("exit %d, vulnerabilities %s: %s", code, s.State, s.Reason)
				}
				return
			}
			if len(r.Advisories) != 1 {
				t.Fatalf("vulnerabilities %s (%s), advisories %+v", s.State, s.Reason, r.Advisories)
			}
			if s.State != report.Done || r.Advisories[0].Signed != tt.signed || r.Advisories[0].Commit != tt.commit || len(r.Advisories[0].Signers) != min(tt.signed, 1) {
				t.Errorf("vulnerabilities %s (%s), advisories %+v", s.State, s.Reason, r.Advisories)
			}
			if !strings.Contains(w.file("vex-ledger.json"), r.Advisories[0].Digest) {
				t.Error("the ledger does not name the advisories")
			}
		})
	}
}

// TestAdvisoriesFromAServer: an archive may be a URL. A server that does not have it decides
// nothing.
func TestAdvisoriesFromAServer(t *testing.T) {
	const commit, at = "00076d17aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "osv/jq/jq.json"
	w, affected := advisoryWorld(t)
	packed := tarOf(t, commit, map[string][]byte{at: affected, at + ".sig": sigstoreBundle(t, w.key, affected)})
	server := httptest.NewServer(http.HandlerFunc(func(to http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/advisories.tar" {
			http.NotFound(to, req)
			return
		}
		_, _ = to.Write(packed)
	}))
	defer server.Close()
	gate := func(location string) (fault.Code, *report.Report, string) {
		_ = os.RemoveAll(w.path("report"))
		code, stdout, stderr := w.run(append([]string{"verify", "sbom:" + w.path("sbom.json"), "--base-sbom", w.path("sbom.json"), "--advisories", location,
			"--key", w.path("key.pem"), "--require", "none", "--report-dir", w.path("report")}, w.dbFlags...)...)
		return code, w.report(), stdout + stderr
	}
	_, r, text := gate(server.URL + "/advisories.tar")
	if r == nil || len(r.Advisories) != 1 || r.Advisories[0].Signed != 1 || r.Advisories[0].Commit != commit {
		t.Fatalf("%s", text)
	}
	finding(t, r, "DHI-CVE-2026-1111-jq")
	code, r, text := gate(server.URL + "/none.tar")
	must(t, code, r, text, fault.Unavailable, report.Error)
}

// tarOf packs files below a folder, as git does when a commit is given.
func tarOf(t *testing.T, commit string, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	write := func(h tar.Header, content []byte) {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if commit != "" {
		write(tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": commit}}, nil)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		write(tar.Header{Name: "advisories-main/" + name, Size: int64(len(files[name])), Mode: 0o644, Typeflag: tar.TypeReg}, files[name])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestPublishedAdvisory verifies Docker's own record with Docker's own signature, offline,
// and refuses it once a byte is changed.
func TestPublishedAdvisory(t *testing.T) {
	const record = "clickhouse-keeper/GHSA-8j36-9622-f5cj.json"
	source := filepath.Join(realData, "dhi", "signed", "osv")
	data, err := os.ReadFile(filepath.Join(source, record))
	if err != nil {
		t.Skip("the signed record is not here")
	}
	sig, err := os.ReadFile(filepath.Join(source, record+".sig"))
	if err != nil {
		t.Fatal(err)
	}
	w := newDocumentWorld(t)
	bill := compact{Release: map[string]string{"ID": "debian", "VERSION_ID": "12"}}
	bill.Packages = append(bill.Packages, struct{ Name, Version, Type, PURL, Origin string }{"clickhouse-keeper", "23.7.6+110", "", "pkg:dhi/clickhouse-keeper@23.7.6%2B110", ""})
	w.write("sbom.json", bill.cyclonedx(func(string) bool { return true }))
	_, r, text := w.scan("sbom.json", "--advisories", source)
	if r == nil || len(r.Advisories) != 1 || r.Advisories[0].Signed != 1 || !strings.Contains(strings.Join(r.Advisories[0].Signers, ""), "dhi-2") {
		t.Fatalf("advisories are not signed by Docker: %s", text)
	}
	finding(t, r, "GHSA-8j36-9622-f5cj")

	w.write("record.json", bytes.Replace(data, []byte("23.7.6+111"), []byte("23.7.6+110"), 1))
	w.write("record.json.sig", sig)
	code, r, text := w.scan("sbom.json", "--advisories", w.path("record.json"))
	must(t, code, r, text, fault.Unavailable, report.Error)
}
