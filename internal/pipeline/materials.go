package pipeline

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// maxBases bounds how many images that provenance names are asked for.
const maxBases = 16

// provenBases are the images that the verified provenance of the image was built from,
// by digest. Provenance of more than one stage names several; more are those past the bound.
func (p *platform) provenBases() (out []baseName, more int) {
	for _, v := range p.verified {
		if v.Family() != "provenance" {
			continue
		}
		for _, ref := range materials(v.Predicate()) {
			switch name := (baseName{ref, "provenance"}); {
			case slices.Contains(out, name):
			case len(out) < maxBases:
				out = append(out, name)
			default:
				more++
			}
		}
	}
	return out, more
}

// materials reads the images among the dependencies of SLSA provenance (v1,
// buildDefinition.resolvedDependencies; v0.2, materials), as references by digest.
func materials(predicate []byte) []string {
	type dependency struct {
		URI    string            `json:"uri"`
		Digest map[string]string `json:"digest"`
	}
	var doc struct {
		Definition struct {
			Resolved []dependency `json:"resolvedDependencies"`
		} `json:"buildDefinition"`
		Materials []dependency `json:"materials"`
	}
	if json.Unmarshal(predicate, &doc) != nil {
		return nil
	}
	var out []string
	for _, d := range slices.Concat(doc.Definition.Resolved, doc.Materials) {
		if ref, ok := imageOf(d.URI, d.Digest["sha256"]); ok {
			out = append(out, ref)
		}
	}
	return out
}

// imageOf turns pkg:docker/dhi.io/bash@5?digest=sha256:… into dhi.io/bash@sha256:…. A
// name without a registry is Docker Hub's.
func imageOf(uri, sha256 string) (string, bool) {
	rest, ok := strings.CutPrefix(uri, "pkg:docker/")
	if !ok {
		return "", false
	}
	rest, query, _ := strings.Cut(rest, "?")
	name, version, _ := strings.Cut(rest, "@")
	name, nameErr := url.PathUnescape(name)
	version, versionErr := url.PathUnescape(version)
	values, queryErr := url.ParseQuery(query)
	if nameErr != nil || versionErr != nil || queryErr != nil || name == "" || strings.ContainsAny(name, "@ \\") {
		return "", false
	}
	digest := values.Get("digest")
	switch {
	case digest != "":
	case strings.HasPrefix(version, "sha256:"):
		digest = version
	case sha256 != "":
		digest = "sha256:" + sha256
	default:
		return "", false
	}
	// Nothing but a repository of a registry: a name such as oci-dir:/… is read from the
	// disk, and provenance has no business there.
	host, _, _ := strings.Cut(name, "/")
	_, port, hasPort := strings.Cut(host, ":")
	if hasPort && (port == "" || strings.Trim(port, "0123456789") != "" || host == name) {
		return "", false
	}
	hex, ok := strings.CutPrefix(digest, "sha256:")
	if !ok || len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return "", false
	}
	return name + "@" + digest, true
}
