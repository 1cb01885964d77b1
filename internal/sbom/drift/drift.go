// Package drift compares the bill of materials that a vendor signed with the one that
// was extracted from the image, and reports what differs once the habits of the two
// tools are set aside.
//
// It guarantees that equal packages give an empty report, that the result depends on
// nothing but the bills, and that a package in one of them alone, or in two versions, is
// one item of the report. Habits are: how a package URL is spelled; whether a
// distribution package goes by its own name or by that of its source; whether a runtime
// is the vendor's component or a binary that was recognised; and what is no package at
// all, such as files, the operating system and the image itself. Where a habit cannot be
// told from a difference, it is a difference.
//
// It does not know who signed the bill: [Attested] is for predicates that were verified
// before. Neither does it judge: how many differences are too many is for the policy,
// which counts them with [Count].
//
// Start reading at [Compare].
package drift

import (
	"cmp"
	"slices"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom"
)

// Options tune [Compare]. The zero value is ready to use.
type Options struct {
	// Platform is written into each item, such as "linux/arm64". "" leaves it to
	// whoever combines the reports of several platforms.
	Platform string
}

// Compare reports how found, which was extracted from the image, differs from attested,
// which its vendor signed. It reads both and changes neither.
//
// The report counts distinct packages of either side after duplicates have collapsed and
// what is no package is set aside. A version that the vendor leaves out cannot differ, a
// version that was not found does. The type of an item is Syft's name for it.
//
// Without one of the bills nothing can be compared, and the report is nil.
func Compare(attested, found *sbom.SBOM, opt Options) *report.SBOMDriftReport {
	if attested == nil || found == nil {
		return nil
	}
	c := comparison{attested: lines(attested, vendor), found: lines(found, scanner)}
	c.equal()
	c.alike()
	c.built()
	c.versions()
	c.sources()
	c.rest()
	for i := range c.items {
		c.items[i].Platform = opt.Platform
	}
	slices.SortFunc(c.items, func(a, b report.Drift) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Attested, b.Attested), cmp.Compare(a.Found, b.Found))
	})
	return &report.SBOMDriftReport{Attested: len(c.attested), Found: len(c.found), Items: c.items}
}

// Count is the number of differences that a threshold is held against: a policy that
// allows n fails when Count is greater than n, so 0 wants bills that agree. Each item
// weighs one, whatever its kind.
//
// A nil report counts 0 but means that nothing was compared; a policy that wants the
// comparison has to ask for the report first.
func Count(r *report.SBOMDriftReport) int { return r.Count() }
