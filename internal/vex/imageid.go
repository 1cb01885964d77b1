package vex

import (
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

// Image is what is known of the image that the findings are about. Digests and
// repositories are facts of the registry stage; a label is a claim, and counts only
// when DHINameVerified says that it was proven.
type Image struct {
	// Digest is the platform manifest's ("sha256:…"), IndexDigest the index's, "" when
	// there is none.
	Digest, IndexDigest string
	// Repository is the repository with its registry ("dhi.io/python").
	Repository string
	// References are further names by which the image is known: what the user asked
	// for, other tags. With or without tag and digest.
	References []string
	// Platform is "linux/amd64" or "linux/arm/v7".
	Platform string
	// Distro is what os-release says; nil when unknown.
	Distro *report.Distro
	// DHIName is the label com.docker.dhi.name ("dhi/python"). It makes a mirror known
	// by its canonical name, but only when DHINameVerified says that Docker's signature
	// over this digest verified: labels are inherited by whatever is built on top.
	DHIName         string
	DHINameVerified bool
	// BaseDigests are the manifest and index digests of the proven base image. Its
	// documents apply to findings whose package has origin "base", and to no others.
	BaseDigests []string
	// BaseRepository is the repository of the proven base ("dhi.io/python"). Feeds bound
	// to it apply to packages of origin "base" only.
	BaseRepository string
}

// imageNames is an Image prepared for comparison.
type imageNames struct {
	digests map[string]bool
	repos   map[string]bool // canonical
	tags    map[string]bool // canonical repository + ":" + tag
	base    map[string]bool // canonical repositories of the base
	based   map[string]bool // digests of the base
	arch    string
}

func nameImage(im *Image) *imageNames {
	n := &imageNames{digests: map[string]bool{}, repos: map[string]bool{}, tags: map[string]bool{},
		base: map[string]bool{}, based: map[string]bool{}}
	for _, d := range []string{im.Digest, im.IndexDigest} {
		if d != "" {
			n.digests[lower(d)] = true
		}
	}
	for _, d := range im.BaseDigests {
		n.based[lower(d)] = true
	}
	for _, ref := range append([]string{im.Repository}, im.References...) {
		repo, tag, _ := splitReference(ref)
		if repo == "" {
			continue
		}
		n.repos[repo] = true
		if tag != "" {
			n.tags[repo+":"+tag] = true
		}
	}
	if im.DHIName != "" && im.DHINameVerified {
		if repo := canonicalRepository("dhi.io/" + strings.TrimPrefix(lower(im.DHIName), "dhi/")); repo != "" {
			n.repos[repo] = true
		}
	}
	if repo, _, _ := splitReference(im.BaseRepository); repo != "" {
		n.base[repo] = true
	}
	_, a, _ := strings.Cut(im.Platform, "/")
	n.arch = arch(a)
	return n
}

// splitReference reads "[registry/]path[:tag][@digest]" into the canonical repository,
// the tag and the digest. Sources that are no registry ("oci-dir:…") have no
// repository.
func splitReference(ref string) (repo, tag, digest string) {
	ref, digest, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		ref, tag = ref[:i], ref[i+1:]
	}
	if strings.ContainsAny(strings.TrimPrefix(ref, registryOf(ref)), ":\\ ?#%") {
		return "", "", ""
	}
	return canonicalRepository(ref), tag, lower(digest)
}

// registryOf returns the registry part of a reference, "" when it has none (and so
// means Docker Hub): the first part of several is a host when it has a dot or a port
// or is localhost (distribution/reference, "domain").
func registryOf(ref string) string {
	host, _, ok := strings.Cut(ref, "/")
	if ok && (strings.ContainsAny(host, ".:") || host == "localhost") {
		return host
	}
	return ""
}

// canonicalRepository brings the spellings of a repository into one: Docker Hub's
// hosts are docker.io, its unnamed namespace is library, and its namespace dhi is the
// registry dhi.io, which serves the same images.
func canonicalRepository(repo string) string {
	repo = strings.Trim(cleanPath(lower(strings.TrimPrefix(strings.TrimPrefix(repo, "https://"), "http://"))), "/")
	if repo == "" {
		return ""
	}
	host := registryOf(repo)
	path := strings.TrimPrefix(strings.TrimPrefix(repo, host), "/")
	if path == "" {
		return ""
	}
	switch host {
	case "", "docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com", "hub.docker.com":
		if rest, ok := strings.CutPrefix(path, "dhi/"); ok {
			return "dhi.io/" + rest
		}
		if !strings.Contains(path, "/") {
			path = "library/" + path
		}
		return "docker.io/" + path
	default:
		return host + "/" + path
	}
}

// productRepositories lists the repositories that a pkg:oci or pkg:docker line may
// mean. repository_url is found with and without the image's name at its end; without
// it, pkg:docker means Docker Hub, and pkg:oci a name that has a path in itself.
func productRepositories(p *purl) []string {
	full := p.name
	if p.namespace != "" {
		full = p.namespace + "/" + p.name
	}
	url := lower(strings.Trim(p.get("repository_url"), "/"))
	url = strings.TrimPrefix(strings.TrimPrefix(url, "https://"), "http://")
	if url == "" {
		if p.typ == "oci" && !strings.Contains(full, "/") {
			return nil
		}
		return []string{canonicalRepository(full)}
	}
	host, _, hasPath := strings.Cut(url, "/")
	var out []string
	if hasPath && strings.HasSuffix(url, "/"+full) {
		out = append(out, canonicalRepository(url))
	}
	if strings.HasPrefix(full, host+"/") {
		return append(out, canonicalRepository(full))
	}
	return append(out, canonicalRepository(url+"/"+full))
}
