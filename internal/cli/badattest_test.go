package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// vexOf is the VEX attestation of the report, or the first of several.
func vexOf(t *testing.T, r *report.Report) report.Attestation {
	t.Helper()
	i := slices.IndexFunc(r.Attestations, func(a report.Attestation) bool { return a.Family == "vex" })
	if i < 0 {
		t.Fatalf("no VEX attestation in the report: %+v", r.Attestations)
	}
	return r.Attestations[i]
}

// attestationOf is the attestation of the report with that digest.
func attestationOf(t *testing.T, r *report.Report, digest v1.Hash) report.Attestation {
	t.Helper()
	i := slices.IndexFunc(r.Attestations, func(a report.Attestation) bool { return a.Digest == digest.String() })
	if i < 0 {
		t.Fatalf("no attestation %s in the report: %+v", digest, r.Attestations)
	}
	return r.Attestations[i]
}

// suppressesNothing checks that the finding that the VEX covers is open, and that what
// else was gathered is there.
func (w *world) suppressesNothing(r *report.Report) {
	w.t.Helper()
	if d := finding(w.t, r, "CVE-2025-4802").Decision; d.Status != report.Open {
		w.t.Errorf("the finding is %s: %+v", d.Status, d)
	}
	if r.SBOM.Packages == 0 || w.file("sbom.spdx.json") == "" || stageOf(r, report.StagePull).State != report.Done {
		w.t.Errorf("the SBOM was not written: %+v", r.SBOM)
	}
}

// TestAttestationSpoiltOnTheWay serves other bytes for a link of the chain that is
// stored as it should be.
func TestAttestationSpoiltOnTheWay(t *testing.T) {
	for _, tt := range []struct {
		name   string
		kind   testkit.Kind
		which  func(a *testkit.BuiltAttestation) v1.Hash
		effect testkit.Effect
		state  report.AttestationState
		reason string
	}{
		{"bit_of_the_statement", testkit.KindBlob, func(a *testkit.BuiltAttestation) v1.Hash { return a.Statement.Digest() }, testkit.Flip(120),
			report.Invalid, "serves other bytes for the statement sha256:"},
		{"bit_of_the_manifest", testkit.KindManifest, func(a *testkit.BuiltAttestation) v1.Hash { return a.Manifest.Digest() }, testkit.Flip(-4),
			report.Invalid, "serves other bytes for the manifest sha256:"},
		{"bit_of_the_payload", testkit.KindBlob, func(a *testkit.BuiltAttestation) v1.Hash { return a.Signatures[0].Payload.Digest() }, testkit.Flip(40),
			report.Invalid, "serves other bytes for the payload sha256:"},
		{"bit_of_the_signature_manifest", testkit.KindManifest, func(a *testkit.BuiltAttestation) v1.Hash { return a.Signatures[0].Manifest.Digest() }, testkit.Flip(-4),
			report.Invalid, "serves other bytes for the manifest sha256:"},
		{"statement_streams_too_much", testkit.KindBlob, func(a *testkit.BuiltAttestation) v1.Hash { return a.Statement.Digest() }, endless(),
			report.Invalid, "content does not match its digest: got more than its"},
		{"statement_is_a_gigabyte_by_header", testkit.KindBlob, func(a *testkit.BuiltAttestation) v1.Hash { return a.Statement.Digest() }, claims(1 << 30),
			report.Invalid, "content does not match its digest: got an answer of 1073741824 bytes"},
		{"statement_is_gone", testkit.KindBlob, func(a *testkit.BuiltAttestation) v1.Hash { return a.Statement.Digest() }, testkit.Status(404, nil),
			report.Unreadable, "404 Not Found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, b := w.push(w.image())
			vex := b.Platform("linux/amd64").Attestation(testkit.PredicateOpenVEX)
			w.registry.Inject(testkit.Asks(tt.kind, tt.which(vex).String()), tt.effect, 0)
			code, r, text := w.verify(ref, "--require", "dhi")
			must(t, code, r, text, fault.Policy, report.Fail)
			a := attestationOf(t, r, vex.Manifest.Digest())
			t.Logf("%s: %s", a.State, a.Reason)
			if a.State != tt.state || !strings.Contains(a.Reason, tt.reason) || len(a.Reason) > 330 {
				t.Errorf("the VEX is %s because %q, want %s because %q", a.State, a.Reason, tt.state, tt.reason)
			}
			if reasons := strings.Join(r.Verdict.Reasons, "\n"); tt.state == report.Invalid && !strings.Contains(reasons, a.Digest) {
				t.Errorf("no reason names the attestation %s:\n%s", a.Digest, reasons)
			}
			w.suppressesNothing(r)
		})
	}
}

