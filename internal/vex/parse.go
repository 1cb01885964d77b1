package vex

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/imagegate/imagegate/internal/words"
)

// The limits of one document. A vendor's whole feed in one file is below 100 MB.
const (
	maxDocument   = 256 << 20 // bytes
	maxStatements = 1_000_000
	maxNames      = 20_000_000 // products and subcomponents together
)

// vexPredicate reports whether an in-toto predicate type may stand for a format that parse
// reads. Which one it is the document says: types differ between tools, and versions come
// and go.
func vexPredicate(t string) bool {
	t = lower(t)
	return strings.Contains(t, "vex") || strings.Contains(t, "csaf") || strings.Contains(t, "cyclonedx")
}

// outline is the little that tells the formats apart.
type outline struct {
	Context       json.RawMessage `json:"@context"`
	BOMFormat     string          `json:"bomFormat"`
	Type          string          `json:"_type"`
	PredicateType string          `json:"predicateType"`
	PayloadType   string          `json:"payloadType"`
	MediaType     string          `json:"mediaType"`
	SPDXVersion   string          `json:"spdxVersion"`
	SchemaVersion json.RawMessage `json:"schemaVersion"`
	Affected      json.RawMessage `json:"affected"`
	Packages      json.RawMessage `json:"packages"`
	Document      *struct {
		Category    string `json:"category"`
		CSAFVersion string `json:"csaf_version"`
	} `json:"document"`
	Subject []struct {
		Digest map[string]string `json:"digest"`
	} `json:"subject"`
	Predicate json.RawMessage `json:"predicate"`
}

// parse reads a VEX document in any format that it knows, or an in-toto statement
// around one. Every error says what the bytes are, or is ErrTooMuch when there is more in it
// than size.
func parse(data []byte, size int) (*document, error) {
	d, err := parseLimited(data, maxDocument, size)
	if err != nil {
		return nil, brief(err)
	}
	d.count()
	return d, nil
}

// brief shortens an error that quotes the document at length, as the JSON library
// does with numbers.
func brief(err error) error {
	const limit = 1000
	text := err.Error()
	if len(text) <= limit {
		return err
	}
	return errors.New(strings.ToValidUTF8(text[:limit], "") + "…")
}

func parseLimited(data []byte, limit, size int) (*document, error) {
	if len(data) > limit {
		return nil, fmt.Errorf("document of %d bytes, the limit is %d", len(data), limit)
	}
	if why := notJSON(data); why != "" {
		return nil, errors.New(why)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	var o outline
	if err := json.Unmarshal(data, &o); err != nil {
		return nil, fmt.Errorf("not a VEX document: %w", err)
	}
	switch {
	case o.PayloadType != "":
		return nil, errors.New("a DSSE envelope, whose signature is not checked here: " +
			"attach it to the image, or name its payload as a file")
	case strings.HasPrefix(o.Type, "https://in-toto.io/Statement/"):
		if err := wellKept(data, inTotoKeys()); err != nil {
			return nil, err
		}
		return parseInToto(&o, limit, size)
	case isOpenVEX(o.Context):
		return parseOpenVEX(data, size)
	case o.Document != nil && o.Document.CSAFVersion != "":
		return parseCSAF(data, size)
	case o.BOMFormat == "CycloneDX":
		return parseCycloneDX(data, size)
	}
	return nil, errors.New(o.describe())
}

// inTotoKeys are the keys that are read of an in-toto statement.
func inTotoKeys() *vocabulary {
	return newVocabulary("_type", "predicateType", "subject", "digest", "sha256", "predicate")
}

// wellKept refuses an in-toto statement with keys that readers do not agree on. Its
// predicate is looked at when it is read.
func wellKept(data []byte, v *vocabulary) (err error) {
	v.flaws(data, func(f flaw) {
		if err == nil && (f.depth == 1 || f.member != "predicate") {
			err = fmt.Errorf("the in-toto statement has %s", &f)
		}
	})
	return err
}

func isOpenVEX(context json.RawMessage) bool {
	var s string
	if json.Unmarshal(context, &s) == nil {
		return s == "https://openvex.dev/ns" || strings.HasPrefix(s, "https://openvex.dev/ns/")
	}
	var list []string
	if json.Unmarshal(context, &list) == nil {
		return slices.ContainsFunc(list, func(s string) bool { return strings.HasPrefix(s, "https://openvex.dev/ns") })
	}
	return false
}

// parseInToto reads the predicate of a whole statement and keeps its subjects, so that
// a statement about another image stays one.
func parseInToto(o *outline, limit, size int) (*document, error) {
	if !vexPredicate(o.PredicateType) {
		return nil, fmt.Errorf("an in-toto statement of type %q, which is not VEX", clip(o.PredicateType))
	}
	if len(o.Subject) == 0 {
		return nil, errors.New("an in-toto statement without a subject")
	}
	var inner outline
	if err := json.Unmarshal(o.Predicate, &inner); err != nil || inner.Type != "" {
		return nil, errors.New("an in-toto statement whose predicate is not a VEX document")
	}
	d, err := parseLimited(o.Predicate, limit, size)
	if err != nil {
		return nil, err
	}
	d.subjects = map[string]bool{}
	for _, s := range o.Subject {
		if hex := s.Digest["sha256"]; hex != "" {
			d.subjects["sha256:"+lower(hex)] = true
		}
	}
	return d, nil
}

// notJSON recognises what is commonly found in place of a document. "" means that it
// may be JSON.
func notJSON(data []byte) string {
	head := bytes.TrimLeft(bytes.TrimPrefix(data[:min(len(data), 1024)], []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case len(head) == 0:
		return "the document is empty"
	case bytes.HasPrefix(head, []byte("version https://git-lfs.github.com/spec/")):
		return "a Git LFS pointer, not the document: check out with lfs"
	case bytes.HasPrefix(head, []byte("<?xml")):
		return "XML, not JSON: only the JSON forms of VEX are read"
	case head[0] == '<':
		return "an HTML page, not a VEX document: the download was probably refused or redirected"
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return "gzip data, not JSON: unpack it first"
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return "zstd data, not JSON: unpack it first"
	case head[0] == '[':
		return "a JSON list, not a VEX document: name its documents one by one"
	case head[0] != '{':
		return "not JSON"
	case !utf8.Valid(data):
		return "not JSON: invalid UTF-8"
	default:
		return ""
	}
}

// describe says what a JSON object that is no VEX document seems to be.
func (o *outline) describe() string {
	switch {
	case o.SPDXVersion != "":
		return "an SPDX document, which holds no VEX statements"
	case strings.HasPrefix(o.MediaType, "application/vnd.dev.sigstore.bundle"):
		return "a Sigstore bundle, which is a signature and not the document itself"
	case strings.HasPrefix(o.MediaType, "application/vnd."):
		return fmt.Sprintf("an OCI object (%s), not a VEX document", clip(o.MediaType))
	case o.Affected != nil:
		return "an OSV advisory, not a VEX document: name it with advisories"
	case o.Packages != nil:
		return "the index of a VEX repository, which names documents and holds none: name the documents"
	case o.Document != nil:
		return "a document without csaf_version: not CSAF"
	case o.Context != nil:
		return fmt.Sprintf("JSON-LD with another @context (%s): OpenVEX has https://openvex.dev/ns/v0.2.0", clip(string(o.Context)))
	default:
		return "JSON, but neither OpenVEX (no @context), CSAF (no document.csaf_version) nor CycloneDX (no bomFormat)"
	}
}

// clip keeps hostile text in messages short.
func clip(s string) string { return words.Clip(s, 120) }
