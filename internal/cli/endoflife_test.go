package cli_test

import (
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit"
)

// Policy, check and lint give one answer to whether an image is past its end of life: the
// day that is named is still supported.
func TestOneAnswerAboutTheEndOfLife(t *testing.T) {
	for _, tt := range []struct {
		name, eol string
		code      fault.Code
		want      report.Result
		check     string
		lint      string
	}{
		{"today", "2026-05-01", fault.OK, report.Pass, report.CheckPassed, "; end of life 2026-05-01"},
		{"today_with_an_hour", "2026-05-01T00:00:00Z", fault.OK, report.Pass, report.CheckPassed, "; end of life 2026-05-01"},
		{"yesterday", "2026-04-30", fault.Policy, report.Fail, report.CheckFailed, "past its end of life, 2026-04-30"},
		{"yesterday_at_noon", "2026-04-30T12:00:00Z", fault.Policy, report.Fail, report.CheckFailed, "past its end of life, 2026-04-30"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testkit.RegistryOptions{})
			img := w.image()
			for i := range img.Platforms {
				img.Platforms[i].Config.Config.Labels["com.docker.dhi.date.end-of-life"] = tt.eol
			}
			ref, _ := w.push(img)
			code, r, text := w.verify(ref, "--fail-on-eol")
			must(t, code, r, text, tt.code, tt.want)
			for _, c := range r.Checks {
				if c.ID == "HIG-I018" && c.State != tt.check {
					t.Errorf("the check is %s (%s), want %s", c.State, c.Reason, tt.check)
				}
			}
			t.Chdir(t.TempDir())
			write(t, "Dockerfile", "FROM "+ref+"\n")
			if _, stdout, _ := w.resolve(); !strings.Contains(stdout, tt.lint) {
				t.Errorf("lint does not say %q:\n%s", tt.lint, stdout)
			}
		})
	}
}
