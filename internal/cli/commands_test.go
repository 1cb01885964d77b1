package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// exits checks an exit code and words of the output.
func exits(t *testing.T, name string, code, want fault.Code, text string, words ...string) {
	t.Helper()
	if code != want {
		t.Errorf("%s: exit %d, want %d\n%s", name, code, want, text)
	}
	for _, word := range words {
		if !strings.Contains(flat(text), word) {
			t.Errorf("%s: %q is not said:\n%s", name, word, text)
		}
	}
}

func TestAttestCommands(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, b := w.push(w.image().Plus(spam(1)...))
	vex := b.Platform("linux/amd64").Attestation(testkit.PredicateOpenVEX)
	provenance := b.Platform("linux/amd64").Attestation(testkit.PredicateProvenance)
	key := []string{"--key", w.path("key.pem")}

	code, stdout, stderr := w.call("attest list", ref, key...)
	exits(t, "list", code, fault.OK, stdout+stderr, vex.Manifest.Digest().String(), "verified vex "+testkit.PredicateOpenVEX, "unverified vex", "nobody signed it", "found 4: by referrers-api")

	code, stdout, stderr = w.call("attest verify", ref, key...)
	exits(t, "verify", code, fault.OK, stdout+stderr, "VERIFIED provenance "+testkit.PredicateProvenance, w.key.Fingerprint(), "4 of 5 attestations verified",
		"$ cosign verify --key", "@"+provenance.Manifest.Digest().String())
	code, stdout, stderr = w.call("attest verify", ref, append(key, "--require", "dhi,virus")...)
	exits(t, "verify --require", code, fault.Policy, stdout+stderr, "a verified virus attestation is required; none was found")
	code, stdout, stderr = w.call("attest verify", ref, "--key", "dhi-2")
	exits(t, "verify with another key", code, fault.Policy, stdout+stderr, "0 of 5 attestations verified", "no trusted key made its signature")

	code, stdout, stderr = w.call("attest get", ref, append(key, "--predicate-type", "provenance")...)
	exits(t, "get by family", code, fault.OK, stderr)
	if stdout != string(provenance.Statement.Data) {
		t.Errorf("get printed other bytes:\n%s", stdout)
	}
	file := w.path("statement.json")
	code, stdout, stderr = w.call("attest get", ref, append(key, "--predicate-type", vex.Manifest.Digest().String(), "--output", file)...)
	exits(t, "get by digest into a file", code, fault.OK, stderr)
	if got, err := os.ReadFile(file); err != nil || string(got) != string(vex.Statement.Data) || stdout != "" {
		t.Errorf("the file holds other bytes: %v, and on the terminal is %q", err, stdout)
	}
	code, stdout, stderr = w.call("attest get", ref, append(key, "--predicate-type", "virus")...)
	exits(t, "get what is not there", code, fault.Policy, stderr, `none matches "virus"`, "there are: ", testkit.PredicateSPDX)
	if stdout != "" {
		t.Errorf("get printed %q", stdout)
	}
	code, _, stderr = w.call("attest get", ref, append(key, "--predicate-type", "vex", "--unverified")...)
	exits(t, "get of several", code, fault.Usage, stderr, "2 match", vex.Manifest.Digest().String())
	code, _, stderr = w.call("attest get", ref, append(key, "--predicate-type", "vex", "--output", w.path("key.pem")+"/x")...)
	exits(t, "get into a path that is none", code, fault.Internal, stderr, "write the statement")
}

