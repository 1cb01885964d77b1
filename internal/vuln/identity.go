package vuln

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/packageurl-go"
	syftpkg "github.com/anchore/syft/syft/pkg"
)

// identity says how the name of a package and its package URL agree.
type identity int

const (
	agreed identity = iota
	// renamed packages are matched by what the URL says.
	renamed
	// disputed packages are of two kinds: neither name nor URL says which is meant.
	disputed
)

// identify gives p the name and the version of its package URL, which is what identifies a
// package in every bill of materials (SPDX 2.3 §7.21, CycloneDX component.purl). The name
// beside it is free text: other generators leave the namespace out, or put the ecosystem
// before it.
func identify(p *pkg.Package) identity {
	purl, err := packageurl.FromString(p.PURL)
	if err != nil || purl.Name == "" {
		return agreed
	}
	t := typeOf(purl)
	if p.Type == syftpkg.UnknownPkg && t == syftpkg.GithubActionPkg { // a kind that readers of documents do not know
		p.Type = t
	}
	switch {
	case p.Type != t && byName(p.Type) && byName(t):
		return disputed
	case p.Type != t || t == syftpkg.UnknownPkg:
		return agreed // a binary, say, with the URL of the project that it is built from
	}
	out := agreed
	if names := namesIn(purl, t); t != syftpkg.JavaPkg && !slices.ContainsFunc(names, func(n string) bool { return sameName(t, n, p.Name) }) {
		p.Name, out = names[0], renamed // Grype reads Maven's group and artifact from the URL itself
	}
	if purl.Version != "" && !sameVersion(purl.Version, p.Version) {
		p.Version, out = purl.Version, renamed
	}
	return out
}

func typeOf(purl packageurl.PackageURL) syftpkg.Type {
	if purl.Type == packageurl.TypeGithub || purl.Type == "githubactions" {
		return syftpkg.GithubActionPkg
	}
	return syftpkg.TypeByName(purl.Type)
}

// byName reports whether packages of a type are matched by their name in one ecosystem.
func byName(t syftpkg.Type) bool {
	switch t {
	case syftpkg.NpmPkg, syftpkg.PythonPkg, syftpkg.GoModulePkg, syftpkg.GemPkg, syftpkg.RustPkg, syftpkg.JavaPkg,
		syftpkg.PhpComposerPkg, syftpkg.DotnetPkg, syftpkg.HexPkg, syftpkg.DartPubPkg, syftpkg.SwiftPkg:
		return true
	default:
		return isOS(t)
	}
}

// namesIn are the names that a package URL gives, the one that databases use first.
func namesIn(purl packageurl.PackageURL, t syftpkg.Type) []string {
	whole := strings.TrimPrefix(purl.Namespace+"/"+purl.Name, "/")
	names := []string{purl.Name, whole}
	switch t {
	case syftpkg.NpmPkg, syftpkg.GoModulePkg, syftpkg.PhpComposerPkg, syftpkg.SwiftPkg, syftpkg.GithubActionPkg:
		names = []string{whole}
	}
	if purl.Subpath == "" {
		return names
	}
	below := whole + "/" + strings.Trim(purl.Subpath, "/")
	if t == syftpkg.GoModulePkg && majorVersion.MatchString(below) { // older writers: the module's path ends here
		return append([]string{below}, names...)
	}
	return append(names, below)
}

var majorVersion = regexp.MustCompile(`/v[0-9]+$`)

func sameName(t syftpkg.Type, a, b string) bool {
	if t == syftpkg.PythonPkg { // PEP 503
		normal := func(s string) string { return pythonRuns.ReplaceAllString(s, "-") }
		a, b = normal(a), normal(b)
	}
	return strings.EqualFold(a, b)
}

var pythonRuns = regexp.MustCompile(`[-_.]+`)

// sameVersion compares the version in a package URL with the one beside it. Some writers
// keep the epoch out of one of them, or the v of a tag or the go of the toolchain's. Two
// epochs that differ are two versions.
func sameVersion(a, b string) bool {
	one, a := cutEpoch(a)
	other, b := cutEpoch(b)
	return bareVersion(a) == bareVersion(b) && (one == "" || other == "" || one == other)
}

// cutEpoch takes the epoch off a version, without zeros before it; "" when it has none.
func cutEpoch(v string) (epoch, rest string) {
	if epoch, rest, ok := strings.Cut(v, ":"); ok && epoch != "" && strings.Trim(epoch, "0123456789") == "" {
		return cmp.Or(strings.TrimLeft(epoch, "0"), "0"), rest
	}
	return "", v
}

func bareVersion(v string) string {
	for _, tag := range []string{"go", "v", "V"} {
		if rest, ok := strings.CutPrefix(v, tag); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
			return rest
		}
	}
	return v
}
