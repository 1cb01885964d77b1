package vex

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/imagegate/imagegate/internal/report"
)

// Ledger is what became of every finding and every document, on one page: for each
// suppressed finding the statement, its document, signer and the line that matched;
// for each open one the nearest miss and why. It is written as vex-ledger.json.
type Ledger struct {
	SchemaVersion string      `json:"schemaVersion"`
	Image         LedgerImage `json:"image"`
	// Policy and Unversioned are the rules that were in force; what they widened says
	// so in its decision.
	Policy      Policy      `json:"policy"`
	Unversioned Unversioned `json:"unversioned"`
	// Accept is the number of vex-accept rules.
	Accept    int                  `json:"accept"`
	Counts    report.Counts        `json:"counts"`
	Hygiene   report.VEXHygiene    `json:"hygiene"`
	Findings  []LedgerFinding      `json:"findings"`
	Documents []report.VEXDocument `json:"documents"`
	// Advisories are the vendor's advisories that made findings; whoever writes the ledger
	// adds them.
	Advisories []report.Advisories `json:"advisories,omitempty"`
	Warnings   []string            `json:"warnings"`
}

// LedgerImage is what the image was known by.
type LedgerImage struct {
	Digest      string   `json:"digest"`
	IndexDigest string   `json:"indexDigest,omitempty"`
	Repository  string   `json:"repository,omitempty"`
	References  []string `json:"references,omitempty"`
	Platform    string   `json:"platform,omitempty"`
	// Canonical is its proven name among Docker Hardened Images.
	Canonical   string   `json:"canonical,omitempty"`
	BaseDigests []string `json:"baseDigests,omitempty"`
}

// LedgerFinding is one finding with its decision.
type LedgerFinding struct {
	Vulnerability string          `json:"vulnerability"`
	Aliases       []string        `json:"aliases"`
	Severity      report.Severity `json:"severity"`
	Package       string          `json:"package"`
	Version       string          `json:"version"`
	PURL          string          `json:"purl,omitempty"`
	Origin        string          `json:"origin,omitempty"`
	Decision      report.Decision `json:"decision"`
}

// NewLedger sums up a decision. Findings keep the order of res: give it those of a
// canonical report, and equal evidence gives equal ledgers.
func NewLedger(res Result, image Image, opt Options) Ledger {
	l := Ledger{
		SchemaVersion: "1.0", Policy: opt.policy(), Unversioned: opt.unversioned(), Accept: len(opt.Accept),
		Image: LedgerImage{Digest: image.Digest, IndexDigest: image.IndexDigest, Repository: image.Repository,
			References: image.References, Platform: image.Platform, BaseDigests: image.BaseDigests},
		Counts: report.CountVulnerabilities(res.Vulnerabilities), Hygiene: res.Hygiene,
		Findings:  make([]LedgerFinding, 0, len(res.Vulnerabilities)),
		Documents: append([]report.VEXDocument{}, res.Documents...),
		Warnings:  []string{},
	}
	for _, o := range res.Observations {
		l.Warnings = append(l.Warnings, o.Message)
	}
	if image.DHINameVerified {
		l.Image.Canonical = image.DHIName
	}
	for _, v := range res.Vulnerabilities {
		l.Findings = append(l.Findings, LedgerFinding{Vulnerability: v.ID, Aliases: append([]string{}, v.Aliases...),
			Severity: v.Severity, Package: v.Package.Name, Version: v.Package.Version, PURL: v.Package.PURL,
			Origin: v.Package.Origin, Decision: v.Decision})
	}
	return l
}

// Write writes the ledger as indented JSON.
func (l Ledger) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(l); err != nil {
		return fmt.Errorf("write the VEX ledger: %w", err)
	}
	return nil
}
