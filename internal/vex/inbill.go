package vex

import (
	"bytes"
	"encoding/json"
	"strings"
)

// InBill reports whether the predicate of an attested bill of materials is a VEX document
// besides: in CycloneDX a bill may judge vulnerabilities, under the predicate type of a
// bill. A list of vulnerabilities that nobody judged, as scanners write it, is none. One
// that cannot be read may be, which [FromAttestation] tells.
func InBill(predicateType string, predicate []byte) bool {
	var bill struct {
		Vulnerabilities judgements `json:"vulnerabilities"`
	}
	return strings.Contains(lower(predicateType), "cyclonedx") && json.Unmarshal(predicate, &bill) == nil && bool(bill.Vulnerabilities)
}

type (
	// judgements is set where some vulnerability of a list has an analysis, in any of the
	// lists if the key is there more than once.
	judgements bool
	// given is set by any value but null.
	given bool
)

// UnmarshalJSON never fails: what is no list may hold anything.
func (j *judgements) UnmarshalJSON(data []byte) error {
	var list []struct {
		Analysis given `json:"analysis"`
	}
	err := json.Unmarshal(data, &list)
	*j = *j || err != nil
	for _, v := range list {
		*j = *j || judgements(v.Analysis)
	}
	return nil
}

// UnmarshalJSON never fails.
func (g *given) UnmarshalJSON(data []byte) error {
	*g = *g || given(!bytes.Equal(data, []byte("null")))
	return nil
}
