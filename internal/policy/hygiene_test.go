package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/policy"
	"github.com/imagegate/imagegate/internal/report"
)

func TestVEXLimits(t *testing.T) {
	h := report.VEXHygiene{
		OverBroad: 1, Unsigned: 2, Stale: 3, Contradictory: 4, Refused: 5, Investigating: 6,
		OldestInvestigationDays: 7, CriticalWithoutStatement: 8,
	}
	for want, name := range []string{
		1: "over-broad", 2: "unsigned", 3: "stale", 4: "contradictory", 5: "refused", 6: "investigating",
		7: "investigating-days", 8: "critical-without-statement",
	} {
		if name == "" {
			continue
		}
		for _, tt := range []struct {
			max    int
			result report.Result
		}{{want, report.Pass}, {want - 1, report.Fail}} {
			r := &report.Report{VEX: report.VEX{Hygiene: &h}}
			got := ruleOf(policy.Evaluate(r, policy.Policy{VEXLimits: []policy.VEXLimit{{Name: name, Max: tt.max}}}, time.Time{}), "vex-limits: "+name)
			if got.Result != tt.result {
				t.Errorf("%s with a limit of %d: %s %q, want %s", name, tt.max, got.Result, got.Message, tt.result)
			}
		}
	}
}

func TestVEXLimitWithoutDecisionsIsNoPass(t *testing.T) {
	for _, tt := range []struct {
		name string
		h    *report.VEXHygiene
	}{{"stale", nil}, {"unheard-of", &report.VEXHygiene{}}} {
		r := &report.Report{VEX: report.VEX{Hygiene: tt.h}}
		got := ruleOf(policy.Evaluate(r, policy.Policy{VEXLimits: []policy.VEXLimit{{Name: tt.name}}}, time.Time{}), "vex-limits: "+tt.name)
		if got.Result != report.Error || !strings.Contains(got.Message, "vex-limits") {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

func ruleOf(v report.Verdict, name string) report.Rule {
	for _, r := range v.Rules {
		if r.Name == name {
			return r
		}
	}
	return report.Rule{}
}
