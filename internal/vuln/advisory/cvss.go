package advisory

import (
	"encoding/json"
	"errors"
	"strings"

	gocvss20 "github.com/pandatix/go-cvss/20"
	gocvss30 "github.com/pandatix/go-cvss/30"
	gocvss31 "github.com/pandatix/go-cvss/31"
	gocvss40 "github.com/pandatix/go-cvss/40"

	"github.com/imagegate/imagegate/internal/report"
)

// rating is an entry of OSV's severity: CVSS_V2, CVSS_V3 and CVSS_V4 have a vector as
// score, other types (Ubuntu) a word.
type rating struct {
	Type  string `json:"type"`
	Score string `json:"score"`
}

// ratings are what is read of severity. A list of another form rates nothing: it says
// how grave a vulnerability is, not whether there is one.
type ratings []rating

// UnmarshalJSON implements [json.Unmarshaler].
func (r *ratings) UnmarshalJSON(data []byte) error {
	var list []rating
	if json.Unmarshal(data, &list) == nil {
		*r = list
	}
	return nil
}

// maxVector bounds a CVSS vector, in bytes; the longest of version 4.0 has about 200.
const maxVector = 512

// severityOf is the gravest of the ratings, and the scores of those that are vectors.
// One that cannot be read rates nothing.
func severityOf(list ratings) (report.Severity, []report.CVSS) {
	worst, scores := report.Unknown, []report.CVSS{}
	for _, r := range list {
		if !strings.HasPrefix(r.Type, "CVSS_") {
			s, _ := report.ParseSeverity(r.Score)
			worst = graver(worst, s)
			continue
		}
		version, score, err := scoreOf(strings.TrimSpace(r.Score))
		if err != nil {
			continue
		}
		scores = append(scores, report.CVSS{Version: version, Vector: strings.TrimSpace(r.Score), Score: score})
		worst = graver(worst, rate(version, score))
	}
	return worst, scores
}

// scoreOf computes the score of a vector: the base score up to version 3.1, where
// further metrics are each site's own, and the only one that there is in 4.0. Version
// 2.0 has no prefix.
func scoreOf(vector string) (version string, score float64, err error) {
	if len(vector) > maxVector {
		return "", 0, errors.New("the vector is too long")
	}
	switch {
	case strings.HasPrefix(vector, "CVSS:4.0/"):
		v, err := gocvss40.ParseVector(vector)
		if err != nil {
			return "", 0, err
		}
		return "4.0", v.Score(), nil
	case strings.HasPrefix(vector, "CVSS:3.1/"):
		v, err := gocvss31.ParseVector(vector)
		if err != nil {
			return "", 0, err
		}
		return "3.1", v.BaseScore(), nil
	case strings.HasPrefix(vector, "CVSS:3.0/"):
		v, err := gocvss30.ParseVector(vector)
		if err != nil {
			return "", 0, err
		}
		return "3.0", v.BaseScore(), nil
	default:
		v, err := gocvss20.ParseVector(vector)
		if err != nil {
			return "", 0, err
		}
		return "2.0", v.BaseScore(), nil
	}
}

// rate is the qualitative scale of CVSS 3.x and 4.0 (section "Qualitative Severity Rating
// Scale"). Version 2.0 has none of its own; the NVD's ends with high.
func rate(version string, score float64) report.Severity {
	switch {
	case score >= 9 && version != "2.0":
		return report.Critical
	case score >= 7:
		return report.High
	case score >= 4:
		return report.Medium
	case score > 0 || version == "2.0":
		return report.Low
	default: // the scale's "none"
		return report.Negligible
	}
}
