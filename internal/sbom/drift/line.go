package drift

import (
	"cmp"
	"slices"
	"strings"

	"github.com/package-url/packageurl-go"

	"github.com/imagegate/imagegate/internal/sbom"
)

// side says whose bill a line is of.
type side int

const (
	vendor side = iota
	scanner
)

// key is the identity of a package without its version, folded to one spelling. typ is
// the type of the package URL; without one it is "" and only the name is known.
type key struct{ typ, namespace, name string }

// source is a source package that a distribution package was built from. An unknown
// version is that of the package.
type source struct {
	name    string
	version version
}

// line is one distinct package of a bill.
type line struct {
	key
	version
	sources []source
	// ofSource is true where the package URL itself says that it names a source.
	ofSource bool

	showName, showType, showVersion string
	settled                         bool
}

// lines are the distinct packages of a bill, in a total order.
func lines(s *sbom.SBOM, from side) []line {
	installed := s.Installed()
	out := make([]line, 0, len(installed))
	for _, in := range installed {
		if l, ok := newLine(in, from); ok {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b line) int {
		return cmp.Or(a.key.compare(b.key), a.version.compare(b.version), cmp.Compare(a.showType, b.showType),
			cmp.Compare(a.showName, b.showName), cmp.Compare(a.showVersion, b.showVersion))
	})
	// Of equal lines the first stays, with the sources of all: the same package for two
	// architectures is one package.
	kept := out[:0]
	for _, l := range out {
		if n := len(kept) - 1; n >= 0 && kept[n].key == l.key && kept[n].version == l.version {
			kept[n].sources = union(kept[n].sources, l.sources)
			kept[n].ofSource = kept[n].ofSource && l.ofSource
			continue
		}
		kept = append(kept, l)
	}
	return kept
}

func (k key) compare(o key) int {
	return cmp.Or(cmp.Compare(k.typ, o.typ), cmp.Compare(k.namespace, o.namespace), cmp.Compare(k.name, o.name))
}

// maxSources bounds the sources of one package. Real ones have one; of more, only the
// first can cover it.
const maxSources = 16

func union(a, b []source) []source {
	for _, s := range b {
		if len(a) < maxSources && !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}

// newLine normalises one package; ok is false for what is set aside.
func newLine(in sbom.Installed, from side) (line, bool) {
	l := line{showName: in.Name, showType: in.Type, showVersion: stated(in.Version)}
	p, err := packageurl.FromString(in.PURL)
	if in.PURL == "" || err != nil {
		return l.nameless(from)
	}
	l.key = fold(p)
	if l.setAside(p, from) {
		return l, false
	}
	l.showName = name(p, l.typ)
	if l.showVersion == "" || l.typ == "dhi" {
		l.showVersion = cmp.Or(stated(p.Version), l.showVersion)
	}
	l.showType = typeOf(l.showType, l.typ)
	l.version = foldVersion(l.key, cmp.Or(stated(p.Version), l.showVersion), l.showVersion, qualifier(p, "epoch"))
	if system(l.typ) {
		l.ofSource = from == vendor && (qualifier(p, "arch") == "source" || qualifier(p, "arch") == "src")
		l.sources = sourcesOf(in, p, l)
	}
	return l, true
}

// typeOf is Syft's name of a type. A decoded bill lacks it where the package URL alone
// does not give it away, as for what is recognised as a binary.
func typeOf(syft, purl string) string {
	switch {
	case syft != "" && !strings.HasPrefix(strings.ToLower(syft), "unknown"):
		return syft
	case purl == "generic":
		return "binary"
	default:
		return purl
	}
}

// nameless is a package without a package URL that can be read. What was found counts
// all the same. A vendor's line without a version, or named like a digest, is the image
// or one of its layers or folders.
func (l line) nameless(from side) (line, bool) {
	l.key = key{name: strings.ToLower(l.showName)}
	l.version = foldVersion(l.key, l.showVersion, l.showVersion, "")
	l.showType = typeOf(l.showType, "unknown")
	if from == vendor && (l.showVersion == "" || strings.HasPrefix(l.name, "sha256:")) {
		return l, false
	}
	return l, l.name != ""
}

// setAside reports whether a line is no installed package: a workflow's action, or, from
// the vendor, an image, a repository or an archive that something was built from.
// Nothing else that was found is set aside, or it could be hidden there.
func (l *line) setAside(p packageurl.PackageURL, from side) bool {
	switch l.typ {
	case "github", "githubactions":
		return true
	case "oci", "docker", "gitlab", "bitbucket", "swid":
		return from == vendor
	case "generic":
		return from == vendor && (qualifier(p, "download_url") != "" || qualifier(p, "vcs_url") != "" || qualifier(p, "checksum") != "")
	default:
		return false
	}
}

// system reports whether a type is of a distribution's packages, whose names are unique
// whatever their namespace.
func system(typ string) bool {
	switch typ {
	case "deb", "apk", "rpm", "alpm":
		return true
	default:
		return false
	}
}

// sourcesOf are the source packages that a package names: those of the package database
// and the upstream qualifier of Syft's package URLs. A package that names none is its
// own source.
func sourcesOf(in sbom.Installed, p packageurl.PackageURL, l line) []source {
	var out []source
	add := func(name, v string) {
		if name, v = sourceRPM(name, v); name != "" {
			s := source{name: strings.ToLower(name), version: foldVersion(l.key, v, v, "")}
			out = union(out, []source{s})
		}
	}
	for _, up := range in.Upstreams {
		add(up.Name, up.Version)
	}
	if n, v, _ := strings.Cut(qualifier(p, "upstream"), "@"); n != "" {
		add(n, v)
	}
	if out == nil {
		add(l.name, "")
	}
	return out
}

// sourceRPM takes name and version out of the file name of a source package, such as
// bash-5.1.8-6.el9.src.rpm.
func sourceRPM(name, v string) (string, string) {
	base, ok := strings.CutSuffix(name, ".src.rpm")
	if !ok {
		return name, v
	}
	release := strings.LastIndexByte(base, '-')
	if release < 0 {
		return name, v
	}
	at := strings.LastIndexByte(base[:release], '-')
	if at < 0 {
		return name, v
	}
	return base[:at], base[at+1:]
}
