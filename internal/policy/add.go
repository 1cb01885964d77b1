package policy

import (
	"slices"

	"github.com/imagegate/imagegate/internal/report"
)

// Add is v with one more rule, which may make it worse and never better.
func Add(v report.Verdict, rule report.Rule) report.Verdict {
	return conclude(append(slices.Clone(v.Rules), rule))
}
