package vex

import "strings"

// release is a distribution release as a package URL or os-release names it. Any
// part may be unknown ("").
type release struct {
	id       string // debian, alpine, dhi, …
	version  string // 13, 13.7, 3.22, …
	codename string // trixie, …
	like     string // what dhi is like: debian or alpine
}

// codenames are the release names that package URLs carry instead of, or beside, a
// number (Debian "Releases", Ubuntu "List of releases").
func codenames(name string) (id, version string) {
	switch name {
	case "stretch":
		return "debian", "9"
	case "buster":
		return "debian", "10"
	case "bullseye":
		return "debian", "11"
	case "bookworm":
		return "debian", "12"
	case "trixie":
		return "debian", "13"
	case "forky":
		return "debian", "14"
	case "duke":
		return "debian", "15"
	case "bionic":
		return "ubuntu", "18.04"
	case "focal":
		return "ubuntu", "20.04"
	case "jammy":
		return "ubuntu", "22.04"
	case "noble":
		return "ubuntu", "24.04"
	case "plucky":
		return "ubuntu", "25.04"
	case "questing":
		return "ubuntu", "25.10"
	case "resolute":
		return "ubuntu", "26.04"
	default:
		return "", ""
	}
}

// parseDistro reads the value of a distro qualifier: debian-13, debian-13.7,
// debian-trixie, trixie, alpine-3.22, alpine-v3.22, debian.
func parseDistro(s string) release {
	s = lower(s)
	if id, v := codenames(s); id != "" {
		return release{id: id, version: v, codename: s}
	}
	id, v, ok := cutLast(s, '-')
	if !ok {
		return release{id: s}
	}
	if digits := strings.TrimPrefix(v, "v"); digits != "" && digits[0] >= '0' && digits[0] <= '9' {
		return release{id: id, version: digits}
	}
	if cid, cv := codenames(v); cid == id {
		return release{id: id, version: cv, codename: v}
	}
	return release{id: id, codename: v}
}

// releaseParts is how many parts of a version number name a release whose packages
// differ from the next one's: Debian 13.7 is Debian 13, Alpine 3.22.1 is Alpine 3.22.
// 0 means that every part that is stated counts.
func releaseParts(id string) int {
	switch id {
	case "debian", "raspbian":
		return 1
	case "alpine", "ubuntu", "dhi":
		return 2
	default:
		return 0
	}
}

// sameRelease reports whether a stated version covers the installed one. What is
// stated must be shown: Alpine "3" covers 3.22, but "3.22" does not cover an
// installed "3".
func sameRelease(id, stated, installed string) bool {
	for n := releaseParts(id); ; n-- {
		s, moreStated, more := strings.Cut(stated, ".")
		i, moreInstalled, moreI := strings.Cut(installed, ".")
		switch {
		case s != i:
			return false
		case !more || n == 1:
			return true
		case !moreI:
			return false
		}
		stated, installed = moreStated, moreInstalled
	}
}

// statedReleases returns what a product line says of the distribution: the distro
// qualifier, and os_name, os_version and os_distro together. Docker writes the
// latter, Syft the former; os_distro is a codename for Debian and, for os_name=dhi,
// the distribution that it is built like.
func statedReleases(p *purl) (stated [2]release, n int) {
	if d := p.get("distro"); d != "" {
		stated[n] = parseDistro(d)
		n++
	}
	name, version, distro := lower(p.get("os_name")), p.get("os_version"), lower(p.get("os_distro"))
	if name == "" && version == "" && distro == "" {
		return stated, n
	}
	r := release{id: name, version: strings.TrimPrefix(lower(version), "v")}
	switch {
	case name == "dhi":
		r.like = distro
	case distro != "" && distro != name:
		r.codename = distro
	}
	if r.id == "" {
		r.id = p.namespace
	}
	stated[n] = r
	return stated, n + 1
}

// restrictRelease checks what a line states of the distribution against what is
// installed. It returns the release that disagrees.
func restrictRelease(line *purl, have release) (release, bool) {
	stated, n := statedReleases(line)
	for _, s := range stated[:n] {
		if !s.covers(have) {
			return s, false
		}
	}
	return release{}, true
}

// covers reports whether every stated part is shown to be so.
func (s release) covers(have release) bool {
	switch {
	case s.id != "" && s.id != have.id, s.like != "" && s.like != have.like:
		return false
	case s.version != "" && (have.version == "" || !sameRelease(have.id, s.version, have.version)):
		return false
	case s.codename == "" || s.codename == have.codename:
		return true
	}
	id, version := codenames(s.codename)
	return id == have.id && have.version != "" && sameRelease(id, version, have.version)
}

// String names the release for a sentence.
func (s release) String() string {
	name := s.id
	if s.version != "" {
		name += " " + s.version
	}
	if s.codename != "" && s.version == "" {
		name += " " + s.codename
	}
	if s.like != "" {
		name += " (like " + s.like + ")"
	}
	if name = strings.TrimSpace(name); name == "" {
		return "an unknown distribution"
	}
	return name
}

// arch brings the names of an architecture into one spelling, Go's. "any" is no
// restriction and becomes "".
func arch(s string) string {
	switch s = lower(s); s {
	case "x86_64", "x86-64", "x64":
		return "amd64"
	case "aarch64", "arm64/v8", "arm64v8":
		return "arm64"
	case "i386", "i486", "i586", "i686", "x86":
		return "386"
	case "armhf", "armv7", "armv7l", "armv7hl", "arm/v7", "arm32v7":
		return "arm/v7"
	case "armel", "armv6", "arm/v6", "arm32v6":
		return "arm/v6"
	case "ppc64el":
		return "ppc64le"
	case "noarch":
		return "all"
	case "any":
		return ""
	default:
		return s
	}
}
