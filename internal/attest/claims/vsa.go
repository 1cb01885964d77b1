package claims

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/report"
)

// VSAPolicy says what a verification summary must say (slsa.dev/verification_summary/v1).
// An empty field asks nothing, but the result must be PASSED in any case.
type VSAPolicy struct {
	// Verifier is a glob over the verifier's id; Resource one over the resource URI.
	Verifier string
	Resource string
	// Levels must all have been verified. SLSA_BUILD_LEVEL_3 satisfies
	// SLSA_BUILD_LEVEL_2, as within every track.
	Levels []string
	// MaxAge is the greatest age of the summary at Now; 0 means any.
	MaxAge time.Duration
	Now    time.Time
}

type vsa struct {
	Verifier struct {
		ID string `json:"id"`
	} `json:"verifier"`
	TimeVerified       time.Time `json:"timeVerified"`
	ResourceURI        string    `json:"resourceUri"`
	VerificationResult string    `json:"verificationResult"`
	VerifiedLevels     []string  `json:"verifiedLevels"`
}

// CheckVSA holds one verified summary to the policy, one check for each rule.
func CheckVSA(v attest.Verified, policy VSAPolicy) []report.Check {
	const readable = "Verification summary can be read"
	if !v.OK() || v.Family() != attest.FamilyVSA {
		return []report.Check{undecided(v, "HIG-ATT-020", readable, fmt.Sprintf("predicate type %q is no verification summary", v.PredicateType()))}
	}
	var s vsa
	if err := json.Unmarshal(v.Predicate(), &s); err != nil {
		return []report.Check{undecided(v, "HIG-ATT-020", readable, err.Error())}
	}
	var out []report.Check
	rule := func(id, title, want, have string, ok bool) {
		c := check(v, id, title, report.High)
		c.State, c.Reason = report.CheckFailed, fmt.Sprintf("want %s, the summary says %s", want, orNothing(have))
		if ok {
			c.State, c.Reason = report.CheckPassed, "the summary says "+have
		}
		out = append(out, c)
	}
	rule("HIG-ATT-021", "Verification summary passed", "PASSED", s.VerificationResult, s.VerificationResult == "PASSED")
	if policy.Verifier != "" {
		rule("HIG-ATT-022", "Summary of the required verifier", policy.Verifier, s.Verifier.ID, trust.Glob(policy.Verifier, s.Verifier.ID))
	}
	if policy.Resource != "" {
		rule("HIG-ATT-023", "Summary of the required resource", policy.Resource, s.ResourceURI, trust.Glob(policy.Resource, s.ResourceURI))
	}
	for _, level := range policy.Levels {
		rule("HIG-ATT-024", "Required level was verified", level, strings.Join(s.VerifiedLevels, ", "), reached(s.VerifiedLevels, level))
	}
	if policy.MaxAge > 0 {
		have := s.TimeVerified.UTC().Format(time.RFC3339)
		age := policy.Now.Sub(s.TimeVerified)
		ok := !s.TimeVerified.IsZero() && !policy.Now.IsZero() && age >= 0 && age <= policy.MaxAge
		rule("HIG-ATT-025", "Verification summary is recent", fmt.Sprintf("a summary of at most %s at %s", policy.MaxAge, policy.Now.UTC().Format(time.RFC3339)), have, ok)
	}
	return out
}

// reached reports whether one of the levels is the wanted one or a higher one of its
// track. SLSA names levels TRACK_LEVEL_N.
func reached(have []string, want string) bool {
	track, n, ok := splitLevel(want)
	for _, h := range have {
		if h == want {
			return true
		}
		if t, m, numbered := splitLevel(h); ok && numbered && t == track && m >= n {
			return true
		}
	}
	return false
}

func splitLevel(text string) (track string, n int, ok bool) {
	i := strings.LastIndex(text, "_LEVEL_")
	if i < 0 {
		return "", 0, false
	}
	n, err := strconv.Atoi(text[i+len("_LEVEL_"):])
	return text[:i], n, err == nil && n >= 0
}
