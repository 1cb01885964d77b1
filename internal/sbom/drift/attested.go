package drift

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/sbom"
	"github.com/imagegate/imagegate/internal/words"
)

// The bounds of [Attested]. The largest bills that vendors sign are below a tenth of
// them; passing one is an error that names it.
const (
	MaxPredicate  = 64 << 20  // bytes of the predicate
	MaxPackages   = 200_000   // packages or components, nested ones included
	MaxRelations  = 2_000_000 // relationships of an SPDX document
	MaxReferences = 1_000     // external references of one package
	MaxText       = 4_096     // bytes of one name, version, package URL or CPE
	MaxNesting    = 16        // levels of components within components
)

// ErrNotRead is the cause of an error of [Attested] for a predicate that may be a bill
// of materials, in a form or version that is not read here. Others are malformed.
var ErrNotRead = errors.New("not read")

// Attested decodes the predicate of an SBOM attestation that was verified: SPDX 2.2 or
// 2.3, or CycloneDX 1.4 to 1.6, in JSON, bare or in the wrapping of older cosign
// versions. The document says which version it has, the predicate type which of the two
// it must be. Call it with nothing that was not verified.
//
// The bill has the packages with name, version, package URL and CPEs, and no more of the
// document. Files, the operating system, images, the component that the document is
// about and the sources that packages were generated from are left out. The release of
// the distribution is that of the operating system component, or what most package URLs
// say (distro, or os_name and os_version), so that the bill can be matched.
//
// The error is a *[fault.Error] with code Unavailable. It wraps [ErrNotRead] for forms
// that are not read, such as Scout's own.
func Attested(predicate []byte, predicateType string) (*sbom.SBOM, error) {
	const op = "read the attested SBOM"
	hint := "compare with an SPDX or CycloneDX attestation of the image, or set sbom-source to extracted"
	list, err := read(predicate, predicateType)
	if err != nil {
		return nil, fault.New(fault.Unavailable, op, hint, err)
	}
	s, err := list.bill()
	if err != nil {
		return nil, fault.New(fault.Unavailable, op, hint, err)
	}
	return s, nil
}

// form reads one form of document.
type form func([]byte) (*document, error)

// formOf finds the form of a predicate type, of whatever version; nil for others.
func formOf(predicateType string) form {
	for _, f := range []struct {
		prefix string
		form   form
	}{
		{"https://spdx.dev/document", readSPDX},
		{"https://cyclonedx.org/bom", readCycloneDX},
		{"https://cyclonedx.org/schema", readCycloneDX},
	} {
		rest, ok := strings.CutPrefix(strings.ToLower(predicateType), f.prefix)
		if ok && (rest == "" || strings.ContainsRune("/-@", rune(rest[0]))) {
			return f.form
		}
	}
	return nil
}

func read(predicate []byte, predicateType string) (*document, error) {
	form := formOf(predicateType)
	if form == nil {
		return nil, fmt.Errorf("predicate type %q: %w, only SPDX and CycloneDX are", clip(predicateType), ErrNotRead)
	}
	if len(predicate) > MaxPredicate {
		return nil, fmt.Errorf("the predicate has %d bytes (limit MaxPredicate: %d)", len(predicate), MaxPredicate)
	}
	data, err := unwrap(predicate)
	if err != nil {
		return nil, err
	}
	return form(data)
}

// unwrap takes the document out of a JSON string, which is how cosign attests a document
// that it did not parse, and out of the Data member in which its first versions put it.
func unwrap(data []byte) ([]byte, error) {
	data = bytes.TrimSpace(data)
	if len(data) > 0 && data[0] == '"' {
		return text(data)
	}
	var wrapped struct {
		Data        json.RawMessage `json:"Data"`
		SPDXVersion string          `json:"spdxVersion"`
		BOMFormat   string          `json:"bomFormat"`
	}
	if err := json.Unmarshal(data, &wrapped); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	switch {
	case wrapped.Data == nil || wrapped.SPDXVersion != "" || wrapped.BOMFormat != "":
		return data, nil
	case wrapped.Data[0] == '"':
		return text(wrapped.Data)
	default:
		return wrapped.Data, nil
	}
}

func text(data []byte) ([]byte, error) {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("not a JSON string: %w", err)
	}
	s = strings.TrimSpace(s)
	if !strings.HasPrefix(s, "{") {
		return nil, fmt.Errorf("a document that is not JSON: %w", ErrNotRead)
	}
	return []byte(s), nil
}

// each decodes the elements of a JSON array one at a time, so that many small ones take
// no more memory than their bytes. A missing array and null have none.
func each[T any](array json.RawMessage, limit int, name string, f func(T) error) error {
	if len(array) == 0 || bytes.Equal(array, []byte("null")) {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(array))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return errors.New("a list of the document is none")
	}
	for n := 0; d.More(); n++ {
		if n >= limit {
			return fmt.Errorf("a list of the document has more than %d entries (limit %s)", limit, name)
		}
		var v T
		if err := d.Decode(&v); err != nil {
			return fmt.Errorf("entry %d of a list: %w", n, err)
		}
		if err := f(v); err != nil {
			return err
		}
	}
	return nil
}

func clip(s string) string { return words.Clip(s, 100) }
