package pipeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom"
	"github.com/imagegate/imagegate/internal/vex"
	"github.com/imagegate/imagegate/internal/vuln"
	"github.com/imagegate/imagegate/internal/vuln/advisory"
)

// routed says who judges which packages.
type routed struct {
	// vendor are judged by Docker's advisories and by nobody else.
	vendor []report.Package
	// rest are judged by the database; those of Docker's name space that are not shown to
	// be Docker's under the distribution's name.
	rest *sbom.SBOM
	// doubted are those of vendor that nothing shows to be Docker's or not and that an
	// advisory names, under the distribution's name: its data are asked about them besides.
	// Nil when there are none. Those that no advisory names are in rest as well, because
	// only the distribution's data can judge them if they are the distribution's.
	doubted *sbom.SBOM
	// renamed counts those of rest that are shown to be somebody else's, unshown those of
	// vendor that nothing shows to be Docker's, twice those that are in rest as well.
	// uncovered are in both too: they are Docker's, and its repository has no record of
	// their release.
	renamed, unshown, twice, uncovered int
}

// route decides who judges each package. Components (pkg:dhi) are Docker's wherever they
// are. A package of the distribution in Docker's name space is Docker's when it is shown
// to be: by the base's bill or its layers in a derived image, by the verified bill of
// the image itself in an official one. A bill of materials alone may have neither: with
// base-sbom that tells, without it the package is judged by both, and the report warns.
func (p *platform) route(list *sbom.SBOM, feed *advisory.Feed) routed {
	distro := list.Distro()
	kept, doubted := map[string]string{}, map[string]string{} // ID to package URL
	out := routed{}
	var release *sbom.Release
	if p.renamed == nil {
		p.renamed = map[string]string{}
	}
	installed := list.Installed() // not p.installed: a signed bill has other packages than the image
	packages := make([]report.Package, len(installed))
	for i, in := range installed {
		packages[i] = in.Package
	}
	origins := p.vendorOrigins(packages)
	for i, in := range installed {
		switch advisory.ModelOf(in.PURL) {
		case advisory.Component:
			out.vendor = append(out.vendor, in.Package)
			continue
		case advisory.OSPackage:
			up, known := advisory.UpstreamOf(in.Package, distro)
			if known {
				release = &sbom.Release{ID: up.Distro, Version: up.Release}
			}
			switch origins[i] {
			case vex.OriginBase:
				out.vendor = append(out.vendor, in.Package)
				if known && p.inputs.advisories.auto() && !feed.Covers(in.Package, distro) {
					kept[in.ID], p.renamed[in.PURL] = up.PURL, up.PURL
					out.uncovered++
				}
				continue
			case originUntold:
				out.unshown++
				out.vendor = append(out.vendor, in.Package)
				switch {
				case known && feed.Names(in.Package, distro):
					doubted[in.ID] = up.PURL
				case known:
					kept[in.ID] = up.PURL
					out.twice++
				}
				continue
			}
			if known {
				kept[in.ID] = up.PURL
				p.renamed[in.PURL] = up.PURL
				out.renamed++
				continue
			}
		case advisory.Foreign:
		}
		kept[in.ID] = in.PURL
	}
	part := func(of map[string]string) *sbom.SBOM {
		return list.Part(func(in sbom.Installed) (string, bool) {
			purl, ok := of[in.ID]
			return purl, ok
		}, release)
	}
	if out.rest = part(kept); len(doubted) > 0 {
		out.doubted = part(doubted)
	}
	return out
}

// originUntold is the origin of a package where nothing can tell.
const originUntold = ""

// vendorOrigins says of each package whether it is Docker's: base for what is,
// [originUntold] where nothing can tell, anything else for what is not.
func (p *platform) vendorOrigins(packages []report.Package) []string {
	all := func(origin string) []string { return slices.Repeat([]string{origin}, len(packages)) }
	switch m := p.membership(); {
	case m.Boundary.State == vex.Derived, m.Boundary.State == vex.Unproven:
		vouched := p.ground.issued || p.inputs.baseSBOM != nil
		if m.Boundary.State == vex.Derived && p.man != nil && !vouched {
			// Layers of a base that Docker does not vouch for: anyone can label an image with
			// one of its own chain IDs.
			return all(vex.OriginUnproven)
		}
		return m.Origins(packages)
	case p.man == nil && m.Boundary.State == vex.WholeBase: // so the bill says, as it says what is installed
		return all(vex.OriginBase)
	case p.man == nil:
		return all(originUntold)
	}
	bill := p.attestedPURLs(p.issued(p.img, p.verified))
	if bill == nil {
		return all(vex.OriginUnproven)
	}
	return vex.Membership{Boundary: vex.Boundary{State: vex.Derived}, BasePURLs: bill}.Origins(packages)
}

// dockers are the packages that are Docker's by their name.
func dockers(list *sbom.SBOM) []report.Package {
	var out []report.Package
	for _, in := range list.Installed() {
		if advisory.ModelOf(in.PURL) != advisory.Foreign {
			out = append(out, in.Package)
		}
	}
	return out
}

// advice is Docker's advisories for a run over one platform. Without a feed they judge
// nothing: nobody asked for them, or, with why, they could not be read.
type advice struct {
	feed *advisory.Feed
	why  error
}

