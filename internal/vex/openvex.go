package vex

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	govex "github.com/openvex/go-vex/pkg/vex"
)

// The wire forms of OpenVEX. In v0.0.1 a vulnerability is a string, a product is a
// string, subcomponents belong to the statement, and the version is a string.
type (
	wireVersion edition

	// wireTime is RFC 3339, or empty, as go-vex writes a time that it does not have.
	wireTime struct{ time.Time }

	wireCommon struct {
		ID              string              `json:"@id"`
		Timestamp       wireTime            `json:"timestamp"`
		LastUpdated     wireTime            `json:"last_updated"`
		Status          govex.Status        `json:"status"`
		StatusNotes     string              `json:"status_notes"`
		Justification   govex.Justification `json:"justification"`
		ImpactStatement string              `json:"impact_statement"`
		ActionStatement string              `json:"action_statement"`
	}

	wireStatement struct {
		wireCommon
		Vulnerability govex.Vulnerability `json:"vulnerability"`
		Products      []govex.Product     `json:"products"`
	}

	wireStatement001 struct {
		wireCommon
		Vulnerability string   `json:"vulnerability"`
		Products      []string `json:"products"`
		Subcomponents []string `json:"subcomponents"`
	}

	wireMeta struct {
		ID          string      `json:"@id"`
		Context     any         `json:"@context"`
		Author      string      `json:"author"`
		Timestamp   wireTime    `json:"timestamp"`
		LastUpdated wireTime    `json:"last_updated"`
		Version     wireVersion `json:"version"`
	}
)

// modern is a statement of v0.0.1 in the form of v0.2.0.
func (w *wireStatement001) modern() wireStatement {
	out := wireStatement{wireCommon: w.wireCommon, Vulnerability: govex.Vulnerability{Name: govex.VulnerabilityID(w.Vulnerability)}}
	for _, id := range w.Products {
		p := govex.Product{Component: govex.Component{ID: id}}
		for _, sub := range w.Subcomponents {
			if sub != "" {
				p.Subcomponents = append(p.Subcomponents, govex.Subcomponent{Component: govex.Component{ID: sub}})
			}
		}
		out.Products = append(out.Products, p)
	}
	return out
}

// readStatement reads a statement of either version: documents of both say only
// "https://openvex.dev/ns".
func readStatement(raw []byte) (wireStatement, error) {
	var w wireStatement
	err := json.Unmarshal(raw, &w)
	if err == nil {
		return w, nil
	}
	var old wireStatement001
	if json.Unmarshal(raw, &old) == nil {
		return old.modern(), nil
	}
	return w, err
}

func (t *wireTime) UnmarshalJSON(b []byte) error {
	if string(b) == "null" || string(b) == `""` {
		return nil
	}
	if err := t.Time.UnmarshalJSON(b); err != nil {
		return fmt.Errorf("%s is no RFC 3339 time", clip(string(b))) // the library repeats the text, whole
	}
	return nil
}

func (v *wireVersion) UnmarshalJSON(b []byte) error {
	*v = wireVersion(readEdition(strings.Trim(string(b), `"`))) // v0.0.1 allows any text
	return nil
}

// parseOpenVEX reads a document statement by statement, so that a large feed is never
// held twice.
func parseOpenVEX(data []byte, size int) (*document, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("read the OpenVEX document: %w", err)
	}
	b, v := newBuilder(size), newVocabulary("@context", "@id", "author", "timestamp", "last_updated", "version", "statements")
	head := map[string]json.RawMessage{}
	seen := false
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("read the OpenVEX document: %w", err)
		}
		name, _ := key.(string)
		if n, same := v.known([]byte(name)); n >= 0 && !same {
			return nil, fmt.Errorf("the OpenVEX document has the key %q for %q", clip(name), v.names[n])
		}
		if name != "statements" {
			var raw json.RawMessage
			if err := dec.Decode(&raw); err != nil {
				return nil, fmt.Errorf("read %q of the OpenVEX document: %w", clip(name), err)
			}
			if _, twice := head[name]; twice {
				return nil, fmt.Errorf("the OpenVEX document has %q twice", clip(name))
			}
			head[name] = raw
			continue
		}
		if seen {
			return nil, errors.New(`the OpenVEX document has "statements" twice`)
		}
		seen = true
		if err := readStatements(dec, b); err != nil {
			return nil, err
		}
	}
	if !seen {
		return nil, errors.New("the OpenVEX document has no statements")
	}
	return finishOpenVEX(b, head)
}

