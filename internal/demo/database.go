package demo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit/grypedb"
)

// writeDatabase builds the Grype database and packs it into path.
func writeDatabase(path string, built time.Time) (err error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), "db-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file, err := grypedb.Build(dir, records(), built)
	if err != nil {
		return fmt.Errorf("build the vulnerability database: %w", err)
	}
	if _, err := grypedb.Archive(file, path); err != nil {
		return fmt.Errorf("pack the vulnerability database: %w", err)
	}
	return nil
}

// records are facts of the Debian security tracker and the NVD about packages of the
// image: the version that fixes each in bookworm, or why there is none.
func records() []grypedb.Record {
	const bookworm = "debian 12"
	tracker := func(id string) []string { return []string{"https://security-tracker.debian.org/tracker/" + id} }
	day := func(s string) time.Time {
		t, err := time.Parse(time.DateOnly, s)
		if err != nil {
			return time.Time{} // the record then has the time of the build
		}
		return t
	}
	fixed := func(version string) report.Fix {
		return report.Fix{State: report.FixFixed, Versions: []string{version}}
	}
	list := []grypedb.Record{
		{
			ID: "CVE-2025-4802", Package: "glibc", Severity: report.High, Published: day("2025-05-16"),
			Constraint: "< 2.36-9+deb12u11", Fix: fixed("2.36-9+deb12u11"),
			CVSS:        []report.CVSS{{Source: "nvd", Type: "Primary", Version: "3.1", Vector: "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"}},
			Description: "Statically linked setuid programs that call dlopen honour LD_LIBRARY_PATH, so that a local user can have them load a library of their own.",
		},
		{
			ID: "CVE-2025-0395", Package: "glibc", Severity: report.Medium, Published: day("2025-01-22"),
			Constraint: "< 2.36-9+deb12u10", Fix: fixed("2.36-9+deb12u10"),
			Description: "When assert() fails, too little memory is taken for the message, which may overflow it.",
		},
		{
			ID: missedCVE, Package: "glibc", Severity: report.Medium, Published: day("2026-03-20"),
			Constraint: "< 2.36-9+deb12u14", Fix: fixed("2.36-9+deb12u14"),
			CVSS:        []report.CVSS{{Source: "nvd", Type: "Primary", Version: "3.1", Vector: "CVSS:3.1/AV:A/AC:L/PR:N/UI:N/S:U/C:L/I:L/A:N"}},
			EPSS:        &report.EPSS{Score: 0.0019, Percentile: 0.09},
			Description: "gethostbyaddr may return a host name that the DNS specification does not allow.",
		},
		{
			ID: "CVE-2023-50495", Package: "ncurses", Severity: report.Medium, Published: day("2023-12-12"),
			Fix:         report.Fix{State: report.FixWontFix},
			CVSS:        []report.CVSS{{Source: "nvd", Type: "Primary", Version: "3.1", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:H"}},
			Description: "A crafted terminal description makes _nc_wrap_entry() read where it must not.",
		},
		{
			ID: "CVE-2022-27943", Package: "gcc-12", Severity: report.Negligible, Published: day("2022-03-26"),
			Fix:         report.Fix{State: report.FixNotFixed},
			Description: "The Rust demangler of libiberty recurses without end.",
		},
		{
			ID: "CVE-2018-5709", Package: "krb5", Severity: report.Negligible, Published: day("2018-01-16"),
			Fix:         report.Fix{State: report.FixNotFixed},
			Description: "A 16 bit number of the database dump is read into one of 32 bits.",
		},
		{
			ID: "CVE-2019-1010022", Package: "glibc", Severity: report.Negligible, Published: day("2019-07-15"),
			Fix:         report.Fix{State: report.FixNotFixed},
			Description: "A stack overflow can reach past the stack guard; upstream does not regard this as a vulnerability.",
		},
	}
	for i := range list {
		list[i].Distro = bookworm
		list[i].URLs = tracker(list[i].ID)
	}
	return list
}
