package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/words"
)

// maxUnnamed bounds the entries of an index that are read to learn their platform.
const maxUnnamed = 64

// Entry is one image that a reference offers: an entry of the index, or the only manifest.
type Entry struct {
	Descriptor v1.Descriptor
	// Platform is the index's word, and where that is missing the config's. OS or
	// Architecture is empty when nobody says it.
	Platform v1.Platform

	stated bool  // the index says the platform
	err    error // why the platform of an entry without one could not be read
}

// Rival is an entry of the index that a runtime may run in place of the one that was chosen.
type Rival struct {
	Digest v1.Hash
	// Reason says why, as the rest of a sentence about the entry.
	Reason string
}

// Entries lists everything of the reference that a runtime may run, in the index's order:
// also a second image for a platform, and entries without a platform, whose config is read
// for it. Left out are "unknown/unknown" entries, which is what BuildKit's attestation
// manifests are, and entries without a platform that are no image. The annotation that marks
// attestation manifests is not looked at, because a runtime does not look at it either: it
// must not hide something that can run. An entry that cannot be read, or that is an index
// itself, is listed, and [Image.Read] says why.
func (img *Image) Entries(ctx context.Context) ([]Entry, error) {
	if img.Index == nil {
		return []Entry{{Descriptor: img.single.Descriptor, Platform: img.single.Platform}}, nil
	}
	ctx, cancel := within(ctx, img.deadline)
	defer cancel()
	return img.entries(ctx)
}

// Read reads the image of an entry that [Image.Entries] listed.
func (img *Image) Read(ctx context.Context, e Entry) (*Manifest, error) {
	if img.Index == nil {
		return img.single, nil
	}
	ctx, cancel := within(ctx, img.deadline)
	defer cancel()
	if e.nested() {
		return nil, img.nestedIndex(e.Platform.String(), e.Descriptor.Digest)
	}
	return img.read(ctx, e)
}

func (img *Image) read(ctx context.Context, e Entry) (*Manifest, error) {
	op := fmt.Sprintf("read %s of %s", cmp.Or(e.Platform.String(), e.Descriptor.Digest.String()), img.Reference)
	if e.err != nil {
		return nil, img.store.place.explain(op, e.err)
	}
	img.mu.Lock()
	m := img.loaded[e.Descriptor.Digest]
	img.mu.Unlock()
	if m == nil {
		raw, err := img.entryBytes(ctx, e.Descriptor)
		if err == nil {
			m, err = img.load(ctx, e.Descriptor, raw)
		}
		if isAbsent(err) && img.store.place.registry == "" {
			return nil, fault.New(fault.Unavailable, op, img.heldHint(ctx), err)
		}
		if err != nil {
			return nil, img.store.place.explain(op, err)
		}
		img.keep(m)
	}
	own := *m // one manifest may stand in several entries
	own.Descriptor, own.Platform = e.Descriptor, e.Platform
	return &own, nil
}

// heldHint is the next step where a layout lists a platform and does not hold it, which is
// what docker save writes of a platform that was not pulled.
func (img *Image) heldHint(ctx context.Context) string {
	hint := "the platform is listed and was not saved: pull it and save it with docker save --platform"
	list, err := img.entries(ctx)
	if err != nil {
		return hint
	}
	var held []string
	for _, e := range list {
		if _, err := img.entryBytes(ctx, e.Descriptor); err == nil {
			held = append(held, e.Platform.String())
		}
	}
	if len(held) > 0 {
		hint += ", or choose one that is there: " + words.List(held, 20)
	}
	return hint
}

func (img *Image) keep(m *Manifest) {
	img.mu.Lock()
	defer img.mu.Unlock()
	img.loaded[m.Descriptor.Digest] = m
}

// entryBytes reads the manifest of an entry of the index.
func (img *Image) entryBytes(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	if err := checkDescriptor(d, img.opt.MaxManifest, "MaxManifest"); err != nil {
		return nil, err
	}
	got, raw, err := img.src.manifest(ctx, d.Digest.String())
	if err == nil && got.Size != d.Size {
		err = fmt.Errorf("manifest %s has %d bytes, the index says %d", d.Digest, got.Size, d.Size)
	}
	return raw, err
}

func (e Entry) nested() bool { return e.Descriptor.MediaType.IsIndex() }

// entries is Entries for an index. What was read for it is kept.
func (img *Image) entries(ctx context.Context) ([]Entry, error) {
	img.listing.Lock()
	defer img.listing.Unlock()
	if img.listed != nil {
		return img.listed, nil
	}
	list, unnamed := []Entry{}, 0
	for _, d := range img.Index.Manifests {
		if isUnknown(d.Platform) {
			continue
		}
		e := Entry{Descriptor: d, stated: offered(d)}
		switch {
		case e.stated:
			e.Platform = normal(*d.Platform)
		case slices.ContainsFunc(list, func(f Entry) bool { return !f.stated && f.Descriptor.Digest == d.Digest }):
			continue
		case e.nested():
		default:
			var runs bool
			if unnamed++; unnamed > maxUnnamed {
				e.err, runs = &LimitError{Limit: "maxUnnamed", What: "entries of an index without a platform", Max: maxUnnamed}, true
			} else {
				e, runs = img.unnamed(ctx, e)
			}
			if ctx.Err() != nil {
				return nil, img.store.place.explain("read the platforms of "+img.Reference, context.Cause(ctx))
			}
			if !runs {
				continue
			}
		}
		if !slices.ContainsFunc(list, e.same) {
			list = append(list, e)
		}
	}
	img.listed = list
	return list, nil
}

