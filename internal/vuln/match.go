package vuln

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/anchore/grype/grype"
	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/syft/syft/sbom"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
)

// MatchOptions are for one call of [DB.Match]. The zero value works.
type MatchOptions struct {
	// MaxLines bounds the problems, and the matches taken back, that are told one by one.
	// 0 means 50; the rest is counted.
	MaxLines int

	// Logger is told of problems as they come. Nil means nobody.
	Logger *slog.Logger

	// matchers replaces Grype's, in tests of what happens when one fails.
	matchers []match.Matcher
}

// Matches are the findings for one SBOM, and how far the search came.
type Matches struct {
	// Vulnerabilities are the findings, all open, one for each vulnerability of each
	// package.
	Vulnerabilities []report.Vulnerability

	// State is Done when every package was looked up, Missing when there was none, and
	// Failed when some could not be, so that their findings may be missing. Reason says
	// what was found or why it could not be. They suit a [report.Stage].
	State  report.State
	Reason string

	// Observations say what the findings do not: what could not be looked up, so that a
	// finding may be missing, what was left out, and why matches were taken back.
	Observations []report.Observation

	// Packages were looked up. Unmatched of them leave the search without a result: they
	// belong to a release of a distribution, or are of a type, of which the database has no
	// records.
	Packages, Unmatched int

	// Unjudged are all packages that no source can judge: Unmatched, packages of another
	// system inside the image, those whose identity is in doubt, and Docker's (pkg:dhi/…).
	Unjudged int

	// Excluded are packages that no public feed speaks of (pkg:dhi/…), and those that
	// are matched as part of a package of the operating system.
	Excluded int

	// Ignored are the matches that Grype's built-in rules took back.
	Ignored int
}

// Match looks every package of s up in the database with the matchers and the defaults
// of the grype command, without its VEX handling and without user's ignore rules.
//
// An error or a panic of a matcher is a problem of that package and does not end the
// search. The error is a *[fault.Error] and means that nothing can be said at all; it
// wraps the context's error when ctx ended. Calls wait for each other.
func (d *DB) Match(ctx context.Context, s *sbom.SBOM, opt MatchOptions) (*Matches, error) {
	const op = "match packages with vulnerabilities"
	set(&opt.MaxLines, 50)
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.matchers == nil {
		opt.matchers = defaultMatchers()
	}
	if s == nil || s.Artifacts.Packages == nil {
		return nil, fault.New(fault.Internal, op, "", errors.New("no SBOM"))
	}
	in := gather(s)
	heard := &listener{log: opt.Logger}
	stop, err := logs.listen(ctx, heard)
	if err != nil {
		return nil, ended(op, err)
	}
	defer stop()
	out := &Matches{}
	list, err := d.lookUp(&in, opt.matchers, out)
	if err != nil {
		return nil, fault.New(fault.Unavailable, op, "remove the database from the cache directory and run again", err)
	}
	w := &watcher{listener: heard, failed: map[pkg.ID]bool{}}
	finder := grype.VulnerabilityMatcher{
		VulnerabilityProvider:      d.provider,
		Matchers:                   w.watch(opt.matchers),
		IgnoreRules:                kernelHeaders(),
		IncludeMatcherSuppressions: true,
	}
	found, ignored, err := finder.FindMatchesContext(ctx, list, pkg.Context{Distro: in.distro})
	switch {
	case ctx.Err() != nil: // Grype logs this too, and returns what it had
		return nil, ended(op, ctx.Err())
	case err != nil:
		return nil, fault.New(fault.Unavailable, op, "", err)
	}
	if err := d.findings(found, out); err != nil {
		heard.problem(fmt.Sprintf("some details of findings could not be read: %v", err))
	}
	out.Ignored = len(ignored)
	out.Observations = append(out.Observations, heard.problems(opt.MaxLines)...)
	for _, text := range append(heard.absent, ignoredNotes(ignored, opt.MaxLines)...) {
		out.See(report.Information, 0, text)
	}
	out.conclude(len(w.failed), heard)
	return out, nil
}

// lookUp returns the packages to look up, and says in out which of them cannot be judged.
func (d *DB) lookUp(in *packages, matchers []match.Matcher, out *Matches) ([]pkg.Package, error) {
	g := d.newGapFinder(*in, matchers)
	if err := in.leaveOwned(g.knows); err != nil {
		return nil, err
	}
	list := pkg.FromPtrs(in.all)
	if err := g.count(list, out); err != nil {
		return nil, err
	}
	in.disputed = slices.DeleteFunc(in.disputed, func(p *pkg.Package) bool { // and not counted twice
		known, err := g.at(p)
		return known != nil && err == nil
	})
	out.tell(*in)
	out.Packages, out.Excluded = len(list), len(in.dhi)+in.owned
	return list, nil
}

// ended is the error of a run that was interrupted or had no time left.
func ended(op string, err error) error {
	if code := fault.CodeOf(err); code == fault.Interrupted {
		return fault.New(code, op, "", err)
	}
	return fault.New(fault.Unavailable, op, "raise timeout", err)
}

// findings converts and joins the matches, and gives them their other names.
func (d *DB) findings(found *match.Matches, out *Matches) error {
	c := &converter{provider: d.provider}
	names := aliases{}
	var all []report.Vulnerability
	var ids []string
	for _, m := range found.Sorted() {
		v := c.finding(m)
		for _, r := range m.Vulnerability.RelatedVulnerabilities {
			names.add(v.ID, r.ID)
		}
		ids = append(ids, v.ID)
		all = append(all, v)
	}
	slices.Sort(ids)
	err := names.lookUp(d.reader, slices.Compact(ids))
	out.Vulnerabilities = merge(all)
	for i := range out.Vulnerabilities {
		out.Vulnerabilities[i].Aliases = names.of(out.Vulnerabilities[i].ID)
	}
	return errors.Join(c.err, err)
}

// conclude sets the state. A search with holes is not a search that found nothing.
func (m *Matches) conclude(failed int, heard *listener) {
	switch {
	case m.Packages == 0 && m.Excluded == 0:
		m.State, m.Reason = report.Missing, "no packages to look up"
	case m.Packages == 0:
		m.State, m.Reason = report.Missing, "no packages that the database could speak of"
	case m.Unmatched > 0:
		m.State = report.Failed
	case failed > 0:
		m.State, m.Reason = report.Failed, fmt.Sprintf("the search did not finish for %s: %s", count(failed, "package"), heard.problems(1)[0].Message)
	default:
		m.State = report.Done
		m.Reason = fmt.Sprintf("%s in %s", count(len(m.Vulnerabilities), "finding"), count(m.Packages, "package"))
	}
}
