package claims_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/attest/claims"
	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/report"
)

const image = "sha256:1111111111111111111111111111111111111111111111111111111111111111"

// verified signs each predicate and verifies it again: there is no other way to one.
func verified(t *testing.T, predicates map[string]string) []attest.Verified {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := trust.FromPublic("test", private.Public())
	if err != nil {
		t.Fatal(err)
	}
	dir := fstest.MapFS{}
	for pt, predicate := range predicates {
		payload := `{"_type":"https://in-toto.io/Statement/v1","predicateType":"` + pt + `","subject":[{"name":"x","digest":{"sha256":"` +
			strings.TrimPrefix(image, "sha256:") + `"}}],"predicate":` + predicate + `}`
		sum := sha256.Sum256(dsse.PAE("application/vnd.in-toto+json", []byte(payload)))
		sig, err := private.Sign(rand.Reader, sum[:], crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		env, err := json.Marshal(map[string]any{"payloadType": "application/vnd.in-toto+json", "payload": []byte(payload), "signatures": []any{map[string]any{"sig": sig}}})
		if err != nil {
			t.Fatal(err)
		}
		name := sha256.Sum256([]byte(pt))
		dir[hex.EncodeToString(name[:])+".json"] = &fstest.MapFile{Data: env}
	}
	h, _ := v1.NewHash(image)
	opt := attest.Options{Keys: []trust.Key{key}}
	store, err := attest.OpenLocal(dir, ".", "test", opt)
	if err != nil {
		t.Fatal(err)
	}
	res, err := attest.Verify(t.Context(), attest.Subject{Digest: h}, []attest.Store{store}, opt)
	if err != nil || len(res.Verified) != len(predicates) {
		t.Fatalf("%d verified of %d: %v, %+v", len(res.Verified), len(predicates), err, res.Attestations)
	}
	return res.Verified
}

func TestScans(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	clam := func(text string) string {
		return `{"scanner":{"uri":"clamav/clamav:stable","report":"` + base64.StdEncoding.EncodeToString([]byte(text)) + `"}}`
	}
	const (
		secrets = "https://scout.docker.com/secrets/v0.1"
		virus   = "https://scout.docker.com/virus/v0.1"
		ctrf    = "https://scout.docker.com/tests/v0.1"
		stig    = "https://docker.com/dhi/stig/v0.1"
		fips    = "https://docker.com/dhi/fips/v0.1"
		source  = "https://docker.com/dhi/source/v0.1"
		health  = "https://scout.docker.com/health/v0.1"
	)
	for _, tt := range []struct {
		name, predicateType, predicate, id, state, reason string
	}{
		{"no_secret", secrets, `[]`, "HIG-ATT-031", report.CheckPassed, "no secret"},
		{"no_secret_object", secrets, `{}`, "HIG-ATT-031", report.CheckPassed, "no secret"},
		{"two_secrets", secrets, `[{"a":1},{"b":2}]`, "HIG-ATT-031", report.CheckFailed, "2 secrets"},
		{"secrets_null", secrets, `null`, "HIG-ATT-031", report.CheckUndecided, "no list"},
		{"secrets_text", secrets, `"clean"`, "HIG-ATT-031", report.CheckUndecided, "no list"},
		{"no_virus", virus, clam("Scanned files: 10\nInfected files: 0\n"), "HIG-ATT-032", report.CheckPassed, "no infected"},
		{"virus", virus, clam("Infected files: 3\n"), "HIG-ATT-032", report.CheckFailed, "3 infected"},
		{"virus_ten_is_not_zero", virus, clam("Infected files: 0\nInfected files: 10\n"), "HIG-ATT-032", report.CheckFailed, "10 infected"},
		{"virus_behind_a_long_line", virus, clam("Infected files: 0\n" + strings.Repeat("x", 100<<10) + "\nInfected files: 1\n"), "HIG-ATT-032", report.CheckFailed, "1 infected"},
		{"virus_no_count", virus, clam("Scanned files: 10\n"), "HIG-ATT-032", report.CheckUndecided, "does not say"},
		{"virus_bad_count", virus, clam("Infected files: none\n"), "HIG-ATT-032", report.CheckUndecided, "no readable count"},
		{"virus_not_base64", virus, `{"scanner":{"report":"%%"}}`, "HIG-ATT-032", report.CheckUndecided, "base64"},
		{"tests", ctrf, `{"reportFormat":"CTRF","results":{"summary":{"tests":4,"passed":3,"failed":0,"skipped":1}}}`, "HIG-ATT-033", report.CheckPassed, "3 of 4"},
		{"tests_failed", ctrf, `{"reportFormat":"CTRF","results":{"summary":{"tests":4,"passed":3,"failed":1}}}`, "HIG-ATT-033", report.CheckFailed, "1 of 4 tests failed"},
		{"tests_none_ran", ctrf, `{"reportFormat":"CTRF","results":{"summary":{"tests":0,"passed":0,"failed":0}}}`, "HIG-ATT-033", report.CheckUndecided, "nothing was shown"},
		{"tests_other_format", ctrf, `{"results":{}}`, "HIG-ATT-033", report.CheckUndecided, "no CTRF"},
		{"stig", stig, `[{"name":"p","summary":{"defaultScore":90,"maxDefaultScore":90}}]`, "HIG-ATT-034", report.CheckPassed, "100.0 %"},
		{"stig_below", stig, `[{"name":"p","summary":{"defaultScore":80,"maxDefaultScore":100}}]`, "HIG-ATT-034", report.CheckFailed, "reached 80.0 %, the target is 100.0 %"},
		{"stig_no_score", stig, `[{"name":"p"}]`, "HIG-ATT-034", report.CheckUndecided, "no score"},
		{"stig_empty", stig, `[]`, "HIG-ATT-034", report.CheckUndecided, "no profile"},
		{"fips", fips, `[{"name":"m","status":"active","sunsetDate":"2030-01-01"}]`, "HIG-ATT-035", report.CheckPassed, "1 modules are active"},
		{"fips_last_day", fips, `[{"name":"m","status":"active","sunsetDate":"2026-11-23"}]`, "HIG-ATT-035", report.CheckPassed, ""},
		{"fips_past", fips, `[{"name":"m","status":"active","sunsetDate":"2026-11-22"}]`, "HIG-ATT-035", report.CheckFailed, "past its sunset date 2026-11-22"},
		{"fips_in_process", fips, `[{"name":"m","status":"in process"}]`, "HIG-ATT-035", report.CheckFailed, `"in process", not active`},
		{"fips_empty", fips, `[]`, "HIG-ATT-035", report.CheckUndecided, "no module"},
		{"fips_bad_date", fips, `[{"name":"m","status":"active","sunsetDate":"soon"}]`, "HIG-ATT-035", report.CheckUndecided, "cannot be read"},
		{"source", source, `{"source":{"name":"dhi/python","digest":"sha256:ab"}}`, "HIG-ATT-036", report.CheckPassed, "dhi/python@sha256:ab"},
		{"source_without_name", source, `{"source":{"digest":"sha256:ab"}}`, "HIG-ATT-036", report.CheckUndecided, "no source"},
		{"source_without_digest", source, `{"source":{"name":"dhi/python"}}`, "HIG-ATT-036", report.CheckUndecided, "no source"},
		{"health_decides_nothing", health, `{"score":"A"}`, "HIG-ATT-037", report.CheckUndecided, "no rule"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checks := claims.Evaluate(verified(t, map[string]string{tt.predicateType: tt.predicate}), claims.Options{Now: now, Platform: "linux/amd64"})
			seen := false
			for _, c := range checks {
				if c.Platform != "linux/amd64" {
					t.Errorf("%s has the platform %q", c.ID, c.Platform)
				}
				if c.ID != tt.id {
					if c.State != report.CheckNotApplicable || !strings.Contains(c.Reason, "not offered") {
						t.Errorf("%s: %s, %s, want not offered", c.ID, c.State, c.Reason)
					}
					continue
				}
				seen = true
				if c.State != tt.state || !strings.Contains(c.Reason, tt.reason) {
					t.Errorf("state %s, reason %q; want %s, %q", c.State, c.Reason, tt.state, tt.reason)
				}
			}
			if !seen {
				t.Error("no check for it")
			}
		})
	}
}