// advice waits for Docker's advisories where a list has to be judged by them, and verifies
// what they say of the packages of all lists.
func (p *platform) advice(ctx context.Context, lists ...*sbom.SBOM) (advice, error) {
	l := p.inputs.advisories
	var ours []report.Package
	for _, list := range lists {
		ours = append(ours, dockers(list)...)
	}
	if l == nil || l.auto() && len(ours) == 0 {
		return advice{}, nil
	}
	l.start(ctx, p.run, p.inputs)
	feed, err := l.wait(ctx)
	for _, list := range lists {
		if err == nil {
			err = l.verifyFor(ctx, dockers(list), list.Distro())
		}
	}
	switch {
	case err != nil && l.auto() && ctx.Err() == nil:
		return advice{why: err}, nil
	case err != nil:
		return advice{}, err
	}
	select { // who is Docker's may be told by attestations
	case <-p.settled:
		return advice{feed: feed}, nil
	case <-ctx.Done():
		return advice{}, fmt.Errorf("match packages with advisories: %w", context.Cause(ctx))
	}
}

// unadvised matches without Docker's advisories. Where they could not be read and nobody
// named them, that is a gap to be told, and not the user's mistake.
func (p *platform) unadvised(ctx context.Context, db *vuln.DB, list *sbom.SBOM, why error) (*vuln.Matches, error) {
	m, err := db.Match(ctx, list.Syft(), vuln.MatchOptions{Logger: p.deps.Logger})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, in := range dockers(list) {
		names = append(names, in.Name+" "+in.Version)
	}
	if why != nil && len(names) > 0 {
		m.See(report.Unread, len(names), fmt.Sprintf("Docker's advisories could not be read, so they judged none of %s (%s): %v; let the repository be reached from here, or give advisories a checkout of it",
			count(len(names), "package")+" of Docker's", listed(names), why))
	}
	return m, nil
}

// advised matches the vendor's packages against its advisories, and everything else
// against the database.
func (p *platform) advised(ctx context.Context, db *vuln.DB, list *sbom.SBOM, by advice) (*vuln.Matches, error) {
	feed := by.feed
	if feed == nil {
		return p.unadvised(ctx, db, list, by.why)
	}
	to := p.route(list, feed)
	m := &vuln.Matches{State: report.Missing}
	if to.rest.Packages() > 0 {
		var err error
		if m, err = db.Match(ctx, to.rest.Syft(), vuln.MatchOptions{Logger: p.deps.Logger}); err != nil {
			return nil, err
		}
	}
	if to.doubted != nil {
		more, err := db.Match(ctx, to.doubted.Syft(), vuln.MatchOptions{Logger: p.deps.Logger})
		if err != nil {
			return nil, err
		}
		// The advisories judge these; a database that does not know them fails nothing.
		m.Vulnerabilities = append(m.Vulnerabilities, more.Vulnerabilities...)
		m.Observations = append(m.Observations, more.Observations...)
	}
	found := feed.Match(to.vendor, list.Distro())
	if err := db.Enrich(found.Vulnerabilities); err != nil {
		m.See(report.Unread, 0, fmt.Sprintf("some details of the advisories' findings could not be read: %v", err))
	}
	m.Vulnerabilities = append(m.Vulnerabilities, found.Vulnerabilities...)
	for _, problem := range found.Problems {
		m.See(report.Unread, 0, problem)
	}
	p.adviseNotes(m, feed, to, found)
	return m, nil
}

// adviseNotes sums up who judged what, and sets the state of both together.
func (p *platform) adviseNotes(m *vuln.Matches, feed *advisory.Feed, to routed, found advisory.Result) {
	if alone := found.Packages - to.unshown - to.uncovered; alone > 0 {
		m.See(report.Information, alone, fmt.Sprintf("%s judged by Docker's advisories alone (%s, %d withdrawn); no other feed was asked about them",
			count(alone, "package"), count(feed.Records(), "record"), feed.Withdrawn()))
	}
	if to.renamed > 0 {
		m.See(report.Information, to.renamed, fmt.Sprintf("%s named as Docker's not shown to be: judged by the distribution's data, and no VEX of Docker's is about them",
			count(to.renamed, "package")))
	}
	if to.uncovered > 0 {
		m.See(report.Information, to.uncovered, fmt.Sprintf("%s of Docker's judged by the distribution's data: Docker's advisories have no record of the release",
			count(to.uncovered, "package")))
	}
	if to.unshown > 0 {
		m.See(report.Unread, to.unshown, fmt.Sprintf("%s named as Docker's, and nothing shows whether they are: judged by its advisories, and by the distribution's data besides; give base-sbom to tell them from what was added on top",
			count(to.unshown, "package")))
	}
	if unread := feed.Unread(); len(unread) > 0 {
		m.See(report.Unread, len(unread), "what the advisories say of ecosystems that are not known decides nothing: "+listed(unread))
	}
	switch {
	case found.Undecided > 0 && m.State != report.Failed:
		m.State, m.Reason = report.Failed, found.Problems[0]
	case found.Packages > 0 && m.State == report.Missing:
		m.State = report.Done
	}
	if m.State == report.Done {
		m.Reason = fmt.Sprintf("%s in %s", count(len(m.Vulnerabilities), "finding"), count(m.Packages+found.Packages-to.twice-to.uncovered, "package"))
	}
}