// Nothing found, nothing verified and nothing seen are three outcomes.
func TestAttestThreeKindsOfNothing(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	bare, unsigned := w.image(), w.image()
	bare.Key, unsigned.Key = nil, nil
	for i := range bare.Platforms {
		bare.Platforms[i].Attestations = nil
	}
	ref, _ := w.push(bare)
	code, stdout, stderr := w.call("attest list", ref)
	exits(t, "list of none", code, fault.OK, stdout+stderr, "No attestation was found.", "none")
	code, stdout, stderr = w.call("attest verify", ref)
	exits(t, "verify of none", code, fault.Policy, stdout+stderr, "attestations missing: no attestation was found in")
	code, _, stderr = w.call("attest get", ref, "--predicate-type", "vex")
	exits(t, "get of none", code, fault.Policy, stderr, `none matches "vex"`)

	ref, _ = w.push(unsigned)
	code, stdout, stderr = w.call("attest list", ref)
	exits(t, "list of unsigned", code, fault.OK, stdout+stderr, "nobody signed it")
	code, stdout, stderr = w.call("attest verify", ref)
	exits(t, "verify of unsigned", code, fault.Policy, stdout+stderr, "0 of 3 attestations verified")
	code, stdout, stderr = w.call("attest get", ref, "--predicate-type", "vex")
	exits(t, "get of unsigned", code, fault.Policy, stderr, "is verified", "--unverified")
	if stdout != "" {
		t.Errorf("get printed what did not verify: %q", stdout)
	}
	code, stdout, _ = w.call("attest get", ref, "--predicate-type", "vex", "--unverified")
	exits(t, "get --unverified", code, fault.OK, stdout, "CVE-2025-4802")

	w.registry.Inject(testkit.Asks(testkit.KindReferrers, ""), testkit.Status(403, nil), 0)
	for command, words := range map[string]string{
		"attest list": "could not look", "attest verify": "attestations failed: ", "attest get": "attestations could not be looked for",
	} {
		code, stdout, stderr = w.call(command, ref)
		exits(t, "blind "+command, code, fault.Unavailable, stdout+stderr, words)
		if strings.Contains(stdout+stderr, "No attestation was found") {
			t.Errorf("%s: could not look, and says it found none:\n%s%s", command, stdout, stderr)
		}
	}
}

func TestVEXCommand(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, b := w.push(w.image())
	flags := append([]string{"--key", w.path("key.pem")}, w.dbFlags...)
	vex := b.Platform("linux/amd64").Attestation(testkit.PredicateOpenVEX).Manifest.Digest().String()
	code, stdout, stderr := w.call("vex", ref, flags...)
	exits(t, "vex", code, fault.OK, stdout+stderr, "SUPPRESSED CVE-2025-4802 high in libc6", "vulnerable_code_not_in_execute_path", vex, w.key.Fingerprint(),
		"OPEN CVE-2023-50495 medium", "2 findings: 1 suppressed, 1 open")
	code, stdout, _ = w.call("vex", ref, append(flags, "--explain", "CVE-2023-50495")...)
	exits(t, "vex --explain", code, fault.OK, stdout, "OPEN CVE-2023-50495")
	if strings.Contains(stdout, "CVE-2025-4802 high") {
		t.Errorf("--explain shows another finding:\n%s", stdout)
	}
	code, stdout, _ = w.call("vex", ref, append(flags, "--explain", "CVE-1999-1")...)
	exits(t, "vex --explain of nothing", code, fault.OK, stdout, "CVE-1999-1")
	code, stdout, stderr = w.call("vex", ref, append(flags, "--db-max-age", "1h")...)
	exits(t, "vex without a database", code, fault.Unavailable, stdout+stderr, "vulnerabilities failed")
	w.registry.Inject(testkit.Asks(testkit.KindReferrers, ""), testkit.Status(403, nil), 0)
	code, stdout, stderr = w.call("vex", ref, flags...)
	exits(t, "vex without attestations", code, fault.Unavailable, stdout+stderr, "attestations failed", "OPEN CVE-2025-4802")
}