// rows is how many checks there are when nothing is offered: one for each family of scans.
const rows = 7

func TestAbsentIsNeverAPass(t *testing.T) {
	for name, opt := range map[string]claims.Options{
		"nothing":    {},
		"builder":    {Provenance: claims.ProvenancePolicy{BuilderID: "https://builder.example/**"}},
		"build_type": {Provenance: claims.ProvenancePolicy{BuildType: "x"}},
		"source":     {Provenance: claims.ProvenancePolicy{SourceURI: "x"}},
		"ref":        {Provenance: claims.ProvenancePolicy{SourceRef: "x"}},
		"level":      {Provenance: claims.ProvenancePolicy{Level: 1}},
		"summary":    {VSA: &claims.VSAPolicy{}},
	} {
		var failed []string
		checks := claims.Evaluate(nil, opt)
		for _, c := range checks {
			if c.State != report.CheckNotApplicable {
				failed = append(failed, c.ID+" "+c.State)
			}
		}
		want := map[string]string{"nothing": "", "summary": "HIG-ATT-020 failed"}
		text, ok := want[name]
		if !ok {
			text = "HIG-ATT-010 failed"
		}
		n := rows
		if text != "" {
			n++
		}
		if strings.Join(failed, ", ") != text || len(checks) != n {
			t.Errorf("%s: %d checks, not applicable all but %q; want %d, %q", name, len(checks), failed, n, text)
		}
	}
	for _, c := range claims.Evaluate([]attest.Verified{{}}, claims.Options{Require: []string{attest.FamilySecrets}, VSA: &claims.VSAPolicy{}, Provenance: claims.ProvenancePolicy{Level: 1}}) {
		want := report.CheckNotApplicable
		if c.Location == attest.FamilySecrets || c.Location == attest.FamilyVSA || c.Location == attest.FamilyProvenance {
			want = report.CheckFailed
		}
		if c.State != want {
			t.Errorf("%s (%s): %s, want %s", c.ID, c.Location, c.State, want)
		}
	}
}

