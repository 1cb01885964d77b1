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

// TestVEXFolder: a repository may keep its own statements beside its code.
func TestVEXFolder(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image().Without(testkit.PredicateOpenVEX))
	t.Chdir(t.TempDir())
	code, r, text := w.verify(ref)
	must(t, code, r, text, fault.Policy, report.Fail)
	if err := os.MkdirAll(filepath.Join(".vex", "app"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeJSON(t, filepath.Join(".vex", "app", "one.vex.json"), openVEX("not_affected"))
	code, r, text = w.verify(ref)
	must(t, code, r, text, fault.OK, report.Warn) // the publisher attaches VEX, and none is there
	if d := finding(t, r, "CVE-2025-4802").Decision; d.Status != report.Suppressed || d.Statement.Trust != report.TrustNamed {
		t.Errorf("decision is %+v", d)
	}
	for _, without := range [][]string{{"--vex-policy", "off"}, {"--vex-folder", "none"}, {"--vex-folder", "elsewhere"}} {
		code, r, text = w.verify(ref, without...)
		must(t, code, r, text, fault.Policy, report.Fail)
	}
	code, r, text = w.verify(ref, "--vex-folder", filepath.Join(".vex", "app"))
	must(t, code, r, text, fault.OK, report.Warn)
	if err := os.WriteFile(filepath.Join(".vex", "broken.json"), []byte("<html>"), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, r, text = w.verify(ref); code == fault.OK && r.Verdict.Result == report.Pass {
		t.Errorf("a file of the folder that is no VEX was passed over: %s", text)
	}
}

func TestVEXRules(t *testing.T) {
	// One statement was made long ago, the other only promises to look.
	at := built.AddDate(0, 0, -400).Format("2006-01-02T15:04:05Z07:00")
	old, investigated := openVEX("not_affected"), openVEX("under_investigation")
	old["timestamp"], investigated["timestamp"] = at, at
	for _, tt := range []struct {
		name  string
		vex   map[string]any // nil for the usual
		flags []string
		code  fault.Code
		want  report.Result
		says  string
	}{
		{"accepted", nil, []string{"--vex-accept", "justification=vulnerable_code_not_in_execute_path max=high"}, fault.OK, report.Pass, ""},
		{"refused_by_severity", nil, []string{"--vex-accept", "max=medium"}, fault.Policy, report.Fail, "vex-accept rule 1"},
		{"refused_by_signer", nil, []string{"--vex-accept", "signer=nobody*", "--vex-accept", "deny"}, fault.Policy, report.Fail, "vex-accept rule 2 denies"},
		{"malformed_rule", nil, []string{"--vex-accept", "max=enormous"}, fault.Usage, report.Error, "no severity"},
		{"unversioned_unknown", nil, []string{"--vex-unversioned", "sometimes"}, fault.Usage, report.Error, "strict, own-image, any"},
		{"limits_kept", nil, []string{"--vex-limits", "over-broad=0,unsigned=0,stale=0,contradictory=0,critical-without-statement=0"}, fault.OK, report.Pass, ""},
		{"stale", old, []string{"--vex-max-age", "180d", "--vex-limits", "stale=0"}, fault.Policy, report.Fail, "older than vex-max-age: 1"},
		{"stale_without_an_age", old, []string{"--vex-limits", "stale=0"}, fault.OK, report.Pass, ""},
		{"investigated_too_long", investigated, []string{"--fail-on-severity", "none", "--vex-limits", "investigating-days=365"}, fault.Policy, report.Fail, "under investigation: 401"},
		{"limits_without_decisions", nil, []string{"--vex-policy", "off", "--fail-on-severity", "none", "--vex-limits", "stale=0"}, fault.Unavailable, report.Error, "could not be held"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			img := w.image()
			if tt.vex != nil {
				img = withVEX(w, tt.vex)
			}
			ref, _ := w.push(img)
			code, r, text := w.verify(ref, tt.flags...)
			if code != tt.code || r != nil && r.Verdict.Result != tt.want {
				t.Errorf("exit %d, verdict %+v, want %d %s\n%s", code, r.Verdict, tt.code, tt.want, text)
			}
			if all, _ := json.Marshal(r); !strings.Contains(text+string(all), tt.says) {
				t.Errorf("nothing says %q\n%s", tt.says, text)
			}
		})
	}
}

// withVEX is the usual image with another VEX document.
func withVEX(w *world, doc map[string]any) testkit.Image {
	return w.image().Without(testkit.PredicateOpenVEX).Plus(testkit.Attestation{PredicateType: testkit.PredicateOpenVEX, Predicate: doc})
}

func TestLedgerAndExplain(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	newer := openVEX("under_investigation")
	newer["timestamp"] = built.AddDate(0, 0, -1).Format("2006-01-02T15:04:05Z07:00")
	ref, _ := w.push(w.image().Plus(testkit.Attestation{PredicateType: testkit.PredicateOpenVEX, Predicate: newer}))
	code, r, text := w.verify(ref)
	must(t, code, r, text, fault.OK, report.Pass)
	var ledger struct {
		Image    struct{ Digest, Canonical string }
		Counts   report.Counts
		Findings []struct {
			Vulnerability, Package string
			Decision               report.Decision
		}
		Documents []report.VEXDocument
	}
	readJSON(t, filepath.Join(w.path("report"), report.FileLedger), &ledger)
	if ledger.Image.Digest != r.Subject.Digest || ledger.Counts.Suppressed != 1 || len(ledger.Findings) != len(r.Vulnerabilities) || len(ledger.Documents) != 2 {
		t.Errorf("the ledger is %+v", ledger)
	}
	for _, f := range ledger.Findings {
		if s := f.Decision.Statement; f.Decision.Status == report.Suppressed && (s == nil || s.Signer == "" || s.Matched == "" || s.Product == "") {
			t.Errorf("the ledger does not say why %s is suppressed: %+v", f.Vulnerability, f.Decision)
		}
	}
	args := append([]string{"vex", ref, "--registry-username", login, "--registry-password-file", w.passwordFile(), "--key", w.path("key.pem"), "--explain", "cve-2025-4802"}, w.dbFlags...)
	code, out, stderr := w.run(args...)
	if code != fault.OK {
		t.Fatalf("exit %d\n%s%s", code, out, stderr)
	}
	for _, want := range []string{"SUPPRESSED CVE-2025-4802", "2 statements", "DECIDES: not_affected", "applicable: under_investigation"} {
		if !strings.Contains(out, want) {
			t.Errorf("nothing says %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "CVE-2023-50495") {
		t.Errorf("another vulnerability is told of:\n%s", out)
	}
}