func TestScanCommand(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	code, stdout, stderr := w.call("scan", ref, w.dbFlags...)
	exits(t, "scan", code, fault.Policy, stdout+stderr, "FAIL", "CVE-2025-4802", "not looked for")
	if n := w.registry.Count(func(q testkit.Request) bool { return q.Kind == testkit.KindReferrers }); n != 0 {
		t.Errorf("scan looked for attestations %d times", n)
	}
	code, stdout, stderr = w.call("cve-scan", ref, append(w.dbFlags, "--fail-on-severity", "none", "--quiet")...)
	exits(t, "cve-scan --quiet", code, fault.OK, stdout+stderr, "PASS")
	if strings.Count(stdout, "\n") != 1 {
		t.Errorf("--quiet printed:\n%s", stdout)
	}
	writeJSON(t, w.path("my.vex.json"), openVEX("not_affected"))
	code, stdout, stderr = w.call("scan", ref, append(w.dbFlags, "--vex", w.path("my.vex.json"))...)
	exits(t, "scan --vex", code, fault.OK, stdout+stderr, "PASS", "Suppressed by VEX: 1")
	code, stdout, stderr = w.call("scan", ref, append(w.dbFlags, "--fail-build=false")...)
	exits(t, "scan --fail-build=false", code, fault.OK, stdout+stderr, "FAIL")
}

