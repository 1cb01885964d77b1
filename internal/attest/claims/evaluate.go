package claims

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/report"
)

// Options say what is asked of the claims. The zero value asks nothing that is not
// offered.
type Options struct {
	// Provenance and VSA are the policies for those families.
	Provenance ProvenancePolicy
	VSA        *VSAPolicy
	// Require lists families that must be there: their absence fails. The absence of
	// others is "not offered".
	Require []string
	// Blind says why attestations could not be looked for; "" when they could. The absence
	// of what is required is then undecided, and no failure.
	Blind string
	// STIGTarget is the share of its maximum that a STIG profile must reach, in
	// percent. 0 means 100.
	STIGTarget float64
	// Now is the time of the run, for sunset dates and ages.
	Now time.Time
	// Platform goes into the checks of a run over several platforms.
	Platform string
}

func (o Options) stigTarget() float64 {
	if o.STIGTarget == 0 {
		return 100
	}
	return o.STIGTarget
}

// Evaluate turns the claims of verified attestations into checks: the scans and tests,
// the provenance policy, the verification summary. When a family has several
// attestations each is judged. A required family that is absent is failed, or undecided
// where nobody could look; any other is not-applicable with the reason "not offered". None
// of these is ever a pass.
func Evaluate(verified []attest.Verified, opt Options) []report.Check {
	var out []report.Check
	for _, r := range rules {
		n := 0
		for _, v := range of(verified, r.family) {
			c := check(v, r.id, r.title, r.severity)
			c.State, c.Reason = r.judge(v.Predicate(), opt)
			out = append(out, c)
			n++
		}
		if n == 0 {
			out = append(out, opt.absent(r.id, r.title, r.family, r.severity, opt.Require))
		}
	}
	if opt.Provenance.asked() {
		out = append(out, provenance(verified, opt)...)
	}
	if opt.VSA != nil {
		list := summaries(verified, *opt.VSA)
		for _, v := range list {
			out = append(out, CheckVSA(v, *opt.VSA)...)
		}
		if len(list) == 0 {
			out = append(out, opt.absent("HIG-ATT-020", "Verification summary", attest.FamilyVSA, report.High, []string{attest.FamilyVSA}))
		}
	}
	for i := range out {
		out[i].Platform = opt.Platform
	}
	return out
}

// provenance holds the SLSA provenance to the policy. One that satisfies all rules is
// enough; when none does, all are shown.
func provenance(verified []attest.Verified, opt Options) []report.Check {
	var all []report.Check
	for _, v := range of(verified, attest.FamilyProvenance) {
		checks := CheckProvenance(v, opt.Provenance)
		if !slices.ContainsFunc(checks, func(c report.Check) bool { return c.State != report.CheckPassed }) {
			return checks
		}
		all = append(all, checks...)
	}
	if len(all) == 0 {
		all = append(all, opt.absent(idProvenance, "Provenance", attest.FamilyProvenance, report.High, []string{attest.FamilyProvenance}))
	}
	return all
}

// summaries are the verification summaries that the policy is about: those of the verifier
// that it names, or all when none is of that one.
func summaries(verified []attest.Verified, policy VSAPolicy) []attest.Verified {
	all := of(verified, attest.FamilyVSA)
	mine := slices.DeleteFunc(slices.Clone(all), func(v attest.Verified) bool {
		var s vsa
		return json.Unmarshal(v.Predicate(), &s) != nil || !trust.Glob(policy.Verifier, s.Verifier.ID)
	})
	if policy.Verifier == "" || len(mine) == 0 {
		return all
	}
	return mine
}

func of(verified []attest.Verified, family string) []attest.Verified {
	return slices.DeleteFunc(slices.Clone(verified), func(v attest.Verified) bool { return !v.OK() || v.Family() != family })
}

func (o Options) absent(id, title, family string, severity report.Severity, require []string) report.Check {
	c := report.Check{ID: id, Title: title, Severity: severity, Location: family}
	switch needed := slices.Contains(require, family); {
	case needed && o.Blind != "":
		c.State, c.Reason = report.CheckUndecided, fmt.Sprintf("a verified attestation of family %s is required, and attestations could not be looked for: %s", family, o.Blind)
	case needed:
		c.State, c.Reason = report.CheckFailed, fmt.Sprintf("missing: no verified attestation of family %s, which is required", family)
	default:
		c.State, c.Reason = report.CheckNotApplicable, "not offered: no verified attestation of family "+family
	}
	return c
}
