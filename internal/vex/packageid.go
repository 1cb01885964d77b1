package vex

import (
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

// name is one honest name of an installed package at one version.
type name struct {
	typ, namespace, name, version string
	// source is true for the source package that the installed one was built from.
	source bool
}

// identity is all that is known of an installed package: its own name first, then
// those of its source packages.
type identity struct {
	self  purl
	names []name
	have  release
	arch  string
	// platform is that of the image, "linux/arm64".
	platform string
}

// identify collects the names of a package. The package URL counts for type,
// namespace and version; a finding without one that can be read has no name that a
// statement could meet, and gets none.
func identify(p report.Package, image *Image) identity {
	id := identity{platform: lower(image.Platform)}
	self, err := parsePURL(p.PURL)
	if err != nil {
		return id
	}
	if self.version == "" {
		self.version = p.Version
		_ = self.normalize() // cannot fail: the epoch, if any, is already folded
	}
	id.self = self
	id.names = append(id.names, name{self.typ, self.namespace, self.name, self.version, false})
	for _, up := range upstreams(p, &self) {
		n := name{self.typ, self.namespace, lower(up.Name), up.Version, true}
		if n.version == "" {
			n.version = self.version
		}
		if self.typ == "deb" || self.typ == "rpm" {
			n.version = noZeroEpoch(n.version)
		}
		// The file name of a source rpm leaves out the epoch that both share.
		if _, bare, ok := strings.Cut(self.version, ":"); ok && self.typ == "rpm" && n.version == bare {
			n.version = self.version
		}
		if !id.knows(n) {
			id.names = append(id.names, n)
		}
	}
	id.have = installedRelease(&self, image)
	if id.arch = arch(self.get("arch")); id.arch == "" {
		_, a, _ := strings.Cut(id.platform, "/")
		id.arch = arch(a)
	}
	return id
}

func (id *identity) knows(n name) bool {
	for _, k := range id.names {
		if k.typ == n.typ && k.namespace == n.namespace && k.name == n.name && k.version == n.version {
			return true
		}
	}
	return false
}

// upstreams are the source packages as the scanner and Syft's upstream qualifier name
// them: "glibc", "gcc-12@12.2.0-14", or for rpm "bash-5.1.8-6.el9.src.rpm". Only
// distribution packages have one.
func upstreams(p report.Package, self *purl) []report.Upstream {
	switch self.typ {
	case "deb", "apk", "rpm", "alpm":
	default:
		return nil
	}
	out := make([]report.Upstream, 0, len(p.Upstreams)+1)
	for _, up := range p.Upstreams {
		if up.Name != "" {
			out = append(out, sourceRPM(up))
		}
	}
	if q := self.get("upstream"); q != "" {
		n, v, _ := strings.Cut(q, "@")
		if n != "" {
			out = append(out, sourceRPM(report.Upstream{Name: n, Version: v}))
		}
	}
	return out
}

// sourceRPM takes name and version out of a source package's file name.
func sourceRPM(up report.Upstream) report.Upstream {
	base, ok := strings.CutSuffix(up.Name, ".src.rpm")
	if !ok {
		return up
	}
	rest, rel, ok1 := cutLast(base, '-')
	n, v, ok2 := cutLast(rest, '-')
	if !ok1 || !ok2 {
		return up
	}
	return report.Upstream{Name: n, Version: v + "-" + rel}
}

// installedRelease is the distribution of the package: its own qualifiers, else that
// of the image. What dhi is like follows from the package format when os-release is
// not at hand.
func installedRelease(self *purl, image *Image) release {
	var r release
	if stated, n := statedReleases(self); n > 0 {
		r = stated[0]
	} else if image.Distro != nil {
		r = release{id: lower(image.Distro.ID), version: image.Distro.Version}
	}
	d := image.Distro
	if d != nil && lower(d.ID) == r.id {
		if r.version == "" {
			r.version = d.Version
		}
		if r.codename == "" {
			r.codename = lower(d.Codename)
		}
		if r.id == "dhi" && r.like == "" && len(d.IDLike) > 0 {
			r.like = lower(d.IDLike[0])
		}
	}
	if r.id == "dhi" && r.like == "" {
		switch self.typ {
		case "apk":
			r.like = "alpine"
		case "deb":
			r.like = "debian"
		}
	}
	return r
}
