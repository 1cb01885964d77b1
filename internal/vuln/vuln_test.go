package vuln_test

import "time"

// now is the time of every run in these tests.
var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
