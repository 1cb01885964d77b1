package render

import (
	"io"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// evidenceFile is the form of evidence.json.
type evidenceFile struct {
	SchemaVersion string            `json:"schemaVersion"`
	Generated     time.Time         `json:"generated"`
	Tool          report.Tool       `json:"tool"`
	Reference     string            `json:"reference"`
	Repository    string            `json:"repository"`
	IndexDigest   string            `json:"indexDigest"`
	Digest        string            `json:"digest"`
	Platform      string            `json:"platform"`
	Verdict       report.Result     `json:"verdict"`
	Evidence      []report.Evidence `json:"evidence"`
}

// Evidence writes evidence.json: every digest that the verdict rests on, so that the
// verdict can be taken again from the same bytes.
func Evidence(w io.Writer, r *report.Report) error {
	r = r.Canonical()
	return writeJSON(w, "evidence", evidenceFile{
		SchemaVersion: r.SchemaVersion,
		Generated:     r.Generated,
		Tool:          r.Tool,
		Reference:     r.Subject.Reference,
		Repository:    r.Subject.Repository,
		IndexDigest:   r.Subject.IndexDigest,
		Digest:        r.Subject.Digest,
		Platform:      r.Subject.Platform,
		Verdict:       r.Verdict.Result,
		Evidence:      r.Evidence,
	})
}