const (
	buildkitV1 = `{"buildDefinition":{"buildType":"https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
	  "externalParameters":{"configSource":{"uri":"https://github.com/acme/app.git#refs/heads/main","digest":{"sha1":"abc"}}},
	  "resolvedDependencies":[{"uri":"pkg:docker/dhi.io/bash@5-alpine3.24?digest=sha256:aa&platform=linux%2Farm64","digest":{"sha256":"bb"}},{"uri":"https://example.org/x"}]},
	  "runDetails":{"builder":{"id":"https://github.com/acme/app/actions/runs/1"}}}`
	githubV1 = `{"buildDefinition":{"buildType":"https://actions.github.io/buildtypes/workflow/v1",
	  "externalParameters":{"workflow":{"repository":"https://github.com/acme/app","ref":"refs/tags/v1","path":".github/workflows/r.yml"}},
	  "resolvedDependencies":[{"uri":"git+https://github.com/acme/app@refs/tags/v1","digest":{"gitCommit":"def"}}]},
	  "runDetails":{"builder":{"id":"https://github.com/acme/app/.github/workflows/r.yml@refs/tags/v1"}}}`
	generatorV02 = `{"builder":{"id":"https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/v1.9.0"},
	  "buildType":"https://github.com/slsa-framework/slsa-github-generator/container@v1",
	  "invocation":{"configSource":{"uri":"git+https://github.com/acme/app@refs/heads/main","digest":{"sha1":"abc"}}},
	  "materials":[{"uri":"git+https://github.com/acme/app@refs/heads/main","digest":{"sha1":"abc"}}]}`
)

