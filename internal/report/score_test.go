package report_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/report"
)

func TestControlsAreOrderedAsTheirNumbers(t *testing.T) {
	r := &report.Report{Compliance: &report.Compliance{Controls: []report.Control{
		{Document: "NIST SP 800-190", ID: "4.1.1"}, {Document: "CIS Docker", ID: "5.4"},
		{Document: "CIS Docker", ID: "4.10"}, {Document: "CIS Docker", ID: "4.9"},
	}}}
	var got []string
	for _, c := range r.Canonical().Compliance.Controls {
		got = append(got, c.Document+" "+c.ID)
	}
	want := []string{"CIS Docker 4.9", "CIS Docker 4.10", "CIS Docker 5.4", "NIST SP 800-190 4.1.1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCombineTellsAnOutcomeOfAllPlatformsOnce(t *testing.T) {
	on := func(platform, userReason string) *report.Report {
		return &report.Report{Subject: report.Subject{Platform: platform}, Verdict: report.Verdict{Result: report.Pass}, Checks: []report.Check{
			{ID: "HIG-D002", State: report.CheckFailed, Location: "Dockerfile", Line: 3, References: []string{"CIS Docker 4.2"}},
			{ID: "HIG-I001", State: report.CheckFailed, Reason: userReason},
		}}
	}
	c := report.Combine([]*report.Report{on("linux/amd64", "root"), on("linux/arm64", "0")})
	var got []string
	for _, check := range c.Checks {
		got = append(got, check.ID+" "+check.Platform)
	}
	want := []string{"HIG-D002 ", "HIG-I001 linux/amd64", "HIG-I001 linux/arm64"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
