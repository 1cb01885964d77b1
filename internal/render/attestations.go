package render

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/imagegate/imagegate/internal/report"
)

// AttestationList writes where attestations were looked for, what came back from each
// place, and each attestation with its state. "Looked and found none" and "could not
// look" are different words.
func AttestationList(w io.Writer, r *report.Report) error {
	r = r.Canonical()
	t := newTable(w)
	t.line(imageLine(r))
	t.line("")
	t.row("LOOKED IN", "FOR", "RESULT")
	for _, p := range r.Discovery {
		result := p.State
		switch p.State {
		case report.ProbeFound:
			result = fmt.Sprintf("found %d", p.Found)
		case report.ProbeNone:
			result = "none"
		case report.ProbeFailed:
			result = "could not look"
		}
		if p.Reason != "" {
			result += ": " + p.Reason
		}
		t.row(withPlatform(r, p.Platform, p.Store), p.Asked, result)
	}
	t.line("")
	if len(r.Attestations) == 0 {
		if looked(r, report.StageAttest) {
			t.line("No attestation was found.")
		} else {
			t.line("Attestations could not be looked for.")
		}
		return t.flush()
	}
	t.row("STATE", "FAMILY", "PREDICATE TYPE", "DIGEST", "SIZE", "SIGNER OR REASON")
	for _, a := range r.Attestations {
		t.row(string(a.State), withPlatform(r, a.Platform, a.Family), a.PredicateType, a.Digest, fmt.Sprint(a.Size), signerOrReason(a))
	}
	return t.flush()
}

// AttestationProof writes each attestation with the reason for its state and the
// command that checks the same with cosign, and every rule about them that did not pass.
func AttestationProof(w io.Writer, r *report.Report) error {
	r = r.Canonical()
	t := newTable(w)
	t.line(imageLine(r))
	verified := 0
	for _, a := range r.Attestations {
		t.line("")
		t.line(fmt.Sprintf("%s  %s  %s", strings.ToUpper(string(a.State)), withPlatform(r, a.Platform, a.Family), a.PredicateType))
		t.line("  " + a.Digest + " in " + a.Store)
		if a.State == report.Verified {
			verified++
			line := "  signed by " + a.Signer
			if a.SignedAt != nil {
				line += " at " + a.SignedAt.UTC().Format("2006-01-02 15:04:05Z")
			}
			t.line(line)
		}
		if a.Subject != "" && a.Subject != r.Subject.Digest && !manyPlatforms(r) {
			t.line("  about " + a.Subject)
		}
		if why := beyondSigner(a); why != "" {
			t.line("  " + why)
		}
		if a.Command != "" {
			t.line("  $ " + a.Command)
		}
	}
	for _, s := range r.Stages {
		if s.State == report.Failed || s.State == report.Missing {
			t.line("")
			t.line(fmt.Sprintf("%s %s: %s", s.Name, s.State, s.Reason))
		}
	}
	t.line("")
	t.line(fmt.Sprintf("%d of %s verified", verified, plural(len(r.Attestations), "attestation")))
	for _, rule := range r.Verdict.Rules {
		claim, ok := strings.CutPrefix(rule.Name, "claim ")
		switch {
		case ok:
			t.line(withPlatform(r, rule.Platform, string(rule.Result)) + ": " + claim + " " + rule.Message)
		case strings.HasPrefix(rule.Name, "require ") || rule.Name == "integrity":
			t.line(withPlatform(r, rule.Platform, string(rule.Result)) + ": " + rule.Message)
		}
	}
	return t.flush()
}

// beyondSigner is the reason without the signer, which is told already.
func beyondSigner(a report.Attestation) string {
	if a.State != report.Verified {
		return a.Reason
	}
	rest, told := strings.CutPrefix(a.Reason, "signed by "+strings.TrimPrefix(a.Signer, "identity "))
	if !told {
		return a.Reason
	}
	return strings.TrimPrefix(rest, "; ")
}

func imageLine(r *report.Report) string {
	line := imageName(r.Subject)
	if r.Subject.Platform != "" {
		line += " " + r.Subject.Platform
	}
	return line
}

func signerOrReason(a report.Attestation) string {
	if a.State == report.Verified {
		return a.Signer
	}
	return a.Reason
}

// withPlatform puts the platform behind text where there are several.
func withPlatform(r *report.Report, platform, text string) string {
	if manyPlatforms(r) && platform != "" {
		return text + " " + platform
	}
	return text
}

// table writes aligned rows of neutralised text.
type table struct {
	w   *tabwriter.Writer
	err error
}

func newTable(w io.Writer) *table { return &table{w: tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)} }

func (t *table) row(cells ...string) {
	for i, c := range cells {
		cells[i] = plainLong(c)
	}
	t.print(strings.Join(cells, "\t"))
}

// line writes one line; its leading blanks are ours and stay.
func (t *table) line(s string) {
	text := strings.TrimLeft(s, " ")
	t.print(s[:len(s)-len(text)] + plainLong(text))
}

func (t *table) print(s string) {
	if t.err == nil {
		_, t.err = fmt.Fprintln(t.w, s)
	}
}

func (t *table) flush() error {
	if t.err == nil {
		t.err = t.w.Flush()
	}
	if t.err != nil {
		return fmt.Errorf("write the table: %w", t.err)
	}
	return nil
}
