package pipeline

import (
	"context"
	"errors"
	"strings"

	"github.com/imagegate/imagegate/internal/policy"
	"github.com/imagegate/imagegate/internal/report"
)

// endOf notes what cut the run short: an interrupt, which is a fault of the run, or the
// end of its time.
func (p *platform) endOf(ctx context.Context) {
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		p.faults = append(p.faults, err)
	}
	p.cut = cutShort(ctx)
}

// cutShort says what ended the run before its end; "" when nothing did.
func cutShort(ctx context.Context) string {
	switch err := ctx.Err(); {
	case errors.Is(err, context.Canceled):
		return "the run was interrupted before everything was looked at"
	case err != nil:
		return "the run did not end in its time: " + context.Cause(ctx).Error()
	}
	return ""
}

// judge applies the policy to what the report holds.
func (r *run) judge(rep *report.Report) {
	rep.Counts = report.CountVulnerabilities(rep.Vulnerabilities)
	p := policy.Policy{
		OnlyFixed: r.cfg.OnlyFixed, Require: rep.Policy.Require, MaxAge: r.cfg.MaxAge,
		FailOnEOL: r.cfg.FailOnEOL, AllowEmptySBOM: r.cfg.AllowEmptySBOM,
		UnknownSeverity: r.cfg.UnknownSeverity, FailOnUnread: r.cfg.FailOnUnread,
		NeedFindings: r.want.Vulnerabilities && !r.want.Attestations, // scan
	}
	if r.cfg.MaxDrift >= 0 && r.want.Attestations && r.want.SBOM {
		p.MaxDrift = &r.cfg.MaxDrift
	}
	if s, ok := report.ParseSeverity(r.cfg.FailOnSeverity); ok && r.want.Vulnerabilities {
		p.FailOnSeverity = s
	}
	if r.want.VEX {
		for _, l := range r.cfg.VEXLimits {
			p.VEXLimits = append(p.VEXLimits, policy.VEXLimit(l))
		}
		p.VEXObjection = objectionResult(r.cfg.VEXObjection)
	}
	if s, ok := report.ParseSeverity(rep.Policy.FailOnCheck); ok {
		p.FailOnCheck = s
	}
	if !r.want.Attestations {
		p.Require = nil
	}
	Score(rep)
	rep.Verdict = policy.Evaluate(rep.Canonical(), p, r.written())
}

// finish takes the verdict. A run that was cut short, or that ends with a fault, has not
// looked at everything, whatever the policy finds in what it did see.
func (p *platform) finish() *platform {
	p.judge(p.report)
	why := p.cut
	if why == "" && len(p.faults) > 0 {
		why = errors.Join(p.faults...).Error()
	}
	if why != "" && (p.cut != "" || p.report.Verdict.Result.Passes()) {
		notFinished(p.report, why)
	}
	for i := range p.report.Platforms { // its own row, in a run over several
		p.report.Platforms[i].Result, p.report.Platforms[i].Counts = p.report.Verdict.Result, p.report.Counts
	}
	p.report = p.report.Canonical()
	return p
}

// Withdraw takes back a verdict that lets the image pass, because of what went wrong, or
// was found wanting, after it was taken: it is as then. It says whether there was one.
func (r *Result) Withdraw(as report.Result, why string) bool {
	if !r.Report.Verdict.Result.Passes() {
		return false
	}
	for _, rep := range append([]*report.Report{r.Report}, r.Platforms...) {
		withdraw(rep, as, why)
	}
	return true
}

// notFinished adds the rule that no policy switches off: only a run that came to its end
// decides.
func notFinished(rep *report.Report, why string) { withdraw(rep, report.Error, why) }

func withdraw(rep *report.Report, as report.Result, why string) {
	rep.Verdict = policy.Add(rep.Verdict, report.Rule{Name: report.RuleRun, Result: as, Message: strings.ReplaceAll(why, "\n", "; ")})
	for i := range rep.Platforms {
		if p := &rep.Platforms[i]; p.Result.Passes() {
			p.Result = as
		}
	}
}
