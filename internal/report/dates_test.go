package report_test

import (
	"testing"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

func moment(t *testing.T, text string) *time.Time {
	t.Helper()
	if text == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return &at
}

// The day that is named is still supported, whatever hour is written beside it.
func TestPastEndOfLife(t *testing.T) {
	for _, tt := range []struct {
		name, eol, now string
		want           bool
	}{
		{"no_date", "", "2026-05-01T12:00:00Z", false},
		{"the_day_before", "2026-05-01T00:00:00Z", "2026-04-30T23:59:59Z", false},
		{"the_day_begins", "2026-05-01T00:00:00Z", "2026-05-01T00:00:00Z", false},
		{"one_second_after_midnight", "2026-05-01T00:00:00Z", "2026-05-01T00:00:01Z", false},
		{"the_day_itself", "2026-05-01T00:00:00Z", "2026-05-01T12:00:00Z", false},
		{"its_last_second", "2026-05-01T00:00:00Z", "2026-05-01T23:59:59Z", false},
		{"the_next_day", "2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z", true},
		{"the_next_day_one_second_after_midnight", "2026-05-01T00:00:00Z", "2026-05-02T00:00:01Z", true},
		{"with_an_hour", "2026-05-01T12:00:00Z", "2026-05-01T23:59:59Z", false},
		{"with_an_hour_the_next_day", "2026-05-01T12:00:00Z", "2026-05-02T00:00:01Z", true},
		{"elsewhere_it_is_tomorrow", "2026-05-01T00:00:00Z", "2026-05-02T08:00:00+10:00", false},
		{"the_last_of_a_month", "2026-02-28T00:00:00Z", "2026-03-01T00:00:01Z", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := report.Subject{EndOfLife: moment(t, tt.eol)}
			if got := s.PastEndOfLife(*moment(t, tt.now)); got != tt.want {
				t.Errorf("past its end of life: %v, want %v", got, tt.want)
			}
		})
	}
}

func TestAge(t *testing.T) {
	now := *moment(t, "2026-05-01T12:00:00Z")
	for _, tt := range []struct {
		name, created string
		want          time.Duration
		why           string
	}{
		{"an_hour", "2026-05-01T11:00:00Z", time.Hour, ""},
		{"now", "2026-05-01T12:00:00Z", 0, ""},
		{"a_clock_ahead", "2026-05-02T12:00:00Z", 0, ""},
		{"the_future", "2026-05-02T12:00:01Z", 0, "the image claims to be created in the future (2026-05-02)"},
		{"no_date", "", 0, "the image does not say when it was created"},
		{"the_epoch", "1970-01-01T00:00:00Z", 0, "the image does not say when it was created"},
		{"year_one", "0001-01-01T00:00:00Z", 0, "the image does not say when it was created"},
		{"the_first_year_that_counts", "2000-01-01T00:00:00Z", now.Sub(*moment(t, "2000-01-01T00:00:00Z")), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, why := report.Subject{Created: moment(t, tt.created)}.Age(now)
			if got != tt.want || why != tt.why {
				t.Errorf("%v %q, want %v %q", got, why, tt.want, tt.why)
			}
		})
	}
}
