package vex

import (
	"fmt"
	"strings"
)

// scopeOf says whether a product is this image. own is true for the documents that
// are attached to it: there a bare name is enough, because the attachment already
// says which image is meant.
func (m *matcher) scopeOf(doc uint32, p *product, own bool) scope {
	d := m.docs[doc]
	for _, id := range d.list(p.hashes) {
		if m.names.digests["sha256:"+strings.TrimPrefix(d.word(id), "sha256:")] {
			return scope{mine: true, digest: true}
		}
	}
	var near scope
	for _, id := range d.list(p.called) {
		s := m.scopeOfText(d.word(id), own)
		if s.mine {
			return s
		}
		if near.why == "" {
			near = s
		}
	}
	if near.why == "" {
		near.why = "statement is about another image"
	}
	return near
}

func (m *matcher) scopeOfText(text string, own bool) scope {
	key := scopeKey{text, own}
	if s, ok := m.scopes[key]; ok {
		return s
	}
	var s scope
	if isPURL(text) {
		s = m.scopeOfPURL(text, own)
	} else {
		s = m.scopeOfReference(text)
	}
	m.scopes[key] = s
	return s
}

// scopeOfPURL reads pkg:oci and pkg:docker. A digest settles it; a repository has to
// be one of the image's; tag and architecture restrict when stated.
func (m *matcher) scopeOfPURL(text string, own bool) scope {
	u, err := parsePURL(text)
	if err != nil || !isImageType(u.typ) {
		return scope{why: fmt.Sprintf("statement is about %s, not about this image", clip(text))}
	}
	p := &u
	tag := p.get("tag")
	if p.version != "" {
		if strings.Contains(p.version, ":") {
			if m.names.digests[p.version] {
				return scope{mine: true, digest: true, read: "the image by its digest"}
			}
			return scope{why: fmt.Sprintf("statement is about the image %s, not this one", clip(p.version))}
		}
		tag = p.version
	}
	repos := productRepositories(p)
	var repo string
	for _, r := range repos {
		if r != "" && m.names.repos[r] {
			repo = r
		}
	}
	if repo == "" && own && len(repos) == 0 {
		for r := range m.names.repos {
			if strings.HasSuffix(r, "/"+p.name) && (repo == "" || r < repo) {
				repo = r
			}
		}
	}
	switch {
	case repo == "":
		return scope{why: m.notThisImage(text)}
	case tag != "" && !m.names.tags[repo+":"+tag]:
		return scope{why: fmt.Sprintf("statement is about the tag %s, and the image was not asked for by it", clip(tag))}
	}
	if a := arch(p.get("arch")); a != "" && a != m.names.arch {
		return scope{why: fmt.Sprintf("statement is for %s, the image is for %s", clip(a), m.names.arch)}
	}
	return scope{mine: true, read: fmt.Sprintf("%s is the image %s", clip(text), repo)}
}

// scopeOfReference reads a product that is no package URL: a digest, or a reference
// as the registry writes it.
func (m *matcher) scopeOfReference(text string) scope {
	if m.names.digests[lower(text)] {
		return scope{mine: true, digest: true}
	}
	repo, tag, digest := splitReference(text)
	switch {
	case digest != "" && m.names.digests[digest]:
		return scope{mine: true, digest: true, read: "the image by its digest"}
	case digest == "" && repo != "" && tag != "" && m.names.tags[repo+":"+tag]:
		return scope{mine: true, read: fmt.Sprintf("%s is the image %s", clip(text), repo)}
	case digest == "" && repo != "" && tag == "" && strings.Contains(text, "/") && m.names.repos[repo]:
		return scope{mine: true, read: fmt.Sprintf("%s is the image %s", clip(text), repo)}
	default:
		return scope{why: m.notThisImage(text)}
	}
}

func (m *matcher) notThisImage(text string) string {
	why := fmt.Sprintf("statement is about %s, not about this image", clip(text))
	if m.image.DHIName != "" && !m.image.DHINameVerified {
		why += fmt.Sprintf(" (which calls itself %s, but no signature of Docker's over it verified)", clip(m.image.DHIName))
	}
	return why
}
