package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

const (
	htmlPage   = "<!DOCTYPE html>\n<html><title>Sign in</title><script>alert(1)</script></html>"
	lfsPointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)

func write(t *testing.T, name, data string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// A VEX file that is none suppresses nothing, is told by name, and ends no run.
func TestNamedVEXThatIsNone(t *testing.T) {
	deep := strings.Repeat("[", 100_000)
	for _, tt := range []struct{ name, data, reason string }{
		{"html_page", htmlPage, "HTML page"},
		{"lfs_pointer", lfsPointer, "Git LFS pointer"},
		{"empty", "", "empty"},
		{"cut_off", `{"@context":"https://openvex.dev/ns/v0.2.0","statements":[{"vuln`, "JSON"},
		{"other_json", `{"packages":[]}`, ""},
		{"no_object", `["not_affected"]`, ""},
		{"deep", deep, ""},
		{"hostile_id", `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"\u001b[31m\n::error::x","author":"<script>","statements":"none"}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(w.image().Without(testkit.PredicateOpenVEX))
			file := write(t, w.path("named.json"), tt.data)
			code, r, text := w.verify(ref, "--vex", file)
			must(t, code, r, text, fault.Policy, report.Fail)
			if finding(t, r, "CVE-2025-4802").Decision.Status != report.Open {
				t.Errorf("the finding is suppressed")
			}
			if len(r.VEX.Documents) != 1 || r.VEX.Documents[0].State != "rejected" || !strings.Contains(r.VEX.Documents[0].Reason, tt.reason) {
				t.Fatalf("the document is %+v, want it rejected because %q", r.VEX.Documents, tt.reason)
			}
			t.Log(r.VEX.Documents[0].Reason)
			for where, shown := range map[string]string{"terminal": text, "summary": w.file(report.FileSummary)} {
				if shown = flat(shown); !strings.Contains(shown, "named.json") || !strings.Contains(shown, "was not used") {
					t.Errorf("the %s does not say that the file was not used:\n%s", where, shown)
				}
			}
			neutral(t, "the terminal", text)
		})
	}
}

// The option names a file: one that is not used must not leave a plain pass behind.
func TestNamedVEXThatIsNoneIsNoPlainPass(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	code, r, text := w.verify(ref, "--vex", write(t, w.path("named.json"), htmlPage))
	must(t, code, r, text, fault.OK, report.Warn)
	if !strings.Contains(strings.Join(r.Verdict.Reasons, "\n"), "named.json") {
		t.Errorf("no reason names the file: %q", r.Verdict.Reasons)
	}
	for _, gone := range []string{w.path("gone.json"), w.path("*.none")} {
		code, r, text = w.verify(ref, "--vex", gone)
		must(t, code, r, text, fault.Usage, report.Error)
		complains(t, text, filepath.Base(gone), "give a file, a folder or a glob")
	}
}

// A signed VEX attestation whose predicate is no VEX is genuine and useless.
func TestAttestedVEXThatIsNone(t *testing.T) {
	for _, tt := range []struct {
		name      string
		predicate any
		state     report.AttestationState
	}{
		{"html_page", json.RawMessage(htmlPage), report.Invalid}, // which makes the statement no JSON
		{"lfs_pointer", json.RawMessage(lfsPointer), report.Invalid},
		{"text", lfsPointer, report.Verified},
		{"other_json", map[string]any{"packages": []any{}}, report.Verified},
		{"null", json.RawMessage("null"), ""},
		{"statements_of_another_kind", map[string]any{"@context": testkit.PredicateOpenVEX, "@id": "x", "author": "x", "statements": "all"}, report.Verified},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(w.image().Without(testkit.PredicateOpenVEX).Plus(testkit.Attestation{PredicateType: testkit.PredicateOpenVEX, Predicate: tt.predicate}))
			code, r, text := w.verify(ref, "--require", "vex")
			must(t, code, r, text, fault.Policy, report.Fail)
			w.suppressesNothing(r)
			if a := vexOf(t, r); tt.state != "" && a.State != tt.state {
				t.Errorf("the VEX is %s because %q, want %s", a.State, a.Reason, tt.state)
			}
			if a := vexOf(t, r); a.State == report.Verified && (len(r.VEX.Documents) != 1 || r.VEX.Documents[0].State != "rejected" || !strings.Contains(flat(text), "was not used")) {
				t.Errorf("the document is %+v\n%s", r.VEX.Documents, text)
			}
		})
	}
}

// A database that cannot be used decides nothing; what the image and its attestations
// say is in the report all the same.
func TestBadDatabase(t *testing.T) {
	good, err := archive()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, file, data string
		code             fault.Code
		reason           string
	}{
		{"bit_flipped", "db.tar.zst", string(flipped(data, len(data)/2)), fault.Unavailable, ""},
		{"bit_of_the_checksum_flipped", "db.tar.zst", string(flipped(data, len(data)-1)), fault.Unavailable, "CRC"},
		{"truncated", "db.tar.zst", string(data[:len(data)/2]), fault.Unavailable, ""},
		{"html_page", "db.tar.zst", htmlPage, fault.Unavailable, ""},
		{"lfs_pointer", "db.tar.zst", lfsPointer, fault.Unavailable, "neither"},
		{"empty", "db.tar.zst", "", fault.Unavailable, ""},
		{"not_sqlite", "vulnerability.db", "SQLite format 4", fault.Unavailable, ""},
		{"missing_path", "", "", fault.Usage, "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(w.image())
			db := w.path("gone.tar.zst")
			if tt.file != "" {
				db = write(t, w.path(tt.file), tt.data)
			}
			w.dbFlags = []string{"--db", db, "--cache-dir", w.path("cache")}
			code, r, text := w.verify(ref)
			must(t, code, r, text, tt.code, report.Error)
			s := stageOf(r, report.StageVuln)
			t.Logf("%s\n  hint: %s", s.Reason, s.Hint)
			if s.State != report.Failed || !strings.Contains(s.Reason, tt.reason) || s.Hint == "" || r.Database.State != report.Failed {
				t.Errorf("the stage is %+v, the database %+v", s, r.Database)
			}
			w.undecided(r, text)
		})
	}
}

// undecided checks that everything but the vulnerabilities was gathered and written,
// and that nothing reads like a clean bill.
func (w *world) undecided(r *report.Report, text string) {
	w.t.Helper()
	if r.SBOM.Packages != 2 || w.file("sbom.cyclonedx.json") == "" || len(r.Attestations) != 4 || r.Attestations[0].State != report.Verified {
		w.t.Errorf("%d packages, attestations %+v", r.SBOM.Packages, r.Attestations)
	}
	if summary := w.file(report.FileSummary); !strings.Contains(summary, "Vulnerabilities were not decided") || strings.Contains(text, " 0 critical") {
		w.t.Errorf("it reads like a clean bill:\n%s\n%s", summary, text)
	}
}

func TestDatabaseTooOld(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	code, r, text := w.verify(ref, "--db-max-age", "1h") // it was built a day ago
	must(t, code, r, text, fault.Unavailable, report.Error)
	s := stageOf(r, report.StageVuln)
	t.Logf("%s\n  hint: %s", s.Reason, s.Hint)
	if !strings.Contains(s.Reason, "built 24 hours ago") || !strings.Contains(s.Hint, "db-max-age") {
		t.Errorf("the stage is %+v", s)
	}
	w.undecided(r, text)
	for _, age := range []string{"2d", "0"} {
		code, r, text = w.verify(ref, "--db-max-age", age)
		must(t, code, r, text, fault.OK, report.Pass)
	}
	code, r, text = w.verify(ref, "--db-max-age", "1h", "--fail-on-severity", "none")
	must(t, code, r, text, fault.OK, report.Warn) // nobody asked for a decision by severity, but nobody looked either
}

// A database outage with nothing in the cache is told, bounded, and keeps the rest.
func TestDatabaseServerIsDown(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	w.dbFlags = []string{"--db", "http://127.0.0.1:1/db.tar.zst", "--cache-dir", w.path("cache")}
	code, r, text := w.verify(ref)
	must(t, code, r, text, fault.Unavailable, report.Error)
	t.Log(stageOf(r, report.StageVuln))
	w.undecided(r, text)
}
