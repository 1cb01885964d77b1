package vex

import (
	"fmt"
	"strings"

	govex "github.com/openvex/go-vex/pkg/vex"
)

// distance is how far a line is from deciding a finding: applies, or what stands
// between, from the least to the most fundamental.
type distance int

const (
	applies       distance = iota
	barredTrust            // everything agrees, but nobody vouches for the document
	barredOrigin           // the base image's word about a package not proven to be the base's
	barredInvalid          // the statement breaks the rules of its format
	barredFixed            // fixed, without the version that is
	barredWidth            // no version
	otherPart              // another component of the package
	otherQualifier
	otherArch
	otherRelease
	otherVersion
	otherImage    // the statement is about another image
	otherDocument // the document is about another image
	otherPackage
)

// scope answers what a product that may be an image is to this image.
type scope struct {
	mine   bool
	digest bool // named by digest: as exact as a version
	why    string
	read   string // how the spelling was understood, "" when as written
}

// matcher holds what is the same for all findings of a run.
type matcher struct {
	*index
	image  *Image
	names  *imageNames
	opt    *Options
	scopes map[scopeKey]scope
}

type scopeKey struct {
	text string
	own  bool
}

// authorityOver returns whose word a document is about a finding, or why it has none.
func (m *matcher) authorityOver(d *document, f *finding) (a authority, far distance, why string) {
	switch d.authority {
	case attached:
		for s := range d.subjects {
			switch {
			case m.names.digests[s]:
				return attached, applies, ""
			case m.names.based[s] && f.v.Package.Origin == OriginBase:
				return baseImage, applies, ""
			case m.names.based[s]:
				return 0, barredOrigin, "its document is the base image's, and the package is not proven to come from the base (origin " + originName(f.v.Package.Origin) + ")"
			}
		}
		return 0, otherDocument, "its document is attached to another image"
	case feed:
		for r := range d.repos {
			switch {
			case m.names.repos[r] && !m.names.base[r]:
				return feed, applies, ""
			case m.names.base[r] && f.v.Package.Origin == OriginBase:
				return feed, applies, ""
			case m.names.base[r]:
				return 0, barredOrigin, "its feed is about the base image, and the package is not proven to come from the base (origin " + originName(f.v.Package.Origin) + ")"
			}
		}
		return 0, otherDocument, "its document is not about this image"
	}
	if d.subjects != nil {
		for s := range d.subjects {
			if m.names.digests[s] {
				return d.authority, applies, ""
			}
		}
		return 0, otherDocument, "its document is about another image"
	}
	return d.authority, applies, ""
}

func originName(o string) string {
	if o == "" {
		return "unknown"
	}
	return o
}

// verdict is what a line comes to for a finding.
type verdict struct {
	distance distance
	why      string
	auth     authority
	name     *name // the name of the package that the line met; nil for whole images
	scope    scope // of the image product around it, if any
	broad    bool  // no version
}

// judge compares one line with one finding. Checks go from the most fundamental to
// the least, so that the first to fail is what a reader should hear first.
func (m *matcher) judge(f *finding, e entry) verdict {
	d := m.docs[e.doc]
	s := &d.statements[e.pos]
	p := &s.products[e.product]
	var v verdict
	var far distance
	v.auth, far, v.why = m.authorityOver(d, f)
	if v.why != "" && far == otherDocument {
		return v.at(far, v.why)
	}
	origin := v.why
	v.why = ""
	if e.imageLine || e.line == wholeImage {
		v.scope = m.scopeOf(p, v.auth >= baseImage)
		if !v.scope.mine {
			return v.at(otherImage, v.scope.why)
		}
	}
	switch e.line {
	case wholeImage:
		v.broad = !v.scope.digest
	case notPURL:
		return v.at(otherPackage, "its component has no package URL")
	default:
		if far, why := m.meets(&v, f, &m.lines[e.line], p, e.imageLine); far != applies {
			return v.at(far, why)
		}
	}
	if origin != "" {
		return v.at(barredOrigin, origin)
	}
	if !s.suppresses() {
		return m.heard(v, d)
	}
	switch {
	case v.broad && s.status == govex.StatusFixed:
		return v.at(barredFixed, "it says fixed without naming the fixed version")
	case v.broad && !m.wideEnough(&v, s):
		return v.at(barredWidth, m.tooBroad(&v, s))
	case s.invalid != "":
		return v.at(barredInvalid, s.invalid)
	}
	return m.heard(v, d)
}

func (v verdict) at(far distance, why string) verdict {
	v.distance, v.why = far, why
	return v
}

// heard applies the policy on trust, last of all.
func (m *matcher) heard(v verdict, d *document) verdict {
	if d.authority == unverified && m.opt.policy() != PolicyAny {
		return v.at(barredTrust, "its document is unsigned or its signature did not verify")
	}
	return v
}