func TestReadProvenance(t *testing.T) {
	for _, tt := range []struct {
		name, predicateType, predicate string
		uri, ref, digest               string
	}{
		{"buildkit", "https://slsa.dev/provenance/v1", buildkitV1, "https://github.com/acme/app.git", "refs/heads/main", "sha1:abc"},
		{"github", "https://slsa.dev/provenance/v1", githubV1, "https://github.com/acme/app", "refs/tags/v1", "gitCommit:def"},
		{"generator", "https://slsa.dev/provenance/v0.2", generatorV02, "git+https://github.com/acme/app", "refs/heads/main", "sha1:abc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := claims.ReadProvenance(verified(t, map[string]string{tt.predicateType: tt.predicate})[0])
			if err != nil {
				t.Fatal(err)
			}
			if p.SourceURI != tt.uri || p.SourceRef != tt.ref || p.SourceDigest != tt.digest {
				t.Errorf("source %q at %q, %q; want %q, %q, %q", p.SourceURI, p.SourceRef, p.SourceDigest, tt.uri, tt.ref, tt.digest)
			}
		})
	}
	if _, err := claims.ReadProvenance(attest.Verified{}); err == nil {
		t.Error("a zero Verified has a provenance")
	}
	if _, err := claims.ReadProvenance(verified(t, map[string]string{"https://slsa.dev/provenance/v1": `{}`})[0]); err == nil {
		t.Error("a provenance without a builder is accepted")
	}
}

func TestCheckProvenance(t *testing.T) {
	v := verified(t, map[string]string{"https://slsa.dev/provenance/v0.2": generatorV02})[0]
	for _, tt := range []struct {
		name   string
		policy claims.ProvenancePolicy
		id     string
		state  string
		reason string
	}{
		{"builder", claims.ProvenancePolicy{BuilderID: "https://github.com/slsa-framework/slsa-github-generator/**"}, "HIG-ATT-011", report.CheckPassed, "generator_container"},
		{"builder_wrong", claims.ProvenancePolicy{BuilderID: "https://example.org/**"}, "HIG-ATT-011", report.CheckFailed, "want https://example.org/**, the provenance says https://github.com/slsa-framework"},
		{"source_short", claims.ProvenancePolicy{SourceURI: "github.com/acme/app"}, "HIG-ATT-012", report.CheckPassed, "git+https://github.com/acme/app"},
		{"source_url", claims.ProvenancePolicy{SourceURI: "https://GitHub.com/acme/app.git"}, "HIG-ATT-012", report.CheckPassed, ""},
		{"source_longer", claims.ProvenancePolicy{SourceURI: "github.com/acme/app2"}, "HIG-ATT-012", report.CheckFailed, "want github.com/acme/app2"},
		{"source_other_host", claims.ProvenancePolicy{SourceURI: "github.com.evil.example/acme/app"}, "HIG-ATT-012", report.CheckFailed, ""},
		{"ref", claims.ProvenancePolicy{SourceRef: "refs/heads/main"}, "HIG-ATT-013", report.CheckPassed, ""},
		{"ref_wrong", claims.ProvenancePolicy{SourceRef: "refs/heads/mai"}, "HIG-ATT-013", report.CheckFailed, "want refs/heads/mai, the provenance says refs/heads/main"},
		{"build_type", claims.ProvenancePolicy{BuildType: "https://github.com/slsa-framework/slsa-github-generator/*"}, "HIG-ATT-014", report.CheckPassed, ""},
		{"level_of_an_unknown_builder", claims.ProvenancePolicy{Level: 1}, "HIG-ATT-015", report.CheckFailed, "the trust table does not name the builder"},
		{"level_of_another_signer", claims.ProvenancePolicy{Level: 3, Builders: trust.BuiltinBuilders()}, "HIG-ATT-015", report.CheckFailed, "but key test"},
		{"level_of_another_builder", claims.ProvenancePolicy{Level: 2, Builders: []trust.Builder{{ID: "https://builder.example/**", Level: 3}}}, "HIG-ATT-015", report.CheckFailed, "does not name the builder"},
		{"source_that_is_none", claims.ProvenancePolicy{SourceURI: "%zz"}, "HIG-ATT-012", report.CheckFailed, "want %zz"},
		{"source_with_a_user", claims.ProvenancePolicy{SourceURI: "https://me@github.com/acme/app"}, "HIG-ATT-012", report.CheckFailed, ""},
		{"source_with_a_query", claims.ProvenancePolicy{SourceURI: "https://github.com/acme/app?x"}, "HIG-ATT-012", report.CheckFailed, ""},
		{"level_any_signer", claims.ProvenancePolicy{Level: 2, Builders: []trust.Builder{{ID: "https://github.com/slsa-framework/**", Level: 2}}}, "HIG-ATT-015", report.CheckPassed, "level 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := claims.CheckProvenance(v, tt.policy)
			if len(got) != 1 || got[0].ID != tt.id || got[0].State != tt.state || !strings.Contains(got[0].Reason, tt.reason) {
				t.Errorf("%+v; want %s %s %q", got, tt.id, tt.state, tt.reason)
			}
		})
	}
}