// endless announces no length and sends zeros until nobody reads any more.
func endless() testkit.Effect {
	return func(w http.ResponseWriter, req *http.Request, _ http.Handler) {
		zeros := make([]byte, 64<<10)
		for sent := 0; sent < 1<<30 && req.Context().Err() == nil; sent += len(zeros) {
			if _, err := w.Write(zeros); err != nil {
				return
			}
		}
	}
}

// claims announces n bytes and sends few.
func claims(n int64) testkit.Effect {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Length", fmt.Sprint(n))
		_, _ = w.Write([]byte("{"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// What is wrong with an attestation is said by name, in the report and at every place
// where people look.
func TestReasonNamesWhatIsWrong(t *testing.T) {
	other, err := testkit.SeededKey("somebody else's key")
	if err != nil {
		t.Fatal(err)
	}
	foreign := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("ab", 32)}
	for _, tt := range []struct {
		name   string
		mutate testkit.Mutator
		state  report.AttestationState
		reason string
	}{
		{"another_image", testkit.OtherStatementSubject(foreign), report.Invalid, `speaks of "dhi/app" (` + foreign.String()},
		{"second_subject", testkit.SecondStatementSubject(foreign), report.Invalid, `a second subject, "dhi/app" (` + foreign.String()},
		{"another_key", testkit.SignedBy(other), report.Unverified, "no trusted key made its signature"},
		{"no_signature", testkit.Unsigned(), report.Unverified, "nobody signed it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, _ := w.push(w.image().Attest(testkit.PredicateOpenVEX, tt.mutate))
			code, r, text := w.verify(ref, "--require", "dhi")
			must(t, code, r, text, fault.Policy, report.Fail)
			a := vexOf(t, r)
			t.Logf("%s: %s", a.State, a.Reason)
			if a.State != tt.state || !strings.Contains(a.Reason, tt.reason) || w.file(a.Path) == "" {
				t.Errorf("the VEX is %s because %q, kept at %q", a.State, a.Reason, a.Path)
			}
			if !strings.Contains(text, a.Digest) || !strings.Contains(w.file(report.FileSummary), strings.TrimPrefix(a.Digest, "sha256:")) {
				t.Errorf("the terminal or the summary does not name %s", a.Digest)
			}
			w.suppressesNothing(r)
			if code, stdout, stderr := w.call("attest verify", ref, "--key", w.path("key.pem"), "--require", "vex"); code != fault.Policy ||
				!strings.Contains(stdout, strings.ToUpper(string(tt.state))) || !strings.Contains(stdout, tt.reason) {
				t.Errorf("attest verify: exit %d\n%s%s", code, stdout, stderr)
			}
		})
	}
}

// An attestation that says it has a gigabyte is refused before anything is downloaded.
func TestGigabyteAttestation(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	huge := testkit.EditManifest(func(m *v1.Manifest) { m.Layers[0].Size = 1 << 30 })
	ref, b := w.push(w.image().Attest(testkit.PredicateOpenVEX, huge))
	statement := b.Platform("linux/amd64").Attestation(testkit.PredicateOpenVEX).Statement.Digest().String()
	code, r, text := w.verify(ref, "--require", "dhi")
	must(t, code, r, text, fault.Policy, report.Fail)
	a := vexOf(t, r)
	t.Logf("%s: %s", a.State, a.Reason)
	if a.State == report.Verified || !strings.Contains(a.Reason, "MaxStatement") || !strings.Contains(a.Reason, "not downloaded") {
		t.Errorf("the VEX is %s because %q", a.State, a.Reason)
	}
	if n := w.registry.Count(func(q testkit.Request) bool { return q.Reference == statement }); n != 0 {
		t.Errorf("the statement was requested %d times", n)
	}
	w.suppressesNothing(r)
}

// spam is a predicate that nobody signed.
func spam(n int) []testkit.Attestation {
	var list []testkit.Attestation
	for i := range n {
		list = append(list, testkit.Attestation{PredicateType: testkit.PredicateOpenVEX, Predicate: map[string]any{"n": i}}.With(testkit.Unsigned()))
	}
	return list
}

// Thousands of real referrers, which anyone who may push can add: the run stays
// bounded, names the limit, and the verdict is no pass on half of the list.
func TestThousandsOfReferrers(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{PageSize: 500})
	img := w.image()
	img.Platforms = img.Platforms[:1]
	ref, _ := w.push(img.Plus(spam(3000)...))
	code, r, text := w.verify(ref, "--require", "dhi")
	t.Logf("exit %d, %q after %d requests", code, r.Verdict.Reasons, len(w.registry.Requests()))
	if n := len(w.registry.Requests()); n > 6000 {
		t.Errorf("%d requests for one image", n)
	}
	named := func(s string) bool { return strings.Contains(s, "MaxReferrers") }
	if !slices.ContainsFunc(r.Discovery, func(p report.Probe) bool { return p.State == report.ProbeFailed && named(p.Reason) }) {
		t.Errorf("no probe names the limit: %+v", r.Discovery)
	}
	if code == fault.OK && r.Verdict.Result == report.Pass {
		t.Errorf("a list that was cut off passes without a word\n%s", text)
	}
	if !slices.ContainsFunc(r.Verdict.Reasons, named) || !named(w.file(report.FileSummary)) {
		t.Errorf("neither the verdict nor the summary names the limit: %q", r.Verdict.Reasons)
	}
	if r.SBOM.Packages == 0 || len(r.Attestations) > 1100 {
		t.Errorf("%d packages, %d attestations", r.SBOM.Packages, len(r.Attestations))
	}
}

