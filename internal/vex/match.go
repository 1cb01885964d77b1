package vex

import (
	"fmt"
	"strings"
)

// meets compares a package line that has the right name with the installed package.
func (m *matcher) meets(v *verdict, f *finding, line *purl, p *product, e entry) (distance, string) {
	if s, ok := restrictRelease(line, f.id.have); !ok {
		if !m.say {
			return otherRelease, ""
		}
		return otherRelease, m.sayf("statement is for %s, installed on %s", s, f.id.have)
	}
	if far, why := m.restrict(&f.id, line); far != applies {
		return far, why
	}
	if line.version != "" && line.version != v.name.version {
		if !m.say {
			return otherVersion, ""
		}
		return otherVersion, m.sayf("statement covers %s%s, installed %s", of(v.name, f), line.version, v.name.version)
	}
	d := m.docs[e.doc]
	st := &d.statements[e.pos]
	if e.imageLine || p.within.n == 0 || ofDHI(line) && p.rare == 0 {
		return m.narrowed(f, d, st, p, e.doc, v.name)
	}
	// A package as product with subcomponents: the statement is about those parts of
	// it, so the installed package has to be one of them too.
	if !m.isOne(f, d, e.doc, p.within) {
		return otherPart, m.sayf("statement is about %s inside %s only", clip(d.first(p.within)), line.name)
	}
	return m.narrowed(f, d, st, p, e.doc, v.name)
}

// ofDHI reports whether a product is a package of the system in Docker's name space. There
// subcomponents tell which part of it the vulnerability is in, and are never a key
// (docker-hardened-images/advisories, "VEX product identity").
func ofDHI(line *purl) bool {
	return line.namespace == "dhi" && (line.typ == "apk" || line.typ == "deb")
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
func (m *matcher) restrict(id *identity, line *purl) (distance, string) {
	if line.subpath != "" && line.subpath != id.self.subpath {
		return otherPart, m.sayf("statement is about %s inside %s only", clip(line.subpath), line.name)
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
			return otherArch, m.sayf("statement is for %s, installed for %s", clip(q.value), id.arch)
		case "platform":
			if p := lower(q.value); p == lower(have) || p == id.platform {
				continue
			}
			return otherArch, m.sayf("statement is for %s, installed for %s", clip(q.value), id.platform)
		case "type":
			if line.typ == "maven" && q.value == "jar" && have == "" {
				continue
			}
		}
		if have != q.value {
			return otherQualifier, m.sayf("statement is for %s=%s, installed has %q", q.key, clip(q.value), have)
		}
	}
	return applies, ""
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
	line := &m.lines[e.line].purl
	if v.name.source {
		said = append(said, fmt.Sprintf("%s is built from source package %s", f.v.Package.Name, v.name.name))
	}
	switch d := m.docs[e.doc]; {
	case v.broad:
		said = append(said, "any version")
	case line.version == "" && d.ranged(d.product(&d.statements[e.pos], e.product)):
		said = append(said, "version "+v.name.version+", which is in the range")
	default:
		said = append(said, "version "+line.version)
	}
	if stated, n := statedReleases(line); n > 0 {
		said = append(said, fmt.Sprintf("stated for %s, installed on %s", stated[0], f.id.have))
	}
	if strings.Contains(m.docs[e.doc].word(e.text), "%") {
		said = append(said, "percent-encoding decoded")
	}
	if a := line.get("arch"); a != "" {
		said = append(said, "architecture "+f.id.arch)
	}
	return strings.Join(said, "; ")
}
