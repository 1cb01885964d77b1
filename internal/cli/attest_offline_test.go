package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

const shared = "../../../shared/data"

// TestVerifyBundleConformance runs the command over the bundles of the
// sigstore-conformance project, as their README says: folders that end in _fail must be
// refused, all others accepted.
func TestVerifyBundleConformance(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(shared, "bundles", "*", "bundle.sigstore.json"))
	if err != nil || len(folders) == 0 {
		t.Skip("no ../shared/data/bundles: the conformance bundles are not here")
	}
	w := newWorld(t, testkit.RegistryOptions{})
	for _, bundle := range folders {
		dir := filepath.Dir(bundle)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			text := func(name, otherwise string) string {
				data, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					return otherwise
				}
				return strings.TrimSpace(string(data))
			}
			file := func(name, otherwise string) string {
				if path := filepath.Join(dir, name); exists(path) {
					return path
				}
				return otherwise
			}
			args := []string{"attest", "verify-bundle", "--bundle", bundle}
			if key := file("key.pub", ""); key != "" {
				args = append(args, "--key", key)
			} else {
				args = append(args,
					"--certificate-identity", text("identity", "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"),
					"--certificate-oidc-issuer", text("issuer", "https://token.actions.githubusercontent.com"))
			}
			if root := file("trusted_root.json", ""); root != "" {
				args = append(args, "--trusted-root", root)
			}
			code, stdout, stderr := w.run(append(args, file("artifact", filepath.Join(shared, "bundles", "a.txt")))...)
			if want := strings.HasSuffix(dir, "_fail"); want != (code != fault.OK) {
				t.Errorf("exit %d, want a failure: %t\n%s%s", code, want, stdout, stderr)
			}
		})
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestVerifyBundleOfDocker(t *testing.T) {
	vex := filepath.Join(shared, "dhi/signed/vex/alpine-base/dhi-alpine-base.vex.json")
	if !exists(vex) {
		t.Skip("no ../shared/data/dhi/signed: Docker's signed documents are not here")
	}
	w := newWorld(t, testkit.RegistryOptions{})
	data, err := os.ReadFile(vex)
	if err != nil {
		t.Fatal(err)
	}
	longer := w.path("longer.json")
	if err := os.WriteFile(longer, append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, key, file string
		code            fault.Code
		says            string
	}{
		{"dhi-2", "dhi-2", vex, fault.OK, "signed by key dhi-2"},
		{"dhi-1_is_inactive", "dhi-1", vex, fault.Usage, "dhi-1"},
		{"added_newline", "dhi-2", longer, fault.Policy, "another version"},
		{"no_signer_named", "", vex, fault.Usage, "key"},
		{"file_is_gone", "dhi-2", w.path("gone.json"), fault.Usage, "gone.json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := []string{"attest", "verify-bundle", "--bundle", vex + ".sig"}
			if tt.key != "" {
				args = append(args, "--key", tt.key)
			}
			code, stdout, stderr := w.run(append(args, tt.file)...)
			if code != tt.code || !strings.Contains(stdout+stderr, tt.says) {
				t.Errorf("exit %d, want %d saying %q\n%s%s", code, tt.code, tt.says, stdout, stderr)
			}
		})
	}
}

