package grypedb

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	db "github.com/anchore/grype/grype/db/v6"
)

// Build writes a database with the given records into dir, which must exist, and
// returns the path of its file, "vulnerability.db". built is the time at which the
// database claims to be built; Grype judges its age by it.
//
// The file is as distributed: without indexes, which the importer creates.
func Build(dir string, records []Record, built time.Time) (path string, err error) {
	built = built.UTC().Truncate(time.Second)
	w, err := db.NewWriter(db.Config{DBDirPath: dir})
	if err != nil {
		return "", fmt.Errorf("create database: %w", err)
	}
	if err := errors.Join(write(w, records, built), w.Close()); err != nil {
		return "", err
	}
	path = filepath.Join(dir, db.VulnerabilityDBFileName)
	if err := settle(path, built); err != nil {
		return "", fmt.Errorf("settle database: %w", err)
	}
	return path, nil
}

// write adds the records in their order, so that row numbers depend on nothing else.
func write(w db.Writer, records []Record, built time.Time) error {
	type key struct{ provider, id string }
	vulnerabilities := map[key]*db.VulnerabilityHandle{}
	decorated := map[string]bool{}
	for _, r := range records {
		if err := r.validate(); err != nil {
			return err
		}
		k := key{r.Provider(), strings.ToLower(r.ID)}
		v := vulnerabilities[k]
		if v == nil {
			v = r.vulnerability(built)
			vulnerabilities[k] = v
			if err := w.AddVulnerabilities(v); err != nil {
				return fmt.Errorf("add %s: %w", r.ID, err)
			}
		}
		if err := r.addPackage(w, v); err != nil {
			return fmt.Errorf("add package of %s: %w", r.ID, err)
		}
		if cve := r.cve(); cve != "" && !decorated[cve] {
			added, err := r.decorate(w, cve, built)
			if err != nil {
				return fmt.Errorf("add facts about %s: %w", cve, err)
			}
			decorated[cve] = added
		}
	}
	return nil
}

func (r Record) vulnerability(built time.Time) *db.VulnerabilityHandle {
	published := r.Published
	if published.IsZero() {
		published = built
	}
	v := &db.VulnerabilityHandle{
		Name: r.ID, Status: db.VulnerabilityActive, PublishedDate: &published, ModifiedDate: &published,
		Provider: &db.Provider{ID: r.Provider(), Version: "1", Processor: "grypedb", DateCaptured: &built},
		BlobValue: &db.VulnerabilityBlob{
			ID: r.ID, Description: r.Description, Aliases: r.Aliases,
		},
	}
	for _, u := range r.URLs {
		v.BlobValue.References = append(v.BlobValue.References, db.Reference{URL: u})
	}
	if r.Severity != "" { // the first severity is the one that counts
		v.BlobValue.Severities = append(v.BlobValue.Severities,
			db.Severity{Scheme: db.SeveritySchemeCHMLN, Value: string(r.Severity), Rank: 1})
	}
	for _, c := range r.CVSS {
		rank := 2
		if strings.EqualFold(c.Type, "primary") {
			rank = 1
		}
		v.BlobValue.Severities = append(v.BlobValue.Severities, db.Severity{
			Scheme: db.SeveritySchemeCVSS, Source: c.Source, Rank: rank,
			Value: db.CVSSSeverity{Vector: c.Vector, Version: c.Version},
		})
	}
	return v
}

func (r Record) addPackage(w db.Writer, v *db.VulnerabilityHandle) error {
	ecosystem, versions := r.ecosystem()
	blob := &db.PackageBlob{Ranges: []db.Range{{
		Version: db.Version{Type: versions, Constraint: r.Constraint},
		Fix:     r.fix(),
	}}}
	for _, a := range r.Aliases {
		if strings.HasPrefix(a, "CVE-") {
			blob.CVEs = append(blob.CVEs, a)
		}
	}
	if r.CPE != "" {
		vendor, product, _ := strings.Cut(r.CPE, ":")
		return w.AddAffectedCPEs(&db.AffectedCPEHandle{
			Vulnerability: v, VulnerabilityID: v.ID, BlobValue: blob,
			CPE: &db.Cpe{Part: "a", Vendor: vendor, Product: product},
		})
	}
	os, err := r.operatingSystem()
	if err != nil {
		return err
	}
	return w.AddAffectedPackages(&db.AffectedPackageHandle{
		Vulnerability: v, VulnerabilityID: v.ID, OperatingSystem: os, BlobValue: blob,
		Package: &db.Package{Name: r.Package, Ecosystem: ecosystem},
	})
}

func (r Record) fix() *db.Fix {
	f := &db.Fix{State: db.FixStatus(r.Fix.State)}
	if r.Fix.State == "" || r.Fix.State == "unknown" {
		f.State = db.UnknownFixStatus
	}
	if len(r.Fix.Versions) > 0 {
		f.Version = r.Fix.Versions[0]
	}
	if r.Fix.Available != nil {
		f.Detail = &db.FixDetail{Available: &db.FixAvailability{Date: r.Fix.Available, Kind: "advisory"}}
	}
	return f
}

// cve is the name under which scores and known exploitation are filed.
func (r Record) cve() string {
	for _, id := range append([]string{r.ID}, r.Aliases...) {
		if strings.HasPrefix(id, "CVE-") {
			return id
		}
	}
	return ""
}

func (r Record) decorate(w db.Writer, cve string, built time.Time) (added bool, err error) {
	if e := r.EPSS; e != nil {
		added = true
		day := built.Truncate(24 * time.Hour) // one date for all, as in the published database
		if err := w.AddEpss(&db.EpssHandle{Cve: cve, Epss: e.Score, Percentile: e.Percentile, Date: day}); err != nil {
			return false, err
		}
	}
	if k := r.KEV; k != nil {
		added = true
		blob := &db.KnownExploitedVulnerabilityBlob{
			Cve: cve, RequiredAction: k.RequiredAction, KnownRansomwareCampaignUse: k.RansomwareUse,
		}
		for _, d := range []struct {
			text string
			into **time.Time
		}{{k.DateAdded, &blob.DateAdded}, {k.DueDate, &blob.DueDate}} {
			if d.text == "" {
				continue
			}
			t, err := time.Parse(time.DateOnly, d.text)
			if err != nil {
				return false, err
			}
			*d.into = &t
		}
		if err := w.AddKnownExploitedVulnerabilities(&db.KnownExploitedVulnerabilityHandle{Cve: cve, BlobValue: blob}); err != nil {
			return false, err
		}
	}
	return added, nil
}
