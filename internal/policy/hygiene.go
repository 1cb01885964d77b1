package policy

import (
	"fmt"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

// VEXLimit is the most findings of a kind that may pass. Name is a name of the option
// vex-limits.
type VEXLimit struct {
	Name string
	Max  int
}

// hygiene fails when more decisions are doubtful than the limits allow. A limit that
// nothing was counted for is not kept: when no decision was made, nobody looked.
func hygiene(r *report.Report, p Policy, _ time.Time) []report.Rule {
	var out []report.Rule
	for _, l := range p.VEXLimits {
		out = append(out, limit(r.VEX.Hygiene, l, stage(r, report.StageVEX)))
	}
	return out
}

func limit(h *report.VEXHygiene, l VEXLimit, vex report.Stage) report.Rule {
	name := "vex-limits: " + l.Name
	if h == nil {
		return report.Rule{Name: name, Result: report.Error, Message: fmt.Sprintf("vex-limits could not be held, because no finding was decided: %s", vex.Reason)}
	}
	n, what := count(h, l.Name)
	text := fmt.Sprintf("%s: %d (vex-limits allows %d)", what, n, l.Max)
	switch {
	case what == "":
		return report.Rule{Name: name, Result: report.Error, Message: fmt.Sprintf("vex-limits: nothing is called %q", l.Name)}
	case n > l.Max:
		return report.Rule{Name: name, Result: report.Fail, Message: text}
	default:
		return report.Rule{Name: name, Result: report.Pass, Message: text}
	}
}

// count is what a limit bounds, and how it is told.
func count(h *report.VEXHygiene, name string) (int, string) {
	switch name {
	case "over-broad":
		return h.OverBroad, "findings suppressed by a product without a version"
	case "unsigned":
		return h.Unsigned, "findings suppressed by a document that nobody signed"
	case "stale":
		return h.Stale, "findings suppressed by a statement older than vex-max-age"
	case "contradictory":
		return h.Contradictory, "findings left open because statements contradict each other"
	case "refused":
		return h.Refused, "findings whose statement vex-accept refuses"
	case "investigating":
		return h.Investigating, "findings under investigation"
	case "investigating-days":
		return h.OldestInvestigationDays, "days since the oldest finding is under investigation"
	case "critical-without-statement":
		return h.CriticalWithoutStatement, "critical findings without a statement"
	default:
		return 0, ""
	}
}