// meets compares a package line with the finding's package.
func (m *matcher) meets(v *verdict, f *finding, line *purl, p *product, imageLine bool) (distance, string) {
	v.name = f.id.meets(line)
	if v.name == nil {
		return otherPackage, fmt.Sprintf("statement is about %s, not %s", line.name, f.v.Package.Name)
	}
	v.broad = line.version == ""
	if !v.broad && line.version != v.name.version {
		return otherVersion, fmt.Sprintf("statement covers %s%s, installed %s", of(v.name, f), line.version, v.name.version)
	}
	if why := restrictRelease(line, f.id.have); why != "" {
		return otherRelease, why
	}
	if far, why := f.id.restrict(line); far != applies {
		return far, why
	}
	if imageLine || len(p.within) == 0 {
		return applies, ""
	}
	// A package as product with subcomponents: the statement is about those parts of
	// it, so the installed package has to be one of them too.
	for _, text := range p.within {
		n := m.lineOf(text)
		if n == notPURL {
			continue
		}
		part := &m.lines[n]
		if met := f.id.meets(part); met != nil && (part.version == "" || part.version == met.version) {
			return applies, ""
		}
	}
	return otherPart, fmt.Sprintf("statement is about %s inside %s only", clip(p.within[0]), line.name)
}

// of names the source package in a sentence about versions.
func of(n *name, f *finding) string {
	if n.source && n.name != f.v.Package.Name {
		return n.name + " "
	}
	return ""
}

// meets finds the name of the package that a line is about, preferring one whose
// version agrees. Nil when it is about another package.
func (id *identity) meets(line *purl) *name {
	var near *name
	for i := range id.names {
		n := &id.names[i]
		if n.typ != line.typ || n.namespace != line.namespace || n.name != line.name {
			continue
		}
		if line.version == "" || line.version == n.version {
			return n
		}
		if near == nil {
			near = n
		}
	}
	return near
}

// restrict checks what a line says beyond name, version and release. What it states
// has to be so; what it does not state does not matter.
func (id *identity) restrict(line *purl) (distance, string) {
	if line.subpath != "" && line.subpath != id.self.subpath {
		return otherPart, fmt.Sprintf("statement is about %s inside %s only", clip(line.subpath), line.name)
	}
	for _, q := range line.qualifiers {
		have := id.self.get(q.key)
		switch q.key {
		case "distro", "os_name", "os_version", "os_distro":
			continue // see restrictRelease
		case "upstream", "epoch":
			continue // describe the same version otherwise
		case "arch":
			want := arch(q.value)
			if want == "" || want == "source" || want == id.arch {
				continue
			}
			return otherArch, fmt.Sprintf("statement is for %s, installed for %s", clip(q.value), id.arch)
		case "platform":
			if p := lower(q.value); p == lower(have) || p == id.platform {
				continue
			}
			return otherArch, fmt.Sprintf("statement is for %s, installed for %s", clip(q.value), id.platform)
		case "type":
			if line.typ == "maven" && q.value == "jar" && have == "" {
				continue
			}
		}
		if have != q.value {
			return otherQualifier, fmt.Sprintf("statement is for %s=%s, installed has %q", q.key, clip(q.value), have)
		}
	}
	return applies, ""
}

// wideEnough reports whether a line without a version may clear a finding.
func (m *matcher) wideEnough(v *verdict, s *statement) bool {
	switch m.opt.unversioned() {
	case UnversionedAny:
		return true
	case UnversionedOwnImage:
		return v.auth >= baseImage || v.scope.mine
	default:
		return v.auth >= baseImage && !m.narrower(s)
	}
}

// narrower reports whether a statement names versions at all: then its products
// without one are names of the same things and widen nothing.
func (m *matcher) narrower(s *statement) bool {
	for i := range s.products {
		p := &s.products[i]
		for _, list := range [2][]string{p.called, p.within} {
			for _, text := range list {
				if n := m.lineOf(text); n != notPURL && m.lines[n].version != "" {
					return true
				}
			}
		}
	}
	return false
}

func (m *matcher) tooBroad(v *verdict, s *statement) string {
	if m.narrower(s) {
		return "its product has no version and stands beside products that have one"
	}
	if v.auth >= baseImage {
		return "its product has no version"
	}
	return "its product has no version, and its document is not the image's own"
}

// describe tells how a line was made to match.
func (m *matcher) describe(f *finding, e entry, v *verdict) string {
	var said []string
	if v.scope.read != "" {
		said = append(said, v.scope.read)
	}
	if v.name == nil {
		return strings.Join(append(said, "the whole image"), "; ")
	}
	line := &m.lines[e.line]
	if v.name.source {
		said = append(said, fmt.Sprintf("%s is built from source package %s", f.v.Package.Name, v.name.name))
	}
	if v.broad {
		said = append(said, "any version")
	} else {
		said = append(said, "version "+line.version)
	}
	if stated, n := statedReleases(line); n > 0 {
		said = append(said, fmt.Sprintf("%s is %s", stated[0], f.id.have))
	}
	if a := line.get("arch"); a != "" {
		said = append(said, "architecture "+f.id.arch)
	}
	return strings.Join(said, "; ")
}
