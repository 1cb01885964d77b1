package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/attest/claims"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom"
	"github.com/imagegate/imagegate/internal/sbom/drift"
	"github.com/imagegate/imagegate/internal/vex"
)

// substance says of each verified attestation whether it says what its family promises:
// a bill that lists packages, a provenance that says how something was built, a VEX
// document that can be read. A signature over {} is no evidence. What is wrong with one
// becomes its Defect, which keeps it from meeting a requirement.
func (p *platform) substance() []report.Observation {
	var out []report.Observation
	for _, v := range p.verified {
		var f flaw
		switch v.Family() {
		case attest.FamilySBOM:
			f = p.billFlaw(v)
		case attest.FamilyProvenance:
			f = provenanceFlaw(v)
		case attest.FamilyVEX:
			f = p.vexFlaw(v)
		}
		if f.text == "" {
			continue
		}
		if !f.counts {
			p.markDefect(v, f.text)
		}
		out = append(out, report.Observation{Stage: report.StageAttest, Kind: f.kind, Family: v.Family(),
			Message: fmt.Sprintf("the verified %s attestation %s: %s", v.Family(), v.Digest(), f.text)})
	}
	return out
}

// flaw is what is wrong with a verified attestation; without text nothing is.
type flaw struct {
	text string
	// counts says that it meets a requirement all the same.
	counts bool
	kind   report.Kind
}

// broken says nothing that counts, thin counts and says too little, foreign is of a form
// that is not read here.
func broken(text string) flaw  { return flaw{text: text, kind: report.FoundNone} }
func thin(text string) flaw    { return flaw{text: text, kind: report.FoundNone, counts: true} }
func foreign(text string) flaw { return flaw{text: text, kind: report.Information} }

// markDefect writes what is wrong with an attestation beside it. One manifest may hold
// several statements of a type: the statement's own digest tells them apart.
func (p *platform) markDefect(v attest.Verified, defect string) {
	for i := range p.report.Attestations {
		a := &p.report.Attestations[i]
		if a.Digest == v.Digest() && a.PayloadDigest == v.PayloadDigest() && a.PredicateType == v.PredicateType() && a.State == report.Verified {
			a.Defect = defect
		}
	}
}

// billFlaw looks at a signed bill. One without packages says nothing, unless none was
// found in the image either.
func (p *platform) billFlaw(v attest.Verified) flaw {
	for _, b := range p.bills() {
		switch {
		case b.of.Digest() != v.Digest() || b.of.PayloadDigest() != v.PayloadDigest() || b.of.PredicateType() != v.PredicateType():
		case errors.Is(b.err, drift.ErrNotRead):
			return foreign(b.err.Error())
		case b.err != nil:
			return broken(b.err.Error())
		case b.list.Packages() == 0 && (p.found == nil || p.found.Packages() > 0):
			return broken("it lists no package")
		}
	}
	return flaw{}
}

// provenanceFlaw looks at a signed provenance. BuildKit outside of a CI service names no
// builder: that is a provenance, of whose builder nothing can be asked.
func provenanceFlaw(v attest.Verified) flaw {
	read, err := claims.ReadProvenance(v)
	switch {
	case !strings.HasPrefix(v.PredicateType(), "https://slsa.dev/"):
		return foreign("only SLSA provenance is read")
	case errors.Is(err, claims.ErrNoBuilder) && read.BuildType != "":
		return thin("it names no builder")
	case err != nil:
		return broken(err.Error())
	}
	return flaw{}
}

// vexFlaw looks at a signed VEX document. One without statements can be read, and clears
// nothing. Where one manifest holds several documents, each is read for itself.
func (p *platform) vexFlaw(v attest.Verified) flaw {
	var of []report.VEXDocument
	for _, d := range p.report.VEX.Documents {
		if d.Digest == v.Digest() && d.Trust == report.TrustVerified {
			of = append(of, d)
		}
	}
	if len(of) == 1 && of[0].State == report.DocumentRejected {
		return broken(of[0].Reason)
	}
	if _, err := vex.FromAttestation(v); err != nil {
		return broken(err.Error())
	}
	if len(of) > 0 && !slices.ContainsFunc(of, func(d report.VEXDocument) bool { return d.Statements > 0 }) {
		return thin("it has no statement")
	}
	return flaw{}
}

// bill is a signed bill of materials, or why it could not be read.
type bill struct {
	of   attest.Verified
	list *sbom.SBOM
	err  error
}

// bills decodes the verified bills, once. Attestations must be settled.
func (p *platform) bills() []bill {
	p.billsOnce.Do(func() {
		for _, v := range p.verified {
			if v.Family() == attest.FamilySBOM {
				list, err := drift.Attested(v.Predicate(), v.PredicateType())
				p.billsRead = append(p.billsRead, bill{v, list, err})
			}
		}
	})
	return p.billsRead
}
