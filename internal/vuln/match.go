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
	// MaxLines bounds Problems and Notes, each. 0 means 50; the rest is counted.
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

	// Problems are sentences; each means that a finding may be missing or wrong.
	Problems []string

	// Notes explain what was left out on purpose.
	Notes []string

	// Packages were looked up. Unmatched of them belong to a distribution release of
	// which the database has no records, or none that is known.
	Packages, Unmatched int

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
	out := &Matches{Packages: len(in.list), Excluded: in.dhi + in.owned}
	gaps, err := d.gaps(in, opt.matchers, out)
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
	found, ignored, err := finder.FindMatchesContext(ctx, in.list, pkg.Context{Distro: in.distro})
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
	out.Notes = append(append(in.notes(), heard.absent...), ignoredNotes(ignored, opt.MaxLines)...)
	out.Problems = append(gaps, heard.problems(opt.MaxLines)...)
	out.conclude(len(w.failed))
	return out, nil
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
func (m *Matches) conclude(failed int) {
	switch {
	case m.Packages == 0 && m.Excluded == 0:
		m.State, m.Reason = report.Missing, "no packages to look up"
	case m.Packages == 0:
		m.State, m.Reason = report.Missing, "no packages that the database could speak of"
	case m.Unmatched > 0:
		m.State, m.Reason = report.Failed, m.Problems[0]
	case failed > 0:
		m.State, m.Reason = report.Failed, fmt.Sprintf("the search did not finish for %s: %s", count(failed, "package"), m.Problems[0])
	default:
		m.State = report.Done
		m.Reason = fmt.Sprintf("%s in %s", count(len(m.Vulnerabilities), "finding"), count(m.Packages, "package"))
	}
}
