package cli_test

import (
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// A bill of materials has no attestations, no layers and nothing to run: what is asked of
// those is not granted because nobody could look.
func TestAskedOfABillOfMaterials(t *testing.T) {
	w := newDocumentWorld(t)
	writeJSON(t, w.path("bill.json"), signedBill(clean))
	key, err := testkit.SeededKey("the key of the test")
	if err != nil {
		t.Fatal(err)
	}
	w.write("key.pem", key.PublicPEM())
	claim := func(flags ...string) []string { return append([]string{"--require", "none"}, flags...) }
	for name, tt := range map[string]struct {
		flags  []string
		code   fault.Code
		want   report.Result
		reason string
	}{
		"nothing":        {claim(), fault.OK, report.Pass, ""},
		"family":         {[]string{"--require", "fips"}, fault.Unavailable, report.Error, "fips"},
		"builder-id":     {claim("--builder-id", "https://builder.example/**"), fault.Unavailable, report.Error, "provenance"},
		"build-type":     {claim("--build-type", "x"), fault.Unavailable, report.Error, "provenance"},
		"source-uri":     {claim("--source-uri", "github.com/acme/app"), fault.Unavailable, report.Error, "provenance"},
		"source-ref":     {claim("--source-ref", "refs/heads/main"), fault.Unavailable, report.Error, "provenance"},
		"slsa-level":     {claim("--slsa-level", "3"), fault.Unavailable, report.Error, "provenance"},
		"vsa-verifier":   {claim("--vsa-verifier", "https://verifier.example"), fault.Unavailable, report.Error, "vsa"},
		"vsa-levels":     {claim("--vsa-levels", "SLSA_BUILD_LEVEL_3"), fault.Unavailable, report.Error, "vsa"},
		"vsa-max-age":    {claim("--vsa-max-age", "1d"), fault.Unavailable, report.Error, "vsa"},
		"max-drift":      {claim("--max-drift", "0"), fault.Unavailable, report.Error, "signed SBOM"},
		"run-check":      {claim("--run-check"), fault.OK, report.Warn, "the running container was not decided"},
		"run-check-rule": {claim("--run-check", "--fail-on-check", "critical"), fault.Unavailable, report.Error, "the running container was not decided"},
		"max-image-size": {claim("--max-image-size", "1"), fault.OK, report.Warn, "max-image-size"},
		"max-layers":     {claim("--max-layers", "1"), fault.OK, report.Warn, "max-layers"},
		"bounds-as-ever": {claim("--max-image-size", "500m", "--max-layers", "40"), fault.OK, report.Pass, ""},
		"attestation":    {claim("--attestation", t.TempDir()), fault.Usage, report.Error, "attestation"},
		"sbom-source":    {claim("--sbom-source", "attested"), fault.Usage, report.Error, "attests"},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			code, r, text := w.verify("sbom:"+w.path("bill.json"), append([]string{"--fail-on-severity", "high"}, tt.flags...)...)
			must(t, code, r, text, tt.code, tt.want)
			if !strings.Contains(strings.Join(r.Verdict.Reasons, "\n"), tt.reason) {
				t.Errorf("the reasons are %q, want %q in them", r.Verdict.Reasons, tt.reason)
			}
			if tt.code == fault.Usage && !strings.Contains(text, "hint: drop "+name) {
				t.Errorf("no hint to drop %s\n%s", name, text)
			}
		})
	}
}

// What scan does not look at it does not take as a flag. The configuration file may have
// it, for verify.
func TestScanTakesNoRuleOfVerify(t *testing.T) {
	w := newWorld(t, testkit.RegistryOptions{})
	ref, _ := w.push(w.image())
	scan := func(flags ...string) (fault.Code, *report.Report, string) {
		code, stdout, stderr := w.call("scan", ref, append(append([]string{"--fail-on-severity", "critical", "--report-dir", w.path("report")}, w.dbFlags...), flags...)...)
		return code, w.report(), stdout + stderr
	}
	for _, flags := range [][]string{{"--require", "fips"}, {"--max-drift", "0"}, {"--sbom-source", "attested"}} {
		code, r, text := scan(flags...)
		must(t, code, r, text, fault.Usage, report.Error)
		complains(t, text, "unknown flag: "+flags[0], "imagegate scan --help")
	}
	code, r, text := scan("--config", w.write("imagegate.yaml", []byte("require: fips\nmax-drift: 0\nsbom-source: attested\n")))
	must(t, code, r, text, fault.OK, report.Pass)
}
