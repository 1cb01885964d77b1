package render_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/imagegate/imagegate/internal/render"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/openvex/go-vex/pkg/vex"
)

func openVEX(t *testing.T, r *report.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := render.OpenVEX(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestOpenVEXSchema(t *testing.T) {
	schema := published(t, "openvex_json_schema.json")
	validate(t, schema, openVEX(t, sample()))
	validate(t, schema, openVEX(t, combined()))
	each(t, func(t *testing.T, s string) { validate(t, schema, openVEX(t, poison(s))) })
}

// go-vex reads the document, and the statement is found for the exact package in the
// image and for nothing else.
func TestOpenVEXIsAppliedToTheExactPackage(t *testing.T) {
	doc, err := vex.Parse(openVEX(t, sample()))
	if err != nil {
		t.Fatal(err)
	}
	image := "pkg:oci/python@sha256%3A" + strings.TrimPrefix(imageDigest, "sha256:") + "?arch=amd64&repository_url=dhi.io%2Fpython"
	for _, tt := range []struct {
		name, id, product, component string
		want                         int
	}{
		{"the_package", "CVE-2026-5555", image, "pkg:deb/debian/perl-base@5.40?arch=amd64&distro=debian-13", 1},
		{"another_version", "CVE-2026-5555", image, "pkg:deb/debian/perl-base@5.42?arch=amd64&distro=debian-13", 0},
		{"another_vulnerability", "CVE-2026-1111", image, "pkg:deb/debian/perl-base@5.40?arch=amd64&distro=debian-13", 0},
		{"another_image", "CVE-2026-5555", strings.Replace(image, "2222", "3333", 1), "pkg:deb/debian/perl-base@5.40?arch=amd64&distro=debian-13", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := doc.Matches(tt.id, tt.product, []string{tt.component}); len(got) != tt.want {
				t.Errorf("%d statements match, want %d: %+v", len(got), tt.want, got)
			}
		})
	}
}

func TestOpenVEXOfNothing(t *testing.T) {
	none := sample()
	none.Vulnerabilities = slices.DeleteFunc(none.Vulnerabilities, func(v report.Vulnerability) bool {
		return v.Decision.Status == report.Suppressed
	})
	for name, r := range map[string]*report.Report{"empty": {}, "nothing_suppressed": none} {
		var b bytes.Buffer
		if err := render.OpenVEX(&b, r); !errors.Is(err, render.ErrNoStatements) || b.Len() > 0 {
			t.Errorf("%s: err = %v, %d bytes", name, err, b.Len())
		}
	}
}

// The document is that of the decisions: only not_affected and fixed suppress, and
// what OpenVEX does not know is not made up.
func TestOpenVEXStatements(t *testing.T) {
	for _, tt := range []struct {
		name                          string
		statement                     report.Statement
		wantJustification, wantImpact string
		wantNone                      bool
	}{
		{"justification", report.Statement{Status: "not_affected", Justification: "component_not_present"}, "component_not_present", "", false},
		{"impact", report.Statement{Status: "not_affected", ImpactStatement: "not built in"}, "", "not built in", false},
		{"unknown_justification", report.Statement{Status: "not_affected", Justification: "because"}, "", "Justification as written: because", false},
		{"neither", report.Statement{Status: "not_affected"}, "", "Justification as written: -", false},
		{"fixed", report.Statement{Status: "fixed", Justification: "component_not_present"}, "", "", false},
		{"affected_never_suppresses", report.Statement{Status: "affected"}, "", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := sample()
			v := finding("CVE-1", report.High, "a", "1")
			v.Decision = report.Decision{Status: report.Suppressed, Statement: &tt.statement}
			r.Vulnerabilities = []report.Vulnerability{v}
			var b bytes.Buffer
			err := render.OpenVEX(&b, r)
			if tt.wantNone {
				if !errors.Is(err, render.ErrNoStatements) {
					t.Errorf("err = %v", err)
				}
				return
			}
			var doc struct {
				Statements []struct {
					Status, Justification string
					Impact                string `json:"impact_statement"`
				}
			}
			if err := errors.Join(err, json.Unmarshal(b.Bytes(), &doc)); err != nil {
				t.Fatal(err)
			}
			s := doc.Statements[0]
			if s.Justification != tt.wantJustification || s.Impact != tt.wantImpact || s.Status != tt.statement.Status {
				t.Errorf("statement = %+v", s)
			}
		})
	}
}

// Every platform's statement names that platform's own digest.
func TestOpenVEXPlatforms(t *testing.T) {
	got := string(openVEX(t, combined()))
	for _, want := range []string{
		"pkg:oci/python@sha256%3A" + strings.Repeat("2", 64), "pkg:oci/python@sha256%3A" + strings.Repeat("a", 64), "arch=arm64",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(got, strings.TrimPrefix(indexDigest, "sha256:")) {
		t.Error("a statement speaks of the index")
	}
}

func TestJSONHasNoInvisibleText(t *testing.T) {
	each(t, func(t *testing.T, s string) {
		for name, write := range renderers {
			if !strings.HasSuffix(name, ".json") {
				continue
			}
			var b bytes.Buffer
			if err := write(&b, poison(s)); err != nil {
				t.Fatal(err)
			}
			if i := bytes.IndexFunc(b.Bytes(), func(c rune) bool { return c != '\n' && unicode.Is(unicode.C, c) }); i >= 0 {
				t.Errorf("%s: a control character at %d", name, i)
			}
			if name != "report.json" {
				continue
			}
			var back report.Report
			if err := json.Unmarshal(b.Bytes(), &back); err != nil {
				t.Fatal(err)
			}
			if got, want := back.Subject.Reference, strings.ToValidUTF8(s, "\uFFFD"); strings.ReplaceAll(got, "\uFFFD\uFFFD", "\uFFFD") != want {
				t.Errorf("reference = %q, want %q: a program must read what was there", got, want)
			}
		}
	})
}