func readStatements(dec *json.Decoder, b *builder) error {
	open, err := dec.Token()
	if err != nil {
		return fmt.Errorf("read the statements: %w", err)
	}
	if open == nil {
		return nil // "statements": null
	}
	if open != json.Delim('[') {
		return errors.New("statements is not a list")
	}
	var raw json.RawMessage
	v := statementKeys()
	for n := 1; dec.More(); n++ {
		if err := dec.Decode(&raw); err != nil {
			return fmt.Errorf("read statement %d: %w", n, err)
		}
		w, err := readStatement(raw)
		if err != nil {
			return fmt.Errorf("read statement %d: %w", n, err)
		}
		if err := b.addOpenVEX(&w, statementDoubt(raw, v)); err != nil {
			return fmt.Errorf("statement %d: %w", n, err)
		}
	}
	_, err = dec.Token()
	return err
}

// statementKeys are the keys that are read of a statement.
func statementKeys() *vocabulary {
	return newVocabulary("@id", "timestamp", "last_updated", "status", "status_notes", "justification", "impact_statement", "action_statement",
		"vulnerability", "name", "aliases", "products", "subcomponents", "identifiers", "purl", "hashes", "sha-256")
}

// statementDoubt looks at the keys of one statement.
func statementDoubt(raw []byte, v *vocabulary) *doubt {
	var d *doubt
	v.flaws(raw, func(f flaw) {
		if d == nil {
			d = &doubt{flaw: f}
		}
		d.status = d.status || f.name == "status"
	})
	return d
}

func finishOpenVEX(b *builder, head map[string]json.RawMessage) (*document, error) {
	raw, err := json.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("read the head of the OpenVEX document: %w", err)
	}
	var m wireMeta
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("read the head of the OpenVEX document: %w", err)
	}
	return b.finish(meta{id: m.ID, author: m.Author, version: edition(m.Version), format: "OpenVEX",
		timestamp: m.Timestamp.UTC(), updated: m.LastUpdated.UTC()}), nil
}

// addOpenVEX turns a statement as written into ours.
func (b *builder) addOpenVEX(w *wireStatement, in *doubt) error {
	s := draft{
		doubt: in, id: w.ID, status: w.Status, justification: w.Justification,
		impact: w.ImpactStatement, action: w.ActionStatement, notes: w.StatusNotes,
		stated: w.LastUpdated.UTC(),
	}
	if s.stated.IsZero() || w.Timestamp.After(s.stated) {
		s.stated = w.Timestamp.UTC()
	}
	aliases := make([]string, 0, len(w.Vulnerability.Aliases)+1)
	aliases = append(aliases, lastSegment(w.Vulnerability.ID))
	for _, a := range w.Vulnerability.Aliases {
		aliases = append(aliases, string(a))
	}
	s.name(string(w.Vulnerability.Name), aliases)
	for i := range w.Products {
		p := component(&w.Products[i].Component)
		for j := range w.Products[i].Subcomponents {
			within := component(&w.Products[i].Subcomponents[j].Component)
			if len(within.called) == 0 {
				within.called = []string{unnamed}
			}
			p.within = append(p.within, within.called...)
		}
		s.products = append(s.products, p)
	}
	return b.add(s)
}

// component collects what a component is called.
func component(c *govex.Component) draftProduct {
	var p draftProduct
	if c.ID != "" {
		p.called = append(p.called, c.ID)
	}
	if id := c.Identifiers[govex.PURL]; id != "" && id != c.ID {
		p.called = append(p.called, id)
	}
	if h := string(c.Hashes[govex.SHA256]); h != "" {
		p.hashes = append(p.hashes, lower(h))
	}
	return p
}
