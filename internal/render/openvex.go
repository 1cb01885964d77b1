package render

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/imagegate/imagegate/internal/report"
)

// ErrNoStatements means that no VEX statement was applied. OpenVEX has no document
// without statements (v0.2.0 schema, minItems 1), so none is written.
var ErrNoStatements = errors.New("no VEX statement was applied")

type vexDocument struct {
	Context    string         `json:"@context"`
	ID         string         `json:"@id"`
	Author     string         `json:"author"`
	Role       string         `json:"role"`
	Timestamp  time.Time      `json:"timestamp"`
	Version    int            `json:"version"`
	Tooling    string         `json:"tooling"`
	Statements []vexStatement `json:"statements"`
}

type vexStatement struct {
	Vulnerability   vexVulnerability `json:"vulnerability"`
	Timestamp       *time.Time       `json:"timestamp,omitempty"`
	Products        []vexProduct     `json:"products"`
	Status          string           `json:"status"`
	StatusNotes     string           `json:"status_notes,omitempty"`
	Justification   string           `json:"justification,omitempty"`
	ImpactStatement string           `json:"impact_statement,omitempty"`
}

type vexVulnerability struct {
	Name    string   `json:"name"`
	Aliases []string `json:"aliases,omitempty"`
}

type vexProduct struct {
	ID            string            `json:"@id"`
	Identifiers   map[string]string `json:"identifiers,omitempty"`
	Hashes        map[string]string `json:"hashes,omitempty"`
	Subcomponents []vexProduct      `json:"subcomponents,omitempty"`
}

// justifications are those of OpenVEX v0.2.0, "Status Justifications".
var justifications = []string{
	"component_not_present", "vulnerable_code_not_present", "vulnerable_code_not_in_execute_path",
	"vulnerable_code_cannot_be_controlled_by_adversary", "inline_mitigations_already_exist",
}

// OpenVEX writes one OpenVEX v0.2.0 document of the statements that suppressed
// findings: each for this image by digest and for the exact package, however broad
// the original was. It returns [ErrNoStatements], having written nothing, when there
// are none. The document's id is made from its content, its time is the report's.
func OpenVEX(w io.Writer, r *report.Report) error {
	r = r.Canonical()
	statements := appliedStatements(r)
	if len(statements) == 0 {
		return ErrNoStatements
	}
	id, err := json.Marshal(statements)
	if err != nil {
		return fmt.Errorf("encode OpenVEX: %w", err)
	}
	sum := sha256.Sum256(append(id, r.Generated.Format(time.RFC3339)...))
	return writeJSON(w, "OpenVEX", vexDocument{
		Context:    "https://openvex.dev/ns/v0.2.0",
		ID:         "https://openvex.dev/docs/public/vex-" + hex.EncodeToString(sum[:]),
		Author:     Product,
		Role:       "aggregator of the statements that were applied",
		Timestamp:  r.Generated,
		Version:    1,
		Tooling:    strings.TrimSpace(r.Tool.Name + " " + r.Tool.Version),
		Statements: statements,
	})
}

// appliedStatements are the statements behind the suppressed findings, one for each
// finding, without repetitions.
func appliedStatements(r *report.Report) []vexStatement {
	var out []vexStatement
	seen := map[string]bool{}
	for _, v := range r.Vulnerabilities {
		s := v.Decision.Statement
		if v.Decision.Status != report.Suppressed || s == nil || s.Status != "not_affected" && s.Status != "fixed" {
			continue
		}
		st := vexStatement{
			Vulnerability: vexVulnerability{Name: v.ID, Aliases: aliases(v)},
			Timestamp:     s.Timestamp,
			Products:      []vexProduct{imageProduct(r, v)},
			Status:        s.Status,
			StatusNotes:   statusNotes(v.Decision),
		}
		if s.Status == "not_affected" {
			st.ImpactStatement = s.ImpactStatement
			if slices.Contains(justifications, s.Justification) {
				st.Justification = s.Justification
			} else if st.ImpactStatement == "" {
				// The specification wants one of the two; a word that it does not know
				// is kept as text.
				st.ImpactStatement = strings.TrimSpace("Justification as written: " + orDash(s.Justification))
			}
		}
		key, err := json.Marshal(st)
		if err == nil && !seen[string(key)] {
			seen[string(key)] = true
			out = append(out, st)
		}
	}
	return out
}

// aliases are all other names, those in the statement too.
func aliases(v report.Vulnerability) []string {
	out := make([]string, 0, len(v.Aliases)+1)
	for _, a := range append(slices.Clone(v.Aliases), v.Decision.Statement.Vulnerability) {
		if a != "" && a != v.ID && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// statusNotes keeps what the original author noted, and where the statement is from.
func statusNotes(d report.Decision) string {
	notes := "Applied from " + statementSource(d)
	if d.Statement.ID != "" {
		notes += "; statement " + d.Statement.ID
	}
	if d.Statement.StatusNotes != "" {
		notes = d.Statement.StatusNotes + " (" + notes + ")"
	}
	return clean(notes)
}

// imageProduct is the image by digest with the package as its subcomponent.
func imageProduct(r *report.Report, v report.Vulnerability) vexProduct {
	digest, platform := r.Subject.Digest, r.Subject.Platform
	if v.Platform != "" {
		platform = v.Platform
	}
	for _, p := range r.Platforms {
		if p.Platform == v.Platform {
			digest = p.Digest
		}
	}
	purl := ociPURL(r.Subject.Repository, digest, platform)
	p := vexProduct{ID: purl, Identifiers: map[string]string{"purl": purl}}
	if hash, ok := strings.CutPrefix(digest, "sha256:"); ok {
		p.Hashes = map[string]string{"sha-256": hash}
	}
	component := v.Package.PURL
	if !strings.HasPrefix(component, "pkg:") || strings.ContainsFunc(component, notInIRI) {
		component = "pkg:generic/" + url.PathEscape(v.Package.Name) + "@" + url.PathEscape(v.Package.Version)
	}
	p.Subcomponents = []vexProduct{{ID: component, Identifiers: map[string]string{"purl": component}}}
	return p
}

// ociPURL names an image as the package-url specification says for the type oci: the
// last part of the repository in lower case, the digest as version, the rest as
// qualifiers.
func ociPURL(repository, digest, platform string) string {
	name := strings.ToLower(repository[strings.LastIndexByte(repository, '/')+1:])
	if name == "" {
		name = "image"
	}
	purl := "pkg:oci/" + url.PathEscape(name)
	if digest != "" {
		purl += "@" + url.QueryEscape(digest)
	}
	var qualifiers []string
	if _, rest, ok := strings.Cut(platform, "/"); ok {
		arch, _, _ := strings.Cut(rest, "/")
		qualifiers = append(qualifiers, "arch="+url.QueryEscape(arch))
	}
	if repository != "" {
		qualifiers = append(qualifiers, "repository_url="+url.QueryEscape(repository))
	}
	if len(qualifiers) > 0 {
		purl += "?" + strings.Join(qualifiers, "&")
	}
	return purl
}

// notInIRI reports characters that RFC 3987 does not allow in an identifier.
func notInIRI(c rune) bool {
	return c <= ' ' || c == utf8.RuneError || invisible(c) || strings.ContainsRune(`<>"{}|\^`+"`", c)
}