func TestVerifyFromReport(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	code, r, text := w.verify(ref, "--require", "dhi")
	must(t, code, r, text, fault.OK, report.Pass)

	from := func(more ...string) (fault.Code, string) {
		code, stdout, stderr := w.run(append([]string{"attest", "verify", "--from", w.path("report"), "--key", w.path("key.pem")}, more...)...)
		return code, stdout + stderr
	}
	if code, text := from(); code != fault.OK || !strings.Contains(text, "4 of 4 attestations verified") {
		t.Errorf("exit %d\n%s", code, text)
	}
	for _, a := range r.Attestations {
		if a.Family != "vex" {
			continue
		}
		file := filepath.Join(w.path("report"), a.Path)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if code, text := from(); code != fault.Policy || !strings.Contains(text, "INVALID") {
		t.Errorf("after a change: exit %d\n%s", code, text)
	}
	if code, text := w.fromEmpty(); code != fault.Usage {
		t.Errorf("an empty directory: exit %d\n%s", code, text)
	}
}

// TestVerifyFromHoldsToTheRules: what the options require of an image is required of its
// saved evidence too.
func TestVerifyFromHoldsToTheRules(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image().Without(testkit.PredicateOpenVEX).Without(testkit.PredicateProvenance).Plus(testkit.Attestation{
		PredicateType: testkit.PredicateProvenance, Predicate: map[string]any{
			"buildDefinition": map[string]any{"externalParameters": map[string]any{}}, "runDetails": map[string]any{"builder": map[string]any{"id": "https://builder.example/one"}},
		},
	}))
	if _, r, text := w.verify(ref); r == nil || len(r.Attestations) == 0 {
		t.Fatal(text)
	}
	for _, tt := range []struct {
		name, says string
		flags      []string
		code       fault.Code
	}{
		{"nothing", "attestations verified", nil, fault.OK},
		{"what_is_there", "3 of 3 attestations verified", []string{"--require", "provenance"}, fault.OK},
		{"what_is_not", "a verified vex attestation is required; none was found", []string{"--require", "vex"}, fault.Policy},
		{"preset", "a verified vex attestation is required; none was found", []string{"--require", "dhi"}, fault.Policy},
		{"the_builder", "3 of 3", []string{"--builder-id", "https://builder.example/**"}, fault.OK},
		{"another_builder", "https://builder.example/one", []string{"--builder-id", "https://other.example/**"}, fault.Policy},
		{"a_level_that_nobody_vouches_for", "fail: HIG-ATT-", []string{"--slsa-level", "3"}, fault.Policy},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"attest", "verify", "--from", w.path("report"), "--key", w.path("key.pem")}, tt.flags...)
			if code, stdout, stderr := w.run(args...); code != tt.code || !strings.Contains(stdout, tt.says) {
				t.Errorf("exit %d, want %d saying %q\n%s%s", code, tt.code, tt.says, stdout, stderr)
			}
		})
	}
}

func (w *world) fromEmpty() (fault.Code, string) {
	code, stdout, stderr := w.run("attest", "verify", "--from", w.t.TempDir(), "--key", w.path("key.pem"))
	return code, stdout + stderr
}

func TestTrustList(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	file := w.path("gate.yaml")
	rows := "trust:\n  - match: dhi.io/**\n    keys: [" + w.path("key.pem") + "]\n    log: ignore\n    stores: [tags]\n    builders: [{id: \"https://builder.example/**\", level: 2}]\n"
	if err := os.WriteFile(file, []byte(rows), 0o644); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := w.run("trust", "list", "--config", file)
	if code != fault.OK {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	for _, want := range []string{"gate.yaml", w.key.Fingerprint(), "built-in", "cgr.dev", "keyless@distroless.iam.gserviceaccount.com", "  tags  ", "builder https://builder.example/** to SLSA Build level 2", "an earlier row wins"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the table does not say %q:\n%s", want, stdout)
		}
	}
	for name, text := range map[string]string{
		"unknown_key": "trust:\n  - match: a/**\n    kez: [x]\n", "unknown_key_of_a_key": "trust:\n  - match: a/**\n    keys: [{key: dhi-2, until: 2025-06-30}]\n",
		"key_without_a_key": "trust:\n  - match: a/**\n    keys: [{not-after: 2025-06-30}]\n", "bad_day": "trust:\n  - match: a/**\n    keys: [{key: dhi-2, not-after: 30.6.2025}]\n", "no_match": "trust:\n  - keys: [dhi-2]\n", "nobody": "trust:\n  - match: a/**\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := w.run("trust", "list", "--config", file); code != fault.Usage {
			t.Errorf("%s: exit %d\n%s", name, code, stderr)
		}
	}
}

