package vex

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	govex "github.com/openvex/go-vex/pkg/vex"
)

// builder collects the statements of one document. It keeps one copy of each text:
// in real feeds the same products and notes come back thousands of times.
type builder struct {
	statements []statement
	texts      map[string]string
	names      int
}

func newBuilder() *builder { return &builder{texts: map[string]string{}} }

func (b *builder) keep(s string) string {
	if s == "" {
		return ""
	}
	if k, ok := b.texts[s]; ok {
		return k
	}
	s = strings.Clone(s)
	b.texts[s] = s
	return s
}

// add checks a statement and keeps it. What cannot be believed is not refused, since
// a document would then be lost for one bad line; it is kept from suppressing.
func (b *builder) add(s statement) error {
	if len(b.statements) >= maxStatements {
		return fmt.Errorf("more than %d statements", maxStatements)
	}
	for i := range s.products {
		b.names += len(s.products[i].called) + len(s.products[i].within)
	}
	if b.names > maxNames {
		return fmt.Errorf("more than %d products and subcomponents", maxNames)
	}
	if len(s.names) == 0 {
		return errors.New("names no vulnerability")
	}
	s.invalid = validity(&s)
	b.statements = append(b.statements, s)
	return nil
}

// validity says why a statement that would suppress may not, by the letter of OpenVEX
// ("Statement", Status Labels): not_affected needs a justification that exists, or an
// impact statement.
func validity(s *statement) string {
	switch {
	case !s.status.Valid():
		return fmt.Sprintf("its status %q does not exist", clip(string(s.status)))
	case s.status != govex.StatusNotAffected:
		return ""
	case s.justification == "" && s.impact == "":
		return "it says not_affected without a justification or an impact statement"
	case s.justification != "" && !s.justification.Valid():
		return fmt.Sprintf("its justification %q does not exist", clip(string(s.justification)))
	default:
		return ""
	}
}

// suppresses reports whether the status by itself clears a finding.
func (s *statement) suppresses() bool {
	return s.status == govex.StatusNotAffected || s.status == govex.StatusFixed
}

// nameVulnerability sets the name and all aliases, folded to upper case: identifiers
// of vulnerabilities are the same in any case.
func (b *builder) nameVulnerability(s *statement, name string, aliases []string) {
	s.vulnerability = b.keep(name)
	for _, a := range append([]string{name}, aliases...) {
		if a = strings.ToUpper(strings.TrimSpace(a)); a != "" && !slices.Contains(s.names, a) {
			s.names = append(s.names, b.keep(a))
		}
	}
	if s.vulnerability == "" && len(s.names) > 0 {
		s.vulnerability = s.names[0]
	}
}

// lastSegment takes the identifier out of an IRI:
// https://nvd.nist.gov/vuln/detail/CVE-2023-1255 names CVE-2023-1255.
func lastSegment(iri string) string {
	iri = strings.TrimRight(iri, "/")
	if i := strings.LastIndexAny(iri, "/#="); i >= 0 {
		iri = iri[i+1:]
	}
	if strings.IndexByte(iri, '-') <= 0 {
		return ""
	}
	return iri
}
