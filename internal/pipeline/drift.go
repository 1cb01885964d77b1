package pipeline

import (
	"errors"
	"fmt"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom"
	"github.com/imagegate/imagegate/internal/sbom/drift"
)

// The values of sbom-source.
const (
	sbomAttested  = "attested"
	sbomExtracted = "extracted"
)

// signedSBOMs decodes the verified bills that can be read. Attestations must be settled.
func (p *platform) signedSBOMs() []*sbom.SBOM {
	var out []*sbom.SBOM
	for _, v := range p.verified {
		if v.Family() != "sbom" || !drift.Readable(v.PredicateType()) {
			continue
		}
		list, err := drift.Attested(v.Predicate(), v.PredicateType())
		switch {
		case err == nil:
			out = append(out, list)
		case !errors.Is(err, drift.ErrNotRead):
			p.warn(report.StageSBOM, fmt.Sprintf("the signed SBOM %s could not be read: %v", v.Digest(), err))
		}
	}
	return out
}

// compare sets the report's drift between what the vendor signed and what was found in
// the image. Of several signed bills the one that differs most is told, so that a stale
// one cannot hide behind a good one.
func (p *platform) compare() {
	if p.found == nil || !p.want.Attestations || p.cfg.SBOMSource == sbomExtracted {
		return
	}
	for _, signed := range p.signedSBOMs() {
		d := drift.Compare(signed, p.found, drift.Options{})
		if p.report.SBOM.Drift == nil || drift.Count(d) > drift.Count(p.report.SBOM.Drift) {
			p.report.SBOM.Drift = d
		}
	}
}

// toMatch is the bill whose packages are matched: what was found in the image, or with
// sbom-source: attested what the vendor signed. It is nil when there is no signed one.
func (p *platform) toMatch(found *sbom.SBOM) *sbom.SBOM {
	if p.cfg.SBOMSource != sbomAttested || !p.want.Attestations {
		return found
	}
	<-p.settled
	bills := p.signedSBOMs()
	if len(bills) == 0 {
		return nil
	}
	if len(bills) > 1 {
		p.warn(report.StageSBOM, fmt.Sprintf("there are %d signed SBOMs; the first is matched", len(bills)))
	}
	signed := bills[0]
	if signed.Syft().Artifacts.LinuxDistribution == nil {
		// SPDX and CycloneDX have no place for it; the image says what it is.
		signed.Syft().Artifacts.LinuxDistribution = found.Syft().Artifacts.LinuxDistribution
	}
	return signed
}
