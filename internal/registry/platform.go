package registry

import (
	"cmp"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/words"
)

// offered says whether d names a whole platform.
func offered(d v1.Descriptor) bool {
	return d.Platform != nil && known(d.Platform.OS) && known(d.Platform.Architecture)
}

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
// "manifests"), one whose platform the index names before one whose config does; a lower
// variant of the same architecture is taken when the wanted one is not there, as container
// runtimes do; a sole variant answers a request that names none; and an image that nobody
// says anything of is taken when there is no other.
func choose(list []Entry, want v1.Platform) int {
	bare := want.Variant == ""
	want = normal(want)
	exact, best, others, other, blank := -1, -1, 0, -1, -1
	// before says whether the entry at i goes before the equal one at j that was found.
	before := func(i, j int) bool { return j < 0 || list[i].stated && !list[j].stated }
	for i, e := range list {
		have := e.Platform
		switch {
		case e.nested(), e.err != nil:
		case e.blank():
			if blank < 0 {
				blank = i
			}
		case have.OS != want.OS || have.Architecture != want.Architecture || !strings.HasPrefix(have.OSVersion, want.OSVersion):
		case have.Variant == want.Variant:
			if before(i, exact) {
				exact = i
			}
		default:
			others, other = others+1, i
			if lower(have, want) && (best < 0 || have.Variant > list[best].Platform.Variant || have.Variant == list[best].Platform.Variant && before(i, best)) {
				best = i
			}
		}
	}
	switch {
	case exact >= 0:
		return exact
	case best >= 0:
		return best
	case bare && others == 1:
		return other
	default:
		return blank
	}
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
// or nil.
func (img *Image) nested(list []Entry, want v1.Platform) error {
	for _, e := range list {
		if !e.nested() || !e.stated {
			continue
		}
		inner := e.Descriptor.Digest
		e.Descriptor.MediaType = types.OCIManifestSchema1 // would it be chosen if it were an image?
		if choose([]Entry{e}, want) >= 0 {
			return img.nestedIndex(want.String(), inner)
		}
	}
	return nil
}

// noPlatform is the error for a platform that is not there.
func (img *Image) noPlatform(list []Entry, want v1.Platform) error {
	var there, inner []string
	for _, e := range list {
		if p := e.Platform.String(); p != "" && !slices.Contains(there, p) {
			there = append(there, p)
		}
		if e.nested() {
			inner = append(inner, e.Descriptor.Digest.String())
		}
	}
	hint := "the index lists no platform that can run: is it an image?"
	switch {
	case len(there) > 0:
		hint = "choose one of: " + words.List(there, 20)
	case len(inner) > 0:
		hint = "it lists other indexes: name one of them by its digest: " + words.List(inner, 5)
	}
	return fault.Usagef("choose the platform of "+img.Reference, hint, "no platform %q in %s", want.String(), img.Root.Digest)
}