// A list beyond what the client reads is refused as a whole, by name and at once.
func TestEndlessReferrers(t *testing.T) {
	list := func(from, n int) []byte {
		index := v1.IndexManifest{SchemaVersion: 2, MediaType: "application/vnd.oci.image.index.v1+json"}
		for i := range n {
			index.Manifests = append(index.Manifests, v1.Descriptor{
				MediaType: "application/vnd.oci.image.manifest.v1+json", ArtifactType: testkit.InTotoMediaType, Size: 700,
				Digest: hashOf(fmt.Appendf(nil, "%d", from+i)),
			})
		}
		raw, err := json.Marshal(index)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	next := 0
	for _, tt := range []struct {
		name, limit string
		effect      testkit.Effect
	}{
		{"long_pages", "MaxReferrers", func(w http.ResponseWriter, req *http.Request, _ http.Handler) {
			next++
			w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
			w.Header().Set("Link", fmt.Sprintf("<%s?n=%d>; rel=\"next\"", req.URL.Path, next))
			_, _ = w.Write(list(1000*next, 1000))
		}},
		{"empty_pages", "MaxPages", func(w http.ResponseWriter, req *http.Request, _ http.Handler) {
			next++
			w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
			w.Header().Set("Link", fmt.Sprintf("<%s?n=%d>; rel=\"next\"", req.URL.Path, next))
			_, _ = w.Write(list(0, 0))
		}},
		{"one_huge_page", "MaxManifest", endless()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			ref, b := w.push(w.image())
			w.registry.Inject(testkit.Asks(testkit.KindReferrers, b.Platform("linux/amd64").Manifest.Digest().String()), tt.effect, 0)
			code, r, text := w.verify(ref, "--require", "dhi")
			must(t, code, r, text, fault.Policy, report.Fail) // the finding stays open, which outranks what was not seen
			reasons := strings.Join(r.Verdict.Reasons, "\n")
			t.Log(reasons)
			if !strings.Contains(reasons, tt.limit) {
				t.Errorf("no reason names the limit %s:\n%s", tt.limit, reasons)
			}
			w.suppressesNothing(r)
			code, r, text = w.verify(ref, "--require", "dhi", "--fail-on-severity", "none")
			must(t, code, r, text, fault.Unavailable, report.Error)
		})
	}
}
