package render

import "github.com/imagegate/imagegate/internal/report"

// note says whether an observation is worth knowing and no more. Any other kind, also one
// that is not known here, tells of something that was not looked at.
func note(o report.Observation) bool { return o.Kind == report.Information || o.Kind == report.Found }

// kindWord is what happened to what was not looked at.
func kindWord(k report.Kind) string {
	switch k {
	case report.LeftOut:
		return "left out"
	case report.FoundNone:
		return "missing"
	case report.Unread, report.Found, report.Information:
	}
	return "unread"
}
