package grypedb_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	db "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/db/v6/distribution"
	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/testkit/grypedb"
)

var built = time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)

func sample() []grypedb.Record {
	fixed := time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)
	return []grypedb.Record{
		{
			ID: "CVE-2026-1000", Distro: "debian 12", Package: "openssl", Constraint: "< 3.0.15-1~deb12u1",
			Severity: report.High, Fix: report.Fix{State: report.FixFixed, Versions: []string{"3.0.15-1~deb12u1"}, Available: &fixed},
			EPSS: &report.EPSS{Score: 0.5, Percentile: 0.9}, KEV: &report.KEV{DateAdded: "2026-02-01"},
		},
		{ID: "CVE-2026-1000", Distro: "debian 13", Package: "openssl", Constraint: "< 3.5.1-1", Severity: report.High},
		{ID: "GHSA-aaaa-bbbb-cccc", Aliases: []string{"CVE-2026-2000"}, Ecosystem: "npm", Package: "left-pad", Constraint: "< 1.3.1", Severity: report.Critical},
		{ID: "CVE-2026-3000", CPE: "acme:thing", Constraint: "< 2.0"},
	}
}

func TestBuildIsReadByGrype(t *testing.T) {
	dir := t.TempDir()
	path, err := grypedb.Build(dir, sample(), built)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Hydrater()(dir); err != nil {
		t.Fatalf("Hydrater: %v", err)
	}
	d, err := db.ReadDescription(path)
	if err != nil {
		t.Fatal(err)
	}
	if !d.Built.Equal(built) {
		t.Errorf("built = %v, want %v", d.Built, built)
	}
	r, err := db.NewReader(db.Config{DBDirPath: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, tt := range []struct {
		os   db.OSSpecifier
		want int
	}{
		{db.OSSpecifier{Name: "debian", MajorVersion: "12", LabelVersion: "bookworm"}, 1},
		{db.OSSpecifier{Name: "debian", MajorVersion: "13", LabelVersion: "trixie"}, 1},
		{db.OSSpecifier{Name: "alpine", MajorVersion: "3", MinorVersion: "20"}, 0},
	} {
		got, err := r.GetOperatingSystems(tt.os)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != tt.want {
			t.Errorf("GetOperatingSystems(%v) = %v, want %d", tt.os, got, tt.want)
		}
	}
	vs, err := r.GetVulnerabilities(nil, &db.GetVulnerabilityOptions{Preload: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(vs) != 3 { // two records of one CVE are one vulnerability
		t.Errorf("%d vulnerabilities, want 3", len(vs))
	}
	if kev, err := r.GetKnownExploitedVulnerabilities("CVE-2026-1000"); err != nil || len(kev) != 1 {
		t.Errorf("KEV = %v, %v", kev, err)
	}
	if epss, err := r.GetEpss("CVE-2026-1000"); err != nil || len(epss) != 1 || epss[0].Epss != 0.5 {
		t.Errorf("EPSS = %v, %v", epss, err)
	}
}

func TestBuildRefusesBadRecords(t *testing.T) {
	for _, tt := range []struct {
		name string
		rec  grypedb.Record
		want string
	}{
		{"no_id", grypedb.Record{Ecosystem: "npm", Package: "x"}, "no ID"},
		{"no_place", grypedb.Record{ID: "CVE-1", Package: "x"}, "exactly one"},
		{"two_places", grypedb.Record{ID: "CVE-1", Package: "x", Ecosystem: "npm", Distro: "debian 12"}, "exactly one"},
		{"no_package", grypedb.Record{ID: "CVE-1", Ecosystem: "npm"}, "no package"},
		{"distro_without_version", grypedb.Record{ID: "CVE-1", Distro: "debian", Package: "x"}, "name version"},
		{"cpe_without_product", grypedb.Record{ID: "CVE-1", CPE: "acme"}, "vendor:product"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := grypedb.Build(t.TempDir(), []grypedb.Record{tt.rec}, built)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestPublish(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	la, err := grypedb.Publish(a, sample(), built)
	if err != nil {
		t.Fatal(err)
	}
	lb, err := grypedb.Publish(b, sample(), built)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(la, lb); diff != "" {
		t.Errorf("two builds of the same records differ (-first +second):\n%s", diff)
	}
	data, err := os.ReadFile(filepath.Join(a, "v6", la.Path))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	if got := "sha256:" + hex.EncodeToString(sum[:]); got != la.Checksum {
		t.Errorf("checksum of the archive %s, listed %s", got, la.Checksum)
	}
	f, err := os.Open(filepath.Join(a, "v6", "latest.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	doc, err := distribution.NewLatestFromReader(f) // Grype's own reader
	if err != nil {
		t.Fatal(err)
	}
	if doc.Path != la.Path || doc.Checksum != la.Checksum || !doc.Built.Equal(built) || doc.SchemaVersion.Model != db.ModelVersion {
		t.Errorf("listing read back as %+v", doc)
	}
	entries, _ := os.ReadDir(a)
	if len(entries) != 1 {
		t.Errorf("scratch left behind: %v", entries)
	}
}

func TestArchiveRefusesOtherNames(t *testing.T) {
	dir := t.TempDir()
	path, err := grypedb.Build(dir, sample(), built)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := grypedb.Archive(path, filepath.Join(dir, "db.zip")); err == nil {
		t.Error("a .zip was written")
	}
}

func BenchmarkBuild(b *testing.B) {
	for b.Loop() {
		if _, err := grypedb.Build(b.TempDir(), sample(), built); err != nil {
			b.Fatal(err)
		}
	}
}
