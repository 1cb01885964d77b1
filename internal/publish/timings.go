package publish

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// Timing is how long one stage took.
type Timing struct {
	Stage    string
	Platform string
	// Start is the time since the run began.
	Start    time.Duration
	Duration time.Duration
}

// TimingsFile makes timings.json. Durations live apart from the report, so that the
// reports of equal evidence are equal.
func TimingsFile(timings []Timing) (report.File, error) {
	type row struct {
		Stage                string `json:"stage"`
		Platform             string `json:"platform,omitempty"`
		StartMilliseconds    int64  `json:"startMilliseconds"`
		DurationMilliseconds int64  `json:"durationMilliseconds"`
	}
	rows := make([]row, 0, len(timings))
	for _, t := range timings {
		rows = append(rows, row{t.Stage, t.Platform, t.Start.Milliseconds(), t.Duration.Milliseconds()})
	}
	return File(report.FileTimings, "application/json", func(b *bytes.Buffer) error {
		e := json.NewEncoder(b)
		e.SetIndent("", "  ")
		return e.Encode(struct {
			Timings []row `json:"timings"`
		}{rows})
	})
}
