package attest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/attest/strictjson"
	"github.com/imagegate/imagegate/internal/words"
)

// statement is an in-toto statement, v0.1 or v1, of which every member that is read
// has one meaning.
type statement struct {
	predicateType string
	subjects      []subject
	predicate     json.RawMessage // as written
}

type subject struct {
	name   string
	sha256 string // lower-case hex; "" when the subject has none
	sha384 string
	sha512 string
}

var errStatement = errors.New("not an in-toto statement")

// parseStatement reads a statement. It refuses JSON that parsers read differently,
// unknown statement types, a missing predicate, no subject, and more subjects than
// limits allow.
func parseStatement(data []byte, lim limits) (*statement, error) {
	if err := strictjson.Check(data, lim.depth); err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	top, err := strictjson.Fields(data, "_type", "predicateType", "subject", "predicate")
	if err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	kind, err := strictjson.Text(top, "_type")
	if err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	if kind != statementV01 && kind != statementV1 {
		if _, ok := top["payloadType"]; ok {
			return nil, fmt.Errorf("%w: the bytes are a DSSE envelope, not a bare statement", errStatement)
		}
		return nil, fmt.Errorf("%w: _type is %q", errStatement, clip(kind))
	}
	s := &statement{predicate: top["predicate"]}
	if s.predicateType, err = strictjson.Text(top, "predicateType"); err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	if s.predicateType == "" {
		return nil, fmt.Errorf("%w: no predicateType", errStatement)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(top["subject"], &list); err != nil || len(list) == 0 {
		return nil, fmt.Errorf("%w: no subject", errStatement)
	}
	if len(list) > lim.subjects {
		return nil, fmt.Errorf("statement: %d subjects, more than MaxSubjects (%d)", len(list), lim.subjects)
	}
	for i, raw := range list {
		sub, err := parseSubject(raw)
		if err != nil {
			return nil, fmt.Errorf("statement: subject %d: %w", i+1, err)
		}
		s.subjects = append(s.subjects, sub)
	}
	return s, nil
}

func parseSubject(raw json.RawMessage) (subject, error) {
	m, err := strictjson.Fields(raw, "name", "digest")
	if err != nil {
		return subject{}, err
	}
	name, err := strictjson.Text(m, "name")
	if err != nil {
		return subject{}, err
	}
	s := subject{name: name}
	if _, ok := m["digest"]; !ok {
		return s, nil
	}
	d, err := strictjson.Fields(m["digest"], "sha256", "sha384", "sha512")
	if err != nil {
		return subject{}, err
	}
	for _, a := range []struct {
		name   string
		digits int
		to     *string
	}{{"sha256", 64, &s.sha256}, {"sha384", 96, &s.sha384}, {"sha512", 128, &s.sha512}} {
		if *a.to, err = strictjson.Text(d, a.name); err != nil {
			return subject{}, err
		}
		if *a.to != "" && !isHex(*a.to, a.digits) {
			return subject{}, fmt.Errorf("%s is %q, not %d hex digits", a.name, clip(*a.to), a.digits)
		}
	}
	return s, nil
}

// names reports whether one of the subjects is the digest.
func (s *statement) names(d v1.Hash) bool {
	for _, sub := range s.subjects {
		if d.Algorithm == "sha256" && sub.sha256 == d.Hex {
			return true
		}
	}
	return false
}

// first is the first subject, as text.
func (s *statement) first() string {
	sub := s.subjects[0]
	if sub.sha256 == "" {
		return fmt.Sprintf("%q without a sha256 digest", clip(sub.name))
	}
	return fmt.Sprintf("%q (sha256:%s)", clip(sub.name), sub.sha256)
}

// foreign returns the first subject that is not the digest, as text; "" when there is
// none.
func (s *statement) foreign(d v1.Hash) string {
	for _, sub := range s.subjects {
		switch {
		case sub.sha256 == "":
			return fmt.Sprintf("%q without a sha256 digest", clip(sub.name))
		case sub.sha256 != d.Hex:
			return fmt.Sprintf("%q (sha256:%s)", clip(sub.name), sub.sha256)
		}
	}
	return ""
}

// isHex256 accepts the hex of a sha256 digest.
func isHex256(s string) bool { return isHex(s, 64) }

// isHex accepts so many lower-case hex digits: the OCI spec allows no upper case, and
// two spellings of one digest would be two subjects.
func isHex(s string, digits int) bool {
	return len(s) == digits && strings.Trim(s, "0123456789abcdef") == ""
}

// clip shortens hostile text for a reason.
func clip(s string) string { return words.Clip(s, 200) }