// archiveOf writes the platform's image as docker save does.
func (w *world) archiveOf(ref string, platform v1.Platform) string {
	w.t.Helper()
	r, err := name.ParseReference(ref)
	if err != nil {
		w.t.Fatal(err)
	}
	img, err := remote.Image(r, remote.WithAuth(&authn.Basic{Username: login, Password: password}), remote.WithPlatform(platform))
	if err != nil {
		w.t.Fatal(err)
	}
	path := w.path("image.tar")
	if err := tarball.WriteToFile(path, r, img); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func TestSBOMCommand(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	img := w.image()
	ref, _ := w.push(img)
	built, err := img.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := built.Push(t.Context(), testkit.Layout(w.path("layout"))); err != nil {
		t.Fatal(err)
	}
	zstdFree := w.image() // docker save has no zstd
	for i := range zstdFree.Platforms {
		zstdFree.Platforms[i].Layers = zstdFree.Platforms[i].Layers[:1]
	}
	zstdFree.Tags = []string{"plain"}
	w.push(zstdFree)
	archive := w.archiveOf(w.registry.Host()+"/dhi/app:plain", v1.Platform{OS: "linux", Architecture: "amd64"})
	for _, source := range []string{ref, "oci-dir:" + w.path("layout") + ":1.0", "docker-archive:" + archive} {
		for format, key := range map[string]string{"syft-json": "artifacts", "spdx-json": "packages", "cyclonedx-json": "components"} {
			code, stdout, stderr := w.run("sbom", source, "--sbom-formats", format, "--registry-username", login, "--registry-password-file", w.passwordFile())
			exits(t, "sbom "+source, code, fault.OK, stderr)
			var doc map[string]any
			if err := json.Unmarshal([]byte(stdout), &doc); err != nil || doc[key] == nil || !strings.Contains(stdout, "libtinfo6") {
				t.Errorf("sbom %s as %s: %v: %.200s", source, format, err, stdout)
			}
		}
	}
	code, stdout, stderr := w.call("extract-sbom", ref)
	exits(t, "extract-sbom", code, fault.OK, stderr)
	if !strings.Contains(stdout, `"artifacts"`) {
		t.Errorf("the first format is not syft-json: %.100s", stdout)
	}
	code, stdout, stderr = w.call("sbom", ref, "--report-dir", w.path("report"))
	exits(t, "sbom --report-dir", code, fault.OK, stdout+stderr, "cyclonedx-json", filepath.Join(w.path("report"), "sbom.spdx.json"))
	code, stdout, stderr = w.call("sbom", ref, "--platforms", "all")
	exits(t, "sbom of all", code, fault.Usage, stderr, "several platforms", "give --report-dir")
	if stdout != "" {
		t.Errorf("it printed %.100s", stdout)
	}
	code, stdout, stderr = w.call("sbom", ref, "--platforms", "all", "--report-dir", w.path("report"))
	exits(t, "sbom of all with a directory", code, fault.OK, stdout+stderr, "platforms/linux-amd64/sbom.syft.json", "platforms/linux-arm64/sbom.syft.json")
	w.registry.Inject(testkit.Asks(testkit.KindBlob, ""), testkit.Status(403, nil), 0)
	code, stdout, stderr = w.call("sbom", ref)
	exits(t, "sbom of what cannot be read", code, fault.Unavailable, stderr, "403 Forbidden", "hint: ")
	if stdout != "" {
		t.Errorf("it printed %.100s", stdout)
	}
}

// The whole gate over local sources: a layout keeps its attestations, an archive has
// none.
func TestLocalSources(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	built, err := w.image().Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := built.Push(t.Context(), testkit.Layout(w.path("layout"))); err != nil {
		t.Fatal(err)
	}
	layout := "oci-dir:" + w.path("layout") + ":1.0"
	args := append([]string{"verify", layout, "--key", w.path("key.pem"), "--report-dir", w.path("report")}, w.dbFlags...)
	code, stdout, stderr := w.run(append(args, "--require", "dhi")...)
	must(t, code, w.report(), stdout+stderr, fault.OK, report.Pass)
	code, stdout, stderr = w.run("attest", "verify", layout, "--key", w.path("key.pem"))
	exits(t, "attest verify of a layout", code, fault.OK, stdout+stderr, "4 of 4 attestations verified")

	blob := filepath.Join(w.path("layout"), "blobs", "sha256", built.Platform("linux/amd64").Layers[0].Digest().Hex)
	data, err := os.ReadFile(blob)
	if err != nil {
		t.Fatal(err)
	}
	write(t, blob, string(flipped(data, len(data)/2)))
	code, stdout, stderr = w.run(args...)
	must(t, code, w.report(), stdout+stderr, fault.Unavailable, report.Error)
	complains(t, stderr, "content does not match its digest", "")
}

func TestPlatformDirectories(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, b := w.push(w.image())
	code, r, text := w.verify(ref, "--platforms", "all", "--require", "dhi")
	must(t, code, r, text, fault.OK, report.Pass)
	if r.Subject.Platform != report.AllPlatforms || r.Subject.Digest != b.Root.Digest().String() || len(r.Platforms) != 2 {
		t.Errorf("the subject is %+v", r.Subject)
	}
	for _, p := range r.Platforms {
		folder := "platforms/" + strings.ReplaceAll(p.Platform, "/", "-") + "/"
		var one report.Report
		if err := json.Unmarshal([]byte(w.file(p.Path)), &one); err != nil || p.Path != folder+"report.json" || one.Subject.Digest != p.Digest || one.Verdict.Result != report.Pass {
			t.Errorf("the report of %s at %s: %v, %+v", p.Platform, p.Path, err, one.Verdict)
		}
		for _, name := range []string{"sbom.syft.json", "sbom.spdx.json", "sbom.cyclonedx.json"} {
			if w.file(folder+name) == "" {
				t.Errorf("%s%s was not written", folder, name)
			}
		}
		for _, a := range one.Attestations {
			if !strings.HasPrefix(a.Path, folder+"attestations/") || w.file(a.Path) == "" {
				t.Errorf("the attestation at %s was not kept", a.Path)
			}
		}
	}
	code, r, text = w.verify(ref) // and a run over one platform leaves nothing of the other behind
	must(t, code, r, text, fault.OK, report.Pass)
	for name := range w.files() {
		if strings.HasPrefix(name, "platforms/") {
			t.Errorf("%s is left of the earlier run", name)
		}
	}
}

// TestAttestVerifyOfEachPlatform: what verified for one platform does not stand for another.
func TestAttestVerifyOfEachPlatform(t *testing.T) {
	for name, tt := range map[string]struct {
		strip bool
		code  fault.Code
	}{"both": {false, fault.OK}, "one_has_none": {true, fault.Policy}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			img := w.image()
			img = img.Attest(testkit.PredicateOpenVEX, testkit.SignedBy(w.key))
			img.Key = nil // the index's signature would stand for all
			if tt.strip {
				img.Platforms[1].Attestations = nil
			}
			ref, _ := w.push(img)
			if code, stdout, stderr := w.call("attest verify", ref, "--key", w.path("key.pem"), "--platforms", "all"); code != tt.code {
				t.Errorf("exit %d, want %d\n%s%s", code, tt.code, stdout, stderr)
			}
		})
	}
}