// TestTrustRowDecides verifies an image with the key of a row, without the option key.
func TestTrustRowDecides(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	config := w.path("row.yaml")
	if err := os.WriteFile(config, []byte("require: dhi\ntrust:\n  - match: \""+w.registry.Host()+"/dhi/**\"\n    keys: ["+w.path("key.pem")+"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"verify", ref, "--registry-username", login, "--registry-password-file", w.passwordFile(), "--report-dir", w.path("report")}, w.dbFlags...)
	code, stdout, stderr := w.run(append(args, "--config", config)...)
	must(t, code, w.report(), stdout+stderr, fault.OK, report.Pass)
	code, stdout, stderr = w.run(append(args, "--require", "dhi")...)
	must(t, code, w.report(), stdout+stderr, fault.Policy, report.Fail)
}

// TestKeyringOfARow: the keys of a row have windows and may be inactive; the report says
// why one did not count, by its name.
func TestKeyringOfARow(t *testing.T) {
	other, err := testkit.SeededKey("the key after it")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, keys string
		state      report.AttestationState
		reason     string
	}{
		{"in_its_window", "{key: KEY, not-before: 2026-01-01, not-after: 2026-05-01}, OTHER", report.Verified, "signed by key"},
		{"two_keys", "OTHER, KEY", report.Verified, "signed by key"},
		{"after_its_window", "{key: KEY, not-after: 2026-04-30}, OTHER", report.Invalid, "which is valid only to 2026-04-30"},
		{"before_its_window", "OTHER, {key: KEY, not-before: 2026-05-02}", report.Invalid, "which is valid only from 2026-05-02"},
		{"inactive", "{key: KEY, inactive: rotated in April}, OTHER", report.Invalid, "which is refused: rotated in April"},
		{"unknown", "OTHER", report.Unverified, "no trusted key made its signature; ask the team"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(w.image())
			for name, data := range map[string][]byte{
				"other.pem": other.PublicPEM(),
				"gate.yaml": []byte("trust:\n  - match: \"" + w.registry.Host() + "/**\"\n    hint: ask the team\n    keys: [" +
					strings.NewReplacer("KEY", w.path("key.pem"), "OTHER", w.path("other.pem")).Replace(tt.keys) + "]\n"),
			} {
				if err := os.WriteFile(w.path(name), data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			args := []string{"verify", ref, "--registry-username", login, "--registry-password-file", w.passwordFile(), "--report-dir", w.path("report"), "--require", "vex"}
			code, _, text := w.run(append(append(args, w.dbFlags...), "--config", w.path("gate.yaml"))...)
			if a := vexOf(t, w.report()); a.State != tt.state || !strings.Contains(a.Reason, tt.reason) {
				t.Errorf("the VEX is %s because %q", a.State, a.Reason)
			}
			if want := map[bool]fault.Code{true: fault.OK, false: fault.Policy}[tt.state == report.Verified]; code != want {
				t.Errorf("exit %d, want %d\n%s", code, want, text)
			}
			if tt.state == report.Invalid && tt.name == "inactive" {
				// Naming the key for the run does not bring it back.
				code, _, text := w.run(append(append(args, w.dbFlags...), "--config", w.path("gate.yaml"), "--key", w.path("key.pem"))...)
				if code == fault.OK || !strings.Contains(text, "rotated in April") {
					t.Errorf("a retired key that is named for the run: exit %d\n%s", code, text)
				}
			}
		})
	}
}

// TestLogPolicyOfARow: what a row wants of the transparency log holds, and the option wins
// over it in both directions. The signatures of the test are not logged.
func TestLogPolicyOfARow(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	for _, tt := range []struct {
		row, option string
		want        report.AttestationState
	}{
		{"auto", "", report.Verified}, {"require", "", report.Invalid}, {"require", "auto", report.Invalid}, {"require", "ignore", report.Verified},
		{"ignore", "", report.Verified}, {"ignore", "require", report.Invalid}, {"auto", "require", report.Invalid},
	} {
		t.Run(tt.row+"_"+tt.option, func(t *testing.T) {
			config := w.path("log.yaml")
			row := "trust:\n  - match: \"" + w.registry.Host() + "/**\"\n    keys: [" + w.path("key.pem") + "]\n    log: " + tt.row + "\n"
			if err := os.WriteFile(config, []byte(row), 0o644); err != nil {
				t.Fatal(err)
			}
			args := []string{"verify", ref, "--registry-username", login, "--registry-password-file", w.passwordFile(), "--report-dir", w.path("report"), "--config", config}
			if tt.option != "" {
				args = append(args, "--transparency-log", tt.option)
			}
			_, _, text := w.run(append(args, w.dbFlags...)...)
			if a := vexOf(t, w.report()); a.State != tt.want {
				t.Errorf("the VEX is %s because %q, want %s\n%s", a.State, a.Reason, tt.want, text)
			}
		})
	}
}

// TestProvenanceRules holds the verified provenance to the user's rules.
func TestProvenanceRules(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	img := w.image().Without(testkit.PredicateProvenance).Plus(testkit.Attestation{PredicateType: testkit.PredicateProvenance, Predicate: map[string]any{
		"buildDefinition": map[string]any{
			"buildType": "https://mobyproject.org/buildkit@v1", "externalParameters": map[string]any{}, "resolvedDependencies": []any{},
		},
		"runDetails": map[string]any{"builder": map[string]any{"id": "https://builder.example/one"}},
	}})
	ref, _ := w.push(img)
	for _, tt := range []struct {
		name  string
		flags []string
		code  fault.Code
		want  report.Result
		says  string
	}{
		{"builder", []string{"--builder-id", "https://builder.example/*"}, fault.OK, report.Pass, ""},
		{"other_builder", []string{"--builder-id", "https://other.example/**"}, fault.Policy, report.Fail, "https://builder.example/one"},
		{"level_of_no_trusted_builder", []string{"--slsa-level", "2"}, fault.Policy, report.Fail, "level"},
		{"no_summary", []string{"--vsa-verifier", "https://verifier.example/**"}, fault.Policy, report.Fail, "vsa"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, r, text := w.verify(ref, tt.flags...)
			must(t, code, r, text, tt.code, tt.want)
			if !strings.Contains(strings.Join(r.Verdict.Reasons, "\n"), tt.says) {
				t.Errorf("reasons %q do not say %q", r.Verdict.Reasons, tt.says)
			}
		})
	}
}

// TestLocalAttestations verifies an image whose attestations are on disk.
func TestLocalAttestations(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	img := w.image()
	b, err := img.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.PushImage(t.Context(), w.registry.Repository("dhi/app")); err != nil {
		t.Fatal(err)
	}
	layout := w.path("layout")
	if err := b.Push(t.Context(), testkit.Layout(layout)); err != nil {
		t.Fatal(err)
	}
	ref := w.registry.Host() + "/dhi/app:1.0"
	code, r, text := w.verify(ref, "--require", "dhi")
	must(t, code, r, text, fault.Policy, report.Fail)
	code, r, text = w.verify(ref, "--require", "dhi", "--attestation", layout)
	must(t, code, r, text, fault.OK, report.Pass)
	code, r, text = w.verify("oci-dir:"+layout, "--require", "dhi")
	must(t, code, r, text, fault.OK, report.Pass)
	if code, _, stderr := w.run("verify", ref, "--attestation", w.path("gone"), "--report-dir", w.path("report")); code != fault.Usage {
		t.Errorf("attestations that are not there: exit %d\n%s", code, stderr)
	}
}