// TestOneGoodProvenanceIsEnough: a second one that does not satisfy the policy takes
// nothing from the first.
func TestOneGoodProvenanceIsEnough(t *testing.T) {
	list := verified(t, map[string]string{"https://slsa.dev/provenance/v0.2": generatorV02, "https://slsa.dev/provenance/v1": githubV1})
	for builder, want := range map[string]string{"https://github.com/acme/**": report.CheckPassed, "https://github.com/slsa-framework/**": report.CheckPassed, "https://builder.example/**": report.CheckFailed} {
		for _, c := range claims.Evaluate(list, claims.Options{Provenance: claims.ProvenancePolicy{BuilderID: builder}}) {
			if c.ID == "HIG-ATT-011" && c.State != want {
				t.Errorf("builder %s: %s, %s; want %s", builder, c.State, c.Reason, want)
			}
		}
	}
}

// TestSummariesOfOthers: the summary of a verifier that nobody asked about decides nothing,
// but where the asked one wrote none, the others do not stand for it.
func TestSummariesOfOthers(t *testing.T) {
	summary := func(verifier, result string) string {
		return `{"verifier":{"id":"` + verifier + `"},"timeVerified":"2026-11-20T00:00:00Z","resourceUri":"r","verificationResult":"` + result + `"}`
	}
	list := verified(t, map[string]string{
		"https://slsa.dev/verification_summary/v1":   summary("https://one.example/v", "PASSED"),
		"https://slsa.dev/verification_summary/v0.2": summary("https://two.example/v", "FAILED"),
	})
	for verifier, want := range map[string]bool{"https://one.example/*": true, "https://two.example/*": false, "https://three.example/*": false, "": false} {
		passed := true
		for _, c := range claims.Evaluate(list, claims.Options{VSA: &claims.VSAPolicy{Verifier: verifier}}) {
			if strings.HasPrefix(c.ID, "HIG-ATT-02") && c.State != report.CheckPassed {
				passed = false
			}
		}
		if passed != want {
			t.Errorf("verifier %q: passed %t, want %t", verifier, passed, want)
		}
	}
}

