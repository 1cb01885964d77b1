package attest

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/report"
)

// layoutSubject is the image of a layout that `cosign save` wrote.
func layoutSubject(t testing.TB, dir string) Subject {
	t.Helper()
	var top, index v1.IndexManifest
	if err := json.Unmarshal(slurp(t, filepath.Join(dir, "index.json")), &top); err != nil {
		t.Fatal(err)
	}
	raw := slurp(t, filepath.Join(dir, "blobs", "sha256", top.Manifests[0].Digest.Hex))
	if err := json.Unmarshal(raw, &index); err != nil {
		t.Fatal(err)
	}
	return Subject{Digest: index.Manifests[0].Digest, Index: top.Manifests[0].Digest, IndexRaw: raw}
}

// TestSignedImages: real images with keyless attestations in a saved layout.
func TestSignedImages(t *testing.T) {
	for _, version := range []string{"v1.9.0", "v2.0.0", "v2.1.0"} {
		t.Run(version, func(t *testing.T) {
			dir := shared(t, "signed-images", "slsa-example-"+version)
			roots := rootFile(t, filepath.Join(shared(t, "trusted-roots"), "public-good.json"))
			subject := layoutSubject(t, dir)
			who := "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/" + version
			right := Options{Identities: []trust.Identity{{Subject: who, Issuer: githubIssuer}}, Roots: roots}
			store, err := OpenLocal(os.DirFS(dir), ".", "oci-dir:"+version, right)
			if err != nil {
				t.Fatal(err)
			}
			judge := func(opt Options, subject Subject) (*Result, report.Attestation) {
				t.Helper()
				res := mustVerify(t, subject, opt, store)
				for _, a := range res.Attestations {
					if a.Form == "dsse" {
						return res, a
					}
				}
				return res, report.Attestation{}
			}
			res, a := judge(right, subject)
			if a.State != report.Verified || a.Family != FamilyProvenance || a.Subject != subject.Index.String() || a.SignedAt == nil || a.Log == "" {
				t.Fatalf("%+v", a)
			}
			if !strings.Contains(a.Signer, who) || len(res.Verified) != 1 {
				t.Errorf("signer %s, %d verified", a.Signer, len(res.Verified))
			}
			wrong := right
			wrong.Identities = []trust.Identity{{Subject: who + "x", Issuer: githubIssuer}}
			if _, a := judge(wrong, subject); a.State != report.Unverified || !strings.Contains(a.Reason, "not a trusted identity") {
				t.Errorf("wrong identity: %s, %s", a.State, a.Reason)
			}
			wrong.Identities = []trust.Identity{{Subject: who, Issuer: "https://accounts.google.com"}}
			if _, a := judge(wrong, subject); a.State != report.Unverified || !strings.Contains(a.Reason, "not a trusted identity") {
				t.Errorf("wrong issuer: %s, %s", a.State, a.Reason)
			}
			wrong = right
			wrong.Roots = rootFile(t, filepath.Join(shared(t, "trusted-roots"), "staging.json"))
			if _, a := judge(wrong, subject); a.State != report.Unverified || !strings.Contains(a.Reason, "chains to no trusted root") {
				t.Errorf("wrong root: %s, %s", a.State, a.Reason)
			}
			if _, a := judge(right, Subject{Digest: imageDigest("other")}); a.State != report.Invalid || !strings.Contains(a.Reason, "the statement speaks of") {
				t.Errorf("changed digest: %s, %s", a.State, a.Reason)
			}
		})
	}
}

