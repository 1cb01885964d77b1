package vex

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxPURL bounds a package URL, in bytes. The longest in real feeds are below 300.
const maxPURL = 4096

// purl is a package URL taken apart and brought into one spelling, so that two
// honest names of the same thing compare equal: percent-encoding decoded once, case
// folded where the type's rules say so, epochs in one place, qualifiers sorted.
// See the PURL specification, "Known types", for what is folded.
type purl struct {
	typ        string
	namespace  string // segments joined with "/"
	name       string
	version    string
	subpath    string
	qualifiers []qualifier // sorted by key, no empty values, no repeated keys
}

type qualifier struct{ key, value string }

// isPURL reports whether s claims to be a package URL.
func isPURL(s string) bool { return len(s) >= 4 && strings.EqualFold(s[:4], "pkg:") }

// parsePURL reads and normalises a package URL. It refuses what could be read in two
// ways: broken escapes, repeated qualifiers, control characters, two epochs.
func parsePURL(s string) (purl, error) {
	var p purl
	if len(s) > maxPURL {
		return p, fmt.Errorf("package URL of %d bytes, the limit is %d", len(s), maxPURL)
	}
	if !isPURL(s) {
		return p, errors.New("not a package URL: no pkg: scheme")
	}
	rest := strings.TrimLeft(s[4:], "/")
	rest, subpath, _ := cutLast(rest, '#')
	rest, query, _ := cutLast(rest, '?')
	if strings.ContainsAny(rest, "?#") {
		return p, errors.New("not a package URL: more than one ? or #")
	}
	typ, path, ok := strings.Cut(rest, "/")
	if !ok || !validType(typ) {
		return p, errors.New("not a package URL: no type")
	}
	p.typ = lower(typ)
	path = strings.Trim(path, "/")
	// The version follows the last "@" of the last segment. An "@" that opens a
	// segment is an npm scope that its writer did not encode.
	last := strings.LastIndexByte(path, '/') + 1
	if at := strings.LastIndexByte(path[last:], '@'); at > 0 {
		p.version, path = path[last+at+1:], path[:last+at]
	}
	p.namespace, p.name = "", path
	if last > 0 {
		p.namespace, p.name = path[:last-1], path[last:]
	}
	for _, field := range []*string{&p.namespace, &p.name, &p.version, &subpath} {
		v, err := unescape(*field)
		if err != nil {
			return purl{}, err
		}
		*field = v
	}
	p.namespace, p.subpath = cleanPath(p.namespace), cleanPath(subpath)
	if p.name == "" {
		return purl{}, errors.New("not a package URL: no name")
	}
	var err error
	if p.qualifiers, err = parseQualifiers(query); err != nil {
		return purl{}, err
	}
	return p, p.normalize()
}

// normalize applies the rules of the type.
func (p *purl) normalize() error {
	switch p.typ {
	case "deb", "apk", "alpm", "dhi", "bitbucket", "composer", "docker", "github", "gitlab",
		"golang", "hex", "luarocks", "npm", "nuget", "oci", "pub":
		p.namespace, p.name = lower(p.namespace), lower(p.name)
	case "rpm":
		p.namespace = lower(p.namespace)
	case "pypi": // PEP 503: runs of "-", "_" and "." are one "-"
		p.name = foldRuns(lower(p.name))
	}
	switch p.typ {
	case "rpm", "deb":
		return p.foldEpoch()
	case "golang":
		p.version = goVersion(p.name, p.version)
	case "oci", "docker":
		if strings.HasPrefix(lower(p.version), "sha256:") {
			p.version = lower(p.version)
		}
	}
	return nil
}

// foldEpoch puts the epoch into the version, where dpkg and rpm print it. Syft writes
// rpm's as a qualifier, Debian's as part of the version. Epoch 0 is no epoch.
func (p *purl) foldEpoch() error {
	if epoch := p.take("epoch"); epoch != "" && p.version != "" {
		if strings.Trim(epoch, "0123456789") != "" {
			return fmt.Errorf("epoch %q is not a number", epoch)
		}
		if strings.Contains(p.version, ":") && !strings.HasPrefix(p.version, epoch+":") {
			return errors.New("two different epochs")
		}
		if !strings.Contains(p.version, ":") {
			p.version = epoch + ":" + p.version
		}
	}
	p.version = noZeroEpoch(p.version)
	return nil
}

func noZeroEpoch(v string) string {
	for strings.HasPrefix(v, "0:") {
		v = v[2:]
	}
	return v
}

// goVersion drops the "v" of module versions and the "go" of the standard library's:
// v1.2.3, 1.2.3 and, for stdlib, go1.2.3 are one version.
func goVersion(name, v string) string {
	rest := v
	switch {
	case name == "stdlib" && strings.HasPrefix(v, "go"):
		rest = v[2:]
	case strings.HasPrefix(v, "v"):
		rest = v[1:]
	}
	if rest != "" && rest[0] >= '0' && rest[0] <= '9' {
		return rest
	}
	return v
}

// get returns the value of a qualifier, or "".
func (p *purl) get(key string) string {
	for _, q := range p.qualifiers {
		if q.key == key {
			return q.value
		}
	}
	return ""
}

// take removes a qualifier and returns its value.
func (p *purl) take(key string) string {
	for i, q := range p.qualifiers {
		if q.key == key {
			p.qualifiers = slices.Delete(p.qualifiers, i, i+1)
			return q.value
		}
	}
	return ""
}

// String writes p in canonical form: parsing it again gives p.
func (p purl) String() string {
	var b strings.Builder
	b.WriteString("pkg:" + p.typ + "/")
	if p.namespace != "" {
		for seg := range strings.SplitSeq(p.namespace, "/") {
			b.WriteString(escape(seg) + "/")
		}
	}
	b.WriteString(escape(p.name))
	if p.version != "" {
		b.WriteString("@" + escape(p.version))
	}
	for i, q := range p.qualifiers {
		sep := "&"
		if i == 0 {
			sep = "?"
		}
		b.WriteString(sep + q.key + "=" + escape(q.value))
	}
	for i, seg := range strings.Split(p.subpath, "/") {
		switch {
		case seg == "":
		case i == 0:
			b.WriteString("#" + escape(seg))
		default:
			b.WriteString("/" + escape(seg))
		}
	}
	return b.String()
}
