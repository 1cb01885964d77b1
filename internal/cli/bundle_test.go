package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/testkit"
)

// TestVerifyBundleOfGitHub verifies what GitHub's attestations made, by digest, also
// with one file for both of GitHub's instances.
func TestVerifyBundleOfGitHub(t *testing.T) {
	dir := filepath.Join(shared, "gh-attestation")
	if !exists(dir) {
		t.Skip("no ../shared/data/gh-attestation: GitHub's bundles are not here")
	}
	w := newWorld(t, testkit.RegistryOptions{})
	github := filepath.Join(shared, "trusted-roots", "github.json")
	var both bytes.Buffer
	for _, name := range []string{filepath.Join(shared, "trusted-roots", "public-good.json"), github} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Compact(&both, data); err != nil {
			t.Fatal(err)
		}
		both.WriteByte('\n')
	}
	if err := os.WriteFile(w.path("roots.jsonl"), both.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	const (
		private, public = "github_provenance_demo-0.0.12-py3-none-any-bundle.jsonl", "sigstore-js-2.1.0_with_2_bundles.jsonl"
		wheel           = "sha256:ae57936def59bc4c75edd3a837d89bcefc6d3a5e31d55a6fa7a71624f92c3c3b"
		npm             = "sha512:90f223f992e4c88dd068cd2a5fc57f9d2b30798343dd6e38f29c240e04ba090ef831f84490847c4e82b9232c78e8a258463b1e55c0f7469f730265008fa6633f"
		demo            = "https://github.com/actions/attest-demo/.github/workflows/build-python.yml@refs/heads/main"
		js              = "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main"
	)
	for _, tt := range []struct {
		name, bundle, artifact, identity, root string
		code                                   fault.Code
		says                                   string
	}{
		{"private_instance", private, wheel, demo, github, fault.OK, "signed by identity " + demo},
		{"private_of_both_instances", private, wheel, demo, w.path("roots.jsonl"), fault.OK, "predicate type https://slsa.dev/provenance"},
		{"public_of_both_instances", public, npm, js, w.path("roots.jsonl"), fault.OK, "log rekor.sigstore.dev"},
		{"embedded_root", public, npm, js, "", fault.OK, "signed by identity " + js},
		{"another_digest", private, "sha256:" + strings.Repeat("ab", 32), demo, github, fault.Policy, "the artifact is none of the statement's 1 subjects"},
		{"another_identity", private, wheel, js, github, fault.Policy, "not a trusted identity"},
		{"without_the_private_root", private, wheel, demo, "", fault.Policy, "gh attestation trusted-root"},
		{"upper_case_digest", private, strings.ToUpper(wheel), demo, github, fault.Usage, "give a file, or a digest"},
		{"short_digest", private, wheel[:20], demo, github, fault.Usage, "is no digest"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := []string{"attest", "verify-bundle", "--bundle", filepath.Join(dir, tt.bundle), "--certificate-identity", tt.identity,
				"--certificate-oidc-issuer", "https://token.actions.githubusercontent.com"}
			if tt.root != "" {
				args = append(args, "--trusted-root", tt.root)
			}
			code, stdout, stderr := w.run(append(args, tt.artifact)...)
			if code != tt.code || !strings.Contains(stdout+stderr, tt.says) {
				t.Errorf("exit %d, want %d saying %q\n%s%s", code, tt.code, tt.says, stdout, stderr)
			}
		})
	}
}

// TestVerifyBundleByKeyOrIdentity: a question with both has no one answer, and the
// clients of sigstore-conformance refuse it.
func TestVerifyBundleByKeyOrIdentity(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	text := []byte("signed\n")
	for name, data := range map[string][]byte{"file": text, "file.sig": sigstoreBundle(t, w.key, text)} {
		if err := os.WriteFile(w.path(name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"attest", "verify-bundle", "--bundle", w.path("file.sig"), "--key", w.path("key.pem"), w.path("file")}
	if code, _, stderr := w.run(args...); code != fault.OK {
		t.Fatalf("with the key alone: exit %d\n%s", code, stderr)
	}
	code, _, stderr := w.run(append(args, "--certificate-identity", "someone", "--certificate-oidc-issuer", "https://issuer.example")...)
	if code != fault.Usage || !strings.Contains(stderr, "by a key or by an identity") {
		t.Errorf("with both: exit %d\n%s", code, stderr)
	}
}
