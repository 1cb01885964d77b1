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
		{"https://openvex.dev/nsx/v0.2.0", FamilyOther},
		{"https://openvex.dev.evil.example/ns/v0.2.0", FamilyOther},
		{"x https://openvex.dev/ns", FamilyOther},
		{"", FamilyOther},
	} {
		if got := Family(tt.predicateType); got != tt.want {
			t.Errorf("Family(%q) = %s, want %s", tt.predicateType, got, tt.want)
		}
	}
}
