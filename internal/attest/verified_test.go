package attest

import (
	"reflect"
	"testing"
)

// TestOnlyVerificationMakesVerified pins what keeps unverified evidence out by type: no
// field of a Verified can be set from outside, its zero value is not OK, and an
// Unverified has none of its methods.
func TestOnlyVerificationMakesVerified(t *testing.T) {
	typ := reflect.TypeFor[Verified]()
	for i := range typ.NumField() {
		if f := typ.Field(i); f.IsExported() {
			t.Errorf("the field %s can be set from outside", f.Name)
		}
	}
	for i := range typ.NumMethod() {
		m := typ.Method(i)
		if m.Type.NumIn() != 1 {
			t.Errorf("the method %s takes arguments: it may change the value", m.Name)
		}
		for o := range m.Type.NumOut() {
			if k := m.Type.Out(o).Kind(); k == reflect.Pointer || k == reflect.Map {
				t.Errorf("the method %s hands out a %s", m.Name, k)
			}
		}
	}
	if n := reflect.TypeFor[Unverified]().NumMethod() + reflect.TypeFor[*Unverified]().NumMethod(); n != 0 {
		t.Errorf("Unverified has %d methods: it could pass for a Verified", n)
	}
	if (Verified{}).OK() {
		t.Error("the zero value is OK")
	}
}

func TestFamily(t *testing.T) {
	for _, tt := range []struct{ predicateType, want string }{
		{"https://cyclonedx.org/bom", FamilySBOM},
		{"https://cyclonedx.org/bom/v1.5", FamilySBOM},
		{"https://cyclonedx.org/bom/v1.6", FamilySBOM},
		{"https://spdx.dev/Document", FamilySBOM},
		{"https://spdx.dev/Document/v2.3", FamilySBOM},
		{"https://scout.docker.com/sbom/v0.1", FamilySBOM},
		{"https://github.com/anchore/syft#output-formats", FamilySBOM},
		{"https://openvex.dev/ns", FamilyVEX},
		{"https://openvex.dev/ns/v0.2.0", FamilyVEX},
		{"https://openvex.dev/ns/v9", FamilyVEX},
		{"https://slsa.dev/provenance/v0.2", FamilyProvenance},
		{"https://slsa.dev/provenance/v1", FamilyProvenance},
		{"https://scout.docker.com/provenance/v0.1", FamilyProvenance},
		{"https://in-toto.io/attestation/vulns/v0.1", FamilyVulns},
		{"https://scout.docker.com/vulnerabilities/v0.1", FamilyVulns},
		{"https://scout.docker.com/secrets/v0.1", FamilySecrets},
		{"https://scout.docker.com/virus/v0.1", FamilyVirus},
		{"https://scout.docker.com/tests/v0.1", FamilyTests},
		{"https://docker.com/dhi/stig/v0.1", FamilySTIG},
		{"https://docker.com/dhi/fips/v0.1", FamilyFIPS},
		{"https://docker.com/dhi/source/v0.1", FamilySource},
		{"https://slsa.dev/verification_summary/v1", FamilyVSA},
		{"https://scout.docker.com/health/v0.1", FamilyHealth},
		{"https://sigstore.dev/cosign/sign/v1", FamilySignature},
		{"https://cyclonedx.org/vex", FamilyVEX},
		{"https://cyclonedx.org/vex/1.0", FamilyVEX},
		{"https://cyclonedx.org/bom/v1.6", FamilySBOM},
		{"https://docs.oasis-open.org/csaf/csaf/v2.0", FamilyVEX},
		{"https://docs.oasis-open.org/csaf/csaf/v2.0/os/schemas/csaf_json_schema.json", FamilyVEX},
		{"https://example.com/predicates/CSAF-VEX/v1", FamilyVEX},
		{"https://cosign.sigstore.dev/attestation/vex/v1#", FamilyVEX},
		{"vex", FamilyVEX},
		{"https://csaf.example/notes/v1", FamilyOther},
		{"https://vex/notes", FamilyOther},
		{"https://example.com/vexatious/v1", FamilyOther},
		{"https://openvex.dev/nsx/v0.2.0", FamilyOther},
		{"https://openvex.dev.evil.example/ns/v0.2.0", FamilyOther},
		{"x https://openvex.dev/ns", FamilyOther},
		{"", FamilyOther},
		{"https://docker.com/dhi/fips/v0.1", "fips"}, // from here on by the words that reports and options have
		{"https://docker.com/dhi/stig/v0.1", "stig"},
		{"https://docker.com/dhi/source/v0.1", "source"},
		{"https://docker.com/dhi/changelog/v0.1", "changelog"},
		{"https://scout.docker.com/secrets/v0.1", "secrets"},
		{"https://scout.docker.com/virus/v0.1", "virus"},
		{"https://scout.docker.com/tests/v0.1", "tests"},
		{"https://scout.docker.com/health/v0.1", "health"},
		{"https://scout.docker.com/vulnerabilities/v0.1", "vulnerabilities"},
		{"https://spdx.dev/Document", "sbom"},
		{"https://openvex.dev/ns/v0.2.0", "vex"},
		{"https://slsa.dev/provenance/v1", "provenance"},
		{"https://slsa.dev/verification_summary/v1", "vsa"},
		{"https://modelcontextprotocol.io/server.json", "mcp"},
		{"https://chainguard.dev/end-of-life", "eol"},
		{"https://apko.dev/image-configuration", "configuration"},
		{"https://sigstore.dev/cosign/sign/v1", "signature"},
		{"https://example.org/x", "other"},
	} {
		if got := Family(tt.predicateType); got != tt.want {
			t.Errorf("Family(%q) = %s, want %s", tt.predicateType, got, tt.want)
		}
	}
}
