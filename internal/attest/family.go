package attest

import (
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

// The families of predicates. A family is the kind of claim whatever its version.
const (
	FamilySignature     = "signature"
	FamilySBOM          = "sbom"
	FamilyVEX           = "vex"
	FamilyProvenance    = "provenance"
	FamilyVulns         = "vulnerabilities"
	FamilySecrets       = "secrets"
	FamilyVirus         = "virus"
	FamilyTests         = "tests"
	FamilySTIG          = "stig"
	FamilyFIPS          = "fips"
	FamilySource        = "source"
	FamilyVSA           = "vsa"
	FamilyHealth        = "health"
	FamilyChangelog     = "changelog"
	FamilyMCP           = "mcp"
	FamilyEOL           = "eol"
	FamilyConfiguration = "configuration"
	FamilyOther         = "other"
	FamilyUnknown       = report.FamilyUnknown
)

// families maps predicate types to families. A prefix that does not end in "/" must be
// followed by the end, "/" or a version mark, so that a longer name is another type.
var families = [...]struct{ prefix, family string }{
	{"https://cyclonedx.org/bom", FamilySBOM},
	{"https://cyclonedx.org/schema", FamilySBOM},
	{"https://spdx.dev/document", FamilySBOM},
	{"https://scout.docker.com/sbom", FamilySBOM},
	{"https://github.com/anchore/syft", FamilySBOM},
	{"https://openvex.dev/ns", FamilyVEX},
	{"https://cyclonedx.org/vex", FamilyVEX},
	{"https://slsa.dev/provenance", FamilyProvenance},
	{"https://scout.docker.com/provenance", FamilyProvenance},
	{"https://in-toto.io/attestation/vulns", FamilyVulns},
	{"https://scout.docker.com/vulnerabilities", FamilyVulns},
	{"https://cosign.sigstore.dev/attestation/vuln", FamilyVulns},
	{"https://vat.dso.mil/api/p1/predicate", FamilyVulns},
	{"https://scout.docker.com/secrets", FamilySecrets},
	{"https://scout.docker.com/virus", FamilyVirus},
	{"https://scout.docker.com/tests", FamilyTests},
	{"https://in-toto.io/attestation/test-result", FamilyTests},
	{"https://docker.com/dhi/stig", FamilySTIG},
	{"https://docker.com/dhi/fips", FamilyFIPS},
	{"https://docker.com/dhi/source", FamilySource},
	{"https://docker.com/dhi/changelog", FamilyChangelog},
	{"https://slsa.dev/verification_summary", FamilyVSA},
	{"https://scout.docker.com/health", FamilyHealth},
	{"https://modelcontextprotocol.io/server.json", FamilyMCP},
	{"https://chainguard.dev/end-of-life", FamilyEOL},
	{"https://apko.dev/image-configuration", FamilyConfiguration},
	{predicateCosign, FamilySignature},
}

// saysVEX are names that a type without an entry above has in its path when it holds VEX:
// the formats have no type of their own that everybody uses, such as
// https://docs.oasis-open.org/csaf/csaf/v2.0.
var saysVEX = [...]string{"vex", "openvex", "csaf", "csaf-vex", "csaf_vex", "cyclonedx-vex"}

// Family returns the family of a predicate type, or "other". Versions are ignored:
// CycloneDX 1.5 and 1.6 are both "sbom", SLSA v0.2 and v1 both "provenance".
func Family(predicateType string) string {
	t := strings.ToLower(predicateType)
	for _, f := range families {
		rest, ok := strings.CutPrefix(t, f.prefix)
		if ok && (rest == "" || strings.ContainsRune("/#@?", rune(rest[0]))) {
			return f.family
		}
	}
	_, path, ok := strings.Cut(t, "://")
	if _, path, _ = strings.Cut(path, "/"); !ok {
		path = t
	}
	for part := range strings.FieldsFuncSeq(path, func(r rune) bool { return strings.ContainsRune("/#@?", r) }) {
		if slices.Contains(saysVEX[:], part) {
			return FamilyVEX
		}
	}
	return FamilyOther
}
