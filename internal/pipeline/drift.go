package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom"
	"github.com/imagegate/imagegate/internal/sbom/drift"
	"github.com/imagegate/imagegate/internal/vuln"
)

// The values of sbom-source.
const (
	sbomAttested  = "attested"
	sbomExtracted = "extracted"
)

// signedSBOMs are the verified bills that can be read.
func (p *platform) signedSBOMs() []*sbom.SBOM {
	var out []*sbom.SBOM
	for _, b := range p.bills() {
		if b.err == nil {
			out = append(out, b.list)
		}
	}
	return out
}

// compare sets the report's drift between what the vendor signed and what was found in
// the image. Of several signed bills the one that differs most is told, so that a stale
// one cannot hide behind a good one. One without packages, as of a stage of a build, is
// no bill of the image where another lists some.
func (p *platform) compare() {
	if p.found == nil || !p.want.Attestations || p.cfg.SBOMSource == sbomExtracted {
		return
	}
	bills := p.signedSBOMs()
	if some := slices.DeleteFunc(slices.Clone(bills), func(s *sbom.SBOM) bool { return s.Packages() == 0 }); len(some) > 0 {
		bills = some
	}
	for _, signed := range bills {
		d := drift.Compare(signed, p.found, drift.Options{})
		if p.report.SBOM.Drift == nil || drift.Count(d) > drift.Count(p.report.SBOM.Drift) {
			p.report.SBOM.Drift = d
		}
	}
}

// unlisted tells of packages of the image that the signed bill leaves out, where they
// weigh: those of the operating system, and those with a finding. Generators differ in
// what else they list.
func (p *platform) unlisted() []report.Observation {
	d := p.report.SBOM.Drift
	if d == nil {
		return nil
	}
	affected := map[string]bool{}
	for _, v := range p.report.Vulnerabilities {
		affected[v.Package.Type+" "+strings.ToLower(v.Package.Name)] = true
	}
	var names []string
	for _, item := range d.Items {
		if item.Kind == report.DriftFoundOnly && (sbom.OfSystem(item.Type) || affected[item.Type+" "+strings.ToLower(item.Name)]) {
			names = append(names, item.Name+" "+item.Found)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []report.Observation{{Stage: report.StageSBOM, Kind: report.FoundNone, Count: len(names),
		Message: fmt.Sprintf("the signed SBOM does not list %s of the image: %s", count(len(names), "package"), listed(names))}}
}

// addHidden adds to the search of a signed bill what a search of the image itself comes to:
// a bill that leaves a package out must take neither its findings away nor that nothing
// could judge it. What both searches tell alike is told once.
func (p *platform) addHidden(ctx context.Context, db *vuln.DB, found *sbom.SBOM, by advice, m *vuln.Matches) error {
	all, err := p.advised(ctx, db, found, by)
	if err != nil {
		return err
	}
	key := func(v report.Vulnerability) string {
		return strings.Join([]string{v.ID, v.Package.Type, strings.ToLower(v.Package.Name), v.Package.Version}, "\x00")
	}
	listed := map[string]bool{}
	for _, v := range m.Vulnerabilities {
		listed[key(v)] = true
	}
	for _, v := range all.Vulnerabilities {
		if !listed[key(v)] {
			m.Vulnerabilities = append(m.Vulnerabilities, v)
		}
	}
	for _, o := range all.Observations {
		if !slices.Contains(m.Observations, o) {
			m.Observations = append(m.Observations, o)
		}
	}
	m.Unjudged = max(m.Unjudged, all.Unjudged)
	switch {
	case all.State == report.Failed && m.State != report.Failed:
		m.State, m.Reason = all.State, "in the image itself: "+all.Reason
	case m.State == report.Missing:
		m.State, m.Reason = all.State, all.Reason
	case m.State == report.Done && len(m.Vulnerabilities) > 0:
		m.Reason = fmt.Sprintf("%s in the packages of the signed SBOM and of the image", count(len(m.Vulnerabilities), "finding"))
	}
	return nil
}

// toMatch is the bill whose packages are matched: what was found in the image, or with
// sbom-source: attested what the vendor signed. It is nil when no signed one lists a
// package.
func (p *platform) toMatch(found *sbom.SBOM) (chosen *sbom.SBOM, seen []report.Observation) {
	if p.cfg.SBOMSource != sbomAttested || !p.want.Attestations {
		return found, nil
	}
	<-p.settled
	bills := slices.DeleteFunc(p.signedSBOMs(), func(s *sbom.SBOM) bool { return s.Packages() == 0 })
	if len(bills) == 0 {
		return nil, nil
	}
	if len(bills) > 1 {
		seen = append(seen, report.Observation{Stage: report.StageSBOM, Kind: report.LeftOut, Count: len(bills) - 1,
			Message: fmt.Sprintf("there are %d signed SBOMs; the first is matched", len(bills))})
	}
	signed := bills[0]
	if signed.Syft().Artifacts.LinuxDistribution == nil {
		// SPDX and CycloneDX have no place for it; the image says what it is.
		signed.Syft().Artifacts.LinuxDistribution = found.Syft().Artifacts.LinuxDistribution
	}
	return signed, seen
}