func TestCheckVSA(t *testing.T) {
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	const good = `{"verifier":{"id":"https://docker.com/verifier"},"timeVerified":"2026-11-20T00:00:00Z","resourceUri":"pkg:docker/dhi/python","verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_3"]}`
	for _, tt := range []struct {
		name, predicate string
		policy          claims.VSAPolicy
		failed          string
	}{
		{"good", good, claims.VSAPolicy{Verifier: "https://docker.com/*", Resource: "pkg:docker/dhi/python", Levels: []string{"SLSA_BUILD_LEVEL_2"}, MaxAge: 7 * 24 * time.Hour, Now: now}, ""},
		{"failed", strings.Replace(good, "PASSED", "FAILED", 1), claims.VSAPolicy{}, "HIG-ATT-021"},
		{"verifier", good, claims.VSAPolicy{Verifier: "https://example.org/*"}, "HIG-ATT-022"},
		{"resource", good, claims.VSAPolicy{Resource: "pkg:docker/dhi/node"}, "HIG-ATT-023"},
		{"level", good, claims.VSAPolicy{Levels: []string{"SLSA_BUILD_LEVEL_4"}}, "HIG-ATT-024"},
		{"same_level", good, claims.VSAPolicy{Levels: []string{"SLSA_BUILD_LEVEL_3"}}, ""},
		{"level_without_a_number", strings.Replace(good, "LEVEL_3", "LEVEL_HIGH", 1), claims.VSAPolicy{Levels: []string{"SLSA_BUILD_LEVEL_HIGH"}}, ""},
		{"number_for_a_word", good, claims.VSAPolicy{Levels: []string{"SLSA_BUILD_LEVEL_HIGH"}}, "HIG-ATT-024"},
		{"other_track", good, claims.VSAPolicy{Levels: []string{"SLSA_SOURCE_LEVEL_1"}}, "HIG-ATT-024"},
		{"old", good, claims.VSAPolicy{MaxAge: time.Hour, Now: now}, "HIG-ATT-025"},
		{"from_the_future", good, claims.VSAPolicy{MaxAge: time.Hour, Now: now.AddDate(-1, 0, 0)}, "HIG-ATT-025"},
		{"no_clock", good, claims.VSAPolicy{MaxAge: time.Hour}, "HIG-ATT-025"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			failed := ""
			for _, c := range claims.CheckVSA(verified(t, map[string]string{"https://slsa.dev/verification_summary/v1": tt.predicate})[0], tt.policy) {
				if c.State != report.CheckPassed {
					failed += c.ID
				}
			}
			if failed != tt.failed {
				t.Errorf("failed %q, want %q", failed, tt.failed)
			}
		})
	}
}

// TestLevelOfRealProvenance: the builder's own certificate signed it, so the level that
// the trust table gives to the builder counts.
func TestLevelOfRealProvenance(t *testing.T) {
	data := filepath.Join("..", "..", "..", "..", "shared", "data")
	dir := filepath.Join(data, "signed-images", "slsa-example-v2.1.0")
	rootText, err := os.ReadFile(filepath.Join(data, "trusted-roots", "public-good.json"))
	if err != nil {
		t.Skipf("the real data is not here: %v", err)
	}
	root, err := trust.ParseRoot("public-good.json", rootText)
	if err != nil {
		t.Fatal(err)
	}
	opt := attest.Options{Roots: []*trust.Root{root}, Identities: []trust.Identity{{
		Subject: "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/v2.1.0",
		Issuer:  "https://token.actions.githubusercontent.com",
	}}}
	store, err := attest.OpenLocal(os.DirFS(dir), ".", "layout", opt)
	if err != nil {
		t.Fatal(err)
	}
	h, _ := v1.NewHash("sha256:234e2c830c2fb31ac5671789d22adfe44d30c3ee831d01beae5e237841a13122")
	res, err := attest.Verify(t.Context(), attest.Subject{Digest: h}, []attest.Store{store}, opt)
	if err != nil || len(res.Verified) != 1 {
		t.Fatalf("%d verified, %v", len(res.Verified), err)
	}
	for _, c := range claims.CheckProvenance(res.Verified[0], claims.ProvenancePolicy{
		Level: 3, Builders: trust.BuiltinBuilders(), SourceURI: "github.com/slsa-framework/example-package", SourceRef: "refs/heads/main",
	}) {
		if c.State != report.CheckPassed {
			t.Errorf("%s: %s, %s", c.ID, c.State, c.Reason)
		}
	}
}
