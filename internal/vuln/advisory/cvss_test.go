package advisory

import (
	"fmt"
	"testing"

	"github.com/imagegate/imagegate/internal/report"
)

// TestSeverityOfVectors: a record may rate itself by a CVSS vector alone. The scores are
// those that FIRST's calculators and the NVD give.
func TestSeverityOfVectors(t *testing.T) {
	for _, tt := range []struct {
		name, severity string
		want           report.Severity
		score          float64 // 0 when none is computed
	}{
		{"v2", `{"type":"CVSS_V2","score":"AV:N/AC:L/Au:N/C:C/I:C/A:C"}`, report.High, 10},
		{"v2_medium", `{"type":"CVSS_V2","score":"AV:N/AC:M/Au:N/C:N/I:P/A:N"}`, report.Medium, 4.3},
		{"v3_0", `{"type":"CVSS_V3","score":"CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}`, report.Critical, 9.8},
		{"v3_1", `{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}`, report.High, 7.5},
		{"v3_1_temporal_metrics_are_the_sites", `{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N/E:U/RL:O/RC:U"}`, report.High, 7.5},
		{"v3_1_low", `{"type":"CVSS_V3","score":"CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"}`, report.Low, 1.6},
		{"v3_1_least_medium", `{"type":"CVSS_V3","score":"CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N"}`, report.Medium, 4},
		{"v3_1_least_high", `{"type":"CVSS_V3","score":"CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:H/I:H/A:H"}`, report.High, 7},
		{"v3_0_least_critical", `{"type":"CVSS_V3","score":"CVSS:3.0/AV:N/AC:H/PR:N/UI:N/S:C/C:H/I:H/A:H"}`, report.Critical, 9},
		{"v4_0", `{"type":"CVSS_V4","score":"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"}`, report.Critical, 9.3},
		{"v3_none", `{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N"}`, report.Negligible, 0},
		{"gravest_of_several", `{"type":"CVSS_V2","score":"AV:N/AC:M/Au:N/C:N/I:P/A:N"},{"type":"CVSS_V3","score":"CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}`, report.Critical, 4.3},
		{"a_word", `{"type":"Ubuntu","score":"low"}`, report.Low, 0},
		{"not_a_vector", `{"type":"CVSS_V3","score":"CVSS:3.1/AV:X"}`, report.Unknown, 0},
		{"not_a_rating", `"HIGH"`, report.Unknown, 0},
		{"a_number", `{"type":"CVSS_V3","score":"9.8"}`, report.Unknown, 0},
	} {
		for _, place := range []string{"record", "package"} {
			t.Run(tt.name+"/of_the_"+place, func(t *testing.T) {
				inside, outside := "", fmt.Sprintf(`,"severity":[%s]`, tt.severity)
				if place == "package" {
					inside, outside = outside, inside
				}
				f := feed(t, File{Name: "r.json", Data: fmt.Appendf(nil, `{"id":"CVE-1","modified":"2026-01-01T00:00:00Z","affected":[
					{"package":{"ecosystem":"DHI","name":"jq"},"versions":["1.0"]%s}]%s}`, inside, outside)})
				got := f.Match([]report.Package{packageOf(t, "pkg:dhi/jq@1.0")}, nil).Vulnerabilities
				if len(got) != 1 || got[0].Severity != tt.want {
					t.Fatalf("findings %+v, want severity %s", got, tt.want)
				}
				if s := got[0].CVSS; tt.score > 0 && (len(s) == 0 || s[0].Score != tt.score || s[0].Vector == "") {
					t.Errorf("scores %+v, want %v first", s, tt.score)
				}
			})
		}
	}
}

// TestTheVendorsWordOutranksItsVector: a severity in words is the vendor's own judgement.
func TestTheVendorsWordOutranksItsVector(t *testing.T) {
	f := feed(t, File{Name: "r.json", Data: []byte(`{"id":"CVE-1","modified":"2026-01-01T00:00:00Z","severity":[{"type":"CVSS_V3","score":"CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
		"affected":[{"package":{"ecosystem":"DHI","name":"jq"},"versions":["1.0"],"database_specific":{"severity":"LOW"}}]}`)})
	got := f.Match([]report.Package{packageOf(t, "pkg:dhi/jq@1.0")}, nil).Vulnerabilities
	if len(got) != 1 || got[0].Severity != report.Low || len(got[0].CVSS) != 1 || got[0].CVSS[0].Score != 9.8 {
		t.Errorf("findings are %+v", got)
	}
}

// TestRate has the edges of the scale: each rating begins with its number.
func TestRate(t *testing.T) {
	for _, version := range []string{"2.0", "3.0", "3.1", "4.0"} {
		for score, want := range map[float64]report.Severity{
			0.1: report.Low, 3.9: report.Low, 4: report.Medium, 6.9: report.Medium, 7: report.High, 8.9: report.High, 9: report.Critical, 10: report.Critical,
		} {
			if want == report.Critical && version == "2.0" {
				want = report.High
			}
			if got := rate(version, score); got != want {
				t.Errorf("%s: %v is %s, want %s", version, score, got, want)
			}
		}
	}
}

// TestNoRatingInWordsIsNone: a record that says "unknown" is rated by its vector.
func TestNoRatingInWordsIsNone(t *testing.T) {
	const (
		record = `{"id":"CVE-1","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"DHI","name":"jq"},"versions":["1.0"],"database_specific":{"severity":"unknown"}}]%s}`
		vector = `,"severity":[{"type":"CVSS_V3","score":"CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]`
	)
	f := feed(t, File{Name: "r.json", Data: fmt.Appendf(nil, record, vector)})
	if got := f.Match([]report.Package{packageOf(t, "pkg:dhi/jq@1.0")}, nil).Vulnerabilities; len(got) != 1 || got[0].Severity != report.Critical {
		t.Errorf("findings are %+v", got)
	}
}
