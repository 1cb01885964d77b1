package vex

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// shared is where real documents lie when they are at hand.
const shared = "../../../shared/data"

// sharedFile reads a real document, or skips the test.
func sharedFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(shared, name))
	if err != nil {
		t.Skipf("real data is not at hand: %v", err)
	}
	return data
}

const (
	ownDigest   = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	indexDigest = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
	baseDigest  = "sha256:3333333333333333333333333333333333333333333333333333333333333333"
	elsewhere   = "sha256:4444444444444444444444444444444444444444444444444444444444444444"
)

// attestation is what the verifier hands over, in a test's hands.
type attestation struct {
	subject   string
	predicate []byte
	signed    time.Time
	digest    string
	typ       string
	bad       bool
}

func (a attestation) OK() bool { return !a.bad }
func (a attestation) PredicateType() string {
	if a.typ != "" {
		return a.typ
	}
	return "https://openvex.dev/ns/v0.2.0"
}
func (a attestation) Predicate() []byte { return a.predicate }
func (a attestation) Digest() string {
	if a.digest != "" {
		return a.digest
	}
	return digestOf(append([]byte(a.subject), a.predicate...))
}
func (a attestation) Signer() string      { return "key test-1" }
func (a attestation) Subject() string     { return a.subject }
func (a attestation) SignedAt() time.Time { return a.signed }

// signedFile is a verified feed file.
type signedFile struct {
	name string
	data []byte
	bad  bool
}

func (s signedFile) OK() bool            { return !s.bad }
func (s signedFile) Name() string        { return s.name }
func (s signedFile) Bytes() []byte       { return s.data }
func (s signedFile) Digest() string      { return digestOf(s.data) }
func (s signedFile) Signer() string      { return "key feed-1" }
func (s signedFile) SignedAt() time.Time { return time.Time{} }

type (
	docJSON struct {
		Context    string     `json:"@context"`
		ID         string     `json:"@id"`
		Author     string     `json:"author"`
		Timestamp  string     `json:"timestamp,omitempty"`
		Version    int        `json:"version"`
		Statements []stmtJSON `json:"statements"`
	}
	stmtJSON struct {
		ID            string     `json:"@id,omitempty"`
		Vulnerability any        `json:"vulnerability"`
		Timestamp     string     `json:"timestamp,omitempty"`
		Products      []prodJSON `json:"products"`
		Status        string     `json:"status"`
		Justification string     `json:"justification,omitempty"`
		Impact        string     `json:"impact_statement,omitempty"`
		Action        string     `json:"action_statement,omitempty"`
		Notes         string     `json:"status_notes,omitempty"`
	}
	prodJSON struct {
		ID            string            `json:"@id,omitempty"`
		Hashes        map[string]string `json:"hashes,omitempty"`
		Identifiers   map[string]string `json:"identifiers,omitempty"`
		Subcomponents []prodJSON        `json:"subcomponents,omitempty"`
	}
)

// stmt makes a statement with a valid justification where one is needed.
func stmt(vuln, status, when string, products ...string) stmtJSON {
	s := stmtJSON{Vulnerability: map[string]any{"name": vuln}, Status: status, Timestamp: when}
	switch status {
	case "not_affected":
		s.Justification = "vulnerable_code_not_present"
	case "affected":
		s.Action = "upgrade"
	}
	for _, p := range products {
		s.Products = append(s.Products, prodJSON{ID: p})
	}
	return s
}

// inside makes a statement about components of one product.
func inside(vuln, status, when, product string, components ...string) stmtJSON {
	s := stmt(vuln, status, when, product)
	for _, c := range components {
		s.Products[0].Subcomponents = append(s.Products[0].Subcomponents, prodJSON{ID: c})
	}
	return s
}

func openVEX(t testing.TB, statements ...stmtJSON) []byte {
	t.Helper()
	b, err := json.Marshal(docJSON{Context: "https://openvex.dev/ns/v0.2.0", ID: "https://example.com/vex/1",
		Author: "Vendor", Timestamp: "2025-01-01T00:00:00Z", Version: 1, Statements: statements})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func must(t testing.TB) func(Document, error) Document {
	return func(d Document, err error) Document {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
}

// own is the image's own signed document.
func own(t testing.TB, statements ...stmtJSON) Document {
	t.Helper()
	return must(t)(FromAttestation(attestation{subject: ownDigest, predicate: openVEX(t, statements...)}))
}

// byUser is a document that the user named.
func byUser(t testing.TB, statements ...stmtJSON) Document {
	t.Helper()
	return must(t)(FromFile("user.vex.json", openVEX(t, statements...)))
}

func testImage() Image {
	return Image{Digest: ownDigest, IndexDigest: indexDigest, Repository: "dhi.io/python",
		References: []string{"dhi.io/python:3.13"}, Platform: "linux/amd64",
		Distro: &report.Distro{ID: "debian", Version: "13", Codename: "trixie"}}
}

// libc is a finding in a binary package of another name than its source.
func libc() report.Vulnerability {
	return report.Vulnerability{ID: "CVE-2025-0001", Severity: report.High, Package: report.Package{
		Name: "libc6", Version: "2.41-12", Type: "deb",
		PURL:      "pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13&upstream=glibc",
		Upstreams: []report.Upstream{{Name: "glibc"}}}}
}

func find(id, purl string, aliases ...string) report.Vulnerability {
	u, err := parsePURL(purl)
	if err != nil {
		panic(err)
	}
	return report.Vulnerability{ID: id, Aliases: aliases, Severity: report.High,
		Package: report.Package{Name: u.name, Version: u.version, Type: u.typ, PURL: purl}}
}

func decide(t testing.TB, f report.Vulnerability, im Image, opt Options, docs ...Document) report.Decision {
	t.Helper()
	r, err := Decide([]report.Vulnerability{f}, docs, im, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r.Vulnerabilities[0].Decision
}
