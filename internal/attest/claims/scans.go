package claims

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/report"
)

// rule is the check of one family.
type rule struct {
	family, id, title string
	severity          report.Severity
	// judge returns the state and the reason for one predicate.
	judge func(predicate []byte, opt Options) (state, reason string)
}

// rules are Docker's own pass rules for the predicates of its hardened images.
var rules = [...]rule{
	{attest.FamilySecrets, "HIG-ATT-031", "Secret scan found nothing", report.Critical, secrets},
	{attest.FamilyVirus, "HIG-ATT-032", "Virus scan found nothing", report.Critical, virus},
	{attest.FamilyTests, "HIG-ATT-033", "Publisher's tests passed", report.Medium, tests},
	{attest.FamilySTIG, "HIG-ATT-034", "STIG scan reached its target", report.High, stig},
	{attest.FamilyFIPS, "HIG-ATT-035", "FIPS modules are validated", report.High, fips},
	{attest.FamilySource, "HIG-ATT-036", "Image source is named", report.Low, source},
	{attest.FamilyHealth, "HIG-ATT-037", "Health score", report.Low, health},
}

// secrets: an empty list of findings is clean.
func secrets(predicate []byte, _ Options) (string, string) {
	var list []json.RawMessage
	if err := json.Unmarshal(predicate, &list); err != nil || list == nil {
		var set map[string]json.RawMessage
		if err := json.Unmarshal(predicate, &set); err != nil || set == nil {
			return report.CheckUndecided, "the predicate is no list of findings"
		}
		list = make([]json.RawMessage, len(set))
	}
	if len(list) > 0 {
		return report.CheckFailed, fmt.Sprintf("the scan lists %d secrets", len(list))
	}
	return report.CheckPassed, "the scan lists no secret"
}

// virus: ClamAV's report must have the line "Infected files: 0".
func virus(predicate []byte, _ Options) (string, string) {
	var p struct {
		Scanner struct {
			URI    string `json:"uri"`
			Report string `json:"report"`
		} `json:"scanner"`
	}
	if err := json.Unmarshal(predicate, &p); err != nil {
		return report.CheckUndecided, "the predicate cannot be read: " + err.Error()
	}
	text, err := base64.StdEncoding.DecodeString(p.Scanner.Report)
	if err != nil {
		return report.CheckUndecided, "the scanner's report is not base64"
	}
	found, infected := 0, 0
	for line := range strings.Lines(string(text)) {
		number, ok := strings.CutPrefix(strings.TrimSpace(line), "Infected files:")
		if !ok {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(number))
		if err != nil || n < 0 {
			return report.CheckUndecided, "the scanner's report has no readable count of infected files"
		}
		found++
		infected = max(infected, n)
	}
	switch {
	case found == 0:
		return report.CheckUndecided, "the scanner's report does not say how many files are infected"
	case infected > 0:
		return report.CheckFailed, fmt.Sprintf("the scan lists %d infected files", infected)
	default:
		return report.CheckPassed, "the scan lists no infected file"
	}
}

// tests: a CTRF report without a failure, of at least one test.
func tests(predicate []byte, _ Options) (string, string) {
	var p struct {
		ReportFormat string `json:"reportFormat"`
		Results      struct {
			Summary *struct{ Tests, Passed, Failed, Skipped int } `json:"summary"`
		} `json:"results"`
	}
	if err := json.Unmarshal(predicate, &p); err != nil {
		return report.CheckUndecided, "the predicate cannot be read: " + err.Error()
	}
	s := p.Results.Summary
	switch {
	case p.ReportFormat != "CTRF" || s == nil:
		return report.CheckUndecided, "the predicate is no CTRF report"
	case s.Failed > 0:
		return report.CheckFailed, fmt.Sprintf("%d of %d tests failed", s.Failed, s.Tests)
	case s.Failed < 0 || s.Passed <= 0:
		return report.CheckUndecided, fmt.Sprintf("%d of %d tests passed, so nothing was shown", s.Passed, s.Tests)
	default:
		return report.CheckPassed, fmt.Sprintf("%d of %d tests passed, %d were skipped", s.Passed, s.Tests, s.Skipped)
	}
}

// stig: every profile's score must reach the target share of its maximum.
func stig(predicate []byte, opt Options) (string, string) {
	var profiles []struct {
		Name    string `json:"name"`
		Summary struct {
			Score *float64 `json:"defaultScore"`
			Most  *float64 `json:"maxDefaultScore"`
		} `json:"summary"`
	}
	if err := json.Unmarshal(predicate, &profiles); err != nil || len(profiles) == 0 {
		return report.CheckUndecided, "the predicate lists no profile"
	}
	target := opt.stigTarget()
	for _, p := range profiles {
		if p.Summary.Score == nil || p.Summary.Most == nil || *p.Summary.Most <= 0 {
			return report.CheckUndecided, fmt.Sprintf("profile %q has no score", p.Name)
		}
		if share := 100 * *p.Summary.Score / *p.Summary.Most; share < target {
			return report.CheckFailed, fmt.Sprintf("profile %q reached %.1f %%, the target is %.1f %%", p.Name, share, target)
		}
	}
	return report.CheckPassed, fmt.Sprintf("%d profiles reached %.1f %%", len(profiles), target)
}

// fips: every module must be active and before its sunset date.
func fips(predicate []byte, opt Options) (string, string) {
	var modules []struct {
		Name          string `json:"name"`
		Status        string `json:"status"`
		Certification string `json:"certification"`
		SunsetDate    string `json:"sunsetDate"`
	}
	if err := json.Unmarshal(predicate, &modules); err != nil || len(modules) == 0 {
		return report.CheckUndecided, "the predicate lists no module"
	}
	for _, m := range modules {
		if m.Status != "active" {
			return report.CheckFailed, fmt.Sprintf("module %q (%s) is %q, not active", m.Name, m.Certification, m.Status)
		}
		if m.SunsetDate == "" {
			continue
		}
		sunset, err := date(m.SunsetDate)
		switch {
		case err != nil:
			return report.CheckUndecided, fmt.Sprintf("module %q has the sunset date %q, which cannot be read", m.Name, m.SunsetDate)
		case opt.Now.IsZero():
			return report.CheckUndecided, fmt.Sprintf("module %q has the sunset date %s, and the time is not known", m.Name, m.SunsetDate)
		case !opt.Now.Before(sunset.AddDate(0, 0, 1)):
			return report.CheckFailed, fmt.Sprintf("module %q (%s) is past its sunset date %s", m.Name, m.Certification, m.SunsetDate)
		}
	}
	return report.CheckPassed, fmt.Sprintf("%d modules are active", len(modules))
}

// date reads a day, with or without a time.
func date(text string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	return t.UTC().Truncate(24 * time.Hour), err
}

// source: the predicate names the source image and its digest.
func source(predicate []byte, _ Options) (string, string) {
	var p struct {
		Source struct{ Name, Digest string } `json:"source"`
	}
	if err := json.Unmarshal(predicate, &p); err != nil || p.Source.Name == "" || !strings.HasPrefix(p.Source.Digest, "sha256:") {
		return report.CheckUndecided, "the predicate names no source with a digest"
	}
	return report.CheckPassed, p.Source.Name + "@" + p.Source.Digest
}

// health: Docker documents no rule for it, so it is shown and decides nothing.
func health([]byte, Options) (string, string) {
	return report.CheckUndecided, "no rule for a health score is published"
}