// same says whether two entries are one: the same content for the same platform.
func (e Entry) same(f Entry) bool {
	return e.Descriptor.Digest == f.Descriptor.Digest && e.Platform.Equals(f.Platform)
}

// unnamed reads the platform of an entry without one from its config. It returns false
// for what nothing can run: an artifact, or an image for the platform "unknown".
func (img *Image) unnamed(ctx context.Context, e Entry) (Entry, bool) {
	raw, err := img.entryBytes(ctx, e.Descriptor)
	var m *v1.Manifest
	if err == nil {
		if k, kindErr := kindOf(raw); kindErr == nil && k == kindArtifact {
			return e, false
		}
		m, err = parseManifest(raw, img.opt.MaxDescriptors)
	}
	if err != nil {
		e.err = err
		return e, true
	}
	layers := slices.ContainsFunc(m.Layers, func(d v1.Descriptor) bool { return d.MediaType.IsLayer() })
	if !isImageConfig(m.Config.MediaType) {
		e.err = fmt.Errorf("%s has the layers of an image and a config of type %q", e.Descriptor.Digest, plain(string(m.Config.MediaType), 100))
		return e, layers
	}
	man, err := img.load(ctx, e.Descriptor, raw)
	if err != nil {
		e.err = err
		return e, true
	}
	img.keep(man)
	e.Platform = man.Platform
	if p := e.Descriptor.Platform; p != nil { // a part of it
		e.Platform.OS, e.Platform.Architecture = cmp.Or(p.OS, e.Platform.OS), cmp.Or(p.Architecture, e.Platform.Architecture)
		e.Platform.Variant = cmp.Or(p.Variant, e.Platform.Variant)
		e.Platform = normal(e.Platform)
	}
	return e, !isUnknown(&e.Platform) && (layers || !e.blank())
}

// blank says that nobody says what the entry is for.
func (e Entry) blank() bool { return e.Platform.OS == "" || e.Platform.Architecture == "" }

// rivals lists the entries that a runtime on platform want may run in place of the one at
// position chosen: some take the first, some the one whose compression they like best, and
// some read the config where the index names no platform. Windows takes an image by its
// version, so that those of another are none.
func rivals(list []Entry, want v1.Platform, chosen int) []Rival {
	want = normal(want)
	c := list[chosen]
	var out []Rival
	for _, e := range list {
		reason := ""
		switch p := e.Platform; {
		case e.Descriptor.Digest == c.Descriptor.Digest:
		case e.nested() && !e.stated:
			reason = "is an index that names no platform, which some runtimes look into"
		case e.nested():
		case e.err != nil:
			reason = "names no platform, and could not be read for one: " + e.err.Error()
		case e.blank():
			reason = "names no platform, nor does its config"
		case p.OS == "windows" && (p.OSVersion != c.Platform.OSVersion || !slices.Equal(p.OSFeatures, c.Platform.OSFeatures)):
		case e.stated && c.stated && (p.OS != c.Platform.OS || p.Architecture != c.Platform.Architecture || p.Variant != c.Platform.Variant):
		case e.stated && c.stated:
			reason = "is a second one for " + p.String()
		case p.OS == want.OS && p.Architecture == want.Architecture && (p.Variant == want.Variant || lower(p, want)) && e.stated:
			reason = "is for " + p.String()
		case p.OS == want.OS && p.Architecture == want.Architecture && (p.Variant == want.Variant || lower(p, want)):
			reason = "names no platform, and its config says " + p.String()
		}
		if reason != "" {
			out = append(out, Rival{e.Descriptor.Digest, reason})
		}
	}
	return out
}

// isUnknown recognises the platform "unknown/unknown", in either part.
func isUnknown(p *v1.Platform) bool {
	return p != nil && (strings.EqualFold(p.OS, "unknown") || strings.EqualFold(p.Architecture, "unknown"))
}

// unread is the error for a platform that no entry is known to be for, where an entry
// could not be read; nil when all were.
func (img *Image) unread(list []Entry, want v1.Platform) error {
	var errs []error
	for _, e := range list {
		if e.err != nil {
			errs = append(errs, fmt.Errorf("%s names no platform and could not be read: %w", e.Descriptor.Digest, e.err))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	err := fmt.Errorf("no entry is for %q: %w", want.String(), errors.Join(errs...))
	return img.store.place.fault("choose the platform of "+img.Reference, img.store.place.hint(errs[0]), err)
}

// nestedIndex refuses an index within the index, for a platform or, with "", none. Some
// runtimes look into it and others do not: two would run two images.
func (img *Image) nestedIndex(platform string, inner v1.Hash) error {
	of := "without a platform"
	if platform != "" {
		of = fmt.Sprintf("for %q", platform)
	}
	return fault.Unavailablef("choose the platform of "+img.Reference, "name the inner index by its digest, if it is the image that is meant",
		"%s it lists another index, %s, which not every runtime looks into", of, inner)
}
