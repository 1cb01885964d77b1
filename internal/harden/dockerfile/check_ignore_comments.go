package dockerfile

import (
	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// ignoreComments reports comments that silence nothing.
var ignoreComments = &rule{
	Check: check.Check{
		ID: "HIG-D029", Title: "Ignore comments give a reason and silence something", Kind: check.Dockerfile, Severity: report.Low,
		Why:        "A comment without a reason tells the next reader nothing; one that silences nothing hides the next real finding.",
		Remedy:     "Write # imagegate: ignore HIG-D012 and the reason, above the instruction; remove comments that are no longer needed.",
		References: check.References{NIST: []string{"4.1.2"}},
		Bad:        "FROM dhi.io/python:3.13\n# imagegate: ignore HIG-D012\nRUN pip install flask\n",
		Good:       "FROM dhi.io/python:3.13\n# imagegate: ignore HIG-D012 the constraints file pins it\nRUN pip install --no-cache-dir flask\n",
	},
	run: func(p *pass) {
		list := p.f.Ignores.List
		for _, c := range list {
			if c.Problem != "" {
				p.Failf(at(c.Line), "the comment is not understood: %s", check.Cut(c.Problem))
			}
		}
		for _, c := range p.f.Ignores.Unused() {
			p.Failf(at(c.Line), "the comment silences nothing: no finding of %s on lines %d to %d", check.List(c.IDs, 3), c.First, c.Last)
		}
		if len(list) == 0 {
			p.NotApplicablef("there are no ignore comments")
			return
		}
		p.Passf("all %d have a reason and silence a finding", len(list))
	},
}
