package registry

import (
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
)

// maxReference bounds a reference in bytes. Registry names, repositories and tags
// are far shorter; paths may be long.
const maxReference = 8192

const referenceHint = "write REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:DIGEST (for example dhi.io/python:3.13), oci-dir:PATH, docker-archive:PATH or docker:NAME"

// parsed is a reference taken apart. Exactly one of tag and digest is set for a
// registry; both may be empty for a local source.
type parsed struct {
	source string
	repo   name.Repository // registry only
	path   string          // oci-dir and docker-archive: the path; docker: the name
	tag    string
	digest string
}

// identifier is what the manifest is asked for by.
func (p parsed) identifier() string {
	if p.digest != "" {
		return p.digest
	}
	return p.tag
}

// parse takes ref apart. exists says whether a local path is there: it decides
// where a path ends and a tag begins.
func parse(ref string, exists func(string) bool) (parsed, error) {
	trimmed := strings.TrimSpace(ref)
	const op = "parse image reference"
	switch {
	case trimmed == "":
		return parsed{}, fault.Usagef(op, referenceHint, "the reference is empty")
	case len(trimmed) > maxReference:
		return parsed{}, fault.Usagef(op, referenceHint, "the reference has %d bytes, more than %d", len(trimmed), maxReference)
	case strings.ContainsFunc(trimmed, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return parsed{}, fault.Usagef(op, referenceHint, "%q has a control character", trimmed)
	}
	kind, rest, _ := strings.Cut(trimmed, ":")
	switch {
	case kind == SourceOCIDir || kind == SourceDockerArchive:
		return parseLocal(op, kind, rest, exists)
	case kind == SourceDocker && !looksLikePort(rest):
		if rest == "" {
			return parsed{}, fault.Usagef(op, referenceHint, "%q names no image", trimmed)
		}
		return parsed{source: SourceDocker, path: rest}, nil
	case strings.Contains(trimmed, "://"):
		return parsed{}, fault.Usagef(op, "leave out the scheme, for example dhi.io/python:3.13", "%q is a URL, not an image reference", trimmed)
	}
	return parseRegistry(op, trimmed)
}

func parseRegistry(op, ref string) (parsed, error) {
	r, err := name.ParseReference(ref, name.WeakValidation)
	if err != nil { // its text only repeats the reference
		return parsed{}, fault.Usagef(op, referenceHint, "%q is not a reference", ref)
	}
	p := parsed{source: SourceRegistry, repo: r.Context()}
	if host := p.repo.RegistryStr(); host == "" || strings.ContainsAny(host, "@/\\?# ") {
		return parsed{}, fault.Usagef(op, referenceHint, "%q: the registry name %q is not HOST or HOST:PORT", ref, host)
	}
	for part := range strings.SplitSeq(p.repo.RepositoryStr(), "/") {
		if part == "" || part == "." || part == ".." {
			return parsed{}, fault.Usagef(op, referenceHint, "%q: the repository has an empty or relative part", ref)
		}
	}
	if _, ok := r.(name.Tag); ok {
		p.tag = r.Identifier()
		return p, nil
	}
	h, err := v1.NewHash(r.Identifier())
	if err != nil {
		return parsed{}, fault.Usagef(op, referenceHint, "%q: %w", ref, err)
	}
	p.digest = h.String()
	return p, nil
}

// parseLocal splits PATH, PATH@DIGEST and PATH:NAME. A path that exists whole is
// taken whole; otherwise the longest existing part before a separator is the path.
func parseLocal(op, source, rest string, exists func(string) bool) (parsed, error) {
	p := parsed{source: source, path: rest}
	if rest == "" {
		return p, fault.Usagef(op, referenceHint, "%s: names no path", source)
	}
	if exists(rest) {
		return p, nil
	}
	if i := strings.LastIndexByte(rest, '@'); i > 0 && strings.Contains(rest[i:], ":") {
		h, err := v1.NewHash(rest[i+1:])
		if err != nil {
			return p, fault.Usagef(op, "a digest is sha256: and 64 hexadecimal digits", "%q: %w", rest, err)
		}
		p.path, p.digest = rest[:i], h.String()
		return p, nil
	}
	for i := len(rest) - 1; i > 0; i-- {
		if rest[i] == ':' && i < len(rest)-1 && exists(rest[:i]) {
			p.path, p.tag = rest[:i], rest[i+1:]
			return p, nil
		}
	}
	return p, nil // the source says that there is no such path
}

// looksLikePort tells the registry "docker:5000/x" from the engine's image "docker:x".
func looksLikePort(s string) bool {
	port, _, ok := strings.Cut(s, "/")
	if !ok || port == "" || len(port) > 5 {
		return false
	}
	return strings.Trim(port, "0123456789") == ""
}

func pathExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
