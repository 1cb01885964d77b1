package report

import "time"

// ClockSkew is how far the clock of whoever dated something and that of the gate may be
// apart. What is dated later than that is from the future, which is no date.
const ClockSkew = 24 * time.Hour

// PastEndOfLife says whether the end of life that the image states is over. The day that
// is named, in UTC, is supported to its end. Without a date it is false.
func (s Subject) PastEndOfLife(now time.Time) bool {
	if s.EndOfLife == nil {
		return false
	}
	y, m, d := s.EndOfLife.UTC().Date()
	return !now.Before(time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC))
}

// Age is how old the image says that it is, and never negative. A date that cannot be
// (none, the epoch of reproducible builds, the future) is no date: why says which.
func (s Subject) Age(now time.Time) (age time.Duration, why string) {
	switch {
	case s.Created == nil || s.Created.Year() < 2000:
		return 0, "the image does not say when it was created"
	case s.Created.After(now.Add(ClockSkew)):
		return 0, "the image claims to be created in the future (" + s.Created.UTC().Format(time.DateOnly) + ")"
	}
	return max(0, now.Sub(*s.Created)), ""
}
