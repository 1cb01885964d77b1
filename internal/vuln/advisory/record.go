package advisory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// record is what is read of an OSV record (ossf.github.io/osv-schema, 1.5 to 1.7).
// Fields that are not named here are left alone, as the schema asks of readers.
type record struct {
	ID        string      `json:"id"`
	Modified  time.Time   `json:"modified"`
	Published *time.Time  `json:"published"`
	Withdrawn *time.Time  `json:"withdrawn"`
	Aliases   []string    `json:"aliases"`
	Upstream  []string    `json:"upstream"`
	Summary   string      `json:"summary"`
	Details   string      `json:"details"`
	Severity  ratings     `json:"severity"`
	Affected  []affected  `json:"affected"`
	Refs      []reference `json:"references"`
	Specific  specific    `json:"database_specific"`
}

type affected struct {
	Package struct {
		Ecosystem string `json:"ecosystem"`
		Name      string `json:"name"`
		PURL      string `json:"purl"`
	} `json:"package"`
	Severity ratings  `json:"severity"`
	Ranges   []span   `json:"ranges"`
	Versions []string `json:"versions"`
	Specific specific `json:"database_specific"`
}

// span is one range of versions; its events are kept in the order written.
type span struct {
	Type   string  `json:"type"`
	Events []event `json:"events"`
}

// event has exactly one of its fields set.
type event struct {
	Introduced   string `json:"introduced"`
	Fixed        string `json:"fixed"`
	LastAffected string `json:"last_affected"`
	Limit        string `json:"limit"`
}

type reference struct {
	Type string `json:"type"`
	URL  string `json:"url"`
}

// specific is what is read of database_specific, which may hold anything.
type specific struct{ Severity string }

// UnmarshalJSON takes the severity where it is a text, and nothing else.
func (s *specific) UnmarshalJSON(data []byte) error {
	var any struct {
		Severity json.RawMessage `json:"severity"`
	}
	if json.Unmarshal(data, &any) == nil {
		_ = json.Unmarshal(any.Severity, &s.Severity) // of another type: no severity
	}
	return nil
}

// maxText bounds ids, names and versions, in bytes.
const maxText = 512

// parse reads one document. It returns nil without an error for JSON that is no OSV
// record. OSV requires id and modified of every record.
func parse(data []byte) (*record, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	var shape struct {
		ID       json.RawMessage `json:"id"`
		Modified json.RawMessage `json:"modified"`
		Affected json.RawMessage `json:"affected"`
		Schema   json.RawMessage `json:"schema_version"`
	}
	if err := decode(data, &shape); err != nil {
		return nil, what(data, err)
	}
	if shape.Affected == nil && (shape.ID == nil || shape.Modified == nil) && shape.Schema == nil {
		return nil, nil
	}
	r := &record{}
	if err := decode(data, r); err != nil {
		return nil, fmt.Errorf("not an OSV record: %w", err)
	}
	return r, r.check()
}

func decode(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the JSON document")
	}
	return nil
}

// what says what bytes are that are no JSON object, where that is known.
func what(data []byte, err error) error {
	head := strings.ToLower(string(bytes.TrimSpace(data[:min(len(data), 512)])))
	switch {
	case len(head) == 0:
		return errors.New("the file is empty")
	case strings.HasPrefix(head, "version https://git-lfs"):
		return errors.New("it is a pointer of Git LFS; run git lfs pull")
	case strings.HasPrefix(head, "<"):
		return errors.New("it is a web page or XML, not JSON")
	default:
		return fmt.Errorf("not JSON: %w", err)
	}
}

// check refuses what a record may not leave out.
func (r *record) check() error {
	switch {
	case !plain(r.ID):
		return errors.New("the record has no usable id")
	case r.Modified.IsZero():
		return fmt.Errorf("record %s does not say when it was modified", r.ID)
	}
	for _, a := range r.Affected {
		if p := a.Package; (p.Ecosystem != "" || p.Name != "") && (!plain(p.Ecosystem) || !plain(p.Name)) {
			return fmt.Errorf("record %s names a package without an ecosystem or a name", r.ID)
		}
	}
	return nil
}

// plain reports whether s is a name: some printable text, not too long.
func plain(s string) bool {
	return s != "" && len(s) <= maxText && utf8.ValidString(s) &&
		strings.IndexFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) < 0
}

// names are the other names of the vulnerability: OSV's aliases, and what a record for
// one distribution was made of (upstream).
func (r *record) names() []string {
	out := []string{}
	for _, list := range [][]string{r.Aliases, r.Upstream} {
		for _, name := range list {
			if !plain(name) || strings.EqualFold(name, r.ID) {
				continue
			}
			known := false
			for _, had := range out {
				known = known || strings.EqualFold(had, name)
			}
			if !known {
				out = append(out, name)
			}
		}
	}
	return out
}
