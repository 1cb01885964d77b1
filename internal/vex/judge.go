package vex

// distance is how far a line is from deciding a finding: applies, or what stands
// between, from the least to the most fundamental.
type distance int

const (
	applies       distance = iota
	barredTrust            // everything agrees, but nobody vouches for the document
	barredOrigin           // the base image's word about a package not proven to be the base's
	barredInvalid          // the statement breaks the rules of its format
	barredFixed            // fixed, without the version that is
	barredWidth            // no version, in a statement that names none
	otherVersion
	besideVersions // no version, beside products that have one
	otherPart      // another component of the package
	otherQualifier
	otherArch
	otherRelease
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
	held   map[heldKey]held
	stands []standing // by document
	// say is set while a reason is wanted: sentences cost more than decisions, and
	// most lines that do not match are never shown.
	say bool
}

type scopeKey struct {
	text string
	own  bool
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
	p := d.product(s, e.product)
	stand := &m.stands[e.doc]
	v := verdict{auth: stand.authority}
	var line *purl
	switch e.line {
	case wholeImage:
	case notPURL:
		return v.at(otherPackage, "its component has no package URL")
	default:
		line = &m.lines[e.line].purl
		if v.name = f.id.meets(line); v.name == nil {
			if !m.say {
				return v.at(otherPackage, "")
			}
			return v.at(otherPackage, m.sayf("statement is about %s, not %s", line.name, f.v.Package.Name))
		}
	}
	if v.auth == 0 {
		return v.at(otherDocument, stand.why)
	}
	if line == nil || e.imageLine {
		if v.scope = m.scopeOf(e.doc, p, v.auth >= baseImage); !v.scope.mine {
			return v.at(otherImage, v.scope.why)
		}
	}
	// An image named by its digest pins every package in it, with or without versions.
	v.broad = (line == nil || line.version == "") && !v.scope.digest && !d.ranged(p)
	if line == nil {
		if far, why := d.wholly(s, p); far != applies {
			return v.at(far, why)
		}
	} else {
		if far, why := m.meets(&v, f, line, p, e); far != applies {
			return v.at(far, why)
		}
	}
	if stand.baseOnly && f.v.Package.Origin != OriginBase {
		return v.at(barredOrigin, m.sayf("%s, and the package is not proven to come from the base (origin %s)",
			stand.why, originName(f.v.Package.Origin)))
	}
	if !s.suppresses() {
		return m.heard(v, d)
	}
	switch {
	case v.broad && s.kind == fixed:
		return v.at(barredFixed, "it says fixed without naming the fixed version")
	case v.broad && !m.opt.unversioned().wideEnough(&v, d, s):
		if d.narrower(s) {
			return v.at(besideVersions, "its product has no version and stands beside products that have one")
		}
		return v.at(barredWidth, tooBroad(&v))
	case s.invalid != 0:
		return v.at(barredInvalid, d.word(s.invalid))
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

// wideEnough reports whether a line without a version may clear a finding.
func (u Unversioned) wideEnough(v *verdict, d *document, s *statement) bool {
	switch u {
	case UnversionedAny:
		return true
	case UnversionedOwnImage:
		return v.auth >= baseImage || v.scope.mine
	default:
		return v.auth >= baseImage && !d.narrower(s)
	}
}

// narrower reports whether a statement names package versions at all: then its
// products without one are names of the same things and widen nothing.
func (d *document) narrower(s *statement) bool {
	for i := range d.of(s) {
		p := d.product(s, uint32(i))
		list := p.within
		if list.n == 0 || !p.image {
			list = p.called
		}
		if d.ranged(p) {
			return true
		}
		for _, id := range d.list(list) {
			if d.shapeOf(id)&(isVersioned|isImageURL) == isVersioned {
				return true
			}
		}
	}
	return false
}

func tooBroad(v *verdict) string {
	if v.auth >= baseImage {
		return "its product has no version"
	}
	return "its product has no version, and its document is not the image's own"
}
