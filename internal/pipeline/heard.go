package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/vex"
)

// heard is what the sources of VEX said: their documents, those that were not used, and
// what was seen besides.
type heard struct {
	docs     []vex.Document
	rejected []report.VEXDocument
	seen     []report.Observation
}

func (h *heard) see(seen ...report.Observation) { h.seen = append(h.seen, seen...) }

// add takes a document, or why it was not used. Of those that somebody relies on the
// policy has a rule.
func (h *heard) add(source, digest, signer, trust string, d vex.Document, err error) {
	if err == nil {
		h.docs = append(h.docs, d)
		return
	}
	h.reject(report.Observation{Stage: report.StageVEX, Kind: report.Information}, vex.Rejected(source, digest, signer, trust, err))
}

// unread notes a document that could not be read, or not be verified. What it says is not
// known.
func (h *heard) unread(source, digest, signer, trust string, err error) {
	h.reject(report.Observation{Stage: report.StageVEX, Kind: report.Unread, Family: attest.FamilyVEX}, vex.Rejected(source, digest, signer, trust, err))
}

func (h *heard) reject(o report.Observation, d report.VEXDocument) {
	o.Message = fmt.Sprintf("%s was not used: %s", d.Source, d.Reason)
	h.rejected = append(h.rejected, d)
	h.see(o)
}

// documents turns verified attestations, files that the user named and unverified
// attestations into VEX documents, each with the trust it has. This is the only door
// between attestations and VEX. Unverified ones suppress only under vex-policy any;
// else they are read, within bounds, to object and to tell what they would have covered.
// A verified bill in CycloneDX that judges vulnerabilities is a VEX document besides.
// The base's own are for packages of the base only, which vex sees by the digest that they
// speak of.
func (p *platform) documents(ctx context.Context) *heard {
	in := &heard{}
	for _, v := range slices.Concat(p.verified, p.ground.verified) {
		if v.Family() == attest.FamilyVEX || v.Family() == attest.FamilySBOM && vex.InBill(v.PredicateType(), v.Predicate()) {
			d, err := vex.FromAttestation(v)
			in.add("attestation "+v.Digest(), v.Digest(), v.Signer(), report.TrustVerified, d, err)
		}
	}
	few, beyond := p.doubtfulVEX()
	for _, u := range few {
		d, err := vex.FromUnverified("attestation "+u.Digest, u.Digest, u.Predicate)
		if errors.Is(err, vex.ErrTooMuch) {
			beyond = append(beyond, u)
			continue
		}
		in.add("attestation "+u.Digest, u.Digest, "", report.TrustUnverified, d, err)
	}
	if len(beyond) > 0 {
		in.see(report.Observation{Stage: report.StageVEX, Kind: report.LeftOut, Family: attest.FamilyVEX, Count: len(beyond),
			Message: fmt.Sprintf("%s not verified, of %s, not read: at most %d documents and %s, of %d names and bounds of versions each, are read to tell whether they object", count(len(beyond), "VEX attestation"),
				bytesText(sizeOf(beyond)), vex.MaxUnverifiedDocuments, bytesText(vex.MaxUnverifiedBytes), vex.MaxUnverifiedSize)})
	}
	p.feedDocuments(ctx, in)
	for _, f := range p.inputs.vex {
		d, err := vex.FromFile(f.name, f.data)
		in.add(f.name, digestOf(f.data), "", report.TrustNamed, d, err)
		p.evidence(report.Evidence{Kind: "vex", Name: f.name, Digest: digestOf(f.data), Size: int64(len(f.data))})
	}
	return in
}

// doubtfulVEX are the unverified VEX attestations to read. Where they may suppress that is
// all of them; else the smallest up to the bounds, so that nobody who may push one makes
// the gate read without end, and beyond has the others.
func (p *platform) doubtfulVEX() (few, beyond []attest.Unverified) {
	for _, u := range p.doubtful {
		if u.Family == attest.FamilyVEX {
			few = append(few, u)
		}
	}
	if p.cfg.VEXPolicy == config.VEXAny {
		return few, nil
	}
	slices.SortFunc(few, func(a, b attest.Unverified) int {
		return cmp.Or(cmp.Compare(len(a.Predicate), len(b.Predicate)), cmp.Compare(a.Digest, b.Digest))
	})
	for n := range few {
		if n == vex.MaxUnverifiedDocuments || sizeOf(few[:n+1]) > vex.MaxUnverifiedBytes {
			return few[:n], few[n:]
		}
	}
	return few, nil
}

func sizeOf(list []attest.Unverified) (n int64) {
	for _, u := range list {
		n += int64(len(u.Predicate))
	}
	return n
}
