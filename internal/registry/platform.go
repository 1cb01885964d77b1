package registry

import (
	"cmp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/fault"
)

// Platforms lists the platforms that the image is offered for, in the index's order and
// each once. Entries without a platform and "unknown/unknown" ones, which is what
// BuildKit's attestation manifests are, are left out; they stay in [Image.Index]. That of
// an index within the index is listed, and [Image.Manifest] refuses it.
// The annotation that marks those manifests is not looked at, because a runtime does
// not look at it either: it must not hide something that can run.
func (img *Image) Platforms() []v1.Platform {
	platforms := []v1.Platform{}
	if img.Index == nil {
		return append(platforms, img.single.Platform)
	}
	for _, d := range img.Index.Manifests {
		if !offered(d) {
			continue
		}
		p := normal(*d.Platform)
		if !containsPlatform(platforms, p) {
			platforms = append(platforms, p)
		}
	}
	return platforms
}

func containsPlatform(list []v1.Platform, p v1.Platform) bool {
	for _, q := range list {
		if q.Equals(p) {
			return true
		}
	}
	return false
}

// offered says whether d names a platform, and runnable whether it is an image for it.
func offered(d v1.Descriptor) bool {
	return d.Platform != nil && known(d.Platform.OS) && known(d.Platform.Architecture)
}

func runnable(d v1.Descriptor) bool { return offered(d) && !d.MediaType.IsIndex() }

func known(s string) bool { return s != "" && !strings.EqualFold(s, "unknown") }

// normal spells a platform the one way in which it is compared: lower case, the
// usual names of architectures, and no variant where it is the base one (arm64/v8,
// amd64/v1), but arm always with one.
func normal(p v1.Platform) v1.Platform {
	p.OS, p.Architecture, p.Variant = strings.ToLower(p.OS), strings.ToLower(p.Architecture), strings.ToLower(p.Variant)
	if p.OS == "macos" {
		p.OS = "darwin"
	}
	switch p.Architecture {
	case "x86_64", "x86-64":
		p.Architecture = "amd64"
	case "i386", "i486", "i586", "i686":
		p.Architecture = "386"
	case "aarch64":
		p.Architecture = "arm64"
	case "armhf":
		p.Architecture, p.Variant = "arm", cmp.Or(p.Variant, "v7")
	case "armel":
		p.Architecture, p.Variant = "arm", cmp.Or(p.Variant, "v6")
	}
	if len(p.Variant) == 1 && p.Variant[0] >= '0' && p.Variant[0] <= '9' {
		p.Variant = "v" + p.Variant
	}
	switch {
	case p.Architecture == "arm64" && p.Variant == "v8", p.Architecture == "amd64" && p.Variant == "v1":
		p.Variant = ""
	case p.Architecture == "arm" && p.Variant == "":
		p.Variant = "v7"
	}
	return p
}

// choose returns the position of the entry that a runtime on platform want would
// run, or -1. The first of several equal entries wins (OCI image spec, image-index.md,
// "manifests"); a lower variant of the same architecture is taken when the wanted one
// is not there, as container runtimes do; and a sole variant answers a request that
// names none.
func choose(list []v1.Descriptor, want v1.Platform) int {
	bare := want.Variant == ""
	want = normal(want)
	best, bestRank, others, other := -1, "", 0, -1
	for i, d := range list {
		if !runnable(d) {
			continue
		}
		have := normal(*d.Platform)
		if have.OS != want.OS || have.Architecture != want.Architecture || !strings.HasPrefix(have.OSVersion, want.OSVersion) {
			continue
		}
		if have.Variant == want.Variant {
			return i
		}
		others, other = others+1, i
		if lower(have, want) && (best < 0 || have.Variant > bestRank) {
			best, bestRank = i, have.Variant
		}
	}
	if best < 0 && bare && others == 1 {
		return other
	}
	return best
}

// lower says whether code for have runs on want: arm v5 on v7, amd64 v1 on v3. The
// empty variant is the base.
func lower(have, want v1.Platform) bool {
	switch want.Architecture {
	case "arm", "amd64", "arm64":
		return have.Variant < want.Variant && len(have.Variant) <= 2 && len(want.Variant) == 2
	default:
		return false
	}
}

// nested is the error for an index within the index that is offered for platform want,
// or nil. Some runtimes look into it and others do not: two would run two images.
func (img *Image) nested(want v1.Platform) error {
	for _, d := range img.Index.Manifests {
		inner := d.Digest.String()
		if !d.MediaType.IsIndex() {
			continue
		}
		d.MediaType = types.OCIManifestSchema1 // would it be chosen if it were an image?
		if choose([]v1.Descriptor{d}, want) >= 0 {
			return fault.Unavailablef("choose the platform of "+img.Reference, "name the inner index by its digest, if it is the image that is meant",
				"for %q it lists another index, %s, which not every runtime looks into", want.String(), inner)
		}
	}
	return nil
}

// noPlatform is the error for a platform that is not there.
func (img *Image) noPlatform(want v1.Platform) error {
	var there, inner []string
	for _, p := range img.Platforms() {
		there = append(there, p.String())
	}
	if img.Index != nil {
		for _, d := range img.Index.Manifests {
			if d.MediaType.IsIndex() {
				inner = append(inner, d.Digest.String())
			}
		}
	}
	hint := "the index lists no platform that can run: is it an image?"
	switch {
	case len(there) > 0:
		hint = "choose one of: " + shortList(there, 20)
	case len(inner) > 0:
		hint = "it lists other indexes: name one of them by its digest: " + shortList(inner, 5)
	}
	return fault.Usagef("choose the platform of "+img.Reference, hint, "no platform %q in %s", want.String(), img.Root.Digest)
}
