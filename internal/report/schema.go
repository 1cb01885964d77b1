package report

import (
	_ "embed"
	"slices"
)

//go:embed report.schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of report.json. It describes every
// field, allows additional ones, and is the same file as
// docs/schema/report.schema.json.
func Schema() []byte { return slices.Clone(schema) }