// TestGitHubBundles: bundles that GitHub's attestations made.
func TestGitHubBundles(t *testing.T) {
	dir := shared(t, "gh-attestation")
	public := rootFile(t, filepath.Join(shared(t, "trusted-roots"), "public-good.json"))
	github := rootFile(t, filepath.Join(shared(t, "trusted-roots"), "github.json"))
	const (
		js       = "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main"
		demo     = "https://github.com/actions/attest-demo/.github/workflows/build-python.yml@refs/heads/main"
		reusable = "https://github.com/github/artifact-attestations-workflows/.github/workflows/attest.yml@09b495c3f12c7881b3cc17209a327792065c1a1d"
	)
	for _, tt := range []struct {
		file, who string
		roots     []*trust.Root
		refused   string
	}{
		{"sigstore-js-2.1.0-bundle.json", js, public, ""},
		{"sigstore-js-2.1.0-bundle-v0.1.json", js, public, ""},
		{"sigstore-js-2.1.0_with_2_bundles.jsonl", js, public, ""},
		{"reusable-workflow-attestation.sigstore.json", reusable, public, ""},
		{"github_provenance_demo-0.0.12-py3-none-any-bundle.jsonl", demo, github, ""},
		{"github_provenance_demo-0.0.12-py3-none-any-bundle.jsonl", demo, append(append([]*trust.Root{}, public...), github...), ""},
		{"github_provenance_demo-0.0.12-py3-none-any-bundle.jsonl", demo, public, "chains to no trusted root; it says that GitHub's private instance issued it"},
		{"sigstore-js-2.1.0-bundle.json", demo, public, "not a trusted identity"},
		{"sigstore-js-2.1.0-bundle.json", js, github, "chains to no trusted root"},
		{"sigstoreBundle-invalid-signature.json", js, public, "x"},
		{"github_provenance_demo-0.0.12-py3-none-any-bundle-missing-cert.jsonl", demo, github, "x"},
		{"github_provenance_demo-0.0.12-py3-none-any-bundle-missing-verification-material.jsonl", demo, github, "missing verification material"},
	} {
		data := slurp(t, filepath.Join(dir, tt.file))
		_, err := VerifyBundle(t.Context(), Artifact{Name: tt.file, Digest: subjectDigest(data)}, data, Options{
			Identities: []trust.Identity{{Subject: tt.who, Issuer: githubIssuer}}, Roots: tt.roots,
		})
		switch {
		case tt.refused == "" && err != nil:
			t.Errorf("%s: %v", tt.file, err)
		case tt.refused != "" && err == nil:
			t.Errorf("%s: accepted, want %q", tt.file, tt.refused)
		case tt.refused != "" && tt.refused != "x" && !strings.Contains(err.Error(), tt.refused):
			t.Errorf("%s: %v, want %q", tt.file, err, tt.refused)
		}
	}
	// The one artifact that is here verifies as a file too, and no other does.
	bundle := slurp(t, filepath.Join(dir, "reusable-workflow-attestation.sigstore.json"))
	opt := Options{Identities: []trust.Identity{{Subject: reusable, Issuer: githubIssuer}}, Roots: public}
	if _, err := VerifyBundle(t.Context(), fileArtifact(filepath.Join(dir, "reusable-workflow-artifact")), bundle, opt); err != nil {
		t.Error(err)
	}
	if _, err := VerifyBundle(t.Context(), fileArtifact(filepath.Join(dir, "sigstore-js-2.1.0-bundle.json")), bundle, opt); err == nil {
		t.Error("another file is accepted")
	}
}

// subjectDigest is the first subject of the first statement in the bundles.
func subjectDigest(data []byte) string {
	line, _, _ := strings.Cut(string(data), "\n{")
	var b struct {
		DSSE struct{ Payload string } `json:"dsseEnvelope"`
	}
	var s struct {
		Subject []struct{ Digest map[string]string }
	}
	if json.Unmarshal([]byte(line), &b) == nil {
		if payload, err := base64.StdEncoding.DecodeString(b.DSSE.Payload); err == nil && json.Unmarshal(payload, &s) == nil && len(s.Subject) > 0 {
			for algo, hex := range s.Subject[0].Digest {
				return algo + ":" + hex
			}
		}
	}
	return imageDigest("x").String()
}
