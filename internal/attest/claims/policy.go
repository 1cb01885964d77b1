package claims

import (
	"fmt"
	"strings"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/report"
)

// ProvenancePolicy says what a provenance must say. An empty field asks nothing.
type ProvenancePolicy struct {
	// BuilderID and BuildType are globs (see trust.Glob).
	BuilderID string
	BuildType string
	// SourceURI is the repository, in any usual spelling; SourceRef the exact ref.
	SourceURI string
	SourceRef string
	// Level is the SLSA Build level that is required, 0 to 3. The level that counts is
	// that of a builder in Builders, never one that the statement claims.
	Level    int
	Builders []trust.Builder
}

// asked reports whether the policy asks anything.
func (p ProvenancePolicy) asked() bool {
	return p.BuilderID != "" || p.BuildType != "" || p.SourceURI != "" || p.SourceRef != "" || p.Level > 0
}

// CheckProvenance holds one verified provenance to the policy: one check for each rule
// that asks something. A provenance that cannot be read is one undecided check.
func CheckProvenance(v attest.Verified, policy ProvenancePolicy) []report.Check {
	p, err := ReadProvenance(v)
	if err != nil {
		return []report.Check{undecided(v, idProvenance, "Provenance can be read", err.Error())}
	}
	var out []report.Check
	rule := func(id, title, want, have string, ok bool) {
		if want == "" {
			return
		}
		c := check(v, id, title, report.High)
		c.State, c.Reason = report.CheckFailed, fmt.Sprintf("want %s, the provenance says %s", want, orNothing(have))
		if ok {
			c.State, c.Reason = report.CheckPassed, "the provenance says "+have
		}
		out = append(out, c)
	}
	rule("HIG-ATT-011", "Built by the required builder", policy.BuilderID, p.BuilderID, trust.Glob(policy.BuilderID, p.BuilderID))
	rule("HIG-ATT-012", "Built from the required source", policy.SourceURI, p.SourceURI, sameSource(policy.SourceURI, p.SourceURI))
	rule("HIG-ATT-013", "Built from the required ref", policy.SourceRef, p.SourceRef, policy.SourceRef == p.SourceRef)
	rule("HIG-ATT-014", "Built in the required way", policy.BuildType, p.BuildType, trust.Glob(policy.BuildType, p.BuildType))
	if policy.Level > 0 {
		level, why := Level(v, p, policy.Builders)
		rule("HIG-ATT-015", "Built at the required SLSA level", fmt.Sprintf("SLSA Build level %d", policy.Level), fmt.Sprintf("level %d: %s", level, why), level >= policy.Level)
		if level < policy.Level {
			out[len(out)-1].Reason = fmt.Sprintf("want SLSA Build level %d, have level %d: %s", policy.Level, level, why)
		}
	}
	return out
}

// Level is the SLSA Build level of a provenance: that of the trusted builder which it
// names and whose signer signed it, else 0. The reason says which builder it was.
func Level(v attest.Verified, p Provenance, builders []trust.Builder) (level int, why string) {
	why = fmt.Sprintf("the trust table does not name the builder %s", orNothing(p.BuilderID))
	for _, b := range builders {
		if !trust.Glob(b.ID, p.BuilderID) {
			continue
		}
		if subject, _ := v.Identity(); b.Signer != "" && !trust.Glob(b.Signer, subject) {
			if level == 0 {
				why = fmt.Sprintf("the provenance names the builder %s, but %s signed it", p.BuilderID, v.Signer())
			}
			continue
		}
		if b.Level > level {
			level, why = b.Level, "builder "+p.BuilderID
		}
	}
	return level, why
}

const idProvenance = "HIG-ATT-010"

// check starts a check about a verified attestation.
func check(v attest.Verified, id, title string, severity report.Severity) report.Check {
	return report.Check{ID: id, Title: title, Severity: severity, Location: strings.TrimSpace(v.Family() + " " + v.Digest())}
}

func undecided(v attest.Verified, id, title, why string) report.Check {
	c := check(v, id, title, report.High)
	c.State, c.Reason = report.CheckUndecided, why
	return c
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
