package score

import (
	"math/rand"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/report"
)

func c(id, state string, refs ...string) report.Check {
	return report.Check{ID: id, State: state, References: refs}
}

func TestTwelve(t *testing.T) {
	for _, tt := range []struct {
		name   string
		checks []report.Check
		item   int
		want   string
	}{
		{"no_check_ran", nil, 1, report.CheckNotApplicable},
		{"all_passed", []report.Check{c("HIG-I001", report.CheckPassed), c("HIG-D005", report.CheckPassed)}, 1, report.CheckPassed},
		{"one_failed", []report.Check{c("HIG-I001", report.CheckPassed), c("HIG-D005", report.CheckFailed)}, 1, report.CheckFailed},
		{"one_undecided", []report.Check{c("HIG-I001", report.CheckPassed), c("HIG-D005", report.CheckUndecided)}, 1, report.CheckUndecided},
		{"not_applicable_does_not_count", []report.Check{c("HIG-I001", report.CheckPassed), c("HIG-D005", report.CheckNotApplicable)}, 1, report.CheckPassed},
		{"not_applicable_alone_is_no_pass", []report.Check{c("HIG-I021", report.CheckNotApplicable)}, 5, report.CheckNotApplicable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			card := Twelve(tt.checks)
			if got := card.Outcomes[tt.item-1].State; got != tt.want {
				t.Errorf("item %d is %s, want %s", tt.item, got, tt.want)
			}
			if card.Total != 12 || len(card.Outcomes) != 12 {
				t.Errorf("%d items, want 12", len(card.Outcomes))
			}
		})
	}
	var all []report.Check
	for _, it := range Items() {
		all = append(all, c(it.Checks[0], report.CheckPassed))
	}
	if got := Twelve(all).String(); got != "12/12" {
		t.Errorf("everything passed and the score is %s", got)
	}
}

func TestComply(t *testing.T) {
	checks := []report.Check{
		c("A", report.CheckPassed, "CIS Docker 4.1", "CKV_1"), c("A", report.CheckFailed, "CIS Docker 4.1", "CKV_1"),
		c("B", report.CheckPassed, "CIS Docker 4.1", "CIS Docker 4.10", "OWASP Docker Rule #2"),
		c("C", report.CheckUndecided, "CIS Docker 4.9"), c("D", report.CheckNotApplicable, "NIST SP 800-190 4.1.2"),
	}
	rand.Shuffle(len(checks), func(i, j int) { checks[i], checks[j] = checks[j], checks[i] })
	got := Comply(checks)
	if got.String() != "1/3" {
		t.Errorf("compliance %s, want 1/3: a check counts once, by its gravest state", got)
	}
	want := []Control{
		{"CIS Docker", "4.1", Counts{Passed: 1, Failed: 1}, []string{"A"}},
		{"CIS Docker", "4.9", Counts{Undecided: 1}, nil},
		{"CIS Docker", "4.10", Counts{Passed: 1}, nil},
		{"NIST SP 800-190", "4.1.2", Counts{NotApplicable: 1}, nil},
		{"OWASP Docker", "2", Counts{Passed: 1}, nil},
	}
	if diff := cmp.Diff(want, got.Controls); diff != "" {
		t.Errorf("controls (-want +got):\n%s", diff)
	}
}
