package vuln

import (
	"fmt"
	"runtime/debug"

	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/matcher"
	"github.com/anchore/grype/grype/matcher/dpkg"
	"github.com/anchore/grype/grype/matcher/rpm"
	"github.com/anchore/grype/grype/matcher/stock"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/grype/grype/version"
	"github.com/anchore/grype/grype/vulnerability"
	syftpkg "github.com/anchore/syft/syft/pkg"
)

// defaultMatchers are the matchers of the grype command with its default
// configuration: CPEs are used only for packages that no other matcher knows, and no
// external source is asked.
func defaultMatchers() []match.Matcher {
	return matcher.NewDefaultMatchers(matcher.Config{
		Stock: stock.MatcherConfig{UseCPEs: true},
		Dpkg:  dpkg.MatcherConfig{MissingEpochStrategy: version.MissingEpochStrategyZero},
		Rpm:   rpm.MatcherConfig{MissingEpochStrategy: version.MissingEpochStrategyAuto},
	})
}

// kernelHeaders are the rules that the grype command adds by default: packages of
// headers are built from the kernel's source but hold no kernel.
func kernelHeaders() []match.IgnoreRule {
	const reason = "kernel headers hold no code of the kernel"
	rule := func(name, upstream string, t syftpkg.Type) match.IgnoreRule {
		return match.IgnoreRule{
			Package:   match.IgnoreRulePackage{Name: name, UpstreamName: upstream, Type: string(t)},
			MatchType: match.ExactIndirectMatch,
			Reason:    reason,
		}
	}
	return []match.IgnoreRule{
		rule("kernel-headers", "kernel", syftpkg.RpmPkg),
		rule("linux(-.*)?-headers-.*", "linux.*", syftpkg.DebPkg),
		rule("linux-libc-dev", "linux", syftpkg.DebPkg),
		rule("linux-kbuild-.*", "linux.*", syftpkg.DebPkg),
	}
}

// watched is a matcher whose errors and panics do not end the run and do not vanish:
// Grype would log the first and give up everything at the second. Both are problems of
// the one package, and so is a version of the system's that cannot be compared.
type watched struct {
	match.Matcher
	to *watcher
}

// watcher counts the packages for which a matcher failed.
type watcher struct {
	listener *listener
	failed   map[pkg.ID]bool
}

func (w *watcher) watch(ms []match.Matcher) []match.Matcher {
	out := make([]match.Matcher, len(ms))
	for i, m := range ms {
		out[i] = watched{Matcher: m, to: w}
	}
	return out
}

// Match implements match.Matcher.
func (w watched) Match(vp vulnerability.Provider, p pkg.Package) (ms []match.Match, ignore []match.IgnoreFilter, err error) {
	w.to.listener.setPackage(describe(p))
	before := w.to.listener.count()
	defer func() {
		if r := recover(); r != nil {
			w.to.listener.log.Debug("matcher panicked", "matcher", w.Type(), "stack", string(debug.Stack()))
			ms, ignore, err = nil, nil, fmt.Errorf("panic: %v", r)
		}
		if err != nil {
			w.to.failed[p.ID] = true
			w.to.listener.problem(fmt.Sprintf("%s did not finish: %v", w.Type(), err))
		}
		// Grype says that a version cannot be compared with a record and goes on as if the
		// record were about another. Package managers refuse such versions, so whoever wrote
		// one into their database may want it so.
		if isOS(p.Type) && w.to.listener.count() > before && version.New(p.Version, pkg.VersionFormat(p)).Validate() != nil {
			w.to.failed[p.ID] = true
		}
		w.to.listener.setPackage("")
		err = nil // told above; the other packages are matched still
	}()
	return w.Matcher.Match(vp, p)
}

func describe(p pkg.Package) string { return fmt.Sprintf("%s %s %s", p.Type, p.Name, p.Version) }
